"""What every generator is: a distribution over sequences of integers, fitted, sampled, saved.

Hyperparameters are dataclass fields, and ``__init__`` only stores them; ``fit`` works; learned names end in ``_``.
Randomness comes only from the ``rng`` that is passed in: the same seed gives the same events.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from collections.abc import Sequence as SequenceOf
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from composer.inference.sequence import Chance, Constraints, Sequence

if TYPE_CHECKING:
    from composer.generators.walk import Walk
    from composer.training.course import Course, Run, Trained

Ints = NDArray[np.int64]
Progress = Callable[[float], None]  # called with the share of the work that is done, 0 to 1


class Generator(ABC):
    """A distribution over event sequences.

    Sampling always keeps hard constraints; where nothing can, it raises :class:`composer.errors.Infeasible`.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def width_(self) -> int:
        """Integers in an event of what it was fitted to."""

    @abstractmethod
    def fit(
        self,
        sequences: list[Sequence],
        *,
        validation: list[Sequence] | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Learn from sequences; returns itself."""

    @abstractmethod
    def sample(
        self, constraints: Constraints, *, n: int = 1, temperature: float = 1.0, rng: np.random.Generator
    ) -> list[Sequence]:
        """``n`` independent sequences that keep the constraints and fill them to their end."""

    @abstractmethod
    def check(self, constraints: Constraints) -> None:
        """Raise :class:`composer.errors.Infeasible`, with the step, where nothing it can write passes; quick."""

    @classmethod
    def settings(cls) -> list[str]:
        """The names of its hyperparameters."""
        return [setting.name for setting in dataclasses.fields(cls) if setting.init]  # type: ignore[arg-type]

    @property
    def usual_temperature(self) -> float:
        """At which commands compose where nobody says another: plainer than what it learned from."""
        return 0.7

    @abstractmethod
    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """What is saved: named arrays, and metadata that JSON can hold."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> Self:
        """The generator that :meth:`arrays` described; a loaded model answers bit for bit as the saved one.

        The arrays are untrusted: raises :class:`composer.errors.ReadError` if they do not belong together.
        """


@runtime_checkable
class Exact(Protocol):
    """A generator with a normalised likelihood."""

    def log_prob(self, sequence: Sequence, constraints: Constraints | None = None) -> NDArray[np.float64]:
        """(T,) nats per event; summed over every possible sequence, the probabilities are 1."""
        ...


@runtime_checkable
class Pseudo(Protocol):
    """A generator whose likelihood is known cell by cell only."""

    def pseudo_log_prob(self, sequence: Sequence) -> NDArray[np.float64]:
        """(T,) nats per event of each event given all others; not a likelihood."""
        ...


@runtime_checkable
class Reporting(Protocol):
    """A generator that says how its training went."""

    def report(self) -> dict[str, Any]:
        """Numbers by name, such as the objective reached and whether it converged."""
        ...


@runtime_checkable
class Neural(Protocol):
    """A generator that is trained by gradient, with :func:`composer.training.train`."""

    trained_: Trained | None  # how its training went; None before, and in a model that was loaded

    @property
    def course(self) -> Course:
        """How it is trained, of its hyperparameters."""
        ...

    def fit(
        self,
        sequences: list[Sequence],
        *,
        validation: list[Sequence] | None = None,
        progress: Progress | None = None,
        run: Run | None = None,
    ) -> Self:
        """Learn from sequences, on the device and in the folder of the ``run``; returns itself."""
        ...


@runtime_checkable
class Stepwise(Protocol):
    """A generator that writes one token after another, and so can be guarded while it does."""

    def walk(self, constraints: Constraints, temperature: float = 1.0, words: SequenceOf[Ints] = ()) -> Walk:
        """Inside the constraints, and without the ``words``, rows of tokens of whole events that may not follow each
        other; raises as :meth:`Generator.sample`.
        """
        ...


@runtime_checkable
class Weighted(Protocol):
    """A generator that weighs what it draws inside constraints, and so is approximate there."""

    def drawn(
        self, constraints: Constraints, *, n: int = 1, temperature: float = 1.0, rng: np.random.Generator
    ) -> tuple[list[Sequence], str]:
        """As :meth:`Generator.sample`, and in words how it went, with the effective sample size; empty if exactly."""
        ...


@runtime_checkable
class Estimating(Protocol):
    """A generator that can estimate how much of what it would write keeps constraints."""

    def mass(self, constraints: Constraints, rng: np.random.Generator) -> float:
        """The logarithm of the probability of all that keeps the constraints; raises as :meth:`Generator.sample`."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """A generator that can say what may come where, exactly."""

    def marginals(self, constraints: Constraints, temperature: float = 1.0) -> Iterator[Chance]:
        """Of every step (and dimension), what may begin there and how probably; raises as :meth:`Generator.sample`."""
        ...


@runtime_checkable
class Online(Protocol):
    """A generator that learns while it plays."""

    def adapted(self, sequences: SequenceOf[Sequence], weights: SequenceOf[float]) -> Self:
        """The generator as it would be had it also heard these sequences, each so many times; itself unchanged."""
        ...
