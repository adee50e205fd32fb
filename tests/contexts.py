"""A trie's contexts and distributions one at a time, as the textbook says: what tests compare everything else with."""

import numpy as np

from composer.generators.trie import Trie


def descend(trie: Trie, root: int, elements: list[int]) -> list[int]:
    """The contexts from the root on, as far as they were ever seen."""
    path = [root]
    for element in elements:
        low, high = trie.child[path[-1]], trie.child[path[-1] + 1]
        at = low + int(np.searchsorted(trie.element[low:high], element))
        if at == high or trie.element[at] != element:
            break
        path.append(at)
    return path


def distribution(trie: Trie, path: list[int]) -> np.ndarray:
    """(size of the root's alphabet,) p(. | the last context of a path from its root); sums to 1."""
    size = int(trie.sizes[path[0]])
    p = np.full(size, 1.0 / size)
    for node in path:
        low, high = trie.first[node], trie.first[node + 1]
        p *= trie.backoff[node]
        p[trie.token[low:high]] += trie.alpha[low:high]
    return p
