"""Matching moments: parameters moved until chains of the model choose each as often as music does.

At the maximum of the likelihood every statistic has the same mean in the model as in the data. The pseudo-likelihood
comes near it, but chains that run long drift away from what music does. So persistent chains, begun at the music, are
swept on, and each parameter is moved by how much too often or too seldom they choose it (Younes 1989; Tieleman 2008).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from composer.generators.gibbs import Chains, Voice
from composer.generators.potentials import Potentials, State
from composer.generators.pseudolikelihood import Grid
from composer.inference.automata import Lattice
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Constraints

Floats = NDArray[np.float64]

BATCHES = 4
PACE = 0.05  # of the way that a parameter would go by itself: many go together
RARE = 20.0  # times: what is chosen less often moves less


def refine(
    family: Potentials,
    theta: Floats,
    grids: list[Grid],
    lattices: Callable[[Constraints], list[Lattice]],
    l2: Floats,
    rounds: int,
    allowed: NDArray[np.bool_],
) -> Floats:
    """The mean of the parameters (size + 1,) over the second half of the rounds."""
    rng = np.random.default_rng(0)
    batches = [_laid_out(grids[number::BATCHES]) for number in range(BATCHES)]
    wanted = sum(family.counts(batch.state, batch.fields, batch.rhythms, batch.harmony) for batch in batches)
    cells = sum(batch.steps for batch in batches) * family.voices
    chains, found = [], []
    for batch in batches:
        constraints = ColumnMasks(np.broadcast_to(allowed, (batch.steps, *allowed.shape)))
        voices = [Voice(family, number, lattice) for number, lattice in enumerate(lattices(constraints))]
        chains.append(Chains(family, voices, constraints, 1, rng))
        chains[-1].begin(State(batch.state.sounds.copy(), batch.state.struck.copy()))
        found.append(family.counts(batch.state, batch.fields, batch.rhythms, batch.harmony))
    mean = np.zeros_like(theta)
    for number in range(rounds):
        batch, chain = batches[number % BATCHES], chains[number % BATCHES]
        chain.tune(theta, (batch.fields, batch.rhythms, batch.harmony))
        chain.sweep()
        found[number % BATCHES] = family.counts(chain.state, batch.fields, batch.rhythms, batch.harmony)
        drawn = sum(found)
        excess = drawn - wanted + cells * l2 * theta
        theta = theta - PACE * excess / (drawn + wanted + RARE)
        print(number, np.corrcoef(drawn, wanted)[0,1], np.abs(drawn-wanted).sum()/wanted.sum(), flush=True)
        if number >= rounds // 2:
            mean += theta / (rounds - rounds // 2)
    return mean


def _laid_out(grids: list[Grid]) -> Grid:
    """Pieces end to end, as one."""
    state = State(*(np.concatenate(tables, axis=1) for tables in zip(*(grid.state for grid in grids), strict=True)))
    fields = [np.concatenate(labels) for labels in zip(*(grid.fields for grid in grids), strict=True)]
    rhythms = [np.concatenate(labels) for labels in zip(*(grid.rhythms for grid in grids), strict=True)]
    return Grid(state, fields, rhythms, np.concatenate([grid.harmony for grid in grids]))
