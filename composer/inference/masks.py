"""Constraints as tables over cells (step, voice, symbol): the two shapes that encodings need.

What looks at more than one event is a :class:`composer.inference.sequence.Machine` beside the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from composer.errors import Unsupported
from composer.inference.sequence import Between, Constraints, Events, Machine

Table = NDArray[np.bool_]
Floats = NDArray[np.float64]

INSEPARABLE = "this model writes pitch and duration one after another, and a sketch constrains them together"


def _nowhere(step: int) -> str:
    return f"step {step}"


@dataclass(frozen=True)
class RunCosts:
    """What preferences take from the logarithm of an event's probability, in nats."""

    start: Floats  # (end, K) for beginning with symbol k at the step
    held: Floats  # (end + 1, K) for holding it through all steps before this one: a running sum
    length: Floats  # (end, D + 1) for lasting so long from the step on; a rest, symbol 0, costs nothing here


@dataclass(frozen=True)
class RunMasks:
    """Constraints on one voice of events ``(symbol, duration in steps)``.

    An event occupies a START cell and then HOLD cells; it is allowed if all its cells are, and if it may last so long:
    ``lengths`` (end, D + 1) is for notes, ``rests`` for symbol 0.
    """

    starts: Table  # (end, K): symbol k may start at the step
    holds: Table  # (end, K): symbol k may be held through the step
    lengths: Table  # (end, D + 1)
    rests: Table  # (end, D + 1)
    context: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    place: Callable[[int], str] = _nowhere
    costs: RunCosts | None = None
    machine: Machine | None = None
    given: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)  # there stands nothing else, whatever it is
    reach: NDArray[np.int32] = field(init=False)  # (end, K): longest duration from the step, by the holds

    def __post_init__(self) -> None:
        end, symbols = self.starts.shape
        reach = np.ones((end, symbols), dtype=np.int32)
        for step in range(end - 2, -1, -1):
            reach[step] += np.where(self.holds[step + 1], reach[step + 1], 0)
        object.__setattr__(self, "reach", reach)

    @property
    def end(self) -> int:
        return len(self.starts)

    def advance(self, events: Events) -> NDArray[np.int32]:
        return events[:, 1]

    def allows(self, step: int, events: Events) -> Table:
        if step in self.given:
            return np.asarray((events == self.given[step]).all(axis=1))
        symbol = np.clip(events[:, 0], 0, self.starts.shape[1] - 1)
        duration = np.clip(events[:, 1], 0, self.lengths.shape[1] - 1)
        known = (symbol == events[:, 0]) & (duration == events[:, 1])
        fits = duration <= self.reach[step, symbol]
        lasts = np.where(symbol == 0, self.rests[step, duration], self.lengths[step, duration])
        return np.asarray(known & self.starts[step, symbol] & fits & lasts)

    @property
    def between(self) -> tuple[Between, ...]:
        return ()

    def allows_part(self, step: int, dim: int, values: NDArray[np.int32]) -> Table:
        raise Unsupported(INSEPARABLE)

    def alone(self, dim: int) -> Constraints:
        raise Unsupported(INSEPARABLE)

    def nats(self, step: int, events: Events, part: int | None) -> Floats | None:
        if self.costs is None:
            return None
        symbol, duration = events.T
        held = self.costs.held[step + duration, symbol] - self.costs.held[step + 1, symbol]
        longest = self.costs.length.shape[1] - 1
        length = np.where(symbol == 0, 0.0, self.costs.length[step, np.minimum(duration, longest)])
        return np.asarray(-(self.costs.start[step, symbol] + held + length))

    def where(self, step: int) -> str:
        return self.place(step)


@dataclass(frozen=True)
class ColumnMasks:
    """Constraints on columns of a grid: ``allowed`` (end, D, K) says which value may stand in each cell, ``costs``
    (end, D, K) what preferences take from the logarithm of its probability.
    """

    allowed: Table
    context: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    place: Callable[[int], str] = _nowhere
    costs: Floats | None = None
    machine: Machine | None = None
    given: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    between: tuple[Between, ...] = ()

    @property
    def end(self) -> int:
        return len(self.allowed)

    def advance(self, events: Events) -> NDArray[np.int32]:
        return np.ones(len(events), dtype=np.int32)

    def allows(self, step: int, events: Events) -> Table:
        values = np.clip(events, 0, self.allowed.shape[2] - 1)
        inside = self.allowed[step][np.arange(self.allowed.shape[1]), values]
        return np.asarray((inside & (values == events)).all(axis=1))

    def allows_part(self, step: int, dim: int, values: NDArray[np.int32]) -> Table:
        inside = np.clip(values, 0, self.allowed.shape[2] - 1)
        return np.asarray(self.allowed[step, dim, inside] & (inside == values))

    def alone(self, dim: int) -> ColumnMasks:
        return replace(
            self,
            allowed=self.allowed[:, [dim]],
            costs=None if self.costs is None else self.costs[:, [dim]],
            machine=None if self.machine is None else self.machine.alone(dim),
            given={step: event[[dim]] for step, event in self.given.items() if event[dim] >= 0},
            between=(),
        )

    def nats(self, step: int, events: Events, part: int | None) -> Floats | None:
        if self.costs is None:
            return None
        if part is not None:
            return np.asarray(-self.costs[step, part, events[:, 0]])
        return np.asarray(-self.costs[step][np.arange(self.costs.shape[1]), events].sum(axis=1))

    def where(self, step: int) -> str:
        return self.place(step)
