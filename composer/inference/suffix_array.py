"""A suffix array: where anything stands in a large text of integers, for all starts of a query at once.

There are two indexes of copies. :class:`composer.inference.suffixes.CopyIndex` is for writing: it walks forwards, event
by event of one encoding, and tells a guard after each how long the run is that ends there. This one is for reading:
whole corpora, of plain integers, and every start of a query at the same time.

The array is built by prefix doubling (Manber and Myers 1993), and what it answers are the matching statistics of
Chang and Lawler (1994), by binary search: one symbol after another, and where a match is long, as a copied piece is,
with the ranks of prefix doubling, a power of two of symbols at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

END = -1  # the symbol after the last of a piece: no match crosses it, in the text or in the query


STEPS = 2**20  # one symbol after another, of all starts; what goes on after them goes on by powers of two


class Matches(NamedTuple):
    """For every start in a query, the longest run of symbols that the text has too."""

    length: Ints  # (T,) symbols; 0 if the text lacks the first
    place: Ints  # (T,) where in the text it stands first; -1 if nowhere


@dataclass(frozen=True, eq=False)
class SuffixArray:
    """All suffixes of a text in order. Build one with :meth:`of`."""

    known: Ints  # (S,) the symbols of the text, ascending, but for END
    text: NDArray[Any]  # (N,) which of them stands there, from 1 on; 0 is END
    order: NDArray[np.int32]  # (N,) where each suffix begins, the least first

    @classmethod
    def of(cls, symbols: Ints) -> Self:
        """The array of symbols (N,), 0 or more, with an :data:`END` after each piece, also the last."""
        known = np.unique(symbols[symbols != END])
        text = np.searchsorted(known, symbols) + 1
        text[symbols == END] = 0
        order = _ordered(text)
        return cls(known, text.astype(np.uint16 if len(known) < 2**16 else np.uint32), order.astype(np.int32))

    def matches(self, query: Ints) -> Matches:
        """The longest matches of a query (T,), which may hold :data:`END`: O(T log N), and where a match is long,
        O((T log N + N) log T).
        """
        far = 1 + STEPS // max(len(query), 1)
        length, low, high = self._ranges(query, far)
        if (length == far).any():
            self._go_on(query, far, length, low, high)
        place, there = np.full(len(query), -1), length > 0
        place[there] = self._first(low[there], high[there])
        return Matches(length, place)

    def occurrences(self, query: Ints, size: int, most: int) -> tuple[Ints, Ints]:
        """Every place of the text (second) that has the ``size`` symbols from a start of the query (first) on; starts
        that have more than ``most`` places are left out.
        """
        length, low, high = self._ranges(query, size)
        start = np.flatnonzero((length == size) & (high - low <= most))
        count = (high - low)[start]
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        return np.repeat(start, count), self.order[np.repeat(low[start], count) + nth].astype(np.int64)

    def _ranges(self, query: Ints, most: int) -> tuple[Ints, Ints, Ints]:
        """How much of the text each start of a query matches, at most so many symbols, and the range of
        :attr:`order` that holds where.
        """
        symbols = np.append(self._numbers(query), -1)
        length, low = np.zeros(len(query), dtype=np.int64), np.zeros(len(query), dtype=np.int64)
        high = np.full(len(query), len(self.order))
        active, depth = np.arange(len(query)), 0
        while len(active) and depth < most:
            wanted = symbols[active + depth]
            active, wanted = active[wanted >= 0], wanted[wanted >= 0]
            first, last = self._narrowed(low[active], high[active], wanted, depth)
            found = first < last
            active = active[found]
            depth += 1
            low[active], high[active], length[active] = first[found], last[found], depth
        return length, low, high

    def _go_on(self, query: Ints, far: int, length: Ints, low: Ints, high: Ints) -> None:
        """Lengthen, in place, the matches of ``far`` symbols as far as they go."""
        for size, ranks, wanted in reversed(list(self._levels(query))):
            going = np.flatnonzero(length >= far)
            after = wanted[np.minimum(going + length[going], len(query))]
            going, after = going[after >= 0], after[after >= 0]
            depth = length[going]
            first = self._edge(low[going], high[going], after, depth, ranks)
            last = self._edge(first, high[going], after + 1, depth, ranks)
            found = first < last
            going = going[found]
            low[going], high[going] = first[found], last[found]
            length[going] += size

    def _levels(self, query: Ints) -> Iterator[tuple[int, Ints, Ints]]:
        """For 1, 2, 4 ... symbols: (N,) the rank of those from each place of the text on, and (T + 1,) the rank of
        those from each start of the query on, -1 where the text lacks them; until it lacks all.
        """
        size, ranks, wanted = 1, self.text.astype(np.int64), np.append(self._numbers(query), -1)
        while (wanted >= 0).any():
            yield size, ranks, wanted
            many = int(ranks.max()) + 1
            keys = (ranks * many + _shifted(ranks, size, 0))[self.order]
            following = _shifted(wanted, size, -1)
            pairs = np.where((wanted >= 0) & (following >= 0), wanted * many + following, -1)
            rank = np.cumsum(np.diff(keys, prepend=keys[0]) != 0)
            place = np.minimum(np.searchsorted(keys, pairs), len(keys) - 1)
            wanted = np.where(keys[place] == pairs, rank[place], -1)
            ranks = np.empty_like(ranks)
            ranks[self.order] = rank
            size *= 2

    def _numbers(self, query: Ints) -> Ints:
        """(T,) as :attr:`text`; -1 for END, and for what the text never has."""
        if not len(self.known):
            return np.full(len(query), -1)
        place = np.minimum(np.searchsorted(self.known, query), len(self.known) - 1)
        return np.where(self.known[place] == query, place + 1, -1)

    def _narrowed(self, low: Ints, high: Ints, wanted: Ints, depth: int) -> tuple[Ints, Ints]:
        """The part of each range whose suffixes go on with the wanted symbol after ``depth`` others."""
        if depth == 0:
            return self._starts[wanted], self._starts[wanted + 1]
        first, last = low.copy(), high.copy()
        same = (self._symbol(low, depth) == wanted) & (self._symbol(high - 1, depth) == wanted)
        split = np.flatnonzero(~same)
        depths = np.full(len(split), depth)
        first[split] = self._edge(low[split], high[split], wanted[split], depths, self.text)
        last[split] = self._edge(first[split], high[split], wanted[split] + 1, depths, self.text)
        return first, last

    def _edge(self, low: Ints, high: Ints, least: Ints, depth: Ints, ranks: NDArray[Any]) -> Ints:
        """In each range the first suffix whose rank after ``depth`` symbols is no less; ``high`` if there is none."""
        low, high = low.copy(), high.copy()
        left = np.flatnonzero(low < high)
        while len(left):
            middle = (low[left] + high[left]) // 2
            less = ranks[self.order[middle] + depth[left]] < least[left]
            low[left[less]], high[left[~less]] = middle[less] + 1, middle[~less]
            left = left[low[left] < high[left]]
        return low

    def _symbol(self, suffix: Ints, depth: int) -> NDArray[Any]:
        return np.asarray(self.text[self.order[suffix] + depth])

    def _first(self, low: Ints, high: Ints) -> Ints:
        """The least place in each range of :attr:`order`; none is empty."""
        level = np.frexp(high - low)[1] - 1  # a range is two overlapping ones of a power of two each
        least, table = np.zeros(len(low), dtype=np.int64), self.order  # of which each entry is the least of 2**k
        for k in range(int(level.max(initial=-1)) + 1):
            mine = np.flatnonzero(level == k)
            least[mine] = np.minimum(table[low[mine]], table[high[mine] - 2**k])
            table = np.minimum(table[: -(2**k)], table[2**k :])
        return least

    @cached_property
    def _starts(self) -> Ints:
        """(S + 2,) where the suffixes that begin with each symbol start."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.text, minlength=len(self.known) + 1))])


def _ordered(text: Ints) -> Ints:
    """(N,) the suffixes of a text in order, as far as the next 0."""
    ends = np.flatnonzero(text == 0)
    longest = int(np.diff(ends, prepend=-1).max()) if len(ends) else 0
    rank, size = text, 1
    order = np.argsort(rank, kind="stable")
    while size < longest:
        key = rank * (int(rank.max()) + 1) + _shifted(rank, size, 0)
        order = np.argsort(key, kind="stable")
        rank = np.empty_like(key)
        rank[order] = np.cumsum(np.diff(key[order], prepend=key[order[0]]) != 0)
        size *= 2
    return order


def _shifted(values: Ints, by: int, rest: int) -> Ints:
    """The values from the ``by``-th on, and then only ``rest``."""
    found = np.full_like(values, rest)
    found[:-by] = values[by:]
    return found
