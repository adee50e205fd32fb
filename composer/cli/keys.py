"""The computer's keyboard while a jam runs: single keys become controls, and the terminal is always given back."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from composer.live.controls import MODES, RANGES, Control

HELP = "q quit  p panic  t tap  m mode  + - temperature"
WARMER = 1.1  # a press of +
POLL = 0.02  # seconds between looks, where the system cannot wake us

Take = Callable[[Control], None]


class Keys:
    """What keys mean; ``quit`` is a control besides those of :class:`Control`.

    >>> keys = Keys(mode="continue", temperature=1.0)
    >>> [keys.control(key) for key in "mpx"]
    [Control(name='mode', value='vary'), Control(name='panic', value=0.0), None]
    """

    def __init__(self, mode: str, temperature: float) -> None:
        self.mode, self.temperature = mode, temperature

    def control(self, key: str) -> Control | None:
        """The control for a key, None where it has no meaning."""
        match key.lower():
            case "q":
                return Control("quit")
            case "p":
                return Control("panic")
            case "t" | " ":
                return Control("tap")
            case "m":
                self.mode = MODES[(MODES.index(self.mode) + 1) % len(MODES)]
                return Control("mode", self.mode)
            case "+" | "=":
                return self._warmed(WARMER)
            case "-":
                return self._warmed(1 / WARMER)
        return None

    def _warmed(self, factor: float) -> Control:
        coldest, hottest = RANGES["temperature"]
        self.temperature = min(max(self.temperature * factor, coldest), hottest)
        return Control("temperature", self.temperature)


@contextmanager
def pressed(take: Take, keys: Keys, stream: TextIO | None = None) -> Iterator[bool]:
    """While inside, ``take`` gets the control of every key pressed, from another thread and at once.

    Yields whether keys can be pressed: False where the stream (standard input by default) is no terminal of ours.
    """
    stream = stream or sys.stdin
    if stream is None or stream.closed or not stream.isatty():
        yield False
    elif sys.platform == "win32":
        with _listening(lambda ended: _windows(take, keys, ended)):
            yield True
    elif not _in_front(stream.fileno()):  # in the background, touching the terminal would stop us
        yield False
    else:
        with _posix(take, keys, stream.fileno()):
            yield True


def _in_front(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # the terminal of another session
        return False


@contextmanager
def _listening(run: Callable[[threading.Event], None], wake: Callable[[], object] = lambda: None) -> Iterator[None]:
    """A thread that runs until its event is set, and ``wake`` has woken it to see that."""
    ended = threading.Event()
    thread = threading.Thread(target=run, args=(ended,), name="composer keys", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        wake()
        thread.join(1.0)


@contextmanager
def _posix(take: Take, keys: Keys, terminal: int) -> Iterator[None]:
    """Keys one by one and without echo; Ctrl-C still interrupts."""
    import atexit
    import termios
    import tty

    usual = termios.tcgetattr(terminal)

    def restore() -> None:
        with suppress(termios.error):  # the terminal may have gone
            termios.tcsetattr(terminal, termios.TCSADRAIN, usual)

    atexit.register(restore)
    waiting, waking = os.pipe()
    try:
        tty.setcbreak(terminal)
        with _listening(lambda ended: _read(take, keys, terminal, waiting), lambda: os.write(waking, b".")):
            yield
    finally:
        restore()
        atexit.unregister(restore)
        os.close(waiting)
        os.close(waking)


def _read(take: Take, keys: Keys, terminal: int, waiting: int) -> None:
    """Take keys until something can be read from ``waiting``, or the terminal is gone."""
    import select

    while True:
        ready, _, _ = select.select([terminal, waiting], [], [])
        if waiting in ready:
            return
        try:
            data = os.read(terminal, 64)
        except OSError:
            return
        if not data:
            return
        if not data.startswith(b"\x1b"):  # an arrow or function key sends letters after this
            _take_all(take, keys, data.decode(errors="ignore"))


def _windows(take: Take, keys: Keys, ended: threading.Event) -> None:
    import msvcrt

    while not ended.wait(POLL):
        while msvcrt.kbhit():  # type: ignore[attr-defined, unused-ignore]
            key = msvcrt.getwch()  # type: ignore[attr-defined, unused-ignore]
            if key in "\0\xe0":  # an arrow or function key: two codes
                msvcrt.getwch()  # type: ignore[attr-defined, unused-ignore]
            else:
                _take_all(take, keys, key)


def _take_all(take: Take, keys: Keys, pressed: str) -> None:
    for key in pressed:
        control = keys.control(key)
        if control is not None:
            take(control)
