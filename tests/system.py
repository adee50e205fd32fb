"""System programs that tests need: without one a test is skipped with a remedy; in continuous integration it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def require(condition: bool, missing: str, package: str) -> None:
    """Skip the test unless ``condition``, saying which Debian package enables it; with ``CI=true`` fail instead."""
    if condition:
        return
    reason = f"{missing} is missing; to run this test: apt-get install {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (continuous integration skips nothing)")
    pytest.skip(reason)


def require_program(name: str, package: str) -> Path:
    """The path of a program that this test needs; skips or fails as :func:`require` does."""
    found = shutil.which(name)
    require(found is not None, f"the program {name}", package)
    assert found is not None
    return Path(found)
