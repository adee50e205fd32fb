"""A plain install from a wheel works as the source tree does: models, corpus cards and soundfont included."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytestmark = pytest.mark.xdist_group("wheel")  # built once


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as pip lays it out."""
    dist = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(dist), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    target = tmp_path_factory.mktemp("site")
    (wheel,) = dist.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return target


def python(installed: Path, folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P", *arguments]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_the_wheel_composes_and_renders(installed: Path, tmp_path: Path) -> None:
    assert str(installed) in python(installed, tmp_path, "-c", "import composer; print(composer.__file__)")
    cli = ["-m", "composer.cli"]
    assert "K:" in python(installed, tmp_path, *cli, "tune", "--seed", "1", "-o", "t.wav", "-o", "t.png")
    assert (tmp_path / "t.wav").stat().st_size > 10_000
    assert "chorales" in python(installed, tmp_path, *cli, "corpora")


@pytest.mark.slow
def test_the_wheel_carries_models_and_cards_but_no_benchmark_models(installed: Path, tmp_path: Path) -> None:
    names = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert "composer/data/models/folk-markov.safetensors" in names
    assert "composer/data/models/chorales-markov.safetensors" in names
    assert "composer/data/corpora/folk.toml" in names
    assert not [name for name in names if "benchmarks" in name]
    assert "composer/py.typed" in names
