"""What a constraint says of whole voices, read from its cells as an encoding must read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from composer.score import Score
from composer.sketch import REST, SYMBOLS, Constraint
from composer.theory import Ints


class Heard(NamedTuple):
    """A note, or a rest, in ticks."""

    onset: int
    pitch: int  # REST for a rest
    duration: int

    @property
    def end(self) -> int:
        return self.onset + self.duration


Voice = list[Heard]


def voices(cells: int, grid: int, pitches: tuple[int, ...]) -> Iterator[Voice]:
    """Every row of notes and rests that fills so many cells; rests may follow rests."""

    def filled(start: int) -> Iterator[tuple[Heard, ...]]:
        if start == cells:
            yield ()
        for end in range(start + 1, cells + 1):
            for rest in filled(end):
                for pitch in (*pitches, REST):
                    yield (Heard(start * grid, pitch, (end - start) * grid), *rest)

    return (list(voice) for voice in filled(0))


class Acceptor:
    """Whether masks, lengths and automaton together let a voice pass, in cells of ``grid`` ticks."""

    def __init__(self, wish: Constraint, score: Score, grid: int) -> None:
        self.grid = grid
        ticks: Ints = np.arange(0, score.end, grid, dtype=np.int32)
        size = len(ticks)
        mask = wish.mask(ticks, score)
        tables = [np.ones((size, SYMBOLS), dtype=bool)] * 2 if mask is None else mask
        self.starts, self.holds = (np.broadcast_to(table, (size, SYMBOLS)).tolist() for table in tables)
        first, last = np.triu_indices(size + 1, 1)
        ends = np.append(ticks, score.end)
        lasts = wish.lasts(ends[first], ends[last], score)
        allowed = np.ones(len(first), dtype=bool) if lasts is None else lasts
        self.lasts = dict(zip(zip(first.tolist(), last.tolist(), strict=True), allowed.tolist(), strict=True))
        machine = wish.automaton(ticks, score)
        self.moves = [] if machine is None else [(machine.start(i), machine.hold(i)) for i in range(size)]
        self.ending = np.zeros(1, dtype=bool) if machine is None else machine.breaks_at_end()

    def __call__(self, voice: Voice) -> bool:
        state = 0
        for note in voice:
            first, last = note.onset // self.grid, note.end // self.grid
            if note.pitch != REST and not self.lasts[first, last]:
                return False
            for cell in range(first, last):
                if not (self.starts if cell == first else self.holds)[cell][note.pitch]:
                    return False
                moves = self.moves[cell][cell > first] if self.moves else None
                if moves is not None:
                    if moves.breaks[state, note.pitch]:
                        return False
                    state = int(moves.to[state, note.pitch])
        return not self.ending[state]
