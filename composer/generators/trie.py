"""Interpolated modified Kneser-Ney smoothing over a trie of contexts, as flat arrays.

Source: S. F. Chen and J. Goodman, An empirical study of smoothing techniques for language modeling (1998), section 3.
For a context c with back-off weight l(c) and next-shorter context b(c),

    p(s | c) = (count(c s) - D(count(c s))) / total(c)  +  l(c) p(s | b(c)),

counts below the longest contexts being numbers of distinct longer contexts (equation 21), with three discounts D for
each length (equation 26), and a base measure below them all: uniform, unless the caller brings its own. Of what was
counted the counts are saved: they are small, and give p exactly; of what has changed since, the shares themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import ReadError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Shape = tuple[Ints, Ints, Ints, Ints, Ints, Ints]  # sizes, levels, parent, element, first, token

LEAST_DISCOUNT = 0.05  # above 0, so that every symbol keeps a probability after every context
NOT_THERE = -1
SHARED = 1e-9  # by which the shares of a saved context may miss 1
_SHAPE = ("sizes", "levels", "parent", "element", "first", "token")


@dataclass(frozen=True)
class Trie:
    """Contexts in order of length; those of one length by parent, then by the element that extends the parent.

    Roots (length 0) are the ``roots`` alphabets of ``sizes`` symbols each. The n-grams of context c are the rows
    ``first[c]:first[c + 1]`` of ``token`` (ascending) and ``alpha``; these and ``backoff[c]`` sum to 1.
    """

    sizes: Ints  # (R,) symbols in each root's alphabet
    levels: Ints  # (L + 2,) where the contexts of each length begin; the last is their number C
    parent: Ints  # (C,) roots: themselves
    element: Ints  # (C,) roots: 0
    first: Ints  # (C + 1,)
    token: Ints  # (M,)
    alpha: Floats  # (M,) the share of each n-gram
    backoff: Floats  # (C,) l(c)
    count: Ints | None = None  # (M,) at least 1: what the shares are derived from; None: they were given
    discounts: Floats | None = None  # (L + 1, 3)
    child: Ints = field(init=False)  # (C + 1,) where the children of each context begin
    _width: int = field(init=False)  # more than the largest element
    _contexts: Ints = field(init=False)  # (C,) keys of (parent, element), ascending below the roots
    _ngrams: Ints = field(init=False)  # (M,) ascending keys of (context, token)

    def __post_init__(self) -> None:
        contexts = len(self.parent)
        roots, width = int(self.levels[1]), int(self.element.max()) + 1
        owner = np.repeat(np.arange(contexts), np.diff(self.first))
        derived = {
            "child": roots + np.searchsorted(self.parent[roots:], np.arange(contexts + 1)),
            "_width": width,
            "_contexts": self.parent * width + self.element,
            "_ngrams": owner * int(self.sizes.max()) + self.token,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @classmethod
    def counted(cls, shape: Shape, count: Ints, discounts: Floats) -> Self:
        """The trie whose shares come from counts."""
        _, levels, _, _, first, _ = shape
        length = np.repeat(np.arange(len(levels) - 1), np.diff(first[levels]))
        discount = discounts[length, np.minimum(count, 3) - 1]
        total = np.add.reduceat(count, first[:-1]).astype(np.float64)
        alpha = (count - discount) / np.repeat(total, np.diff(first))
        return cls(*shape, alpha, np.add.reduceat(discount, first[:-1]) / total, count, discounts)

    @property
    def depth(self) -> int:
        """The length of the longest contexts."""
        return len(self.levels) - 2

    @cached_property
    def length(self) -> Ints:
        """(C,) the length of each context."""
        return np.repeat(np.arange(self.depth + 1), np.diff(self.levels))

    @cached_property
    def root(self) -> Ints:
        """(C,) the root of each context."""
        root = np.arange(len(self.parent))
        for start, end in zip(self.levels[1:-1], self.levels[2:], strict=True):
            root[start:end] = root[self.parent[start:end]]
        return root

    @classmethod
    def count_up(cls, roots: Ints, sizes: Ints, elements: list[Ints], tokens: Ints) -> Self:
        """Count ``tokens`` (N,) after their contexts: root (N,), then elements (N,) by length, nearest first."""
        parents, symbols, node = [np.arange(len(sizes))], [np.zeros(len(sizes), dtype=np.int64)], roots
        for element in elements:
            width = int(element.max()) + 1
            keys, node = np.unique(node * width + element, return_inverse=True)
            parents.append(keys // width)
            symbols.append(keys % width)
        width = int(sizes.max())
        keys, counts = np.unique(node * width + tokens, return_counts=True)
        rows = [(keys, counts)]
        for parent in reversed(parents[1:]):
            keys, counts = np.unique(parent[keys // width] * width + keys % width, return_counts=True)
            rows.append((keys, counts))
        rows.reverse()
        levels = np.concatenate([[0], np.cumsum([len(parent) for parent in parents])])
        owner = np.concatenate([keys // width + start for (keys, _), start in zip(rows, levels, strict=False)])
        shifts = [0, *levels[:-2].tolist()]
        parent = np.concatenate([parent + shift for parent, shift in zip(parents, shifts, strict=True)])
        first = np.searchsorted(owner, np.arange(levels[-1] + 1))
        token = np.concatenate([keys % width for keys, _ in rows])
        return cls.counted(
            (sizes, levels, parent, np.concatenate(symbols), first, token),
            np.concatenate([counts for _, counts in rows]),
            np.stack([_discounts(counts) for _, counts in rows]),
        )

    # --- looking up -----------------------------------------------------------------------------------------------

    def children(self, nodes: Ints, elements: Ints) -> Ints:
        """(N,) the contexts that ``elements`` make of ``nodes``; -1 where there is none."""
        known = (nodes >= 0) & (elements >= 0) & (elements < self._width)
        keys = np.where(known, nodes * self._width + elements, NOT_THERE)
        roots = int(self.levels[1])
        found = np.minimum(roots + np.searchsorted(self._contexts[roots:], keys), len(self._contexts) - 1)
        return np.where(known & (self._contexts[found] == keys) & (found >= roots), found, NOT_THERE)

    def probability(self, roots: Ints, elements: list[Ints], tokens: Ints) -> Floats:
        """(N,) p(token | context) for contexts as in :meth:`count_up`; 0 for tokens outside the alphabet (-1)."""
        seen, left = self.shares(roots, elements, tokens)
        return np.asarray(np.where(tokens >= 0, seen + left / self.sizes[roots], 0.0))

    def shares(self, roots: Ints, elements: list[Ints], tokens: Ints) -> tuple[Floats, Floats]:
        """(N,) and (N,): what all n-grams give a token after its context, and what they leave to the base measure.

        p(token | context) is the first, 0 for tokens outside the alphabet (-1), plus the second times base(token).
        """
        seen, left = np.zeros(len(tokens)), np.ones(len(tokens))
        node = roots
        for depth in range(self.depth + 1):
            if depth:
                node = self.children(node, elements[depth - 1])
            there = node >= 0
            keys = np.where(there & (tokens >= 0), node * int(self.sizes.max()) + tokens, NOT_THERE)
            row = np.minimum(np.searchsorted(self._ngrams, keys), len(self._ngrams) - 1)
            alpha = np.where(self._ngrams[row] == keys, self.alpha[row], 0.0)
            backoff = np.where(there, self.backoff[node], 1.0)
            seen, left = alpha + backoff * seen, backoff * left
        return seen, left

    # --- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is saved, integers in the smallest type that holds them."""
        integers = {name: getattr(self, name) for name in _SHAPE}
        if self.count is not None:
            integers["count"] = self.count
        small = {name: column.astype(np.min_scalar_type(int(column.max()))) for name, column in integers.items()}
        if self.discounts is not None:
            return {**small, "discounts": self.discounts}
        return {**small, "alpha": self.alpha, "backoff": self.backoff}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The trie of these untrusted arrays; raises :class:`ReadError` if they do not make one."""
        counted = "count" in arrays
        names = (*_SHAPE, "count") if counted else _SHAPE
        if any(name not in arrays for name in (*names, *(["discounts"] if counted else ["alpha", "backoff"]))):
            raise ReadError("arrays are missing")
        columns = [arrays[name] for name in names]
        if any(column.ndim != 1 or column.dtype.kind not in "ui" or not column.size for column in columns):
            raise ReadError("an array of integers is of another kind")
        sizes, levels, parent, element, first, token = (column.astype(np.int64) for column in columns[: len(_SHAPE)])
        shape = sizes, levels, parent, element, first, token
        if not _sound(*shape):
            raise ReadError("its arrays do not belong together")
        if counted:
            count, discounts = columns[-1].astype(np.int64), arrays["discounts"]
            if not _countable(shape, count, discounts):
                raise ReadError("its counts and discounts do not belong together")
            return cls.counted(shape, count, discounts)
        if not _shared(shape, arrays["alpha"], arrays["backoff"]):
            raise ReadError("the shares of its n-grams are not probabilities")
        return cls(*shape, arrays["alpha"], arrays["backoff"])


def _sound(sizes: Ints, levels: Ints, parent: Ints, element: Ints, first: Ints, token: Ints) -> bool:
    """Whether these are the contexts and n-grams of a trie."""
    return (
        _rising(levels)
        and bool(levels[0] == 0 and levels[1] == len(sizes))
        and levels[-1] == len(parent) == len(element) == len(first) - 1
        and _rising(first)
        and first[0] == 0
        and first[-1] == len(token)
        and bool((sizes > 0).all() and (sizes < 2**24).all() and (element >= 0).all() and (element < 2**31).all())
        and bool((parent >= 0).all())
        and _connected(sizes, levels, parent, element, first, token)
    )


def _countable(shape: Shape, count: Ints, discounts: NDArray[Any]) -> bool:
    _, levels, _, _, _, token = shape
    return (
        len(count) == len(token)
        and discounts.shape == (len(levels) - 1, 3)
        and discounts.dtype == np.float64
        and bool(((discounts > 0) & (discounts <= [1, 2, 3])).all())
        and bool((count > 0).all() and (count < 2**40).all())
    )


def _shared(shape: Shape, alpha: NDArray[Any], backoff: NDArray[Any]) -> bool:
    """Whether every context shares out all it has, and leaves something to the next-shorter one."""
    _, _, parent, _, first, token = shape
    if alpha.dtype != np.float64 or backoff.dtype != np.float64:
        return False
    if alpha.shape != token.shape or backoff.shape != parent.shape:
        return False
    if not bool((alpha >= 0).all() and (backoff > 0).all()):
        return False
    return bool((np.abs(np.add.reduceat(alpha, first[:-1]) + backoff - 1) < SHARED).all())


def _rising(values: Ints) -> bool:
    return bool((np.diff(values) > 0).all()) and len(values) > 1


def _connected(sizes: Ints, levels: Ints, parent: Ints, element: Ints, first: Ints, token: Ints) -> bool:
    """Whether parents lie one level up, children and n-grams are in order, and tokens in their root's alphabet."""
    roots = len(sizes)
    if (parent[:roots] != np.arange(roots)).any() or (element[:roots] != 0).any():
        return False
    root = np.arange(len(parent))
    for start, end, before in zip(levels[1:-1], levels[2:], levels[:-2], strict=True):
        if (parent[start:end] < before).any() or (parent[start:end] >= start).any():
            return False
        root[start:end] = root[parent[start:end]]
    keys = parent[roots:] * (int(element.max()) + 1) + element[roots:]
    owner = np.repeat(np.arange(len(parent)), np.diff(first))
    inside = (token >= 0) & (token < sizes[root[owner]])
    return bool((np.diff(keys) > 0).all() and inside.all() and (np.diff(owner * int(sizes.max()) + token) > 0).all())


def _discounts(counts: Ints) -> Floats:
    """(3,) the discounts of n-grams seen once, twice, and more often (equation 26), kept between 0 and the count.

    Where too few counts are known for the equation, one absolute discount stands for all three.
    """
    n1, n2, n3, n4 = (int((counts == times).sum()) for times in (1, 2, 3, 4))
    if min(n1, n2) == 0:
        return np.full(3, 0.5)
    y = n1 / (n1 + 2 * n2)
    if min(n3, n4) == 0:
        return np.full(3, max(y, LEAST_DISCOUNT))
    raw = np.array([1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    return np.asarray(np.clip(raw, LEAST_DISCOUNT, [1.0, 2.0, 3.0]))
