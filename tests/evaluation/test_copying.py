"""Copying is measured on scores whose copies are known."""

import numpy as np
import pytest

from composer.evaluation.copying import Copying, copying
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q


def line(pitches: list[int], length: int = Q) -> Score:
    return Score.of([Part.of(np.arange(len(pitches)) * length, pitches, np.full(len(pitches), length))])


def test_median_largest_and_whole_copies_are_counted() -> None:
    tune = line([60, 62, 64, 65, 67, 60, 60, 60])
    composer = Composer.untrained("melody", "markov").fit([tune])
    whole, half, none = tune.transpose(3), line([50, 52, 54, 55, 54, 55, 54, 55]), line([60, 61], 3 * Q)
    assert copying(composer, [whole, half, none]) == Copying(3, 4, 1.0, 8, 2.0, pytest.approx(1 / 3))
    assert copying(composer, [none]) == Copying(1, 0, 0.0, 0, 0.0, 0.0)
