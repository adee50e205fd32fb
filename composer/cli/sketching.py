"""Commands that complete what somebody began: a sketch file, some bars of a tune, what comes after it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from composer.cli.completing import (
    Asked,
    Chords,
    For,
    Model,
    Number,
    Preferences,
    Seed,
    Temperature,
    Wishes,
    complete_and_write,
)
from composer.cli.files import Chosen, choice, for_a_page
from composer.cli.terminal import Json, Outputs, Soundfont, report
from composer.errors import UsageError

if TYPE_CHECKING:
    from composer.score import Score

File = Annotated[Path, typer.Argument(help="A MIDI, ABC, MusicXML or Humdrum file.")]


def complete(
    sketch: Annotated[
        Path | None,
        typer.Argument(help="A sketch: TOML, or a score with a region marked from the word free to the word /free."),
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema of sketch files, and stop.")] = False,
    model: Model = None,
    seed: Seed = None,
    n: Number = 1,
    temperature: Temperature = None,
    output: Outputs = None,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Complete a sketch: prints it as ABC, writes it where you say."""
    from composer.io.sketch import read_sketch, schema_text

    if schema:
        typer.echo(schema_text())
        return
    if sketch is None:
        raise UsageError("say which sketch to complete, such as sketch.toml; --schema prints what may stand in one")
    asked = Asked(model, seed, n, temperature, output or [], soundfont, as_json)
    wanted = read_sketch(sketch)
    complete_and_write(wanted, asked, wanted.score.title or sketch.stem, sketch)


def vary(
    file: File,
    bars: Annotated[
        list[str] | None, typer.Option(metavar="N-M", help="Written bars to compose anew: 5-8, or 5. Repeatable.")
    ] = None,
    voice: Annotated[
        str | None, typer.Option(help="Only in these voices, by number or name: 2, 'alto, tenor' (all).")
    ] = None,
    instrument: For = None,
    chords: Chords = None,
    wish: Wishes = None,
    prefer: Preferences = None,
    tune: Chosen = None,
    model: Model = None,
    seed: Seed = None,
    n: Number = 1,
    temperature: Temperature = None,
    output: Outputs = None,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Keep a score but for some bars or voices; compose those anew in its compass and scale, rather to its chords."""
    from composer.sketch import Sketch
    from composer.sketch.regions import own_bounds

    if not bars and not voice:
        raise UsageError("say what to compose anew: --bars 5-8, or --voice alto, or both")
    of = f" of {voice}" if voice else ""
    free = "; ".join(f"bars {span}{of}" for span in bars) if bars else f"voices {voice}"
    asked = Asked(model, seed, n, temperature, output or [], soundfont, as_json)
    score, wishes = _score(file, tune), _given(instrument=instrument, chords=chords, wish=wish, prefer=prefer)
    sketch = Sketch.of(score, free, own_bounds(score, wishes), **wishes)
    composed = complete_and_write(sketch, asked, score.title or file.stem, file)
    if all(_notes(made) == _notes(score) for made in composed):
        report([], "the same notes as before, by far the likeliest there: try --temperature 1.5, or free more of it")


def continue_(
    file: File,
    bars: Annotated[int, typer.Option(help="How many bars to add.")] = 8,
    instrument: For = None,
    chords: Chords = None,
    wish: Wishes = None,
    prefer: Preferences = None,
    tune: Chosen = None,
    model: Model = None,
    seed: Seed = None,
    n: Number = 1,
    temperature: Temperature = None,
    output: Outputs = None,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Go on where a score ends, in its last meter and key, within its compass and its scale."""
    from composer.sketch import Sketch
    from composer.sketch.regions import own_bounds

    asked = Asked(model, seed, n, temperature, output or [], soundfont, as_json)
    score, wishes = _score(file, tune), _given(instrument=instrument, chords=chords, wish=wish, prefer=prefer)
    sketch = Sketch.continuing(score, bars, own_bounds(score, wishes), **wishes)
    complete_and_write(sketch, asked, score.title or file.stem, file)


def _notes(score: Score) -> list[list[tuple[int, int, int]]]:
    return [[(note.onset, note.pitch, note.duration) for note in part] for part in score.parts]


def _given(**wishes: Any) -> dict[str, Any]:
    """The wishes that were made."""
    return {name: value for name, value in wishes.items() if value}


def _score(file: Path, tune: str | None) -> Score:
    from composer.io import read

    return for_a_page(file, read(file, **choice(file, tune)))
