"""Commands that turn one form of music into another."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from composer.cli.terminal import Json, Outputs, Soundfont, paths_for, progressing, report, spare, write_all
from composer.errors import Notice, UsageError
from composer.registry import MIDI, MUSICXML

if TYPE_CHECKING:
    from composer.score import Score

MAX_NOTICES = 12  # shown
PAGES = (".abc", *MUSICXML, ".svg", ".png")
WRITABLE, EXACT, SELDOM = "1/64+1/32t", 1.0, 0.05  # played exactly: within a millisecond of this grid but for one in 20

Chosen = Annotated[str | None, typer.Option("--tune", metavar="X", help="Of an ABC file: a tune's number or title.")]


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
    spare(file, targets)
    score = read(file, notices=notices, **_midi_options(file, grid, sustain), **choice(file, tune))
    page = for_a_page(file, score) if grid is None else score
    scores = [page if _is_page(path) else score for path in targets]
    written = [name for names in write_all(scores, [[path] for path in targets], soundfont) for name in names]
    if as_json:
        found = {"bars": score.bars, "key": str(score.key), "meter": str(score.meter), "files": written}
        typer.echo(json.dumps(found | {"notices": [notice._asdict() for notice in notices]}))
        return
    say(file, notices)
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

    score = read(file, **choice(file, tune))
    for ending in ("SIGTERM", "SIGHUP"):  # a closed terminal, too, lets the player switch its notes off
        if hasattr(signal, ending):
            signal.signal(getattr(signal, ending), lambda number, _: sys.exit(128 + number))
    with progressing(f"playing {file.name}") as progress:
        perform(score, port=port, backend=backend, soundfont=soundfont, progress=progress)


def _midi_options(file: Path, grid: str | None, sustain: bool) -> dict[str, Any]:
    options = {name: value for name, value in (("grid", grid), ("sustain", sustain)) if value}
    if options and file.suffix.lower() not in MIDI:
        raise UsageError(f"{file}: --grid and --sustain are for MIDI files")
    return {name: value for name, value in options.items() if value != "none"}


def _is_page(path: Path) -> bool:
    return path.name.lower().endswith(PAGES) and not path.name.lower().endswith(".roll.png")


def for_a_page(file: Path, score: Score) -> Score:
    """A performance quantised, so that it can be read; what is exact already stays."""
    if file.suffix.lower() not in MIDI:
        return score
    from composer.io.quantize import USUAL, distances, quantize

    off = distances(score, WRITABLE)
    if not len(off) or (off > EXACT).mean() < SELDOM:
        return score
    snapped, moved = quantize(score, USUAL)
    return snapped.with_metadata(quantization=f"{USUAL}: {moved} (--grid none keeps the times)")


def choice(file: Path, tune: str | None) -> dict[str, Any]:
    if tune is not None and file.suffix.lower() != ".abc":
        raise UsageError(f"{file}: --tune is for ABC files, which may hold many")
    return {} if tune is None else {"tune": tune}


def say(file: Path, notices: list[Notice]) -> None:
    """Tell what of a file was not taken as it stands."""
    for notice in notices[:MAX_NOTICES]:
        typer.echo(f"{file}: {notice}", err=True)
    if len(notices) > MAX_NOTICES:
        more = len(notices) - MAX_NOTICES
        typer.echo(f"{file}: {more} more of this kind; `composer corpora inspect` counts them", err=True)
