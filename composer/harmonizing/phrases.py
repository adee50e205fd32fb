"""Where phrases come to rest."""

from __future__ import annotations

import re

import numpy as np

from composer.errors import UsageError
from composer.score import Score
from composer.theory import Ints

USUAL = 4  # bars in a phrase
BREATHS = ("breath", "phrase", "shortphrase", "mediumphrase", "longphrase")


def phrase_ends(score: Score, wanted: str = "auto") -> tuple[int, ...]:
    """The ticks at which phrases of the first part rest, beside its fermatas: where their last notes begin.

    ``auto``: none where there are fermatas; else at breath marks, before double bars and repeats, and every four bars
    on the longest note of the fourth, if it is longer than a beat. A number: every so many bars, on the longest note
    of the last. ``none``: none. Raises :class:`UsageError`.
    """
    text = wanted.strip().lower()
    if not re.fullmatch(r"auto|none|[1-9]\d{0,2}", text):
        raise UsageError(f"--phrases {wanted}: write a number of bars, such as 4, or auto, or none")
    melody = score.parts[0]
    if text == "none" or not len(melody) or (text == "auto" and score.fermatas):
        return ()
    room = np.diff(np.append(melody.onset, score.end))  # to the next note
    found: set[int] = set()
    if text == "auto":
        found |= {mark.onset for mark in melody.annotations if mark.kind == "decoration" and mark.text in BREATHS}
        for tick in [*score.section_starts[1:].tolist(), score.end]:
            before = np.flatnonzero(melody.onset < tick)
            found |= {int(melody.onset[before[-1]])} if len(before) else set()
    for start, end in _last_bars(score, USUAL if text == "auto" else int(text)):
        inside = np.flatnonzero((melody.onset >= start) & (melody.onset < end))
        if len(inside):
            longest = int(inside[::-1][np.argmax(room[inside[::-1]])])
            if text != "auto" or room[longest] > score.meter_at(start).beat:
                found.add(int(melody.onset[longest]))
    return tuple(sorted(found))


def _last_bars(score: Score, bars: int) -> list[tuple[int, int]]:
    """The ticks of the last bar of every phrase."""
    numbers: Ints = score.bar_numbers
    wanted = np.flatnonzero((numbers > 0) & (numbers % bars == 0))
    return [(int(score.barlines[k]), int(score.barlines[k + 1])) for k in wanted]
