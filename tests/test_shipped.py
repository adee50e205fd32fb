"""What comes with the package is found in a checkout and in a wheel, the user's models first."""

from pathlib import Path

import platformdirs
import pytest

from composer import shipped
from composer.shipped import folders, model_names

ROOT = Path(__file__).parent.parent


def test_a_checkout_has_its_cards() -> None:
    assert shipped.shipped("corpora", "folk.toml") == ROOT / "corpora" / "folk.toml"
    assert shipped.shipped("corpora", "nothing.toml") is None


@pytest.mark.parametrize("name", ["../pyproject.toml", "/etc/passwd", "fixtures/session.abc", "..", ".", ""])
def test_a_name_is_one_name(name: str) -> None:
    assert shipped.shipped("corpora", name) is None


def test_an_installed_package_looks_at_nothing_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside an installed package lies site-packages, where ``corpora`` may be anybody's."""
    package = tmp_path / "site-packages" / "composer"
    for folder in (package / "data" / "corpora", tmp_path / "site-packages" / "corpora"):
        folder.mkdir(parents=True)
        (folder / "folk.toml").touch()
    monkeypatch.setattr(shipped, "__file__", str(package / "shipped.py"))
    assert folders("corpora") == [package / "data" / "corpora"]


def test_the_user_s_models_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_, **__: tmp_path / "own")
    (tmp_path / "own" / "models").mkdir(parents=True)
    mine = tmp_path / "own" / "models" / "folk-markov.safetensors"
    mine.touch()
    assert shipped.shipped("models", "folk-markov.safetensors") == mine
    assert "folk-markov" in model_names()
    assert folders("models")[0] == tmp_path / "own" / "models"
    assert tmp_path / "own" not in [place.parent for place in folders("corpora")]
