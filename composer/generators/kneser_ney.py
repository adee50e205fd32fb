"""Interpolated modified Kneser-Ney smoothing (Chen & Goodman 1998, section 3) in sorted arrays.

A context is a root (the dimension that is predicted) and then elements, nearest first; leaving out its last element
gives the next-shorter context b(c). Every stored n-gram has its interpolated p(s | c), every context c its back-off
weight l(c), so that an unseen s has p(s | c) = l(c) p(s | b(c)); below the roots lies the uniform distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.generators.rows import Ints, Table, distinct, find

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Level:
    """All contexts of one length, and the n-grams seen after them."""

    contexts: Ints  # (C,) sorted keys: number of b(c) * radix + last element
    ngrams: Ints  # (N,) sorted keys: number of c * symbols + s
    first: Ints  # (C + 1,): the n-grams of context c are first[c] to first[c + 1], never none
    probability: Floats  # (N,) p(s | c)
    backoff: Floats  # (C,) l(c)


class KneserNey:
    """p(s | root, elements) for symbols s of the root, smoothed from counts of distinct n-grams.

    ``sizes`` says how many symbols each root has: symbols are numbered through, root by root, and each must occur.
    ``rows`` (N, L + 1) holds L elements below ``radix`` and a symbol, with ``counts`` (N,). The longest contexts count
    occurrences, shorter ones the distinct elements before them. Memory: 16 bytes for each n-gram and 24 for each
    context of every length.
    """

    def __init__(self, sizes: Ints, radix: int, rows: Table, counts: Ints) -> None:
        self.offsets = np.concatenate([[0], np.cumsum(sizes)])
        self.symbols = int(self.offsets[-1])
        self.radix = radix
        contexts, longest = self._contexts(rows)
        ngrams, numbers = distinct(longest * self.symbols + rows[:, -1])
        tallies = [np.bincount(numbers, counts).astype(np.int64)]
        levels, shorter = [ngrams], []
        for keys in reversed(contexts[1:]):
            context, symbol = np.divmod(levels[0], self.symbols)
            ngrams, numbers = distinct(keys[context] // radix * self.symbols + symbol)
            levels.insert(0, ngrams)
            shorter.insert(0, numbers)
            tallies.insert(0, np.bincount(numbers))
        self.levels: list[Level] = []
        below = np.repeat(1 / sizes, sizes)
        for depth, (keys, ngrams, tally) in enumerate(zip(contexts, levels, tallies, strict=True)):
            lower = below if depth == 0 else self.levels[-1].probability[shorter[depth - 1]]
            self.levels.append(self._smoothed(keys, ngrams, tally, lower))

    @property
    def depth(self) -> int:
        """L, the number of elements in the longest contexts."""
        return len(self.levels) - 1

    def _contexts(self, rows: Table) -> tuple[list[Ints], Ints]:
        """The keys of the contexts of each length, and the number of each row's longest context."""
        numbers = np.searchsorted(self.offsets, rows[:, -1], "right") - 1
        contexts = [np.arange(len(self.offsets) - 1)]
        for column in rows[:, :-1].T:
            keys, numbers = distinct(numbers * self.radix + column)
            contexts.append(keys)
        return contexts, numbers

    def _smoothed(self, contexts: Ints, ngrams: Ints, tally: Ints, lower: Floats) -> Level:
        """One level, given for each of its n-grams the probability of its symbol in the next-shorter context."""
        context = ngrams // self.symbols
        discount = _discounts(tally)[np.minimum(tally, 3)]
        total = np.bincount(context, tally, minlength=len(contexts))
        backoff = np.bincount(context, discount, minlength=len(contexts)) / total
        probability = (tally - discount) / total[context] + backoff[context] * lower
        first = np.concatenate([[0], np.cumsum(np.bincount(context, minlength=len(contexts)))])
        return Level(contexts, ngrams, first, probability, backoff)

    def longer(self, depth: int, contexts: Ints, elements: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Contexts (N,) of length ``depth`` with one more element each: their numbers, and whether they are stored."""
        return find(self.levels[depth + 1].contexts, contexts * self.radix + elements)

    def probability(self, roots: Ints, elements: Ints, symbols: Ints) -> Floats:
        """(N,), (N, L), (N,) -> (N,) p(symbol | root, elements)."""
        contexts, stored = roots, np.arange(len(roots))
        result = self.levels[0].probability[symbols]
        for depth, level in enumerate(self.levels[1:]):
            contexts, found = self.longer(depth, contexts, elements[stored, depth])
            contexts, stored = contexts[found], stored[found]
            place, seen = find(level.ngrams, contexts * self.symbols + symbols[stored])
            result[stored] = np.where(seen, level.probability[place], level.backoff[contexts] * result[stored])
        return np.asarray(result)

    def distribution(self, root: int, elements: Ints) -> Floats:
        """(N, L) -> (N, sizes[root]) p(. | root, elements)."""
        low, high = self.offsets[root], self.offsets[root + 1]
        result = np.tile(self.levels[0].probability[low:high], (len(elements), 1))
        contexts, stored = np.full(len(elements), root), np.arange(len(elements))
        for depth, level in enumerate(self.levels[1:]):
            if depth == elements.shape[1]:
                break
            contexts, found = self.longer(depth, contexts, elements[stored, depth])
            contexts, stored = contexts[found], stored[found]
            if not len(stored):
                break
            first, count = level.first[contexts], level.first[contexts + 1] - level.first[contexts]
            inside = np.arange(count.sum()) + np.repeat(first - np.cumsum(count) + count, count)
            result[stored] *= level.backoff[contexts][:, None]
            result[np.repeat(stored, count), level.ngrams[inside] % self.symbols - low] = level.probability[inside]
        return result


def _discounts(tally: Ints) -> Floats:
    """(4,) what is taken off a count of 0, 1, 2, and 3 or more (Chen & Goodman's D1, D2, D3+).

    Where counts of counts are too few for an estimate inside (0, k), half of k is taken.
    """
    n = np.bincount(np.minimum(tally, 5), minlength=6)[1:5].astype(np.float64)
    k = np.arange(1, 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = k - (k + 1) * n[0] / (n[0] + 2 * n[1]) * n[1:] / n[:3]
        sound = (estimate > 0) & (estimate < k)
    return np.concatenate([[0.0], np.where(sound, estimate, k / 2)])
