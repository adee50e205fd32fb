"""A Markov chain inside constraints, one token at a time, and what a guard against copies forbids it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.generators.belief import Belief, Choice, State
from composer.generators.guarded import Bans, guarded
from composer.generators.markov import REMEMBERED, Markov
from composer.inference.sequence import Constraints, Events, Sequence
from composer.inference.suffixes import Guard, View, among

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


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

    def sequence(self, path: list[int]) -> Sequence:
        events, constraints = self.events(path), self.lattice.constraints
        steps = np.append(0, np.cumsum(constraints.advance(events))[:-1]).astype(np.int32)
        return Sequence(events, steps, {name: column[steps] for name, column in constraints.context.items()})


def copies(walk: Walk, guard: Guard, view: View, free: Bools) -> Bans[State]:
    """Forbids the token that completes an event, and with it a copied run over the guard's limit, where events that
    begin at the step are ``free`` (end,); what is given may be a copy.
    """
    alphabets, slots = walk.lattice.alphabets, walk.lattice.slots
    nothing = [np.zeros(len(alphabet), dtype=bool) for alphabet in alphabets]

    def bans(state: State, path: list[int]) -> Bools:
        step, slot = divmod(state.position, slots)
        if slot < slots - 1 or not free[step]:
            return nothing[slot]
        before = walk.events(path)
        banned = guard.after(view.moves(before))
        if not len(banned):
            return nothing[slot]
        parts = [alphabets[k][token] for k, token in enumerate(path[len(path) - slot :])]
        begun = np.concatenate([np.zeros(0, np.int32), *parts])
        events = np.concatenate([np.tile(begun, (len(alphabets[slot]), 1)), alphabets[slot]], axis=1)
        return among(view.following(before, events), banned)

    return bans


def sample(
    model: Markov,
    constraints: Constraints,
    guard: Guard,
    view: View,
    free: Bools,
    *,
    n: int = 1,
    temperature: float = 1.0,
    rng: np.random.Generator,
) -> tuple[list[Sequence], str]:
    """``n`` sequences that keep the constraints and copy nothing over the guard's limit, and how they were drawn, as
    :func:`composer.generators.guarded.guarded` says. Raises :class:`composer.errors.Infeasible`.
    """
    walk = Walk(model.belief(constraints, temperature))
    drawn = guarded(walk, copies(walk, guard, view, free), n=n, rng=rng)
    return [walk.sequence(path) for path in drawn.paths], str(drawn)
