"""Whether a port is still there: devices are unplugged, programs end, and come back, sometimes under another number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Literal

from composer.errors import ComposerError
from composer.live.backends import Direction, client
from composer.live.ports import stem

EVERY = 0.5  # seconds between two looks

Change = Literal["lost", "back"]


class Listing:
    """The names of the ports there are, asked through one client that stays, in 0.1 ms: a loop in time may call it.

    Where there are none it makes a new client, as the server of the old one may have died. :meth:`close` it.
    """

    def __init__(self, direction: Direction, backend: str = "auto") -> None:
        """Raises what :func:`composer.live.ports.output_names` does."""
        self._asked = direction, backend
        self._held = ExitStack()
        self._client, _ = self._held.enter_context(client(direction, backend))

    def __call__(self) -> list[str]:
        if not self._client.get_ports():
            try:
                fresh = ExitStack()
                self._client, _ = fresh.enter_context(client(*self._asked))
            except ComposerError:
                return []
            self._held.close()
            self._held = fresh
        return list(self._client.get_ports())

    def close(self) -> None:
        self._held.close()


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
