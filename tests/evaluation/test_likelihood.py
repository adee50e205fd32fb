"""Likelihood pools events over all pieces: the mean of the pieces' means is another figure."""

import numpy as np
import pytest

from composer.evaluation.likelihood import likelihood
from composer.generators.factorised import Factorised
from composer.inference.sequence import Sequence


def roll(events: np.ndarray) -> Sequence:
    return Sequence(events.astype(np.int32), np.arange(len(events), dtype=np.int32))


def test_events_are_pooled_and_summed_over_an_events_integers() -> None:
    """Independent notes, worked out by hand: half a count for each value, whatever came before."""
    train = np.array([[0, 1], [0, 1], [1, 0]])
    notes = Factorised.count_up([train.astype(np.int32)], previous=False)
    on = (np.array([1, 2]) + 0.5) / 4
    long, short = roll(np.tile([1, 1], (9, 1))), roll(np.array([[0, 0]]))
    expected = -(9 * np.log(on).sum() + np.log(1 - on).sum()) / 10
    found = likelihood(notes, [long, short])
    assert found.nats_per_event == pytest.approx(expected, abs=1e-12)
    assert (found.events, found.unknown) == (10, 0)


def test_unknown_events_are_counted_and_left_out() -> None:
    notes = Factorised.count_up([np.array([[0], [1]], dtype=np.int32)], previous=False)
    found = likelihood(notes, [roll(np.array([[0], [5], [1]]))])
    assert (found.events, found.unknown) == (3, 1)
    assert found.nats_per_event == pytest.approx(np.log(2))
