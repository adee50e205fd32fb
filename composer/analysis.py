"""What can be heard in notes: pure functions on arrays and scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from composer.errors import Notice
from composer.score import Score
from composer.theory import MODES, TICKS_PER_QUARTER, Ints, Key, Meter

# Krumhansl & Kessler (1982): how well each pitch class, counted from the tonic, fits a major and a minor key
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}

# how long each pitch class, counted from the tonic, sounds in a folk tune of each mode, of 1,000; the first and the
# last note longer, as find_mode has them. Learned from the training split: benchmarks/understanding.py --learn
FOLK_PROFILES = {
    "major": (278, 1, 126, 0, 163, 78, 3, 187, 1, 90, 4, 69),
    "mixolydian": (265, 0, 114, 2, 123, 122, 0, 166, 0, 108, 95, 5),
    "dorian": (254, 0, 141, 82, 5, 114, 1, 175, 1, 48, 172, 6),
    "minor": (275, 0, 112, 146, 1, 106, 1, 178, 23, 11, 133, 16),
}
FOLK_MODES = {"major": 0.835, "mixolydian": 0.04, "dorian": 0.04, "minor": 0.085}  # near their shares there
FIRST, LAST = 0.06, 0.03  # how much longer the first and the last note count, of all that sounds
EVIDENCE, UNSEEN = 30.0, 0.01  # notes that a tune is worth, and what is added to each share; chosen on validation
_FOLK_KEYS = [(mode, tonic) for mode in FOLK_PROFILES for tonic in range(12)]
_FOLK_LOGS = np.log(np.stack([np.roll(FOLK_PROFILES[mode], tonic) for mode, tonic in _FOLK_KEYS]) / 1000 + UNSEEN)
_FOLK_PRIOR = np.log([FOLK_MODES[mode] for mode, _ in _FOLK_KEYS])


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


def find_mode(pitch: ArrayLike, duration: ArrayLike) -> Key:
    """The most probable major, mixolydian, dorian or minor key of a folk tune, or of its first bars.

    ``pitch`` (N,) are MIDI numbers in the order in which they are heard, ``duration`` (N,) lengths in any unit. How
    long each pitch class sounds is compared with the folk corpus's tunes; the first and the last note weigh more.
    C major where nothing sounds.

    >>> str(find_mode([62, 69, 71, 72, 71, 69, 65, 62, 60, 64, 62], [2, 2, 1, 1, 1, 1, 1, 1, 2, 1, 3]))
    'D dorian'
    """
    classes, lengths = np.asarray(pitch, dtype=np.int64) % 12, np.asarray(duration, dtype=np.float64)
    if not lengths.sum() > 0:
        return Key(0)
    shares = np.bincount(classes, lengths / lengths.sum(), minlength=12)
    shares[classes[0]] += FIRST
    shares[classes[-1]] += LAST
    mode, tonic = _FOLK_KEYS[int(np.argmax(_FOLK_PRIOR + EVIDENCE * _FOLK_LOGS @ (shares / shares.sum())))]
    return plain_key(tonic, mode)


def plain_key(tonic_class: int, mode: str) -> Key:
    """The key on a pitch class, named with the fewest accidentals: F# major, but B rather than Cb.

    >>> str(plain_key(1, "minor"))
    'C# minor'
    """
    signature = (7 * tonic_class - MODES[mode] + 5) % 12 - 5
    return Key(signature + MODES[mode], mode)


def felt_bars(score: Score) -> Ints:
    """(B,) the tick at which each bar is felt to begin: a short bar that opens a section is the end of a whole one."""
    lines, lengths = score.barlines[:-1], np.diff(score.barlines)
    meter = np.searchsorted([meter.onset for meter in score.meters], lines, "right") - 1
    full = np.array([meter.bar for meter in score.meters])[np.maximum(meter, 0)]
    sections = np.append(score.section_starts, score.end)
    longer = np.diff(sections)[np.searchsorted(sections, lines, "right") - 1] > lengths
    pickup = np.isin(lines, sections) & longer & (lengths < full)
    return np.asarray(lines - np.where(pickup, full - lengths, 0))


def beats(score: Score) -> Ints:
    """(N,) the ticks of all beats, as they are felt: two in a bar of 6/8."""
    found: list[int] = []
    lines = score.barlines.tolist()
    for line, end, felt in zip(lines[:-1], lines[1:], felt_bars(score).tolist(), strict=True):
        beat = score.meter_at(line).beat
        found += range(felt + -(-(line - felt) // beat) * beat, end, beat)
    return np.array(found, dtype=np.int32)


def uneven_bars(score: Score) -> Iterator[tuple[int, Notice]]:
    """The tick at which each bar ends that does not add up, and a notice that says so.

    A short bar adds up if it is a pickup (it begins the score, a section or a repeat), or if it ends one of these or an
    ending and makes a whole bar with a pickup: the bar after it, the first of its repeat, or the first of the score.
    Endings may begin in the middle of a bar.

    >>> [str(notice) for _, notice in uneven_bars(Score.of([], meter="3/4", barlines=[0, 30240, 50400, 80640]))]
    ['bar 2: has 2/4, not 3/4']
    """
    lines = score.barlines.astype(np.int64)
    lengths = np.diff(lines)
    onsets = [meter.onset for meter in score.meters]
    meters = [score.meters[k] for k in np.searchsorted(onsets, lines[:-1], "right") - 1]
    full = np.array([meter.bar for meter in meters])
    edges = {*score.section_starts.tolist(), score.end}
    begun = _begun(score, lines, lengths)
    openings = {0: int(lengths[0])} | {r.start: int(lengths[np.searchsorted(lines, r.start)]) for r in score.repeats}
    first: dict[int, int] = {}  # where a pickup of so many ticks first stands
    for tick, length in sorted(openings.items()):
        first.setdefault(length, tick)
    for index in np.flatnonzero(lengths != full).tolist():
        start, end, missing = int(lines[index]), int(lines[index + 1]), int(full[index] - lengths[index])
        opens = start in edges and begun.get(start, missing) == missing
        completes = missing in lengths[index + 1 : index + 2] or first.get(missing, end) <= start
        if missing > 0 and (opens or (end in edges and completes)):
            continue
        text = f"has {_fraction(int(lengths[index]), meters[index])}, not {meters[index]}"
        yield end, Notice("bar", f"bar {score.bar_numbers[index]}", text)


def _begun(score: Score, lines: NDArray[np.int64], lengths: NDArray[np.int64]) -> dict[int, int]:
    """For the start of each ending the ticks of the bar before the first of its endings."""
    found: dict[int, int] = {}
    for repeat in score.repeats:
        for ending in repeat.endings if repeat.endings and repeat.endings[0].start else ():
            found[ending.start] = int(lengths[np.searchsorted(lines, repeat.endings[0].start) - 1])
    return found


def _fraction(ticks: int, meter: Meter) -> str:
    """A length in the unit of the meter, or in the longest that fits.

    >>> _fraction(25200, Meter(3, 4)), _fraction(20160, Meter(3, 4)), _fraction(1, Meter(3, 4))
    ('5/8', '2/4', '0.0001 quarters')
    """
    unit = meter.denominator
    while unit < 128 and ticks * unit % (4 * TICKS_PER_QUARTER):
        unit *= 2
    beats, rest = divmod(ticks * unit, 4 * TICKS_PER_QUARTER)
    return f"{ticks / TICKS_PER_QUARTER:.4f} quarters" if rest else f"{beats}/{unit}"
