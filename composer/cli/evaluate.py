"""The command that measures: the judge, and the public benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from composer.cli.terminal import Json, in_folders, progressing
from composer.errors import ReadError, UsageError

if TYPE_CHECKING:
    from composer.evaluation.benchmark import Table

NAME = "boulanger-lewandowski"
FOLDER = "COMPOSER_BENCHMARKS"
FOILS = "COMPOSER_FOILS"
WHERE = (
    'the four .mat files of N. Boulanger-Lewandowski, Y. Bengio and P. Vincent, "Modeling temporal dependencies in '
    'high-dimensional sequences" (ICML 2012), which many repositories of sequence models hold, are not part of '
    f"composer: say with --data DIR, or in {FOLDER}, in which folder they are"
)
PAGES = (".html", ".htm", ".json")
LEAST_SAMPLES, MOST_SAMPLES = 25, 10_000  # five pages of five tunes, for the folds of the judge
JUDGE = "The judge"
BENCHMARK = "The benchmark"


def evaluate(
    generators: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,...", help="Only models of these: markov, maxent, biaxial.", rich_help_panel=JUDGE),
    ] = None,
    corpus: Annotated[
        list[str] | None,
        typer.Option(help="folk, chorales, or a folder: only models trained on it. Repeatable.", rich_help_panel=JUDGE),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="Only this model, a name or a file of yours. Repeatable.", rich_help_panel=JUDGE),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="report.html, report.json. Repeatable.", rich_help_panel=JUDGE
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option("-n", help="Pieces that each model composes (500 tunes, 100 chorales).", rich_help_panel=JUDGE),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same report.", rich_help_panel=JUDGE)] = 0,
    foils: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            envvar=FOILS,
            help="The folder of js-fakes-16thSeparated.npz (github.com/omarperacha/js-fakes), 500 chorales of a "
            "machine, which a judge of chorales must catch.",
            rich_help_panel=JUDGE,
        ),
    ] = None,
    benchmark: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"Measure on {NAME} instead.", rich_help_panel=BENCHMARK),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SET",
            help="JSB_Chorales, Nottingham, MuseData or Piano_midi. Repeatable; else all.",
            rich_help_panel=BENCHMARK,
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", envvar=FOLDER, help="The folder of the four .mat files.", rich_help_panel=BENCHMARK
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge models: how near to real music, what they can be asked, whether they copy.

    Every model that was trained on a corpus composes on blank pages like those of the corpus, and completes 200
    sketches for each job; what it wrote is held against music that no model has seen, and against what it learned from.
    The first time this takes nine minutes on two cores; what did not change is kept.

    --benchmark measures test log-likelihood, nats a quarter frame, as published and moved to D, on public piano rolls.
    The Markov generator is fitted on the spot; other generators are measured where models/benchmarks holds their model.
    First the published figures of independent notes must come out, to the digit. Data and models are for research only.
    """
    if benchmark is not None:
        _benchmark(benchmark, data, dataset, as_json)
        return
    if dataset:
        raise UsageError(f"--dataset {dataset[0]}: belongs to --benchmark {NAME}")
    if samples is not None and not LEAST_SAMPLES <= samples <= MOST_SAMPLES:
        raise UsageError(f"-n {samples}: take {LEAST_SAMPLES} to {MOST_SAMPLES} pieces")
    if seed < 0:
        raise UsageError(f"--seed {seed}: take a whole number from 0 on")
    wrong = next((path for path in output or [] if path.suffix.lower() not in PAGES), None)
    if wrong is not None:
        raise UsageError(f"{wrong}: a report is .html or .json")
    in_folders(output or [])
    _judge(_split(generators), corpus or [], model or [], output or [], samples, seed, foils, as_json)


def _split(names: list[str] | None) -> list[str]:
    from composer.registry import GENERATORS

    found = [name for text in names or [] for name in text.replace(",", " ").split()]
    if unknown := next((name for name in found if name not in GENERATORS), None):
        raise UsageError(f"--generators {unknown}: there are {', '.join(GENERATORS)}")
    return found


def _judge(
    generators: list[str],
    corpora: list[str],
    models: list[str],
    outputs: list[Path],
    samples: int | None,
    seed: int,
    foils: Path | None,
    as_json: bool,
) -> None:
    from composer.cli.terminal import KEPT
    from composer.disk import write_bytes
    from composer.evaluation.judge import candidates, judge
    from composer.evaluation.report.page import page
    from composer.evaluation.report.text import show

    with progressing("judging", KEPT) as progress:
        found = candidates(models, generators)
        report = judge(found, corpora, samples=samples, seed=seed, foils=foils, progress=progress)
    text = json.dumps(report)
    if as_json:
        typer.echo(text)
    else:
        show(report)
    for path in outputs:
        whole = text if path.suffix.lower() == ".json" else page(report)
        typer.echo(f"wrote {write_bytes(whole.encode(), path)}", err=True)


# --- the benchmark ----------------------------------------------------------------------------------------------------


def _benchmark(name: str, data: Path | None, dataset: list[str] | None, as_json: bool) -> None:
    from composer.evaluation.benchmark import benchmark_models, read_set
    from composer.evaluation.benchmark import evaluate as measure
    from composer.shipped import folders

    if name != NAME:
        raise UsageError(f"--benchmark {name}: there is {NAME}")
    paths, missing = _paths(data, dataset)
    models = benchmark_models(folder / "benchmarks" for folder in folders("models"))
    with progressing("reading") as progress:
        sets = {}
        for number, (set_name, path) in enumerate(paths.items(), 1):
            sets[set_name] = read_set(path, set_name)
            progress(number / len(paths))
    with progressing("measuring") as progress:
        found = measure(sets, models, progress)
    table = {row: figures | dict.fromkeys(missing) for row, figures in found.table.items()}
    for note in [*found.notes, *(f"{gone}: missing, {path} is not there" for gone, path in missing.items())]:
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
