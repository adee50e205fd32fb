"""Histories as a trie, and rows of tokens that are forbidden, on their way into it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from composer.generators.trie import NOT_THERE

Ints = NDArray[np.int64]


class Words:
    """Forbidden rows of tokens on their way into a table: each a history and the token that may not come after it."""

    def __init__(self, words: Sequence[Ints]) -> None:
        self.last = np.array([word[-1] for word in words], dtype=np.int64)
        self.length = np.array([len(word) - 1 for word in words], dtype=np.int64)
        self.longest = int(self.length.max(initial=0))
        self._back = np.zeros((len(words), self.longest), dtype=np.int64)  # elements, nearest first
        for row, word in zip(self._back, words, strict=True):
            row[: len(word) - 1] = word[-2::-1] + 1
        self._names = np.zeros(len(words), dtype=np.int64)

    def add(self, table: HistoryTrie, length: int, parent: Ints, element: Ints) -> Ints:
        """Add what words and others (N,) have at a length; the names of the others."""
        there = self.length >= length
        elements = self._back[there, length - 1] if length <= self.longest else np.zeros(0, dtype=np.int64)
        names = table.add(np.append(parent, self._names[there]), np.append(element, elements))
        self._names[there] = names[len(parent) :]
        return names[: len(parent)]

    def histories(self, table: HistoryTrie) -> Ints:
        found = np.zeros(len(self.length), dtype=np.int64)
        for length in range(1, self.longest + 1):
            here = self.length == length
            found[here] = table.numbers(length, self._names[here])
        return found


class HistoryTrie:
    """Histories as a trie, nearest element first (token + 1, or 0 for the start); the roots are the slots of the token
    that comes next. Numbers ascend by length, then parent, then element.
    """

    def __init__(self, roots: int, width: int) -> None:
        self.roots, self.width = roots, width
        self._rows: list[tuple[Ints, Ints]] = []  # of each length: number of the parent in its length, element
        self._names: list[Ints] = []  # of each length: where what was added first has gone

    def add(self, parent: Ints, element: Ints) -> Ints:
        """One length more: (N,) numbers within it of the histories that elements make of those of the length before."""
        keys, names = np.unique(parent * self.width + element, return_inverse=True)
        self._rows.append((keys // self.width, keys % self.width))
        self._names.append(np.arange(len(keys)))
        return np.asarray(names.reshape(-1))

    def finish(self) -> None:
        """Close under leaving out the nearest element, and lay everything out."""
        self._tails = [np.full(len(parent), NOT_THERE) for parent, _ in self._rows]  # of each length: numbers within it
        while self._find_tails():
            pass
        self._lay_out()
        del self._tails
        self.root = np.arange(self.levels[-1])
        self.first = np.zeros(self.levels[-1], dtype=np.int64)
        for length, (start, end) in enumerate(zip(self.levels[1:-1], self.levels[2:], strict=True), 1):
            parent = self.parent[start:end]
            self.root[start:end] = self.root[parent]
            self.first[start:end] = self.element[start:end] if length == 1 else self.first[parent]
        self.by_tail = np.argsort(self.tail[self.roots :], kind="stable") + self.roots
        self.tail_rows = np.searchsorted(self.tail[self.by_tail], np.arange(self.levels[-1] + 1))

    def numbers(self, length: int, names: Ints) -> Ints:
        """(N,) the final numbers of histories that :meth:`add` named."""
        return names if length == 0 else self.levels[length] + self._names[length - 1][names]

    def child(self, history: int, element: int) -> int:
        key = history * self.width + element
        at = int(np.searchsorted(self._keys, key))
        return self.roots + at if at < len(self._keys) and self._keys[at] == key else NOT_THERE

    def _find_tails(self) -> bool:
        """Where each history stands without its nearest element; False once all are known, else those that were missing
        have been added, and now theirs are to be found.
        """
        added = False
        for length, (parent, element) in enumerate(self._rows, 1):
            tails = self._tails[length - 1]
            rows = np.flatnonzero(tails == NOT_THERE)
            if length == 1:
                tails[rows] = (parent[rows] - 1) % self.roots
            elif len(rows):
                above = self._tails[length - 2][parent[rows]]
                shorter, keys = self._keys_of(length - 1), above * self.width + element[rows]
                found = np.minimum(np.searchsorted(shorter, keys), len(shorter) - 1)
                there = shorter[found] == keys
                tails[rows[there]] = found[there]
                if not there.all():
                    places = self._insert(length - 1, keys[~there])
                    self._tails[length - 1][rows[~there]] = places
                    added = True
        return added

    def _keys_of(self, length: int) -> Ints:
        parent, element = self._rows[length - 1]
        return parent * self.width + element

    def _insert(self, length: int, more: Ints) -> Ints:
        """Add histories of one length by their keys (N,); their numbers within it."""
        old = self._keys_of(length)
        keys, names = np.unique(np.append(old, more), return_inverse=True)
        moved, places = np.split(names.reshape(-1), [len(old)])
        self._rows[length - 1] = keys // self.width, keys % self.width
        self._names[length - 1] = moved[self._names[length - 1]]
        tails = np.full(len(keys), NOT_THERE)
        tails[moved] = self._tails[length - 1]
        self._tails[length - 1] = tails
        parent, element = self._rows[length]
        self._rows[length] = moved[parent], element
        self._tails[length] = np.where(self._tails[length] == NOT_THERE, NOT_THERE, moved[self._tails[length]])
        return places

    def _lay_out(self) -> None:
        """Arrays of all lengths."""
        sizes = [self.roots, *(len(parent) for parent, _ in self._rows)]
        self.levels = np.concatenate([[0], np.cumsum(sizes)])
        roots = np.arange(self.roots)
        parents, elements, tails = [roots], [np.zeros(self.roots, dtype=np.int64)], [(roots - 1) % self.roots]
        for start, (parent, element), tail in zip(self.levels, self._rows, self._tails, strict=False):
            parents.append(parent + start)
            elements.append(element)
            tails.append(tail + start)
        self.parent, self.element = np.concatenate(parents), np.concatenate(elements)
        self.tail = np.concatenate(tails)
        self._keys = (self.parent * self.width + self.element)[self.roots :]
