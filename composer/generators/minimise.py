"""The parameters at which a regularised cost is least."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from composer.generators.base import Progress

Reals = NDArray[np.float64]

MEMORY = 20  # steps that are remembered


class Part(Protocol):
    """A part of the cost, a sum over ``len(part.target)`` cells."""

    target: NDArray[np.int64]

    def cost(self, theta: NDArray[np.float32]) -> tuple[float, Reals]: ...


class Fitted(NamedTuple):
    """``theta`` (size,), the objective there and its part without penalties, in nats per cell, and how it was found."""

    theta: Reals
    objective: float
    cost: float
    iterations: int
    evaluations: int
    converged: bool


def minimise(
    parts: SequenceOf[Part], size: int, l1: Reals, l2: Reals, iterations: int, progress: Progress | None = None
) -> Fitted:
    """Minimise the mean cost of all cells + l1 |theta| + l2 / 2 theta^2, both (size,), by L-BFGS-B (Byrd, Lu, Nocedal, Zhu 1995).

    With ``l1``, theta is the difference of two vectors that are nowhere negative, so that the objective is smooth.
    """
    from scipy.optimize import minimize

    cells = sum(len(part.target) for part in parts)
    pool = ThreadPoolExecutor(2)
    last = [0.0, 0.0]

    def smooth(theta: Reals) -> tuple[float, Reals]:
        extended = np.append(theta, 0.0).astype(np.float32)
        found = list(pool.map(lambda part: part.cost(extended), parts))
        last[0] = sum(cost for cost, _ in found) / cells
        gradient = sum(gradient for _, gradient in found)[:-1] / cells
        return last[0] + float(theta @ (l2 * theta)) / 2, gradient + l2 * theta

    def split(both: Reals) -> tuple[float, Reals]:
        theta = both[:size] - both[size:]
        cost, gradient = smooth(theta)
        return cost + float((both[:size] + both[size:]) @ l1), np.concatenate([gradient + l1, l1 - gradient])

    done = [0]

    def step(_: Reals) -> None:
        done[0] += 1
        if progress is not None:
            progress(min(done[0] / iterations, 1.0))

    options = {"maxiter": iterations, "maxfun": 3 * iterations, "maxcor": MEMORY, "ftol": 1e-7, "gtol": 1e-7}
    found = minimize(
        split if l1.any() else smooth,
        np.zeros(2 * size if l1.any() else size),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * size) if l1.any() else None,
        callback=step,
        options=options,
    )
    theta = found.x[:size] - found.x[size:] if l1.any() else found.x
    smooth(theta)
    pool.shutdown()
    objective = last[0] + float(l1 @ np.abs(theta)) + float(theta @ (l2 * theta)) / 2
    return Fitted(theta, objective, last[0], found.nit, found.nfev, bool(found.success))
