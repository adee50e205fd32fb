"""What every encoding is: one view of a score as integers, under one law.

    decode(encode(s), frame(s)) == normalize(s).score

``normalize`` is idempotent and names what this view cannot express.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

from composer.inference.sequence import Constraints, Sequence
from composer.score import Score
from composer.sketch import Sketch


class Normalized(NamedTuple):
    """A score as an encoding sees it, and what that lost, in words (``"velocities"``, ``"all but the top notes"``)."""

    score: Score
    losses: tuple[str, ...]


class Encoding(ABC):
    """One view of a score as integers. Options are dataclass fields, saved with the model."""

    name: ClassVar[str]
    grid: ClassVar[int]  # ticks per step

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
