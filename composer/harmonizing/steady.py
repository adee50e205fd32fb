"""The wish that voices wait while a given one sings triplets, or what else the models' grid does not hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.analysis import beats
from composer.score import Score
from composer.sketch import REST, SYMBOLS, Cells, Constraint
from composer.theory import TICKS_PER_QUARTER, Ints

GRID = TICKS_PER_QUARTER // 4  # on which the models write


@dataclass(frozen=True)
class Steady(Constraint):
    """No note begins inside these spans of ticks, but where a chord does.

    So nobody sings 16ths against triplets, and what voices may not do to each other is the same on and off the grid.
    """

    spans: tuple[tuple[int, int], ...]
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        start = np.ones((len(ticks), SYMBOLS), dtype=bool)
        hold = np.ones((len(ticks), SYMBOLS), dtype=bool)
        moving = np.isin(ticks, [chord.onset for chord in score.chords])
        for first, end in self.spans:
            start[(ticks > first) & (ticks < end) & ~moving, :REST] = False
        return Cells(start, hold)

    def __str__(self) -> str:
        return "no note against triplets"


def steady(score: Score) -> list[Constraint]:
    """The wish about the beats in which a note begins or ends off the grid; none if there are none."""
    edges = np.concatenate([np.concatenate([part.onset, part.offset]) for part in score.parts])
    odd = np.unique(edges[edges % GRID != 0])
    if not len(odd):
        return []
    lines = np.union1d(beats(score), score.barlines)
    first = np.unique(np.searchsorted(lines, odd, "right"))
    return [Steady(tuple(zip(lines[first - 1].tolist(), lines[first].tolist(), strict=True)))]
