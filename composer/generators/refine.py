"""Matching moments: parameters moved until chains of the model choose each as often as music does.

At the maximum of the likelihood every statistic has the same mean in the model as in the data. The pseudo-likelihood
comes near it, but chains that run long drift away from what music does. So persistent chains, begun at random as those
that compose, are swept on, and each parameter is moved by how much too often or too seldom they choose it (Younes 1989;
Tieleman 2008).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.generators.gibbs import Chains
from composer.generators.potentials import Potentials, State
from composer.generators.pseudolikelihood import Grid
from composer.inference.automata import Lattice

Floats = NDArray[np.float64]

BATCHES = 4
PACE = 0.05  # of the way that a parameter would go by itself: many go together
MOST_STEPS = 120_000  # in all: of more pieces, every second is laid out, or every third ...
SETTLING = 8  # sweeps before the first round
RARE = 5.0  # times: what is chosen less often moves less


class Matched(NamedTuple):
    """``theta`` (size + 1,), the mean over the second half of the rounds; and ``off``, in the last of them, what
    the chains choose too often or too seldom, as a share of all that music chooses, noise of sampling included.
    """

    theta: Floats
    off: float


def refine(
    family: Potentials,
    theta: Floats,
    grids: list[Grid],
    lattices: Callable[[int], list[Lattice]],
    penalties: tuple[Floats, Floats],
    rounds: int,
    progress: Callable[[float], None] | None = None,
) -> Matched:
    """Move parameters (size + 1,), penalised by l1 and l2 (size + 1,) in nats per cell; those that are 0 stay so, and
    those of motions, too rare to be matched, as they were.

    ``lattices`` are those of so many steps in which everything is allowed. All pieces are laid end to end, in four
    batches; each round sweeps two of them.
    """
    every = max(1, sum(grid.steps for grid in grids) // MOST_STEPS)
    batches = [batch for number in range(BATCHES) if (batch := grids[number * every :: BATCHES * every])]
    chains = [_Batch(family, laid_out(batch), lattices, seed) for seed, batch in enumerate(batches)]
    wanted = np.sum([chain.wanted for chain in chains], axis=0)
    l1, l2 = (penalty * sum(chain.grid.steps for chain in chains) * family.voices for penalty in penalties)
    mean, drawn = np.zeros_like(theta), wanted
    pace = np.append(np.where(family.of_motions, 0.0, PACE), 0.0)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(SETTLING):
            list(pool.map(_Batch.sweep, chains, repeat(theta)))
        for number in range(rounds):
            swept = {(2 * number + k) % len(chains) for k in range(2)}
            list(pool.map(_Batch.sweep, [chains[k] for k in sorted(swept)], repeat(theta)))
            drawn = np.sum([chain.counts for chain in chains], axis=0)
            excess = drawn - wanted + l1 * np.sign(theta) + l2 * theta
            theta = np.where(theta == 0, 0.0, theta - pace * excess / (drawn + wanted + RARE))
            if number >= rounds // 2:
                mean += theta / (rounds - rounds // 2)
            if progress is not None:
                progress((number + 1) / rounds)
    return Matched(mean, float(np.abs(drawn - wanted).sum() / wanted.sum()))


class _Batch:
    """Pieces as one grid, a chain on their frame, and how often they and it, as it is now, choose each parameter."""

    def __init__(self, family: Potentials, grid: Grid, lattices: Callable[[int], list[Lattice]], seed: int) -> None:
        self.family, self.grid = family, grid
        free = lattices(grid.steps)
        self.chain = Chains(family, free, free[0].constraints, 1, np.random.default_rng(seed))
        self.wanted = self._counts(grid.state)

    def _counts(self, state: State) -> Floats:
        return self.family.counts(state, *self.grid.labels)

    def sweep(self, theta: Floats) -> None:
        self.chain.tune(theta, self.grid.labels)
        if self.chain.present:
            self.chain.sweep()
        else:
            self.chain.start()
        self.counts = self._counts(self.chain.state)


def laid_out(grids: list[Grid]) -> Grid:
    """Pieces end to end, as one."""
    state = State(*(np.concatenate(tables, axis=1) for tables in zip(*(grid.state for grid in grids), strict=True)))
    fields = [np.concatenate(labels) for labels in zip(*(grid.fields for grid in grids), strict=True)]
    rhythms = [np.concatenate(labels) for labels in zip(*(grid.rhythms for grid in grids), strict=True)]
    return Grid(state, fields, rhythms, np.concatenate([grid.harmony for grid in grids]))
