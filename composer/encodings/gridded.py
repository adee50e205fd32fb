"""What encodings in columns share: a grid of so many steps a quarter."""

from __future__ import annotations

from dataclasses import dataclass, field

from composer.encodings.base import Encoding
from composer.errors import UsageError
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER

FINEST = 48  # steps a quarter
SIXTEENTHS = 4
NAMES = {1: "quarters", 2: "eighths", SIXTEENTHS: "16ths"}


@dataclass(frozen=True)
class Gridded(Encoding):
    """An event for every step of a grid: ``per_quarter`` is 4 for 16ths, 12 for 16ths and triplets of eighths alike."""

    per_quarter: int = field(default=SIXTEENTHS, kw_only=True)

    def __post_init__(self) -> None:
        steps = self.per_quarter
        if not isinstance(steps, int) or not 1 <= steps <= FINEST or TICKS_PER_QUARTER % steps:
            raise UsageError(
                f"{steps} steps a quarter: take 4 (16ths), 12 (triplets as well), "
                f"or another whole number up to {FINEST} that divides {TICKS_PER_QUARTER:,}"
            )

    @property
    def grid(self) -> int:
        return TICKS_PER_QUARTER // self.per_quarter

    def off_grid(self, sketch: Sketch) -> str | None:
        """Why the sketch has no place on this grid, or None."""
        if sketch.score.end % self.grid or (sketch.score.barlines % self.grid).any():
            steps = NAMES.get(self.per_quarter, f"a grid of {self.per_quarter} steps a quarter")
            return f"the sketch's bars do not fall on {steps}"
        return None
