"""Sampling that never does what a guard forbids, for any generator that writes one token after another.

A guard against copies, or rules between voices, look back over many tokens, so their exact product with a long-memory
model seldom fits in memory. Two ways around that: rejection, which is exact, and particles, which are approximate and
never fail where copies are hard to avoid. Both keep the guard in every sample.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
State = TypeVar("State", bound=Hashable)

Bans = Callable[[State, list[int]], Bools]  # a state and the tokens that led there -> (V,) which may not come next

PARTICLES = 32
ORIGINAL = "copy no more of the corpus than allowed; allow a longer copy"
STARTS = 20  # per wanted sample, before particles take over


class Steps(Protocol[State]):
    """A sampler that goes one token at a time."""

    def start(self) -> State: ...

    def weights(self, state: State) -> Floats:
        """(V,) the unnormalised probability of each token, all wishes but the guard's weighed in."""
        ...

    def next(self, state: State, token: int) -> State: ...

    def done(self, state: State) -> bool: ...


class Guarded(NamedTuple):
    """What was drawn, how, and how often the guard lets an unguarded sample pass."""

    paths: list[list[int]]  # tokens
    rate: float  # rejection: accepted over started; particles: the mean estimate
    way: str  # rejection or particles

    def __str__(self) -> str:
        if self.way == "rejection":
            return f"rejection, which accepts {self.rate:.1%} of tries"
        return f"{PARTICLES} particles each; {self.rate:.2g} of tries would pass"


def together(several: list[Bans[State]]) -> Bans[State]:
    """Forbids what any of them does."""
    return lambda state, path: np.logical_or.reduce([bans(state, path) for bans in several])


def guarded(
    steps: Steps[State], bans: Bans[State], *, n: int, rng: np.random.Generator, wanted: str = ORIGINAL
) -> Guarded:
    """``n`` samples: by rejection while it accepts one start in 20, else by 32 particles for each sample.

    Raises :class:`Infeasible`, with what is ``wanted`` of the notes in words, if no particle finds a way through.
    """
    drawn = rejection(steps, bans, n=n, starts=STARTS * n, rng=rng)
    if len(drawn.paths) == n:
        return drawn
    runs = [particles(steps, bans, count=PARTICLES, rng=rng, wanted=wanted) for _ in range(n)]
    return Guarded([path for path, _ in runs], float(np.mean([rate for _, rate in runs])), "particles")


def rejection(steps: Steps[State], bans: Bans[State], *, n: int, starts: int, rng: np.random.Generator) -> Guarded:
    """Up to ``n`` samples from at most ``starts`` starts; one ends at its first forbidden token.

    Exact: each sample has its unguarded probability, divided by that of all that the guard lets pass.
    """
    paths: list[list[int]] = []
    started = 0
    while len(paths) < n and started < starts:
        started += 1
        path = _free_of(steps, bans, rng)
        if path is not None:
            paths.append(path)
    return Guarded(paths, len(paths) / max(started, 1), "rejection")


def _free_of(steps: Steps[State], bans: Bans[State], rng: np.random.Generator) -> list[int] | None:
    state, path = steps.start(), list[int]()
    while not steps.done(state):
        token = _drawn(steps.weights(state), rng)
        if bans(state, path)[token]:
            return None
        path.append(token)
        state = steps.next(state, token)
    return path


def particles(
    steps: Steps[State], bans: Bans[State], *, count: int, rng: np.random.Generator, wanted: str = ORIGINAL
) -> tuple[list[int], float]:
    """One sample by sequential Monte Carlo, and an unbiased estimate of the probability that the guard lets an
    unguarded sample pass.

    ``count`` particles draw from what is allowed; each is weighed by the share of its probability that was, and where
    the weights grow uneven they are resampled (systematically, below half the effective number). The guard holds in
    what is returned; its distribution tends to the exact one as 1 / ``count``. Samples of several calls are
    independent. Raises :class:`Infeasible` if every particle meets a place where all is forbidden.
    """
    states, paths, weights = [steps.start()] * count, [list[int]() for _ in range(count)], np.ones(count)
    while not all(map(steps.done, states)):
        for k, state in enumerate(states):
            if weights[k] == 0 or steps.done(state):
                continue
            free = steps.weights(state)
            allowed = np.where(bans(state, paths[k]), 0.0, free)
            weights[k] *= allowed.sum() / free.sum()
            if weights[k] > 0:
                token = _drawn(allowed, rng)
                paths[k] = [*paths[k], token]
                states[k] = steps.next(state, token)
        total = weights.sum()
        if total == 0:
            raise Infeasible(f"none of {count} tries found notes that {wanted}")
        if total**2 < np.square(weights).sum() * count / 2 or (weights == 0).any():
            chosen = np.searchsorted(np.cumsum(weights), (rng.random() + np.arange(count)) * total / count, "right")
            chosen = np.minimum(chosen, np.flatnonzero(weights)[-1])
            states, paths = [states[k] for k in chosen], [paths[k] for k in chosen]
            weights = np.full(count, total / count)
    return paths[_drawn(weights, rng)], float(weights.mean())


def _drawn(weights: Floats, rng: np.random.Generator) -> int:
    """A number drawn in proportion to weights that are not all zero."""
    sums = np.cumsum(weights)
    return min(int(np.searchsorted(sums, rng.random() * sums[-1], "right")), int(np.flatnonzero(weights)[-1]))
