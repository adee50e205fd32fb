"""A Markov chain inside constraints, one token at a time, and what a guard against copies forbids it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.generators.belief import Belief, Choice, State
from composer.generators.guarded import Bans
from composer.inference.rows import Rows
from composer.inference.sequence import Events, Sequence
from composer.inference.suffixes import Guard, View, among

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

REMEMBERED = 20_000  # states whose choices are kept


class Walk:
    """The exact conditional chain of a belief, as :class:`composer.generators.guarded.Steps`."""

    def __init__(self, belief: Belief) -> None:
        self.belief, self.lattice = belief, belief.lattice
        self._seen: dict[State, tuple[Choice, Floats]] = {}

    def start(self) -> State:
        return self.belief.start

    def weights(self, state: State) -> Floats:
        return self._at(state)[1]

    def next(self, state: State, token: int) -> State:
        choice = self._at(state)[0]
        at = int(np.searchsorted(choice.tokens, token))
        return State(int(choice.after[at]), int(choice.histories[at]), int(choice.states[at]))

    def done(self, state: State) -> bool:
        return state.position >= self.lattice.end

    def _at(self, state: State) -> tuple[Choice, Floats]:
        if state not in self._seen:
            choice = self.belief.choice(state)
            weights = np.zeros(len(self.lattice.alphabets[state.position % self.lattice.slots]))
            weights[choice.tokens] = choice.weights
            if len(self._seen) >= REMEMBERED:
                self._seen.clear()
            self._seen[state] = choice, weights
        return self._seen[state]

    def events(self, path: list[int]) -> Events:
        """(T, D) the whole events of a path."""
        whole = len(path) // self.lattice.slots * self.lattice.slots
        rows = [self.lattice.alphabets[k % self.lattice.slots][token] for k, token in enumerate(path[:whole])]
        width = sum(alphabet.shape[1] for alphabet in self.lattice.alphabets)
        return np.concatenate([np.zeros(0, np.int32), *rows]).reshape(-1, width).astype(np.int32)

    def steps(self, events: Events) -> NDArray[np.int32]:
        """(T,) the step at which each event begins."""
        return np.append(0, np.cumsum(self.lattice.constraints.advance(events)))[:-1].astype(np.int32)

    def sequence(self, path: list[int]) -> Sequence:
        events, constraints = self.events(path), self.lattice.constraints
        steps = self.steps(events)
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
