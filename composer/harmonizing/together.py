"""The wish that nobody falls silent under the melody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.score import Score
from composer.sketch import REST, SYMBOLS, Cells, Constraint
from composer.theory import Ints


@dataclass(frozen=True)
class Together(Constraint):
    """While the first part sounds, no voice rests, but where a rest is given, and in the ``spared`` spans of ticks."""

    spared: tuple[tuple[int, int], ...] = ()
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        melody = score.parts[0]
        sounds = np.searchsorted(melody.onset, ticks, "right") > np.searchsorted(melody.offset, ticks, "right")
        for first, end in self.spared:
            sounds &= (ticks < first) | (ticks >= end)
        table = np.ones((len(ticks), SYMBOLS), dtype=bool)
        table[sounds, REST] = False
        return Cells(table, table.copy())

    def __str__(self) -> str:
        return "no rest under the melody"
