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
        while self._lay_out():
            pass
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

    def _lay_out(self) -> bool:
        """Arrays of all lengths; False once no tail is missing, else those that are have been added."""
        sizes = [self.roots, *(len(parent) for parent, _ in self._rows)]
        self.levels = np.concatenate([[0], np.cumsum(sizes)])
        parents, elements = [np.arange(self.roots)], [np.zeros(self.roots, dtype=np.int64)]
        for start, (parent, element) in zip(self.levels, self._rows, strict=False):
            parents.append(parent + start)
            elements.append(element)
        self.parent, self.element = np.concatenate(parents), np.concatenate(elements)
        self._keys = (self.parent * self.width + self.element)[self.roots :]
        self.tail = np.full(len(self.parent), NOT_THERE)
        self.tail[: self.roots] = (np.arange(self.roots) - 1) % self.roots
        missing: dict[int, tuple[Ints, Ints]] = {}
        for length, (start, end) in enumerate(zip(self.levels[1:-1], self.levels[2:], strict=True), 1):
            above = self.tail[self.parent[start:end]]
            if length == 1:
                self.tail[start:end] = above
                continue
            keys = np.where(above == NOT_THERE, NOT_THERE, above * self.width + self.element[start:end])
            found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            there = self._keys[found] == keys
            self.tail[start:end] = np.where(there, found + self.roots, NOT_THERE)
            lost = ~there & (above != NOT_THERE)
            if lost.any():
                missing[length - 1] = above[lost] - self.levels[length - 2], self.element[start:end][lost]
        if missing:
            self._insert(missing)
        return bool(missing)

    def _insert(self, missing: dict[int, tuple[Ints, Ints]]) -> None:
        moved = np.arange(self.roots)
        for length, (parent, element) in enumerate(self._rows, 1):
            more = missing.get(length, (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)))
            keys = np.concatenate([moved[parent], moved[more[0]]]) * self.width
            keys, names = np.unique(keys + np.concatenate([element, more[1]]), return_inverse=True)
            moved = names.reshape(-1)[: len(parent)]
            self._rows[length - 1] = keys // self.width, keys % self.width
            self._names[length - 1] = moved[self._names[length - 1]]
