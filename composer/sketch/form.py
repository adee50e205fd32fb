"""The form of a written page: parts, repeats, endings."""

from __future__ import annotations

import re
from itertools import groupby

import numpy as np

from composer.errors import UsageError
from composer.score import Ending, Repeat, frozen
from composer.theory import Ints, Meter

MAX_BARS = 1_000


def parts_of(form: str, bars: int) -> list[tuple[int, int]]:
    """``AABB`` of 32 bars as sections (written bars, times played)."""
    if not re.fullmatch(r"[A-Z]{1,16}", form):
        raise UsageError(f"{form!r} is not a form; write its parts as letters, such as AABB")
    runs = [(letter, len(list(run))) for letter, run in groupby(form)]
    returning = next((a for i, (a, _) in enumerate(runs) if a in [b for b, _ in runs[:i]]), None)
    if returning:
        raise UsageError(
            f"form {form}: part {returning} returns after another; only repeats side by side can be written"
        )
    if not 1 <= bars <= MAX_BARS:
        raise UsageError(f"{bars} bars: a sketch has 1 to {MAX_BARS} bars")
    if bars % len(form):
        raise UsageError(f"{bars} bars do not divide into the {len(form)} parts of {form}; try {len(form) * 8}")
    return [(bars // len(form), times) for _, times in runs]


def page_of(
    meter: Meter, sections: list[tuple[int, int]], endings: bool
) -> tuple[Ints, tuple[Repeat, ...], tuple[int, ...]]:
    """Bar lines, repeats and section starts of the written page."""
    bar, at = meter.bar, 0
    repeats: list[Repeat] = []
    starts: list[int] = []
    for bars, times in sections:
        starts.append(at)
        end = at + bars * bar
        if times > 1 and endings:
            if bars < 2:
                raise UsageError("endings need parts of at least two bars")
            first = Ending(end - bar, end, tuple(range(1, times)))
            repeats.append(Repeat(at, end + bar, times, (first, Ending(end, end + bar, (times,)))))
            end += bar
        elif times > 1:
            repeats.append(Repeat(at, end, times))
        at = end
    return frozen(np.arange(0, at + 1, bar)), tuple(repeats), tuple(starts[1:])
