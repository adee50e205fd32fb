"""Messages that wait for their moment, and the notes that sound: whatever is dropped, no note hangs."""

from __future__ import annotations

from typing import Any, NamedTuple


class Timed(NamedTuple):
    """A mido message, and the moment (seconds on the clock) to send it."""

    moment: float
    message: Any


class Step(NamedTuple):
    """What an improviser wants sent: with ``hush``, all that waits is dropped first, and what sounds ends."""

    hush: bool
    events: tuple[Timed, ...]
