"""The command that measures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from composer.cli.terminal import Json, progressing
from composer.errors import ReadError, UsageError

if TYPE_CHECKING:
    from composer.evaluation.benchmark import Table

NAME = "boulanger-lewandowski"
FOLDER = "COMPOSER_BENCHMARKS"
WHERE = (
    'the four .mat files of N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling temporal dependencies in '
    'high-dimensional sequences" (ICML 2012), which many repositories of sequence models hold, are not part of '
    f"composer: say with --data DIR, or in {FOLDER}, in which folder they are"
)


def evaluate(
    benchmark: Annotated[str, typer.Option(metavar="NAME", help=f"What to measure on: {NAME}.")],
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="SET", help="JSB_Chorales, Nottingham, MuseData or Piano_midi. Repeatable; else all."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", envvar=FOLDER, help="The folder of the four .mat files.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure generators on a public benchmark: test log-likelihood, nats a quarter frame, as published and moved to D.

    The Markov generator is fitted on the spot; other generators are measured where models/benchmarks holds their model.
    First the published figures of independent notes must come out, to the digit. Data and models are for research only.
    """
    from composer.evaluation.benchmark import benchmark_models, read_set
    from composer.evaluation.benchmark import evaluate as measure
    from composer.shipped import folders

    if benchmark != NAME:
        raise UsageError(f"--benchmark {benchmark}: there is {NAME}")
    paths, missing = _paths(data, dataset)
    models = benchmark_models(folder / "benchmarks" for folder in folders("models"))
    with progressing("reading") as progress:
        sets = {}
        for number, (name, path) in enumerate(paths.items(), 1):
            sets[name] = read_set(path, name)
            progress(number / len(paths))
    with progressing("measuring") as progress:
        found = measure(sets, models, progress)
    table = {row: figures | dict.fromkeys(missing) for row, figures in found.table.items()}
    for note in [*found.notes, *(f"{name}: missing, {path} is not there" for name, path in missing.items())]:
        typer.echo(note, err=True)
    if as_json:
        typer.echo(json.dumps(table))
    else:
        _show(table)


def _paths(data: Path | None, asked: list[str] | None) -> tuple[dict[str, Path], dict[str, Path]]:
    """The files to read, and those that are missing; what is asked for by name must be there."""
    from composer.evaluation.benchmark import PUBLISHED

    if unknown := set(asked or []) - set(PUBLISHED):
        raise UsageError(f"--dataset {min(unknown)}: the sets are {', '.join(PUBLISHED)}")
    if data is None:
        raise UsageError(WHERE)
    wanted = {name: data / f"{name}.mat" for name in PUBLISHED if not asked or name in asked}
    there = {name: path for name, path in wanted.items() if path.exists()}
    missing = {name: path for name, path in wanted.items() if name not in there}
    if missing and (asked or not there):
        raise ReadError(f"{next(iter(missing.values()))}: is not there; {WHERE}")
    return there, missing


def _show(table: Table) -> None:
    names = list(next(iter(table.values())))
    width = max(map(len, table))
    typer.echo(" ".join([" " * width, *(f"{name:>12}" for name in names)]))
    for row, figures in table.items():
        cells = (f"{'missing':>12}" if figures[name] is None else f"{figures[name]:12.4f}" for name in names)
        typer.echo(" ".join([f"{row:<{width}}", *cells]))
