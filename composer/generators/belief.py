"""Exact conditioning of a variable-order chain: belief propagation on (history x automaton x time).

Backward messages say, for every place, past and state of the automaton, the probability that the chain goes on from
there to the end inside the constraints. Interpolated back-off keeps the recursion sparse: for a history h with back-off
weight l(h), next-shorter history b(h) and next(h, s) the longest history that matters after h s,

    V(h) = sum over rows (h, s) of [ p(s|h) v(next(h, s)) - l(h) p(s|b(h)) v(next(b(h), s)) ]  +  l(h) V(b(h)),

because an event s without a row has p(s|h) = l(h) p(s|b(h)) and next(h, s) = next(b(h), s). The masks, preferences and
the automaton are inside v. Tempered, p and l are raised to 1/T, and each sum is divided by the one without constraints.
(Papadopoulos, Pachet, Roy and Sakellariou 2015 for regular constraints; Pachet 2026, arXiv 2605.07839, for variable
order.) A history is paired only with the classes in which its nearest event can have left the automaton. Memory and
time are proportional to the sum over all places of the pairs and rows that matter there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.histories import Histories, Spot
from composer.generators.pairs import Pairs, Ways
from composer.inference.automata import DEAD, Lattice

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEAST = 1e-300  # in place of what is possible and rounded to nothing


class State(NamedTuple):
    """Where a sampler stands: at a position, with a history of its spot, in a class of the lattice."""

    position: int
    history: int
    state: int


class Choice(NamedTuple):
    """What may come in a state: tokens (N,), unnormalised probabilities, and the states that follow."""

    tokens: Ints
    weights: Floats
    after: Ints
    histories: Ints
    states: Ints

    def next(self, k: int) -> State:
        """Where the k-th of them leads."""
        return State(int(self.after[k]), int(self.histories[k]), int(self.states[k]))


class Belief:
    """Backward messages through a lattice, for each position, history of its spot and class of the lattice."""

    def __init__(self, histories: Histories, lattice: Lattice) -> None:
        self.histories, self.lattice = histories, lattice
        self.pairs = Pairs(histories, lattice)
        self._flat = np.ones(self.pairs.size)  # messages, the largest of a position being 1; at the end, 1
        self._scale = np.zeros(lattice.end + 1)  # the logarithm of what they were divided by
        self._live = np.ones(len(self._flat), dtype=bool) if len(histories.banned) else None
        self._waiting = sorted(lattice.options)  # positions that have not sent theirs, ascending
        self._send_to(0 if self._live is not None else lattice.opening)
        if self._live is not None and not self._live[self._first]:
            raise Infeasible("every way on copies more of the corpus than is allowed")

    @property
    def start(self) -> State:
        return State(0, self.histories.spot(0).start, 0)

    @property
    def _first(self) -> int:
        return int(self.pairs.offset[0]) + self.start.history

    @property
    def log_mass(self) -> float:
        """The logarithm of the probability that the chain by itself keeps the constraints, preferences weighed in."""
        self._send_to(0)
        return float(np.log(self._flat[self._first]) + self._scale[0])

    @property
    def megabytes(self) -> float:
        return self._flat.nbytes / 2**20

    def choice(self, state: State) -> Choice:
        """What may come next, in proportion to its exact conditional probability."""
        spot, options = self.histories.spot(state.position), self.lattice.options[state.position]
        base = slice(0, int(spot.rows[1]))
        weights, after = spot.own[base].copy(), spot.after[base].copy()
        for history in spot.chain(state.history):
            rows = slice(int(spot.rows[history]), int(spot.rows[history + 1]))
            weights *= spot.backoff[history]
            at = spot.column[spot.token[rows]]
            weights[at], after[at] = spot.own[rows], spot.after[rows]
        follow = options.follow[state.state]
        live = np.flatnonzero(follow != DEAD)
        chosen = spot.column[options.tokens[live]]
        follow, leads, histories = follow[live], options.after[live], after[chosen]
        ahead = self._flat[self.pairs.of(leads, options.tokens[live], histories, follow)]
        nats = self._scale[leads]
        if options.nats is not None:
            nats = nats + options.nats[state.state][live]
        found = weights[chosen] * ahead * np.exp(nats - nats.max())
        if not found.any():  # every way on is too improbable for a float: keep what is possible
            found = ((weights[chosen] > 0) & (ahead > 0)).astype(np.float64)
        return Choice(options.tokens[live], found, leads, histories, follow)

    def marginals(self) -> Iterator[tuple[int, Ints, Floats]]:
        """Of every position, its tokens (N,) and the probability that each begins there: the derivative of the
        logarithm of the mass by the logarithm of the token's weight.
        """
        self._send_to(0)
        flow = np.zeros(len(self._flat))
        flow[self._first] = 1.0 / self._flat[self._first]
        for position in sorted(self.lattice.options):
            spot, options, ways = self.histories.spot(position), self.lattice.options[position], self._ways(position)
            here = flow[self.pairs.offset[position] :][: len(ways.history)] / spot.total[ways.history]
            here *= np.exp(ways.reference - self._scale[position])
            for start, end in reversed(ways.levels):
                np.add.at(here, ways.parent[start:end], spot.backoff[ways.history[start:end]] * here[start:end])
            gain = np.repeat(here, ways.counts) * ways.gain
            np.add.at(flow, ways.after, spot.own[ways.row] * gain)
            np.subtract.at(flow, ways.before, spot.lent[ways.row] * gain)
            share = (spot.own[ways.row] * self._flat[ways.after] - spot.lent[ways.row] * self._flat[ways.before]) * gain
            mass = np.bincount(spot.token[ways.row], share, int(options.tokens[-1]) + 1)[options.tokens]
            yield position, options.tokens, np.clip(mass, 0.0, 1.0)

    def _send(self, position: int) -> None:
        """The message of a position, from those of the positions to which its tokens lead."""
        spot, ways = self.histories.spot(position), self._ways(position)
        sums = spot.own[ways.row] * (self._flat[ways.after] * ways.gain)
        sums -= spot.lent[ways.row] * (self._flat[ways.before] * ways.gain)
        message = ways.summed(sums)
        for start, end in ways.levels:
            message[start:end] += spot.backoff[ways.history[start:end]] * message[ways.parent[start:end]]
        message /= spot.total[ways.history]
        most = float(message.max(initial=LEAST))
        message = np.maximum(message / most, LEAST)
        here = slice(int(self.pairs.offset[position]), int(self.pairs.offset[position]) + len(message))
        if self._live is not None:
            self._live[here] = self._alive(spot, ways)
            message[~self._live[here]] = 0.0
        self._flat[here] = message
        self._scale[position] = ways.reference + np.log(most)

    def _send_to(self, position: int) -> None:
        """The messages of all positions from this one on. While all is given no message is needed to sample."""
        while self._waiting and self._waiting[-1] >= position:
            self._send(self._waiting.pop())

    def _alive(self, spot: Spot, ways: Ways) -> Bools:
        """Whether anything can follow, where words are forbidden: by counting, without rounding."""
        assert self._live is not None
        assert spot.may is not None
        open_ = self._live[ways.after] & (ways.gain > 0) & spot.may[ways.row]
        lent = self._live[ways.before] & (ways.gain > 0) & (spot.lent[ways.row] > 0)
        number = ways.summed(open_.astype(np.int64) - lent)
        for start, end in ways.levels:
            number[start:end] += number[ways.parent[start:end]]
        return np.asarray(number > 0)

    def _ways(self, position: int) -> Ways:
        return self.pairs.ways(position, self._scale)
