"""Constraints as a model over an open alphabet sees them: the events it knows, and one that stands for all others.

An unknown event ends the context, so that all unknown events lead to the same place, and what back-off leaves them is
shared out by one factorised measure. Their mass inside the constraints is a sum over where they leave the known ones:
like a known event up to some integer, there a value that no such event has, and then anything. So the recursion over
histories stays as it is, and stays exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as SequenceOf

import numpy as np
from numpy.typing import NDArray

from composer.errors import Unsupported
from composer.generators.factorised import Factorised
from composer.inference.sequence import Between, Constraints, Events

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OTHER = -1  # in every integer of the event that stands for the unknown ones
LEAST = 1e-300  # in place of what is possible and rounded to nothing


class Others:
    """The events that are not known, each weighing the product of what its integers weigh.

    ``nats`` (D, K) is the logarithm of the weight of each value of each integer, -inf where it is not allowed;
    ``known`` (V, D) are ascending. ``total`` is the logarithm of the sum over the unknown events; -inf exactly if there
    are none.
    """

    def __init__(self, nats: Floats, known: Events) -> None:
        most = np.where(np.isfinite(nats.max(axis=1)), nats.max(axis=1), 0.0)
        self.weight = np.where(np.isfinite(nats), np.maximum(np.exp(nats - most[:, None]), LEAST), 0.0)
        self._later = np.append(np.cumprod(self.weight.sum(axis=1)[::-1])[::-1], 1.0)
        kept = (self.weight[np.arange(len(nats)), known] > 0).all(axis=1)
        self._known = known if kept.all() else known[kept]
        unlike = self._known[1:] != self._known[:-1]
        self._differs = np.append(-1, unlike.argmax(axis=1))[: len(self._known)]  # from the one above: at which integer
        prefix, masses = np.ones(len(self._known)), []
        for dim, weight in enumerate(self.weight):
            masses.append(self._leaving(dim, prefix[self._differs < dim]).sum())
            prefix *= weight[self._known[:, dim]]
        self._masses = np.array(masses)
        self.total = float(most.sum() + np.log(self._masses.sum())) if self._masses.any() else -np.inf

    def share(self, event: Events) -> float:
        """The probability of an unknown event (D,) among them all."""
        if self.total == -np.inf or (event < 0).any() or (event >= self.weight.shape[1]).any():
            return 0.0
        return float(np.prod(self.weight[np.arange(len(event)), event]) / self._masses.sum())

    def draw(self, rng: np.random.Generator) -> Events:
        """(D,) an unknown event, with exactly its share."""
        dim = _drawn(self._masses, rng)
        alike = self._known[self._differs < dim]
        mass = self._leaving(dim, np.prod(self.weight[np.arange(dim), alike[:, :dim]], axis=1))
        row, value = divmod(_drawn(mass.ravel(), rng), mass.shape[1])
        event = np.array([_drawn(weight, rng) for weight in self.weight], dtype=np.int32)
        if dim:
            event[:dim] = alike[row, :dim]
        event[dim] = value
        return event

    def _leaving(self, dim: int, prefix: Floats) -> Floats:
        """(N, K) the mass of all events that are like a known one in the integers before ``dim``, of which there are N
        kinds that weigh ``prefix`` (N,), and go on with a value that no known event of the kind has there.
        """
        kinds = self._differs < dim
        if dim == 0 and not len(kinds):
            prefix = np.ones(1)  # nothing known is allowed
        mass = prefix[:, None] * self.weight[dim] * self._later[dim + 1]
        mass = np.where(self.weight[dim] > 0, np.maximum(mass, LEAST), 0.0)
        mass[np.cumsum(kinds) - 1, self._known[:, dim]] = 0.0
        return mass


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
        self.base = np.append(measure.chances(known), 1.0)  # (V + 1,) what the measure gives; the others have ``mass``
        self._nats = np.log(measure.tables[0]) / temperature  # (D, K)
        self.mass = max(float(np.exp(Others(self._nats, known).total)), LEAST)  # of all others, tempered
        if not np.isfinite(self.mass):
            raise Unsupported(f"a temperature of {temperature:g} is too high for events of {known.shape[1]} integers")
        self._at: dict[int, Others] = {}
        self._alike: dict[bytes, Others] = {}

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
        found = np.full(len(events), self.others(step).total > -np.inf)
        found[~other] = self.constraints.allows(step, events[~other])
        return found

    def allows_part(self, step: int, dim: int, values: NDArray[np.int32]) -> Bools:
        return self.constraints.allows_part(step, dim, values)

    def alone(self, dim: int) -> Constraints:
        return self.constraints.alone(dim)

    def nats(self, step: int, events: Events, part: int | None) -> Floats | None:
        other = events[:, 0] == OTHER
        found = np.full(len(events), self.others(step).total - np.log(self.mass))
        preferred = self.constraints.nats(step, events[~other], part)
        found[~other] = 0.0 if preferred is None else preferred
        return found

    @property
    def between(self) -> SequenceOf[Between]:
        return self.constraints.between

    @property
    def given(self) -> Mapping[int, Events]:
        return {}  # every event is known here

    def where(self, step: int) -> str:
        return self.constraints.where(step)

    def others(self, step: int) -> Others:
        """What the constraints and preferences leave of the unknown events at a step."""
        if step not in self._at:
            width, size = self._nats.shape
            values, nats = np.arange(size, dtype=np.int32), np.array(self._nats)
            for dim in range(width):
                preferred = self.constraints.nats(step, values[:, None], dim)
                nats[dim] += 0.0 if preferred is None else preferred
                nats[dim, ~self.constraints.allows_part(step, dim, values)] = -np.inf
            key = nats.tobytes()
            if key not in self._alike:
                self._alike[key] = Others(nats, self.known)
            self._at[step] = self._alike[key]
        return self._at[step]


def _drawn(weights: Floats, rng: np.random.Generator) -> int:
    """A number drawn in proportion to weights that are not all zero."""
    sums = np.cumsum(weights)
    return int(np.searchsorted(sums, min(rng.random() * sums[-1], np.nextafter(sums[-1], 0.0)), "right"))
