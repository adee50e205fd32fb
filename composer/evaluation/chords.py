"""The questions of Hadjeres, Sakellariou and Pachet, "Style imitation and chord invention in polyphonic music with
exponential families" (2016), put to any scores: which chords are cited and which invented, how long the runs are that
are shared with the corpus, and how often pairs of notes occur. Beside them, how near a harmonisation is to another.

A chord is what the voices sound on a beat: a row of pitches, top voice first. In normal key pitches are counted from
the tonic's pitch class, as the encoding ``voices`` does: the music is moved down until the tonic is C. Major and minor
are not told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.analysis import beats
from composer.encodings.compile import tonics
from composer.inference.rows import Rows
from composer.inference.suffixes import CopyIndex
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER, Ints

SIXTEENTH = TICKS_PER_QUARTER // 4
SILENT = -12  # in place of a pitch
NOTES = 128 - SILENT  # values that a cell may have, from SILENT on

Chord = tuple[int, ...]
Table = NDArray[np.int64]


def sounding(score: Score, ticks: Ints) -> Rows:
    """(N, V) the pitch that each part sounds at each tick, of several the highest of the last; SILENT for none."""
    found = np.full((len(ticks), len(score.parts)), SILENT, dtype=np.int32)
    for voice, part in enumerate(score.parts):
        if len(part):
            note = np.searchsorted(part.onset, ticks, "right") - 1
            heard = (note >= 0) & (part.offset[note] > ticks)
            found[heard, voice] = part.pitch[note[heard]]
    return found


def in_normal_key(score: Score, ticks: Ints, pitches: Rows) -> Rows:
    """(N, V) pitches that sound at ticks (N,), moved down by 0 to 11 semitones so that the tonic in force is C."""
    return np.where(pitches == SILENT, SILENT, pitches - tonics(score, ticks, relative=True)[:, None])


def beat_chords(score: Score, *, normal: bool = True) -> Rows:
    """(B, V) what the parts sound on each beat as it is felt, in normal key or as written."""
    ticks = beats(score)
    chords = sounding(score, ticks)
    return in_normal_key(score, ticks, chords) if normal else chords


def sixteenths(score: Score) -> Rows:
    """(S, V) what the parts sound on each 16th, in normal key."""
    ticks = np.arange(score.end // SIXTEENTH, dtype=np.int32) * SIXTEENTH
    return in_normal_key(score, ticks, sounding(score, ticks))


# --- where chords are from --------------------------------------------------------------------------------------------


class Origins(NamedTuple):
    """Shares, 0 to 1, that add up to 1: chords that training has; that only held-out music has; that neither has."""

    cited: float
    rediscovered: float
    invented: float


def origins(chords: Iterable[Rows], training: Iterable[Rows], held_out: Iterable[Rows]) -> tuple[Origins, Origins]:
    """Where the chords of some pieces are from: of all that sound (tokens), and of the different ones (types).

    Beats on which nothing sounds are left out. All NaN if there are no chords.
    """
    known, hidden = set(_chords(training)), set(_chords(held_out))
    counts = Counter(_chords(chords))

    def shares(weights: Mapping[Chord, int]) -> Origins:
        total = sum(weights.values())
        cited = sum(weight for chord, weight in weights.items() if chord in known)
        found = sum(weight for chord, weight in weights.items() if chord in hidden - known)
        return Origins(*((n / total if total else float("nan")) for n in (cited, found, total - cited - found)))

    return shares(counts), shares(dict.fromkeys(counts, 1))


def _chords(pieces: Iterable[Rows]) -> Iterator[Chord]:
    return (tuple(row) for piece in pieces for row in piece.tolist() if set(row) != {SILENT})


def shared_runs(pieces: Iterable[Rows], training: SequenceOf[Rows]) -> list[int]:
    """For each piece, how many chords the longest run has that also stands, chord for chord, in one training piece."""
    index = CopyIndex.of([_as_moves(piece) for piece in training])
    known = set(_chords(training))
    found = []
    for piece in pieces:
        longest = int(index.longest(_as_moves(piece)).max(initial=0))
        found.append(longest or int(any(chord in known for chord in _chords([piece]))))  # the index begins with two
    return found


def _as_moves(chords: Rows) -> Rows:
    """Chords as events of the copy index: none counted from the one before, each one beat long."""
    return np.column_stack([np.zeros(len(chords)), np.ones((len(chords), 2)), chords]).astype(np.int32)


# --- pairs of notes ---------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Two cells: a voice and another (or itself), so many steps later."""

    first: int
    second: int
    lag: int

    @property
    def kind(self) -> str:
        """The paper's names: horizontal within a voice, vertical within a column, else diagonal."""
        return "vertical" if self.lag == 0 else "horizontal" if self.first == self.second else "diagonal"


def pair_kinds(voices: int, lags: Iterable[int]) -> list[Pair]:
    """All pairs of cells: vertical ones, and at each lag the horizontal and the diagonal ones, both ways."""
    vertical = [Pair(first, second, 0) for first, second in combinations(range(voices), 2)]
    return vertical + [Pair(first, second, lag) for lag, first, second in product(lags, range(voices), range(voices))]


def pair_counts(grids: Iterable[Rows], pairs: Iterable[Pair]) -> dict[Pair, Table]:
    """For each pair (NOTES, NOTES) how often the one value is followed by the other, in all grids (S, V) together."""
    kept = [grid.astype(np.int64) - SILENT for grid in grids]
    found = {}
    for pair in pairs:
        table = np.zeros(NOTES * NOTES, dtype=np.int64)
        for grid in kept:
            first, second = grid[: max(len(grid) - pair.lag, 0), pair.first], grid[pair.lag :, pair.second]
            table += np.bincount(first * NOTES + second, minlength=NOTES * NOTES)
        found[pair] = table.reshape(NOTES, NOTES)
    return found


class Moments(NamedTuple):
    """Frequencies (M,) of pairs of values in two sets, of every pair of cells whose values occur in the first."""

    observed: NDArray[np.float64]
    expected: NDArray[np.float64]

    @property
    def correlation(self) -> float:
        """Pearson's: 1 where the second set has the statistics of the first; NaN where either never varies."""
        if min(len(np.unique(self.observed)), len(np.unique(self.expected))) < 2:
            return float("nan")
        return float(np.corrcoef(self.observed, self.expected)[0, 1])


def moments(observed: Mapping[Pair, Table], expected: Mapping[Pair, Table]) -> Moments:
    """The frequencies f(x, y) = count / all counts of the pair of cells, for each pair of cells of ``observed`` and all
    held-in values: those it has at all. This is what the paper's figure of model against corpus shows.
    """
    sides: tuple[list[NDArray[np.float64]], ...] = ([], [])
    for pair, table in observed.items():
        for side, counts in zip(sides, (table, expected[pair]), strict=True):
            side.append(counts[table > 0] / max(int(counts.sum()), 1))
    return Moments(*(np.concatenate(side) if side else np.zeros(0) for side in sides))


# --- agreement --------------------------------------------------------------------------------------------------------


class Agreement(NamedTuple):
    """Shares, 0 to 1, of time in which voices are the same, and of beats on which chords are."""

    pitches: tuple[float, ...]  # for each voice, of the 16ths
    pitch_classes: tuple[float, ...]  # whatever the octave
    chords: float  # of the beats, with the same set of pitch classes


def agreement(scores: Iterable[Score], references: Iterable[Score]) -> Agreement:
    """How far scores are what others, of the same bars and voices, are; time is pooled over all of them.

    Silence agrees with silence.
    """
    cells: list[tuple[Rows, Rows]] = []
    heard: list[bool] = []
    for score, reference in zip(scores, references, strict=True):
        cells.append((sixteenths(score), sixteenths(reference)))
        sets = [_class_sets(beat_chords(each)) for each in (score, reference)]
        heard += [a == b for a, b in zip(*sets, strict=True)]
    made, wanted = (np.concatenate(side) for side in zip(*cells, strict=True))
    silent = (made == SILENT) | (wanted == SILENT)
    same = made == wanted
    alike = np.where(silent, same, made % 12 == wanted % 12)
    return Agreement(tuple(same.mean(axis=0).tolist()), tuple(alike.mean(axis=0).tolist()), float(np.mean(heard)))


def _class_sets(chords: Rows) -> list[frozenset[int]]:
    return [frozenset(pitch % 12 for pitch in row if pitch != SILENT) for row in chords.tolist()]
