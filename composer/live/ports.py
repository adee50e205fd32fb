"""MIDI ports by name: those of the system, virtual ones that other programs connect to, and a twin in memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol

from composer.errors import ComposerError, UsageError
from composer.live.backends import CLIENT, Direction, client, libraries_quiet
from composer.live.clock import Clock

# seconds before a port closes: back ends send from threads of their own, and closing would cut the last messages off
DRAIN = 0.05

SYSEX = 0xF0

Callback = Callable[[float, Any], None]  # seconds on the monotonic clock, mido message


class Port(Protocol):
    """Where MIDI messages go: a system's output, or a list in memory."""

    def send(self, message: Any, /) -> None: ...


class Output:
    """A system's output port; any thread may send."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = Lock()

    def send(self, message: Any, /) -> None:
        """Send a mido message now; raises :class:`ComposerError` when the port is closed."""
        with self._lock:
            if self._client is None:
                raise ComposerError("the port is closed")
            self._client.send_message(message.bytes())

    def close(self) -> None:
        """Nothing is sent any more: python-rtmidi would crash on a client that was deleted."""
        with self._lock:
            self._client = None


class Input:
    """A system's input port: each message goes to ``callback`` the moment it arrives, in a thread of the system.

    Only that keeps up with a flood: what RtMidi queues beyond its size, it drops in silence. System-exclusive messages
    and bytes that are no MIDI message go nowhere but into a count. ``callback`` must return soon.
    """

    def __init__(self, callback: Callback) -> None:
        self.exclusive = 0
        self.garbage = 0
        self._callback = callback

    def take(self, event: tuple[Sequence[int], float], _: object = None) -> None:
        """What RtMidi calls with a message's bytes and the seconds since the one before."""
        from mido import Message

        now = time.monotonic()
        data = event[0]
        if data and data[0] == SYSEX:
            self.exclusive += 1
            return
        try:
            message = Message.from_bytes(data)
        except (ValueError, IndexError):
            self.garbage += 1
            return
        self._callback(now, message)


class MemoryPort:
    """The twin of a port without a system: keeps what is sent, and when; ``callback`` gets it at once."""

    def __init__(self, clock: Clock, callback: Callback | None = None) -> None:
        self.heard: list[tuple[float, Any]] = []
        self._clock = clock
        self._callback = callback

    @property
    def messages(self) -> list[Any]:
        return [message for _, message in self.heard]

    def send(self, message: Any, /) -> None:
        now = self._clock.now()
        self.heard.append((now, message))
        if self._callback is not None:
            self._callback(now, message)


def input_names(backend: str = "auto") -> list[str]:
    """The names of the ports that MIDI comes in from; ``backend`` and errors are as for :func:`output_names`."""
    return _names("input", backend)


def output_names(backend: str = "auto") -> list[str]:
    """The names of the MIDI output ports there are.

    ``backend`` is alsa, jack, coremidi, winmm, or auto: the platform's own, on Linux ALSA and then JACK. Raises
    :class:`UsageError` for another name, :class:`ComposerError` if the back end, a library or a server is missing.
    """
    return _names("output", backend)


def _names(direction: Direction, backend: str) -> list[str]:
    with client(direction, backend) as (asked, _):
        return list(asked.get_ports())


@contextmanager
def open_output(name: str, backend: str = "auto", *, virtual: bool = False) -> Iterator[Output]:
    """The output port of this name, or the one port whose name contains it, upper or lower case; closed on leaving.

    With ``virtual`` a new port that other programs connect to, of a client called ``name``. Raises
    :class:`UsageError` that lists the ports if none fits or several do, :class:`ComposerError` if the port is taken,
    or where virtual ports do not exist, and what :func:`output_names` raises.
    """
    with client("output", backend, name if virtual else CLIENT) as (made, answering):
        _open(made, answering, name, "output", virtual)
        port = Output(made)
        try:
            yield port
        finally:
            port.close()
            time.sleep(DRAIN)
            made.close_port()


@contextmanager
def open_input(name: str, backend: str, callback: Callback, *, virtual: bool = False) -> Iterator[Input]:
    """Give ``callback`` all that comes in from a port until leaving; names and errors as for :func:`open_output`."""
    with client("input", backend, name if virtual else CLIENT) as (made, answering):
        port = Input(callback)
        made.ignore_types(sysex=False, timing=False, active_sense=True)
        made.set_callback(port.take)
        try:
            _open(made, answering, name, "input", virtual)
            yield port
        finally:
            made.cancel_callback()
            made.close_port()


def _open(made: Any, backend: str, name: str, direction: Direction, virtual: bool) -> None:
    short = "in" if direction == "input" else "out"
    if not virtual:
        names = list(made.get_ports())
        chosen = match(name, names, direction)
        try:
            with libraries_quiet():
                made.open_port(names.index(chosen), short)
        except (OSError, ValueError) as error:  # as RtMidi says that it is taken, and that it has just gone
            raise ComposerError(
                f"{chosen}: the port cannot be opened ({error}); is another program using it?"
            ) from None
    elif backend == "winmm":
        raise ComposerError(
            "Windows has no virtual MIDI ports; make one with loopMIDI (tobias-erichsen.de/software/loopmidi.html) "
            "and name it"
        )
    else:  # CoreMIDI shows the name of the port alone, the others the client's before it
        made.open_virtual_port(f"{name} {short}" if backend == "coremidi" else short)


def match(wanted: str, names: list[str], direction: Direction = "output") -> str:
    """The name that is, or alone contains, ``wanted``; raises :class:`UsageError` that lists the names.

    >>> match("keys", ["Through:0", "My Keys:1"])
    'My Keys:1'
    """
    if wanted in names:
        return wanted
    found = [name for name in names if wanted.lower() in name.lower()]
    if len(found) == 1:
        return found[0]
    if not names:
        what = "a keyboard" if direction == "input" else "a device or start a synthesizer"
        raise UsageError(f"no MIDI port {wanted!r}: there are no {direction} ports; connect {what}")
    if not found:
        raise UsageError(f"no MIDI port {wanted!r}; the {direction} ports are: {', '.join(names)}")
    raise UsageError(f"{wanted!r} fits several MIDI ports; name one of: {', '.join(found)}")


def obvious(inputs: Sequence[str], outputs: Sequence[str]) -> tuple[str | None, str | None]:
    """The ports to take where nobody chose: a keyboard to listen to, a synthesizer to play on; None where none fits.

    In that order: in, what is called a keyboard or piano, then any device, then cables between programs; out, a
    synthesizer, then the device that was taken as input or another piano, then any device, then cables. Ports that
    give back what they get (Midi Through) and our own clients are never taken.

    >>> obvious(["Midi Through 14:0", "IAC Bus 1", "Launchkey 20:0"], ["Midi Through 14:0", "FLUID Synth 128:0"])
    ('Launchkey 20:0', 'FLUID Synth 128:0')
    """
    source = _best(inputs, [_KEYBOARDS])
    device = re.escape(stem(source)) if source else "(?!)"  # which matches nothing
    return source, _best(outputs, [_SYNTHESIZERS, f"^{device}|piano"])


def stem(name: str) -> str:
    """A port's name without the numbers of client and port that ALSA and Windows put last: they change with time.

    >>> stem("Keys:Keys MIDI 1 20:0")
    'Keys:Keys MIDI 1'
    """
    return re.sub(r" \d+(:\d+)?$", "", name)


_NEVER = re.compile(rf"midi[ -]?through|^system:(timer|announce)|^{CLIENT}\b|rtmidi", re.IGNORECASE)
_CABLES = re.compile(r"^iac\b|loopmidi|virmidi|virtual|network|loopback", re.IGNORECASE)
_KEYBOARDS = r"key|piano|clavi|organ|nord"
_SYNTHESIZERS = r"fluid|synth|timidity|sfizz|surge|soundfont|sampler|zynadd|yoshimi|dexed|vital"


def _best(names: Sequence[str], preferred: Sequence[str]) -> str | None:
    """The first name by preference: of what is preferred, then any, then cables."""

    def rank(name: str) -> int:
        if _CABLES.search(name):
            return len(preferred) + 1
        return next((k for k, words in enumerate(preferred) if re.search(words, name, re.IGNORECASE)), len(preferred))

    return min((name for name in names if not _NEVER.search(name)), key=rank, default=None)
