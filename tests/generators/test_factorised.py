"""A factorised measure against sums over every event of a small width."""

import itertools

import numpy as np
import pytest

from composer.errors import ReadError, UsageError
from composer.generators.factorised import Factorised
from composer.inference.sequence import Sequence

WIDTH, VALUES = 3, 3
EVERY = np.array(list(itertools.product(range(VALUES), repeat=WIDTH)), dtype=np.int32)


def rolls(seed: int = 0) -> list[np.ndarray]:
    """Sequences whose integers lean on the ones before; the last integer is never 2."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(20):
        events = np.minimum(np.cumsum(rng.random((12, WIDTH)) < 0.3, axis=0) % VALUES, [2, 2, 1])
        found.append(events.astype(np.int32))
    return found


each_kind = pytest.mark.parametrize("previous", [False, True])


def log_prob(measure: Factorised, events: np.ndarray) -> np.ndarray:
    return measure.log_prob(Sequence(events.astype(np.int32), np.arange(len(events), dtype=np.int32)))


@each_kind
def test_it_sums_to_one_after_every_event_and_none(previous: bool) -> None:
    measure = Factorised.count_up(rolls(), previous=previous)
    first = [log_prob(measure, event[None])[0] for event in EVERY]
    assert np.exp(first).sum() == pytest.approx(1.0, abs=1e-12)
    assert measure.chances(EVERY) == pytest.approx(np.exp(first), abs=1e-12)
    for before in EVERY:
        nats = [log_prob(measure, np.stack([before, event]))[1] for event in EVERY]
        assert np.isfinite(nats).all()
        assert np.exp(nats).sum() == pytest.approx(1.0, abs=1e-12)


def test_probabilities_are_smoothed_counts() -> None:
    events = np.array([[0], [1], [1], [0]], dtype=np.int32)
    alone, after = (Factorised.count_up([events], previous=previous) for previous in (False, True))
    assert np.exp(log_prob(alone, events)) == pytest.approx(np.full(4, 0.5))
    assert np.exp(log_prob(after, events)) == pytest.approx([1 / 2, 2 / 3, 1 / 2, 1 / 2])
    assert np.exp(log_prob(after, np.array([[1], [1], [1]]))) == pytest.approx([1 / 2, 1 / 2, 1 / 2])
    assert np.exp(log_prob(after, np.array([[0], [0]]))) == pytest.approx([1 / 2, 1 / 3])


def test_values_out_of_range_have_no_probability() -> None:
    measure = Factorised.count_up(rolls(), previous=True)
    events = np.array([[0, 0, 0], [0, 3, 0], [0, -2, 0], [1, 1, 1]], dtype=np.int32)
    given = log_prob(measure, events)
    assert np.isfinite(given).tolist() == [True, False, False, True]


@pytest.mark.parametrize("value", [-1, 1024])
def test_integers_out_of_bounds_are_refused(value: int) -> None:
    with pytest.raises(UsageError, match=str(value)):
        Factorised.count_up([np.array([[0], [value]], dtype=np.int32)], previous=False)


@each_kind
def test_untrusted_counts_are_checked(previous: bool) -> None:
    counts = Factorised.count_up(rolls(), previous=previous).counts
    assert (Factorised.checked(counts, EVERY, previous=previous).counts == counts).all()
    for bad in (counts - 10**6, counts.astype(np.float64), counts[0], counts[:, :2], counts[:, :, :0], counts + 2**41):
        with pytest.raises(ReadError, match="base measure"):
            Factorised.checked(bad, EVERY, previous=previous)
    with pytest.raises(ReadError, match="base measure"):
        Factorised.checked(counts, EVERY, previous=not previous)
    with pytest.raises(ReadError, match="base measure"):
        Factorised.checked(counts, EVERY + 1, previous=previous)
