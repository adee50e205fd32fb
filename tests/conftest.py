"""Property tests are the same in every run, and never fail because a machine is busy; ``run`` calls the command.

Corpora are read once in a run, by whichever worker or child needs one first, and the user's cache stays as it is.
"""

import os
import sys
from collections.abc import Callable, Iterator
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests begin first, so that no worker is left with one when the others are done.

    Tests in real time run in one worker, one after another; a busy machine may make one late, hardly thrice in a row.
    """
    for item in items:
        if item.get_closest_marker("realtime"):
            item.add_marker(pytest.mark.xdist_group("realtime"))
            item.add_marker(pytest.mark.flaky(reruns=2))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The cache of all pytest-xdist workers and their children: ``COMPOSER_CACHE`` if it is set, else of this run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSER_CACHE", os.environ.get("COMPOSER_CACHE", str(shared / "corpora")))
        yield os.environ["COMPOSER_CACHE"]


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
