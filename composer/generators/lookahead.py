"""What can still come: backward messages of a first-order chain over musical time, inside hard constraints.

The recursion runs over elapsed steps, not over events, since events have different lengths (Papadopoulos, Pachet, Roy
and Sakellariou 2015, belief propagation on the product of chain and constraints). Zeros are exact: what is possible
depends on position alone, because every context gives every symbol some probability; that is computed in booleans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible, Unsupported
from composer.inference.sequence import Constraints

if TYPE_CHECKING:
    from composer.generators.markov import Markov

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Lookahead:
    """Messages of one model in one set of constraints.

    A position is a step times the slots of an event, plus the slot: a serial model visits every slot of a step in turn.
    ``outlook(q)`` (V,) is, for each token at position q, zero if it is not allowed or nothing can follow it, else
    proportional to the probability that a first-order chain goes on from it to the end inside the constraints.

    Raises :class:`Infeasible` where no sequence can pass.
    """

    def __init__(self, model: Markov, constraints: Constraints) -> None:
        if model.base_ is not None:
            raise Unsupported("this model's alphabet is open: it gives likelihoods, and cannot yet compose")
        self.model, self.constraints = model, constraints
        self.slots = len(model.alphabets_)
        self.end = constraints.end * self.slots
        self.label: Ints = np.repeat(model.label(constraints.context, constraints.end), self.slots)
        if self.slots == 1:
            self._advance = [constraints.advance(model.alphabets_[0]).astype(np.int64)]
        else:
            self._advance = [np.ones(len(alphabet), dtype=np.int64) for alphabet in model.alphabets_]
        if any((advance < 1).any() for advance in self._advance):
            raise Unsupported("this model holds events that last no time")
        self._possible = self._feasible()
        self._outlook: dict[int, Floats] = {}
        self._send()

    def advance(self, position: int) -> Ints:
        """(V,) how many positions each token at a position lasts."""
        return self._advance[position % self.slots]

    def outlook(self, position: int) -> Floats:
        return self._outlook[position]

    def _allowed(self, position: int) -> Bools:
        step, slot = divmod(position, self.slots)
        alphabet = self.model.alphabets_[slot]
        if self.slots == 1:
            return self.constraints.allows(step, alphabet)
        return self.constraints.allows_part(step, slot, alphabet[:, 0])

    def _feasible(self) -> dict[int, Bools]:
        """(V,) for every position on a way from start to end: the tokens that lie on one."""
        reached = np.zeros(self.end + 1, dtype=bool)
        reached[0] = True
        possible: dict[int, Bools] = {}
        for position in range(self.end):
            if reached[position]:
                after = position + self.advance(position)
                allowed = self._allowed(position) & (after <= self.end)
                reached[after[allowed]] = True
                possible[position] = allowed
        leads_on = np.zeros(self.end + 1, dtype=bool)
        leads_on[self.end] = True
        for position in sorted(possible, reverse=True):
            after = np.minimum(position + self.advance(position), self.end)
            possible[position] &= leads_on[after]
            leads_on[position] = possible[position].any()
        if not leads_on[0]:
            furthest = int(np.flatnonzero(reached)[-1]) // self.slots
            where = self.constraints.where(min(furthest, self.constraints.end - 1))
            raise Infeasible(f"nothing this model knows can pass {where}")
        return {position: tokens for position, tokens in possible.items() if leads_on[position]}

    def _send(self) -> None:
        """Messages from the end to the start: for a position and each token before it the probability of reaching the
        end, divided by the largest of them, whose logarithm is ``scale``.
        """
        end = self.end
        row = np.zeros(end + 1, dtype=np.int64)
        row[list(self._possible)] = np.arange(1, len(self._possible) + 1)
        message = np.ones(
            (len(self._possible) + 1, int(self.model.trie_.sizes.max()))
        )  # row 0: at the end nothing is left to do
        scale = np.zeros(end + 1)
        first_order = FirstOrder(self.model)
        for position in sorted(self._possible, reverse=True):
            slot = position % self.slots
            tokens = np.flatnonzero(self._possible[position])
            after = position + self.advance(position)[tokens]
            reference = float(scale[after].max())
            outlook = np.zeros(len(self.model.alphabets_[slot]))
            outlook[tokens] = np.exp(scale[after] - reference) * message[row[after], tokens]
            self._outlook[position] = outlook
            sent = first_order.expected(slot, int(self.label[position]), outlook)
            most = float(sent.max())
            message[row[position], : len(sent)] = sent / most
            scale[position] = reference + np.log(most)


class FirstOrder:
    """Expectations under a model's contexts of at most one token and the features."""

    def __init__(self, model: Markov) -> None:
        self.trie, self.nearest = model.trie_, min(model.nearest, model.order - 1)
        self.sizes = [len(alphabet) for alphabet in model.alphabets_]
        self._labelled: dict[tuple[int, int], tuple[Ints, Ints]] = {}
        self._shortest: dict[tuple[int, ...], Floats] = {}

    def expected(self, slot: int, label: int, values: Floats) -> Floats:
        """(V before,) the mean of ``values`` (V,) over the next token, after each token before it.

        Every context adds what it has seen to its back-off weight times the mean of the next-shorter context.
        """
        trie = self.trie
        path = trie.descend(slot, [label]) if self.nearest == 0 else [slot]
        if tuple(path) not in self._shortest:
            self._shortest[tuple(path)] = trie.distribution(path)
        mean = float(self._shortest[tuple(path)] @ values)
        after = np.full(self.sizes[slot - 1], mean)
        if trie.depth < 2 or (self.nearest == 0 and len(path) < 2):
            return after
        low, high = trie.child[path[-1]], trie.child[path[-1] + 1]
        nodes = np.arange(low, high)
        sums = self._seen(low, high, values) + trie.backoff[nodes] * mean
        if self.nearest == 1:
            children, parents = self._with_label(slot, label)
            seen = np.array([trie.alpha[a:b] @ values[trie.token[a:b]] for a, b in self._rows(children)])
            if len(children):
                sums[parents - low] = seen + trie.backoff[children] * sums[parents - low]
        tokens = trie.element[nodes]
        after[tokens[tokens > 0] - 1] = sums[tokens > 0]  # 0 stands for the start
        return after

    def _rows(self, nodes: Ints) -> list[tuple[int, int]]:
        return list(zip(self.trie.first[nodes].tolist(), self.trie.first[nodes + 1].tolist(), strict=True))

    def _seen(self, low: int, high: int, values: Floats) -> Floats:
        """The sum of alpha times value over the n-grams of each context in ``[low, high)``."""
        if low == high:
            return np.zeros(0)
        trie = self.trie
        first, last = trie.first[low], trie.first[high]
        shares = trie.alpha[first:last] * values[trie.token[first:last]]
        return np.asarray(np.add.reduceat(shares, trie.first[low:high] - first))

    def _with_label(self, slot: int, label: int) -> tuple[Ints, Ints]:
        """Contexts of a token and this label, and the contexts of the token alone."""
        if (slot, label) not in self._labelled:
            trie = self.trie
            parents = np.arange(trie.child[slot], trie.child[slot + 1])
            children = trie.children(parents, np.full(len(parents), label))
            self._labelled[slot, label] = children[children >= 0], parents[children >= 0]
        return self._labelled[slot, label]
