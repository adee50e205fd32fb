"""The bootstrap over pieces (B. Efron, 1979): how far figures would move with other pieces of the same kind.

Pieces that are not independent, such as variants of one tune or what was composed on one page, are drawn together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

INTERVAL = (0.025, 0.975)  # quantiles: 95 %

Groups = NDArray[np.int64]


def grouped(owners: ArrayLike | None, pieces: int) -> Groups:
    """(P,) the number of each piece's group, from 0 on, by any values ``owners`` (P,); without, each is its own."""
    if owners is None:
        return np.arange(pieces)
    return np.unique(owners, return_inverse=True)[1].reshape(-1)


def resampled(groups: Groups, times: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(times, P) how often each piece is drawn, when as many groups as there are, one or more, are drawn with
    replacement.
    """
    count = int(groups.max()) + 1
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=times)
    return np.asarray(drawn[:, groups], dtype=np.float64)
