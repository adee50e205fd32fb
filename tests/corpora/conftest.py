"""The folder of small files."""

from pathlib import Path

import pytest


@pytest.fixture
def fixtures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of small ABC files, with a cache of its own."""
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    return Path(__file__).parents[2] / "corpora" / "fixtures"
