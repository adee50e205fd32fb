"""Where the beat lies in what a person played: tempo, phase, meter, swing and places, from the moments of its onsets.

Many readings (a kind of beat, a tempo, a swing, a place for the first note) are followed from note to note, each with a
Kalman filter for beat and tempo, and weighed by what folk tunes do (in the manner of Temperley, Music and Probability,
2007, chapter 3: a note begins at each place of the bar with its own probability) and by the tempi at which people hear
a beat. The best of them are then set in bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.live.grid import Grid
from composer.theory import TICKS_PER_QUARTER, Ints, Meter

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

# in how many of 100 bars a note begins on each sixteenth; learned from the folk corpus's training split by
# benchmarks/understanding.py --learn
ONSETS = {
    "4/4": (99, 5, 50, 19, 93, 3, 63, 23, 97, 5, 48, 15, 93, 2, 65, 19),
    "3/4": (94, 3, 17, 9, 62, 3, 35, 9, 90, 6, 51, 16),
    "2/4": (99, 47, 84, 58, 95, 42, 87, 58),
    "6/8": (99, 3, 69, 7, 92, 2, 97, 2, 59, 3, 95, 7),
}
METERS = {"4/4": 0.5, "3/4": 0.1, "2/4": 0.15, "6/8": 0.25}  # how likely they are before anything is heard
TRIPLET = 0.02  # the probability of a note on each of the two places of a triplet
# the tempi at which a beat is felt: about 600 ms, a fifth of a decade either way (R. Parncutt, Music Perception 11,
# 1994; L. van Noorden and D. Moelants, J. New Music Research 28, 1999)
FELT, SPREAD = 0.55, 0.2
BEATS = np.exp(np.arange(np.log(0.28), np.log(1.25), 0.045))  # seconds
JITTER = 0.018  # seconds by which hands miss what they mean
BENDING = 0.02  # share by which the tempo may wander within a beat
SWINGS = {0.5: 0.6, 0.58: 0.2, 0.66: 0.2}

WIDTHS = (1.5, 3.0, 6.0, 24.0)  # beats over which a tempo may be steady
RECENT = 6.0  # beats that tell the phase at the end, where the tempo is known
QUARTERS = (0.1, 4.0)  # seconds between which a quarter is kept
TWELFTHS = 12  # of a beat: places are counted in them
PRUNED = {5: 240, 10: 90, 20: 40, 40: 16, 80: 6}  # after so many notes, so many readings are kept
BARRED = 12  # readings set in bars
NEVER = 1e9


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


class Beat(NamedTuple):
    """A kind of beat: the places in it, in twelfths, and how likely a note begins on each."""

    places: Whole
    onset: Floats
    meters: tuple[str, ...]
    quarters: float
    swings: tuple[float, ...]
    lilts: tuple[float, ...]  # how likely those are
    starts: dict[int, float]  # where the first note stands, and how likely


def _simple(onsets: Sequence[float], meters: tuple[str, ...], swings: dict[float, float]) -> Beat:
    chances = np.array([onsets[0], onsets[1], TRIPLET, onsets[2], TRIPLET, onsets[3]])
    return Beat(
        np.array([0, 3, 4, 6, 8, 9]),
        chances,
        meters,
        1.0,
        (*swings,),
        (*swings.values(),),
        {0: 0.7, 3: 0.02, 6: 0.24, 9: 0.04},
    )


QUARTER = _simple((0.95, 0.04, 0.52, 0.18), ("4/4", "3/4"), SWINGS)
RUNNING = _simple((0.97, 0.45, 0.86, 0.58), ("2/4",), {0.5: 1.0})
DOTTED = Beat(
    np.arange(0, 12, 2),
    np.array([0.98, 0.02, 0.64, 0.05, 0.93, 0.05]),
    ("6/8",),
    1.5,
    (0.5,),
    (1.0,),
    {0: 0.44, 4: 0.03, 8: 0.5, 10: 0.03},
)
STRAIGHT = _simple((0.95, 0.2, 0.6, 0.3), ("4/4",), SWINGS)  # any quarter, where a grid gives it
KINDS = (QUARTER, RUNNING, DOTTED)


class _Readings(NamedTuple):
    """What is followed, a column each: (H,) arrays and where its notes stand, (N, H), in twelfths of a beat."""

    kind: Whole
    swing: Floats
    place: Whole
    moment: Floats  # when its last place was, as filtered
    beat: Floats  # seconds
    spread: Floats  # (3, H) variance of the moment, covariance, variance of the beat
    cost: Floats
    path: Whole

    def select(self, index: NDArray[np.intp]) -> _Readings:
        columns: Iterator[Any] = (column[..., index] for column in self)
        return _Readings(*columns)


def find_pulse(onsets: Floats, *, quarter: float | None = None, meter: Meter | None = None) -> Pulse:
    """The pulse of onsets (seconds, rising, at least one); ``quarter`` (seconds) and ``meter`` where they are known."""
    since = onsets - onsets[0]
    best = min(_barred(_followed(since, _begun(since, quarter, meter)), meter), key=lambda bars: bars.cost)
    pulse = _settled(since, best, quarter)
    return pulse._replace(origin=pulse.origin + float(onsets[0]), expected=pulse.expected + onsets[0])


def _begun(onsets: Floats, quarter: float | None, meter: Meter | None) -> _Readings:
    rows = []
    for number, kind in enumerate(KINDS):
        if meter is not None and not _fits(kind, meter):
            continue
        beats = BEATS if quarter is None else np.array([quarter * kind.quarters])
        share = np.log(sum(METERS[name] for name in kind.meters))
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
    return _Readings(kinds, swings, starts, np.full(len(rows), onsets[0]), periods, spread, costs, path)


def _fits(kind: Beat, meter: Meter) -> bool:
    return (meter.beat == TICKS_PER_QUARTER * 3 // 2) == (kind is DOTTED)


_PLACES = np.stack([np.append(kind.places, 12) for kind in KINDS])
_STRUCK = np.stack([-np.log(np.append(kind.onset, kind.onset[0])) for kind in KINDS])
_MISSED = np.stack([np.concatenate([[0], np.cumsum(-np.log(1 - kind.onset))]) for kind in KINDS])  # before each place
_INDEX = np.zeros((len(KINDS), TWELFTHS), dtype=np.int64)  # of a place among those of its kind
for _number, _kind in enumerate(KINDS):
    _INDEX[_number, _kind.places] = np.arange(len(_kind.places))


def _followed(onsets: Floats, now: _Readings) -> _Readings:
    for number, moment in enumerate(onsets[1:].tolist(), 1):
        now = _step(now, number, moment)
        if number in PRUNED:
            now = _pruned(now, PRUNED[number])
    return now


def _step(now: _Readings, number: int, moment: float) -> _Readings:
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
    index = _INDEX[kind, into]
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
    return _Readings(kind, now.swing, place, reached, period, spread, now.cost + cost[columns, best], now.path)


def swung(place: Floats, swing: Floats) -> Floats:
    """Where a place (0 to 1) of a straight beat falls in a swung one."""
    return np.asarray(np.where(place <= 0.5, 2 * swing * place, 1 - 2 * (1 - swing) * (1 - place)))


def _pruned(now: _Readings, count: int) -> _Readings:
    """The best readings; of those that have come to agree, one."""
    order = np.argsort(now.cost, kind="stable")
    same = np.stack([now.kind, np.rint(now.swing * 100).astype(np.int64), now.path[0], now.place])[:, order]
    first = np.sort(np.unique(same, axis=1, return_index=True)[1])
    return now.select(order[first[:count]])


class _Bars(NamedTuple):
    """A reading set in bars: ``places`` (N,) in twelfths of a beat from a bar line."""

    cost: float
    kind: Beat
    meter: Meter
    places: Whole
    swing: float


def _barred(readings: _Readings, meter: Meter | None) -> Iterator[_Bars]:
    """The best readings in every meter that they may have, on every beat of the bar."""
    for column in np.argsort(readings.cost, kind="stable")[:BARRED].tolist():
        number = int(readings.kind[column])
        kind, path = KINDS[number], readings.path[:, column]
        for name in kind.meters if meter is None else (str(meter),):
            shift, cost = _best_bar(path, number, name)
            share = METERS.get(name, 0.05) / sum(METERS[other] for other in kind.meters)
            total = float(readings.cost[column] + cost - np.log(share))
            yield _Bars(total, kind, Meter.parse(name), path + shift * TWELFTHS, float(readings.swing[column]))


def _best_bar(path: Whole, number: int, name: str) -> tuple[int, float]:
    """By how many beats to move a path so that it stands best in bars of a meter, and how much better bars explain its
    onsets than beats alone do (a cost, mostly below 0).
    """
    kind, meter = KINDS[number], Meter.parse(name)
    beats = max(round(meter.bar / TICKS_PER_QUARTER / kind.quarters), 1)
    chances = _chances(name, kind, beats)
    odds = np.log(chances / (1 - chances))
    base = np.log(kind.onset / (1 - kind.onset))
    moved = path[:, None] // TWELFTHS + np.arange(beats)  # (N, beats)
    index = _INDEX[number, path % TWELFTHS][:, None]
    struck = (odds[moved % beats, index] - base[index]).sum(axis=0)
    silence = np.log(1 - chances).sum(axis=1) - np.log(1 - kind.onset).sum()  # (beats,)
    span = np.arange(path[0] // TWELFTHS, path[-1] // TWELFTHS + 1)[:, None] + np.arange(beats)
    score = struck + silence[span % beats].sum(axis=0)
    gaps = np.diff(path)
    weight = np.zeros(beats)
    weight[0] = 1.0
    if beats == 4:
        weight[2] = 0.6
    longer = np.append(gaps > np.median(gaps) * 1.5, True) if len(gaps) else np.array([True])
    score = score + 0.8 * (weight[moved % beats] * (longer & (path % TWELFTHS == 0))[:, None]).sum(axis=0)
    start = moved[0] % beats
    score = score + np.where(start == 0, 0.5, np.where(start == beats - 1, 0.5, -1.0))
    shift = int(score.argmax())
    return shift, -float(score[shift])


def _chances(name: str, kind: Beat, beats: int) -> Floats:
    """(beats, places) how likely a note begins on each place of a bar."""
    if name not in ONSETS:
        return np.tile(kind.onset, (beats, 1))
    rows = np.array(ONSETS[name]).reshape(beats, -1) / 100
    if kind is DOTTED:
        return np.asarray(rows)
    low = np.full(beats, TRIPLET)
    return np.stack([rows[:, 0], rows[:, 1], low, rows[:, 2], low, rows[:, 3]], axis=1)


def _settled(onsets: Floats, bars: _Bars, quarter: float | None) -> Pulse:
    """The pulse of a reading: its tempo smoothed, or kept where it is known, and its swing measured."""
    straight = bars.places / TWELFTHS
    whole, into = np.divmod(straight, 1)
    swing = bars.swing
    for _ in range(2):
        curve = _smooth(onsets, whole + swung(into, np.array(swing)))
        swing = _swing_of(onsets, into, curve, swing) if bars.kind is QUARTER else 0.5
    felt = whole + swung(into, np.array(swing))
    expected, pace = _smooth(onsets, felt)
    beat = float(np.clip(pace[-1] / bars.kind.quarters if quarter is None else quarter, *QUARTERS)) * bars.kind.quarters
    late = np.exp((felt - felt[-1]) / RECENT)  # how much each note says of where the beat is at the end
    origin = expected[-1] - felt[-1] * beat if quarter is None else late @ (onsets - felt * beat) / late.sum()
    ticks = np.rint(straight * bars.kind.quarters * TICKS_PER_QUARTER).astype(np.int32)
    return Pulse(bars.meter, ticks, float(origin), beat / bars.kind.quarters, swing, expected)


def _smooth(onsets: Floats, beats: Floats) -> tuple[Floats, Floats]:
    """(N,) when each place would come in a tempo that bends slowly, and seconds a beat there: lines through the notes
    around each, weighted by the bell that foretells each note best from the others.
    """
    return min((_lines(onsets, beats, width) for width in WIDTHS), key=lambda found: found[2])[:2]


def _lines(onsets: Floats, beats: Floats, width: float) -> tuple[Floats, Floats, float]:
    """As above, with a bell of ``width`` beats, and how far each note lies from what the others say."""
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


def _swing_of(onsets: Floats, into: Floats, curve: tuple[Floats, Floats], swing: float) -> float:
    """Where the second halves of beats fall, as a share of the beat; 0.5 unless three or more notes say otherwise."""
    halves = into == 0.5
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
    kind = DOTTED if _fits(DOTTED, grid.meter) else STRAIGHT
    beats = np.clip((felt - start) / kind.quarters, -1e6, 1e6)
    places, swing = min((_snapped(beats, kind, swing, quarter) for swing in kind.swings), key=lambda found: found[0])[
        1:
    ]
    whole, into = np.divmod(places / TWELFTHS, 1)
    halves = into == 0.5
    if swing > 0.5 and halves.sum() >= 3:
        swing = float(np.clip(np.median((beats - whole)[halves]), 0.53, 0.72))
    meant = start + (whole + swung(into, np.array(swing))) * kind.quarters
    expected = np.array([grid.seconds(place) for place in meant.tolist()])
    ticks = np.rint(places * kind.quarters * TICKS_PER_QUARTER / TWELFTHS).astype(np.int32)
    return Pulse(grid.meter, ticks, grid.seconds(end) - (end - start) * quarter, quarter, swing, expected)


def _snapped(beats: Floats, kind: Beat, swing: float, quarter: float) -> tuple[float, Whole, float]:
    """The cost of a swing, the places (N,) in twelfths of a beat that then cost least, and the swing."""
    places = np.append(kind.places, TWELFTHS)
    whole = np.floor(beats)
    away = (beats - whole)[:, None] - swung(places / TWELFTHS, np.array(swing))
    cost = 0.5 * (away * quarter * kind.quarters / JITTER) ** 2 - np.log(np.append(kind.onset, kind.onset[0]))
    found = whole.astype(np.int64) * TWELFTHS + places[cost.argmin(axis=1)]
    return float(cost.min(axis=1).sum() - np.log(kind.lilts[kind.swings.index(swing)])), found, swing
