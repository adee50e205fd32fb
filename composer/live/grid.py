"""A pulse that player and engine share: seconds on the clock as quarters of the page, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from composer.theory import Meter


class Grid(Protocol):
    """Quarters are counted from a bar line; before it they are negative."""

    @property
    def meter(self) -> Meter: ...

    def quarters(self, seconds: float) -> float:
        """The place of a moment in the music."""
        ...

    def seconds(self, quarters: float) -> float:
        """When a place in the music is, or will be if the tempo stays; the inverse of :meth:`quarters`."""
        ...


@dataclass(frozen=True)
class Steady:
    """One tempo from ``origin`` (seconds), a bar line, on; ``quarter`` is the seconds of one.

    >>> grid = Steady(meter=Meter(4, 4), origin=2.0, quarter=0.5)
    >>> grid.quarters(4.0), grid.seconds(4.0)
    (4.0, 4.0)
    """

    meter: Meter
    origin: float
    quarter: float

    def quarters(self, seconds: float) -> float:
        return (seconds - self.origin) / self.quarter

    def seconds(self, quarters: float) -> float:
        return self.origin + quarters * self.quarter


def snapshot(grid: Grid, now: float) -> Steady:
    """What a grid is at this moment, for another process."""
    quarter = grid.seconds(grid.quarters(now) + 1.0) - now
    return Steady(grid.meter, now - grid.quarters(now) * quarter, quarter)
