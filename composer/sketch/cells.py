"""Cells, and what may be said about them: the interface between musical wishes and encodings.

A cell is a step of one voice in which a pitch (or a rest) STARTs or is HELD. A constraint is written once, over cells,
in up to four ways: as a mask of single cells, as a rule for how long notes may last, as a small automaton that reads
the cells of a voice in order, as what two voices may not do to each other from one cell to the next. Encodings
translate cells into their own integers, so no constraint knows an encoding.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.score import Score
from composer.theory import Ints
from composer.voice_leading import Pitches

REST = 128
SYMBOLS = 129  # 128 pitches and the rest

MAX_WEIGHT = 1e6

Table = NDArray[np.bool_]


class Cells(NamedTuple):
    """What may stand in the cells of one voice, each table (steps, 129) by pitch, 128 the rest; they broadcast."""

    start: Table
    hold: Table


class Moves(NamedTuple):
    """What an automaton does in a cell, by state and symbol, each (size, 129): the next state, and whether it breaks
    the constraint. Where it does, the next state is where a preference, which may be broken, goes on from.
    """

    to: Ints
    breaks: Table


class Automaton(ABC):
    """A machine that reads the cells of one voice, step by step; it begins in state 0."""

    size: int  # states
    span: tuple[int, int] | None = None  # it reads the steps [first, last) alone; in the cell behind it judges, forgets

    @abstractmethod
    def start(self, step: int) -> Moves:
        """What a note or rest that begins in the cell of this step does. Equal steps should give the same object."""

    def hold(self, step: int) -> Moves | None:
        """What one that is held through the cell of this step does; None where it changes and breaks nothing."""
        return None

    def breaks_at_end(self) -> Table:
        """(size,) whether the constraint is broken if the voice ends in this state."""
        return np.zeros(self.size, dtype=bool)


class Apart(NamedTuple):
    """What two voices may not do to each other: a mistake of those of them that it is ``about``, as they come from one
    cell to the next, or, if it is ``lasting``, in a single cell.

    ``breaks(step, upper0, lower0, upper1, lower1)`` says of the pitches, 128 for silence, that sound in the cell before
    the one of ``step`` and in it, whether it is broken; they broadcast. Steps of one of the ``kinds`` (S,) are judged
    alike.
    """

    upper: int
    lower: int
    about: tuple[int, ...]
    lasting: bool
    breaks: Callable[[int, Pitches, Pitches, Pitches, Pitches], Table]
    kinds: NDArray[np.int64]


class Constraint(ABC):
    """One musical wish. It always holds in what is returned, unless wrapped in a :class:`Preference`.

    All ticks are written ones; steps are counted in the ``ticks`` (S,) of cells that an encoding asks about.
    """

    voice: int | None = None  # None: every voice

    def mask(self, ticks: Ints, score: Score) -> Cells | None:
        """What it allows in cells that begin at ``ticks`` (S,), in the frame ``score``; None: everything."""
        return None

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table | None:
        """(N,) whether a note may begin at ``start`` (N,) and end at ``end`` (N,), in ticks; None: any may."""
        return None

    def automaton(self, ticks: Ints, score: Score) -> Automaton | None:
        """A machine for what no single cell shows; None: there is no such thing."""
        return None

    def between(self, ticks: Ints, score: Score) -> Iterable[Apart]:
        """What it forbids voices to do to each other, in the cells that begin at ``ticks`` (S,) of ``score``."""
        return ()

    def written(self, score: Score) -> Score:
        """The score with what this puts on its page: a chord symbol, a fermata."""
        return score

    @abstractmethod
    def __str__(self) -> str:
        """In a musician's words."""


@dataclass(frozen=True)
class Preference(Constraint):
    """A wish that should be likely, not certain: each time it is broken divides the probability by ``exp(weight)``.

    A mask is broken by the start of a note or rest, and again on every beat through which it is held; a rule for
    lengths once by each note; an automaton in each cell that breaks it.
    """

    wish: Constraint
    weight: float  # nats

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= MAX_WEIGHT:  # as every comparison with nan is false
            raise UsageError(f"{self.weight:g} is not a weight; write a number from 0 to {MAX_WEIGHT:g}")

    @property
    def voice(self) -> int | None:  # type: ignore[override]
        return self.wish.voice

    def mask(self, ticks: Ints, score: Score) -> Cells | None:
        return self.wish.mask(ticks, score)

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table | None:
        return self.wish.lasts(start, end, score)

    def automaton(self, ticks: Ints, score: Score) -> Automaton | None:
        return self.wish.automaton(ticks, score)

    def written(self, score: Score) -> Score:
        return self.wish.written(score)

    def __str__(self) -> str:
        return f"rather {self.wish} (weight {self.weight:g})"


def pitches(allowed: Iterable[int], *, rest: bool) -> Table:
    table = np.zeros((1, SYMBOLS), dtype=bool)
    table[0, list(allowed)] = True
    table[0, REST] = rest
    return table


def every_octave(classes: Iterable[int]) -> frozenset[int]:
    """The pitches of pitch classes."""
    return frozenset(pitch for name in classes for pitch in range(name, REST, 12))


def from_step(ticks: Ints, tick: int, inside: Table) -> Table:
    """``inside`` at the cell that contains ``tick``, anything elsewhere."""
    step = max(int(np.searchsorted(ticks, tick, "right")) - 1, 0)
    table = np.ones((len(ticks), SYMBOLS), dtype=bool)
    table[step] = inside[0]
    return table
