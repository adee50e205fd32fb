"""Tasks go to processes; what was answered is kept, and made again when it is damaged."""

import math
import operator
import os
import platform
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from composer.errors import ComposerError
from composer.evaluation.workers import Workers


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path))
    return tmp_path / "judged"


def test_an_answer_is_made_of_tasks_once_and_kept(kept: Path) -> None:
    shares: list[float] = []
    made: list[int] = []

    def ask() -> float:
        with Workers(shares.append) as workers:

            def make() -> float:
                made.append(1)
                return sum(future.result() for future in [workers.task(math.sqrt, n) for n in (4, 9)])

            return workers.wait(workers.kept("roots", 2, make))

    assert ask() == 5
    assert shares == [0.5, 1.0]
    assert ask() == 5
    assert len(made) == 1
    (file,) = kept.iterdir()
    whole = file.read_bytes()
    for times, damage in enumerate((b"", b"{", b"[]", b"{}", b"null", b"[" * 10**6, whole[:-1], whole + b"0"), 2):
        file.write_bytes(damage)
        assert ask() == 5
        assert len(made) == times
        assert file.read_bytes() == whole


def test_what_a_task_raises_comes_back_and_nothing_is_kept(kept: Path) -> None:
    with Workers() as workers, pytest.raises(ZeroDivisionError):
        workers.wait(workers.kept("none", 1, lambda: workers.task(operator.truediv, 1, 0).result()))
    assert not kept.exists()


def test_a_process_that_is_killed_is_told(kept: Path) -> None:
    with Workers() as workers, pytest.raises(ComposerError, match="memory"):
        workers.wait(workers.kept("gone", 1, lambda: workers.task(os._exit, 9).result()))  # type: ignore[arg-type]


def test_processes_do_not_warn_again(kept: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Workers() as workers:
        assert workers.wait(workers.kept("warned", 1, lambda: workers.task(warnings.warn, "told").result())) is None
    assert "told" not in capfd.readouterr().err


def test_stopping_does_not_wait_for_tasks(kept: Path) -> None:
    started = time.monotonic()

    def stopped() -> None:
        with Workers() as workers:
            answer = workers.kept("late", 1, lambda: workers.task(time.sleep, 60).result())
            while not answer.running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert time.monotonic() - started < 30


HOARDING = """
import resource, sys
import numpy as np
from composer.evaluation.workers import _hoard
if sys.argv[1] == "hoard":
    _hoard()
for _ in range(20):
    held = [np.ones(2**20) for _ in range(16)]  # of 8 MiB
    del held
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of the GNU C library alone")
def test_memory_that_was_freed_is_there_again() -> None:
    def faults(*how: str) -> int:
        return int(subprocess.run([sys.executable, "-c", HOARDING, *how], check=True, capture_output=True).stdout)

    assert faults("ask") > 3 * faults("hoard")
