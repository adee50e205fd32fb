"""Constraints as boolean tables over cells (step, voice, symbol): the two shapes that encodings need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from composer.errors import Unsupported
from composer.inference.sequence import Events

Table = NDArray[np.bool_]


def _nowhere(step: int) -> str:
    return f"step {step}"


@dataclass(frozen=True)
class RunMasks:
    """Constraints on one voice of events ``(symbol, duration in steps)``.

    An event occupies a START cell and then HOLD cells; it is allowed if all its cells are, and if its place in the
    beat can be written (``writable``, (beat, max duration + 1): by position modulo beat and duration).
    """

    starts: Table  # (end, K): symbol k may start at the step
    holds: Table  # (end, K): symbol k may be held through the step
    writable: Table  # (B, D + 1)
    phase: NDArray[np.int32]  # (end,): position of each step modulo B
    context: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    place: Callable[[int], str] = _nowhere
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
        symbol = np.clip(events[:, 0], 0, self.starts.shape[1] - 1)
        duration = np.clip(events[:, 1], 0, self.writable.shape[1] - 1)
        known = (symbol == events[:, 0]) & (duration == events[:, 1])
        fits = duration <= self.reach[step, symbol]
        return np.asarray(known & self.starts[step, symbol] & fits & self.writable[self.phase[step], duration])

    def allows_part(self, step: int, dim: int, values: NDArray[np.int32]) -> Table:
        raise Unsupported(
            "this model writes pitch and duration one after another, and a sketch constrains them together"
        )

    def where(self, step: int) -> str:
        return self.place(step)


@dataclass(frozen=True)
class ColumnMasks:
    """Constraints on columns of a grid: ``allowed`` (end, D, K) says which value may stand in each cell."""

    allowed: Table
    context: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)
    place: Callable[[int], str] = _nowhere

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

    def where(self, step: int) -> str:
        return self.place(step)
