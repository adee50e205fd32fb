"""Commands that make music, or turn one form of it into another."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from composer.cli.terminal import Json, Outputs, Soundfont, paths_for, progressing, report, working, write_all
from composer.errors import Notice, UsageError

if TYPE_CHECKING:
    from composer.score import Score
    from composer.sketch import Sketch

MAX_NOTICES = 12  # shown
MIDI_SUFFIXES = (".mid", ".midi")
PAGES = (".abc", ".musicxml", ".xml", ".mxl", ".svg", ".png")
WRITABLE, EXACT, SELDOM = "1/64+1/32t", 1.0, 0.05  # played exactly: within a millisecond of this grid but for one in 20

Chosen = Annotated[str | None, typer.Option("--tune", metavar="X", help="Of an ABC file: a tune's number or title.")]


def tune(
    style: Annotated[
        str | None,
        typer.Option(help="jig, reel, hornpipe, slip-jig, polka, waltz, march or air: meter, tempo, form and lilt."),
    ] = None,
    key: Annotated[str, typer.Option(help="Tonic and mode: 'D dorian', Ador, G, F#m. Notes belong to the key.")] = "D",
    meter: Annotated[str | None, typer.Option(help="2/4 3/4 4/4 6/8 9/8 ... (4/4, or the style's).")] = None,
    bars: Annotated[
        int | None, typer.Option(help="Bars heard: 32 of AABB are 16 written (32, or the style's).")
    ] = None,
    form: Annotated[str | None, typer.Option(help="Parts as letters: AABB, AB, AABBCC (AABB, or the style's).")] = None,
    endings: Annotated[bool, typer.Option("--endings", help="First and second endings for repeated parts.")] = False,
    tempo: Annotated[float | None, typer.Option(help="Beats a minute; in 6/8 a beat is three eighths.")] = None,
    pitch_range: Annotated[str, typer.Option("--range", help="Lowest and highest note.")] = "D4:B5",
    pin: Annotated[
        list[str] | None,
        typer.Option(metavar="BAR.BEAT=NOTE", help="A note that must begin there: 1.1=D4. Repeatable."),
    ] = None,
    starts_on_tonic: Annotated[bool, typer.Option(help="Begin on the tonic.")] = False,
    ends_on_tonic: Annotated[bool, typer.Option(help="End on the tonic.")] = True,
    title: Annotated[str | None, typer.Option(help="The tune's title.")] = None,
    model: Annotated[str, typer.Option(help="A shipped model's name, or a model file.")] = "folk-markov",
    seed: Annotated[
        int | None, typer.Option(min=0, help="The same seed gives the same notes; a new one if left out.")
    ] = None,
    n: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many tunes.")] = 1,
    temperature: Annotated[
        float, typer.Option(help="1 is as varied as the corpus; below plainer, above wilder.")
    ] = 0.7,
    output: Outputs = None,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Compose a tune: prints it as ABC, writes it where you say."""
    from composer.sketch import Sketch

    options: dict[str, Any] = {
        "bars": bars,
        "meter": meter,
        "key": key,
        "form": form,
        "endings": endings,
        "range": pitch_range,
        "starts_on_tonic": starts_on_tonic,
        "ends_on_tonic": ends_on_tonic,
        "pins": _pins(pin or []),
        "tempo": _tempo(tempo, meter, style),
    }
    if style:
        sketch = Sketch.styled(style, **options)
    else:
        defaults = {"bars": 32, "meter": "4/4", "form": "AABB", "tempo": _tempo(100.0, meter, None)}
        sketch = Sketch.blank(**{**options, **{k: v for k, v in defaults.items() if options[k] is None}})
    _compose(
        sketch,
        model,
        seed,
        n,
        temperature,
        title or f"{(style or 'tune').title()} in {sketch.score.key}",
        output or [],
        soundfont,
        as_json,
    )


def _compose(
    sketch: Sketch, model: str, seed: int | None, n: int, temperature: float, title: str, outputs: list[Path],
    soundfont: str | None, as_json: bool,
) -> None:  # fmt: skip
    from secrets import randbelow

    from composer.pipeline import Composer

    seed = randbelow(2**31) if seed is None else seed
    targets = _targets(outputs, n, title, seed)
    with working("composing"):
        scores = Composer.load(model).completions(sketch, n, seed=seed, temperature=temperature)
    scores = [_titled(score, title, number, n) for number, score in enumerate(scores, 1)]
    written = write_all(scores, targets, soundfont)
    from composer.io.abc import dumps

    texts = [dumps(score).decode() for score in scores]
    if as_json:
        rows = [
            {"title": score.title, "abc": text, "files": files, "made": dict(score.metadata)}
            for score, text, files in zip(scores, texts, written, strict=True)
        ]
        typer.echo(json.dumps({"seed": seed, "tunes": rows}, indent=2))
        return
    typer.echo("\n".join(texts).rstrip())
    report([path for files in written for path in files], f"seed {seed}")


def render(
    file: Annotated[Path, typer.Argument(help="A MIDI, ABC, MusicXML or Humdrum file.")],
    output: Outputs = None,
    tune: Chosen = None,
    grid: Annotated[
        str | None,
        typer.Option(
            help="Quantise MIDI to this grid, such as 1/16 or 1/16+1/8t; none keeps its times. Without it, "
            "a performance goes to 1/16+1/8t where it becomes notes on a page, and keeps its times where it is heard."
        ),
    ] = None,
    sustain: Annotated[bool, typer.Option("--sustain", help="Let MIDI's sustain pedal lengthen notes.")] = False,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Turn a file into scores, pictures and sound: any format in, any out."""
    from composer.io import read

    if not output:
        raise UsageError("say where to write: -o score.png, or -o FOLDER for every format")
    notices: list[Notice] = []
    targets = paths_for(output, file.stem, "")
    if any(path.exists() and file.exists() and path.samefile(file) for path in targets):
        raise UsageError(f"{file}: would be written over; give -o another name")
    score = read(file, notices=notices, **_midi_options(file, grid, sustain), **_choice(file, tune))
    page = _for_a_page(file, score) if grid is None else score
    scores = [page if _is_page(path) else score for path in targets]
    written = [name for names in write_all(scores, [[path] for path in targets], soundfont) for name in names]
    if as_json:
        found = {"bars": score.bars, "key": str(score.key), "meter": str(score.meter), "files": written}
        typer.echo(json.dumps(found | {"notices": [notice._asdict() for notice in notices]}))
        return
    _say(file, notices)
    report(written, (page if page in scores else score).metadata.get("quantization", ""))


def play(
    file: Annotated[Path, typer.Argument(help="A MIDI, ABC, MusicXML or Humdrum file.")],
    tune: Chosen = None,
    port: Annotated[
        str | None, typer.Option(help="Part of a MIDI port's name; without it, sound by fluidsynth.")
    ] = None,
    backend: Annotated[str, typer.Option(help="auto, alsa, jack, coremidi or winmm.")] = "auto",
    soundfont: Soundfont = None,
) -> None:
    """Play a file on a MIDI port, or through fluidsynth. However it is stopped, no note hangs."""
    from composer.io import read
    from composer.live.player import play as perform

    score = read(file, **_choice(file, tune))
    for ending in ("SIGTERM", "SIGHUP"):  # a closed terminal, too, lets the player switch its notes off
        if hasattr(signal, ending):
            signal.signal(getattr(signal, ending), lambda number, _: sys.exit(128 + number))
    with progressing(f"playing {file.name}") as progress:
        perform(score, port=port, backend=backend, soundfont=soundfont, progress=progress)


def _pins(pins: list[str]) -> dict[str, str]:
    pairs = [pin.partition("=") for pin in pins]
    wrong = next((pin for pin, (_, sign, _) in zip(pins, pairs, strict=True) if not sign), None)
    if wrong is not None:
        raise UsageError(f"--pin {wrong}: write BAR.BEAT=NOTE, such as 1.1=D4")
    return {place: note for place, _, note in pairs}


def _tempo(bpm: float | None, meter: str | None, style: str | None) -> Any:
    """The asked tempo in the beats of the meter."""
    if bpm is None:
        return None
    from composer.errors import InvalidScore
    from composer.styles import style_named
    from composer.theory import Meter, Tempo

    try:
        if style and meter is None:
            return Tempo(bpm, style_named(style).tempo.beat)
        return Tempo(bpm, Meter.parse(meter or "4/4").beat)
    except InvalidScore as error:
        raise UsageError(str(error)) from None


def _midi_options(file: Path, grid: str | None, sustain: bool) -> dict[str, Any]:
    options = {name: value for name, value in (("grid", grid), ("sustain", sustain)) if value}
    if options and file.suffix.lower() not in MIDI_SUFFIXES:
        raise UsageError(f"{file}: --grid and --sustain are for MIDI files")
    return {name: value for name, value in options.items() if value != "none"}


def _is_page(path: Path) -> bool:
    return path.name.lower().endswith(PAGES) and not path.name.lower().endswith(".roll.png")


def _for_a_page(file: Path, score: Score) -> Score:
    """A performance quantised, so that it can be read; what is exact already stays."""
    if file.suffix.lower() not in MIDI_SUFFIXES:
        return score
    from composer.io.quantize import USUAL, distances, quantize

    off = distances(score, WRITABLE)
    if not len(off) or (off > EXACT).mean() < SELDOM:
        return score
    snapped, moved = quantize(score, USUAL)
    return snapped.with_metadata(quantization=f"{USUAL}: {moved} (--grid none keeps the times)")


def _choice(file: Path, tune: str | None) -> dict[str, Any]:
    if tune is not None and file.suffix.lower() != ".abc":
        raise UsageError(f"{file}: --tune is for ABC files, which may hold many")
    return {} if tune is None else {"tune": tune}


def _say(file: Path, notices: list[Notice]) -> None:
    """Tell what of a file was not taken as it stands."""
    for notice in notices[:MAX_NOTICES]:
        typer.echo(f"{file}: {notice}", err=True)
    if len(notices) > MAX_NOTICES:
        more = len(notices) - MAX_NOTICES
        typer.echo(f"{file}: {more} more of this kind; `composer corpora inspect` counts them", err=True)


def _titled(score: Score, title: str, number: int, n: int) -> Score:
    return score.with_metadata(title=title if n == 1 else f"{title}, no. {number}")


def _targets(outputs: list[Path], n: int, title: str, seed: int) -> list[list[Path]]:
    """For each of ``n`` tunes the files to write; several tunes are numbered."""
    stem = (
        "-".join("".join(c if c.isalnum() else " " for c in title.lower().replace("#", " sharp")).split()) + f"-{seed}"
    )
    width = len(str(n))
    return [paths_for(outputs, stem, "" if n == 1 else f"-{number:0{width}}") for number in range(1, n + 1)]
