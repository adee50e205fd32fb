"""A jam as its player has it: the command in a process of its own, a keyboard before it, a recorder behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mido import Message

from composer.io.midi import DRUM_CHANNEL
from composer.live.ports import Port, open_output
from composer.live.record import Session, read_session
from midi_programs import Listener, hanging, wait_for

# frames: 11 ms. A client that comes or goes while jackd --sync is at work can stop it for 15 s; it is at work for less
# of a longer period
JAM_PERIOD = 512
TUNE = (62, 66, 69, 66, 62, 66, 69, 71)  # a bar of eighths
SILENCE = 1.5  # seconds that end a call, as the machine may be busy, and a model too slow for its silence is refused
PATIENCE = 60.0  # seconds, for a machine that does much else
ANSWER = 15.0  # seconds in which an answer is heard, or none comes: it may take 10 to find it, and then waits for a bar


class Program:
    """``composer jam`` with these options; :attr:`said` are its lines, :attr:`folder` is where it saves."""

    def __init__(self, folder: Path, *options: str, clients: dict[str, str] | None = None) -> None:
        self.folder = folder
        command = [
            sys.executable,
            "-X",
            "faulthandler",
            "-m",
            "composer.cli",
            "jam",
            "--backend",
            "jack",
            "-o",
            str(folder),
            *options,
        ]
        environment = os.environ | (clients or {}) | {"PYTHONFAULTHANDLER": "1"}
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(
            command, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE, text=True, env=environment
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(self.process.stderr)

    def wait_for_port(self, name: str) -> None:
        """Until other programs see its port, or its connection to theirs."""

        def there() -> bool:
            assert self.process.poll() is None, "".join(self.said)
            return name in subprocess.run(["jack_lsp", "-c"], capture_output=True, text=True, check=False).stdout

        wait_for(there, PATIENCE)

    def answering(self) -> int:
        """The process that answers, by its number: the youngest one begun by the jam's."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        named = [int(pid) for pid in found if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        return max(named)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and wait; returns its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.join(10)
        return code

    def close(self) -> None:
        self.process.terminate()  # a JACK server may stop where its client is killed
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def session(self) -> Session:
        return read_session(self.folder)


@dataclass
class Keys:
    """What plays; times are kept by absolute deadlines."""

    port: Port
    played: list[tuple[float, Message]] = field(default_factory=list)

    def send(self, kind: str, **values: int) -> float:
        """Returns the moment before it was sent."""
        message, now = Message(kind, **values), time.monotonic()
        self.port.send(message)
        self.played.append((now, message))
        return now

    def play(self, pitches: Sequence[int] = TUNE, step: float = 0.2, start: float | None = None) -> float:
        """Notes ``step`` seconds apart, the first of four louder; returns when the last key went up."""
        start = time.monotonic() if start is None else start
        last = start
        for k, pitch in enumerate(pitches):
            sleep_until(start + k * step)
            self.send("note_on", note=pitch, velocity=90 if k % 4 == 0 else 72)
            sleep_until(start + (k + 0.8) * step)
            last = self.send("note_off", note=pitch)
        return last

    def pedal(self, down: bool) -> float:
        return self.send("control_change", control=64, value=127 * down)


def sleep_until(moment: float) -> None:
    time.sleep(max(moment - time.monotonic(), 0.0))


@dataclass
class Stage:
    """A jam with its player and who listens to it."""

    jam: Program
    keys: Keys
    ear: Listener

    def since(self, moment: float) -> list[tuple[float, Message]]:
        """What was heard after a moment."""
        return [(t, m) for t, m in list(self.ear.heard) if t >= moment]

    def answer(self, since: float, notes: int = 1) -> float:
        """Wait for so many notes, clicks aside; returns the moment at which the first was heard."""
        wait_for(lambda: len(self.melody(since)) >= notes, PATIENCE)
        return self.melody(since)[0][0]

    def melody(self, since: float) -> list[tuple[float, Message]]:
        """The notes that began after a moment, clicks aside."""
        return [(t, m) for t, m in strikes(self.since(since)) if m.channel != DRUM_CHANNEL]

    def hushed(self, since: float) -> bool:
        """Whether sustain off and all notes off, which come after the note-offs, were the last that was heard."""
        controls = [m for _, m in self.since(since)][-2:]
        return len(controls) == 2 and controls[0].is_cc(64) and controls[1].is_cc(123)

    def silence(self, seconds: float = 0.3) -> None:
        """Wait until nothing sounds, nor has begun for so long."""

        def silent() -> bool:
            heard, sounding = self.melody(0.0), {channel for channel, _ in self.ear.hanging()}
            return sounding <= {DRUM_CHANNEL} and (not heard or time.monotonic() - heard[-1][0] > seconds)

        wait_for(silent, PATIENCE)


def strikes(rows: Iterable[tuple[float, Message]]) -> list[tuple[float, Message]]:
    """The notes that begin."""
    return [(t, m) for t, m in rows if m.type == "note_on" and m.velocity]


def unmatched(messages: Sequence[Message]) -> int:
    """Note-ons less note-offs, and what sounds at the end: 0 if every note has its end."""
    ons = sum(m.type == "note_on" and m.velocity > 0 for m in messages)
    offs = sum(m.type == "note_off" or (m.type == "note_on" and m.velocity == 0) for m in messages)
    return abs(ons - offs) + len(hanging(messages))


def play_for(jam: Stage, seconds: float, beat: float) -> list[tuple[float, bool]]:
    """By turns: a call heard to its end, one with a slip in it, one with the pedal, and one that is cut.

    Returns of each call when it was over, and whether a note of an answer was heard within :data:`ANSWER` seconds: a
    slip that comes late on a busy machine cuts the answer, and alone is taken for an accident.
    """
    random = np.random.default_rng(1)
    start = time.monotonic()
    calls: list[tuple[float, bool]] = []
    while time.monotonic() - start < seconds:
        turn = len(calls)
        pitches = (60 + np.array([0, 2, 4, 5, 7, 9, 11, 12])[random.integers(0, 8, 8)]).tolist()
        if turn % 4 == 2:
            jam.keys.pedal(True)
        last = jam.keys.play(pitches, beat / 2)
        if turn % 4 == 1:
            sleep_until(last + 0.3)
            last = jam.keys.play(pitches[:1], 0.05)
        if turn % 4 == 2:
            sleep_until(last + 0.4)
            last = jam.keys.pedal(False)
        answered = comes(lambda since=last: bool(jam.melody(since)), ANSWER)
        calls.append((last, answered))
        if turn % 4 == 3:
            comes(lambda since=last: len(jam.melody(since)) >= 2, 2 * beat)
        elif answered:
            comes(lambda: time.monotonic() - jam.melody(start)[-1][0] > 3 * beat, PATIENCE)
    return calls


def comes(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it becomes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def unanswered(calls: Sequence[tuple[float, bool]], events: Sequence[dict[str, Any]]) -> list[set[str]]:
    """Of each call without an answer, what the session's log says of the time from its end on."""
    return [
        {event["kind"] for event in events if last - 0.5 < event["at"] < last + ANSWER}
        for last, answered in calls
        if not answered
    ]


def off_beat(heard: Sequence[tuple[float, Message]], answers: Iterable[float], beat: float) -> list[float]:
    """How far from a beat of the metronome that was heard, seconds, the first note of each of the ``answers`` came."""
    notes = strikes(heard)
    line = next(t for t, m in notes if m.channel == DRUM_CHANNEL)
    firsts = [next((t for t, m in notes if m.channel != DRUM_CHANNEL and t > at - beat / 10), line) for at in answers]
    return [abs((first - line) / beat - round((first - line) / beat)) * beat for first in firsts]


@contextmanager
def stage(folder: Path, *options: str, client: str = "") -> Iterator[Stage]:
    """A jam on virtual ports, joined to a keyboard of ours and a listener in another process.

    ``client`` is what JACK adds to the names of those who come second.
    """
    with ExitStack() as stack:
        jam = Program(folder, "--virtual", *options)
        stack.callback(jam.close)
        ear = Listener(f"ear-{jam.process.pid}")
        stack.callback(ear.close)
        jam.wait_for_port(f"composer-out{client}:out")
        connect(f"composer-out{client}:out", f"{ear.name}:in")
        keys = stack.enter_context(open_output(f"composer-in{client}:in", "jack"))
        yield Stage(jam, Keys(keys), ear)


def connect(source: str, sink: str) -> None:
    command = ["jack_connect", source, sink]
    wait_for(lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0, PATIENCE)


def joined(port: str) -> bool:
    """Whether another program's port is connected to it."""
    said = subprocess.run(["jack_lsp", "-c", port], capture_output=True, text=True, check=False).stdout
    return len(said.splitlines()) > 1


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A program whose lines are read through ``stdout``; it is ended on leaving."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
