"""Whether a port is still there: devices are unplugged, programs end, and come back, sometimes under another number."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Literal, Self

from composer.live.backends import CLIENT, Direction, client
from composer.live.ports import stem

EVERY = 0.5  # seconds between two looks
SILENCE = 1.5  # seconds that a beat may stay out; then the server is dead, or stands still
ACTIVE_SENSING = 0xFE

Change = Literal["lost", "back"]


class Listing:
    """The names of the ports there are, asked through one client that stays, in 0.1 ms: a loop in time may call it.

    A JACK server that has died still lists its ports, and what is sent to it is never taken, which in the end stops
    the process. So with JACK a beat goes round between two looks; while it stays out there are no ports. They are there
    again when it comes, as the server only stood still; only another process can join the next server. :meth:`close`
    it.
    """

    def __init__(self, direction: Direction, backend: str = "auto") -> None:
        """Raises what :func:`composer.live.ports.output_names` does."""
        self._held = ExitStack()
        self._client, answering = self._held.enter_context(client(direction, backend))
        self._beat = self._held.enter_context(_Beat()) if answering == "jack" else None

    def __call__(self) -> list[str]:
        if self._beat is not None and not self._beat.goes_on():
            return []
        return list(self._client.get_ports())

    def close(self) -> None:
        self._held.close()


class _Beat:
    """A message that the JACK server carries from us to us."""

    def __init__(self) -> None:
        self._out_since: float | None = None  # a beat

    def __enter__(self) -> Self:
        self._held = ExitStack()
        self._out, _ = self._held.enter_context(client("output", "jack", f"{CLIENT}-beat"))
        back, _ = self._held.enter_context(client("input", "jack", f"{CLIENT}-beat"))
        back.ignore_types(active_sense=False)
        back.set_callback(self._came)
        self._out.open_virtual_port("out")
        own = [name for name in back.get_ports() if name.startswith(f"{CLIENT}-beat")]
        back.open_port(back.get_ports().index(own[-1]), "in")
        self._held.callback(back.cancel_callback)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def goes_on(self) -> bool:
        """Whether the server still carries what is sent; sends the next beat."""
        now = time.monotonic()
        since = self._out_since
        if since is None:
            self._out_since = now
            self._out.send_message([ACTIVE_SENSING])
        return since is None or now - since <= SILENCE

    def _came(self, *_: object) -> None:
        self._out_since = None


class Watch:
    """Tells when the port ``name`` vanishes and when it is back; :attr:`name` is then the one to reopen it by.

    >>> watch = Watch("Keys:Keys 20:0", lambda: ports)
    >>> ports = []
    >>> watch.poll(1.0)
    'lost'
    >>> ports = ["Keys:Keys 24:0"]
    >>> watch.poll(2.0), watch.name
    ('back', 'Keys:Keys 24:0')
    """

    def __init__(self, name: str, names: Callable[[], list[str]]) -> None:
        self.name = name
        self._names = names
        self._there = True
        self._next = 0.0

    def poll(self, now: float) -> Change | None:
        """What has changed by ``now`` (seconds on the clock); looks every :data:`EVERY` seconds at most."""
        if now < self._next:
            return None
        self._next = now + EVERY
        names = self._names()
        if self._there and self.name not in names:
            self._there = False
            return "lost"
        if not self._there and (found := returned(self.name, names)) is not None:
            self.name, self._there = found, True
            return "back"
        return None


def returned(name: str, names: Sequence[str]) -> str | None:
    """What the port ``name`` is called now: the same, or the same but for the number at its end.

    >>> returned("Keys:Keys MIDI 1 20:0", ["Keys:Keys MIDI 2 24:1", "Keys:Keys MIDI 1 24:0"])
    'Keys:Keys MIDI 1 24:0'
    """
    if name in names:
        return name
    same = [other for other in names if stem(other) == stem(name)]
    return same[0] if same else None
