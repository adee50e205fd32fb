"""How much of a corpus an encoding can say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from composer.encodings.base import Encoding
from composer.score import Score


class View(NamedTuple):
    """The notes of some scores, how many an encoding keeps, in how many scores it leaves what out, and which scores
    (by number) are silent in it, such as drums alone."""

    notes: int
    kept: int
    left_out: dict[str, int]
    silent: frozenset[int]


def view(encoding: Encoding, scores: Iterable[Score]) -> View:
    """Look at scores through an encoding, one at a time; what it leaves out is in the words of its ``normalize``."""
    notes = kept = 0
    left_out: Counter[str] = Counter()
    silent = set()
    for number, score in enumerate(scores):
        seen = encoding.normalize(score)
        notes += sum(map(len, score.parts))
        heard = sum(map(len, seen.score.parts))
        kept += heard
        if not heard:
            silent.add(number)
        left_out.update({re.sub(r"\d+", "some", re.sub(r"^\d+ ", "", loss)) for loss in seen.losses})
    return View(notes, kept, dict(left_out.most_common()), frozenset(silent))


def sounding(encoding: Encoding, scores: Iterable[Score]) -> Iterator[Score]:
    """The scores that are not silent in an encoding."""
    return (score for score in scores if any(map(len, encoding.normalize(score).score.parts)))
