"""The command that plays with you: call and response, live or from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from composer.cli.completing import MELODY, Model, Seed
from composer.cli.files import say
from composer.cli.terminal import Json
from composer.errors import Notice, UsageError, brief

if TYPE_CHECKING:
    from composer.cli.jam_asked import Asked

NEW_SEEDS = 2**31


def jam(
    file: Annotated[
        Path | None,
        typer.Option(help="Calls from a file, answered offline: MIDI, ABC, MusicXML."),
    ] = None,
    replay: Annotated[
        Path | None, typer.Option(metavar="SESSION", help="The folder of a jam, played once more as it was asked for.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--in", metavar="PORT", help="Part of the keyboard's port name.")
    ] = None,
    sink: Annotated[str | None, typer.Option("--out", metavar="PORT", help="Part of the port to play on.")] = None,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="Make ports of our own, which other programs connect to.")
    ] = False,
    backend: Annotated[str, typer.Option(help="auto, alsa, jack, coremidi or winmm.")] = "auto",
    model: Model = None,
    mode: Annotated[
        str, typer.Option(help="continue, vary, contrast, or accompany: your call with a choir.")
    ] = "continue",
    key: Annotated[str, typer.Option(help="auto, or a key such as 'D dorian'.")] = "auto",
    bars: Annotated[str, typer.Option(help="Of an answer: auto, as many as the call has, or a number.")] = "auto",
    meter: Annotated[str, typer.Option(help="auto, or a meter such as 6/8.")] = "auto",
    tempo: Annotated[
        str, typer.Option(help="auto: yours, call by call; a number, quarters a minute; clock: that of MIDI clock.")
    ] = "auto",
    temperature: Annotated[float, typer.Option(help="1 is as varied as the corpus; below plainer.")] = 0.7,
    density: Annotated[float, typer.Option(help="Notes a beat in answers; 0: like the call's.")] = 0.0,
    chords: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A text of chords, 'Am | Dm G7 | C', that the music goes round.")
    ] = None,
    left_hand: Annotated[bool, typer.Option("--left-hand", help="Answers repeat your left hand, too.")] = False,
    silence: Annotated[float, typer.Option(help="Seconds of silence, key and pedal up, that end a phrase.")] = 0.7,
    panic: Annotated[
        str | None, typer.Option("--panic-key", metavar="NOTE", help="A key that silences everything, such as A0.")
    ] = None,
    end: Annotated[int, typer.Option("--end-cc", metavar="N", help="The control change that ends a phrase.")] = 67,
    memory: Annotated[
        float, typer.Option(metavar="CALLS", help="After so many calls what was learned counts half; 0 learns nothing.")
    ] = 8.0,
    metronome: Annotated[bool, typer.Option("--metronome", help="Click on the beats; needs a --tempo.")] = False,
    count_in: Annotated[
        bool, typer.Option("--count-in", help="Click a bar before the first; needs a --tempo.")
    ] = False,
    clock_out: Annotated[bool, typer.Option("--clock-out", help="Send MIDI clock; needs a --tempo.")] = False,
    osc: Annotated[int | None, typer.Option(metavar="PORT", help="Be steered by OSC on this UDP port.")] = None,
    osc_map: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A TOML file that maps Wekinator's outputs.")
    ] = None,
    osc_to: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Where OSC state is sent, too.")] = None,
    seed: Seed = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="Where the session is saved.")
    ] = None,
    save_model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the model with what it has learned from you.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Play with the engine: you play a phrase, it answers, and stops the moment that you play again.

    Without options it takes the MIDI ports that look right. The session is saved as MIDI, ABC and a log.
    """
    from random import SystemRandom

    from composer.cli.jam_asked import Asked
    from composer.live.answering import Settings
    from composer.live.calls import read_calls
    from composer.live.controls import Control
    from composer.live.improviser import changed
    from composer.live.record import read_session
    from composer.theory import parse_pitch

    if file is not None and replay is not None:
        raise UsageError("--file and --replay are two jams; give one of them")
    if file is not None or replay is not None:
        _only_on_ports(
            {"--in": source, "--out": sink, "--virtual": virtual, "--backend": backend != "auto",
             "--metronome": metronome, "--count-in": count_in, "--clock-out": clock_out,
             "--osc": osc is not None, "--osc-map": osc_map, "--osc-to": osc_to}
        )  # fmt: skip
    settings = Settings(
        bars=_whole("bars", bars, 1, 16),
        meter=_meter(meter),
        chords=_chart(chords),
        left_hand=left_hand,
        seed=seed if seed is not None else 0 if file else SystemRandom().randrange(NEW_SEEDS),
    )
    for name, value in (("mode", mode), ("key", key), ("temperature", temperature), ("density", density)):
        settings = changed(settings, Control(name, value))
    if tempo not in ("auto", "clock"):
        settings = changed(settings, Control("tempo", tempo))
    if tempo == "auto" and (metronome or count_in or clock_out):
        raise UsageError("a metronome, a count-in and MIDI clock need a --tempo, such as 100, or clock")
    if replay is not None:
        session = read_session(replay)
        asked = Asked.of_log(session, output, save_model, as_json)
        heard = [(moment - session.start, item) for moment, item in session.heard]
        _rehearse(heard, f"{replay.stem}-again", asked, shared=asked.tempo != "auto", turns=False)
        return
    panic_key = None if panic is None else parse_pitch(panic)
    asked = Asked(model or MELODY, settings, tempo, silence, end, panic_key, memory, output, save_model, as_json)
    if file is not None:
        if tempo == "clock":
            raise UsageError("a file brings no MIDI clock; give a --tempo in numbers, or auto")
        notices: list[Notice] = []
        calls = read_calls(file, settings.tempo, notices)
        say(file, notices)
        asked = asked if calls.page is None else asked.as_written(calls.page)
        shared = tempo != "auto" or calls.page is not None
        _rehearse(calls.messages, f"{file.stem}-jam", asked, shared=shared, turns=True)
        return
    from composer.cli.jam_live import Pulse, Surface, play, plugs

    play(
        asked,
        plugs(source, sink, virtual, backend),
        Surface(osc, osc_map, osc_to),
        Pulse(metronome, count_in, clock_out),
    )


def _only_on_ports(given: dict[str, Any]) -> None:
    name = next((name for name, value in given.items() if value), None)
    if name is not None:
        raise UsageError(f"{name} is for a jam on ports; leave it out with --file and --replay, which need none")


def _rehearse(calls: list[tuple[float, Any]], name: str, asked: Asked, *, shared: bool, turns: bool) -> None:
    """The jam offline: the same answers every time."""
    from composer.io import write_bytes
    from composer.live.improviser import Improviser
    from composer.live.phrase import Segmenter
    from composer.live.record import made
    from composer.live.rehearsal import Rehearsal
    from composer.live.thinker import Inline, loaded

    answering = loaded(asked.model, asked.memory)
    grid = asked.grid(0.0) if shared else None
    segmenter = Segmenter(silence=asked.silence, ending=asked.end)
    improviser = Improviser(Inline(answering), asked.settings, segmenter=segmenter, grid=grid, panic=asked.panic)
    record = asked.record(0.0, answering.model.digest, shared)
    rehearsal = Rehearsal(improviser, record, turns=turns)
    rehearsal.run(calls)
    written = record.save(made(asked.output or Path(name)))
    if asked.save_model is not None:
        written.append(write_bytes(answering.saved(), asked.save_model))
    files = [str(path) for path in written]
    if asked.as_json:
        told = [{"call": call, "why": why} for call, why in rehearsal.unanswered]
        typer.echo(json.dumps({"calls": improviser.calls, "late": improviser.late, "silent": told, "files": files}))
        return
    typer.echo(record.files().get("session.abc", b"").decode(), nl=False)
    for why, numbers in _by_reason(rehearsal.unanswered).items():
        typer.echo(brief(f"no answer to call {', '.join(numbers)}: {why}", 2000), err=True)
    for path in files:
        typer.echo(f"wrote {path}", err=True)


def _by_reason(unanswered: list[tuple[int, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for call, why in unanswered:
        found.setdefault(why, []).append(str(call))
    return found


def _whole(name: str, text: str, low: int, high: int) -> int | None:
    if text == "auto":
        return None
    if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
        raise UsageError(f"--{name} {text!r}: write auto, or a number from {low} to {high}")
    return int(text)


def _meter(text: str) -> Any:
    from composer.theory import Meter

    return None if text == "auto" else Meter.parse(text)


def _chart(path: Path | None) -> str:
    """The chords of a file, checked; raises :class:`UsageError`."""
    from composer.io import read_bytes
    from composer.score import Score, regular_barlines
    from composer.sketch.chords import Chords
    from composer.theory import Meter

    if path is None:
        return ""
    text = " ".join(read_bytes(path).decode(errors="replace").split()).strip("| ")
    bars = text.count("|") + 1
    if len(text) > 10_000:
        raise UsageError(f"{path}: has {len(text):,} characters; write chords such as Am | Dm G7 | C")
    try:
        Chords.parse(text, Score.of([], barlines=regular_barlines([Meter(4, 4)], bars * 40320)))
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return text
