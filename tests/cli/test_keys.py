"""Single keys on a terminal of our own: what they ask for, and that the terminal comes back as it was."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from composer.cli.keys import HELP, Keys, pressed
from composer.live.controls import MODES, RANGES, Control

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals to test with")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """The keys' end of a pseudo-terminal, and the end that a program reads, which is ours in the foreground."""
    master, slave = os.openpty()
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp())
    with os.fdopen(slave) as stream:
        yield master, stream
    os.close(master)


def until(taken: list[Control], count: int) -> list[Control]:
    deadline = time.monotonic() + 10
    while len(taken) < count and time.monotonic() < deadline:
        time.sleep(0.002)
    return taken


@posix
def test_keys_become_controls_and_the_terminal_comes_back(terminal: tuple[int, TextIO]) -> None:
    import termios

    master, stream = terminal
    before = termios.tcgetattr(stream.fileno())
    taken: list[Control] = []
    with pressed(taken.append, Keys("accompany", 1.0), stream) as can:
        assert can
        assert termios.tcgetattr(stream.fileno())[3] & (termios.ICANON | termios.ECHO) == 0
        assert termios.tcgetattr(stream.fileno())[3] & termios.ISIG
        os.write(master, b"ptm+-xQ")
        names = [control.name for control in until(taken, 6)]
        os.write(master, b"\x1b[p")
        time.sleep(0.05)
        os.write(master, b"p")
        assert [c.name for c in until(taken, 7)[6:]] == ["panic"]
    assert names == ["panic", "tap", "mode", "temperature", "temperature", "quit"]
    assert taken[2].value == MODES[0]
    assert taken[4].value == pytest.approx(1.0)
    assert termios.tcgetattr(stream.fileno()) == before


@posix
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_whatever_ends_it_the_terminal_comes_back(terminal: tuple[int, TextIO], error: type[BaseException]) -> None:
    import termios

    _, stream = terminal
    before = termios.tcgetattr(stream.fileno())
    with pytest.raises(error), pressed(print, Keys("vary", 1.0), stream):
        raise error
    assert termios.tcgetattr(stream.fileno()) == before


@posix
def test_in_the_background_the_terminal_is_left_alone(
    terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp() + 1)
    with pressed(print, Keys("vary", 1.0), terminal[1]) as can:
        assert not can


@posix
def test_the_terminal_of_another_session_is_left_alone() -> None:
    master, slave = os.openpty()
    with os.fdopen(slave) as stream, pressed(print, Keys("vary", 1.0), stream) as can:
        assert not can
    os.close(master)


@posix
def test_a_terminal_that_has_gone_is_no_fault(terminal: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    def gone(*_: object) -> None:
        raise termios.error(5, "Input/output error")

    with pressed(print, Keys("vary", 1.0), terminal[1]):
        monkeypatch.setattr(termios, "tcsetattr", gone)


def test_where_there_is_no_terminal_no_keys_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("pppp")
    taken: list[Control] = []
    with (tmp_path / "file").open() as stream, pressed(taken.append, Keys("vary", 1.0), stream) as can:
        assert not can
    assert taken == []


def test_temperature_stays_within_its_bounds() -> None:
    keys = Keys("continue", 1.0)
    coldest, hottest = RANGES["temperature"]
    assert [keys.control("+") for _ in range(100)][-1] == Control("temperature", hottest)
    assert [keys.control("-") for _ in range(100)][-1] == Control("temperature", coldest)


def test_the_help_names_keys_that_mean_something() -> None:
    keys = Keys("continue", 1.0)
    for word in HELP.split():
        if len(word) == 1:
            assert keys.control(word) is not None
