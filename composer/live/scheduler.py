"""A thread that sends messages in time: by absolute deadline, so that lateness never adds up."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Condition, Thread
from typing import Any, NamedTuple

from composer.live.outbox import Outbox, Timed
from composer.live.ports import Port

LATE = 0.005  # seconds after its moment from which a message counts as late
KEPT = 100_000  # messages whose times are kept

# seconds before a deadline from which the thread sleeps without being woken, as that is more exact; Windows wakes a
# thread that can be woken only every 15.6 ms
NEAR = 0.02 if sys.platform == "win32" else 0.001
NAP = 0.001

# seconds that another thread of this process may compute before the interpreter lets the sender run: Python's own 5 ms
# would make every second message late while anything else is at work
SWITCH = 0.0001


class Sent(NamedTuple):
    """A message, when it was to be sent and when it was (seconds on the monotonic clock)."""

    due: float
    sent: float
    message: Any


class Scheduler:
    """Sends through a port what is added, each message at its moment on the monotonic clock.

    Its methods may be called by any thread. If the port fails, or is taken away, what sounds is ended as far as it
    still can be and all that waits is dropped, as is what is added until :meth:`connect` brings a port. Until it is
    closed the interpreter switches between threads every :data:`SWITCH`.
    """

    def __init__(self, port: Port | None, lost: Callable[[Exception], None] | None = None) -> None:
        """``lost`` is called once for a port that fails, by whatever thread was sending; it must return soon."""
        self.sent: deque[Sent] = deque(maxlen=KEPT)
        self.late = 0  # messages sent more than LATE after their moment
        self._port = port
        self._lost = lost
        self._outbox = Outbox()
        self._changed = Condition()
        self._closed = False
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(min(self._switch, SWITCH))
        self._thread = Thread(target=self._run, name="composer scheduler", daemon=True)
        self._thread.start()

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing sounds."""
        with self._changed:
            return self._outbox.next is None and not self._outbox.sounding

    def add(self, events: Iterable[Timed]) -> None:
        """Messages to send; those whose moment has passed as soon as possible."""
        with self._changed:
            if self._port is not None:
                self._outbox.add(events)
                self._changed.notify()

    def hush(self) -> None:
        """Drop all that waits and end all that sounds; the calling thread sends this itself, before it returns."""
        now = time.monotonic()
        with self._changed:
            error = self._deliver(Timed(now, message) for message in self._outbox.hush())
        self._report(error)

    def connect(self, port: Port | None) -> None:
        """Send through ``port`` from now on, or nowhere; what sounds on the old one ends there."""
        with self._changed:
            self._let_go()
            self._port = port

    def close(self) -> None:
        """Hush and stop; returns when the thread has ended. The port stays open."""
        self.hush()
        with self._changed:
            self._port = None
            self._closed = True
            self._changed.notify()
        self._thread.join()
        sys.setswitchinterval(self._switch)

    def _run(self) -> None:
        _take_precedence()
        while True:
            with self._changed:
                if self._closed:
                    return
                now = time.monotonic()
                left = 3600.0 if self._outbox.next is None else self._outbox.next - now
                if left > NEAR:
                    self._changed.wait(min(left, 3600.0) - NEAR)
                    continue
                error = self._deliver(self._outbox.due(now))
            self._report(error)
            if left > 0:
                time.sleep(min(left, NAP))

    def _deliver(self, events: Iterable[Timed]) -> Exception | None:
        """Send these, the lock being held; what the port failed with if it did."""
        for due, message in events:
            if self._port is None:
                continue
            try:
                self._port.send(message)
            except Exception as error:
                self._let_go()
                return error
            sent = time.monotonic()
            self.sent.append(Sent(due, sent, message))
            self.late += sent - due > LATE
        return None

    def _report(self, error: Exception | None) -> None:
        if error is not None and self._lost is not None:
            self._lost(error)

    def _let_go(self) -> None:
        """End on the port what it still can; then there is none."""
        for message in self._outbox.hush():
            with suppress(Exception):
                if self._port is not None:
                    self._port.send(message)
        self._port = None


def _take_precedence() -> None:
    """Let the calling thread go before others where the system permits it: it never works for long."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
