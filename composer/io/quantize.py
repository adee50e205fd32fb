"""Notes moved to a grid that a musician can name, and by how much they moved."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.score import Part, Score, frozen
from composer.theory import TICKS_PER_QUARTER

Ticks = NDArray[np.int64]

USUAL = "1/16+1/8t"  # the grid on which most music can be read


class Quantization(NamedTuple):
    """How far note onsets moved, in milliseconds, and how many notes changed in onset or length."""

    mean_ms: float
    max_ms: float
    moved: int

    def __str__(self) -> str:
        error = f"onsets moved by {self.mean_ms:.1f} ms on average, {self.max_ms:.1f} ms at most"
        return f"{error}; {self.moved} notes changed"


def grid_points(grid: str) -> Ticks:
    """The ticks of a grid from 0 to its period, both included; raises :class:`UsageError`.

    ``1/16`` are sixteenths, ``1/8t`` eighth triplets (three in the time of two), and ``1/16+1/8t`` the points of both.

    >>> grid_points("1/8+1/8t").tolist()
    [0, 3360, 5040, 6720, 10080]
    """
    cells = [_cell(name, grid) for name in grid.split("+")]
    period = int(np.lcm.reduce(cells))
    return np.unique(np.concatenate([np.arange(0, period + 1, cell) for cell in cells]))


def _cell(name: str, grid: str) -> int:
    match = re.fullmatch(r"\s*1/(1|2|4|8|16|32|64|128)(t?)\s*", name)
    if match is None:
        raise UsageError(f"{grid!r} is not a grid; write one such as 1/16, 1/8t (triplets) or 1/16+1/8t")
    cell = 4 * TICKS_PER_QUARTER // int(match[1])
    return cell * 2 // 3 if match[2] else cell


def quantize(score: Score, grid: str) -> tuple[Score, Quantization]:
    """The score with each note's onset and end at the nearest point of ``grid``, at least one cell apart.

    The grid begins anew at every bar line, and every bar line belongs to it. A note late in the last bar may move to
    the bar after, which is then added. Marks on notes move with them. Raises :class:`UsageError` for an unknown grid.

    >>> score = Score.of([Part.of([100, 3300], [60, 62], [3000, 2000])])
    >>> snapped, report = quantize(score, "1/8t")
    >>> snapped.parts[0].onset.tolist(), snapped.parts[0].duration.tolist(), round(report.max_ms, 1)
    ([0, 3360], [3360, 3360], 5.0)
    """
    points = grid_points(grid)
    after = score.end + score.meter_at(score.end).bar
    barlines = np.append(score.barlines.astype(np.int64), after)
    parts, errors, moved = [], [np.zeros(0)], 0
    for part in score.parts:
        onset, end = _snapped(part, barlines, points)
        errors.append(np.abs(score.seconds(onset) - score.seconds(part.onset)) * 1000)
        moved += int(((onset != part.onset) | (end != part.offset)).sum())
        parts.append(_moved(part, onset, end))
    error = np.concatenate(errors)
    report = Quantization(float(error.mean()) if error.size else 0.0, float(error.max(initial=0.0)), moved)
    if max((int(part.offset.max()) for part in parts if len(part)), default=0) > score.end:
        score = replace(score, barlines=frozen(barlines))
    return replace(score, parts=tuple(parts)), report


def distances(score: Score, grid: str) -> NDArray[np.float64]:
    """(notes,) how far each onset lies from the nearest point of ``grid``, in milliseconds; nothing is moved.

    >>> distances(Score.of([Part.of([0, 5000], [60, 62], [10, 10])]), "1/16").round(1).tolist()
    [0.0, 2.0]
    """
    points, barlines = grid_points(grid), score.barlines.astype(np.int64)
    onset = np.concatenate([np.zeros(0, np.int64), *(part.onset.astype(np.int64) for part in score.parts)])
    nearest = _nearest(*_place(onset, barlines, points), points)
    return np.asarray(np.abs(score.seconds(nearest) - score.seconds(onset)) * 1000)


def _snapped(part: Part, barlines: Ticks, points: Ticks) -> tuple[Ticks, Ticks]:
    """New onsets and ends, in the order of the part's notes."""
    start, into, stop = _place(part.onset.astype(np.int64), barlines, points)
    onset = _nearest(start, into, stop, points)
    end = _nearest(*_place(part.offset.astype(np.int64), barlines, points), points)
    start, into, stop = _place(onset, barlines, points)
    following = np.minimum(start + points[np.searchsorted(points, into, "right")], stop)
    return onset, np.maximum(end, following)


def _place(ticks: Ticks, barlines: Ticks, points: Ticks) -> tuple[Ticks, Ticks, Ticks]:
    """Where the grid's period began that holds each tick, the ticks into it, and the end of the bar."""
    bar = np.searchsorted(barlines[:-1], ticks, "right") - 1
    into = (ticks - barlines[bar]) % points[-1]
    return ticks - into, into, barlines[bar + 1]


def _nearest(start: Ticks, into: Ticks, stop: Ticks, points: Ticks) -> Ticks:
    """The nearest grid point or bar line; the earlier of two that are equally near."""
    tick = start + into
    above = np.minimum(start + points[np.searchsorted(points, into, "left")], stop)
    below = start + points[np.searchsorted(points, into, "right") - 1]
    return np.where(above - tick < tick - below, above, below)


def _moved(part: Part, onset: Ticks, end: Ticks) -> Part:
    there = dict(zip(part.onset.tolist(), onset.tolist(), strict=True))
    marks = [
        replace(mark, onset=there.get(mark.onset, mark.onset), end=mark.end and there.get(mark.end, mark.end))
        for mark in part.annotations
    ]
    columns = (onset, part.pitch, end - onset, part.velocity, part.spelling)
    return Part.of(*columns, name=part.name, program=part.program, drums=part.drums, annotations=marks)
