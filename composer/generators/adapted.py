"""A trie that has heard more: in every context, what came after it now is mixed with what did before.

Source: D. J. C. MacKay and L. C. Bauman Peto, A hierarchical Dirichlet language model (1995). For a context h that was
heard c(h) times, and s after it c(h s) times (weights summed), with the shares alpha and back-off weights l of the trie
as it was, and k(h) the tokens that they are worth,

    p'(s | h) = (c(h s) + k(h) [alpha(s | h) + l(h) p'(s | b(h))]) / (c(h) + k(h)).

This is a trie again: shares and back-off weights of contexts that were heard shrink to k(h) / (c(h) + k(h)), and the
shares gain c(h s) / (c(h) + k(h)). A context that is new had no shares, and left all to the next-shorter one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from composer.generators.trie import NOT_THERE, Trie

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WORTH = 20.0  # tokens that what was known without a context is worth; with each element of one, half as many
LEAST_WORTH = 2.0
DEEPEST = 5  # elements of a context that is heard: beyond, contexts occur once each, and trust would add up
HEAVIEST = 1_000_000  # weight of a sequence


def renumbered(trie: Trie, moved: list[Ints], sizes: Ints, label: int) -> Trie:
    """The same trie over larger alphabets: ``moved`` says of each root's tokens, ascending, which they are now.

    ``label`` is the length of contexts that end in something else than a token.
    """
    slots = len(sizes)
    table = np.zeros((slots, max(map(len, moved)) + 1), dtype=np.int64)  # element (token + 1, or the start) -> element
    for row, tokens in zip(table, moved, strict=True):
        row[1 : len(tokens) + 1] = tokens + 1
    back = np.where(trie.length < label, trie.length, trie.length - 1)
    tokens = (trie.length > 0) & (trie.length != label)
    element = np.array(trie.element)
    element[tokens] = table[(trie.root - back)[tokens] % slots, element[tokens]]
    owner = np.repeat(trie.root, np.diff(trie.first))
    return replace(trie, sizes=sizes, element=element, token=table[owner, trie.token + 1] - 1)


def mixed(trie: Trie, roots: Ints, elements: list[Ints], tokens: Ints, weights: Floats) -> Trie:
    """The trie after ``tokens`` (N,), in contexts as for :meth:`Trie.count_up`, were heard ``weights`` (N,) times.

    A token or an element of a context that does not exist (-1) is not heard, nor is what is longer than it; nor is
    anything in contexts of more than :data:`DEEPEST` elements.
    """
    levels, parent, element, moved, nodes = _joined(trie, roots, elements)
    contexts, size = len(parent), int(trie.sizes.max())
    there = (nodes != NOT_THERE) & (tokens != NOT_THERE)
    keys, index = np.unique((nodes * size + tokens)[there], return_inverse=True)
    counts = np.bincount(index.reshape(-1), np.broadcast_to(weights, nodes.shape)[there], len(keys))
    total = np.bincount(keys // size, counts, contexts)
    length = np.arange(len(levels) - 1)
    worth = np.repeat(np.maximum(WORTH / 2.0**length, LEAST_WORTH), np.diff(levels))
    kept = worth / (total + worth)
    owner = np.repeat(moved, np.diff(trie.first))
    ngrams = owner * size + trie.token
    place = np.searchsorted(ngrams, keys)
    new = ngrams[np.minimum(place, len(ngrams) - 1)] != keys
    alpha = np.insert(trie.alpha * kept[owner], place[new], 0.0)
    rows = place + np.cumsum(new) - new  # of what was heard, now
    alpha[rows] += counts / (total + worth)[keys // size]
    backoff = np.ones(contexts)
    backoff[moved] = trie.backoff
    lengths = np.bincount(keys[new] // size, minlength=contexts)
    lengths[moved] += np.diff(trie.first)
    token = np.insert(trie.token, place[new], keys[new] % size)
    return Trie(trie.sizes, levels, parent, element, np.append(0, np.cumsum(lengths)), token, alpha, backoff * kept)


def _joined(trie: Trie, roots: Ints, elements: list[Ints]) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """The levels, parents and elements of the contexts of a trie and of what was heard; where each of the trie's is
    now (C,); and (L + 1, N) the contexts of what was heard, by length, -1 where there is none.
    """
    width = max(int(trie.element.max()), *(int(element.max()) for element in elements), 0) + 1
    moved = np.arange(len(trie.parent))
    levels, parents, nodes = [0, len(trie.sizes)], [moved[: len(trie.sizes)]], [roots]
    symbols = [np.zeros(len(trie.sizes), dtype=np.int64)]
    for length, (element, start, end) in enumerate(zip(elements, trie.levels[1:-1], trie.levels[2:], strict=True), 1):
        parent = moved[trie.parent[start:end]]
        keys = parent * width + trie.element[start:end]
        there = (nodes[-1] != NOT_THERE) & (element != NOT_THERE) & (length <= DEEPEST)
        heard = np.where(there, nodes[-1] * width + element, NOT_THERE)
        new = np.unique(heard[there])
        place = np.searchsorted(keys, new)
        known = keys[np.minimum(place, len(keys) - 1)] == new
        new, place = new[~known], place[~known]
        first = levels[-1]
        moved[start:end] = first + np.arange(end - start) + np.cumsum(np.bincount(place, minlength=len(keys) + 1))[:-1]
        nodes.append(np.where(there, first + np.searchsorted(np.insert(keys, place, new), heard), NOT_THERE))
        parents.append(np.insert(parent, place, new // width))
        symbols.append(np.insert(trie.element[start:end], place, new % width))
        levels.append(first + len(keys) + len(new))
    return np.array(levels), np.concatenate(parents), np.concatenate(symbols), moved, np.stack(nodes)
