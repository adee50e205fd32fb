"""Can a jam run here? Looks at Python, MIDI, ports, time and sound, and says what to do about what is missing.

A finding is ``missing`` where no jam with ports can run without it, and ``warn`` where one can, but less well.
"""

from __future__ import annotations

import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import numpy as np

from composer.errors import ComposerError, ReadError, UsageError
from composer.io.audio import INSTALL, find_soundfont
from composer.live.backends import client
from composer.live.clock import MonotonicClock
from composer.live.outbox import Timed
from composer.live.ports import Port, input_names, obvious, open_input, open_output, output_names
from composer.live.scheduler import Scheduler

Verdict = Literal["ok", "warn", "missing"]

MESSAGES = 200  # of the round trip
PATIENCE = 0.5  # seconds for a message to come back
ENOUGH_LOST = 3  # messages after which it is no use to wait for more
SLOW = 0.020  # seconds of a round trip that are heard
LATE = 0.005  # seconds that a sleep may be too long
SLEEPS, NAP = 150, 0.002  # how often, and seconds
CHORD = range(40, 72)  # pitches of the stuck-note test
LOOP = "composer doctor"  # the name of our own virtual port
BACKENDS = {"darwin": ("coremidi", "jack"), "win32": ("winmm",)}  # to look at; on others, LINUX
LINUX = ("alsa", "jack")
LOOPMIDI = "install loopMIDI (https://www.tobias-erichsen.de) and make a port in it"
WINDOWS_LOOP = "loopmidi"  # in the name of its ports
KEYBOARD = {
    "darwin": "connect a keyboard or synthesizer, and look for it in Audio MIDI Setup; or composer jam --virtual",
    "win32": f"connect a keyboard or synthesizer, and look for it in the Device Manager; or {LOOPMIDI}",
    "linux": "connect a keyboard or synthesizer (aconnect -l lists it); or composer jam --virtual",
}


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, how it stands, and what to do; ``figures`` are for programs."""

    name: str
    verdict: Verdict
    text: str
    remedy: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


def examine(backend: str = "auto") -> Iterator[Finding]:
    """All findings, one after another as they are made: some take a second. Raises :class:`UsageError` for a back end
    that there is not.
    """
    yield _python()
    yield _rtmidi()
    answering = ""
    try:
        answering = _answering(backend)
    except UsageError:
        raise
    except ComposerError as error:
        yield Finding("back end", "missing", str(error))
    if answering:
        yield from _others(answering)
        yield from _ports(answering)
        yield from _loop(answering)
    yield _timer()
    yield _soundfont()
    yield _fluidsynth()
    yield _terminal()


def can_jam(findings: list[Finding]) -> bool:
    """Whether a jam with ports can run."""
    return all(finding.verdict != "missing" for finding in findings)


def _python() -> Finding:
    return Finding("Python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _rtmidi() -> Finding:
    try:
        return Finding("python-rtmidi", "ok", version("python-rtmidi"))
    except PackageNotFoundError:
        return Finding("python-rtmidi", "missing", "is not installed", "pip install 'composer-engine[live]'")


def _answering(backend: str) -> str:
    """The back end that answers; raises :class:`ComposerError` where none does."""
    with client("output", backend) as (_, answering):
        return answering


def _others(answering: str) -> Iterator[Finding]:
    """Each of the system's back ends, the one to be used first."""
    yield Finding("back end", "ok", f"{answering} answers, and is used")
    for backend in BACKENDS.get(sys.platform, LINUX):
        if backend == answering:
            continue
        try:
            _answering(backend)
            yield Finding("another", "ok", f"{backend} answers, too: --backend {backend}")
        except ComposerError as error:
            yield Finding("another", "ok", f"{backend} is not used: {error}")


def _ports(backend: str) -> Iterator[Finding]:
    """The ports, which of them a jam takes unless told, and whether there can be virtual ones."""
    virtual = backend != "winmm"
    inputs, outputs = input_names(backend), output_names(backend)
    for name, names, taken in zip(("ports in", "ports out"), (inputs, outputs), obvious(inputs, outputs), strict=True):
        figures = {"ports": names, "taken": taken}
        if taken is not None:
            others = [other for other in names if other != taken]
            yield Finding(name, "ok", f"{taken}{' is taken; also: ' if others else ''}{', '.join(others)}", "", figures)
        else:
            text = f"none to play on: {', '.join(names)}" if names else "there are none"
            remedy = KEYBOARD.get(sys.platform, KEYBOARD["linux"])
            yield Finding(name, "warn" if virtual else "missing", text, remedy, figures)
    if virtual:
        yield Finding("virtual ports", "ok", "composer jam --virtual makes some for other programs")
    else:
        yield Finding("virtual ports", "warn", "Windows has none", LOOPMIDI)


def _loop(backend: str) -> Iterator[Finding]:
    """A loop out of this program and into it again: how long messages take, and whether notes are ended."""
    back = _Back()
    try:
        with looped(backend, back.take) as port:
            yield round_trip(port, back, backend)
            yield stuck_notes(port, back)
    except (ComposerError, OSError) as error:  # RtMidi's errors are OSErrors
        known = backend == "winmm"  # where it takes a program of somebody else's
        yield Finding("round trip", "warn" if known else "missing", f"not measured: {error}", LOOPMIDI if known else "")


@contextmanager
def looped(backend: str, take: Callable[[float, Any], None]) -> Iterator[Port]:
    """A port whose messages come back to ``take``: a virtual one of ours, on Windows one of loopMIDI."""
    with ExitStack() as stack:
        if backend == "winmm":
            stack.enter_context(open_input(WINDOWS_LOOP, backend, take))
            name = WINDOWS_LOOP
        else:
            before = set(output_names(backend))
            stack.enter_context(open_input(LOOP, backend, take, virtual=True))
            name = _appeared(backend, before)
        yield stack.enter_context(open_output(name, backend))


def _appeared(backend: str, before: set[str]) -> str:
    """The port that was not there before and is called as ours; systems take a moment to list it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = [name for name in output_names(backend) if name not in before and LOOP in name]
        if found:
            return found[0]
        time.sleep(0.02)
    raise ComposerError("our own virtual port does not appear among the ports")


class _Back:
    """What came back, and when."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, Any]] = []
        self._changed = threading.Condition()

    def take(self, seconds: float, message: Any) -> None:
        with self._changed:
            self.messages.append((seconds, message))
            self._changed.notify()

    def wait_for(self, count: int) -> bool:
        """Whether so many messages have come before our patience ends."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.messages) >= count, PATIENCE)


def round_trip(port: Port, back: _Back, backend: str) -> Finding:
    """One message after another out and in again: milliseconds, and how many were lost."""
    from mido import Message

    times, lost = [], 0
    for number in range(MESSAGES):
        back.messages.clear()
        message = Message("control_change", control=20 + number // 128, value=number % 128)
        sent = time.monotonic()
        port.send(message)
        came = back.wait_for(1)
        match = [seconds for seconds, heard in back.messages if heard == message]
        if came and match:
            times.append(match[0] - sent)
        else:
            lost += 1
            if lost >= ENOUGH_LOST:
                break
    if not times:
        return Finding("round trip", "missing", "nothing that is sent comes back", figures={"lost": lost})
    middle, high, longest = _percentiles(times)
    figures = {"p50_ms": middle, "p99_ms": high, "max_ms": longest, "lost": lost, "messages": len(times) + lost}
    text = f"{middle:.1f} ms, jitter {high - middle:.1f} ms, at most {longest:.1f} ms, {lost} of {MESSAGES} lost"
    if lost:
        return Finding("round trip", "warn", text, "close what loads the machine, and try again", figures)
    if high > SLOW * 1000:
        remedy = "a shorter period (jackd -p 64)" if backend == "jack" else "close what loads the machine"
        return Finding("round trip", "warn", text, remedy, figures)
    return Finding("round trip", "ok", text, figures=figures)


def stuck_notes(port: Port, back: _Back) -> Finding:
    """A chord that is to sound for an hour, with the pedal down, and is stopped: whether each note's end came back."""
    from mido import Message

    back.messages.clear()
    now = time.monotonic()
    chord = [Timed(now, Message("note_on", note=pitch, velocity=1)) for pitch in CHORD]
    ends = [Timed(now + 3600, Message("note_off", note=pitch)) for pitch in CHORD]
    pedal = Timed(now, Message("control_change", control=64, value=127))
    with Scheduler(port) as scheduler:
        scheduler.add([pedal, *chord, *ends])
        back.wait_for(len(chord) + 1)
    back.wait_for(2 * len(chord) + 3)
    heard = [message for _, message in list(back.messages)]
    struck = [m.note for m in heard if m.type == "note_on" and m.velocity]
    released = {m.note for m in heard if m.type == "note_off" or (m.type == "note_on" and not m.velocity)}
    hanging = sorted(set(struck) - released)
    if not struck:
        return Finding("stuck notes", "warn", "not tested: no note came back", figures={"struck": 0})
    figures = {"struck": len(struck), "hanging": hanging}
    if hanging:
        return Finding("stuck notes", "missing", f"{len(hanging)} of {len(struck)} notes hang", figures=figures)
    return Finding("stuck notes", "ok", f"none: {len(struck)} notes interrupted, all ended", figures=figures)


def _percentiles(seconds: list[float]) -> tuple[float, float, float]:
    """Median, 99th percentile and maximum, in milliseconds to a hundredth."""
    middle, high, longest = (np.percentile(seconds, [50, 99, 100]) * 1000).round(2).tolist()
    return middle, high, longest


def _timer() -> Finding:
    """How much later than asked for a sleep ends."""
    clock = MonotonicClock()
    start = clock.now()
    late = []
    for number in range(1, SLEEPS + 1):
        clock.sleep_until(start + number * NAP)
        late.append(clock.now() - (start + number * NAP))
    middle, high, longest = _percentiles(late)
    text = f"late by {middle:.2f} ms, 1 in 100 by {high:.2f} ms, at most {longest:.2f} ms"
    figures = {"p50_ms": middle, "p99_ms": high, "max_ms": longest}
    if high > LATE * 1000:
        return Finding("timer", "warn", text, "close what loads the machine, and plug a laptop in", figures)
    return Finding("timer", "ok", text, figures=figures)


def _soundfont() -> Finding:
    try:
        return Finding("soundfont", "ok", str(find_soundfont()))
    except ReadError as error:
        return Finding("soundfont", "warn", str(error))


def _fluidsynth() -> Finding:
    program = shutil.which("fluidsynth")
    if program is not None:
        return Finding("fluidsynth", "ok", program)
    return Finding("fluidsynth", "warn", "is not there: composer play needs a MIDI port", INSTALL)


def _terminal() -> Finding:
    """Whether the jam's screen and keys work here."""
    with suppress(OSError, AttributeError, ValueError):  # no standard input or error at all
        if sys.stderr.isatty() and sys.stdin.isatty():
            size = shutil.get_terminal_size()
            return Finding("terminal", "ok", f"{size.columns} x {size.lines}, {sys.stderr.encoding}")
    return Finding("terminal", "warn", "this is none: a jam shows plain lines and takes no keys")
