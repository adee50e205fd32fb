"""Wishes about a line: where it goes, how far it leaps, which notes it has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from composer.errors import UsageError
from composer.score import Score
from composer.sketch.cells import REST, SYMBOLS, Automaton, Constraint, Moves, Table
from composer.theory import Ints, Key, parse_pitch, pitch_name

INTERVALS = {"2nd": 2, "3rd": 4, "4th": 5, "5th": 7, "6th": 9, "7th": 11, "octave": 12, "9th": 14, "10th": 16}
LONGEST_MELODY = 2_000  # notes
CONTOURS = ("rising", "falling", "arch")


class _Line(Automaton):
    """It reads the notes of a voice in order, wherever they begin; rests and what is held do nothing."""

    def __init__(self, to: Ints, breaks: Table, ending: Table) -> None:
        """What each of 128 pitches does, (size, 128) each, and the states (size,) in which no line may end."""
        self.size, self.ending = len(to), ending
        states = np.arange(self.size, dtype=np.int32)[:, None]
        self.moves = Moves(
            np.concatenate([to, states], axis=1), np.concatenate([breaks, np.zeros_like(states, dtype=bool)], axis=1)
        )

    def start(self, step: int) -> Moves:
        return self.moves

    def breaks_at_end(self) -> Table:
        return self.ending


@dataclass(frozen=True)
class Contour(Constraint):
    """A line rises, falls, or rises and then falls (``arch``), between the first note that begins and the last.

    Rising: no note is lower than the one before, and the last is higher than the first. Notes may be repeated.
    """

    shape: str
    voice: int | None = None

    def __post_init__(self) -> None:
        if self.shape not in CONTOURS:
            raise UsageError(f"{self.shape!r} is not a contour; write {', '.join(CONTOURS[:-1])} or {CONTOURS[-1]}")

    def automaton(self, ticks: Ints, score: Score) -> Automaton:
        """State 0 has heard nothing, 1 + 128 d + p last heard pitch p after going in d of the wanted directions."""
        directions = {"rising": (1,), "falling": (-1,), "arch": (1, -1)}[self.shape]
        pitch = np.arange(REST)
        step = np.sign(pitch[None, :] - pitch[:, None])  # (last, next)
        to, breaks = [1 + pitch[None, :]], [np.zeros((1, REST), dtype=bool)]
        for gone in range(len(directions) + 1):
            onwards = step == directions[gone] if gone < len(directions) else np.zeros_like(step, dtype=bool)
            stays = step == directions[gone - 1] if gone else np.zeros_like(onwards)
            to.append(1 + 128 * (gone + onwards) + pitch[None, :])
            breaks.append(~(onwards | stays | (step == 0)))
        ending = np.arange(1 + 128 * (len(directions) + 1)) <= 128 * len(directions)
        return _Line(np.concatenate(to).astype(np.int32), np.concatenate(breaks), ending)

    def __str__(self) -> str:
        return f"contour {self.shape}"


@dataclass(frozen=True)
class Leap(Constraint):
    """From each note to the next it is at most so many semitones; a rest between them hides no leap."""

    semitones: int
    words: str = ""
    voice: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``7``, in semitones, or ``5th``; raises :class:`UsageError`."""
        name = text.strip()
        semitones = INTERVALS.get(name, int(name) if re.fullmatch(r"\d{1,3}", name) else -1)
        if not 0 <= semitones <= 127:
            raise UsageError(f"{text!r} is no leap; write semitones, such as 7, or one of {', '.join(INTERVALS)}")
        return cls(semitones, name)

    def automaton(self, ticks: Ints, score: Score) -> Automaton:
        """State 0 has heard nothing, 1 + p last heard pitch p."""
        pitch = np.arange(REST, dtype=np.int32)
        far = np.abs(pitch[None, :] - pitch[:, None]) > self.semitones
        breaks = np.concatenate([np.zeros((1, REST), dtype=bool), far])
        to = np.repeat(1 + pitch[None, :], SYMBOLS, axis=0)
        return _Line(to, breaks, np.zeros(SYMBOLS, dtype=bool))

    def __str__(self) -> str:
        return f"leap {self.words or self.semitones}"


@dataclass(frozen=True)
class Melody(Constraint):
    """The notes have these pitches, in this order, and there are no others; their rhythm is free."""

    pitches: tuple[int, ...]
    words: str = ""
    voice: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``D4 E4 F#4``; raises :class:`UsageError`."""
        names = text.replace(",", " ").replace("|", " ").split()
        if not 1 <= len(names) <= LONGEST_MELODY:
            raise UsageError(f"a melody has 1 to {LONGEST_MELODY} notes, not {len(names)}")
        return cls(tuple(parse_pitch(name) for name in names), " ".join(names))

    def automaton(self, ticks: Ints, score: Score) -> Automaton:
        """State k has heard k notes."""
        count = len(self.pitches)
        to = np.repeat(np.minimum(np.arange(1, count + 2), count)[:, None], REST, axis=1).astype(np.int32)
        breaks = np.ones((count + 1, REST), dtype=bool)
        breaks[np.arange(count), self.pitches] = False
        return _Line(to, breaks, np.arange(count + 1) < count)

    def __str__(self) -> str:
        words = self.words or " ".join(pitch_name(pitch, int(Key(0).spell(pitch))) for pitch in self.pitches)
        return f"melody {words if len(words) <= 40 else words[:36] + ' ...'}"
