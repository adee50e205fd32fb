"""The traits of a single voice, as rates that do not grow with its length: what a classifier is told of a tune.

The written key and bar lines count. Where there is nothing to measure a trait is 0.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from composer.evaluation.lines import DEGREES, Bars, Line, Ticks, bar_codes, bars_of, ends_of_phrases, line
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER

MOVES = {
    "repeated notes": (0, 0),
    "semitone steps up": (1, 1),
    "semitone steps down": (-1, -1),
    "whole tone steps up": (2, 2),
    "whole tone steps down": (-2, -2),
    "minor thirds up": (3, 3),
    "minor thirds down": (-3, -3),
    "major thirds up": (4, 4),
    "major thirds down": (-4, -4),
    "fourths up": (5, 5),
    "fourths down": (-5, -5),
    "tritones": (6, 6),
    "fifths up": (7, 7),
    "fifths down": (-7, -7),
    "sixths up": (8, 9),
    "sixths down": (-9, -8),
    "sevenths up": (10, 11),
    "sevenths down": (-11, -10),
    "octaves up": (12, 12),
    "octaves down": (-12, -12),
    "leaps beyond an octave up": (13, 127),
    "leaps beyond an octave down": (-127, -13),
}
LENGTHS = {
    "sixteenths": (1, 4),
    "triplet eighths": (1, 3),
    "eighths": (1, 2),
    "triplet quarters": (2, 3),
    "dotted eighths": (3, 4),
    "quarters": (1, 1),
    "dotted quarters": (3, 2),
    "halves": (2, 1),
    "dotted halves": (3, 1),
    "wholes": (4, 1),
}
LAGS = (1, 2, 3, 4, 6, 8, 12, 16)
NEAR = 8  # bars
PHRASE = 4  # bars


def share(condition: NDArray[np.bool_]) -> float:
    """The share that is true, 0 of nothing."""
    return float(condition.mean()) if condition.size else 0.0


def mean(values: NDArray[np.generic]) -> float:
    """The mean, 0 of nothing."""
    return float(values.mean()) if values.size else 0.0


def entropy(shares: NDArray[np.float64]) -> float:
    """In bits, of shares that add up to 1, or of none."""
    some = shares[shares > 0]
    return float(-(some * np.log2(some)).sum() + 0.0)


def tune_traits(score: Score) -> dict[str, float]:
    """Every trait by its name, in a fixed order; the first part is measured."""
    notes, bars = line(score), bars_of(score)
    return {
        **_pitches(notes),
        **move_traits(notes),
        **_durations(notes, max(score.end, 1)),
        **_places(score, notes, bars),
        **_ends(score, notes),
        **_bars(score, notes),
    }


def _pitches(notes: Line) -> dict[str, float]:
    weight = np.bincount(notes.degree, notes.duration, minlength=12)
    shares = weight / max(weight.sum(), 1)
    height = notes.pitch.astype(np.float64)
    found = {f"time on {name}": float(part) for name, part in zip(DEGREES, shares, strict=True)}
    found["variety of degrees (bits)"] = entropy(shares)
    found["range (semitones)"] = float(np.ptp(height)) if height.size else 0.0
    found["mean pitch (MIDI)"] = mean(height)
    found["mean pitch above the lowest (semitones)"] = mean(height - height.min(initial=127))
    found["spread of pitch (semitones)"] = float(height.std()) if height.size else 0.0
    lowest = notes.degree[notes.pitch == notes.pitch.min(initial=127)][:1]
    found |= {f"lowest note is {DEGREES[k]}": share(lowest == k) for k in (0, 2, 4, 5, 7, 11)}
    found["highest note comes at (share of notes)"] = float(np.argmax(height)) / len(height) if height.size else 0.0
    return found


def move_traits(notes: Line) -> dict[str, float]:
    """How a line moves from note to note."""
    moves = notes.moves
    size = np.abs(moves)
    found: dict[str, float] = {}
    for name, (low, high) in MOVES.items():
        both = np.abs(moves) if name == "tritones" else moves
        found[name] = share((both >= low) & (both <= high))
    found["mean move (semitones)"] = mean(size)
    found["leaps"] = share(size > 4)
    found["variety of moves (bits)"] = entropy(np.bincount(np.clip(moves, -13, 13) + 13) / max(len(moves), 1))
    first, second = moves[:-1], moves[1:]
    turning, leaping = first * second < 0, np.abs(first) > 4
    found["turns"] = share(turning)
    found["leaps that are followed by a step back"] = share((turning & (np.abs(second) <= 2))[leaping])
    found["leaps after leaps"] = share((np.abs(second) > 4)[leaping])
    found["steps that go on the same way"] = share((first * second > 0) & (np.abs(first) <= 2) & (np.abs(second) <= 2))
    thirds = np.isin(np.abs(first), (3, 4)) & np.isin(np.abs(second), (3, 4, 5))
    found["broken chords"] = share(thirds & (first * second > 0))
    found["neighbour notes"] = share((first == -second) & np.isin(np.abs(first), (1, 2)))
    found["returns after a leap to the same note"] = share((first == -second) & leaping)
    found["leading tones that rise"] = share((moves == 1)[notes.degree[:-1] == 11])
    found["fourth degrees that fall by step"] = share(np.isin(moves, (-1, -2))[notes.degree[:-1] == 5])
    return found


def length_traits(duration: Ticks) -> dict[str, float]:
    """How long notes are, as shares of the notes."""
    found: dict[str, float] = {}
    for name, (above, below) in LENGTHS.items():
        found[name] = share(duration * below == TICKS_PER_QUARTER * above)
    found["notes longer than a whole"] = share(duration > 4 * TICKS_PER_QUARTER)
    _, counts = np.unique(duration, return_counts=True)
    found["variety of lengths (bits)"] = entropy(counts / max(len(duration), 1))
    return found


def _durations(notes: Line, end: int) -> dict[str, float]:
    found = length_traits(notes.duration)
    found["notes a quarter"] = len(notes.onset) * TICKS_PER_QUARTER / end
    found["longest note (quarters)"] = float(notes.duration.max(initial=0)) / TICKS_PER_QUARTER
    found["rests (share of time)"] = 1 - float(notes.duration.sum()) / end
    found["rests between notes"] = share(notes.onset[1:] > notes.offset[:-1])
    before, after = notes.duration[:-1], notes.duration[1:]
    found["lengths as the one before"] = share(before == after)
    found["long before short, 3 to 1"] = share(before == 3 * after)
    found["short before long, 1 to 3"] = share(after == 3 * before)
    found["long before short, 2 to 1"] = share(before == 2 * after)
    found["short before long, 1 to 2"] = share(after == 2 * before)
    return found


def _places(score: Score, notes: Line, bars: Bars) -> dict[str, float]:
    place = bars.position(score, notes.onset)
    opening, beat = place == 0, place % score.meter.beat == 0
    heard = notes.at(bars.start)
    struck = (heard >= 0) & (notes.onset[np.maximum(heard, 0)] == bars.start) if len(notes.onset) else heard > 0
    found = {
        "notes on the first beat": share(opening),
        "notes on beats": share(beat),
        "notes on sixteenths off the eighths": share(place % (TICKS_PER_QUARTER // 2) == TICKS_PER_QUARTER // 4),
        "bars whose first beat is struck": share(struck),
        "bars whose first beat is tied over": share((heard >= 0) & ~struck),
        "moves into the first beat by step": share((np.abs(notes.moves) <= 2)[opening[1:]]),
        "mean length on beats (of all)": mean(notes.duration[beat]) / max(mean(notes.duration), 1),
    }
    first = notes.degree[opening]
    found |= {f"first beats on {DEGREES[k]}": share(first == k) for k in (0, 2, 3, 4, 5, 7, 9, 10, 11)}
    foreign = np.array([d not in _scale(score) for d in notes.degree.tolist()], dtype=bool)
    found["notes outside the scale"] = share(foreign)
    found["notes outside the scale, on beats"] = share(foreign[beat])
    inside = np.searchsorted(notes.onset, np.append(bars.start, bars.end[-1:]))
    counts = np.diff(inside)
    found["notes in a bar, spread (of the mean)"] = float(counts.std()) / max(mean(counts), 1.0)
    spans = [np.ptp(notes.pitch[a:b]) for a, b in pairwise(inside.tolist()) if b > a]
    found["range of a bar (semitones)"] = mean(np.array(spans))
    return found


def _scale(score: Score) -> frozenset[int]:
    return frozenset((step - score.key.tonic_class) % 12 for step in score.key.scale)


def _ends(score: Score, notes: Line) -> dict[str, float]:
    """How the tune begins and closes, and its phrases of four bars."""
    names = ("1", "2", "b3", "3", "4", "5", "6")
    if not len(notes.onset):
        first, last, closing, following = (np.zeros(0, dtype=np.int64) for _ in range(4))
    else:
        ends = ends_of_phrases(score, PHRASE)
        closing = np.searchsorted(notes.onset, ends, "left") - 1
        closing = closing[closing >= 0]
        following = closing[closing + 1 < len(notes.onset)]
        first, last = notes.degree[:1], notes.degree[-1:]
    found = {f"begins on {name}": share(first == DEGREES.index(name)) for name in names}
    found |= {f"ends on {name}": share(last == DEGREES.index(name)) for name in names}
    ending = notes.degree[closing]
    found |= {f"phrases that end on {name}": share(ending == DEGREES.index(name)) for name in names}
    usual = max(mean(notes.duration), 1)
    found["last note's length (of the mean)"] = mean(notes.duration[-1:]) / usual
    found["phrase ends' length (of the mean)"] = mean(notes.duration[closing]) / usual
    found["last move (semitones)"] = mean(notes.moves[-1:])
    found["last note below the highest (semitones)"] = mean(notes.pitch.max(initial=0) - notes.pitch[-1:])
    found["move between phrases (semitones)"] = mean(np.abs(notes.moves[following]))
    return found


def _bars(score: Score, notes: Line) -> dict[str, float]:
    """How bars repeat, within windows that do not depend on the length of the tune."""
    rhythm = np.array(bar_codes(score, notes, pitched=False))
    whole = np.array(bar_codes(score, notes))
    found: dict[str, float] = {}
    for lag in LAGS:
        found[f"bars the same as {lag} before"] = share(whole[lag:] == whole[:-lag])
    for lag in (1, 2, 4, 8):
        found[f"bars in the same rhythm as {lag} before"] = share(rhythm[lag:] == rhythm[:-lag])
    for name, codes in (("bars", whole), ("rhythms", rhythm)):
        known = [code in codes[max(bar - NEAR, 0) : bar] for bar, code in enumerate(codes) if bar]
        found[f"{name} heard within {NEAR} bars before"] = share(np.array(known, dtype=bool))
    usual = np.bincount(rhythm).max() / len(rhythm) if len(rhythm) else 0.0
    found["bars in the commonest rhythm"] = float(usual)
    return found
