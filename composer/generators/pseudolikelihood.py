"""The pseudo-likelihood of cells, and its gradient.

The pseudo-likelihood of a grid is the product over its cells of the probability of each given all others (Besag 1975).
A cell is struck with any value, or held. What is held through the steps after a cell goes with it: if another value is
struck there, that value is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.generators.potentials import BITS, CHORD, Potentials, State, nexts, patterns

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEVER = np.float32(-1e9)


class Grid(NamedTuple):
    """A piece as the family sees it: what sounds and is struck (1, T, V), and the labels (T,) of its features."""

    state: State
    fields: list[Ints]
    rhythms: list[Ints]
    harmony: Ints

    @property
    def steps(self) -> int:
        return len(self.harmony)

    @property
    def labels(self) -> tuple[list[Ints], list[Ints], Ints]:
        """Of fields, rhythms and harmony."""
        return self.fields, self.rhythms, self.harmony


class Entries:
    """The numbers of a sparse matrix, as they are found."""

    def __init__(self) -> None:
        self.rows: list[Ints] = []
        self.columns: list[Ints] = []
        self.times: list[Floats] = []

    def add(self, rows: Ints, columns: Ints, times: float = 1.0) -> None:
        self.rows.append(rows)
        self.columns.append(columns)
        self.times.append(np.full(len(rows), times, dtype=np.float32))

    def matrix(self, rows: int, columns: int) -> csr_array:
        from scipy.sparse import csr_array

        if not self.rows:
            return csr_array((rows, columns), dtype=np.float32)
        entries = np.concatenate(self.times), (np.concatenate(self.rows), np.concatenate(self.columns))
        return csr_array(entries, shape=(rows, columns))


class Bonds:
    """What binds the candidates of a voice's cells (N,) in many pieces.

    By rows of the voice's tables (N, rows): if they are ``struck``, ``held``, or ``both``, either way. By parameters
    (N, size + 1): ``tempo``, what a strike adds over a hold. By parameters (N values, size + 1): ``motion``, with the
    chords of later steps; the ``chord`` of a candidate that is struck; and of one that is ``kept``, held.
    """

    def __init__(self, family: Potentials, voice: int, grids: list[Grid]) -> None:
        self.struck, self.held, self.both = Entries(), Entries(), Entries()
        self.tempo, self.motion, self.chord, self.kept = Entries(), Entries(), Entries(), Entries()
        start = 0
        for grid in grids:
            self._add_rows(family, voice, grid, start)
            for cell, place, sign in _tempo(family, voice, grid):
                self.tempo.add(start + cell, place, sign)
            for candidate, place in _motions(family, voice, grid):
                self.motion.add(start * family.values[voice] + candidate, place)
            if family.voices >= CHORD:
                _add_chords(family, voice, grid, start, (self.motion, self.chord, self.kept))
            start += grid.steps

    def _add_rows(self, family: Potentials, voice: int, grid: Grid, start: int) -> None:
        others = [w for w in range(family.voices) if w != voice]
        bound = family.bound(voice, grid.state, grid.harmony, family.lags, others)
        fields = [row[None] for row in family.fields_of(voice, grid.fields)]
        none = len(family.stacks[voice][1]) - 1
        kinds = (self.struck, [*bound.struck, *fields]), (self.held, bound.held), (self.both, bound.both)
        for entries, rows in kinds:
            for row in rows:
                there = np.flatnonzero(row[0] != none)
                entries.add(start + there, row[0, there])


class Cells:
    """The cells (N,) of one voice in many pieces: what binds their candidates, as sparse matrices over parameters.

    Parameters are ``theta`` (size + 1,), of which the last, nothing, is 0.
    """

    def __init__(self, family: Potentials, voice: int, grids: list[Grid]) -> None:
        self.values, self.holds = family.values[voice], bool(family.rhythms)
        _, self.places = family.stacks[voice]
        count, rows, size = sum(grid.steps for grid in grids), len(self.places), family.size + 1
        lines = [(grid.state.sounds[0, :, voice], grid.state.struck[0, :, voice]) for grid in grids]
        self.before = np.concatenate([np.append(-1, sounds[:-1]) for sounds, _ in lines])
        self.target = np.concatenate([np.where(struck, sounds, self.values) for sounds, struck in lines])
        after = np.concatenate([np.append(sounds, -1)[nexts(struck)] for sounds, struck in lines])
        self.never = self._never(family, voice, after)
        lengths = np.concatenate([_lengths(struck) for _, struck in lines])
        bonds, tails = Bonds(family, voice, grids), Entries()
        tails.add(*_through(lengths, np.ones(count, dtype=bool)))
        once, held = bonds.both.matrix(count, rows), bonds.held.matrix(count, rows)
        through = tails.matrix(count, count) @ (held + once) + once
        self.rows = (bonds.struck.matrix(count, rows) + through).tocsr()
        self.rows_T = self.rows.T.tocsr()
        many = bonds.motion.matrix(count * self.values, size)  # of more than two cells
        self.many = (many + bonds.chord.matrix(count * self.values, size)).tocsr()
        if self.holds:
            value = np.maximum(self.before, 0)
            through = (through + held).tocsr()
            cell = np.repeat(np.arange(count), np.diff(through.indptr))
            self.hold = (
                (many + bonds.kept.matrix(count * self.values, size))[np.arange(count) * self.values + value]
                - bonds.tempo.matrix(count, size)
                + type(through)((through.data, (cell, self.places[through.indices, value[cell]])), shape=(count, size))
            ).tocsr()

    def _never(self, family: Potentials, voice: int, after: Ints) -> Floats:
        """(N, candidates): a hold of nothing, and a silence struck after a silence, are no grid; of each cell, what is
        struck next, ``after`` (N,), counts too.
        """
        never = np.zeros((len(after), self.values + self.holds), dtype=np.float32)
        if self.holds:
            never[self.before < 0, -1] = NEVER
            for silent in np.flatnonzero(family.alphabets[voice] == family.silence).tolist():
                never[(self.before == silent) | (after == silent), silent] = NEVER
                never[(self.before == silent) & (after == silent), -1] = NEVER
        return never

    def potentials(self, theta: Floats) -> Floats:
        """(N, values, and one more for a hold): of each cell's candidates the sum of what binds it."""
        found = np.array(self.never)
        found[:, : self.values] += self.rows @ theta[self.places]
        found[:, : self.values] += (self.many @ theta).reshape(-1, self.values)
        if self.holds:
            found[:, -1] += self.hold @ theta
        return found

    def log_prob(self, theta: Floats) -> Reals:
        """(N,) of each cell given all others, in nats."""
        found = self.potentials(theta).astype(np.float64)
        found -= found.max(axis=1, keepdims=True)
        chosen = found[np.arange(len(found)), self.target]
        return np.asarray(chosen - np.log(np.exp(found).sum(axis=1)))

    def cost(self, theta: Floats) -> tuple[float, Reals]:
        """Minus the sum of :meth:`log_prob`, and its gradient by the parameters; infinite beyond numbers."""
        p = self.potentials(theta)
        every = np.arange(len(p))
        p -= p[every, self.target][:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            np.exp(p, out=p)
            total = p @ np.ones(p.shape[1], dtype=np.float32)
            p /= total[:, None]
        p[every, self.target] -= 1.0
        return float(np.log(total).sum(dtype=np.float64)), self._spread(p)

    def often(self) -> Reals:
        """(size + 1,) how often each parameter binds what stands in the cells, and what else might by even chance."""
        p = np.exp(self.never)
        p /= p.sum(axis=1, keepdims=True)
        p[np.arange(len(p)), self.target] += 1.0
        return np.abs(self._spread(p))

    def _spread(self, weights: Floats) -> Reals:
        """(N, candidates) -> (size + 1,): by the parameters that bind them the sums of candidates' weights."""
        struck = np.ascontiguousarray(weights[:, : self.values])
        found = np.bincount(self.places.ravel(), (self.rows_T @ struck).ravel(), self.many.shape[1])
        found += self.many.T @ struck.ravel()
        if self.holds:
            found += self.hold.T @ weights[:, -1]
        return np.asarray(found, dtype=np.float64)


def _tempo(family: Potentials, voice: int, grid: Grid) -> Iterator[tuple[Ints, Ints, float]]:
    """What a strike adds over a hold, by the parameters of rhythm: cells, their places, and how often."""
    struck = grid.state.struck[0]
    own = patterns(struck[:, voice])
    for f, labels in enumerate(grid.rhythms):
        table = family.labelled(("rhythm", f, voice))
        for ahead in range(min(BITS, grid.steps)):
            cell, bit = np.arange(grid.steps - ahead), 1 << ahead
            yield cell, table[labels[ahead:], own[ahead:] | bit], 1.0
            yield cell, table[labels[ahead:], own[ahead:] & ~bit], -1.0
    for w in (w for w in range(family.voices) if w != voice and family.rhythms):
        cell = np.flatnonzero(struck[:, w])
        table = family.labelled(("together", min(voice, w), max(voice, w)))
        yield cell, table[grid.harmony[cell]], 1.0


def _motions(family: Potentials, voice: int, grid: Grid) -> Iterator[tuple[Ints, Ints]]:
    """Where another voice moves, the motions that a cell's candidates make, by its number of cell and value."""
    sounds, values = grid.state.sounds[0], family.values[voice]
    every = np.arange(values)[None, :]
    following = nexts(grid.state.struck[0, :, voice])
    for w in (w for w in range(family.voices) if w != voice):
        moved = np.append(False, sounds[1:, w] != sounds[:-1, w])
        into = np.flatnonzero(moved)
        out = np.flatnonzero(np.append(moved, False)[following])
        after = following[out]
        for cells, at, own in (
            (into, into, (sounds[into - 1, voice][:, None], every)),
            (out, after, (every, sounds[np.minimum(after, grid.steps - 1), voice][:, None])),
        ):
            other = sounds[at - 1, w][:, None], sounds[at, w][:, None]
            place = family.motion(voice, w, own, other)
            cell, value = np.nonzero(place != family.size)
            yield cells[cell] * values + value, place[cell, value]


def _add_chords(
    family: Potentials, voice: int, grid: Grid, start: int, entries: tuple[Entries, Entries, Entries]
) -> None:
    """The chords that each cell's candidates make: in the steps after it through which they are held, where another
    voice strikes; in its own if they are struck; and in its own if they are held.
    """
    later, struck, held = entries
    values = family.values[voice]
    places, strikes = family.chords(voice, grid.state, grid.harmony)
    places, strikes = places[0], strikes[0]
    for entry, cell, at in (
        (struck, np.arange(grid.steps), np.arange(grid.steps)),
        (held, np.flatnonzero(strikes), np.flatnonzero(strikes)),
        (later, *_through(_lengths(grid.state.struck[0, :, voice]), strikes)),
    ):
        entry.add((((start + cell) * values)[:, None] + np.arange(values)).ravel(), places[at].ravel())


def _lengths(struck: Bools) -> Ints:
    """(T,) how many steps what begins in each cell would last: up to the next that is struck."""
    return nexts(struck) - np.arange(len(struck))


def _through(lengths: Ints, there: Bools) -> tuple[Ints, Ints]:
    """Each cell, and each step after it that is ``there``, through which it is held."""
    cell = np.repeat(np.arange(len(lengths)), lengths - 1)
    later = cell + 1 + np.arange(len(cell)) - np.repeat(np.cumsum(lengths - 1) - lengths + 1, lengths - 1)
    return cell[there[later]], later[there[later]]
