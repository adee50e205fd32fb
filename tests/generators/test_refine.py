"""Moments matched by chains: statistics against the energy, written out, and a world that the family cannot express."""

from typing import Any

import numpy as np
import pytest
from generators.grids import HOLD, MODELS, VALUES, energy, masks, model, sequence, some

from composer.generators.maxent import Maxent
from composer.generators.refine import Matched, refine
from composer.inference.sequence import Sequence


@pytest.mark.parametrize("name", MODELS)
def test_statistics_times_parameters_are_the_energy(name: str) -> None:
    voices, options = MODELS[name]
    made = model(voices, **options)
    for grid in some(made, 8):
        found = made._grid(sequence(grid))
        counts = made.family_.counts(found.state, found.fields, found.rhythms, found.harmony)
        assert counts @ made.theta_ == pytest.approx(energy(made, grid), abs=1e-4)


def echoes(pieces: int = 12, steps: int = 60) -> list[Sequence]:
    """Two voices; what is struck in the first comes back in the second two steps later, which no parameter says."""
    rng, found = np.random.default_rng(0), []
    for _ in range(pieces):
        top = rng.choice((*VALUES, HOLD), steps + 2, p=(0.1, 0.3, 0.3, 0.3))
        top[:3] = VALUES
        silent = np.flatnonzero(top == 0)
        top[np.minimum(silent + 1, steps + 1)] = 3  # silence is not held
        found.append(sequence(tuple(zip(top[2:].tolist(), top[:-2].tolist(), strict=True))))
    return found


def fitted(**options: Any) -> Maxent:
    settings = {"hold": HOLD, "fields": ("a",), "rhythms": ("b",), "harmony": "a", "l2": 1e-4, "sweeps": 20} | options
    return Maxent(**settings).fit(echoes())


def off(made: Maxent) -> float:
    """How far what long chains choose is from what the music chooses, as a share of it; chains of another seed."""

    def counted(pieces: list[Sequence]) -> np.ndarray:
        laid = [made._grid(piece) for piece in pieces]
        return np.mean([made.family_.counts(g.state, g.fields, g.rhythms, g.harmony) for g in laid], axis=0)

    wanted = counted(echoes())
    drawn = counted(made.sample(masks(60, 2), n=60, rng=np.random.default_rng(9)))
    return float(np.abs(drawn - wanted).sum() / wanted.sum())


def refined(theta: np.ndarray, made: Maxent, rounds: int = 6, **options: Any) -> Matched:
    nothing = np.zeros_like(theta)
    grids = [made._grid(piece) for piece in echoes()]
    return refine(made.family_, theta, grids, made._open, (nothing, nothing), rounds, **options)


def test_moments_come_nearer_than_by_the_pseudo_likelihood_alone() -> None:
    assert off(fitted(iterations=200, rounds=60)) < 0.7 * off(fitted(iterations=200))


def test_parameters_that_are_0_stay_so_and_others_move() -> None:
    made = fitted(iterations=5)
    theta = np.where(np.arange(len(made.theta_)) % 3 == 0, 0.0, made.theta_).astype(np.float64)
    found = refined(theta, made).theta
    assert (found[theta == 0] == 0).all()
    assert (found != theta).sum() > (theta != 0).sum() / 2


def test_the_same_pieces_give_the_same_parameters() -> None:
    made = fitted(iterations=5)
    one, other = (refined(made.theta_.astype(np.float64), made) for _ in range(2))
    assert (one.theta == other.theta).all()
    assert one.off == other.off


def test_of_many_pieces_a_part_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    made = fitted(iterations=5)
    laid = list[int]()
    monkeypatch.setattr("composer.generators.refine.MOST_STEPS", 240)  # of 720
    monkeypatch.setattr(made, "_open", lambda steps, lattices=made._open: laid.append(steps) or lattices(steps))
    refined(made.theta_.astype(np.float64), made, rounds=2)
    assert sum(laid) == 240


def test_rounds_are_reported() -> None:
    shares: list[float] = []
    made = fitted(iterations=5)
    refined(made.theta_.astype(np.float64), made, rounds=3, progress=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])


def test_training_reports_both_its_halves_and_how_far_off_it_ended() -> None:
    shares: list[float] = []
    made = Maxent(hold=HOLD, fields=("a",), rhythms=("b",), harmony="a", iterations=4, rounds=2)
    made.fit(echoes(), progress=shares.append)
    assert shares == pytest.approx([1 / 8, 2 / 8, 3 / 8, 4 / 8, 3 / 4, 1])
    assert 0 < made.report()["off_moments"] < 1
