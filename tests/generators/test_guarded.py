"""Guarded sampling against enumeration, on a chain of three tokens whose corpus must not be copied."""

import itertools
from collections import Counter

import numpy as np
import pytest

from composer.errors import Infeasible
from composer.generators.guarded import guarded, particles, rejection

LENGTH = 5
CHAIN = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]])
FORBIDDEN = {(0, 0, 0), (1, 1), (0, 2, 1, 2)}


class Chain:
    """A state is how many tokens there are, and the last."""

    def start(self) -> tuple[int, int]:
        return 0, 0

    def weights(self, state: tuple[int, int]) -> np.ndarray:
        return 2.0 * CHAIN[state[1]]  # unnormalised

    def next(self, state: tuple[int, int], token: int) -> tuple[int, int]:
        return state[0] + 1, token

    def done(self, state: tuple[int, int]) -> bool:
        return state[0] == LENGTH


def bans(state: tuple[int, int], path: list[int]) -> np.ndarray:
    return np.array([any((*path, v)[-len(word) :] == word for word in FORBIDDEN) for v in range(3)])


def enumerated() -> dict[tuple[int, ...], float]:
    """The unguarded probability of every path that the guard lets pass."""
    found = {}
    for path in itertools.product(range(3), repeat=LENGTH):
        if not any(bans((0, 0), list(path[:k]))[path[k]] for k in range(LENGTH)):
            found[path] = float(np.prod([CHAIN[a, b] for a, b in itertools.pairwise((0, *path))]))
    return found


def chi_square(drawn: list[list[int]]) -> tuple[float, int]:
    p = enumerated()
    total = sum(p.values())
    counted = Counter(map(tuple, drawn))
    assert counted.keys() <= p.keys()
    expected = np.array([weight / total * len(drawn) for weight in p.values()])
    observed = np.array([counted[path] for path in p])
    common = expected >= 5
    expected = np.append(expected[common], expected[~common].sum())
    observed = np.append(observed[common], observed[~common].sum())
    return float(((observed - expected) ** 2 / np.maximum(expected, 1e-9)).sum()), len(expected) - 1


def test_rejection_is_exact_and_reports_what_it_accepts() -> None:
    drawn = rejection(Chain(), bans, n=10_000, starts=10**6, rng=np.random.default_rng(0))
    statistic, freedom = chi_square(drawn.paths)
    assert statistic < freedom + 4 * np.sqrt(2 * freedom)
    assert drawn.rate == pytest.approx(sum(enumerated().values()), abs=0.015)


def test_a_rejection_that_forgets_the_guard_would_fail() -> None:
    free = rejection(
        Chain(), lambda state, path: np.zeros(3, bool), n=2_000, starts=2_000, rng=np.random.default_rng(0)
    )
    assert free.rate == 1.0
    assert not set(map(tuple, free.paths)) <= enumerated().keys()


def test_particles_come_close_and_estimate_the_mass() -> None:
    """32 particles cannot be told from exact by 3,000 samples; one, which never looks back, can."""
    excess = {}
    for count in (1, 32):
        rng = np.random.default_rng(1)
        drawn, rates = [], []
        for _ in range(3_000):
            try:
                path, rate = particles(Chain(), bans, count=count, rng=rng)
            except Infeasible:
                rate = 0.0
            else:
                drawn.append(path)
            rates.append(rate)
        statistic, freedom = chi_square(drawn)
        excess[count] = (statistic - freedom) / np.sqrt(2 * freedom)
        exact = sum(enumerated().values())
        assert np.mean(rates) == pytest.approx(exact, abs=4 * np.std(rates) / np.sqrt(len(rates)))
    assert excess[32] < 4
    assert excess[1] > 20


def test_particles_take_over_where_rejection_is_hopeless() -> None:
    class Stubborn(Chain):
        def weights(self, state: tuple[int, int]) -> np.ndarray:
            return np.array([1.0, 1e-4, 1e-4])

    drawn = guarded(Stubborn(), bans, n=10, rng=np.random.default_rng(0))
    assert (len(drawn.paths), drawn.way) == (10, "particles")
    assert all(tuple(path) in enumerated() for path in drawn.paths)
    assert guarded(Chain(), bans, n=10, rng=np.random.default_rng(0)).way == "rejection"


def test_where_all_is_forbidden_it_says_so() -> None:
    with pytest.raises(Infeasible, match="allow a longer copy"):
        guarded(Chain(), lambda state, path: np.full(3, len(path) == 2), n=1, rng=np.random.default_rng(0))
