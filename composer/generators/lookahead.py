"""What constraints leave of a frame: exactly that from which the end can still be reached.

Of lines each has its :class:`Lattice`; of a roll, each pitch may be on a way, or not, that goes on to the end. Neither
sees what is between lines: that is judged as they are placed.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible, Unsupported
from composer.generators.frames import HELD, SILENT, STRUCK, Frame, Frames
from composer.inference.automata import DEAD, Lattice
from composer.inference.sequence import Constraints, Events

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ways = tuple[Ints, ...]  # (N, ...) each: how N ways have come to a step


class Choices(NamedTuple):
    """Nats that constraints add at a step, -inf where not allowed: (N, P, V) to what is struck and to what is held, and
    to a line that rests (N, V); of a roll, to each pitch that is silent (N, P).
    """

    struck: Floats
    held: Floats
    rest: Floats


class Ahead(Protocol):
    """What may come in each of N ways, a step at a time."""

    binding: bool  # whether anything is forbidden, or preferred

    def open(self, n: int) -> Ways:
        """N ways before the first step."""
        ...

    def choices(self, step: int, ways: Ways) -> Choices:
        """What may come at a step."""
        ...

    def follow(self, step: int, ways: Ways, now: Frame) -> tuple[Events, Ways]:
        """(N, width) the events of frames (N, P, V) that are allowed, and the ways behind them."""
        ...


class Lines:
    """Lines that sound at one pitch at most; a way is the class (V,) and the sounding symbol (V,) of each."""

    def __init__(self, frames: Frames, constraints: Constraints) -> None:
        """Raises :class:`Infeasible` where a line has no way to the end."""
        self.frames, self.end = frames, constraints.end
        known = [frames.silence, *range(frames.lowest, frames.lowest + frames.pitches)]
        known += [] if frames.hold is None else [frames.hold]
        alphabet = np.array(known, dtype=np.int32)[:, None]
        self.lattices = [Lattice(constraints.alone(line), [alphabet]) for line in range(frames.lines)]
        self._columns = [self._column(lattice) for lattice in self.lattices]
        self._alive = [
            self._ahead(lattice, column, constraints)
            for lattice, column in zip(self.lattices, self._columns, strict=True)
        ]
        self.binding = any(self._bound(lattice) for lattice in self.lattices)

    def _column(self, lattice: Lattice) -> Ints:
        """Of each token where it stands in a table of choices: its pitch, then the rest, then the hold."""
        symbols, frames = lattice.alphabets[0][:, 0], self.frames
        found = frames.place(symbols)
        found[symbols == frames.silence] = frames.pitches
        if frames.hold is not None:
            found[symbols == frames.hold] = frames.pitches + 1
        return found

    def _bound(self, lattice: Lattice) -> bool:
        most = lattice.known[0]
        hold = self.frames.articulated
        return any(
            len(option.tokens) < most - (hold and step == 0) or option.nats is not None or (option.follow == DEAD).any()
            for step, option in lattice.options.items()
        )

    def _ahead(self, lattice: Lattice, column: Ints, constraints: Constraints) -> list[Bools]:
        """(C, 2) at each step and the end: whether the end can be reached from a class, in silence or not."""
        alive = [np.zeros((0, 2), dtype=bool)] * self.end + [np.ones((1, 2), dtype=bool)]
        for step in range(self.end - 1, -1, -1):
            option = lattice.options.get(step)
            if option is not None:
                kind = column[option.tokens]
                reached = alive[step + 1][option.follow, (kind != self.frames.pitches).astype(int)]
                reached &= option.follow != DEAD
                silent = reached[:, kind <= self.frames.pitches].any(axis=1)
                alive[step] = np.stack([silent, reached.any(axis=1)], axis=1)
            if not alive[step].any():
                raise Infeasible.at(step, constraints.where(step))
        if not alive[0][0, 0]:
            raise Infeasible.at(0, constraints.where(0))
        return alive

    def open(self, n: int) -> Ways:
        classes = np.zeros((n, self.frames.lines), dtype=np.int64)
        return classes, np.full_like(classes, self.frames.silence)

    def choices(self, step: int, ways: Ways) -> Choices:
        classes, sounds = ways
        n, (pitches, lines) = len(classes), self.frames.shape
        struck, held = np.empty((n, pitches, lines)), np.full((n, pitches, lines), -np.inf)
        rest = np.empty((n, lines))
        places = self.frames.place(sounds)
        for line, lattice in enumerate(self.lattices):
            option, column = lattice.options[step], self._columns[line]
            rows, kind = option.follow[classes[:, line]], column[option.tokens]
            reached = self._alive[line][step + 1][rows, (kind != pitches).astype(int)] & (rows != DEAD)
            nats = 0.0 if option.nats is None else option.nats[classes[:, line]]
            table = np.full((n, pitches + 2), -np.inf)
            table[:, kind] = np.where(reached, nats, -np.inf)
            struck[:, :, line], rest[:, line] = table[:, :pitches], table[:, pitches]
            sounding = np.flatnonzero(sounds[:, line] != self.frames.silence)
            held[sounding, places[sounding, line], line] = table[sounding, pitches + 1]
        return Choices(struck, held, rest)

    def symbols(self, step: int, ways: Ways) -> Ints:
        """(N, P + 1, V) the symbol that sounds where a line is struck at each pitch, and, last, if it is held."""
        pitches, lines = self.frames.shape
        found = np.repeat(np.arange(self.frames.lowest, self.frames.lowest + pitches)[:, None], lines, axis=1)
        for line, lattice in enumerate(self.lattices):
            tokens = lattice.options[step].tokens
            foreign = tokens[tokens >= lattice.known[0]]
            found[self._columns[line][foreign], line] = lattice.alphabets[0][foreign, 0]
        struck = np.broadcast_to(found, (len(ways[1]), pitches, lines))
        return np.concatenate([struck, ways[1][:, None]], axis=1)

    def follow(self, step: int, ways: Ways, now: Frame) -> tuple[Events, Ways]:
        classes, sounds = (way.copy() for way in ways)
        events = np.empty(sounds.shape, dtype=np.int32)
        for line, lattice in enumerate(self.lattices):
            option, column = lattice.options[step], self._columns[line]
            place = now[:, :, line].argmax(axis=1)
            value = now[np.arange(len(now)), place, line]
            kind = np.where(value == SILENT, self.frames.pitches, place)
            if self.frames.articulated:
                kind = np.where(value == HELD, self.frames.pitches + 1, kind)
            where = np.zeros(self.frames.pitches + 2, dtype=np.int64)
            where[column[option.tokens]] = np.arange(len(option.tokens))
            classes[:, line] = option.follow[classes[:, line], where[kind]]
            events[:, line] = lattice.alphabets[0][option.tokens[where[kind]], 0]
            sounds[:, line] = np.where(kind > self.frames.pitches, sounds[:, line], events[:, line])
        return events, (classes, sounds)


class Roll:
    """Pitches that sound or not; a way is whether each (P,) sounds."""

    def __init__(self, frames: Frames, constraints: Constraints) -> None:
        """Raises :class:`Infeasible`, and :class:`Unsupported` for what looks at more than one event."""
        if constraints.machine is not None or constraints.between:
            raise Unsupported("the sketch speaks of one note after another, and a piano roll has no lines")
        self.frames, self.end = frames, constraints.end
        shape = (self.end, frames.pitches, STRUCK + 1)
        values = np.arange(shape[2], dtype=np.int32)
        nats = np.full(shape, -np.inf)
        for step in range(self.end):
            for pitch in range(frames.pitches):
                allowed = constraints.allows_part(step, pitch, values)
                some = constraints.nats(step, values[allowed, None], pitch)
                nats[step, pitch, allowed] = 0.0 if some is None else some
        self.binding = bool((nats[..., : frames.begun + 1] != 0).any())
        self.nats = nats
        for step in range(self.end - 1, -1, -1):
            self._close(step, constraints)

    def _close(self, step: int, constraints: Constraints) -> None:
        """Leave at a step only what leads on: what is held at the next must sound, what is struck there may."""
        here = self.nats[step] > -np.inf
        if not self.frames.articulated:
            here[:, STRUCK] = False
        if step + 1 < self.end:
            after = self.nats[step + 1] > -np.inf
            here[:, SILENT] &= after[:, SILENT] | after[:, self.frames.begun]
            here[:, HELD:] &= after.any(axis=1)[:, None]
        if step == 0 and self.frames.articulated:
            here[:, HELD] = False
        self.nats[step] = np.where(here, self.nats[step], -np.inf)
        if not here.any(axis=1).all():
            raise Infeasible.at(step, constraints.where(step))

    def open(self, n: int) -> Ways:
        return (np.zeros((n, self.frames.pitches), dtype=np.int64),)

    def choices(self, step: int, ways: Ways) -> Choices:
        nats, sounds = self.nats[step], ways[0] != SILENT
        held = np.where(sounds & self.frames.articulated, nats[:, HELD], -np.inf)
        struck = np.broadcast_to(nats[:, self.frames.begun], sounds.shape)
        return Choices(struck[..., None], held[..., None], np.broadcast_to(nats[:, SILENT], sounds.shape))

    def follow(self, step: int, ways: Ways, now: Frame) -> tuple[Events, Ways]:
        return now[:, :, 0].astype(np.int32), (now[:, :, 0].astype(np.int64),)
