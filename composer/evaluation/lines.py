"""What statistics read from a score: a line of notes, its bars as they are felt, and its phrases.

Only notes, bar lines, meters and keys are seen; repeats, sections and fermatas are not, as composed pages have none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.encodings.compile import tonics
from composer.evaluation.melodies import clipped, line_of
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER

Ticks = NDArray[np.int64]
Reals = NDArray[np.float64]

DEGREES = ("1", "b2", "2", "b3", "3", "4", "#4", "5", "b6", "6", "b7", "7")  # by semitones above the tonic
ALIKE = 0.7  # share of the time at which two phrases must sound the same to bear the same letter
CELL = TICKS_PER_QUARTER // 12  # phrases are compared at every such tick: exact for 16ths and for triplets
SILENT = -1000  # in place of a pitch


class Line(NamedTuple):
    """Notes (N,) one after another: ticks, MIDI pitches, ticks, and the pitch class of the tonic in force."""

    onset: Ticks
    pitch: Ticks
    duration: Ticks
    tonic: Ticks

    @property
    def offset(self) -> Ticks:
        return self.onset + self.duration

    @property
    def degree(self) -> Ticks:
        """(N,) semitones above the tonic, 0 to 11."""
        return (self.pitch - self.tonic) % 12

    @property
    def moves(self) -> Ticks:
        """(N - 1,) semitones from each note to the next, over rests too; none of no notes."""
        return np.diff(self.pitch)

    def at(self, ticks: Ticks) -> Ticks:
        """(M,) the number of the note that sounds at each tick, -1 where none does."""
        if not len(self.onset):
            return np.full(len(ticks), -1)
        note = np.searchsorted(self.onset, ticks, "right") - 1
        return np.where((note >= 0) & (self.offset[note] > ticks), note, -1)


def line(score: Score, voice: int = 0) -> Line:
    """The top notes of a part, each cut where the next begins; no notes if there is no such part."""
    part = clipped(line_of(score.parts[voice])) if voice < len(score.parts) else Part.of()
    onset, pitch, duration = (column.astype(np.int64) for column in (part.onset, part.pitch, part.duration))
    return Line(onset, pitch, duration, tonics(score, onset.astype(np.int32), relative=True).astype(np.int64))


class Bars(NamedTuple):
    """Bars (B,) from a tick to a tick; a pickup is no bar, and two short bars that make a whole one are one."""

    start: Ticks
    end: Ticks

    def position(self, score: Score, ticks: Ticks) -> Ticks:
        """(M,) how far into its bar each tick is; a pickup is the end of a whole bar."""
        into = ticks - self.start[np.maximum(np.searchsorted(self.start, ticks, "right") - 1, 0)]
        return np.where(into < 0, into + score.meters[0].bar, into)


def bars_of(score: Score) -> Bars:
    """The bars of a score, at least one."""
    numbers = score.bar_numbers
    lines = score.barlines.astype(np.int64)
    first = np.flatnonzero(np.diff(numbers, prepend=-1) > 0)
    last = np.append(first[1:], len(numbers)) - 1
    counted = numbers[first] > 0
    return Bars(lines[first][counted], lines[last + 1][counted])


def bar_codes(score: Score, notes: Line, *, pitched: bool = True) -> list[int]:
    """For each bar a number: equal where onsets, durations and pitches from the tonic's pitch class are.

    A bar's notes are those that begin in it. Without ``pitched`` only the rhythm counts.
    """
    bars = bars_of(score)
    edges = np.searchsorted(notes.onset, np.append(bars.start, bars.end[-1:])).tolist()
    heights = (notes.pitch - notes.tonic).tolist()
    onsets, durations = notes.onset.tolist(), notes.duration.tolist()
    seen: dict[tuple[object, ...], int] = {}
    codes = []
    for start, first, last in zip(bars.start.tolist(), edges[:-1], edges[1:], strict=True):
        rhythm = tuple((onsets[n] - start, durations[n]) for n in range(first, last))
        code = (rhythm, tuple(heights[first:last]) if pitched else ())
        codes.append(seen.setdefault(code, len(seen)))
    return codes


def ends_of_phrases(score: Score, length: int) -> Ticks:
    """(P,) the tick at which each phrase of ``length`` bars ends. A pickup is taken out of the last bar of each but the
    last, as another leads into the next. Bars left over at the end make a phrase of their own.
    """
    bars = bars_of(score)
    return np.append(bars.start[length::length] - score.pickup, bars.end[-1])


def phrase_rows(score: Score, notes: Line, length: int) -> Ticks:
    """(P, T) what sounds in each whole phrase of ``length`` bars, counted from the tonic's pitch class, at T times."""
    bars = bars_of(score)
    starts = bars.start[::length][: len(bars.start) // length]
    if not len(starts):
        return np.zeros((0, 0), dtype=np.int64)
    cells = np.arange(0, int(bars.end[length - 1] - bars.start[0]), CELL)
    found = notes.at((starts[:, None] + cells).ravel())
    heights = np.append(notes.pitch - notes.tonic, SILENT)
    return np.asarray(heights[found].reshape(len(starts), len(cells)))


def letters(rows: Ticks) -> str:
    """A letter for each row: that of the first row that it is like, or a new one. Rows are alike if 70 % of them is."""
    found: list[int] = []
    for number, row in enumerate(rows):
        like = np.flatnonzero((rows[:number] == row).mean(axis=1) >= ALIKE)
        found.append(found[like[0]] if len(like) else max(found, default=-1) + 1)
    return "".join(chr(ord("a") + letter) for letter in found)
