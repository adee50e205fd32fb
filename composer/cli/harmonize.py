"""The command that gives a melody three voices below it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from composer.cli.completing import (
    Chords,
    Number,
    Preferences,
    Seed,
    Temperature,
    Wishes,
    targets_of,
    titled,
)
from composer.cli.files import Chosen, choice, for_a_page, say
from composer.cli.terminal import Json, Outputs, Soundfont, report, spare, working, write_all
from composer.errors import Notice, UsageError
from composer.registry import MIDI

if TYPE_CHECKING:
    from composer.harmonizing import Alternative
    from composer.score import Score
    from composer.sketch import Sketch

MODEL = "chorales-maxent"
MOST_SHOWN = 12  # mistakes of an alternative


def harmonize(
    file: Annotated[
        Path, typer.Argument(help="A melody, lead sheet or partly filled choir: MIDI, ABC, MusicXML, Humdrum.")
    ],
    part: Annotated[
        str | None, typer.Option(metavar="NAME|N", help="The part that is the melody, by name or number.")
    ] = None,
    top: Annotated[bool, typer.Option("--top", help="Where notes sound at once, take the highest.")] = False,
    key: Annotated[str | None, typer.Option(help="The key, in place of the file's: 'D dorian', F#m.")] = None,
    transpose: Annotated[
        str | None,
        typer.Option(metavar="INTERVAL", help="All of it higher or lower, to suit singers: -2 (semitones), m3, -P4."),
    ] = None,
    phrases: Annotated[
        str,
        typer.Option(
            metavar="BARS|auto|none",
            help="Where cadences are, beside fermatas: every so many bars, or auto: at fermatas if there are any, else "
            "at breaths, double bars, repeats and long notes that end four bars.",
        ),
    ] = "auto",
    chords: Chords = None,
    forbid: Annotated[
        str | None,
        typer.Option(
            metavar="RULES",
            help="What must not happen, such as parallels,crossings; there are direct, overlaps, spacing, "
            "leading-tones, augmented, too.",
        ),
    ] = None,
    pin: Annotated[
        list[str] | None,
        typer.Option(metavar="'VOICE BAR.BEAT=NOTE'", help="A note that must begin there: 'bass 1.1=D3'. Repeatable."),
    ] = None,
    voice: Annotated[
        list[str] | None, typer.Option(metavar="VOICE=FILE", help="A voice that is given: bass=bass.mid. Repeatable.")
    ] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="REGION", help="Of a choir, what stays, the rest is new: 'bars 1-4', bass.")
    ] = None,
    wish: Wishes = None,
    prefer: Preferences = None,
    tune: Chosen = None,
    model: Annotated[str | None, typer.Option(help=f"A model's name or file ({MODEL}).")] = None,
    generator: Annotated[
        str | None, typer.Option(metavar="NAME", help="The shipped chorale model of this kind: maxent, markov ...")
    ] = None,
    seed: Seed = None,
    n: Number = 1,
    temperature: Temperature = None,
    output: Outputs = None,
    soundfont: Soundfont = None,
    as_json: Json = False,
) -> None:
    """Give a melody an alto, a tenor and a bass, as Bach would; or fill what a choir lacks."""
    from secrets import randbelow

    from composer.harmonizing import alternatives, check_returned, check_writable, sketch_of
    from composer.pipeline import Composer

    seed = randbelow(2**31) if seed is None else seed
    composer = Composer.load(_model(model, generator))
    score, done = _given(file, tune, part, top, key, transpose, voice or [])
    wishes = {"chords": chords, "forbid": forbid, "wish": wish, "prefer": prefer}
    named = {name: value for name, value in wishes.items() if value}
    sketch = sketch_of(score, phrases=phrases, keep=keep, pins=pin or [], **named)
    done += _rests(sketch)
    title = score.title or file.stem
    targets = targets_of(output or [], n, title, seed)
    spare(file, [path for paths in targets for path in paths])
    check_writable(score, [path for paths in targets for path in paths])
    temperature = composer.usual_temperature if temperature is None else temperature
    with working("harmonising"):
        found = alternatives(composer, sketch, n, seed=seed, temperature=temperature)
    scores = [titled(one.score, title, number, n) for number, one in enumerate(found, 1)]
    written = write_all(scores, targets[: len(scores)], soundfont)
    for made, names in zip(scores, written, strict=True):
        for name in names:
            check_returned(made, Path(name))
    done += [f"there are only {len(found)} different ones"] if len(found) < n else []
    if as_json:
        typer.echo(json.dumps({"seed": seed, "done": done, "alternatives": _rows(found, scores, written)}, indent=2))
        return
    if not output:
        typer.echo("\n".join(_abc(made) for made in scores).rstrip())
    for line in done:
        report([], line)
    _show(found)
    report([name for names in written for name in names], f"seed {seed}, model {composer.name}")


def _model(model: str | None, generator: str | None) -> str:
    from composer.shipped import model_names

    if model is not None and generator is not None:
        raise UsageError("--model names the generator already; leave --generator out")
    if generator is not None:
        known = model_names()
        if f"chorales-{generator}" not in known:
            kinds = ", ".join(name.removeprefix("chorales-") for name in known if name.startswith("chorales-"))
            raise UsageError(f"--generator {generator}: no chorale model of this kind is shipped; there are {kinds}")
        return f"chorales-{generator}"
    return model or MODEL


def _given(
    file: Path, tune: str | None, part: str | None, top: bool, key: str | None, transpose: str | None, voices: list[str]
) -> tuple[Score, list[str]]:
    """The choir that the files give, and what was done to it."""
    from composer.harmonizing import choir_of, fitted, in_key, transposed, with_voice
    from composer.io.keys import key_said

    try:
        score, done = _read(file, tune)
        score, words = choir_of(score, part, top)
        done += words
        score, words = in_key(score, key, key_said(file))
        done += words
        for entry in voices:
            name, sign, path = entry.partition("=")
            if not sign:
                raise UsageError(f"--voice {entry}: write it as bass=FILE")
            score = with_voice(score, name, _read(Path(path), None)[0])
        if transpose is not None:
            score, words = transposed(score, transpose)
            done += words
        score, words = fitted(score, octaves=transpose is None)
    except UsageError as error:
        raise UsageError(str(error) if str(error).startswith(("--", f"{file}: ")) else f"{file}: {error}") from None
    return score, [*done, *words]


def _read(file: Path, tune: str | None) -> tuple[Score, list[str]]:
    """A file as a page; of one that was played, with what was done to its times."""
    from composer.harmonizing import detached
    from composer.io import read

    notices: list[Notice] = []
    score = for_a_page(file, read(file, notices=notices, **choice(file, tune)))
    say(file, notices)
    if file.suffix.lower() not in MIDI:
        return score, []
    score, done = detached(score)
    quantized = score.metadata.get("quantization")
    return score, [*([f"played times went to the grid {quantized.partition(' (--')[0]}"] if quantized else []), *done]


def _rests(sketch: Sketch) -> list[str]:
    """Where phrases come to rest, in words."""
    score = sketch.score
    places = [score.place(tick) for tick in sorted({*score.fermatas, *sketch.cadences})]
    more = [f"and {len(places) - MOST_SHOWN} more"] if len(places) > MOST_SHOWN else []
    return [f"phrases rest at {'; '.join([*places[:MOST_SHOWN], *more])}"] if places else []


def _abc(score: Score) -> str:
    from composer.io.abc import dumps

    return dumps(score).decode()


def _rows(found: list[Alternative], scores: list[Score], written: list[list[str]]) -> list[dict[str, Any]]:
    from composer.voice_leading import told

    return [
        {
            "title": score.title,
            "nats_per_note": round(one.nats, 4),
            "mistakes": [{**m._asdict(), "told": told(m, score)} for m in one.mistakes],
            "abc": _abc(score),
            "files": files,
            "made": dict(score.metadata),
        }
        for one, score, files in zip(found, scores, written, strict=True)
    ]


def _show(found: list[Alternative]) -> None:
    """The alternatives with what a teacher would mark, on stderr: a table where somebody watches."""
    from composer.voice_leading import told

    rows: list[tuple[str, str, str, list[str]]] = []
    for place, one in enumerate(found, 1):
        marks = [told(mistake, one.score) for mistake in one.mistakes]
        rest = [f"and {len(marks) - MOST_SHOWN} more"] if len(marks) > MOST_SHOWN else []
        rows.append((f"{place}", f"{one.nats:.2f}", f"{len(marks)}", [*marks[:MOST_SHOWN], *rest]))
    if sys.stderr.isatty():
        _table(rows)
        return
    for number, nats, count, lines in rows:
        typer.echo(
            f"no. {number}: {nats} nats a note, {count} mistake{'' if count == '1' else 's'} in voice leading", err=True
        )
        for line in lines:
            typer.echo(f"  {line}", err=True)


def _table(rows: list[tuple[str, str, str, list[str]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("no.", "nats a note", "mistakes", "where", box=None, pad_edge=False)
    for number, nats, count, lines in rows:
        table.add_row(number, nats, count, "\n".join(lines))
    Console(stderr=True).print(table)
