"""What a person played, understood: a page in bars and keys, and the feel with which it was played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.analysis import find_mode
from composer.live.grid import Grid
from composer.live.phrase import Heard, Phrase
from composer.live.pulse import Floats, Pulse, find_pulse, on_grid
from composer.score import Part, Score, regular_barlines
from composer.theory import TICKS_PER_QUARTER, Ints, Key, Meter, Tempo

TOGETHER = 0.035  # seconds within which notes are struck as one
MOST_BARS = 64
MOST_NOTES = 2_000
SIXTEENTH = TICKS_PER_QUARTER // 4
SHORTEST, LONGEST = 15 / 1000, 4.0  # seconds of a quarter that is believed: 4000 to 15 a minute
LEFT = "left hand"


@dataclass(frozen=True)
class Feel:
    """How it was played. ``swing``: where in a quarter its second half falls, 0.5 straight. ``late`` (4): seconds after
    the grid, swung, of each sixteenth of a quarter. ``touch``: the share of its written length that a key is down.
    ``velocity`` is the mean, ``accents`` (4) are added to it where the metrical weight is 0 (a bar line) to 3.
    """

    swing: float = 0.5
    late: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    touch: float = 0.9
    velocity: float = 80.0
    accents: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Call:
    """A phrase as a page: part 0 its melody, one note at a time; part 1, if two hands played, the "left hand".

    ``zero`` is the moment, seconds on the clock, of the page's tick 0, and ``quarter`` the seconds of a quarter, both
    as the phrase's end has them: where the tempo bent, they say where the music goes on.
    """

    score: Score
    zero: float
    quarter: float
    feel: Feel


def understand(
    phrase: Phrase,
    *,
    grid: Grid | None = None,
    tempo: float | None = None,
    meter: Meter | None = None,
    key: Key | None = None,
) -> Call:
    """The page of a phrase of at least one note, and its feel; never raises for what was played.

    A ``grid`` gives tempo, phase and meter; ``tempo`` (quarters a minute) leaves the phase open. Of a phrase longer
    than 64 bars the last ones stay.
    """
    notes = sorted(phrase.notes)[-MOST_NOTES:]
    strikes = struck_together([note.onset for note in notes])
    heard = np.array([note.onset for note in notes])
    onsets = np.array([heard[strikes == k].mean() for k in range(int(strikes[-1]) + 1)])
    pulse = on_grid(onsets, grid) if grid else find_pulse(onsets, quarter=60 / tempo if tempo else None, meter=meter)
    return _page(notes, strikes, pulse, key)


def struck_together(onsets: Sequence[float]) -> NDArray[np.intp]:
    """(N,) the number of the strike that each of these moments (seconds, rising) belongs to.

    >>> struck_together([1.0, 1.01, 1.03, 1.5]).tolist()
    [0, 0, 0, 1]
    """
    found, first = list[int](), -np.inf
    for moment in onsets:
        new = moment - first > TOGETHER
        first = moment if new else first
        found.append((found[-1] if found else -1) + new)
    return np.array(found, dtype=np.intp)


def _page(notes: Sequence[Heard], strikes: NDArray[np.intp], pulse: Pulse, key: Key | None) -> Call:
    meter, quarter = pulse.meter, float(np.clip(pulse.quarter, SHORTEST, LONGEST))
    places = pulse.places.astype(np.int64)
    last = -(-int(places[-1] + 1) // meter.bar)
    keep = places >= (last - MOST_BARS) * meter.bar
    first = int(places[keep][0])
    bar = first // meter.bar  # the bar line at or before the first note
    pickup = (-first) % meter.bar if first < 0 and -first < meter.bar else 0
    shift = first if pickup else bar * meter.bar
    lines: list[tuple[int, int, int, int]] = []
    for place, strike in zip((places - shift).tolist(), range(len(places)), strict=True):
        if keep[strike]:
            top = max((notes[n] for n in np.flatnonzero(strikes == strike).tolist()), key=lambda note: note.pitch)
            length = max(round((top.offset - top.onset) / quarter * 4) * SIXTEENTH, SIXTEENTH)
            if lines and lines[-1][0] == place:
                continue
            lines.append((place, top.pitch, length, min(max(top.velocity, 1), 127)))
    ends = [row[0] for row in lines[1:]] + [lines[-1][0] + 4 * TICKS_PER_QUARTER]
    lines = [(o, p, min(d, end - o), v) for (o, p, d, v), end in zip(lines, ends, strict=True)]
    found = key or find_mode([row[1] for row in lines], [row[2] for row in lines])
    onset, pitch, duration, velocity = (np.array(column) for column in zip(*lines, strict=True))
    end = int((onset + duration).max())
    melody = Part.of(onset, pitch, duration, velocity, key=found)
    barlines = regular_barlines([Meter(meter.numerator, meter.denominator)], max(end, pickup + 1), pickup)
    score = Score.of([melody], meter=str(meter), key=found, tempo=Tempo(60 / quarter), barlines=barlines)
    zero = pulse.origin + shift / TICKS_PER_QUARTER * quarter
    return Call(score, zero, quarter, Feel(velocity=float(velocity.mean())))


def play_like(part: Part, call: Call) -> tuple[Heard, ...]:
    """A part of a page with the bars of the call, played with its feel; times are seconds from the page's tick 0."""
    onset = placed(part.onset, call)
    end = placed(part.offset, call)
    late = np.array(call.feel.late)[_into(part.onset, call) // SIXTEENTH]
    start = np.maximum(onset + late, 0.0)
    released = start + np.maximum((end - onset) * call.feel.touch, 0.02)
    velocity = np.clip(np.rint(call.feel.velocity + _accents(part.onset, call)), 1, 127)
    rows = zip(start.tolist(), released.tolist(), part.pitch.tolist(), velocity.astype(int).tolist(), strict=True)
    return tuple(Heard(a, b, b, pitch, loud) for a, b, pitch, loud in rows)


def placed(ticks: Ints, call: Call) -> Floats:
    """(N,) seconds from the page's tick 0 at which its ticks are played, swung but never late."""
    into = _into(ticks, call) / TICKS_PER_QUARTER
    return np.asarray((ticks / TICKS_PER_QUARTER - into + _swung(into, call.feel.swing)) * call.quarter)


def _into(ticks: Ints, call: Call) -> NDArray[np.int64]:
    """(N,) ticks since the last quarter, counted from the bar line."""
    return np.asarray((ticks.astype(np.int64) - call.score.pickup) % TICKS_PER_QUARTER)


def _swung(into: Floats, swing: float) -> Floats:
    """Where a place in a straight quarter (0 to 1) falls in a swung one."""
    return np.where(into <= 0.5, 2 * swing * into, 1 - 2 * (1 - swing) * (1 - into))


def _accents(ticks: Ints, call: Call) -> Floats:
    """(N,) the accent at each tick, by its metrical weight."""
    meter = call.score.meter
    into = (ticks.astype(np.int64) - call.score.pickup) % meter.bar
    beat = meter.beat
    half = beat // 3 if beat % (TICKS_PER_QUARTER // 2 * 3) == 0 else beat // 2
    weight = np.where(into == 0, 0, np.where(into % beat == 0, 1, np.where(into % half == 0, 2, 3)))
    return np.array(call.feel.accents)[weight]
