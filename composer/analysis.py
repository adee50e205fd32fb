"""What can be heard in notes: pure functions on arrays and scores."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from composer.score import Score
from composer.theory import MODES, TICKS_PER_QUARTER, Key

# Krumhansl & Kessler (1982): how well each pitch class, counted from the tonic, fits a major and a minor key
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


def find_key(pitch: ArrayLike, duration: ArrayLike) -> Key:
    """The major or minor key whose profile correlates best with how long each pitch class sounds.

    The algorithm of Krumhansl and Schmuckler. ``pitch`` (N,) are MIDI numbers, ``duration`` (N,) lengths in any unit.
    Of two names for a key, the one with fewer accidentals is given (F# rather than Gb); C major where all pitch
    classes sound equally long, or none.

    >>> str(find_key([62, 64, 66, 67, 69, 71, 73, 74], [2, 1, 1, 1, 2, 1, 1, 2]))
    'D major'
    """
    weights = np.bincount(np.asarray(pitch, dtype=np.int64) % 12, np.asarray(duration, dtype=np.float64), minlength=12)
    if np.ptp(weights) == 0:
        return Key(0)
    names = [(mode, tonic) for mode in PROFILES for tonic in range(12)]
    profiles = [np.roll(PROFILES[mode], tonic) for mode, tonic in names]
    mode, tonic = names[int(np.argmax(np.corrcoef(weights, profiles)[0, 1:]))]
    return plain_key(tonic, mode)


def plain_key(tonic_class: int, mode: str) -> Key:
    """The key on a pitch class, named with the fewest accidentals: F# major, but B rather than Cb.

    >>> str(plain_key(1, "minor"))
    'C# minor'
    """
    signature = (7 * tonic_class - MODES[mode] + 5) % 12 - 5
    return Key(signature + MODES[mode], mode)


def uneven_bars(score: Score) -> list[tuple[int, str]]:
    """The bars that do not add up: the tick at which each ends, and what is wrong, such as ``bar 7 has 5/8, not 6/8``.

    A short bar adds up if it is a pickup (it begins the score, a section or a repeat), or if it ends one of these or
    an ending and makes a whole bar with a pickup: the bar after it, the first of its repeat, or the first of the score.
    An ending may begin in the middle of a bar.
    """
    lines = score.barlines.astype(np.int64)
    lengths = np.diff(lines)
    onsets = [meter.onset for meter in score.meters]
    full = np.array([meter.bar for meter in score.meters])[np.searchsorted(onsets, lines[:-1], "right") - 1]
    inside = {ending.start: repeat.endings[0].start for repeat in score.repeats for ending in repeat.endings}
    edges = {*score.section_starts.tolist(), score.end}
    pickups = {0: int(lengths[0])}  # by the section that they open
    for repeat in score.repeats:
        pickups[repeat.start] = int(lengths[np.searchsorted(lines, repeat.start)])
    first: dict[int, int] = {}  # where an opening of so many ticks first stands
    for tick, pickup in sorted(pickups.items()):
        first.setdefault(pickup, tick)
    found = []
    for index in np.flatnonzero(lengths != full).tolist():
        start, end, length, bar = int(lines[index]), int(lines[index + 1]), int(lengths[index]), int(full[index])
        body = int(np.searchsorted(lines, inside.get(start, 0)))  # the bar after the last one before the endings
        if length < bar and start in edges and (not body or int(lengths[body - 1]) + length == bar):
            continue
        after = int(lengths[index + 1]) if index + 1 < len(lengths) else 0
        if length < bar and end in edges and (length + after == bar or first.get(bar - length, end) <= start):
            continue
        number = index + (score.pickup == 0)
        found.append((end, f"bar {number} has {_eighths(length)}, not {score.meter_at(start)}"))
    return found


def _eighths(ticks: int) -> str:
    """A length as a fraction of a whole note, in eighths where they suffice: ``5/8``."""
    length = Fraction(ticks, 4 * TICKS_PER_QUARTER)
    return f"{8 // length.denominator * length.numerator}/8" if length.denominator < 8 else str(length)
