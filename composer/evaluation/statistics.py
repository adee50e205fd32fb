"""Statistics."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from composer.evaluation.choir_traits import choir_traits
from composer.evaluation.tune_traits import tune_traits
from composer.score import Part, Score


def traits(scores: Iterable[Score], voices: int) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Traits (P, F) of each score, and their names: rates, on which a piece's length has no bearing.

    Of one voice they are read with the written key and bar lines. Of a choir nothing depends on these: time counts in
    quarters from the start, and degrees from the key that is found in all its notes.
    """
    measure = tune_traits if voices == 1 else choir_traits
    names = tuple(measure(Score.of([Part.of()] * voices)))
    rows = [list(measure(score).values()) for score in scores]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(names)), names
