"""Where the beat lies in what a person played: tempo, phase, meter, swing and places, from the moments of its onsets.

Many readings are followed from note to note (:mod:`composer.live.readings`), and the best set in bars
(:mod:`composer.live.bars`); the tempo of the one that is chosen is then drawn as a line that bends with the notes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.live.bars import Bars, Before, Strikes, best_bars
from composer.live.grid import Grid
from composer.live.readings import (
    DOTTED,
    FELT,
    JITTER,
    QUARTER,
    STRAIGHT,
    TWELFTHS,
    Beat,
    Floats,
    Whole,
    begun,
    fits,
    followed,
    swung,
)
from composer.theory import TICKS_PER_QUARTER, Ints, Meter

WIDTHS = (1.5, 3.0, 6.0, 24.0)  # beats over which a tempo may be steady
RECENT = 6.0  # beats that tell the phase at the end, where the tempo is known
TRIPLED = 4.0  # what it costs to read a beat as a triplet
QUARTERS = (0.1, 4.0)  # seconds between which a quarter is kept


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


def find_pulse(
    strikes: Strikes, *, quarter: float | None = None, meter: Meter | None = None, before: Before | None = None
) -> Pulse:
    """The pulse of at least one strike; ``quarter`` (seconds) and ``meter`` where they are known; what was before."""
    since = strikes.onset - strikes.onset[0]
    best = best_bars(followed(since, begun(since, quarter, meter), quarter), strikes, meter, before)
    pulse = _settled(since, best, quarter)
    return pulse._replace(origin=pulse.origin + float(strikes.onset[0]), expected=pulse.expected + strikes.onset[0])


def _settled(onsets: Floats, bars: Bars, quarter: float | None) -> Pulse:
    """The pulse of a reading: its tempo smoothed, or kept where it is known, and its swing measured."""
    places, swing = bars.places, bars.swing
    width = _width(onsets, _felt(places, swing))
    for _ in range(2):
        curve = _smooth(onsets, _felt(places, swing), width)[:2]
        places = _set_right(onsets, places, curve, bars.kind, swing)
        swing = _swing_of(onsets, places % TWELFTHS == TWELFTHS // 2, curve, swing) if bars.kind is QUARTER else 0.5
    felt = _felt(places, swing)
    expected, pace, _ = _smooth(onsets, felt, width)
    beat = float(np.clip(pace[-1] / bars.kind.quarters if quarter is None else quarter, *QUARTERS)) * bars.kind.quarters
    late = np.exp((felt - felt[-1]) / RECENT)  # how much each note says of where the beat is at the end
    origin = expected[-1] - felt[-1] * beat if quarter is None else late @ (onsets - felt * beat) / late.sum()
    ticks = np.rint(places / TWELFTHS * bars.kind.quarters * TICKS_PER_QUARTER).astype(np.int32)
    return Pulse(bars.meter, ticks, float(origin), beat / bars.kind.quarters, swing, expected)


def _felt(places: Whole, swing: float) -> Floats:
    """(N,) places in twelfths as beats, swung."""
    whole, into = np.divmod(places / TWELFTHS, 1)
    return np.asarray(whole + swung(into, np.array(swing)))


def _set_right(onsets: Floats, places: Whole, curve: tuple[Floats, Floats], kind: Beat, swing: float) -> Whole:
    """The places that a line through all notes makes the most probable; as they were if two would coincide."""
    moment, pace = curve
    beats = _felt(places, swing) + (onsets - moment) / pace
    found = _snapped(beats, kind, swing, pace)[0]
    return found if (np.diff(found) > 0).all() else places


def _width(onsets: Floats, beats: Floats) -> float:
    """Over how many beats the tempo is steady: the width that foretells each note best from the others."""
    return min(WIDTHS, key=lambda width: _smooth(onsets, beats, width)[2])


def _smooth(onsets: Floats, beats: Floats, width: float) -> tuple[Floats, Floats, float]:
    """(N,) when each place would come in a tempo that bends slowly, and seconds a beat there: lines through the notes
    around each, weighted by a bell of ``width`` beats. Then how far each note lies from what the others say, squared.
    """
    near = np.exp(-0.5 * ((beats[:, None] - beats) / width) ** 2)
    near /= near.sum(axis=1, keepdims=True)
    place, moment = near @ beats, near @ onsets
    spread = near @ beats**2 - place**2
    both = near @ (beats * onsets) - place * moment
    pace = np.where(spread > 1e-9, both / np.maximum(spread, 1e-9), FELT)
    pace = np.maximum(pace, 1e-3)
    expected = moment + pace * (beats - place)
    own = np.diagonal(near) * (1 + (beats - place) ** 2 / np.maximum(spread, 1e-9))
    away = (onsets - expected) / np.maximum(1 - own, 0.05)
    return expected, pace, float(np.mean(away**2))


def _swing_of(onsets: Floats, halves: NDArray[np.bool_], curve: tuple[Floats, Floats], swing: float) -> float:
    """Where the second halves of beats fall, as a share of the beat; 0.5 unless three or more notes say otherwise."""
    if halves.sum() < 3:
        return 0.5
    moment, pace = curve
    measured = float(np.median((onsets - moment)[halves] / pace[halves])) + swing
    return measured if 0.53 <= measured <= 0.72 else 0.5


def on_grid(onsets: Floats, grid: Grid) -> Pulse:
    """The pulse that a grid gives; places are counted from the bar line at or before the first onset."""
    felt = np.array([grid.quarters(moment) for moment in onsets.tolist()])
    bar = grid.meter.bar / TICKS_PER_QUARTER
    start = float(np.floor((felt[0] + 0.1) / bar) * bar)
    end = float(felt[-1])
    quarter = float(np.clip(grid.seconds(end + 0.5) - grid.seconds(end - 0.5), *QUARTERS))
    kind = DOTTED if fits(DOTTED, grid.meter) else STRAIGHT
    beats = np.clip((felt - start) / kind.quarters, -1e6, 1e6)
    costs = {
        swing: _snapped(beats, kind, swing, quarter * kind.quarters)[1] - np.log(lilt)
        for swing, lilt in zip(kind.swings, kind.lilts, strict=True)
    }
    swing = min(costs, key=lambda swing: costs[swing])
    places = _snapped(beats, kind, swing, quarter * kind.quarters)[0]
    whole, into = np.divmod(places / TWELFTHS, 1)
    halves = into == 0.5
    if swing > 0.5 and halves.sum() >= 3:
        swing = float(np.clip(np.median((beats - whole)[halves]), 0.53, 0.72))
    meant = start + (whole + swung(into, np.array(swing))) * kind.quarters
    expected = np.array([grid.seconds(place) for place in meant.tolist()])
    ticks = np.rint(places * kind.quarters * TICKS_PER_QUARTER / TWELFTHS).astype(np.int32)
    return Pulse(grid.meter, ticks, grid.seconds(end) - (end - start) * quarter, quarter, swing, expected)


def _snapped(beats: Floats, kind: Beat, swing: float, pace: Floats | float) -> tuple[Whole, float]:
    """The places (N,), in twelfths of a beat of ``pace`` seconds, that cost least in a swing, and what they cost.

    A beat is divided in halves and quarters or in three, never both.
    """
    chances = np.append(kind.onset, kind.onset[0])
    places = np.append(kind.places, TWELFTHS)
    halved = (places % 3 == 0) if kind is not DOTTED else np.ones(len(places), dtype=bool)
    three = (places % 4 == 0) & (kind is not DOTTED)
    whole = np.floor(beats)
    away = (beats - whole)[:, None] - swung(places / TWELFTHS, np.array(swing))
    timing = 0.5 * (away * np.reshape(pace, (-1, 1)) / JITTER) ** 2
    costs = [np.where(halved, timing - np.log(chances), np.inf), np.where(three, timing, np.inf)]
    beat = np.unique(whole, return_inverse=True)[1]
    totals = [np.bincount(beat, cost.min(axis=1)) for cost in costs]
    tripled = totals[1] + TRIPLED < totals[0]
    best = np.where(tripled[beat], places[costs[1].argmin(axis=1)], places[costs[0].argmin(axis=1)])
    found = whole.astype(np.int64) * TWELFTHS + best
    return found, float(np.where(tripled, totals[1] + TRIPLED, totals[0]).sum())
