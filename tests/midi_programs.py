"""The other end of our MIDI ports: a JACK server without a sound card, PipeWire, and programs that listen and play."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from mido import Message, MidiFile

# the callback runs in JACK's own thread, which must not wait for a line to be written
LISTENER = """
import json, queue, sys, threading
from composer.live.ports import open_input
heard = queue.SimpleQueue()
def tell():
    while (row := heard.get()) is not None:
        print(json.dumps([row[0], row[1].hex()]), flush=True)
teller = threading.Thread(target=tell)
teller.start()
with open_input(sys.argv[1], "jack", lambda *row: heard.put(row), virtual=True) as port:
    print("ready", flush=True)
    sys.stdin.read()
heard.put(None)
teller.join()
print(json.dumps({"exclusive": port.exclusive, "garbage": port.garbage}), flush=True)
"""

T = TypeVar("T")


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {seconds} s"
        time.sleep(0.02)


def once_more(attempt: Callable[[], T], good: Callable[[T], bool]) -> T:
    """What ``attempt`` gives, a second time if the first is not good: PipeWire may lose one message in a thousand."""
    first = attempt()
    return first if good(first) else attempt()


@contextmanager
def jack_server(period: int = 128) -> Iterator[dict[str, str]]:
    """A JACK server of our own with the dummy driver, and the environment of its clients; needs jackd and jack_lsp.

    ``--sync`` loses nothing; ``--port-max`` needs little shared memory.
    """
    name = f"composer-{os.getpid()}-{time.monotonic_ns() % 10**6}"
    driver = ["-d", "dummy", "-r", "48000", "-p", str(period)]
    command = ["jackd", "--no-realtime", "--sync", "--port-max", "256", "--name", name, *driver]
    clients = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    lock = Path(tempfile.gettempdir()) / "composer-tests-jack.lock"
    with lock.open("w") as turn, tempfile.TemporaryFile("w+") as said:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two servers at once, of two workers, lose each other's clients
        server = subprocess.Popen(command, stdout=said, stderr=said)
        try:
            wait_for(lambda: server.poll() is not None or _succeeds(["jack_lsp"], os.environ | clients))
            if server.poll() is not None:  # as "Too many servers already active": eight, also those killed count
                said.seek(0)
                raise OSError(f"jackd ended at once: {said.read()}")
            yield clients
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:  # it waits for a client that is gone
                server.kill()
                server.wait()


def _succeeds(command: list[str], environment: dict[str, str]) -> bool:
    return subprocess.run(command, capture_output=True, env=environment, check=False).returncode == 0


@contextmanager
def pipewire_server() -> Iterator[dict[str, str]]:
    """A PipeWire daemon of our own, and the environment in which JACK's clients become its clients."""
    library = pipewire_jack()
    assert library is not None
    with tempfile.TemporaryDirectory(prefix="composer-pw-") as folder:  # short, as it holds a socket
        clients = {"PIPEWIRE_RUNTIME_DIR": folder, "LD_PRELOAD": str(library)}
        quiet = subprocess.DEVNULL
        server = subprocess.Popen(["pipewire"], stdout=quiet, stderr=quiet, env=_pipewires_own(clients))
        try:
            wait_for((Path(folder) / "pipewire-0").exists)
            yield clients
        finally:
            server.terminate()
            server.wait()


def pipewire_jack() -> Path | None:
    """PipeWire's own libjack."""
    return next(Path("/usr/lib").glob("*/pipewire-0.3/jack/libjack.so.0"), None)


def _pipewires_own(clients: dict[str, str]) -> dict[str, str]:
    return os.environ | {"PIPEWIRE_RUNTIME_DIR": clients["PIPEWIRE_RUNTIME_DIR"]}


class Listener:
    """A virtual MIDI input in a process of its own, and what it hears, with the seconds of the monotonic clock."""

    def __init__(self, name: str, clients: dict[str, str] | None = None) -> None:
        self.name = name
        self.heard: list[tuple[float, Message]] = []
        self.counts: dict[str, int] = {}
        environment = os.environ | (clients or {})
        command = [sys.executable, "-c", LISTENER, name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            if isinstance(said, dict):
                self.counts = said
            else:
                self.heard.append((said[0], Message.from_hex(said[1])))

    @property
    def messages(self) -> list[Message]:
        return [message for _, message in self.heard]

    def hanging(self) -> set[tuple[int, int]]:
        """The notes that sound at the end, as (channel, pitch)."""
        return hanging(self.messages)

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()


def hanging(messages: Sequence[Message]) -> set[tuple[int, int]]:
    """The notes that sound at the end, as (channel, pitch)."""
    sounding: set[tuple[int, int]] = set()
    for message in messages:
        if message.type == "note_on" and message.velocity:
            sounding.add((message.channel, message.note))
        elif message.type in {"note_on", "note_off"}:
            sounding.discard((message.channel, message.note))
    return sounding


class PipeWireProgram:
    """One of PipeWire's MIDI programs, linked to nothing yet."""

    def __init__(self, clients: dict[str, str], program: str, path: Path) -> None:
        self._environment = _pipewires_own(clients)
        command = [program, "--target", "0", "--latency", "10ms", str(path)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self._environment
        )

    def ports(self, direction: str) -> list[str]:
        """The MIDI system's ports, by ``-i`` or ``-o``, inputs or outputs."""
        listed = subprocess.run(
            ["pw-link", direction], capture_output=True, text=True, env=self._environment, check=False
        )
        return listed.stdout.split("\n")[:-1]

    def link(self, source: str, sink: str) -> None:
        subprocess.run(["pw-link", source, sink], env=self._environment, check=True)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(10)


class Recorder(PipeWireProgram):
    """``pw-midirecord``: whoever sends to :attr:`name` is recorded to a MIDI file."""

    name = "pw-midirecord:in_0"

    def __init__(self, clients: dict[str, str], path: Path) -> None:
        super().__init__(clients, "pw-midirecord", path)
        self.path = path
        wait_for(lambda: self.name in self.ports("-i"))

    def recorded(self) -> list[tuple[float, Message]]:
        """Stop, and read: seconds from the recording's start, and messages."""
        time.sleep(0.1)  # what was sent last is on its way
        self.stop()
        seconds, rows = 0.0, []
        for message in MidiFile(self.path):
            seconds += message.time
            if not message.is_meta:
                rows.append((seconds, message.copy(time=0)))
        return rows


class Player(PipeWireProgram):
    """``pw-midiplay``: plays a MIDI file to the port ``sink``."""

    def __init__(self, clients: dict[str, str], path: Path, sink: str) -> None:
        super().__init__(clients, "pw-midiplay", path)
        wait_for(lambda: "pw-midiplay:out_0" in self.ports("-o"))
        self.link("pw-midiplay:out_0", sink)

    def finish(self) -> None:
        """Wait for the end of the file."""
        self.process.wait(30)
