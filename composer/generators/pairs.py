"""Pairs of a history and a class of the lattice, place by place, and where their messages stand.

After an event the automaton is in one of few classes (after a note, a wish about leaps knows its pitch): a history is
paired only with the classes in which its nearest event can have left the automaton; the empty one with all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from composer.errors import Unsupported
from composer.generators.histories import Histories
from composer.inference.automata import DEAD, TOO_MUCH, Lattice, Options

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers = TypeVar("Numbers", Ints, Floats)

MAX_ROWS = 400_000_000  # of all pairs: half a minute
MAX_PAIRS = 160_000_000  # messages of 8 bytes
MAX_ARRIVALS = 300_000_000  # elements x classes, of 3 bytes


@dataclass(frozen=True)
class Ways:
    """One position, by pairs (P,) and by the rows of their histories (R,), those of each pair together."""

    history: Ints  # (P,)
    parent: Ints  # (P,) the pair of the history that it backs off to, in the same class
    levels: list[tuple[int, int]]  # where the pairs with histories of each length above 0 begin and end
    counts: Ints  # (P,) rows of each pair
    row: Ints | slice  # (R,) the row of the spot; of one class, all rows as they are
    gain: Floats  # (R,) 0 where not allowed; else what scale and preferences make of the message it leads to
    after: Ints  # (R,) where that message stands
    before: Ints  # (R,) and that of the history that would follow the parent
    reference: float  # the largest scale

    def summed(self, values: Numbers) -> Numbers:
        """(R,) -> (P,) sums over the rows of each pair."""
        sums: Numbers = np.zeros(len(self.history), dtype=values.dtype)
        filled = np.flatnonzero(self.counts)
        starts = np.cumsum(self.counts) - self.counts
        sums[filled] = np.add.reduceat(values, starts[filled])
        return sums


class Pairs:
    """Where the message of each pair stands in one row of numbers; the end is one pair for each history."""

    def __init__(self, histories: Histories, lattice: Lattice) -> None:
        self.histories, self.lattice = histories, lattice
        positions = np.array(sorted(lattice.options), dtype=np.int64)
        self.classes = np.ones(lattice.end + 1, dtype=np.int64)
        self.classes[positions] = [lattice.classes[q] for q in positions.tolist()]
        self.elements = max(len(alphabet) for alphabet in lattice.alphabets) + 2  # the start, tokens, and no event
        self._rank_at = np.zeros(lattice.end + 1, dtype=np.int64)
        many = positions[self.classes[positions] > 1]
        self._rank_at[many] = np.cumsum(self.classes[many]) - self.classes[many]
        self._arrive(positions, int(self.classes[many].sum()))
        self.offset = np.zeros(lattice.end + 1, dtype=np.int64)  # (Q + 1,)
        self._base_at = np.zeros(lattice.end + 1, dtype=np.int64)
        longest = max(len(histories.spot(q).parent) for q in positions.tolist())
        bases, self.size, at, rows = [np.arange(longest)], 0, longest, 0
        for position in positions.tolist():
            self.offset[position] = self.size
            base = self._base(position)
            self.size += int(base[-1])
            rows += int((np.diff(histories.spot(position).rows) * np.diff(base)).sum())
            if rows > MAX_ROWS or self.size > MAX_PAIRS:
                raise Unsupported(TOO_MUCH)
            if self.classes[position] > 1:
                self._base_at[position] = at
                bases.append(base)
                at += len(base)
        self.offset[lattice.end] = self.size
        self.size += longest
        self._bases = np.concatenate(bases)

    def of(self, positions: Ints, tokens: Ints, histories: Ints, classes: Ints) -> Ints:
        """Where messages stand: at positions that tokens lead to, of histories and classes; all (N,)."""
        ranked = self._rank[tokens + 1, self._rank_at[positions] + classes]
        within = np.where(histories == 0, classes, np.where(self.classes[positions] > 1, ranked, 0))
        return np.asarray(self.offset[positions] + self._bases[self._base_at[positions] + histories] + within)

    def ways(self, position: int, scale: Floats) -> Ways:
        """Everything about one position, given the scales (Q + 1,) of later ones."""
        spot, options = self.histories.spot(position), self.lattice.options[position]
        history, state = self._listed(position)
        counts = np.diff(spot.rows)[history]
        edges = spot.levels
        if self.classes[position] == 1:
            row: Ints | slice = slice(None)
            parent, which = spot.parent, np.zeros(1, dtype=np.int64)
        else:
            row = np.repeat(spot.rows[history] - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
            which = np.repeat(state, counts)
            base = self._bases[self._base_at[position] :][: len(spot.parent) + 1]
            above, edges = spot.parent[history], base[spot.levels]
            parent = base[above] + np.where(above == 0, state, np.arange(len(history)) - base[history])
        reference = float(scale[options.after].max())
        nats = scale[options.after] - reference + (0.0 if options.nats is None else options.nats)
        gains = np.where(options.follow == DEAD, 0.0, np.exp(nats))
        column = spot.column_of(options.tokens)[spot.token[row]]
        gain = np.where(column < 0, 0.0, gains[0][column] if len(gains) == 1 else gains[which, column])
        after, before = self._leads(options, column, which, (spot.after[row], spot.before[row]))
        levels = list(zip(edges[1:-1].tolist(), edges[2:].tolist(), strict=True))
        return Ways(history, parent, levels, counts, row, gain, after, before, reference)

    def _leads(self, options: Options, column: Ints, which: Ints, histories: tuple[Ints, ...]) -> list[Ints]:
        """(R,) each: where rows lead whose token is in a column (R,) of the options, in classes ``which`` (R,) or (1,),
        with histories (R,); anywhere if the column is -1, or the token not allowed.
        """
        leads, follow = options.after, np.maximum(options.follow, 0)
        begin = self.offset[leads]
        if (self.classes[leads] == 1).all():
            return [np.minimum(begin[column] + history, self.size - 1) for history in histories]
        ranked = np.where(self.classes[leads] > 1, self._rank[options.tokens + 1, self._rank_at[leads] + follow], 0)
        empty, other = (begin + follow)[which, column], (begin + ranked)[which, column]
        base_at = self._base_at[leads][column]
        return [
            np.clip(
                np.where(history == 0, empty, other) + self._bases.take(base_at + history, mode="clip"),
                0,
                self.size - 1,
            )
            for history in histories
        ]

    def _arrive(self, positions: Ints, total: int) -> None:
        """(elements, sum of classes) for positions of several classes: the number of each class among those in which an
        element can have left the automaton.
        """
        if self.elements * total > MAX_ARRIVALS:
            raise Unsupported(TOO_MUCH)
        arrives = np.zeros((self.elements, total), dtype=bool)
        arrives[-1] = True
        for position in positions.tolist():
            options = self.lattice.options[position]
            live = (options.follow != DEAD) & (self.classes[options.after] > 1)
            _, column = np.nonzero(live)
            arrives[options.tokens[column] + 1, self._rank_at[options.after[column]] + options.follow[live]] = True
        self._arrives = arrives
        edges = np.append(np.unique(self._rank_at[positions[self.classes[positions] > 1]]), total).astype(np.int64)
        self._rank = np.zeros((self.elements, max(total, 1)), dtype=np.int16)  # below MAX_STATES
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            self._rank[:, start:end] = np.cumsum(arrives[:, start:end], axis=1) - 1

    def _span(self, position: int) -> slice:
        start = int(self._rank_at[position])
        return slice(start, start + int(self.classes[position]))

    def _base(self, position: int) -> Ints:
        """(H + 1,) where the pairs of each history begin."""
        first = self.histories.spot(position).first
        if self.classes[position] == 1:
            return np.arange(len(first) + 1)
        return np.append(0, np.cumsum(self._arrives[:, self._span(position)].sum(axis=1)[first]))

    def _listed(self, position: int) -> tuple[Ints, Ints]:
        """(P,) the history and the class of every pair."""
        first = self.histories.spot(position).first
        if self.classes[position] == 1:
            return np.arange(len(first)), np.zeros(len(first), dtype=np.int64)
        element, state = np.nonzero(self._arrives[:, self._span(position)])
        starts = np.searchsorted(element, np.arange(self.elements + 1))
        counts = np.diff(starts)[first]
        within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(np.arange(len(first)), counts), state[np.repeat(starts[:-1][first], counts) + within]
