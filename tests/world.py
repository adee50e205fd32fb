"""Every sequence of a model's alphabet that fills a small frame: what exact conditioning is held against.

Probabilities come from the model's distribution after each past; nothing here knows of beliefs but ``given``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import pytest
from numpy.typing import NDArray

from composer.encodings.base import Encoding
from composer.errors import Infeasible
from composer.generators.belief import Belief
from composer.generators.histories import Histories
from composer.generators.markov import START, Markov
from composer.generators.walk import Walk
from composer.inference.automata import Lattice
from composer.inference.sequence import Sequence
from composer.score import Score
from composer.sketch import Constraint, Hole, Sketch
from contexts import descend, distribution

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def wishing(frame: Score, wishes: Iterable[Constraint] = ()) -> Sketch:
    """A sketch in which all of a frame is free."""
    holes = tuple(Hole(voice, 0, frame.end) for voice in range(len(frame.parts)))
    return Sketch(frame, holes, tuple(wishes))


class World:
    """A tree of prefixes. Node 0 is the empty one; ``child`` (N, V) is -1 where a token does not fit."""

    def __init__(self, encoding: Encoding, model: Markov, frame: Score) -> None:
        self.encoding, self.model, self.frame = encoding, model, frame
        self.constraints = encoding.compile(wishing(frame))
        self.slots, self.alphabets = len(model.alphabets_), model.alphabets_
        self.end = self.constraints.end * self.slots
        self.labels = model.label(self.constraints.context, self.constraints.end)
        self.parent, self.token, self.place = self._grown()
        self.child = np.full((len(self.parent), max(map(len, self.alphabets))), -1)
        self.child[self.parent[1:], self.token[1:]] = np.arange(1, len(self.parent))
        self.leaves = np.flatnonzero(self.place == self.end)
        self._free: dict[float, Floats] = {}

    def _grown(self) -> tuple[Ints, Ints, Ints]:
        nodes, waiting = [np.zeros((1, 3), dtype=np.int64)], {0: [np.zeros(1, dtype=np.int64)]}
        count = 1
        for place in range(self.end):
            slot = place % self.slots
            alphabet = self.alphabets[slot]
            lasts = self.constraints.advance(alphabet) if self.slots == 1 else np.ones(len(alphabet), dtype=int)
            here = np.concatenate(waiting.pop(place, [np.zeros(0, dtype=np.int64)]))
            for token, steps in enumerate(lasts.tolist()):
                if place + steps <= self.end:
                    nodes.append(np.column_stack([here, np.full(len(here), token), np.full(len(here), place + steps)]))
                    waiting.setdefault(place + steps, []).append(count + np.arange(len(here)))
                    count += len(here)
        parent, token, places = np.concatenate(nodes).T
        return parent, token, places

    def _levels(self) -> Iterator[Ints]:
        """Nodes but the root, those of one place together, parents first."""
        for place in np.unique(self.place)[1:].tolist():
            yield np.flatnonzero(self.place == place)

    # --- sequences ------------------------------------------------------------------------------------------------

    @cached_property
    def paths(self) -> list[list[int]]:
        """The tokens of every whole sequence."""
        parent, token, found = self.parent.tolist(), self.token.tolist(), []
        for leaf in self.leaves.tolist():
            path, node = [], leaf
            while node:
                path.append(token[node])
                node = parent[node]
            found.append(path[::-1])
        return found

    @cached_property
    def sequences(self) -> list[Sequence]:
        context = self.constraints.context
        found = []
        for path in self.paths:
            rows = [self.alphabets[k % self.slots][token] for k, token in enumerate(path)]
            events = np.concatenate(rows).reshape(-1, self.encoding.width)
            steps = np.append(0, np.cumsum(self.constraints.advance(events)))[:-1].astype(np.int32)
            found.append(Sequence(events, steps, {name: column[steps] for name, column in context.items()}))
        return found

    # --- probabilities --------------------------------------------------------------------------------------------

    def free(self, temperature: float = 1.0) -> Floats:
        """(L,) the logarithm of each sequence's probability without constraints, every choice tempered."""
        if temperature not in self._free:
            self._free[temperature] = self._chained(temperature)
        return self._free[temperature]

    def _chained(self, temperature: float) -> Floats:
        past = np.full((len(self.parent), self.model.order - 1), START)
        for nodes in self._levels() if self.model.order > 1 else ():
            past[nodes, 0], past[nodes, 1:] = self.token[nodes] + 1, past[self.parent[nodes], :-1]
        step, slot = np.divmod(self.place, self.slots)
        label = np.append(self.labels, -1)[step]
        kinds, kind = np.unique(np.column_stack([slot, label, past]), axis=0, return_inverse=True)
        logs = np.full((len(kinds), self.child.shape[1]), -np.inf)
        for row, (root, place, *elements) in enumerate(kinds.tolist()):
            elements.insert(self.model.nearest, place)
            p = distribution(self.model.trie_, descend(self.model.trie_, root, elements)) ** (1 / temperature)
            logs[row, : len(p)] = np.log(p / p.sum())
        found = np.zeros(len(self.parent))
        for nodes in self._levels():
            above = self.parent[nodes]
            found[nodes] = found[above] + logs[kind.reshape(-1)[above], self.token[nodes]]
        return np.asarray(found[self.leaves])

    def given(self, walk: Walk) -> Floats:
        """(L,) the logarithm of the probability with which a walk takes each way; -inf where it never does."""
        found, state = np.full(len(self.parent), -np.inf), np.zeros(len(self.parent), dtype=np.int64)
        found[0], states, numbers = 0.0, [walk.start()], {walk.start(): 0}
        for place in range(self.end):
            here = np.flatnonzero((self.place == place) & np.isfinite(found))
            for number in np.unique(state[here]).tolist():
                weights = walk.weights(states[number])
                tokens = np.flatnonzero(weights)
                nodes = here[state[here] == number, None]
                after = self.child[nodes, tokens]
                assert (after >= 0).all(), "it goes over the end"
                found[after] = found[nodes] + np.log(weights[tokens] / weights.sum())
                following = [walk.next(states[number], token) for token in tokens.tolist()]
                for new in following:
                    if new not in numbers:
                        numbers[new] = len(states)
                        states.append(new)
                state[after] = [numbers[new] for new in following]
        return np.asarray(found[self.leaves])

    def shares(self, p: Floats) -> Floats:
        """(places, V) the probability with which each token begins at each place, of sequences with p (L,)."""
        mass = np.zeros(len(self.parent))
        mass[self.leaves] = p
        for nodes in reversed(list(self._levels())):
            mass += np.bincount(self.parent[nodes], mass[nodes], len(mass))
        found = np.zeros((self.end, self.child.shape[1]))
        np.add.at(found, (self.place[self.parent[1:]], self.token[1:]), mass[1:])
        return found

    def drawn(self, sketch: Sketch, count: int, rng: np.random.Generator) -> Ints:
        """(L,) how often each sequence comes in ``count`` samples, a multiple of 10,000."""
        constraints, drawn = self.encoding.compile(sketch), Counter[bytes]()
        for _ in range(count // 10_000):  # not all in memory
            drawn.update(sequence.events.tobytes() for sequence in self.model.sample(constraints, n=10_000, rng=rng))
        counts = [drawn.pop(sequence.events.tobytes(), 0) for sequence in self.sequences]
        assert not drawn
        return np.array(counts)

    # --- the verdict ----------------------------------------------------------------------------------------------

    def agrees(
        self,
        sketch: Sketch,
        allowed: Bools,
        nats: Floats | float = 0.0,
        heat: float = 1.0,
        words: Iterable[list[int]] = (),
    ) -> None:
        """The model inside the sketch passes just the sequences ``allowed`` (L,), in proportion to their own
        probability and what preferences add, ``nats`` (L,); where there are none, it says so. ``words`` are tokens
        that may not follow each other.
        """
        if not allowed.any():
            with pytest.raises(Infeasible):
                self._belief(sketch, heat, words)
            return
        belief = self._belief(sketch, heat, words)
        weight = np.where(allowed, self.free(heat) + nats, -np.inf)
        mass = np.logaddexp.reduce(weight)
        found = self.given(Walk(belief))
        wrong = np.flatnonzero(np.isfinite(found) != allowed)
        assert [(bool(allowed[k]), self.sequences[k].events.tolist()) for k in wrong[:3]] == []
        assert np.abs(found[allowed] - (weight - mass)[allowed]).max() < 1e-9
        assert belief.log_mass == pytest.approx(mass, abs=1e-9)
        told = np.zeros((self.end, self.child.shape[1]))
        for place, tokens, share in belief.marginals():
            told[place, tokens] = share
        assert np.abs(told - self.shares(np.exp(weight - mass))).max() < 1e-9

    def _belief(self, sketch: Sketch, heat: float, words: Iterable[list[int]]) -> Belief:
        lattice = Lattice(self.encoding.compile(sketch), self.alphabets)
        return Belief(Histories(self.model, lattice, heat, [np.array(word) for word in words]), lattice)


def chi_square(observed: Ints, p: Floats) -> float:
    """By how many standard deviations counts (L,) are further from probabilities (L,) than chance; rare ones pooled."""
    expected = p * observed.sum()
    common = expected >= 5
    observed = np.append(observed[common], observed[~common].sum())
    expected = np.append(expected[common], expected[~common].sum())
    kept = expected > 1e-9
    freedom = max(int(kept.sum()) - 1, 1)
    statistic = float((np.square(observed - expected)[kept] / expected[kept]).sum())
    return (statistic - freedom) / float(np.sqrt(2 * freedom))
