"""Constraints as a model over an open alphabet sees them: the events it knows, and one that stands for all others.

An unknown event ends the context, so that all unknown events lead to the same place, and what back-off leaves them is
shared out by one factorised measure. Their mass inside the constraints is a sum over where they leave the known ones:
like a known event up to some integer, there a value that no such event has, and then anything. So the recursion over
histories stays as it is, and stays exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import Unsupported
from composer.generators.factorised import Factorised
from composer.inference.sequence import Constraints, Events

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OTHER = -1  # in every integer of the event that stands for the unknown ones
LEAST = 1e-300  # in place of what is possible and rounded to nothing


class Others(NamedTuple):
    """The unknown events that may come at a step."""

    weight: Floats  # (D, K) of each value of each integer, the largest being 1; 0 where it is not allowed
    masses: Floats  # (D,) the sum of their products over the events that leave the known ones at this integer
    nats: float  # the logarithm of the sum over all of them, undivided; -inf exactly if there are none

    @property
    def possible(self) -> bool:
        return self.nats > -np.inf


class Opened:
    """The constraints of known events (V, D), ascending, and one more event beside them; see :class:`Constraints`.

    Raises :class:`Unsupported` where constraints do not factorise over an event's integers: a machine, or durations.
    """

    machine = None

    def __init__(self, constraints: Constraints, measure: Factorised, known: Events, temperature: float) -> None:
        if constraints.machine is not None:
            raise Unsupported("this model's alphabet is open: it can follow no wish that looks at more than one event")
        if (constraints.advance(known) != 1).any():
            raise Unsupported("this model's alphabet is open: its events must all last one step")
        self.constraints, self.known = constraints, known
        self.base = np.append(measure.chances(known), 1.0)  # (V + 1,) what the measure gives; of others see ``mass``
        self._nats = np.log(measure.tables[0]) / temperature  # (D, K)
        self._weighed: dict[bytes, Others] = {}
        self.mass = max(float(np.exp(self._others(self._nats).nats)), LEAST)  # of all others, tempered
        if not np.isfinite(self.mass):
            raise Unsupported(f"a temperature of {temperature:g} is too high for events of {known.shape[1]} integers")
        self._at: dict[int, Others] = {}

    @property
    def alphabet(self) -> Events:
        """(V + 1, D) the known events, and the one that stands for all others."""
        return np.concatenate([self.known, np.full_like(self.known[:1], OTHER)])

    @property
    def end(self) -> int:
        return self.constraints.end

    @property
    def context(self) -> Mapping[str, NDArray[np.int32]]:
        return self.constraints.context

    def advance(self, events: Events) -> NDArray[np.int32]:
        return np.ones(len(events), dtype=np.int32)

    def allows(self, step: int, events: Events) -> Bools:
        other = events[:, 0] == OTHER
        found = np.full(len(events), self.others(step).possible)
        found[~other] = self.constraints.allows(step, events[~other])
        return found

    def allows_part(self, step: int, dim: int, values: NDArray[np.int32]) -> Bools:
        return self.constraints.allows_part(step, dim, values)

    def nats(self, step: int, events: Events, part: int | None) -> Floats | None:
        other = events[:, 0] == OTHER
        found = np.full(len(events), self.others(step).nats - np.log(self.mass))
        preferred = self.constraints.nats(step, events[~other], part)
        found[~other] = 0.0 if preferred is None else preferred
        return found

    def where(self, step: int) -> str:
        return self.constraints.where(step)

    # --- unknown events -------------------------------------------------------------------------------------------

    def others(self, step: int) -> Others:
        """What the constraints and preferences leave of the unknown events at a step."""
        if step not in self._at:
            width, size = self._nats.shape
            values, nats = np.arange(size, dtype=np.int32), np.array(self._nats)
            for dim in range(width):
                preferred = self.constraints.nats(step, values[:, None], dim)
                nats[dim] += 0.0 if preferred is None else preferred
                nats[dim, ~self.constraints.allows_part(step, dim, values)] = -np.inf
            self._at[step] = self._others(nats)
        return self._at[step]

    def share(self, step: int, event: Events) -> float:
        """The probability of an unknown event (D,) at a step, given that one comes."""
        weight, masses, nats = self.others(step)
        inside = ((event >= 0) & (event < weight.shape[1])).all()
        if not inside or nats == -np.inf:
            return 0.0
        return float(np.prod(weight[np.arange(len(event)), event]) / max(masses.sum(), LEAST))

    def draw(self, step: int, rng: np.random.Generator) -> Events:
        """(D,) an unknown event at a step, with its probability given that one comes."""
        weight, masses, _ = self.others(step)
        leaves = _drawn(masses, rng)
        alike, mass = next(islice(self._leaving(weight), leaves, None))
        row, value = divmod(_drawn(mass.ravel(), rng), weight.shape[1])
        event = np.array([_drawn(values, rng) for values in weight], dtype=np.int32)
        event[:leaves], event[leaves] = self.known[alike[row], :leaves], value
        return event

    def _others(self, nats: Floats) -> Others:
        """The unknown events if each value of each integer weighs exp ``nats`` (D, K)."""
        key = nats.tobytes()
        if key not in self._weighed:
            most = nats.max(axis=1)
            weight = np.exp(nats - np.where(np.isfinite(most), most, 0.0)[:, None])
            weight = np.where(np.isfinite(nats), np.maximum(weight, LEAST), 0.0)
            masses = np.array([mass.sum() for _, mass in self._leaving(weight)])
            total = most.sum() + np.log(masses.sum()) if masses.any() else -np.inf
            self._weighed[key] = Others(weight, masses, float(total))
        return self._weighed[key]

    def _leaving(self, weight: Floats) -> Iterator[tuple[Ints, Floats]]:
        """For each integer d: the known events (N,) that differ in the integers before it, and (N, K) the mass of all
        events that are like them up to there, and go on with a value that no known event has there.
        """
        width = len(weight)
        kept = np.flatnonzero((weight[np.arange(width), self.known] > 0).all(axis=1))
        later = np.append(np.cumprod(weight.sum(axis=1)[::-1])[::-1], 1.0)
        if not len(kept):
            yield np.zeros(1, dtype=np.int64), weight[:1] * later[1]
            return
        known, prefix, first = self.known[kept], np.ones(len(kept)), np.arange(len(kept)) == 0
        for dim in range(width):
            mass = prefix[first, None] * weight[dim] * later[dim + 1]
            mass = np.where(weight[dim] > 0, np.maximum(mass, LEAST), 0.0)
            mass[np.cumsum(first) - 1, known[:, dim]] = 0.0
            yield kept[first], mass
            prefix = prefix * weight[dim, known[:, dim]]
            first[1:] |= known[1:, dim] != known[:-1, dim]


def _drawn(weights: Floats, rng: np.random.Generator) -> int:
    """A number drawn in proportion to weights that are not all zero."""
    sums = np.cumsum(weights)
    return int(np.searchsorted(sums, min(rng.random() * sums[-1], np.nextafter(sums[-1], 0.0)), "right"))
