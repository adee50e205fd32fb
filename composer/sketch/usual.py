"""What is wanted of a blank page where nothing else is said."""

from __future__ import annotations

from collections.abc import Iterable

from composer.score import Score
from composer.sketch.cells import Constraint
from composer.sketch.contour import Melody
from composer.sketch.during import During
from composer.sketch.pitch import Diatonic, Scale


def scales(score: Score, wishes: Iterable[Constraint]) -> list[Constraint]:
    """The wish that notes belong to the key, wherever no others are named."""
    bars = range(int(score.bar_numbers[0]), score.bars + 1)
    limits = [(w.wish, range(w.first, w.last + 1)) if isinstance(w, During) else (w, bars) for w in wishes]
    limits = [(wish, span) for wish, span in limits if isinstance(wish, Scale | Melody)]
    if not limits:
        return [Diatonic()]
    found: list[Constraint] = []
    for voice in range(len(score.parts)):
        said = {bar for wish, span in limits if wish.voice in (None, voice) for bar in span}
        free = [bar for bar in bars if bar not in said]
        starts, ends = [bar for bar in free if bar - 1 not in free], [bar for bar in free if bar + 1 not in free]
        spans = [During(Diatonic(voice), *span) for span in zip(starts, ends, strict=True)]
        found += [Diatonic(voice)] if len(free) == len(bars) else spans
    return found
