"""How well a played phrase is understood: tempo, beat, meter and places of 200 synthetic calls, keys of folk tunes.

python benchmarks/understanding.py [--calls 200] [--seed 0] [--split test] [--json] [--learn]

Calls are the first 2 to 8 bars of held-out folk tunes in 2/4, 3/4, 4/4 and 6/8 at 60 to 200 beats a minute, both even:
onsets jitter by a normal deviation of 0 to 30 ms, a third of those in simple meters is swung to 0.55-0.67, and in half
of them the tempo bends by up to 12 % either way over 2 to 8 bars. Tempo and phase are judged at the phrase's end, where
an answer would go on. ``--learn`` prints the constants of composer.analysis and composer.live.pulse instead, from the
training split.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from composer import corpora
from composer.analysis import FIRST, FOLK_PROFILES, LAST, find_key, find_mode
from composer.live.bars import BARRED, WEIGHTS, Strikes, features
from composer.live.call import Call, understand
from composer.live.phrase import Heard, Phrase
from composer.live.readings import KINDS, begun, distinct, followed
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER, Key, Meter

METERS = {"2/4": "2/4", "3/4": "3/4", "4/4": "4/4", "2/2": "4/4", "6/8": "6/8"}
FINE = 48  # steps of a quarter on which a bending tempo is added up


class Played(NamedTuple):
    """A call and what is true of it: ``places`` (N,) in quarters from a bar line, ``bar`` line and ``quarter`` at the
    end in seconds.
    """

    phrase: Phrase
    meter: Meter
    places: np.ndarray
    line: float
    quarter: float
    jitter: float
    swing: float
    bend: float


def played(score: Score, rng: np.random.Generator) -> Played:
    """The opening of a tune as a person may play it."""
    meter = Meter.parse(METERS[str(score.meter)])
    pickup = score.pickup
    end = pickup + int(rng.integers(2, 9)) * meter.bar
    part = score.parts[0].select(score.parts[0].onset < end)
    place, last = (part.onset - pickup) / TICKS_PER_QUARTER, (part.offset - pickup) / TICKS_PER_QUARTER
    quarter = 60 / np.exp(rng.uniform(np.log(60), np.log(200))) * TICKS_PER_QUARTER / meter.beat
    simple = meter.beat == TICKS_PER_QUARTER
    swing = float(rng.uniform(0.55, 0.67)) if rng.random() < 1 / 3 and simple else 0.5
    bend = float(rng.uniform(0, 0.12)) if rng.random() < 0.5 else 0.0
    period, phase = rng.uniform(2, 8) * meter.bar / TICKS_PER_QUARTER, rng.uniform(0, 2 * np.pi)
    first = float(np.floor(place[0])) - 1
    steps = np.arange(first, float(last.max()) + 2, 1 / FINE)
    pace = quarter * np.exp(bend * np.sin(2 * np.pi * steps / period + phase))
    clock = 5 + np.concatenate([[0], np.cumsum(pace[:-1])]) / FINE

    def seconds(quarters: np.ndarray) -> np.ndarray:
        whole, into = np.divmod(quarters, 1)
        swung = np.where(into <= 0.5, 2 * swing * into, 1 - 2 * (1 - swing) * (1 - into))
        return np.interp(whole + swung, steps, clock)

    jitter = float(rng.uniform(0, 0.03))
    onset = np.sort(seconds(place) + rng.normal(0, jitter, len(place)))
    touch = rng.uniform(0.5, 1.0) + rng.normal(0, 0.05, len(place))
    off = np.maximum(onset + (seconds(last) - seconds(place)) * touch, onset + 0.03)
    loud = np.clip(75 + 8 * (place % (meter.bar / TICKS_PER_QUARTER) == 0) + rng.normal(0, 8, len(place)), 1, 127)
    notes = [Heard(*row) for row in zip(onset, off, off, part.pitch.tolist(), loud.astype(int).tolist(), strict=True)]
    tail = float(place[-1])
    line = float(np.interp(np.ceil(tail * TICKS_PER_QUARTER / meter.bar) * meter.bar / TICKS_PER_QUARTER, steps, clock))
    now = float(np.interp(tail, steps, pace))
    return Played(Phrase(tuple(notes), float(off.max())), meter, place, line, now, jitter, swing, bend)


class Judged(NamedTuple):
    """How a call was understood: ratio of tempi, error of the beat in seconds and as a share of it, and so on."""

    ratio: float
    phase: float
    share: float
    meter: bool
    bar: bool
    right: float
    took: float


def judged(call: Call, truth: Played, took: float) -> Judged:
    """Places are right if the note stands where it was meant, but for one shift of all notes."""
    ratio = call.quarter / truth.quarter
    beat = truth.quarter * truth.meter.beat / TICKS_PER_QUARTER
    own = call.quarter * call.score.meter.beat / TICKS_PER_QUARTER
    away = (truth.line - call.zero - call.score.pickup / TICKS_PER_QUARTER * call.quarter) / own
    phase = abs(away - round(away)) * own
    bar = own * call.score.meter.bar / call.score.meter.beat
    off = (truth.line - call.zero - call.score.pickup / TICKS_PER_QUARTER * call.quarter) / bar
    found = call.score.parts[0].onset / TICKS_PER_QUARTER
    meant = truth.places
    right = 0.0
    if len(found) == len(meant):
        right = float(np.mean(np.abs(found - meant - np.median(found - meant)) < 0.05))
    return Judged(
        ratio, phase, phase / beat, call.score.meter == truth.meter, abs(off - round(off)) * bar < beat / 3, right, took
    )


def calls(split: Iterable[Score], count: int, seed: int) -> list[Played]:
    """So many calls, each of another tune."""
    tunes = [s for s in split if str(s.meter) in METERS and len(s.meters) == 1 and s.bars >= 8]
    rng = np.random.default_rng(seed)
    return [played(tunes[k], rng) for k in rng.permutation(len(tunes))[:count].tolist()]


def table(rows: list[tuple[Played, Judged]]) -> dict[str, Any]:
    """The figures of these calls."""
    found = [judge for _, judge in rows]
    ratio = np.array([judge.ratio for judge in found])
    octave = np.stack([ratio * factor for factor in (1, 2, 0.5, 4, 0.25, 3, 1 / 3, 1.5, 2 / 3)])
    error = np.abs(octave - 1)
    same = error[0] < 0.08
    return {
        "calls": len(rows),
        "tempo error %": round(100 * float(np.median(error[0])), 2),
        "within 4 %": round(float((error[0] < 0.04).mean()), 3),
        "octave allowed": round(float((error[:5].min(axis=0) < 0.04).mean()), 3),
        "3:2, 3:1 too": round(float((error.min(axis=0) < 0.04).mean()), 3),
        "octave right": round(float(same.mean()), 3),
        "phase ms": round(1e3 * float(np.median([judge.phase for judge in found])), 1),
        "of a beat": round(float(np.median([judge.share for judge in found])), 3),
        "p90": round(float(np.quantile([judge.share for judge in found], 0.9)), 3),
        "meter": round(float(np.mean([judge.meter for judge in found])), 3),
        "bar line": round(float(np.mean([judge.bar for judge in found])), 3),
        "places": round(float(np.mean([judge.right for judge in found])), 3),
        "places, octave right": round(
            float(np.mean([j.right for j, k in zip(found, same, strict=True) if k] or [0])), 3
        ),
        "ms": round(1e3 * float(np.median([judge.took for judge in found])), 1),
        "ms max": round(1e3 * max(judge.took for judge in found), 1),
    }


def measured(truths: list[Played], **given: Callable[[Played], Any]) -> list[tuple[Played, Judged]]:
    rows = []
    for truth in truths:
        begun = time.perf_counter()
        call = understand(truth.phrase, **{name: value(truth) for name, value in given.items()})
        rows.append((truth, judged(call, truth, time.perf_counter() - begun)))
    return rows


def key_accuracy(split: Iterable[Score], finder: Callable[..., Key], bars: int | None) -> tuple[float, float]:
    """The shares of tunes in one of four modes whose key, and whose tonic, is found, from so many first bars."""
    exact, tonic, count = 0, 0, 0
    for score in split:
        if len(score.keys) > 1 or score.key.mode not in FOLK_PROFILES:
            continue
        part = score.parts[0]
        if bars is not None:
            part = part.select(part.onset < score.barlines[min(bars + bool(score.pickup), len(score.barlines) - 1)])
        key = finder(part.pitch, part.duration)
        exact += (key.tonic_class, key.mode) == (score.key.tonic_class, score.key.mode)
        tonic += key.tonic_class == score.key.tonic_class
        count += 1
    return exact / count, tonic / count


def folk_profiles(split: Iterable[Score]) -> dict[str, tuple[int, ...]]:
    """What composer.analysis.FOLK_PROFILES holds."""
    shares: dict[str, list[np.ndarray]] = {mode: [] for mode in FOLK_PROFILES}
    for score in split:
        part: Part = score.parts[0]
        if len(score.keys) > 1 or score.key.mode not in shares or len(part) < 4:
            continue
        classes = (part.pitch - score.key.tonic_class) % 12
        share = np.bincount(classes, part.duration / part.duration.sum(), minlength=12)
        share[classes[0]] += FIRST
        share[classes[-1]] += LAST
        shares[score.key.mode].append(share / share.sum())
    return {mode: tuple(np.rint(1000 * np.mean(rows, axis=0)).astype(int).tolist()) for mode, rows in shares.items()}


def onset_profiles(split: Iterable[Score]) -> dict[str, tuple[int, ...]]:
    """What composer.live.pulse.ONSETS holds: in how many of 100 bars a note begins on each sixteenth."""
    counts = {name: np.zeros(Meter.parse(name).bar // 2520) for name in set(METERS.values())}
    bars = dict.fromkeys(counts, 0.0)
    for score in split:
        name = METERS.get(str(score.meter), "")
        if len(score.meters) == 1 and name:
            place = score.parts[0].onset - score.pickup
            sixteenth = place[place % 2520 == 0] // 2520 % len(counts[name])
            counts[name] += np.bincount(sixteenth, minlength=len(counts[name]))
            bars[name] += score.end / score.meter.bar
    return {name: tuple(np.rint(100 * counts[name] / bars[name]).astype(int).tolist()) for name in sorted(counts)}


class Choice(NamedTuple):
    """A call's readings in bars: features (N, F), which are right (N,)."""

    features: np.ndarray
    right: np.ndarray


def choice(truth: Played) -> Choice | None:
    """What composer.live.bars chooses from; None if nothing there is right."""
    notes = truth.phrase.notes
    onset = np.array([note.onset for note in notes]) - notes[0].onset
    pitch, loud = np.array([note.pitch for note in notes]), np.array([float(note.velocity) for note in notes])
    readings = followed(onset, begun(onset, None, None), None)
    rows, right = [], []
    for column in distinct(readings, BARRED):
        number, path = int(readings.kind[column]), readings.path[:, column]
        cost, beat = float(readings.cost[column] - readings.cost.min()), float(readings.beat[column])
        for name in KINDS[number].meters:
            rows.append(features(path, number, name, Strikes(onset, pitch, loud), cost, beat))
            for shift in range(len(rows[-1])):
                away = (path / 12 + shift) * KINDS[number].quarters - truth.places
                bars = np.median(away) / (truth.meter.bar / TICKS_PER_QUARTER)
                placed = np.mean(np.abs(away - np.median(away)) < 0.05) > 0.8
                right.append(name == str(truth.meter) and placed and abs(bars - round(bars)) < 0.01)
    return Choice(np.concatenate(rows), np.array(right)) if any(right) else None


def bar_weights(split: list[Score], count: int = 2000, steps: int = 400, ridge: float = 1e-3) -> dict[str, float]:
    """What composer.live.bars.WEIGHTS holds: the conditional logit of the right reading in bars (Adam, seed 5)."""
    rng = np.random.default_rng(5)
    tunes = [s for s in split if str(s.meter) in METERS and len(s.meters) == 1 and s.bars >= 8]
    found = [choice(played(tunes[int(k)], rng)) for k in rng.integers(len(tunes), size=count)]
    choices = [row for row in found if row is not None]
    print(f"{len(choices)} of {count} calls have a right reading", file=sys.stderr)
    x = np.concatenate([row.features for row in choices])
    scale = x.std(axis=0) + 1e-9
    x, right = x / scale, np.concatenate([row.right for row in choices])
    first = np.concatenate([[0], np.cumsum([len(row.right) for row in choices])[:-1]])
    group = np.repeat(np.arange(len(choices)), [len(row.right) for row in choices])
    weight, mean, square = np.zeros(x.shape[1]), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for step in range(1, steps + 1):
        score = x @ weight
        odds = np.exp(score - np.maximum.reduceat(score, first)[group])
        good = odds * right / np.add.reduceat(odds * right, first)[group]
        slope = -x.T @ (good - odds / np.add.reduceat(odds, first)[group]) / len(choices) + ridge * weight
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope**2
        weight -= 0.05 * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return dict(zip(WEIGHTS, (weight / scale).round(2).tolist(), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=["train", "validation", "test"], default="test")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--learn", action="store_true")
    asked = parser.parse_args()
    folk = corpora.load("folk")
    if asked.learn:
        print(folk_profiles(folk.train), onset_profiles(folk.train), bar_weights(list(folk.train)), sep="\n")
        return
    split = list(getattr(folk, asked.split))
    truths = calls(split, asked.calls, asked.seed)
    rows = measured(truths)
    told = measured(truths, tempo=lambda truth: 60 / truth.quarter, meter=lambda truth: truth.meter)
    groups = {
        "all": rows,
        "steady": [row for row in rows if row[0].bend == 0],
        "bending": [row for row in rows if row[0].bend > 0],
        "straight": [row for row in rows if row[0].swing == 0.5],
        "swung": [row for row in rows if row[0].swing > 0.5],
        "jitter to 15 ms": [row for row in rows if row[0].jitter <= 0.015],
        "jitter over 15 ms": [row for row in rows if row[0].jitter > 0.015],
        "60-120 a minute": [row for row in rows if _beats(row[0]) <= 120],
        "120-200 a minute": [row for row in rows if _beats(row[0]) > 120],
        **{f"in {name}": [row for row in rows if str(row[0].meter) == name] for name in ("2/4", "3/4", "4/4", "6/8")},
        "tempo and meter told": told,
    }
    figures = {name: table(group) for name, group in groups.items() if group}
    keys = {
        f"{finder.__name__}, {'whole tunes' if bars is None else f'first {bars} bars'}": key_accuracy(
            split, finder, bars
        )
        for bars in (None, 4)
        for finder in (find_key, find_mode)
    }
    if asked.json:
        print(json.dumps({"calls": figures, "keys": keys}))
        return
    print("| calls |", " | ".join(next(iter(figures.values()))), "|")
    print("|" + "---|" * (1 + len(next(iter(figures.values())))))
    for name, row in figures.items():
        print(f"| {name} |", " | ".join(map(str, row.values())), "|")
    print("\n| keys | exact | tonic |\n|---|---|---|")
    for name, (exact, tonic) in keys.items():
        print(f"| {name} | {exact:.3f} | {tonic:.3f} |")


def _beats(truth: Played) -> float:
    return 60 / truth.quarter * TICKS_PER_QUARTER / truth.meter.beat


if __name__ == "__main__":
    main()
