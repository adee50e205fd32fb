"""A tune and a choir, small enough to count by hand, and ways to break them. Nothing here is from a corpus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

import numpy as np

from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Key

E = Q // 2
A = ((67, 2), (67, 1), (69, 1), (71, 2), (74, 2))
B = ((72, 2), (71, 1), (69, 1), (67, 2), (66, 2))
C = ((69, 2), (66, 1), (69, 1), (67, 4))
D = ((74, 3), (76, 1), (74, 2), (71, 2))


def line_of(notes: Sequence[tuple[int | None, float]], unit: int = E) -> Part:
    """Notes one after another as (pitch, units); None rests."""
    ends = list(accumulate(int(length * unit) for _, length in notes))
    rows = [(end, pitch, int(length * unit)) for end, (pitch, length) in zip(ends, notes, strict=True) if pitch]
    return Part.of(
        [end - length for end, _, length in rows], [p for _, p, _ in rows], [length for _, _, length in rows]
    )


def tune(*bars: Sequence[tuple[int | None, float]], meter: str = "4/4", key: str = "G major", pickup: int = 0) -> Score:
    """Bars of notes, lengths in eighths."""
    return Score.of([line_of([note for bar in bars for note in bar])], meter=meter, key=key, pickup=pickup)


def choir(*chords: tuple[int, ...], key: str = "C major", meter: str = "4/4") -> Score:
    """Chords of a quarter, top voice first."""
    parts = [line_of([(pitch, 1) for pitch in voice], Q) for voice in zip(*chords, strict=True)]
    return Score.of(parts, key=key, meter=meter)


TUNE = tune(A, B, A, C, A, B, D, C)  # in phrases of two bars abac, of four aa
CHORDS = ((72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55), (72, 67, 64, 48),
          (72, 69, 64, 45), (74, 69, 65, 50), (74, 67, 65, 47), (72, 67, 64, 48))  # fmt: skip
CHOIR = choir(*CHORDS, *CHORDS[:4], *CHORDS[1::2])  # I IV V I | vi ii V65 I | I IV V I | IV I ii I

Breaking = Callable[[Score], Score]


def changed(score: Score, change: Callable[[Part], Part]) -> Score:
    """Every part changed."""
    return replace(score, parts=tuple(map(change, score.parts)))


def _pitched(part: Part, pitch: np.ndarray) -> Part:
    return Part.of(part.onset, pitch, part.duration)


def out_of_key(score: Score) -> Score:
    """A semitone higher in the same key."""
    return changed(score, lambda part: _pitched(part, part.pitch + 1))


def inverted(score: Score) -> Score:
    """Every voice upside down about its first note."""
    return changed(score, lambda part: _pitched(part, 2 * part.pitch[:1] - part.pitch))


def doubled(score: Score) -> Score:
    """Twice as slow, in the same meter."""
    parts = [Part.of(2 * part.onset, part.pitch, 2 * part.duration) for part in score.parts]
    return Score.of(parts, meter=score.meters, key=score.keys)


def late(score: Score) -> Score:
    """An eighth later against the bar lines."""
    parts = [Part.of(part.onset + E, part.pitch, part.duration) for part in score.parts]
    return Score.of(parts, meter=score.meters, key=score.keys)


def shuffled(score: Score) -> Score:
    """The bars in another order: like ones come to stand elsewhere."""
    order = [0, 2, 1, 4, 6, 3, 5, 7] if score.bars == 8 else [0, 2, 1, 3]
    lines = score.barlines.tolist()
    return score.rearranged([(lines[bar], lines[bar + 1]) for bar in order])


def backwards(score: Score) -> Score:
    """The notes of every voice in reverse order, each with its length."""
    return changed(score, lambda part: line_of(list(zip(part.pitch, part.duration / Q, strict=True))[::-1], Q))


def revoiced(score: Score) -> Score:
    """The bass sings the tenor's notes, an octave lower."""
    tenor = score.parts[2]
    return replace(score, parts=(*score.parts[:3], _pitched(tenor, tenor.pitch - 12)))


def unended(score: Score) -> Score:
    """The last note a whole tone higher."""
    return changed(score, lambda part: _pitched(part, part.pitch + 2 * (part.onset == part.onset.max())))


def transposed(score: Score) -> Score:
    """A fourth higher, key and all."""
    return score.transpose(5)


def rekeyed(score: Score, key: str) -> Score:
    """The same notes in another written key."""
    return replace(score, keys=(Key.parse(key),))
