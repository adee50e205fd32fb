"""Exact conditioning of a variable-order chain: belief propagation on (history x automaton x time).

Backward messages say, for every place, past and state of the automaton, the probability that the chain goes on from
there to the end inside the constraints. Interpolated back-off keeps the recursion sparse: for a history h with back-off
weight l(h), next-shorter history b(h) and next(h, s) the longest history that matters after h s,

    V(h) = sum over rows (h, s) of [ p(s|h) v(next(h, s)) - l(h) p(s|b(h)) v(next(b(h), s)) ]  +  l(h) V(b(h)),

because an event s without a row has p(s|h) = l(h) p(s|b(h)) and next(h, s) = next(b(h), s). The masks, preferences and
the automaton are inside v. Tempered, p and l are raised to 1/T, and each sum is divided by the one without constraints.
(Papadopoulos, Pachet, Roy and Sakellariou 2015 for regular constraints; Pachet 2026, arXiv 2605.07839, for variable
order.) Memory and time are proportional to the sum over all places of the rows that matter there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.histories import Histories, Spot
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


class Belief:
    """Backward messages through a lattice, for each position, history of its spot and class of the lattice."""

    def __init__(self, histories: Histories, lattice: Lattice) -> None:
        self.histories, self.lattice = histories, lattice
        positions = sorted(lattice.options)
        sizes = {q: len(histories.spot(q).parent) * lattice.classes[q] for q in positions}
        edges = np.concatenate([[0], np.cumsum(list(sizes.values()))])
        self._offset = np.zeros(lattice.end + 1, dtype=np.int64)
        self._offset[positions] = edges[:-1]
        self._offset[lattice.end] = edges[-1]
        self._classes = np.ones(lattice.end + 1, dtype=np.int64)
        self._classes[positions] = [lattice.classes[q] for q in positions]
        longest = max(len(histories.spot(q).parent) for q in positions)
        self._flat = np.ones(int(edges[-1]) + longest)  # messages, the largest of a position being 1; at the end, 1
        self._scale = np.zeros(lattice.end + 1)  # the logarithm of what they were divided by
        self._live = np.ones(len(self._flat), dtype=bool) if len(histories.banned) else None
        for position in reversed(positions):
            self._send(position)
        if self._live is not None and not self._live[self._offset[0] + self.start.history]:
            raise Infeasible("every way on copies more of the corpus than is allowed")

    @property
    def start(self) -> State:
        return State(0, self.histories.spot(0).start, 0)

    @property
    def log_mass(self) -> float:
        """The logarithm of the probability that the chain by itself keeps the constraints, preferences weighed in."""
        return float(np.log(self._flat[self._offset[0] + self.start.history]) + self._scale[0])

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
        ahead = self._flat[self._offset[leads] + histories * self._classes[leads] + follow]
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
        flow = np.zeros(len(self._flat))
        flow[self._offset[0] + self.start.history] = 1.0 / self._flat[self._offset[0] + self.start.history]
        for position in sorted(self.lattice.options):
            spot, options = self.histories.spot(position), self.lattice.options[position]
            ways = self._ways(position)
            size, classes = len(spot.parent), self.lattice.classes[position]
            here = flow[self._offset[position] :][: size * classes].reshape(size, classes)
            here = here / spot.total[:, None] * np.exp(ways.reference - self._scale[position])
            for start, end in reversed(_levels(spot)):
                np.add.at(here, spot.parent[start:end], spot.backoff[start:end, None] * here[start:end])
            gain = here[spot.owner] * ways.gain[spot.token]
            after, before = ways.of(spot.token, spot.after), ways.of(spot.token, spot.before)
            np.add.at(flow, after, spot.own[:, None] * gain)
            np.subtract.at(flow, before, spot.lent[:, None] * gain)
            share = (spot.own[:, None] * self._flat[after] - spot.lent[:, None] * self._flat[before]) * gain
            mass = np.bincount(spot.token, share.sum(axis=1), len(ways.stride))[options.tokens]
            yield position, options.tokens, np.clip(mass, 0.0, 1.0)

    def _send(self, position: int) -> None:
        """The message of a position, from those of the positions to which its tokens lead."""
        spot, ways = self.histories.spot(position), self._ways(position)
        gain = ways.gain[spot.token]
        sums = spot.own[:, None] * (self._flat[ways.of(spot.token, spot.after)] * gain)
        sums -= spot.lent[:, None] * (self._flat[ways.of(spot.token, spot.before)] * gain)
        message = np.zeros((len(spot.parent), self.lattice.classes[position]))
        message[spot.filled] = np.add.reduceat(sums, spot.rows[spot.filled], axis=0)
        for start, end in _levels(spot):
            message[start:end] += spot.backoff[start:end, None] * message[spot.parent[start:end]]
        message /= spot.total[:, None]
        most = float(message.max(initial=LEAST))
        message = np.maximum(message / most, LEAST)
        if self._live is not None:
            live = self._alive(position, spot, ways)
            self._live[self._offset[position] :][: live.size] = live.ravel()
            message[~live] = 0.0
        self._flat[self._offset[position] :][: message.size] = message.ravel()
        self._scale[position] = ways.reference + np.log(most)

    def _alive(self, position: int, spot: Spot, ways: _Ways) -> Bools:
        """(H, C) whether anything can follow, where words are forbidden: by counting, without rounding."""
        assert self._live is not None
        open_ = (ways.gain[spot.token] > 0) & (spot.may[:, None] if spot.may is not None else True)
        lent = (ways.gain[spot.token] > 0) & (spot.lent[:, None] > 0)
        counts = (self._live[ways.of(spot.token, spot.after)] & open_).astype(np.int64)
        counts -= self._live[ways.of(spot.token, spot.before)] & lent
        number = np.zeros((len(spot.parent), self.lattice.classes[position]), dtype=np.int64)
        number[spot.filled] = np.add.reduceat(counts, spot.rows[spot.filled], axis=0)
        for start, end in _levels(spot):
            number[start:end] += number[spot.parent[start:end]]
        return number > 0

    def _ways(self, position: int) -> _Ways:
        options = self.lattice.options[position]
        tokens, leads = options.tokens, options.after
        size = len(self.lattice.alphabets[position % self.lattice.slots])
        reference = float(self._scale[leads].max())
        nats = (self._scale[leads] - reference)[None, :] + (0.0 if options.nats is None else options.nats)
        gain, base = np.zeros((size, len(options.follow))), np.zeros((size, len(options.follow)), dtype=np.int64)
        gain[tokens] = np.where(options.follow == DEAD, 0.0, np.exp(nats)).T
        base[tokens] = (self._offset[leads] + np.maximum(options.follow, 0)).T
        stride = np.zeros(size, dtype=np.int64)
        stride[tokens] = self._classes[leads]
        return _Ways(gain, base, stride, reference)


class _Ways(NamedTuple):
    """Where tokens lead from one position: of each token (V,) and class (C,)."""

    gain: Floats  # (V, C) 0 where not allowed; else what the scale there and preferences make of a message
    base: Ints  # (V, C) where the message begins
    stride: Ints  # (V,) what a history adds to that
    reference: float  # the largest scale

    def of(self, token: Ints, history: Ints) -> Ints:
        """(R,), (R,) -> (R, C) where the message of each row stands."""
        return self.base[token] + (history * self.stride[token])[:, None]


def _levels(spot: Spot) -> list[tuple[int, int]]:
    """Where the histories of each length above 0 begin and end."""
    return list(zip(spot.levels[1:-1].tolist(), spot.levels[2:].tolist(), strict=True))
