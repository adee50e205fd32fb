"""The melodic lines of scores, as symbols that transposition does not change.

A line is what a part plays, the highest where several notes begin at once; drums have none. The symbol of a note is
the interval to the next note of the line, with the time between their onsets, or the interval alone. Music is taken as
it is written, repeats not unfolded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from composer.inference.suffix_array import END
from composer.score import MAX_TICKS, Part, Score, frozen

Ints = NDArray[np.int64]

WIDEST = 128  # semitones: more than any interval


class Line(NamedTuple):
    """One line: which part of which score it is, the score's written bars and the ticks of its first full bar."""

    piece: int
    part: int
    bars: int
    bar: int
    notes: int


class Lines(NamedTuple):
    """The lines of some scores, those that have notes: N notes in L lines, one after another."""

    onset: Ints  # (N,) ticks
    end: Ints  # (N,) ticks
    pitch: Ints  # (N,) MIDI
    bar: Ints  # (N,) the number of the written bar in which the note begins; a pickup is bar 0
    starts: Ints  # (L + 1,) where each line begins; the last is N
    lines: list[Line]
    scores: int

    @classmethod
    def of(cls, scores: Iterable[Score]) -> Self:
        """The lines of scores, by score and part."""
        columns: list[NDArray[np.int64]] = []
        lines: list[Line] = []
        piece = -1
        for piece, score in enumerate(scores):
            for number, part in enumerate(score.parts):
                if len(part) and not part.drums:
                    columns.append(_columns(score, part))
                    lines.append(Line(piece, number, score.bars, score.meter.bar, columns[-1].shape[1]))
        onset, end, pitch, bar = np.concatenate([np.zeros((4, 0), dtype=np.int64), *columns], axis=1)
        starts = np.cumsum([0, *(line.notes for line in lines)])
        return cls(onset, end, pitch, bar, starts, lines, piece + 1)

    @property
    def of_piece(self) -> Ints:
        """(L,) the score that each line belongs to."""
        return np.array([line.piece for line in self.lines], dtype=np.int64)

    def symbols(self, rhythm: bool = True) -> Ints:
        """(N,) a symbol for each note; END for the last of each line."""
        symbols = np.diff(self.pitch, append=0) + WIDEST
        if rhythm:
            symbols += 2 * WIDEST * np.diff(self.onset, append=0)
        symbols[self.starts[1:] - 1] = END
        return symbols


def _columns(score: Score, part: Part) -> NDArray[np.int64]:
    """(4, n) onset, end, pitch and bar of a part's line."""
    line = line_of(part)
    onset = line.onset.astype(np.int64)
    bar = score.bar_numbers[np.searchsorted(score.barlines, onset, "right") - 1]
    return np.stack([onset, onset + line.duration, line.pitch, bar])


def line_of(part: Part) -> Part:
    """The highest of the notes that begin at once."""
    return part.select(np.flatnonzero(np.diff(part.onset, append=-1)))  # they are in order of onset, then pitch


def clipped(line: Part) -> Part:
    """The line, each note at most as long as the next one lets it."""
    following = np.append(line.onset[1:], MAX_TICKS)[: len(line)]
    return replace(line, duration=frozen(np.minimum(line.duration, following - line.onset)))
