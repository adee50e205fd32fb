"""A Markov chain inside constraints, one token at a time, and what a guard against copies forbids it."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from composer.generators.belief import Belief, Choice, State
from composer.generators.guarded import Bans
from composer.generators.opened import Opened
from composer.generators.trie import NOT_THERE
from composer.inference.rows import Rows
from composer.inference.sequence import Events, Sequence
from composer.inference.suffixes import Guard, View, among

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

REMEMBERED = 20_000  # states whose choices are kept


class Walk:
    """The exact conditional chain of a belief, one token at a time, as :class:`composer.generators.guarded.Steps`."""

    def __init__(self, belief: Belief) -> None:
        self.belief, self.lattice = belief, belief.lattice
        constraints = belief.lattice.constraints
        self.opened = constraints if isinstance(constraints, Opened) else None  # one token stands for many events
        self._seen: dict[State, tuple[Choice, list[float]]] = {}

    def start(self) -> State:
        return self.belief.start

    def weights(self, state: State) -> Floats:
        choice, _ = self._at(state)
        weights = np.zeros(len(self.lattice.alphabets[state.position % self.lattice.slots]))
        weights[choice.tokens] = choice.weights
        return weights

    def next(self, state: State, token: int) -> State:
        choice, _ = self._at(state)
        return choice.next(int(np.searchsorted(choice.tokens, token)))

    def done(self, state: State) -> bool:
        return state.position >= self.lattice.end

    def draw(self, rng: np.random.Generator) -> Sequence:
        """A sequence with its exact conditional probability."""
        state, path, events = self.start(), list[int](), list[Events]()
        while not self.done(state):
            choice, sums = self._at(state)
            k = min(bisect_right(sums, rng.random() * sums[-1]), len(sums) - 1)
            path.append(int(choice.tokens[k]))
            if self.opened is not None and path[-1] == len(self.opened.known):
                events.append(self.opened.others(state.position).draw(rng))
            elif self.opened is not None:
                events.append(self.opened.known[path[-1]])
            state = choice.next(k)
        return self.sequence(path) if self.opened is None else self._sequence(np.stack(events).astype(np.int32))

    def chances(self, sequence: Sequence, tokens: NDArray[np.int64]) -> Floats:
        """(N,) the conditional probability of each token of a sequence; 0 from the first on that cannot come."""
        state, slots, p = self.start(), self.lattice.slots, np.zeros(len(tokens))
        starts = (sequence.steps[:, None] * slots + np.arange(slots)).ravel()
        unknown = tokens == NOT_THERE
        wanted = np.where(unknown, -1 if self.opened is None else len(self.opened.known), tokens)
        for k in np.flatnonzero(unknown & (self.opened is None)).tolist():
            wanted[k] = self.lattice.number(k % slots, sequence.events[k // slots])
        for k, token in enumerate(wanted.tolist()):
            if state.position != starts[k] or self.done(state):
                return p
            choice, _ = self._at(state)
            at = np.flatnonzero(choice.tokens == token)
            if not len(at):
                return p
            p[k] = choice.weights[at[0]] / choice.weights.sum()
            if self.opened is not None and unknown[k]:
                p[k] *= self.opened.others(state.position).share(sequence.events[k])
            state = choice.next(int(at[0]))
        if not self.done(state):
            p[-1] = 0.0
        return p

    def _at(self, state: State) -> tuple[Choice, list[float]]:
        """What may come, and the running sums of its weights."""
        if state not in self._seen:
            choice = self.belief.choice(state)
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[state] = choice, np.cumsum(choice.weights).tolist()
        return self._seen[state]

    def events(self, path: list[int]) -> Events:
        """(T, D) the whole events of a path."""
        slots = self.lattice.slots
        whole = len(path) // slots * slots
        columns = [alphabet[path[slot:whole:slots]] for slot, alphabet in enumerate(self.lattice.alphabets)]
        return np.concatenate(columns, axis=1, dtype=np.int32)

    def steps(self, events: Events) -> NDArray[np.int32]:
        """(T,) the step at which each event begins."""
        return np.append(0, np.cumsum(self.lattice.constraints.advance(events)))[:-1].astype(np.int32)

    def sequence(self, path: list[int]) -> Sequence:
        return self._sequence(self.events(path))

    def _sequence(self, events: Events) -> Sequence:
        constraints, steps = self.lattice.constraints, self.steps(events)
        return Sequence(events, steps, {name: column[steps] for name, column in constraints.context.items()})


def copies(walk: Walk, guards: list[Guard], view: View, free: Bools) -> Bans[State]:
    """Forbids the token that completes an event, and with it a copied run over a guard's limit.

    Events that begin at the steps ``free`` (end,) are composed, the others given: the shortest run over the limit
    counts only if one of its events is composed.
    """
    lattice = walk.lattice
    nothing = [np.zeros(len(alphabet), dtype=bool) for alphabet in lattice.alphabets]

    def bans(state: State, path: list[int]) -> Bools:
        step, slot = divmod(state.position, lattice.slots)
        if slot < lattice.slots - 1:
            return nothing[slot]
        before = walk.events(path)
        moves = view.moves(before)
        given = 0 if free[step] else _last_given(walk.steps(before), free)
        banned = [_banned(guard, moves, given) for guard in guards]
        rows = np.concatenate(banned)
        if not len(rows):
            return nothing[slot]
        alphabet = lattice.alphabets[slot]
        parts = [lattice.alphabets[k][token] for k, token in enumerate(path[len(path) - slot :])]
        begun = np.concatenate([np.zeros(0, np.int32), *parts])
        events = np.concatenate([np.tile(begun, (len(alphabet), 1)), alphabet], axis=1)
        return among(view.following(before, events), rows)

    return bans


def _last_given(steps: NDArray[np.int32], free: Bools) -> int:
    """How many events at the end are given."""
    return int(np.append(True, free[steps])[::-1].argmax())


def _banned(guard: Guard, moves: Rows, given: int) -> Rows:
    """The moves that the guard forbids next, but for those that complete a run of the last ``given`` events alone."""
    rows = guard.after(moves)
    if given and len(rows):
        rows = rows[~among(rows, guard.after(moves[len(moves) - given :]))]
    return rows
