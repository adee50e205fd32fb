"""Coloured Gibbs sampling against enumeration: masks, preferences, given values, temperature, long lags."""

import itertools

import numpy as np
import pytest

from composer.errors import Infeasible
from composer.generators.coloured import Coloured
from composer.generators.maxent import Maxent
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Sequence

VALUES = (0, 3, 5)


def model(steps: int, lags: tuple[int, ...], rng: np.random.Generator) -> Maxent:
    found = Maxent(hold=None, silence=None, fields=("a",), rhythms=(), harmony="", lags=lags, iterations=1, sweeps=30)
    context = {"a": np.arange(steps, dtype=np.int32) % 2}
    pieces = [
        Sequence(rng.choice(VALUES, (steps, 1)).astype(np.int32), np.arange(steps, dtype=np.int32), context)
        for _ in range(20)
    ]
    found.fit(pieces)
    found.theta_[:-1] = 0.8 * rng.normal(size=found.family_.size)
    return found


def nats(model: Maxent, steps: int, cells: tuple[int, ...]) -> float:
    """The sum of all potentials of a grid, of values' numbers."""
    places, theta = model.family_.places, model.theta_.astype(np.float64)
    found = sum(theta[places["field", 0, 0][step % 2, cell]] for step, cell in enumerate(cells))
    for lag in model.lags:
        for step, cell in enumerate(cells):
            before = cells[step - lag] if step >= lag else len(VALUES)
            found += theta[places["lag", lag, 0][before, cell]]
    return float(found)


@pytest.mark.parametrize(("steps", "lags"), [(5, (1, 2)), (5, (1, 3)), (4, (1, 2, 6)), (1, (1, 2))])
def test_exact(steps: int, lags: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.generators.maxent.TOGETHER", 1000)
    rng = np.random.default_rng(steps)
    drawn, count, temperature = model(steps, lags, rng), 8000, 0.8
    allowed = np.ones((steps, 1, 7), dtype=bool)
    allowed[0, 0, 3] = False
    costs = rng.exponential(size=allowed.shape)
    given = {2: np.array([5], dtype=np.int32)} if steps > 4 else {}
    for step in given:
        allowed[step, 0] = np.arange(7) == 5
    context = {"a": np.arange(steps, dtype=np.int32) % 2}
    constraints = ColumnMasks(allowed, context, costs=costs, given=given)
    assert isinstance(drawn._chains(constraints, 1, 1.0, rng), Coloured)

    chances = {}
    for cells in itertools.product(range(3), repeat=steps):
        values = tuple(VALUES[cell] for cell in cells)
        if all(allowed[step, 0, value] for step, value in enumerate(values)):
            preferred = sum(costs[step, 0, value] for step, value in enumerate(values))
            chances[values] = np.exp(nats(drawn, steps, cells) / temperature - preferred)
    expected = count * np.array(list(chances.values())) / sum(chances.values())
    number = {values: index for index, values in enumerate(chances)}
    observed = np.zeros(len(expected))
    for sample in drawn.sample(constraints, n=count, temperature=temperature, rng=rng):
        observed[number[tuple(sample.events[:, 0].tolist())]] += 1
    common = expected > 5
    chi = ((observed - expected)[common] ** 2 / expected[common]).sum()
    freedom = common.sum() - 1
    assert chi < freedom + 5 * np.sqrt(2 * freedom) + 1e-9


def test_what_is_given_and_unknown_stands_as_it_is() -> None:
    rng = np.random.default_rng(0)
    allowed = np.ones((4, 1, 7), dtype=bool)
    allowed[1, 0] = np.arange(7) == 6
    context = {"a": np.zeros(4, dtype=np.int32)}
    constraints = ColumnMasks(allowed, context, given={1: np.array([6], dtype=np.int32)})
    for sample in model(4, (1, 2), rng).sample(constraints, n=3, rng=rng):
        assert sample.events[1, 0] == 6
        assert set(sample.events[[0, 2, 3], 0].tolist()) <= set(VALUES)


def test_where_nothing_may_stand_is_named() -> None:
    rng = np.random.default_rng(0)
    allowed = np.ones((4, 1, 7), dtype=bool)
    allowed[3, 0, list(VALUES)] = False
    constraints = ColumnMasks(allowed, {"a": np.zeros(4, dtype=np.int32)})
    with pytest.raises(Infeasible, match="step 3") as raised:
        model(4, (1, 2), rng).sample(constraints, rng=rng)
    assert raised.value.step == 3
