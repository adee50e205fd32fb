"""Open Sound Control: a jam is steered, and tells its state, over UDP.

In come ``/composer/temperature``, ``/composer/mode`` and the other names of :class:`Control`, and Wekinator's
``/wek/outputs``; out goes ``/composer/state/...``. Whatever else arrives is counted and passed over.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock, Thread
from typing import Any, Self

from composer.errors import ComposerError, UsageError
from composer.live.controls import Control
from composer.live.osc_mapping import CONTROLS, Output, Outputs, control

ADDRESSES = {f"/composer/{name}": name for name in CONTROLS}
OUTPUTS = "/wek/outputs"
STATE = "/composer/state/"

LOCAL = "127.0.0.1"
LARGEST = 4096  # bytes of a packet
MOST = 64  # messages of a packet
APART = 0.01  # seconds between two values of one control, and between two readings of the port
PACKETS = 20  # at a reading; what a flood brings beyond that, the system drops
SIZES = dict(zip(b"ifdhsTFN", (4, 4, 8, 8, 4, 0, 0, 0), strict=True))  # of arguments, the least bytes for a text

BUNDLE = b"#bundle\0"


def messages(packet: bytes) -> list[tuple[str, list[Any]]]:
    """The addresses and arguments of a packet, whose time tags mean now; raises :class:`ValueError` if it is not OSC.

    python-osc reads the single messages. Bundles and types are looked at before: it would wait for a bundle's time,
    loop for ever where an element's size is negative, print what it does not know and make up what is missing.
    """
    from pythonosc.osc_message import OscMessage, ParseError

    parts = [packet]
    found: list[tuple[str, list[Any]]] = []
    while parts:
        part = parts.pop()
        if part.startswith(BUNDLE):
            parts += reversed(_elements(part))
            continue
        if len(found) == MOST:
            raise ValueError(f"more than {MOST} messages")
        _check_types(part)
        try:
            message = OscMessage(part)
        except ParseError as error:
            raise ValueError(str(error)) from None
        found.append((message.address, message.params))
    return found


def _elements(bundle: bytes) -> list[bytes]:
    place, found = len(BUNDLE) + 8, []
    while place < len(bundle):
        size = int.from_bytes(bundle[place : place + 4], "big")
        place += 4
        if size == 0 or size % 4 or place + size > len(bundle):
            raise ValueError("a bundle's element has no such size")
        found.append(bundle[place : place + size])
        place += size
    return found


def _check_types(message: bytes) -> None:
    end = message.find(b"\0")
    if not message.startswith(b"/") or end < 0:
        raise ValueError("no address")
    begin = (end + 4) // 4 * 4
    tags = message[begin:].partition(b"\0")[0]
    if tags and (tags[:1] != b"," or not SIZES.keys() >= set(tags[1:])):
        raise ValueError("arguments that no control takes")
    if len(message) < begin + (len(tags) + 4) // 4 * 4 * bool(tags) + sum(SIZES[tag] for tag in tags[1:]):
        raise ValueError("arguments are missing")


class Gate:
    """Lets each control through at most every :data:`APART` seconds; of what comes meanwhile the last value counts."""

    def __init__(self) -> None:
        self._passed: dict[str, float] = {}
        self._waiting: dict[str, Control] = {}

    def push(self, wish: Control) -> bool:
        """Whether it takes the place of one that waits."""
        waits = wish.name in self._waiting
        self._waiting[wish.name] = wish
        return waits

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def due(self, now: float) -> list[Control]:
        """What may pass at ``now`` (seconds)."""
        names = [name for name in self._waiting if now - self._passed.get(name, -1.0) >= APART]
        self._passed.update(dict.fromkeys(names, now))
        return [self._waiting.pop(name) for name in names]


class OscServer:
    """Listens from construction until :meth:`close`, in a thread of its own, in which ``receive`` gets the controls.

    ``port`` 0 takes any free one; :attr:`port` says which. By default only this machine is heard: whoever is heard may
    steer the jam. State goes to ``target`` (host and port) and to whoever last sent something that made sense.
    Raises :class:`ComposerError` in one line if the port cannot be had.
    """

    def __init__(
        self,
        port: int,
        mapping: Sequence[Output],
        receive: Callable[[Control], None],
        *,
        host: str = LOCAL,
        target: tuple[str, int] | None = None,
    ) -> None:
        self.ignored: Counter[str] = Counter()  # packets and messages by what was wrong with them
        self._outputs = Outputs(mapping)
        self._receive = receive
        self._gate = Gate()
        self._target = None if target is None else _address(*target)
        self._peer: tuple[str, int] | None = None
        self._state: dict[str, float | int | str] | None = None
        self._lock = Lock()
        self._closing = False
        self._socket = _bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._thread = Thread(target=self._run, name="osc", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; the port is free when this returns."""
        if self._closing:
            return
        self._closing = True
        self._wake()
        self._thread.join()
        for each in (self._socket, self._woken, self._waker):
            each.close()

    def publish(self, state: Mapping[str, float | int | str]) -> None:
        """Send each entry as ``/composer/state/NAME``: a text as s, a whole number as i, another as f.

        Returns at once; the thread sends, and of several states that wait the last.
        """
        with self._lock:
            self._state = dict(state)
        self._wake()

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except OSError:  # it has not yet read the last one, or is closed
            return

    def _run(self) -> None:
        while not self._closing:
            ready = select.select([self._socket, self._woken], [], [], APART if self._gate.waits else None)[0]
            if self._woken in ready:
                self._woken.recv(4096)
            full = self._socket in ready and self._read() == PACKETS
            for wish in self._gate.due(time.monotonic()):
                self._receive(wish)
            self._send_state()
            if full:
                time.sleep(APART)

    def _read(self) -> int:
        """Take the packets that are there, at most :data:`PACKETS`; returns how many."""
        for number in range(PACKETS):
            try:
                packet, sender = self._socket.recvfrom(LARGEST + 1)
            except BlockingIOError:
                return number
            except OSError:  # too large on Windows, or the echo of a state that nobody heard
                continue
            self._take(packet, sender)
        return PACKETS

    def _take(self, packet: bytes, sender: tuple[str, int]) -> None:
        if len(packet) > LARGEST:
            self.ignored["too large"] += 1
            return
        try:
            found = messages(packet)
        except ValueError:
            self.ignored["not OSC"] += 1
            return
        for address, arguments in found:
            try:
                wishes = self._wishes(address, arguments)
            except ValueError:
                self.ignored["wrong value"] += 1
                continue
            if wishes is None:
                self.ignored["unknown address"] += 1
                continue
            self._peer = sender
            for wish in wishes:
                self.ignored["too many"] += self._gate.push(wish)

    def _wishes(self, address: str, arguments: list[Any]) -> list[Control] | None:
        """None for an unknown address; raises :class:`ValueError`."""
        if address == OUTPUTS:
            return self._outputs.controls(arguments)
        name = ADDRESSES.get(address)
        if name is None:
            return None
        wish = control(name, arguments)
        return [] if wish is None else [wish]

    def _send_state(self) -> None:
        with self._lock:
            state, self._state = self._state, None
        if state is None:
            return
        packets = [_packet(STATE + name, value) for name, value in state.items()]
        for address in {address for address in (self._target, self._peer) if address is not None}:
            for packet in packets:
                try:
                    self._socket.sendto(packet, address)
                except OSError:  # nobody there, or the buffer is full: the next state will do
                    self.ignored["not sent"] += 1


def _packet(address: str, value: float | str) -> bytes:
    from pythonosc.osc_message_builder import OscMessageBuilder

    builder = OscMessageBuilder(address)
    builder.add_arg(value, "s" if isinstance(value, str) else "i" if isinstance(value, int) else "f")
    return bytes(builder.build().dgram)


def _bound(host: str, port: int) -> socket.socket:
    address = _address(host, port)
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        found.bind(address)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise ComposerError(f"OSC port {port} is in use by another program; close it or choose another") from None
        raise ComposerError(
            f"OSC port {port} of {host} cannot be opened ({error.strerror}); choose one of 1024 to 65535"
        ) from None
    found.setblocking(False)
    return found


def _address(host: str, port: int) -> tuple[str, int]:
    if not 0 <= port <= 65535:
        raise UsageError(f"{port} is not an OSC port; choose one of 1024 to 65535")
    try:
        return str(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4][0]), port
    except (OSError, UnicodeError):
        raise ComposerError(f"no machine is called {host!r}; give its name or its address, as in 127.0.0.1") from None
