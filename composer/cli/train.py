"""Commands that learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from composer.cli.terminal import KEPT, Json, progressing
from composer.errors import UsageError


def train(
    corpus: Annotated[str, typer.Argument(help="chorales, folk, essen, or a folder of your own files.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The model file to write.")],
    generator: Annotated[str, typer.Option(help="markov or maxent (which writes columns of voices).")] = "markov",
    encoding: Annotated[
        str | None, typer.Option(help="melody, abc_tokens, voices or pianoroll (melody, or voices for chorales).")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of the generator: order=6. Repeatable."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a model on a corpus, measure it on held-out music, write it to one file."""
    from composer.corpora import load
    from composer.evaluation.survey import survey
    from composer.evaluation.survey_text import show as show_survey
    from composer.recipes import train as fit

    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: a model file ends in .safetensors")
    with progressing(f"reading {corpus}", KEPT) as progress:
        music = load(corpus, progress=progress)
    with progressing("training") as progress:
        report = fit(music, output, generator=generator, encoding=encoding, settings=settings or [], progress=progress)
    found = survey(music)
    if as_json:
        typer.echo(json.dumps(report | {"corpus_summary": found.summary()}))
        return
    for name, value in report.items():
        typer.echo(f"{name:>24}  {_plain(value)}")
    show_survey(found, err=True, short=True)


def _plain(value: object) -> str:
    """A value as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(inner)}" for name, inner in value.items()) or "nothing"
    if isinstance(value, list | tuple):
        return " ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
