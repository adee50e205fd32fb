"""How much composed music copies from what was learned: runs shared with the training corpus, in any key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from composer.pipeline import Composer
from composer.score import Score


class Copying(NamedTuple):
    """The longest copied run of each score: its median and the largest of all, and the share of whole copies."""

    scores: int
    notes: float
    bars: float
    most_notes: int
    most_bars: float
    whole: float  # 0 to 1: all notes of the score in one run


def copying(composer: Composer, scores: Iterable[Score]) -> Copying:
    """Measure scores, at least one, against what a composer learned from.

    Raises :class:`composer.errors.Unsupported` if it does not know that any more.
    """
    found = [composer.copied(score) for score in scores]
    notes = [0 if copied is None else copied.notes for copied in found]
    bars = [0.0 if copied is None else copied.bars for copied in found]
    whole = sum(copied is not None and copied.whole for copied in found)
    return Copying(
        len(found), float(np.median(notes)), float(np.median(bars)), max(notes), max(bars), whole / len(found)
    )
