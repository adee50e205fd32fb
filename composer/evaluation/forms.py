"""Which parts of a tune return: its form as it is heard, and the phrases of its page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.score import Ending, Score

PART, PHRASE = 8, 4  # bars
SAME = 0.625  # share of bars, of a part that returns: 5 of 8, or 3 of 4
VARIED = 0.5  # of a phrase that returns varied

Bar = tuple[tuple[int, int], ...]  # where its notes begin, in ticks from its start, and their pitches


def form_heard(score: Score) -> str:
    """The form of what is heard, repeats played: a letter for each part of 8 bars, ``"AABB"``; where no such part
    returns, a small letter for each phrase of 4, ``"abac"``; ``"none"`` where nothing returns, or bars are left over.

    A part is the same as an earlier one if at least 5 of its 8 bars are (3 of 4): the same pitches at the same places.
    Pickups stand in the bar before.
    """
    bars = _bars(score.unfold())
    for length, first in ((PART, "A"), (PHRASE, "a")):
        labels, _ = _labels(bars, length)
        if not len(bars) % length and max(labels, default=26) + 1 < min(len(labels), 27):
            return "".join(chr(ord(first) + label) for label in labels)
    return "none"


def phrases_written(score: Score) -> str:
    """The phrases of the page, 4 bars each, every repeat played once, with its last ending: ``"abab'"``.

    One that has at least 3 bars of an earlier one is the same, one that has 2 is varied. Bars left over are left out.
    """
    bars = _bars(_once(score))
    labels, varied = _labels(bars, PHRASE, VARIED)
    names = [chr(ord("a") + label % 26) + "'" * change for label, change in zip(labels, varied, strict=True)]
    return "".join(names)


def _bars(score: Score) -> list[Bar]:
    """What begins in each whole bar, from bar 1 on; a pickup to a later part belongs to the bar that it completes."""
    lines, numbers = score.barlines[:-1], score.bar_numbers
    starts = lines[np.searchsorted(numbers, numbers)]
    found: list[list[tuple[int, int]]] = [[] for _ in range(score.bars + 1)]
    for part in score.parts[:1]:
        index = np.searchsorted(lines, part.onset, "right") - 1
        places = (part.onset - starts[index]).tolist()
        for number, place, pitch in zip(numbers[index].tolist(), places, part.pitch.tolist(), strict=True):
            found[number].append((place, pitch))
    return [tuple(bar) for bar in found[1:]]


def _labels(bars: Sequence[Bar], length: int, varied: float = SAME) -> tuple[list[int], list[bool]]:
    """The number of each part's kind, in order of appearance, and whether it varies it: of ``varied`` to ``SAME``."""
    kinds: list[Sequence[Bar]] = []
    labels, changed = [], []
    for start in range(0, len(bars) - length + 1, length):
        part = bars[start : start + length]
        shares = [sum(a == b for a, b in zip(part, kind, strict=True)) / length for kind in kinds]
        best = int(np.argmax(shares)) if shares else 0
        if not shares or shares[best] < varied:
            best = len(kinds)
            kinds.append(part)
            shares.append(1.0)
        labels.append(best)
        changed.append(shares[best] < SAME)
    return labels, changed


def _once(score: Score) -> Score:
    """The score with each repeat played once, and its last ending."""
    spans, at = [], 0
    for repeat in score.repeats:
        body = repeat.endings[0].start if repeat.endings else repeat.end
        last = repeat.endings[-1] if repeat.endings else Ending(repeat.end, repeat.end, ())
        spans += [(at, body), (last.start, last.end)]
        at = repeat.end
    spans = [span for span in (*spans, (at, score.end)) if span[0] < span[1]]
    return score.rearranged(spans) if score.repeats else score
