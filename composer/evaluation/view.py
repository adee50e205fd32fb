"""How much of a corpus an encoding can say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from composer.encodings.base import Encoding
from composer.score import Score


class View(NamedTuple):
    """The notes of some scores, how many an encoding keeps, and in how many scores it leaves what out."""

    notes: int
    kept: int
    left_out: dict[str, int]


def view(encoding: Encoding, scores: Iterable[Score]) -> View:
    """Look at scores through an encoding, one at a time; what it leaves out is in the words of its ``normalize``."""
    notes = kept = 0
    left_out: Counter[str] = Counter()
    for score in scores:
        seen = encoding.normalize(score)
        notes += sum(map(len, score.parts))
        kept += sum(map(len, seen.score.parts))
        left_out.update({re.sub(r"\d+", "N", re.sub(r"^-?\d+ ", "", loss)) for loss in seen.losses})
    return View(notes, kept, dict(left_out.most_common()))
