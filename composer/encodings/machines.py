"""Wishes that look at more than one cell, as machines over an encoding's events.

A part of a machine reads the cells of one voice; a machine keeps the states of all its parts as one number.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.encodings.compile import PITCH_SYMBOLS, symbol_pitches
from composer.errors import Unsupported
from composer.inference.automata import TOO_MUCH
from composer.inference.sequence import Events, Machine
from composer.sketch import REST, SYMBOLS, Automaton, Constraint, Preference, Sketch
from composer.theory import Ints

States = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Lasting = Callable[[States, States], Bools]

MOST_STATES = 2**62


class Part(ABC):
    """What reads cells; ``weight`` is None for what is certain, else what each breach costs, in nats."""

    size: int
    weight: float | None = None
    held: Bools  # (steps,) where holding a note matters
    awake: Bools | None = None  # (steps + 1,) before which steps the state is kept, elsewhere it is 0; None: everywhere

    @abstractmethod
    def start(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        """(A, N) states before, (A, N) pitches that start -> (A, N) states after, and whether the wish is broken."""

    def hold(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        """The same for pitches that are held."""
        return states, np.zeros(states.shape, dtype=bool)

    @abstractmethod
    def breaks_at_end(self) -> Bools:
        """(size,) whether the wish is broken if the end is reached so."""


class Reading(Part):
    """An automaton of the sketch; it breaks nothing outside the holes, where notes are given.

    How its bars ended is judged in the cell behind them, given or not.
    """

    def __init__(self, automaton: Automaton, free: Bools, weight: float | None) -> None:
        self.automaton, self.free, self.weight = automaton, free, weight
        if automaton.span is not None:
            first, last = automaton.span
            steps = np.arange(len(free) + 1)
            self.awake = (steps > first) & (steps <= last)
            self.free = free.copy()
            self.free[last : last + 1] = free[last - 1]
        self.size = automaton.size
        self.held = np.array([automaton.hold(step) is not None for step in range(len(free))])

    def start(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        moves = self.automaton.start(step)
        return moves.to[states, pitch].astype(np.int64), moves.breaks[states, pitch] & self.free[step]

    def hold(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        moves = self.automaton.hold(step)
        if moves is None:
            return super().hold(step, states, pitch)
        return moves.to[states, pitch].astype(np.int64), moves.breaks[states, pitch] & self.free[step]

    def breaks_at_end(self) -> Bools:
        return np.asarray(self.automaton.breaks_at_end() & self.free[-1])


class Lengths(Part):
    """How long notes last, where no event says: a state is the step at which the note began, plus 1; 0 for a rest."""

    def __init__(self, lasting: Lasting, free: Bools, weight: float | None) -> None:
        self.lasting, self.free, self.weight = lasting, free, weight
        self.size = len(free) + 1
        self.held = np.zeros(len(free), dtype=bool)

    def start(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        after = np.where(pitch == REST, 0, step + 1)
        return np.broadcast_to(after, states.shape), self._wrong(states, step)

    def breaks_at_end(self) -> Bools:
        return self._wrong(np.arange(self.size), len(self.free))

    def _wrong(self, states: States, end: int) -> Bools:
        began = np.maximum(states - 1, 0)
        return (states > 0) & self.free[began] & ~self.lasting(began, np.full(states.shape, end))


class Holding(Part):
    """Until when what sounds may be held, for encodings whose holds do not say their pitch: a state is a step."""

    def __init__(self, allowed: Bools) -> None:
        steps = len(allowed)
        self.stops = np.full((steps + 1, SYMBOLS), steps)  # from a step on, the first at which a pitch may not be held
        for step in range(steps - 1, -1, -1):
            self.stops[step] = np.where(allowed[step], self.stops[step + 1], step)
        self.size = steps + 1
        self.held = np.ones(steps, dtype=bool)

    def start(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        return self.stops[step + 1][pitch], np.zeros(states.shape, dtype=bool)

    def hold(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        return states, states <= step

    def breaks_at_end(self) -> Bools:
        return np.zeros(self.size, dtype=bool)


class Sounding(Part):
    """Which pitch sounds, for encodings whose holds do not say it: only those in ``allowed`` may be held."""

    size = REST + 1

    def __init__(self, allowed: Bools, weight: float | None = None) -> None:
        self.allowed, self.weight = allowed, weight  # (steps, 129)
        self.held = np.ones(len(allowed), dtype=bool)

    def start(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        return np.broadcast_to(pitch, states.shape), np.zeros(states.shape, dtype=bool)

    def hold(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        return states, ~self.allowed[step][pitch]

    def breaks_at_end(self) -> Bools:
        return np.zeros(self.size, dtype=bool)


class Tied(Part):
    """Which pitch sounds, for encodings whose ties say what they hold: a tie goes on from the same pitch alone."""

    size = REST + 1

    def __init__(self, steps: int, ties: States) -> None:
        """``ties`` are the steps at which there may be one."""
        self.held = np.zeros(steps, dtype=bool)
        self.awake = np.isin(np.arange(steps + 1), ties)

    def start(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        return np.broadcast_to(pitch, states.shape), np.zeros(states.shape, dtype=bool)

    def hold(self, step: int, states: States, pitch: States) -> tuple[States, Bools]:
        return states, states != pitch

    def breaks_at_end(self) -> Bools:
        return np.zeros(self.size, dtype=bool)


class Reader:
    """The parts of a machine that read one voice, their states as one number."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.held = np.logical_or.reduce([part.held for part in parts])
        awake = [np.ones(len(self.held) + 1, dtype=bool) if part.awake is None else part.awake for part in parts]
        self.sizes = [np.where(there, part.size, 1) for there, part in zip(awake, parts, strict=True)]  # (steps + 1,)
        self.size = max(map(math.prod, zip(*(sizes.tolist() for sizes in self.sizes), strict=True)))
        if self.size >= MOST_STATES:
            raise Unsupported(TOO_MUCH)

    def open(self, step: int, states: States, events: int) -> Page:
        """What reading so many events begins with, from states (A,) at a step."""
        found = []
        for sizes in reversed(self.sizes):
            states, state = np.divmod(states, sizes[step])
            found.append(np.repeat(state[:, None], events, axis=1))
        return Page(found[::-1])

    def read(self, page: Page, step: int, pitch: States, columns: Bools, *, held: bool) -> None:
        """Read the cell of a step in some columns: ``pitch`` (A, N) starts there, or is held."""
        if not columns.any():
            return
        for state, part in zip(page.states, self.parts, strict=True):
            after, broken = (part.hold if held else part.start)(step, state[:, columns], pitch[:, columns])
            state[:, columns] = after
            if part.weight is None:
                page.forbidden[:, columns] |= broken
            else:
                page.cost[:, columns] += part.weight * broken

    def joined(self, page: Page, steps: States | int) -> States:
        """(A, N) the states after all events, which end at ``steps`` (N,)."""
        whole = np.zeros(page.forbidden.shape, dtype=np.int64)
        for sizes, state in zip(self.sizes, page.states, strict=True):
            whole = whole * sizes[steps] + state % sizes[steps]
        return whole

    def at_end(self, states: States) -> Floats:
        """(A,) what breaches at the end add to the logarithm of the probability."""
        nats = np.zeros(len(states))
        for part, state in zip(self.parts, self.open(len(self.held), states, 1).states, strict=True):
            nats[part.breaks_at_end()[state[:, 0]]] -= np.inf if part.weight is None else part.weight
        return nats


class Page:
    """Events being read from several states: everything is (A, N)."""

    def __init__(self, states: list[States]) -> None:
        self.states = states  # of each part
        self.forbidden = np.zeros(states[0].shape, dtype=bool)
        self.cost = np.zeros(states[0].shape)


@dataclass(frozen=True)
class RunMachine:
    """Over events (symbol, duration): a cell that starts, or in symbols from ``tied`` on is held, and cells held."""

    reader: Reader
    pitches: Callable[[int, States], States]  # of symbols (N,) at a step
    tied: int

    def follow(self, step: int, states: States, events: Events, part: int | None) -> tuple[States, Floats | None]:
        symbol, duration = events.astype(np.int64).T
        page = self.reader.open(step, states, len(events))
        pitch = np.broadcast_to(self.pitches(step, symbol % self.tied), page.forbidden.shape)
        for held in (False, True):
            self.reader.read(page, step, pitch, (symbol >= self.tied) == held, held=held)
        last = step + int(duration.max(initial=1))
        for later in (np.flatnonzero(self.reader.held[step + 1 : last]) + step + 1).tolist():
            self.reader.read(page, later, pitch, step + duration > later, held=True)
        after = np.where(page.forbidden, -1, self.reader.joined(page, step + duration))
        return after, -page.cost if page.cost.any() else None

    def at_end(self, states: States) -> Floats:
        return self.reader.at_end(states)

    def alone(self, dim: int) -> Machine | None:
        raise Unsupported("pitch and duration are read together")


@dataclass(frozen=True)
class ColumnMachine:
    """Over columns of a grid, one integer a voice: a symbol that starts, or ``hold``, which holds what sounds.

    The first part of every reader is :class:`Sounding`, or, if no part asks which pitch is held, :class:`Holding`.
    """

    readers: dict[int, Reader]  # of the voices that have one
    pitches: Callable[[int, States], States]
    hold: int

    def follow(self, step: int, states: States, events: Events, part: int | None) -> tuple[States, Floats | None]:
        """As :meth:`Machine.follow`; raises :class:`Unsupported` where voices together have too many states."""
        if math.prod(reader.size for reader in self.readers.values()) >= MOST_STATES:
            raise Unsupported(TOO_MUCH)
        voices = range(events.shape[1]) if part is None else [part]
        after = np.repeat(states[:, None], len(events), axis=1)
        forbidden, cost = np.zeros(after.shape, dtype=bool), np.zeros(after.shape)
        for column, voice in enumerate(voices):
            reader = self.readers.get(voice)
            if reader is None:
                continue
            unit = math.prod(self.readers[v].size for v in self.readers if v < voice)
            before = states // unit % reader.size
            page = reader.open(step, before, len(events))
            symbol = events[:, column].astype(np.int64)
            held = symbol == self.hold
            starts = np.broadcast_to(self.pitches(step, np.where(held, 0, symbol)), after.shape)
            pitch = np.where(held, page.states[0], starts)
            reader.read(page, step, pitch, ~held, held=False)
            reader.read(page, step, pitch, held, held=True)
            after += (reader.joined(page, step + 1) - before[:, None]) * unit
            forbidden |= page.forbidden
            cost += page.cost
        return np.where(forbidden, -1, after), -cost if cost.any() else None

    def at_end(self, states: States) -> Floats:
        nats = np.zeros(len(states))
        for voice, reader in self.readers.items():
            unit = math.prod(self.readers[v].size for v in self.readers if v < voice)
            nats += reader.at_end(states // unit % reader.size)
        return nats

    def alone(self, dim: int) -> Machine | None:
        return ColumnMachine({0: self.readers[dim]}, self.pitches, self.hold) if dim in self.readers else None


def run_machine(parts: list[Part], tonic: Ints, tied: int = PITCH_SYMBOLS) -> RunMachine | None:
    """The machine of one voice of (symbol, duration) events; None if there is nothing to read."""
    return RunMachine(Reader(parts), symbol_pitches(tonic), tied) if parts else None


def readings(sketch: Sketch, voice: int, ticks: Ints) -> list[Part]:
    """The automata of a voice's wishes, over cells that begin at ``ticks``."""
    free = sketch.free(voice, ticks)
    parts: list[Part] = []
    for wish in sketch.wishes(voice):
        automaton = wish.automaton(ticks, sketch.score)
        if automaton is not None:
            parts.append(Reading(automaton, free, weight_of(wish)))
    return parts


def lengths(sketch: Sketch, voice: int, ticks: Ints) -> list[Part]:
    """How long a voice's notes may last, for encodings in which one note may be several events."""
    free, edges = sketch.free(voice, ticks), np.append(ticks, sketch.score.end).astype(np.int32)

    def rule(wish: Constraint) -> Lasting:
        def lasting(start: States, end: States) -> Bools:
            allowed = wish.lasts(edges[start.ravel()], edges[end.ravel()], sketch.score)
            return np.ones(start.shape, dtype=bool) if allowed is None else allowed.reshape(start.shape)

        return lasting

    ruling = [wish for wish in sketch.wishes(voice) if wish.lasts(ticks[:1], ticks[:1] + 1, sketch.score) is not None]
    return [Lengths(rule(wish), free, weight_of(wish)) for wish in ruling]


def weight_of(wish: Constraint) -> float | None:
    """Nats that each breach costs; None for what is certain."""
    return wish.weight if isinstance(wish, Preference) else None
