"""Places in a score, as they are written and read: bars and beats."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np

from composer.errors import UsageError
from composer.score import Score

PARTS = (32, 48, 5, 7)  # of a beat, in which places are named


def bars_named(first: int, last: int) -> str:
    return f"bars {first}-{last}" if last > first else f"bar {first}"


def place(score: Score, text: str) -> int:
    """The written tick of "bar.beat"; beats may have fractions: ``2.1.5`` is half a beat after bar 2, beat 1.

    Beats of a pickup are counted as if its bar were whole; ``1.33`` is a third. Raises :class:`UsageError`.
    """
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,3}(?:\.\d{1,4})?)", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a place; write bar.beat, such as 1.1")
    bar = int(match[1])
    start, _ = score.bar_span(bar, bar)
    end = int(score.barlines[np.searchsorted(score.bar_numbers, bar, "right")])  # with a pickup to what follows
    meter = score.meter_at(start)
    felt = end - meter.bar if start == 0 and score.pickup else start
    beat = Fraction(match[2])
    nearest = min((Fraction(round(beat * parts), parts) for parts in PARTS), key=lambda part: abs(part - beat))
    tick = felt + round((nearest - 1) * meter.beat)
    if not start <= tick < end:
        raise UsageError(f"{text}: bar {match[1]} in {meter} has no beat {match[2]}")
    return tick
