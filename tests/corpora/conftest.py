"""The bundled corpora are read once per test run: into ``COMPOSER_CACHE`` if it is set, else a temporary folder."""

import os
from pathlib import Path

import pytest

from composer import corpora


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cache for the whole run, the same in all pytest-xdist workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return os.environ.get("COMPOSER_CACHE", str(shared / "corpora"))


@pytest.fixture(scope="session")
def bundled(shared_cache: str):
    """``load``, with the cache that all tests share."""

    def load(name: str) -> corpora.Corpus:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COMPOSER_CACHE", shared_cache)
            return corpora.load(name)

    return load


@pytest.fixture
def fixtures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of small ABC files, with a cache of its own."""
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    return Path(__file__).parents[2] / "corpora" / "fixtures"
