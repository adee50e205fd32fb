"""Rates of mistakes on scores whose mistakes are known."""

import numpy as np
import pytest

from composer.evaluation.voice_leading import rates
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.voice_leading import KINDS


def two(upper: list[int], lower: list[int]) -> Score:
    ticks = np.arange(len(upper)) * Q
    return Score.of([Part.of(ticks, pitches, np.full(len(pitches), Q)) for pitches in (upper, lower)])


def test_rates_are_pooled_over_pairs_that_move_at_once() -> None:
    fifths = two([67, 69, 67, 67, 65], [60, 62, 62, 60, 60])  # both move once; in fifths
    contrary = two([67, 69, 71, 72], [64, 62, 62, 60])  # twice
    found = rates([fifths, contrary])
    assert list(found) == list(KINDS)
    assert found["parallel fifths"] == pytest.approx(1000 / 3)
    assert found["parallel octaves"] == 0.0
    assert np.isnan(rates([two([60, 60], [55, 57])])["crossing"])
