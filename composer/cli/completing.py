"""What the commands that complete sketches share: their options, the model they take, what they print and write."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from composer.cli.terminal import paths_for, report, spare, working, write_all
from composer.errors import Unsupported

if TYPE_CHECKING:
    from composer.pipeline import Composer
    from composer.score import Score
    from composer.sketch import Sketch

MELODY, CHOIR = "folk-markov", "chorales-markov"

Model = Annotated[
    str | None, typer.Option(help=f"A shipped model's name, or a model file ({MELODY} for a melody, else {CHOIR}).")
]
Seed = Annotated[int | None, typer.Option(min=0, help="The same seed gives the same notes; a new one if left out.")]
Number = Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many.")]
Temperature = Annotated[
    float | None,
    typer.Option(
        help="1 is as varied as the corpus; below plainer, above wilder. Without it, the model's own: "
        "0.7, of networks of one line 0.9.",
        show_default=False,
    ),
]

For = Annotated[
    str | None,
    typer.Option("--for", metavar="INSTRUMENT", help="Notes that it plays with ease: 'D whistle', fiddle, alto ..."),
]
Chords = Annotated[
    str | None,
    typer.Option(help="Chords that notes on beats belong to, bar by bar: 'Dm7 | G7/B C | I V7', - for none."),
]
Scale = Annotated[
    str | None, typer.Option(help="In place of the key's: 'G pentatonic', 'A harmonic minor', chromatic ...")
]
MaxCopy = Annotated[
    str | None, typer.Option(metavar="LENGTH", help="The longest copy of a tune in the corpus: 2bars, '12 notes'.")
]
Wishes = Annotated[
    list[str] | None,
    typer.Option(
        "--wish",
        metavar="[WHERE:] NAME=VALUE",
        help="Anything that sketches know (`composer complete --schema`), for some bars or voices if you like: "
        "leap=5th, 'bars 5-8: contour=rising'. Repeatable.",
    ),
]
Preferences = Annotated[
    list[str] | None,
    typer.Option(
        "--prefer",
        metavar="[WHERE:] NAME=VALUE",
        help="A wish that should be likely, not certain: 'shortest=1/8', 'bars 1-4: density=2-4 weight 2'. Repeatable.",
    ),
]


@dataclass(frozen=True)
class Asked:
    """How a sketch is to be completed, and where the results go."""

    model: str | None
    seed: int | None
    n: int
    temperature: float | None  # None: the model's own
    outputs: list[Path]
    soundfont: str | None
    as_json: bool


def complete_and_write(sketch: Sketch, asked: Asked, title: str, source: Path | None = None) -> list[Score]:
    """Complete a sketch, write the files, print ABC or JSON; ``source`` is a file not to be written over. Returns what
    was composed.
    """
    from secrets import randbelow

    from composer.io.abc import dumps

    seed = randbelow(2**31) if asked.seed is None else asked.seed
    targets = targets_of(asked.outputs, asked.n, title, seed)
    if source is not None:
        spare(source, [path for paths in targets for path in paths])
    with working("composing"):
        model = _model(sketch, asked.model)
        temperature = model.usual_temperature if asked.temperature is None else asked.temperature
        scores = model.completions(sketch, asked.n, seed=seed, temperature=temperature)
    scores = [titled(score, title, number, asked.n) for number, score in enumerate(scores, 1)]
    written = write_all(scores, targets, asked.soundfont)
    texts = [dumps(score).decode() for score in scores]
    if asked.as_json:
        rows = [
            {"title": score.title, "abc": text, "files": files, "made": dict(score.metadata)}
            for score, text, files in zip(scores, texts, written, strict=True)
        ]
        typer.echo(json.dumps({"seed": seed, "tunes": rows}, indent=2))
        return scores
    typer.echo("\n".join(texts).rstrip())
    report([path for files in written for path in files], f"seed {seed}")
    for score in scores if asked.n == 1 else ():
        report([], score.metadata.get("copied", ""))
        report([], f"copy guard: {score.metadata['guard']}" if "guard" in score.metadata else "")
        report([], f"drawn by {score.metadata['drawn']}" if "drawn" in score.metadata else "")
    return scores


def _model(sketch: Sketch, name: str | None) -> Composer:
    """The model of this name, or the one for so many voices."""
    from composer.pipeline import Composer

    if name is not None:
        return Composer.load(name)
    voices = len(sketch.score.parts)
    model = Composer.load(MELODY if voices == 1 else CHOIR)
    if refusal := model.refusal(sketch):
        raise Unsupported(f"no installed model can complete this sketch: {refusal}; give --model one that can")
    return model


def titled(score: Score, title: str, number: int, n: int) -> Score:
    return score.with_metadata(title=title if n == 1 else f"{title}, no. {number}")


def targets_of(outputs: list[Path], n: int, title: str, seed: int) -> list[list[Path]]:
    """For each of ``n`` tunes the files to write; several tunes are numbered."""
    words = "".join(c if c.isalnum() else " " for c in title.lower().replace("#", " sharp")).split()
    stem = f"{'-'.join(words) or 'tune'}-{seed}"[-80:]
    width = len(str(n))
    return [paths_for(outputs, stem, "" if n == 1 else f"-{number:0{width}}") for number in range(1, n + 1)]
