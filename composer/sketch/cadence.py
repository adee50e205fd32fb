"""Wishes about how a tune begins, pauses and ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.score import Score
from composer.sketch.cells import SYMBOLS, Cells, Constraint, from_step, pitches
from composer.theory import Ints


@dataclass(frozen=True)
class StartsOnTonic(Constraint):
    """The first note is the tonic, at the first tick."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        tonic = pitches(range(score.key.tonic_class, 128, 12), rest=False)
        return Cells(from_step(ticks, 0, tonic), np.ones((1, SYMBOLS), dtype=bool))

    def __str__(self) -> str:
        return "starts on the tonic"


@dataclass(frozen=True)
class EndsOnTonic(Constraint):
    """The last note is the tonic, and lasts through the last beat of the score."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        tonic = pitches(range(score.key_at(score.end).tonic_class, 128, 12), rest=False)
        beat = max(score.end - score.meter_at(score.end).beat, int(score.barlines[-2]))
        start = np.where((ticks >= beat)[:, None], tonic & (ticks == beat)[:, None], True)
        return Cells(start, np.where((ticks >= beat)[:, None], tonic, True))

    def __str__(self) -> str:
        return "ends on the tonic"
