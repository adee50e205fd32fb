"""Columns of symbols, and rolls, as frames: what sounds at each pitch in each line, and how.

A frame is (P, V): pitches upwards, lines; 0 is silent, 1 sounds on, 2 is struck. Where nothing is held, what sounds is
1. A roll is one line in which any number of pitches sound; else a line sounds at one pitch at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from composer.inference.sequence import Events

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Frame = NDArray[np.uint8]  # (..., P, V)

SILENT, HELD, STRUCK = 0, 1, 2
OCTAVE = 12


@dataclass(frozen=True)
class Frames:
    """``pitches`` from the symbol ``lowest`` up, in ``lines``; of a ``roll`` the columns are the pitches.

    ``hold`` is the symbol that goes on with what sounded before, None where every cell stands for itself; a roll has
    its own, so there it says no more than whether strikes are told apart. ``silence`` is the symbol that rests.
    """

    lowest: int
    pitches: int
    lines: int = 1
    roll: bool = False
    silence: int = 0
    hold: int | None = None

    @classmethod
    def of_columns(cls, events: Events, silence: int, hold: int | None, widen: int) -> Self | str:
        """The frames of columns (T, V), ``widen`` symbols beyond those that there are; or why there are none."""
        reserved = [silence] if hold is None else [silence, hold]
        found = events[~np.isin(events, reserved)]
        if not len(found):
            return "there is not one note in them"
        lowest, highest = int(found.min()), int(found.max())
        if any(lowest < symbol < highest for symbol in reserved):
            return f"their pitches lie on both sides of the silence {silence} or the hold {hold}"
        least = max([symbol + 1 for symbol in reserved if symbol < lowest], default=0)
        most = min([symbol - 1 for symbol in reserved if symbol > highest], default=highest + widen)
        lowest, highest = max(lowest - widen, least), min(highest + widen, most)
        return cls(lowest, highest - lowest + 1, events.shape[1], False, silence, hold)

    @property
    def shape(self) -> tuple[int, int]:
        return self.pitches, self.lines

    @property
    def width(self) -> int:
        """Integers in an event."""
        return self.pitches if self.roll else self.lines

    @property
    def articulated(self) -> bool:
        """Whether what is struck is told from what sounds on."""
        return self.hold is not None

    @property
    def begun(self) -> int:
        """The value of what begins to sound."""
        return STRUCK if self.articulated else HELD

    def place(self, symbols: NDArray[np.integer]) -> Ints:
        """The pitch (0 to P - 1) at which symbols sound; one beyond the range at its nearest octave inside."""
        found = symbols.astype(np.int64) - self.lowest
        if self.pitches < OCTAVE:
            return found.clip(0, self.pitches - 1)
        top = self.pitches - OCTAVE
        return np.where(found < 0, found % OCTAVE, np.where(found < self.pitches, found, top + (found - top) % OCTAVE))

    def of(self, events: Events) -> tuple[Frame, Bools]:
        """(T, P, V) the frames of events (T, width), and (T,) which of them can be written so.

        What cannot: a symbol outside the range, which sounds at its nearest octave; a hold with nothing before it.
        """
        return self._of_roll(events) if self.roll else self._of_columns(events)

    def _of_roll(self, events: Events) -> tuple[Frame, Bools]:
        known = (events >= SILENT) & (events <= self.begun)
        if self.articulated:
            before = np.concatenate([np.zeros((1, self.pitches), dtype=bool), events[:-1] != SILENT])
            known &= (events != HELD) | before
        return events.clip(SILENT, self.begun).astype(np.uint8)[:, :, None], np.asarray(known.all(axis=1))

    def _of_columns(self, events: Events) -> tuple[Frame, Bools]:
        held = np.zeros(events.shape, dtype=bool) if self.hold is None else events == self.hold
        steps = np.arange(len(events))[:, None]
        begun = np.maximum.accumulate(np.where(held, -1, steps), axis=0)
        sounding = np.where(begun < 0, self.silence, np.take_along_axis(events, begun.clip(0), axis=0))
        heard = sounding != self.silence
        inside = (sounding >= self.lowest) & (sounding < self.lowest + self.pitches)
        known = np.asarray(np.where(held, heard, inside | ~heard).all(axis=1))
        found = np.zeros((len(events), self.pitches, self.lines), dtype=np.uint8)
        value = np.where(held, HELD, self.begun)
        at, line = np.nonzero(heard)
        found[at, self.place(sounding[heard]), line] = value[heard]
        return found, known

    def before(self, frames: Frame) -> Frame:
        """(T, P, V) the frame before each, silence before the first."""
        return np.concatenate([np.zeros((1, *self.shape), dtype=np.uint8), frames[:-1]])
