"""Commands that learn."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from composer.cli.terminal import KEPT, Json, learning, progressing
from composer.errors import UsageError
from composer.machine import first
from composer.registry import GENERATORS

GOES_ON = "stopped; the same command goes on from the last checkpoint"


def train(
    generator: Annotated[str, typer.Argument(help=f"{', '.join(GENERATORS)}.")],
    corpus: Annotated[str, typer.Option(help="chorales, folk, essen, or a folder of your own files.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The model file to write.")],
    encoding: Annotated[
        str | None, typer.Option(help="melody, abc_tokens, voices or pianoroll (what suits generator and corpus).")
    ] = None,
    per_quarter: Annotated[
        int | None,
        typer.Option(
            "--steps-per-quarter", help="The grid of voices and pianoroll: 12 holds 16ths and triplets (4: 16ths)."
        ),
    ] = None,
    configuration: Annotated[
        str | None, typer.Option(metavar="NAME", help="Hyperparameters by name: original, for biaxial (Johnson 2015).")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of the generator: order=6. Repeatable."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps (auto), for generators trained by gradient.")
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="auto, float32 or bfloat16 (auto: bfloat16 where it is quicker).")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Checkpoints; what was broken off goes on from there (FILE.training)."),
    ] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write to FOLDER/tensorboard as well.")] = False,
    as_json: Json = False,
) -> None:
    """Train a model on a corpus, measure it on held-out music, write it to one file, and a card beside it."""
    from composer.corpora import load
    from composer.evaluation.survey import survey
    from composer.evaluation.survey_text import show as show_survey
    from composer.recipes import neural
    from composer.recipes import train as fit
    from composer.training import Run

    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: a model file ends in .safetensors")
    asked = {"--device": device, "--precision": precision, "--folder": folder, "--tensorboard": tensorboard}
    taken = neural(generator)
    if any(asked.values()) and not taken:
        told = ", ".join(name for name, value in asked.items() if value)
        raise UsageError(f"{told}: {generator} is not trained by gradient, and takes none")
    with progressing(f"reading {corpus}", KEPT) as progress:
        music = load(corpus, progress=progress)
    place = folder or output.with_suffix(".training")
    with progressing("training", GOES_ON if taken else "stopped") as progress:
        run = Run(place, device or "auto", precision or "auto", tensorboard, learning(progress)) if taken else None
        report = fit(
            music,
            output,
            generator=generator,
            encoding=encoding,
            per_quarter=per_quarter,
            configuration=configuration,
            settings=settings or [],
            progress=progress,
            run=run,
            command=shlex.join(["composer", *sys.argv[1:]]),
        )
    if not first():
        return
    if taken and folder is None:
        _remove(place)
    found = survey(music)
    if as_json:
        typer.echo(json.dumps(report | {"corpus_summary": found.summary()}))
        return
    for name, value in report.items():
        typer.echo(f"{name:>24}  {_plain(value)}")
    show_survey(found, err=True, short=True)


def _remove(folder: Path) -> None:
    """What a finished training no longer needs, and its folder, if nothing else is in it."""
    from composer.training.checkpoint import FILE
    from composer.training.windows import SHARDS

    (folder / FILE).unlink(missing_ok=True)
    shutil.rmtree(folder / SHARDS, ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()


def _plain(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(inner)}" for name, inner in value.items()) or "nothing"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
