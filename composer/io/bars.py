"""Bars that do not add up: longer or shorter than their meter, for no reason that a musician would give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from composer.errors import Notice
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER, Meter


def uneven_bars(score: Score) -> Iterator[Notice]:
    """A notice for each bar that is not as long as its meter says.

    A pickup may be short, at the start and where a section begins, and so may what it is taken out of: the bar that
    leads to it or back to it, and the last one. Two short bars that together make a whole one are a bar that a
    repeat sign divides.

    >>> [str(n) for n in uneven_bars(Score.of([], meter="3/4", barlines=[0, 30240, 50400, 80640, 110880]))]
    ['bar 2: has 2/4, not 3/4']
    """
    lines = score.barlines.astype(np.int64)
    onsets = [meter.onset for meter in score.meters]
    meters = [score.meters[k] for k in np.searchsorted(onsets, lines[:-1], "right") - 1]
    length = np.diff(lines)
    whole = np.array([meter.bar for meter in meters])
    edges = {*score.section_starts.tolist(), score.end}
    pickups = {int(length[k]) for k in np.flatnonzero(length < whole) if int(lines[k]) in edges}
    for k in np.flatnonzero(length != whole).tolist():
        rest = int(whole[k] - length[k])
        begins, ends = int(lines[k]) in edges, int(lines[k + 1]) in edges
        halves = any(0 <= n < len(length) and length[n] == rest for n in (k - 1, k + 1))
        leads = ends and (rest in pickups or k == len(length) - 1)
        if rest < 0 or not (begins or leads or halves):
            place = f"bar {k + (score.pickup == 0)}"
            yield Notice("bar", place, f"has {_fraction(int(length[k]), meters[k])}, not {meters[k]}")


def _fraction(ticks: int, meter: Meter) -> str:
    """A length in the unit of the meter, or in the longest that fits.

    >>> _fraction(25200, Meter(3, 4)), _fraction(20160, Meter(3, 4)), _fraction(1, Meter(3, 4))
    ('5/8', '2/4', '0.0001 quarters')
    """
    unit = meter.denominator
    while unit < 128 and ticks * unit % (4 * TICKS_PER_QUARTER):
        unit *= 2
    beats, rest = divmod(ticks * unit, 4 * TICKS_PER_QUARTER)
    return f"{ticks / TICKS_PER_QUARTER:.4f} quarters" if rest else f"{beats}/{unit}"
