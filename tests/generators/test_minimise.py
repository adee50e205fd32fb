"""The least cost: against slow references, with and without L1."""

import numpy as np
import pytest

from composer.generators.minimise import minimise


class Logistic:
    """The cost of binary answers by a linear potential: a part whose least is easy to find slowly."""

    def __init__(self, seed: int, cells: int = 60, size: int = 12) -> None:
        rng = np.random.default_rng(seed)
        self.rows = (rng.normal(size=(cells, size)) + rng.normal(size=(cells, 1))) * np.geomspace(0.05, 2, size)
        self.target = (rng.random(cells) < 1 / (1 + np.exp(-self.rows @ rng.normal(size=size)))).astype(np.int64)

    def cost(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        z = self.rows @ theta[:-1].astype(np.float64)
        p = 1 / (1 + np.exp(-z))
        gradient = self.rows.T @ (p - self.target)
        return float(np.logaddexp(0, z).sum() - z @ self.target), np.append(gradient, 0.0)

    def often(self) -> np.ndarray:
        return np.append(np.abs(self.rows).sum(axis=0), 0.0)


def slowly(parts: list[Logistic], l1: np.ndarray, l2: np.ndarray) -> np.ndarray:
    """Proximal gradient steps, so many that nothing is left to do."""
    cells, theta = sum(len(part.target) for part in parts), np.zeros(len(l1))
    step = 1.0 / (max(np.linalg.norm(part.rows, 2) for part in parts) ** 2 * len(parts) / cells / 4 + l2.max())
    for _ in range(20_000):
        gradient = sum(part.cost(np.append(theta, 0))[1] for part in parts)[:-1] / cells + l2 * theta
        theta = theta - step * gradient
        theta = np.sign(theta) * np.maximum(np.abs(theta) - step * l1, 0)
    return theta


@pytest.mark.parametrize("l1", [0.0, 0.003, 0.03])
def test_as_slow_steps_find_it(l1: float) -> None:
    parts = [Logistic(seed) for seed in range(3)]
    first, second = np.full(12, l1), np.linspace(1e-3, 1e-2, 12)
    first[0] = 0.0
    found = minimise(parts, 12, first, second, 500)
    expected = slowly(parts, first, second)
    cost = sum(part.cost(np.append(expected, 0))[0] for part in parts) / 180
    least = cost + first @ np.abs(expected) + expected @ (second * expected) / 2
    assert found.converged
    assert found.evaluations >= found.iterations
    assert found.objective == pytest.approx(least, abs=2e-6)
    assert found.theta == pytest.approx(expected, abs=0.03)
    assert np.array_equal(found.theta == 0, expected == 0)
    assert (0 < (expected == 0).sum() < 12) == (l1 > 0)


def test_nothing_is_left_of_parameters_that_cost_more_than_they_give() -> None:
    found = minimise([Logistic(0)], 12, np.full(12, 10.0), np.zeros(12), 10)
    assert found.converged
    assert not found.theta.any()
    assert found.objective == pytest.approx(np.log(2))


def test_tells_that_it_stopped_before_the_least() -> None:
    heard: list[float] = []
    found = minimise([Logistic(0)], 12, np.zeros(12), np.full(12, 1e-4), 3, heard.append)
    assert not found.converged
    assert found.iterations == 3
    assert heard == pytest.approx([1 / 3, 2 / 3, 1])


class Overflowing(Logistic):
    """A cost that is beyond numbers far from its least."""

    def cost(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        if np.abs(theta).max() > 0.24:
            return np.inf, np.full(len(theta), np.nan)
        return super().cost(theta)


def test_steps_that_lead_beyond_numbers_are_shortened() -> None:
    first, second = np.full(12, 0.003), np.ones(12)
    walled, free = Overflowing(1), Logistic(1)
    found = minimise([walled], 12, first, second, 500)
    assert found.evaluations > minimise([free], 12, first, second, 500).evaluations
    assert found.theta == pytest.approx(slowly([free], first, second), abs=1e-3)
