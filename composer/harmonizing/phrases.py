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

    ``auto``: none where there are fermatas; else at breath marks, on the longest note of the bar before double bars,
    repeats and the end, and on that of every fourth bar, if it is longer than a beat. A number: every so many bars, on
    the longest note of the last. ``none``: none. Raises :class:`UsageError`.
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
    spans = _last_bars(score, USUAL if text == "auto" else int(text))
    closing = _closing_bars(score) if text == "auto" else []
    for start, end in [*closing, *spans]:
        inside = np.flatnonzero((melody.onset >= start) & (melody.onset < end))[::-1]
        if len(inside):
            longest = int(inside[np.argmax(room[inside])])
            if text != "auto" or (start, end) in closing or room[longest] > score.meter_at(start).beat:
                found.add(int(melody.onset[longest]))
    return tuple(sorted(found))


def _closing_bars(score: Score) -> list[tuple[int, int]]:
    """The ticks of a bar before each double bar, repeat, end of an ending, and the end."""
    repeats = {edge for repeat in score.repeats for edge in (repeat.start, repeat.end)}
    endings = {ending.end for repeat in score.repeats for ending in repeat.endings}
    edges = sorted({*score.sections, *repeats, *endings, score.end} - {0, score.pickup})
    return [(edge - score.meter_at(edge - 1).bar, edge) for edge in edges]


def _last_bars(score: Score, bars: int) -> list[tuple[int, int]]:
    """The ticks of the last bar of every phrase."""
    numbers: Ints = score.bar_numbers
    wanted = np.flatnonzero((numbers > 0) & (numbers % bars == 0))
    return [(int(score.barlines[k]), int(score.barlines[k + 1])) for k in wanted]
