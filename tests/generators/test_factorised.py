"""A factorised measure against sums over every event of a small width."""

import itertools

import numpy as np
import pytest

from composer.errors import ReadError, UsageError
from composer.generators.factorised import NO_EVENT, Factorised
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


def probability(measure: Factorised, event: np.ndarray, before: np.ndarray | None) -> float:
    return float(np.prod(measure.table(before)[np.arange(WIDTH), event]))


@each_kind
def test_it_sums_to_one_after_every_event_and_none(previous: bool) -> None:
    measure = Factorised.count_up(rolls(), previous=previous)
    for before in [None, np.full(WIDTH, NO_EVENT), *EVERY]:
        assert sum(probability(measure, event, before) for event in EVERY) == pytest.approx(1.0, abs=1e-12)
        assert all(probability(measure, event, before) > 0 for event in EVERY)


def test_probabilities_are_smoothed_counts() -> None:
    events = np.array([[0], [1], [1], [0]], dtype=np.int32)
    alone, after = (Factorised.count_up([events], previous=previous) for previous in (False, True))
    assert alone.table() == pytest.approx(np.array([[0.5, 0.5]]))
    assert after.table(np.array([1])) == pytest.approx(np.array([[2 / 4, 2 / 4]]))
    assert after.table(np.array([0])) == pytest.approx(np.array([[1 / 3, 2 / 3]]))
    assert (alone.table(np.array([0])) == alone.table()).all()
    assert (after.table(np.array([7])) == after.table()).all()


@each_kind
def test_log_prob_is_that_of_the_tables(previous: bool) -> None:
    measure, events = Factorised.count_up(rolls(), previous=previous), rolls(1)[0]
    befores = [None, *events[:-1]]
    expected = [np.log(probability(measure, event, before)) for event, before in zip(events, befores, strict=True)]
    given = measure.log_prob(Sequence(events, np.arange(len(events), dtype=np.int32)))
    assert given == pytest.approx(np.array(expected), abs=1e-12)


def test_values_out_of_range_have_no_probability() -> None:
    measure = Factorised.count_up(rolls(), previous=True)
    events = np.array([[0, 0, 0], [0, 3, 0], [0, -2, 0], [1, 1, 1]], dtype=np.int32)
    given = measure.log_prob(Sequence(events, np.arange(4, dtype=np.int32)))
    assert np.isfinite(given).tolist() == [True, False, False, True]


@each_kind
def test_mass_is_the_sum_over_what_is_allowed(previous: bool) -> None:
    measure, rng = Factorised.count_up(rolls(), previous=previous), np.random.default_rng(3)
    for before in [None, *EVERY[::5]]:
        allowed = rng.random((WIDTH, VALUES)) < 0.6
        inside = [event for event in EVERY if allowed[np.arange(WIDTH), event].all()]
        total = sum(probability(measure, event, before) for event in inside)
        assert measure.mass(allowed, before) == pytest.approx(total, abs=1e-12)
        wider = np.concatenate([allowed, np.ones((WIDTH, 2), dtype=bool)], axis=1)
        assert measure.mass(wider, before) == measure.mass(allowed, before)
        assert measure.mass(allowed[:, :2], before) <= measure.mass(allowed, before)


@each_kind
def test_samples_agree_with_the_probabilities_inside_the_mask(previous: bool) -> None:
    """Chi-square of 20,000 samples; nothing forbidden is drawn."""
    measure, rng = Factorised.count_up(rolls(), previous=previous), np.random.default_rng(4)
    allowed, before = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=bool), EVERY[13]
    expected = np.array([probability(measure, e, before) * allowed[np.arange(WIDTH), e].all() for e in EVERY])
    n = 20_000
    expected *= n / expected.sum()
    place = VALUES ** np.arange(WIDTH)[::-1]
    drawn = np.bincount([int(measure.sample(allowed, rng, before) @ place) for _ in range(n)], minlength=len(EVERY))
    assert (drawn[expected == 0] == 0).all()
    kept = expected > 0
    freedom = kept.sum() - 1
    assert ((drawn - expected)[kept] ** 2 / expected[kept]).sum() < freedom + 4 * np.sqrt(2 * freedom) + 4


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
