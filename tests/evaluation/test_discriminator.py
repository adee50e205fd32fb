"""That the discriminator tells apart what differs, and only that."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.evaluation import discriminator
from composer.evaluation.discriminator import discriminate
from composer.evaluation.judgement import Discrimination

TRAITS = 8
NAMES = [f"trait {number}" for number in range(TRAITS)]


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discriminator, "TREES", 40)


def pieces(n: int, seed: int, shift: float = 0.0) -> NDArray[np.float64]:
    """``n`` pieces of one kind, whose trait 3 is ``shift`` standard deviations off."""
    found = np.random.default_rng(seed).normal(size=(n, TRAITS))
    found[:, 3] += shift
    return found


def told(shift: float = 0.0, real: int = 50, composed: int = 50, seed: int = 1) -> Discrimination:
    return discriminate(pieces(real, 10), pieces(composed, 20, shift), NAMES, seed=seed)


def test_one_kind_of_music_cannot_be_told_from_itself() -> None:
    found = told()
    assert found["auc"]["low"] < 0.5 < found["auc"]["high"]
    assert found["tells"] == []
    assert (found["real"], found["composed"]) == (50, 50)


def test_pieces_of_both_kinds_are_drawn_again_independently() -> None:
    """Of a kind and itself every contest has its mirror image: drawn alike, they would always cancel out."""
    found = discriminate(pieces(40, 1), pieces(40, 1), NAMES, seed=1)["auc"]
    assert found["value"] == 0.5
    assert found["high"] - found["low"] > 0.1


def test_the_auc_grows_with_the_difference() -> None:
    figures = [told(shift)["auc"]["value"] for shift in (0.0, 1.0, 2.0, 6.0)]
    assert figures == sorted(figures)
    assert figures[-1] > 0.99
    assert all(0.0 <= told(6.0)["auc"][end] <= 1.0 for end in ("low", "value", "high"))


def test_a_shift_of_one_trait_is_told_as_well_as_it_can_be() -> None:
    """Two normal distributions two standard deviations apart: the best AUC there is is Phi(2 / sqrt 2) = 0.92."""
    found = told(2.0, 150, 150)["auc"]
    assert found["low"] < 0.921 < found["high"] + 0.02
    assert found["value"] > 0.85


def test_it_does_not_matter_which_of_the_two_is_real() -> None:
    a, b = pieces(50, 1), pieces(70, 2, 1.0)
    one, other = (discriminate(*both, NAMES, seed=1) for both in ((a, b), (b, a)))
    assert one["auc"]["value"] == pytest.approx(other["auc"]["value"], abs=0.04)
    assert [t["trait"] for t in one["tells"]] == [t["trait"] for t in other["tells"]] == ["trait 3"]
    assert one["tells"][0]["auc"] == pytest.approx(other["tells"][0]["auc"])


def test_more_pieces_of_one_kind_change_little() -> None:
    even, uneven = told(2.0, 50, 50)["auc"], told(2.0, 50, 300)["auc"]
    assert even["value"] == pytest.approx(uneven["value"], abs=0.06)
    assert told(0.0, 40, 300)["auc"]["low"] < 0.5


def test_tells_name_what_differs_and_by_how_much() -> None:
    (tell,) = told(2.0)["tells"]
    assert tell["trait"] == "trait 3"
    assert tell["composed"] - tell["real"] == pytest.approx(2.0, abs=0.6)
    assert 0.85 < tell["auc"] < 0.98


def test_a_trait_that_goes_with_a_better_one_is_not_told_again() -> None:
    real, composed = pieces(60, 1), pieces(60, 2, 2.0)
    both = np.concatenate([real, composed])
    both[:, 5] = -3 * both[:, 3] + np.random.default_rng(3).normal(size=len(both)) / 2
    both[:, 6] += np.arange(len(both)) >= 60
    found = discriminate(both[:60], both[60:], NAMES, seed=1)["tells"]
    assert [tell["trait"] for tell in found] == ["trait 3", "trait 6"]


def test_pieces_of_one_group_do_not_help_to_find_each_other() -> None:
    """Every real piece stands there five times, and is remembered where copies are not kept together."""
    real, composed = np.repeat(pieces(15, 1), 5, axis=0), pieces(75, 2)
    apart = discriminate(real, composed, NAMES, seed=1)["auc"]
    together = discriminate(real, composed, NAMES, seed=1, real_groups=np.repeat(np.arange(15), 5))["auc"]
    assert apart["low"] > 0.8
    assert together["low"] < 0.5 < together["high"]
    assert together["high"] - together["low"] > 2 * (apart["high"] - apart["low"])


def test_traits_that_never_vary_are_nothing_to_go_by() -> None:
    found = discriminate(np.ones((10, 2)), np.ones((12, 2)), ["a", "b"], seed=1)
    assert found["auc"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert found["tells"] == []


def test_the_same_seed_says_the_same() -> None:
    assert told(1.0, seed=4) == told(1.0, seed=4)
    assert told(1.0, seed=4) != told(1.0, seed=5)


@pytest.mark.parametrize(("real", "composed", "kind"), [(4, 50, "4 real"), (50, 3, "3 composed"), (0, 50, "0 real")])
def test_too_few_pieces_are_refused(real: int, composed: int, kind: str) -> None:
    with pytest.raises(UsageError, match=f"{kind} pieces that are not kin are too few"):
        told(0.0, real, composed)


def test_a_group_that_holds_almost_everything_is_no_trouble() -> None:
    found = discriminate(pieces(100, 1), pieces(50, 2, 3.0), NAMES, seed=1, real_groups=[*range(4), *[9] * 96])["auc"]
    assert found["value"] > 0.8
    assert found["high"] - found["low"] > 0.1


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(UsageError, match="2 real pieces that are not kin"):
        discriminate(pieces(20, 1), pieces(20, 2), NAMES, seed=1, real_groups=["x", "y"] * 10)


def test_traits_that_are_no_numbers_are_refused() -> None:
    broken = pieces(20, 1)
    broken[3, 2] = np.nan
    with pytest.raises(UsageError, match="'trait 2' is not a finite number in every composed piece"):
        discriminate(pieces(20, 2), broken, NAMES, seed=1)
    with pytest.raises(UsageError, match="no table of 8 columns"):
        discriminate(pieces(20, 2)[:, :4], broken, NAMES, seed=1)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import composer.evaluation.discriminator, sys; print('sklearn' in sys.modules, 'scipy' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]
