"""Where the beat lies in what a person played: tempo, phase and meter from the moments of its onsets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.live.grid import Grid
from composer.theory import TICKS_PER_QUARTER, Ints, Meter

Floats = NDArray[np.float64]

CELLS = np.array([0, 3, 4, 6, 8, 9, 12]) * (TICKS_PER_QUARTER // 12)  # of a quarter: sixteenths and triplets


class Pulse(NamedTuple):
    """What onsets say of the beat. ``places`` (N,) are ticks from a bar line, negative before it, on sixteenths and
    triplets; ``origin`` (seconds) is that bar line and ``quarter`` (seconds) the tempo, as they are at the end.
    """

    meter: Meter
    places: Ints
    origin: float
    quarter: float
    swing: float
    expected: Floats  # (N,) seconds at which the tempo, as it bends, would have each onset, swing included


def find_pulse(onsets: Floats, *, quarter: float | None = None, meter: Meter | None = None) -> Pulse:
    """The pulse of onsets (seconds, rising)."""
    tempi = np.exp(np.linspace(np.log(0.28), np.log(1.1), 120)) if quarter is None else np.array([quarter])
    phase = (onsets - onsets[0])[None] / tempi[:, None]
    away = np.abs(phase * 2 - np.rint(phase * 2)).mean(axis=1) * tempi / 0.02
    best = float(tempi[np.argmin(away + 2 * np.log2(tempi / 0.55) ** 2)])
    return on_line(onsets, float(onsets[0]), best, meter or Meter(4, 4))


def on_grid(onsets: Floats, grid: Grid) -> Pulse:
    """The pulse that a grid gives; places are counted from the bar line at or before the first onset."""
    places = np.array([grid.quarters(moment) for moment in onsets.tolist()])
    bar = grid.meter.bar / TICKS_PER_QUARTER
    start = float(np.floor((places[0] + 0.1) / bar) * bar)
    end = float(places[-1])
    quarter = max(grid.seconds(end + 0.5) - grid.seconds(end - 0.5), 1e-3)
    origin = grid.seconds(end) - (end - start) * quarter
    snapped = snap(places - start)
    expected = np.array([grid.seconds(start + tick / TICKS_PER_QUARTER) for tick in snapped.tolist()])
    return Pulse(grid.meter, snapped, origin, quarter, 0.5, expected)


def on_line(onsets: Floats, origin: float, quarter: float, meter: Meter) -> Pulse:
    """The pulse of one tempo from ``origin``, a bar line, on."""
    places = snap((onsets - origin) / quarter)
    return Pulse(meter, places, origin, quarter, 0.5, origin + places * (quarter / TICKS_PER_QUARTER))


def snap(quarters: Floats) -> Ints:
    """(N,) the nearest sixteenth or triplet, in ticks, of places in quarters."""
    ticks = np.asarray(quarters) * TICKS_PER_QUARTER
    whole = np.floor(ticks / TICKS_PER_QUARTER) * TICKS_PER_QUARTER
    nearest = CELLS[np.abs((ticks - whole)[:, None] - CELLS).argmin(axis=1)]
    return np.asarray(whole + nearest, dtype=np.int32)
