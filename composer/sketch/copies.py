"""Written bars that copy others: what is composed is only the free material, once, in written order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from composer.errors import UsageError
from composer.score import Part, Score, frozen
from composer.sketch.cells import REST, SYMBOLS, Apart, Automaton, Cells, Constraint, Moves, Preference, Table
from composer.theory import Ints
from composer.voice_leading import SILENT, Pitches


class Copy(NamedTuple):
    """The written ticks ``[start, end)`` repeat what stands from ``source`` on."""

    source: int
    start: int
    end: int

    @property
    def source_end(self) -> int:
        return self.source + self.end - self.start


class Span(NamedTuple):
    """The ticks ``[start, end)`` of the folded score stand at ``whole`` in the whole one."""

    start: int
    end: int
    whole: int


@dataclass(frozen=True)
class Fold:
    """A score, and the same score without its copied bars.

    Copies must be in order, apart from each other, and repeat what stands earlier and is no copy itself.
    """

    score: Score
    copies: tuple[Copy, ...]

    def __post_init__(self) -> None:
        at = 0
        for copy in self.copies:
            free = [(start, end) for start, end in self.kept if start <= copy.source and copy.source_end <= end]
            if not (at <= copy.start < copy.end <= self.score.end and copy.source_end <= copy.start and free):
                raise UsageError(f"{self.score.place(copy.start)}: a copy must repeat earlier bars that are no copy")
            at = copy.end

    @cached_property
    def kept(self) -> list[tuple[int, int]]:
        """The written spans that are no copies."""
        edges = [0, *(tick for copy in self.copies for tick in (copy.start, copy.end)), self.score.end]
        return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]

    @cached_property
    def spans(self) -> list[Span]:
        """All of the whole score, in written order."""
        kept: list[Span] = []
        for start, end in self.kept:
            at = kept[-1].end if kept else 0
            kept.append(Span(at, at + end - start, start))
        copied = []
        for copy in self.copies:
            home = next(s for s in kept if s.whole <= copy.source < s.whole + s.end - s.start)
            at = copy.source - home.whole + home.start
            copied.append(Span(at, at + copy.end - copy.start, copy.start))
        return sorted([*kept, *copied], key=lambda span: span.whole)

    @cached_property
    def folded(self) -> Score:
        """The score without its copied bars; notes given in them stand in their source."""
        page = self.score.rearranged(self.kept)
        back = [Span(span.whole, span.whole + span.end - span.start, span.start) for span in self.spans]
        parts = tuple(_once(_carried(part, back)) for part in self.score.parts)
        return replace(page, parts=parts)

    def unfolded(self, score: Score) -> Score:
        """The whole score, with the notes of a folded one in their place and in their copies, and its metadata."""
        parts = tuple(_carried(part, self.spans) for part in score.parts)
        return replace(self.score, parts=parts, metadata=score.metadata)

    def cells(self, ticks: Ints) -> tuple[Ints, Ints]:
        """For cells of the folded score that begin at ``ticks`` (S,): all cells of the whole score in order, each its
        tick (W,) and the index (W,) of its folded cell.
        """
        index = [np.arange(*np.searchsorted(ticks, (span.start, span.end))) for span in self.spans]
        whole = [ticks[i] - span.start + span.whole for i, span in zip(index, self.spans, strict=True)]
        return frozen(np.concatenate(whole)), frozen(np.concatenate(index))

    def edges(self) -> Iterator[int]:
        """Ticks at which what is copied begins and ends, there and where it is copied to."""
        for copy in self.copies:
            yield from (copy.source, copy.source_end, copy.start, copy.end)


@dataclass(frozen=True)
class Folded(Constraint):
    """A wish about the whole score, asked of the folded one: masks and lengths hold in every copy as well.

    An automaton reads the folded cells alone, and forgives the one after a copy: what it says across the edges of
    copies is left to :func:`breaks`.
    """

    wish: Constraint
    fold: Fold

    @classmethod
    def of(cls, wish: Constraint, fold: Fold) -> Constraint:
        """The wish on the folded score; preferences stay preferences, and what says nothing of cells stays itself."""
        if isinstance(wish, Preference):
            return Preference(cls.of(wish.wish, fold), wish.weight)
        silent = all(getattr(type(wish), name) is getattr(Constraint, name) for name in _SAYINGS)
        return wish if silent else cls(wish, fold)

    @property
    def voice(self) -> int | None:  # type: ignore[override]
        return self.wish.voice

    def mask(self, ticks: Ints, score: Score) -> Cells | None:
        whole, index = self.fold.cells(ticks)
        mask = self.wish.mask(whole, self.fold.score)
        return None if mask is None else Cells(*(_everywhere(table, index, len(ticks)) for table in mask))

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table | None:
        allowed = np.ones(len(start), dtype=bool)
        for span in self.fold.spans:
            inside = np.flatnonzero((start >= span.start) & (start < span.end))
            shift = span.whole - span.start
            table = self.wish.lasts(start[inside] + shift, end[inside] + shift, self.fold.score)
            if table is None:
                return None
            allowed[inside] &= table
        return allowed

    def automaton(self, ticks: Ints, score: Score) -> Automaton | None:
        cells, joins = self._kept(ticks)
        automaton = self.wish.automaton(cells, self.fold.score)
        return None if automaton is None else _Lenient(automaton, joins)

    def between(self, ticks: Ints, score: Score) -> Iterator[Apart]:
        cells, joins = self._kept(ticks)
        for apart in self.wish.between(cells, self.fold.score):
            kinds = 2 * apart.kinds + np.isin(np.arange(len(cells)), list(joins))
            yield apart._replace(breaks=partial(_after_silence, apart, joins), kinds=kinds)

    def _kept(self, ticks: Ints) -> tuple[Ints, set[int]]:
        """Where folded cells stand in the whole score, and the steps of those that there follow another than here."""
        whole, index = self.fold.cells(ticks)
        first = np.unique(index, return_index=True)[1]  # sources stand before their copies
        joins = np.flatnonzero(np.diff(whole[first]) != np.diff(ticks)) + 1
        return frozen(whole[first]), set(joins.tolist())

    def __str__(self) -> str:
        return str(self.wish)


_SAYINGS = ("mask", "lasts", "automaton", "between")


def _after_silence(
    apart: Apart, joins: set[int], step: int, upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches
) -> Table:
    """At a join there is nothing before."""
    silence = np.full(1, SILENT, dtype=np.int64)
    before = (silence, silence) if step in joins else (upper0, lower0)
    return apart.breaks(step, *before, upper1, lower1)


class _Lenient(Automaton):
    """An automaton that does not break at ``steps``: their cells do not follow the ones before in the whole score."""

    def __init__(self, inner: Automaton, steps: set[int]) -> None:
        self.inner, self.steps, self.size = inner, steps, inner.size

    def start(self, step: int) -> Moves:
        moves = self.inner.start(step)
        return Moves(moves.to, np.zeros_like(moves.breaks)) if step in self.steps else moves

    def hold(self, step: int) -> Moves | None:
        return self.inner.hold(step)  # nothing is held from a copy into what follows it

    def breaks_at_end(self) -> Table:
        return self.inner.breaks_at_end()


@dataclass(frozen=True)
class Breaths(Constraint):
    """No note is held over these written ticks."""

    ticks: tuple[int, ...]
    words: str

    def mask(self, ticks: Ints, score: Score) -> Cells:
        at = np.isin(ticks, self.ticks)[:, None]
        return Cells(np.ones((1, SYMBOLS), dtype=bool), np.repeat(~at, SYMBOLS, axis=1))

    def __str__(self) -> str:
        return self.words


def with_copied_chords(score: Score, copies: Iterable[Copy]) -> Score:
    """The page with the chords of copied bars over their copies, where no others stand."""
    chords = list(score.chords)
    for copy in copies:
        if not any(copy.start <= chord.onset < copy.end for chord in score.chords):
            chords += [
                replace(chord, onset=chord.onset - copy.source + copy.start)
                for chord in score.chords
                if copy.source <= chord.onset < copy.source_end
            ]
    return replace(score, chords=tuple(sorted(chords, key=lambda chord: chord.onset)))


def breaks(automaton: Automaton, part: Part, ticks: Ints) -> bool:
    """Whether a finished part breaks an automaton over the cells that begin at ``ticks`` (S,)."""
    symbols = np.full(len(ticks), REST)
    starts = np.zeros(len(ticks) + 1, dtype=bool)
    starts[0] = True
    first, last = np.searchsorted(ticks, part.onset), np.searchsorted(ticks, part.offset)
    for begin, end, pitch in zip(first.tolist(), last.tolist(), part.pitch.tolist(), strict=True):
        symbols[begin:end] = pitch
        starts[[begin, end]] = True
    state = 0
    for step, (symbol, start) in enumerate(zip(symbols.tolist(), starts.tolist(), strict=False)):
        moves = automaton.start(step) if start else automaton.hold(step)
        if moves is not None and moves.breaks[state, symbol]:
            return True
        state = state if moves is None else int(moves.to[state, symbol])
    return bool(automaton.breaks_at_end()[state])


def _everywhere(table: Table, index: Ints, size: int) -> Table:
    """(S, 129) what a table over the whole score's cells (W, 129) allows in each folded cell and all its copies."""
    if len(table) == 1:
        return table
    allowed = np.ones((size, SYMBOLS), dtype=bool)
    np.logical_and.at(allowed, index, table)
    return allowed


def _carried(part: Part, spans: list[Span]) -> Part:
    """The notes of a part that begin in the spans, moved to where those stand, cut at their ends."""
    found = [np.flatnonzero((part.onset >= span.start) & (part.onset < span.end)) for span in spans]
    index = np.concatenate(found)
    shift = np.repeat([span.whole - span.start for span in spans], [len(notes) for notes in found])
    ends = np.repeat([span.end for span in spans], [len(notes) for notes in found])
    notes = part.select(index)
    duration = np.minimum(notes.duration, ends - notes.onset)
    columns = (notes.onset + shift, notes.pitch, duration, notes.velocity, notes.spelling)
    return replace(Part.of(*columns), name=part.name, program=part.program, drums=part.drums)


def _once(part: Part) -> Part:
    """A part without notes that are there twice."""
    _, index = np.unique(np.stack([part.onset, part.pitch, part.duration]), axis=1, return_index=True)
    return part.select(np.sort(index))
