"""Whether a port is still there: devices are unplugged, programs end, and come back, sometimes under another number."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Literal, Self
from uuid import uuid4

from composer.live.backends import CLIENT, Direction, client
from composer.live.ports import match, stem

EVERY = 0.5  # seconds between two looks
LONGEST = 4.0  # seconds more before a port is tried again that another program holds: a try stops all else for 20 ms
SILENCE = 1.5  # seconds without a beat that was sent; then the server is dead, or stands still
ACTIVE_SENSING = 0xFE

Change = Literal["lost", "back"]


class Listing:
    """The names of the ports there are, asked through one client that stays, in 0.1 ms: a loop in time may call it.

    A JACK server that has died still lists its ports, and what is sent to it is never taken, which in the end stops
    the process. So with JACK a beat goes round between two looks; while none comes there are no ports. They are there
    again when one comes, as the server only stood still; only another process can join the next server. :meth:`close`
    it.
    """

    def __init__(self, direction: Direction, backend: str = "auto") -> None:
        """Raises what :func:`composer.live.ports.output_names` does."""
        with ExitStack() as stack:
            self._client, answering = stack.enter_context(client(direction, backend))
            self._beat = stack.enter_context(_Beat()) if answering == "jack" else None
            self._held = stack.pop_all()

    def __call__(self) -> list[str]:
        if self._beat is not None and not self._beat.goes_on():
            return []
        return list(self._client.get_ports())

    def close(self) -> None:
        self._held.close()


class _Beat:
    """A message that the JACK server carries from us to us.

    It may lose one, as clients come and go, so another follows where one stays out; each at twice the time of the one
    before, as a dead server takes none and the buffer of what waits must never be full.
    """

    def __init__(self) -> None:
        self._out_since: float | None = None  # the first beat of those that have not come
        self._patience = 0.0  # seconds after it at which another follows

    def __enter__(self) -> Self:
        name = f"{CLIENT}-beat-{uuid4().hex[:8]}"  # no other jam's
        with ExitStack() as stack:
            self._out, _ = stack.enter_context(client("output", "jack", name))
            back, _ = stack.enter_context(client("input", "jack", f"{CLIENT}-beat"))
            back.ignore_types(active_sense=False)
            back.set_callback(self._came)
            stack.callback(back.cancel_callback)
            self._out.open_virtual_port("out")
            ports = back.get_ports()
            back.open_port(ports.index(match(name, ports, "input")), "in")
            self._held = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def goes_on(self) -> bool:
        """Whether the server still carries what is sent; sends the next beat."""
        now = time.monotonic()
        since = self._out_since
        if since is None:
            self._out_since, self._patience = now, SILENCE / 2
            self._out.send_message([ACTIVE_SENSING])
            return True
        if now - since > self._patience:
            self._patience *= 2
            self._out.send_message([ACTIVE_SENSING])
        return now - since <= SILENCE

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
        self._pause = EVERY

    def poll(self, now: float) -> Change | None:
        """What has changed by ``now`` (seconds on the clock); looks every :data:`EVERY` seconds at most."""
        if now < self._next:
            return None
        self._next = now + EVERY
        names = self._names()
        if self._there and self.name not in names:
            self._there, self._pause = False, EVERY
            return "lost"
        if not self._there and (found := returned(self.name, names)) is not None:
            self.name, self._there = found, True
            return "back"
        return None

    def missed(self) -> None:
        """It could not be opened: a later look tells again that it is back, each time a longer while after."""
        self._there = False
        self._next += self._pause
        self._pause = min(2 * self._pause, LONGEST)


def returned(name: str, names: Sequence[str]) -> str | None:
    """What the port ``name`` is called now: the same, or the same but for the number at its end.

    >>> returned("Keys:Keys MIDI 1 20:0", ["Keys:Keys MIDI 2 24:1", "Keys:Keys MIDI 1 24:0"])
    'Keys:Keys MIDI 1 24:0'
    """
    if name in names:
        return name
    same = [other for other in names if stem(other) == stem(name)]
    return same[0] if same else None
