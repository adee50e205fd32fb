"""What a person played, understood: a page in bars and a key, and the feel with which it was played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from composer.analysis import find_mode
from composer.live.bars import Before, Strikes
from composer.live.grid import Grid
from composer.live.hands import hands, top_line
from composer.live.phrase import Heard, Phrase
from composer.live.pulse import Pulse, find_pulse, on_grid
from composer.live.readings import Floats, swung
from composer.score import Part, Score, regular_barlines
from composer.theory import TICKS_PER_QUARTER, Ints, Key, Meter, Tempo

TOGETHER = 0.035  # seconds within which notes are struck as one
SILENCE = 10.0  # seconds without a note, before which nothing is remembered
MOST_NOTES, MOST_BARS = 1000, 64
SIXTEENTH, EIGHTH = TICKS_PER_QUARTER // 4, TICKS_PER_QUARTER // 2
FILLED = 0.5  # a note that sounds for this share of the time to the next one is written up to it
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
    before: Call | None = None,
) -> Call:
    """The page of a phrase of at least one note, and its feel; never raises for what was played.

    A ``grid`` gives tempo, phase and meter; ``tempo`` (quarters a minute) leaves the phase open; where neither is
    given, tempo and meter of the call ``before`` are likely to go on. Of a phrase longer than 64 bars or 1,000 notes
    the end stays, and what follows a silence of 10 seconds.
    """
    notes = _remembered(phrase)
    strikes = struck_together([note.onset for note in notes])
    heard = np.array([note.onset for note in notes], dtype=np.float64)
    onsets = np.bincount(strikes, heard - heard[0]) / np.bincount(strikes) + heard[0]
    if grid is not None:
        pulse = on_grid(onsets, grid)
    else:
        top = np.zeros(len(onsets), dtype=np.int64)
        np.maximum.at(top, strikes, [note.pitch for note in notes])
        loud = np.bincount(strikes, [note.velocity for note in notes]).astype(np.float64)
        pulse = find_pulse(
            Strikes(onsets, top, loud),
            quarter=60 / tempo if tempo else None,
            meter=meter,
            before=None if before is None else Before(before.score.meter, before.quarter),
        )
    keep = pulse.places >= pulse.places[-1] - pulse.places[-1] % pulse.meter.bar - (MOST_BARS - 2) * pulse.meter.bar
    placed = [
        (int(pulse.places[strike]), note) for strike, note in zip(strikes.tolist(), notes, strict=True) if keep[strike]
    ]
    score, shift = _page(placed, pulse, key)
    origin = pulse.origin + shift / TICKS_PER_QUARTER * pulse.quarter
    return Call(score, origin, pulse.quarter, _feel(score, placed, shift, onsets, pulse))


def _remembered(phrase: Phrase) -> list[Heard]:
    notes = sorted(phrase.notes)[-MOST_NOTES:]
    gaps = [k for k, (a, b) in enumerate(pairwise(notes), 1) if b.onset - a.onset > SILENCE]
    return notes[gaps[-1] :] if gaps else notes


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


def _page(placed: Sequence[tuple[int, Heard]], pulse: Pulse, key: Key | None) -> tuple[Score, int]:
    """The page, and at which of the pulse's ticks it begins."""
    meter, first = Meter(pulse.meter.numerator, pulse.meter.denominator), placed[0][0]
    pickup = -first % meter.bar
    pickup = pickup if 2 * pickup <= meter.bar else 0
    shift = first if pickup else first - first % meter.bar
    right, left = hands([(place - shift, note) for place, note in placed])
    melody = top_line(right)
    rows = _written(melody, pulse, pickup)
    found = key or find_mode([row[1] for row in rows], [row[2] for row in rows])
    parts = [Part.of(*zip(*rows, strict=True), key=found)]
    if left:
        parts.append(Part.of(*zip(*_written(left, pulse, pickup), strict=True), key=found, name=LEFT))
    end = max(int(part.offset.max()) for part in parts)
    barlines = regular_barlines([meter], max(end, pickup + 1), pickup)
    tempo = Tempo(round(60 / pulse.quarter * TICKS_PER_QUARTER / meter.beat, 2), meter.beat)
    return Score.of(parts, meter=meter, key=found, tempo=tempo, barlines=barlines), shift


def _written(notes: Sequence[tuple[int, Heard]], pulse: Pulse, pickup: int) -> list[tuple[int, int, int, int]]:
    """Rows (onset, pitch, duration, velocity) of one hand: chords end together, and short gaps are filled."""
    places = sorted({place for place, _ in notes})
    following = dict(pairwise(places))
    rows: dict[tuple[int, int], tuple[int, int, int, int]] = {}
    for place, note in notes:
        sounds = (note.offset - note.onset) / pulse.quarter * TICKS_PER_QUARTER
        end = following[place] if place in following else _last_end(place, sounds, pulse.meter, pickup)
        room = end - place
        length = room
        if sounds < FILLED * room and room > TICKS_PER_QUARTER:
            length = min(max(-(-round(sounds) // EIGHTH) * EIGHTH, EIGHTH), room)
        rows[place, note.pitch] = (place, note.pitch, length, min(max(note.velocity, 1), 127))
    return list(rows.values())


def _last_end(place: int, sounds: float, meter: Meter, pickup: int) -> int:
    """Where the last note of a hand ends: its length in eighths, or to the bar line if that is near, at most a bar."""
    line = place + (pickup - place - 1) % meter.bar + 1
    if 0.6 * (line - place) <= sounds <= 1.3 * (line - place):
        return line
    return min(place + max(round(sounds / EIGHTH), 1) * EIGHTH, line + meter.bar)


def _feel(score: Score, placed: Sequence[tuple[int, Heard]], shift: int, onsets: Floats, pulse: Pulse) -> Feel:
    keep = pulse.places >= placed[0][0]
    ticks = pulse.places[keep] - shift
    away = (onsets - pulse.expected)[keep]
    slots = _into(ticks, score) // SIXTEENTH
    late = [float(away[slots == slot].sum() / ((slots == slot).sum() + 1)) for slot in range(4)]
    melody = score.parts[0]
    weight = _weights(melody.onset, score)
    mean = float(melody.velocity.mean())
    over = melody.velocity - mean
    accents = [float(over[weight == k].sum() / ((weight == k).sum() + 2)) for k in range(4)]
    rows = {(place - shift, note.pitch): note for place, note in placed}
    played = [rows[note.onset, note.pitch] for note in melody]
    down = np.array([note.released - note.onset for note in played])
    meant = [_swung(ticks, score, pulse.swing) for ticks in (melody.onset, melody.offset)]
    touch = float(np.clip(np.median(down / (meant[1] - meant[0])) / pulse.quarter, 0.1, 0.98))
    return Feel(pulse.swing, tuple(late), touch, mean, tuple(accents))


def play_like(part: Part, call: Call) -> tuple[Heard, ...]:
    """A part of a page with the bars of the call, played with its feel; times are seconds from the page's tick 0."""
    onset, end = (_swung(ticks, call.score, call.feel.swing) * call.quarter for ticks in (part.onset, part.offset))
    start = np.maximum(onset + np.array(call.feel.late)[_into(part.onset, call.score) // SIXTEENTH], 0.0)
    released = start + np.maximum((end - onset) * call.feel.touch, 0.02)
    accent = np.array(call.feel.accents)[_weights(part.onset, call.score)]
    velocity = np.clip(np.rint(call.feel.velocity + accent), 1, 127).astype(int)
    rows = zip(start.tolist(), released.tolist(), part.pitch.tolist(), velocity.tolist(), strict=True)
    return tuple(sorted(Heard(down, up, up, pitch, loud) for down, up, pitch, loud in rows))


def _swung(ticks: Ints, score: Score, swing: float) -> Floats:
    """(N,) quarters from the page's tick 0 at which its ticks come."""
    into = _into(ticks, score) / TICKS_PER_QUARTER
    return np.asarray(ticks / TICKS_PER_QUARTER - into + swung(into, np.array(swing)))


def _into(ticks: Ints, score: Score) -> NDArray[np.int64]:
    """(N,) ticks since the last quarter, counted from the bar line."""
    return np.asarray((ticks.astype(np.int64) - score.pickup) % score.meter.bar % TICKS_PER_QUARTER)


def _weights(ticks: Ints, score: Score) -> NDArray[np.int64]:
    """(N,) 0 at a bar line, 1 on a beat, 2 halfway through one or a third of it in, 3 elsewhere."""
    meter = score.meter
    into = (ticks.astype(np.int64) - score.pickup) % meter.bar
    half = meter.beat // 3 if meter.beat % (3 * EIGHTH) == 0 else meter.beat // 2
    return np.select([into == 0, into % meter.beat == 0, into % half == 0], [0, 1, 2], 3)
