"""What is wanted of a blank page where nothing else is said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from composer.score import Score
from composer.sketch.cells import SYMBOLS, Cells, Constraint
from composer.sketch.contour import Melody
from composer.sketch.during import During
from composer.sketch.pitch import Diatonic, Scale
from composer.theory import Ints


@dataclass(frozen=True)
class Elsewhere(Constraint):
    """Notes belong to the key, but in these written bars."""

    bars: tuple[tuple[int, int], ...]  # first and last
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        said = np.zeros((len(ticks), 1), dtype=bool)
        for first, last in self.bars:
            start, end = score.bar_span(first, last)
            said[(ticks >= start) & (ticks < end)] = True
        cells = Diatonic().mask(ticks, score)
        return Cells(*(np.broadcast_to(table, (len(ticks), SYMBOLS)) | said for table in cells))

    def __str__(self) -> str:
        return "elsewhere notes of the key"


def scales(score: Score, wishes: Iterable[Constraint]) -> list[Constraint]:
    """The wish that notes belong to the key, wherever no others are named."""
    limits = [(w.wish, (w.first, w.last)) if isinstance(w, During) else (w, None) for w in wishes]
    named = [(wish.voice, bars) for wish, bars in limits if isinstance(wish, Scale | Melody)]
    if not named:
        return [Diatonic()]
    found: list[Constraint] = []
    for voice in range(len(score.parts)):
        said = [bars for other, bars in named if other in (None, voice)]
        spans = tuple(bars for bars in said if bars is not None)
        if len(spans) == len(said):
            found.append(Elsewhere(spans, voice) if spans else Diatonic(voice))
    return found
