"""What the commands share: options, progress, and where files go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from composer.machine import first

if TYPE_CHECKING:
    from composer.score import Score
    from composer.training import Status

Outputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="A file, whose suffix is its format (.abc .mid .musicxml .mxl .svg .png .roll.png .wav), or a folder, "
        "which gets every format. Repeatable.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program to read.")]
Soundfont = Annotated[str | None, typer.Option(metavar="SF2", help="A General MIDI soundfont for .wav and sound.")]
KEPT = "stopped; what has been read is kept, and the next run goes on from there"
FOLDER_FORMATS = (".abc", ".mid", ".musicxml", ".svg", ".png", ".roll.png", ".wav")


def paths_for(outputs: list[Path], stem: str, suffix: str) -> list[Path]:
    from composer.io import suffix_of

    paths: list[Path] = []
    for output in outputs:
        if output.is_dir() or not output.suffix:
            paths += [output / f"{stem}{suffix}{form}" for form in FOLDER_FORMATS]
        else:
            form = suffix_of(output)
            paths.append(output.with_name(output.name[: -len(form)] + suffix + form))
    return paths


def write_all(scores: list[Score], targets: list[list[Path]], soundfont: str | None) -> list[list[str]]:
    """Write every score to its files; folders that were named are made."""
    from composer.errors import WriteError

    written: list[list[str]] = []
    total = max(sum(len(paths) for paths in targets), 1)
    with progressing("writing") as progress:
        for score, paths in zip(scores, targets, strict=True):
            written.append([])
            for path in paths:
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise WriteError(f"{path.parent}: cannot be made ({error.strerror})") from None
                options = {"soundfont": soundfont} if soundfont and path.suffix.lower() == ".wav" else {}
                written[-1].append(str(score.write(path, **options)))
                progress(sum(len(files) for files in written) / total)
    return written


def report(files: list[str], note: str) -> None:
    for file in files:
        typer.echo(f"wrote {file}", err=True)
    if note:
        typer.echo(note, err=True)


class Telling(Protocol):
    """What hears of the share of the work that is done, and words about it."""

    def __call__(self, share: float, words: str = "", /) -> None: ...


@contextmanager
def progressing(text: str, stopped: str = "stopped") -> Iterator[Telling]:
    """A bar on the terminal for work that reports its share done, and a word where the user stops it."""
    try:
        with _bar(text) as progress:
            yield progress
    except KeyboardInterrupt:
        typer.echo(f"composer: {stopped}", err=True)
        raise


@contextmanager
def _bar(text: str) -> Iterator[Telling]:
    """A bar that goes away when the work is done; nothing where nobody watches."""
    if not sys.stderr.isatty() or not first():
        yield lambda share, words="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=1.0)
        yield lambda share, words="": bar.update(task, completed=share, description=words or text)


def learning(telling: Telling) -> Callable[[Status], None]:
    """What tells how a training goes: on the bar, or where nobody watches, a line for each validation."""

    def report(status: Status) -> None:
        words = (
            f"step {status.step:,} of {status.steps:,}  loss {status.loss:.4f}  validation {status.validation:.4f} "
            f"(best {status.best:.4f})  {status.windows_per_second:,.1f} samples/s"
        )
        telling(status.step / status.steps, words)
        if status.validated and not sys.stderr.isatty():
            typer.echo(f"{words}  {timedelta(seconds=round(status.seconds_left))} left", err=True)

    return report


@contextmanager
def working(text: str) -> Iterator[None]:
    """A spinner for work that cannot say how far it is."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def in_folders(targets: Sequence[Path]) -> None:
    """Refuse, before there is anything to write, what is a folder or lies in none; raises :class:`UsageError`."""
    from composer.errors import UsageError

    if lost := next((path for path in targets if path.is_dir() or not path.parent.is_dir()), None):
        raise UsageError(f"-o {lost}: give the name of a file, in a folder that is there")


def spare(source: Path, targets: list[Path]) -> None:
    """Refuse to write over the file that is read; raises :class:`UsageError`."""
    from composer.errors import UsageError

    if any(path.exists() and source.exists() and path.samefile(source) for path in targets):
        raise UsageError(f"{source}: would be written over; give -o another name")
