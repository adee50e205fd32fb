"""A jam on ports: what the command opens, shows and saves."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import typer

from composer.cli.jam_asked import Asked
from composer.cli.jam_screen import screen
from composer.cli.keys import HELP, Keys, pressed
from composer.cli.terminal import working
from composer.errors import ComposerError, UsageError
from composer.io import write_bytes
from composer.live.answering import Request, Settings
from composer.live.backends import Direction
from composer.live.controls import Control
from composer.live.improviser import PAUSE, Improviser
from composer.live.jam import Cable, Inbox, Jam
from composer.live.metronome import Metronome, count_in
from composer.live.midi_clock import Follower, Sender
from composer.live.osc import OscServer
from composer.live.osc_mapping import read_mapping
from composer.live.phrase import Heard, Phrase, Segmenter
from composer.live.ports import input_names, match, obvious, open_input, open_output, output_names
from composer.live.record import Saver
from composer.live.state import State
from composer.live.thinker import Process
from composer.live.watch import Listing, Watch
from composer.theory import TICKS_PER_QUARTER

CLIENTS = "composer-in", "composer-out"  # of virtual ports
SETTLE = 0.5  # seconds from the start to the first beat
MARGIN = 0.05  # seconds of the silence that are kept for what is not foreseen
TRIAL = (62, 66, 69, 66, 62, 66, 69, 71, 67, 71, 74, 71, 69, 66, 64, 66) * 2  # four bars of eighths


Hear = Callable[[float, Any], None]


class Surface(NamedTuple):
    """What steers the jam over OSC."""

    port: int | None
    mapping: Path | None
    target: str | None


class Pulse(NamedTuple):
    """What is to be heard of the tempo."""

    metronome: bool
    count_in: bool
    clock: bool


class Plugs(NamedTuple):
    """The names of the ports, and how they are opened."""

    source: str
    sink: str
    virtual: bool
    backend: str

    def open(self, hear: Hear, stack: ExitStack) -> tuple[Cable, Cable]:
        """The two cables of a jam, open, and watched if they are other programs'."""

        def listen(name: str) -> AbstractContextManager[Any]:
            return open_input(name, self.backend, hear, virtual=self.virtual)

        def speak(name: str) -> AbstractContextManager[Any]:
            return open_output(name, self.backend, virtual=self.virtual)

        watches: list[Watch | None] = [None, None]
        if not self.virtual:
            watches = [self._watch("input", self.source, stack), self._watch("output", self.sink, stack)]
        cables = Cable(listen, self.source, watches[0]), Cable(speak, self.sink, watches[1])
        for cable in cables:
            stack.callback(cable.close)
            cable.open()
        return cables

    def _watch(self, direction: Direction, name: str, stack: ExitStack) -> Watch:
        listing = Listing(direction, self.backend)
        stack.callback(listing.close)
        return Watch(name, listing)


def plugs(source: str | None, sink: str | None, virtual: bool, backend: str) -> Plugs:
    """The ports asked for, or the obvious ones, which are told; raises :class:`ComposerError` where there are none."""
    if virtual:
        if source or sink:
            raise UsageError("--virtual makes ports of our own; leave out --in and --out, and connect to them")
        output_names(backend)  # or it would be said only when the model has been loaded
        return Plugs(*CLIENTS, True, backend)
    inputs, outputs = input_names(backend), output_names(backend)
    usual = obvious(inputs, outputs)
    chosen = (
        match(source, inputs, "input") if source else usual[0],
        match(sink, outputs, "output") if sink else usual[1],
    )
    if source is None or sink is None:
        for words, names, one in (("in ", inputs, chosen[0]), ("out", outputs, chosen[1])):
            for name in names:
                typer.echo(f"{words} {'*' if name == one else ' '} {name}", err=True)
    if chosen[0] is None or chosen[1] is None:
        what = "a keyboard to listen to" if chosen[0] is None else "a synthesizer to play on"
        raise ComposerError(
            f"there is no MIDI port of {what}; connect one, make ports of our own with --virtual, "
            "or try it without any: composer jam --file CALLS.mid"
        )
    return Plugs(chosen[0], chosen[1], False, backend)


def play(asked: Asked, ports: Plugs, surface: Surface, pulse: Pulse) -> None:
    """Jam until q or Ctrl-C, then save the session."""
    told, printed = list[str](), list[str]()
    with ExitStack() as stack, _endings():
        stack.callback(_tell, told, printed)  # at last, as the screen would draw over it
        with working("getting ready"):
            thinker = Process(asked.model, asked.memory)
            stack.callback(thinker.close)
            _in_time(thinker, asked)
        inbox: Inbox = SimpleQueue()
        thinker.wake = lambda: inbox.put(None)
        source, sink = ports.open(lambda moment, item: inbox.put((moment, item)), stack)
        show = _shown(stack, inbox, asked.settings, surface)
        improviser, extras = _improviser(asked, thinker, pulse)
        start = improviser.grid.seconds(0.0) if improviser.grid else time.monotonic()
        shared = improviser.grid is not None or asked.tempo == "clock"
        folder = asked.output or Path(time.strftime("jam-%Y%m%d-%H%M%S"))
        saver = Saver(asked.record(start, thinker.digest, shared), folder)
        jam = Jam(inbox, improviser, thinker, saver, show, **extras)
        try:
            jam.run(source, sink)
        except KeyboardInterrupt:
            told.append("stopped")  # it has been silenced
        finally:
            with _unstoppable():
                files = [str(path) for path in saver.close()]
                told += [f"wrote {path}" for path in files]
                if asked.save_model is not None:
                    files.append(str(write_bytes(thinker.learned(), asked.save_model)))
                    told.append(f"wrote {files[-1]}")
                if asked.as_json:
                    printed.append(json.dumps({"calls": improviser.calls, "late": improviser.late, "files": files}))


def _in_time(thinker: Process, asked: Asked) -> None:
    """Refuse a model whose answers would not be there when the silence is over."""
    step = 0.25
    notes = tuple(Heard(k * step, k * step + 0.2, k * step + 0.2, pitch) for k, pitch in enumerate(TRIAL))
    trial = Request(0, Phrase(notes, notes[-1].offset), replace(asked.settings, bars=4))
    took, budget = thinker.seconds(trial), asked.silence - PAUSE - MARGIN
    if took > budget:
        raise ComposerError(
            f"{asked.model}: needs {took:.2f} s for an answer of 4 bars, and a silence of {asked.silence:g} s leaves "
            f"{budget:.2f} s; take a faster --model, or --silence {took + PAUSE + MARGIN + 0.1:.1f}"
        )


def _improviser(asked: Asked, thinker: Process, pulse: Pulse) -> tuple[Improviser, dict[str, Any]]:
    """The improviser, and what else keeps the time of its jam."""
    follower = Follower(asked.settings.meter) if asked.tempo == "clock" else None
    grid = asked.grid(time.monotonic() + SETTLE) if any(pulse) else None
    ahead: list[Any] = []
    if grid is not None and pulse.count_in:
        ahead = count_in(grid, grid.meter.bar / TICKS_PER_QUARTER)
        grid = replace(grid, origin=grid.seconds(grid.meter.bar / TICKS_PER_QUARTER))
    sender = Sender() if pulse.clock else None
    if sender is not None:
        sender.start()
    segmenter = Segmenter(silence=asked.silence, ending=asked.end)
    improviser = Improviser(thinker, asked.settings, segmenter=segmenter, grid=grid, panic=asked.panic)
    metronome = Metronome() if pulse.metronome else None
    return improviser, {"follower": follower, "sender": sender, "metronome": metronome, "ahead": ahead}


def _shown(stack: ExitStack, inbox: Inbox, settings: Settings, surface: Surface) -> Callable[[State], None]:
    """Where states go: the screen, and OSC."""

    def take(control: Control) -> None:
        inbox.put((time.monotonic(), control))

    server = _server(stack, take, surface)
    keys = Keys(settings.mode, settings.temperature)
    can = stack.enter_context(pressed(take, keys))
    show = stack.enter_context(screen())

    def shown(state: State) -> None:
        keys.mode, keys.temperature = state.mode, state.temperature  # as OSC may have changed them
        show(replace(state, keys=HELP if can else ""))
        if server is not None:
            server.publish(_published(state))

    return shown


def _server(stack: ExitStack, take: Callable[[Control], None], surface: Surface) -> OscServer | None:
    if surface.port is None:
        if surface.mapping or surface.target:
            raise UsageError("--osc-map and --osc-to need --osc PORT, where OSC is heard")
        return None
    mapping = read_mapping(surface.mapping) if surface.mapping else ()
    target = None
    if surface.target is not None:
        host, colon, port = surface.target.rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
            raise UsageError(f"--osc-to {surface.target!r}: write a host and a port, such as 127.0.0.1:6448")
        target = host, int(port)
    return stack.enter_context(OscServer(surface.port, mapping, take, target=target))


def _published(state: State) -> dict[str, float | int | str]:
    known: dict[str, float | int | str | None] = {
        "phase": state.phase, "bar": state.bar, "beat": state.beat, "key": str(state.key or ""),
        "meter": str(state.meter or ""), "tempo": state.tempo, "mode": state.mode,
        "temperature": state.temperature, "latency": state.latency_ms, "late": state.late, "calls": state.calls,
    }  # fmt: skip
    return {name: value for name, value in known.items() if value is not None}


def _tell(told: list[str], printed: list[str]) -> None:
    for lines, err in ((told, True), (printed, False)):
        with suppress(OSError):  # the terminal may have gone
            for line in lines:
                typer.echo(line, err=err)


@contextmanager
def _endings() -> Iterator[None]:
    """A request to end, or a closed terminal, ends as Ctrl-C does: all is switched off and saved."""
    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        if (number := getattr(signal, name, None)) is not None:
            before[number] = signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _unstoppable() -> Iterator[None]:
    """What is being saved is saved, however often Ctrl-C is pressed."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
