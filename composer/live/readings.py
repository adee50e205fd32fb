"""Readings of a rhythm: kinds of beat, tempi and swings under which a person's onsets may be read, followed in time.

Each reading has a Kalman filter for beat and tempo, and puts every note on the place that costs least: its distance
from there, and how rarely notes begin there (in the manner of D. Temperley, Music and Probability, 2007, chapter 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.theory import TICKS_PER_QUARTER, Meter

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

SIMPLE = ("4/4", "3/4", "2/4")
TRIPLET = 0.02  # the probability of a note on each of the two places of a triplet
# the tempi at which a beat is felt: about 600 ms, a fifth of a decade either way (R. Parncutt, Music Perception 11,
# 1994; L. van Noorden and D. Moelants, J. New Music Research 28, 1999)
FELT, SPREAD = 0.55, 0.2
BEATS = np.exp(np.arange(np.log(0.28), np.log(1.25), 0.045))  # seconds
JITTER = 0.018  # seconds by which hands miss what they mean
BENDING = 0.02  # share by which the tempo may wander within a beat
STRAYING = 1.15  # at most, from a tempo that is known
SWINGS = {0.5: 0.6, 0.58: 0.2, 0.66: 0.2}

TWELFTHS = 12  # of a beat: places are counted in them
PRUNED = {5: 240, 10: 100, 20: 60, 40: 30, 80: 10, 160: 4}  # after so many notes, so many readings are kept
NEVER = 1e9


class Beat(NamedTuple):
    """A kind of beat: the places in it, in twelfths, and how likely a note begins on each."""

    places: Whole
    onset: Floats
    likely: float  # before anything is heard
    meters: tuple[str, ...]
    quarters: float
    swings: tuple[float, ...]
    lilts: tuple[float, ...]  # how likely those are
    starts: dict[int, float]  # where the first note stands, and how likely


def _simple(onsets: Sequence[float], likely: float, swings: dict[float, float]) -> Beat:
    chances = np.array([onsets[0], onsets[1], TRIPLET, onsets[2], TRIPLET, onsets[3]])
    return Beat(
        np.array([0, 3, 4, 6, 8, 9]),
        chances,
        likely,
        SIMPLE,
        1.0,
        (*swings,),
        (*swings.values(),),
        {0: 0.7, 3: 0.02, 6: 0.24, 9: 0.04},
    )


QUARTER = _simple((0.95, 0.04, 0.52, 0.18), 0.6, SWINGS)
RUNNING = _simple((0.97, 0.45, 0.86, 0.58), 0.15, {0.5: 1.0})
DOTTED = Beat(
    np.arange(0, 12, 2),
    np.array([0.98, 0.02, 0.64, 0.05, 0.93, 0.05]),
    0.25,
    ("6/8",),
    1.5,
    (0.5,),
    (1.0,),
    {0: 0.44, 4: 0.03, 8: 0.5, 10: 0.03},
)
STRAIGHT = _simple((0.95, 0.2, 0.6, 0.3), 1.0, SWINGS)  # any quarter, where a grid gives it
KINDS = (QUARTER, RUNNING, DOTTED)


class Readings(NamedTuple):
    """What is followed, a column each: (H,) arrays and where its notes stand, (N, H), in twelfths of a beat."""

    kind: Whole
    swing: Floats
    place: Whole
    moment: Floats  # when its last place was, as filtered
    beat: Floats  # seconds
    spread: Floats  # (3, H) variance of the moment, covariance, variance of the beat
    cost: Floats
    path: Whole

    def select(self, index: NDArray[np.intp]) -> Readings:
        columns: Iterator[Any] = (column[..., index] for column in self)
        return Readings(*columns)


def begun(onsets: Floats, quarter: float | None, meter: Meter | None) -> Readings:
    """All readings of the first of some onsets (N,), seconds; of what is known, a quarter in seconds or the meter, only
    those that agree.
    """
    rows = []
    for number, kind in enumerate(KINDS):
        if meter is not None and not fits(kind, meter):
            continue
        beats = BEATS if quarter is None else np.array([quarter * kind.quarters])
        share = np.log(kind.likely)
        for swing, lilt in zip(kind.swings, kind.lilts, strict=True):
            for start, chance in kind.starts.items():
                felt = (np.log10(beats / FELT) / SPREAD) ** 2 / 2
                cost = felt - np.log(chance * lilt) - share
                rows += [(number, swing, start, beat, value) for beat, value in zip(beats, cost, strict=True)]
    columns: Iterator[Any] = (np.array(column) for column in zip(*rows, strict=True))
    kinds, swings, starts, periods, costs = columns
    loose = 0.04 if quarter is None else 0.02
    spread = np.stack([np.full(len(rows), JITTER**2), np.zeros(len(rows)), (loose * periods) ** 2])
    path = np.zeros((len(onsets), len(rows)), dtype=np.int64)
    path[0] = starts
    return Readings(kinds, swings, starts, np.full(len(rows), onsets[0]), periods, spread, costs, path)


def fits(kind: Beat, meter: Meter) -> bool:
    """Whether a meter has such beats: dotted quarters in 6/8, 9/8 and 12/8, else quarters."""
    return (meter.beat == TICKS_PER_QUARTER * 3 // 2) == (kind is DOTTED)


_PLACES = np.stack([np.append(kind.places, 12) for kind in KINDS])
_STRUCK = np.stack([-np.log(np.append(kind.onset, kind.onset[0])) for kind in KINDS])
_MISSED = np.stack([np.concatenate([[0], np.cumsum(-np.log(1 - kind.onset))]) for kind in KINDS])  # before each place
INDEX = np.zeros((len(KINDS), TWELFTHS), dtype=np.int64)  # of a place among those of its kind
for _number, _kind in enumerate(KINDS):
    INDEX[_number, _kind.places] = np.arange(len(_kind.places))


def followed(onsets: Floats, now: Readings, quarter: float | None) -> Readings:
    """The readings left after all onsets (N,); where the ``quarter`` (seconds) is known none strays from it."""
    for number, moment in enumerate(onsets[1:].tolist(), 1):
        now = _step(now, number, moment)
        if quarter is not None:
            told = quarter * np.array([kind.quarters for kind in KINDS])[now.kind]
            now = now._replace(beat=np.clip(now.beat, told / STRAYING, told * STRAYING))
        if number in PRUNED:
            now = _pruned(now, PRUNED[number])
    return now


def _step(now: Readings, number: int, moment: float) -> Readings:
    """Each reading with the next note, on the place that costs least."""
    kind, columns = now.kind, np.arange(len(now.kind))
    whole, into = np.divmod(now.place, TWELFTHS)
    last = swung(into / TWELFTHS, now.swing)
    felt = whole + last + (moment - now.moment) / now.beat
    beat = np.floor(np.clip(felt, whole, whole + 1e4)).astype(np.int64)
    places = _PLACES[kind]
    ahead = (beat - whole)[:, None] + swung(places / TWELFTHS, now.swing[:, None]) - last[:, None]  # beats
    at, both, pace = (row[:, None] for row in now.spread)
    variance = at + ahead * (2 * both + ahead * pace) + (BENDING * now.beat[:, None]) ** 2 * ahead**3 / 3 + JITTER**2
    away = moment - now.moment[:, None] - now.beat[:, None] * ahead
    index = INDEX[kind, into]
    missed = (beat - whole)[:, None] * _MISSED[kind, -1:] + _MISSED[kind] - _MISSED[kind, index + 1][:, None]
    cost = 0.5 * away**2 / variance + 0.5 * np.log(variance) + _STRUCK[kind] + missed
    target = beat[:, None] * TWELFTHS + places
    cost = np.where(target > now.place[:, None], cost, NEVER)
    best = cost.argmin(axis=1)
    ahead, away, variance = ahead[columns, best], away[columns, best], variance[columns, best]
    at, both, pace = now.spread
    wander = (BENDING * now.beat) ** 2 * ahead
    at, both, pace = variance - JITTER**2, both + ahead * pace + wander * ahead / 2, pace + wander
    gain, turn = at / variance, both / variance
    spread = np.stack([at * (1 - gain), both * (1 - gain), pace - turn * both])
    place = target[columns, best]
    period = np.maximum(now.beat + turn * away, 1e-4)
    now.path[number] = place
    reached = now.moment + now.beat * ahead + gain * away
    return Readings(kind, now.swing, place, reached, period, spread, now.cost + cost[columns, best], now.path)


def swung(place: Floats, swing: Floats) -> Floats:
    """Where a place (0 to 1) of a straight beat falls in a swung one."""
    return np.asarray(np.where(place <= 0.5, 2 * swing * place, 1 - 2 * (1 - swing) * (1 - place)))


def _pruned(now: Readings, count: int) -> Readings:
    """The best readings; of those that have come to agree, one."""
    order = np.argsort(now.cost, kind="stable")
    same = np.stack([now.kind, np.rint(now.swing * 100).astype(np.int64), now.path[0], now.place])[:, order]
    first = np.sort(np.unique(same, axis=1, return_index=True)[1])
    return now.select(order[first[:count]])


def distinct(now: Readings, count: int) -> list[int]:
    """The columns of the best readings, best first; of those with the same beats only the best, whatever its swing."""
    dotted = now.kind == len(KINDS) - 1
    since = now.moment - swung(now.place % TWELFTHS / TWELFTHS, now.swing) * now.beat  # when its last beat was
    found: list[int] = []
    for column in np.argsort(now.cost, kind="stable").tolist():
        away = (since[found] - since[column]) / now.beat[column]
        near = np.abs(away - np.rint(away)) < 0.12
        alike = np.abs(np.log(now.beat[found] / now.beat[column])) < 0.04
        if not (near & alike & (dotted[found] == dotted[column])).any():
            found.append(column)
        if len(found) == count:
            break
    return found
