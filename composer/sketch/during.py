"""Wishes limited to some bars."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from composer.errors import UsageError
from composer.score import Score
from composer.sketch.cadence import Fermatas, HalfCadence
from composer.sketch.cells import SYMBOLS, Automaton, Cells, Constraint, Moves, Preference, Table
from composer.sketch.copying import MaxCopy
from composer.sketch.forbid import Forbid
from composer.sketch.pitch import Pin
from composer.sketch.places import bars_named
from composer.theory import Ints


@dataclass(frozen=True)
class During(Constraint):
    """A wish about the written bars ``first`` to ``last`` (bar 0 is a pickup), as if they were the whole score.

    Notes that begin outside them are judged only by masks, in the cells inside.
    """

    wish: Constraint
    first: int
    last: int

    def __post_init__(self) -> None:
        if isinstance(self.wish, Pin | HalfCadence | Fermatas | MaxCopy | Forbid):
            raise UsageError(f"{self.wish}: cannot be limited to bars")

    @property
    def voice(self) -> int | None:  # type: ignore[override]
        return self.wish.voice

    def mask(self, ticks: Ints, score: Score) -> Cells | None:
        inside, start, region = self._cut(ticks, score)
        cells = self.wish.mask(ticks[inside] - start, region) if inside.any() else None
        if cells is None:
            return None
        whole = Cells(np.ones((len(ticks), SYMBOLS), dtype=bool), np.ones((len(ticks), SYMBOLS), dtype=bool))
        whole.start[inside], whole.hold[inside] = cells
        return whole

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table | None:
        inside, first, region = self._cut(start, score)
        table = self.wish.lasts(start[inside] - first, end[inside] - first, region)
        if table is None:
            return None
        whole = np.ones(len(start), dtype=bool)
        whole[inside] = table
        return whole

    def automaton(self, ticks: Ints, score: Score) -> Automaton | None:
        inside, start, region = self._cut(ticks, score)
        inner = self.wish.automaton(ticks[inside] - start, region) if inside.any() else None
        return None if inner is None else _Inside(inner, inside)

    def written(self, score: Score) -> Score:
        start, end = score.bar_span(self.first, self.last)
        inside = [
            replace(chord, onset=chord.onset + start)
            for chord in self.wish.written(cut(score, self.first, self.last)).chords
        ]
        before = [chord for chord in score.chords if chord.onset < start]
        return replace(score, chords=(*before, *inside, *(chord for chord in score.chords if chord.onset >= end)))

    def _cut(self, ticks: Ints, score: Score) -> tuple[Table, int, Score]:
        start, end = score.bar_span(self.first, self.last)
        return (ticks >= start) & (ticks < end), start, cut(score, self.first, self.last)

    def __str__(self) -> str:
        return f"{bars_named(self.first, self.last)}: {self.wish}"


class _Inside(Automaton):
    """An automaton that reads only some steps, one after another; behind them it judges the end, and forgets."""

    def __init__(self, inner: Automaton, inside: Table) -> None:
        self.inner, self.size = inner, inner.size
        self.steps = np.where(inside, np.cumsum(inside) - 1, -1)
        within = np.flatnonzero(inside)
        self.behind = int(within[-1]) + 1
        self.span = (int(within[0]), self.behind)
        states = np.broadcast_to(np.arange(self.size, dtype=np.int32)[:, None], (self.size, SYMBOLS))
        self.still = Moves(states, np.zeros((self.size, SYMBOLS), dtype=bool))
        ended = np.broadcast_to(inner.breaks_at_end()[:, None], (self.size, SYMBOLS))
        self.judged = Moves(np.zeros_like(states), ended)

    def start(self, step: int) -> Moves:
        if step == self.behind:
            return self.judged
        inner = int(self.steps[step])
        return self.still if inner < 0 else self.inner.start(inner)

    def hold(self, step: int) -> Moves | None:
        if step == self.behind:
            return self.judged
        inner = int(self.steps[step])
        return None if inner < 0 else self.inner.hold(inner)

    def breaks_at_end(self) -> Table:
        ends = self.behind == len(self.steps)
        return self.inner.breaks_at_end() if ends else np.zeros(self.size, dtype=bool)


def during(wish: Constraint, bars: str) -> Constraint:
    """A wish limited to written bars: ``during(Contour("rising"), "bars 5-8")``; raises :class:`UsageError`."""
    if isinstance(wish, Preference):
        return Preference(during(wish.wish, bars), wish.weight)
    return During(wish, *bar_numbers(bars))


def bar_numbers(text: str) -> tuple[int, int]:
    """The first and last of "bars 5-8", "5-8" or "bar 5"; raises :class:`UsageError`."""
    match = re.fullmatch(r"\s*(?:bars?\s+)?(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*", text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise UsageError(f"{text!r} is not a region; write it as 'bars 5-8'")
    return int(match[1]), int(match[2] or match[1])


def cut(score: Score, first: int, last: int) -> Score:
    """The score of these written bars alone."""
    return score.rearranged([score.bar_span(first, last)])
