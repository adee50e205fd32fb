"""What every encoding is: one view of a score as integers, under one law.

    decode(encode(s), frame(s)) == normalize(s).score

``normalize`` is idempotent and names what this view cannot express.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import Unsupported
from composer.inference.rows import Rows
from composer.inference.sequence import Chance, Constraints, Events, Sequence
from composer.score import Score
from composer.sketch import Sketch


class Normalized(NamedTuple):
    """A score as an encoding sees it, and what that lost, in words (``"velocities"``, ``"all but the top notes"``)."""

    score: Score
    losses: tuple[str, ...]


class Encoding(ABC):
    """One view of a score as integers. Options are dataclass fields, saved with the model."""

    name: ClassVar[str]

    @property
    @abstractmethod
    def grid(self) -> int:
        """Ticks in a step."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Integers in an event."""

    @abstractmethod
    def encode(self, score: Score) -> Sequence:
        """The written score as events; what the view cannot express is left out, as :meth:`normalize` says."""

    @abstractmethod
    def decode(self, sequence: Sequence, frame: Score) -> Score:
        """The score with these events as its notes and everything else from ``frame``."""

    @abstractmethod
    def normalize(self, score: Score) -> Normalized:
        """The score as this view sees it; normalising twice changes nothing and loses nothing more."""

    @abstractmethod
    def compile(self, sketch: Sketch) -> Constraints:
        """The sketch as constraints on this encoding's events (by :mod:`composer.encodings.compile`)."""

    @abstractmethod
    def refusal(self, sketch: Sketch) -> str | None:
        """Why this view cannot express the sketch at all, or None: ``"has 4 voices, and a melody has one"``."""

    def cell_chances(self, chances: Iterable[Chance], score: Score) -> NDArray[np.float64]:
        """(voices, steps, 130): of each cell the probability that each pitch, or a rest (128), STARTs in it, and that
        what was there before is HELD through it (129).

        Raises :class:`Unsupported` in views whose cells hold many pitches.
        """
        raise Unsupported(f"{self.name}: one cell holds many pitches; use a view of voices")

    # --- copies in any transposition -------------------------------------------------------------------------------

    @abstractmethod
    def moves(self, events: Events) -> Rows:
        """(T, D) -> (T, K): each event relative to those before, as :mod:`composer.encodings.moves` says.

        Of two runs of events that begin with a note, one is the other in some transposition exactly if their moves are
        equal but for the step of the first.
        """

    @abstractmethod
    def following(self, before: Events, events: Events) -> Rows:
        """(T, D), (V, D) -> (V, K): the move that each of ``events`` would be, coming right after ``before``."""

    def played(self, moves: Rows, pitch: int) -> Events:
        """(T, K) -> (T, D): the events of moves that begin with a note, whose first integer is ``pitch``.

        Raises :class:`Unsupported` in views where the moves do not say them.
        """
        raise Unsupported(f"{self.name}: the moves of columns do not say what sounded before; use a view of one voice")
