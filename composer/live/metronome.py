"""A click on every beat of a grid, a bar counted in, and the beat that a person taps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from mido import Message
from numpy.typing import NDArray

from composer.io.midi import DRUM_CHANNEL
from composer.live.grid import Grid
from composer.live.outbox import Timed
from composer.theory import TICKS_PER_QUARTER

DOWNBEAT, BEAT = (76, 112), (77, 80)  # General MIDI's high and low wood block, and their velocities
CLICK = 0.05  # seconds

TAPS = 8  # the last ones count
QUICKEST, SLOWEST = 0.15, 3.0  # seconds between taps: 400 and 20 a minute


class Marks:
    """Places of a grid at equal distances, each told once and in order though the grid is corrected meanwhile.

    Ask for one stretch of time after another: a mark that a correction moves back over the edge is due at once, and
    where the grid jumps, what lies between is left out.
    """

    def __init__(self) -> None:
        self._next: int | None = None

    def due(self, grid: Grid, apart: float, since: float, until: float) -> Iterator[tuple[float, int]]:
        """The moments in ``[since, until)`` of the multiples of ``apart`` quarters, and which multiples they are."""
        first = math.ceil(grid.quarters(since) / apart - 1e-6)
        if self._next is None or abs(self._next - first) > 1:
            self._next = first
        while (moment := grid.seconds(self._next * apart)) < until:
            self._next += 1
            yield max(moment, since), self._next - 1


class Metronome:
    """Clicks on General MIDI's percussion channel, the bar's first higher and louder."""

    def __init__(self) -> None:
        self._marks = Marks()

    def due(self, grid: Grid, since: float, until: float) -> list[Timed]:
        """The clicks that begin in ``[since, until)``, each with its end, in order of time; 6/8 has two a bar."""
        apart = grid.meter.beat / TICKS_PER_QUARTER
        each = grid.meter.bar // grid.meter.beat
        marks = self._marks.due(grid, apart, since, until)
        clicks = [event for moment, beat in marks for event in _click(moment, beat % each == 0)]
        return sorted(clicks, key=lambda event: event.moment)


def count_in(grid: Grid, bar_line: float = 0.0) -> list[Timed]:
    """The clicks of the bar that ends at ``bar_line`` (in quarters), in order of time."""
    beat, each = grid.meter.beat / TICKS_PER_QUARTER, grid.meter.bar // grid.meter.beat
    return [
        event
        for number in range(each)
        for event in _click(grid.seconds(bar_line + (number - each) * beat), number == 0)
    ]


def _click(moment: float, downbeat: bool) -> list[Timed]:
    note, velocity = DOWNBEAT if downbeat else BEAT
    return [
        Timed(moment, Message("note_on", channel=DRUM_CHANNEL, note=note, velocity=velocity)),
        Timed(moment + CLICK, Message("note_off", channel=DRUM_CHANNEL, note=note)),
    ]


class Tapped(NamedTuple):
    """A beat in seconds, and the moment of the last one, both evened out over the taps."""

    quarter: float
    beat: float


def tapped(moments: Sequence[float]) -> Tapped | None:
    """The beat of the last taps (seconds, rising); None until there are three in time, or where they have no beat.

    A tap that bounced, one that is left out and one that is out of time do not spoil it; a pause begins anew.

    >>> tapped([1.0, 1.5, 2.0, 2.5])
    Tapped(quarter=0.5, beat=2.5)
    """
    taps = _latest(moments)
    if len(taps) < 3:
        return None
    usual = float(np.median(np.diff(taps)))
    beats = min((np.round((taps - anchor) / usual) for anchor in taps), key=lambda n: np.median(abs(_strays(taps, n))))
    good = abs(_strays(taps, beats)) < 0.15 * usual
    if good.sum() < max(3, 0.7 * len(taps)) or len(set(beats[good])) < good.sum():
        return None
    quarter, origin = np.polyfit(beats[good], taps[good], 1)
    return Tapped(round(float(quarter), 9), round(float(origin + quarter * beats[good].max()), 9))


def _latest(moments: Sequence[float]) -> NDArray[np.float64]:
    """The last taps, none in the same beat as another and none before a pause."""
    taps = list(moments[-1:])
    for moment in moments[-2 : -4 * TAPS : -1]:
        if taps[-1] - moment > SLOWEST or len(taps) == TAPS:
            break
        if taps[-1] - moment >= QUICKEST:
            taps.append(moment)
    return np.array(taps[::-1])


def _strays(taps: NDArray[np.float64], beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each tap is from the line that most agree on: the median of the slopes, and of what is left."""
    one, other = np.triu_indices(len(taps), 1)
    apart = beats[other] - beats[one]
    slope = np.median((taps[other] - taps[one])[apart > 0] / apart[apart > 0])
    rest = taps - slope * beats
    return np.asarray(rest - np.median(rest))
