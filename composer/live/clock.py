"""Time, as live code sees it: the machine's, or a twin that tests move by hand.

>>> clock = ManualClock()
>>> clock.sleep_until(1.5)
>>> clock.now()
1.5
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds from an arbitrary start, never going back."""

    def now(self) -> float:
        """Seconds since the clock's start."""
        ...

    def sleep_until(self, moment: float) -> None:
        """Return when ``now()`` has reached ``moment``; at once if it has passed."""
        ...


class MonotonicClock:
    """The machine's monotonic clock."""

    def now(self) -> float:
        return time.monotonic()

    def sleep_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:  # a sleep may end early
            time.sleep(left)


class ManualClock:
    """The offline twin: sleeping takes no time and sets the clock to the moment slept for."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def sleep_until(self, moment: float) -> None:
        self._now = max(self._now, moment)
