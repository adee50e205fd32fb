"""A sequence of events as integers, and the protocol of what constrains one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Events = NDArray[np.int32]  # (T, D): T events of D integers each


@dataclass(frozen=True, eq=False)
class Sequence:
    """``events`` (T, D), the step at which each begins (T,), and per-event context (T,) that is known beforehand.

    A step is the encoding's smallest unit of time (``Encoding.grid`` ticks), so ``ticks == steps * grid``.
    Context holds what a musician knows before the note: the meter, the position in the bar, the mode.
    """

    events: Events
    steps: NDArray[np.int32]
    context: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.events)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return (
            np.array_equal(self.events, other.events)
            and np.array_equal(self.steps, other.steps)
            and self.context.keys() == other.context.keys()
            and all(np.array_equal(column, other.context[name]) for name, column in self.context.items())
        )

    __hash__ = None  # type: ignore[assignment]


class Chance(NamedTuple):
    """What may begin at a step, and how probably: all ``events`` (N, D), with their ``probability`` (N,).

    Of a serial model, the values (N, 1) of the dimension ``part``; else ``part`` is None.
    """

    step: int
    part: int | None
    events: Events
    probability: NDArray[np.float64]


class Machine(Protocol):
    """A finite automaton over events: what constraints say about more than one event. It begins in state 0.

    ``part`` is None for whole events (N, D); for a serial model, the dimension whose values (N, 1) are read in turn.
    """

    def follow(
        self, step: int, states: NDArray[np.int64], events: Events, part: int | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
        """(A,), (N, D) -> (A, N) the states after events at ``step``, -1 where one is not allowed; and what preferences
        add to the logarithms of their probabilities (A, N), None where they add nothing.
        """
        ...

    def at_end(self, states: NDArray[np.int64]) -> NDArray[np.float64]:
        """(A,) -> (A,) what preferences add if the end is reached in these states; -inf where it may not be."""
        ...

    def alone(self, dim: int) -> Machine | None:
        """What is said about one dimension, as a machine that reads only it; None: nothing.

        Raises :class:`Unsupported` where more than one dimension is read together.
        """
        ...


class Between(NamedTuple):
    """What may not be between two dimensions of a column, ``upper`` before ``lower``, and those of the column before.

    ``breaks(step, upper0, lower0, upper1, lower1)`` says of values (they broadcast) that sound at the step before
    ``step`` and at it whether they break it; of step 0 it does not look at those before. Steps of one of the ``kinds``
    (end,) are judged alike. The value ``hold`` (-1: there is none) stands for what sounded before, and is asked about
    only where nothing has.
    """

    upper: int
    lower: int
    breaks: Callable[
        [int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]
    ]
    kinds: NDArray[np.int64]
    hold: int = -1


class Constraints(Protocol):
    """What a generator may put where: the compiled form of a sketch, in integers only.

    An event that begins at step ``s`` and lasts ``advance(event)`` steps is followed by one at the sum; a sequence is
    complete when it reaches ``end`` exactly.
    """

    @property
    def end(self) -> int:
        """Steps to fill."""
        ...

    @property
    def context(self) -> Mapping[str, NDArray[np.int32]]:
        """(end,) per step: the context of an event that begins there."""
        ...

    def advance(self, events: Events) -> NDArray[np.int32]:
        """(N, D) -> (N,): how many steps each event lasts, at least 1."""
        ...

    def allows(self, step: int, events: Events) -> NDArray[np.bool_]:
        """(N, D) -> (N,): which events may begin at ``step``, by everything the constraints say, the end included."""
        ...

    def allows_part(self, step: int, dim: int, values: NDArray[np.int32]) -> NDArray[np.bool_]:
        """(N,) -> (N,): which values may stand in dimension ``dim`` of an event at ``step``.

        Only for constraints that factorise over the dimensions (columns of voices): there an event is allowed exactly
        if each of its values is. Raises :class:`Unsupported` where they do not (pitch and duration).
        """
        ...

    def alone(self, dim: int) -> Constraints:
        """What is said about one dimension, but for what is :attr:`between` several, as constraints on events of one
        integer; raises as :meth:`allows_part`.
        """
        ...

    def nats(self, step: int, events: Events, part: int | None) -> NDArray[np.float64] | None:
        """(N, D) -> (N,): what preferences add to the logarithm of each event's probability; None: nothing.

        ``part`` is as for a :class:`Machine`.
        """
        ...

    @property
    def machine(self) -> Machine | None:
        """What is said about more than one event; None: nothing."""
        ...

    @property
    def between(self) -> SequenceOf[Between]:
        """What voices may not do to each other, column by column; it holds in what is returned."""
        ...

    @property
    def given(self) -> Mapping[int, NDArray[np.int32]]:
        """By step the event (D,) that stands there as it is given, known to a generator or not; -1 in an integer that
        is not given.
        """
        ...

    def where(self, step: int) -> str:
        """The place of a step in words, for messages: ``bar 3, beat 2``."""
        ...
