"""Property tests are the same in every run, and never fail because a machine is busy; ``run`` calls the command."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from composer import cli

settings.register_profile(
    "composer",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("composer")


class Run:
    """One call of the command in this process."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Run]:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["composer", *map(str, arguments)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code
        captured = capfd.readouterr()
        return Run(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call
