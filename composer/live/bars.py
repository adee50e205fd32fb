"""Readings of a rhythm set in bars: which meter, and where the bar line lies.

Every reading in every meter with every beat as the first of the bar is described by a few numbers that musicians listen
to: notes where tunes have them, long and loud notes on bar lines, notes that come again after a bar. How much each
counts is learned from folk tunes (benchmarks/understanding.py --learn).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from composer.live.readings import (
    DOTTED,
    FELT,
    INDEX,
    KINDS,
    SPREAD,
    TRIPLET,
    TWELFTHS,
    Beat,
    Floats,
    Readings,
    Whole,
    distinct,
)
from composer.theory import TICKS_PER_QUARTER, Meter

# in how many of 100 bars a note begins on each sixteenth; learned from the folk corpus's training split by
# benchmarks/understanding.py --learn
ONSETS = {
    "4/4": (99, 5, 50, 19, 93, 3, 63, 23, 97, 5, 48, 15, 93, 2, 65, 19),
    "3/4": (94, 3, 17, 9, 62, 3, 35, 9, 90, 6, 51, 16),
    "2/4": (99, 47, 84, 58, 95, 42, 87, 58),
    "6/8": (99, 3, 69, 7, 92, 2, 97, 2, 59, 3, 95, 7),
}
# what a unit of each of the features adds to the log-odds of a reading in bars, as learned but for four where calls are
# not like the dance tunes they are learned from: players begin on the bar line more often (start line, learned 3.0),
# at a tempo of their own (felt, 0.8), in 6/8 less often (-0.4), and nobody knows how they stress it (loud line, 1.3)
WEIGHTS = {
    "cost": 0.18,
    "felt": 1.5,
    "beats": 0.06,
    "onset": 0.2,
    "long line": 0.9,
    "long beat": 0.76,
    "loud line": 1.0,
    "same beat": 0.73,
    "leap line": -0.49,
    "start line": 4.8,
    "start beat": -1.2,
    "start last beat": 4.29,
    "start half": 1.9,
    "same bar": 0.24,
    "other bar": 0.19,
    "3/4": -1.47,
    "2/4": -0.54,
    "6/8": -0.7,
}
BARRED = 16  # readings set in bars
AS_BEFORE, SAME = 3.0, 0.1  # added to the log-odds of the meter and tempo of the phrase before, within 10 %
MOST_BEATS = 4096  # of a path, whose silences count


class Strikes(NamedTuple):
    """What was struck at one moment, (N,) each: when (seconds, rising), the highest pitch, and how loud together."""

    onset: Floats
    pitch: Whole
    loud: Floats


class Before(NamedTuple):
    """The meter and the seconds of a quarter of the phrase before, which usually go on."""

    meter: Meter
    quarter: float


class Bars(NamedTuple):
    """A reading set in bars: ``places`` (N,) in twelfths of a beat from a bar line."""

    kind: Beat
    meter: Meter
    places: Whole
    swing: float


def best_bars(readings: Readings, strikes: Strikes, meter: Meter | None, before: Before | None = None) -> Bars:
    """The most probable of the best readings in every meter that they may have, on every beat of the bar."""
    found: list[tuple[float, Bars]] = []
    for column in distinct(readings, BARRED):
        kind, path = KINDS[readings.kind[column]], readings.path[:, column]
        cost = float(readings.cost[column] - readings.cost.min())
        for name in kind.meters if meter is None else (str(meter),):
            period = float(readings.beat[column])
            fit = features(path, int(readings.kind[column]), name, strikes, cost, period) @ np.array(
                [*WEIGHTS.values()]
            )
            if before is not None and name == str(before.meter):
                fit += AS_BEFORE * (abs(np.log(period / kind.quarters / before.quarter)) < SAME)
            shift = int(fit.argmax())
            places = path + shift * TWELFTHS
            found.append((float(fit[shift]), Bars(kind, Meter.parse(name), places, float(readings.swing[column]))))
    return max(found, key=lambda row: row[0])[1]


def features(path: Whole, number: int, name: str, strikes: Strikes, cost: float, period: float) -> Floats:
    """(beats, features) of a path (N,) of the kind ``number`` in a meter, moved by 0, 1, 2... beats; see WEIGHTS."""
    kind, meter = KINDS[number], Meter.parse(name)
    beats = max(round(meter.bar / TICKS_PER_QUARTER / kind.quarters), 1)
    into = (path[:, None] + TWELFTHS * np.arange(beats)) % (TWELFTHS * beats)  # (N, beats) since the bar line
    line, beat = into == 0, (into > 0) & (into % TWELFTHS == 0)
    gaps, steps = np.diff(path), np.diff(strikes.pitch)
    longer = np.append(gaps > 1.5 * np.median(gaps), False) if len(gaps) else np.zeros(1, dtype=bool)
    loud = np.clip((strikes.loud - strikes.loud.mean()) / (strikes.loud.std() + 4), -2, 2)
    same, leap = np.append(False, steps == 0), np.append(False, np.abs(steps) >= 3)
    start, bar = into[0], TWELFTHS * beats
    plain, onset = _onsets(path, number, name, beats)
    again = _again(path, strikes.pitch, bar)
    columns = {
        "cost": np.full(beats, -cost),
        "felt": np.full(beats, -((np.log10(period / FELT) / SPREAD) ** 2)),
        "beats": np.full(beats, plain),
        "onset": onset,
        "long line": longer @ line,
        "long beat": longer @ beat,
        "loud line": loud @ line,
        "same beat": same @ beat.astype(int),
        "leap line": leap @ line.astype(int),
        "start line": start == 0,
        "start beat": (start > 0) & (start % TWELFTHS == 0),
        "start last beat": start >= bar - TWELFTHS,
        "start half": (start < bar - TWELFTHS) & (2 * start >= bar),
        "same bar": np.full(beats, again[0]),
        "other bar": np.full(beats, again[1]),
        **{other: np.full(beats, name == other) for other in ("3/4", "2/4", "6/8")},
    }
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in WEIGHTS], axis=1)


class _Table(NamedTuple):
    """A kind of beat in a meter: log-odds of a note on each place, (beats, places), and in beats alone, (places,); what
    silence adds to each beat as it is moved by 0, 1, 2..., (beats, beats), and what it is in a beat alone.
    """

    odds: Floats
    plain: Floats
    silence: Floats
    alone: float


@cache
def _table(number: int, name: str, beats: int) -> _Table:
    kind = KINDS[number]
    chances = _chances(name, kind, beats)
    alone = float(np.log(1 - kind.onset).sum())
    silence = np.log(1 - chances).sum(axis=1) - alone
    turned = silence[(np.arange(beats)[:, None] + np.arange(beats)) % beats]
    return _Table(np.log(chances / (1 - chances)), np.log(kind.onset / (1 - kind.onset)), turned, alone)


def _onsets(path: Whole, number: int, name: str, beats: int) -> tuple[float, Floats]:
    """How well beats alone explain where notes begin, and (beats,) how much better the bars of a meter do."""
    table = _table(number, name, beats)
    beat, place = path // TWELFTHS, INDEX[number, path % TWELFTHS]
    struck = table.odds[(beat[:, None] + np.arange(beats)) % beats, place[:, None]].sum(axis=0)
    plain = float(table.plain[place].sum())
    span = min(int(beat[-1] - beat[0]) + 1, MOST_BEATS)
    passed = np.bincount((beat[0] + np.arange(span)) % beats, minlength=beats)
    return plain + table.alone * span, struck - plain + table.silence @ passed


def _chances(name: str, kind: Beat, beats: int) -> Floats:
    """(beats, places) how likely a note begins on each place of a bar."""
    if name not in ONSETS:
        return np.tile(kind.onset, (beats, 1))
    rows = np.array(ONSETS[name]).reshape(beats, -1) / 100
    if kind is DOTTED:
        return np.asarray(rows)
    low = np.full(beats, TRIPLET)
    return np.stack([rows[:, 0], rows[:, 1], low, rows[:, 2], low, rows[:, 3]], axis=1)


def _again(path: Whole, pitch: Whole, bar: int) -> tuple[int, int]:
    """How many notes have the same pitch, and how many another, as the one that begins a bar before."""
    before = np.searchsorted(path, path - bar)
    there = path[before] == path - bar
    same = int((there & (pitch[before] == pitch)).sum())
    return same, int(there.sum()) - same
