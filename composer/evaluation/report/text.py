"""A report as text: a table for each corpus, models side by side, and what it comes to in a few sentences."""

from __future__ import annotations

import io
import sys
import textwrap
from collections.abc import Iterator, Sequence

from composer.evaluation.judgement import Report, Verdict
from composer.evaluation.report.rows import LONGEST, Axis, axes, counted, judge, seconds
from composer.evaluation.report.summary import composed, summary
from composer.titles import one_line

Line = tuple[str, str]  # a style of rich, and the text

NARROWEST = 60
LABEL = 26  # letters of the longest label
NAME = 26  # letters of a model's name
GAP = "  "
REAL = "real"


def show(report: Report, *, err: bool = False) -> None:
    """Print the report; a hundred letters wide where it goes to no terminal."""
    from rich.console import Console
    from rich.text import Text

    stream = sys.stderr if err else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")
    console = Console(file=stream, width=None if stream.isatty() else 100, highlight=False)
    for style, line in lines(report, console.width):
        console.print(Text(line, style), soft_wrap=True)


def lines(report: Report, width: int = 100) -> Iterator[Line]:
    """The whole report, line by line, at most ``width`` letters wide where words allow."""
    width = max(width, NARROWEST)
    for verdict in report["verdicts"]:
        yield from _verdict(verdict, width)
    if not report["verdicts"]:
        yield "", "There is no model to judge."
    yield "dim", one_line(f"{report['software']}, {report['machine']}, {seconds(report['seconds'])}", width)


def _verdict(verdict: Verdict, width: int) -> Iterator[Line]:
    reference, models = verdict["reference"], verdict["judgements"]
    yield "bold", one_line(f"{reference['corpus']}: {counted(len(models), 'model')}", width)
    pieces = f"{reference['training']:,} pieces to learn from, {reference['held_out']:,} held out"
    yield from _paragraph(f"{pieces} ({reference['split']} split).", width)
    yield from _paragraph(composed(models), width)
    yield from _paragraph(judge(reference), width, "" if reference["counts"] else "yellow")
    found = axes(verdict)
    names = [one_line(model["model"], NAME) for model in models]
    columns = list(_side_by_side(found, names, width))
    for axis in found:
        for some in columns:
            yield from _table(axis, names, some, _sizes(found, names, some))
        for note in axis.notes:
            yield from _paragraph(note, width, "dim")
    yield "", ""
    yield "bold", "What it comes to"
    for sentence in summary(verdict):
        yield from _paragraph(sentence, width)
    yield "", ""


def _side_by_side(found: Sequence[Axis], names: Sequence[str], width: int) -> Iterator[range]:
    """Runs of models whose columns fit beside each other, by number; at least one at a time."""
    first = 0
    for last in range(1, len(names) + 1):
        sizes = _sizes(found, names, range(first, last))
        if sum(sizes) + len(GAP) * (len(sizes) - 1) > width and last - 1 > first:
            yield range(first, last - 1)
            first = last - 1
    if names:
        yield range(first, len(names))


def _sizes(found: Sequence[Axis], names: Sequence[str], some: range) -> list[int]:
    """Letters of the columns: labels, real music, and these models."""
    rows = [row for axis in found for row in axis.rows]
    label = max((len(row.label) for row in rows), default=0)
    cells = [max([len(names[model]), *(len(row.cells[model]) for row in rows)]) for model in some]
    return [min(label, LABEL), max([len(REAL), *(len(row.real) for row in rows)]), *cells]


def _table(axis: Axis, names: Sequence[str], some: range, sizes: Sequence[int]) -> Iterator[Line]:
    def line(label: str, real: str, cells: Sequence[str]) -> str:
        texts = [one_line(label, LABEL), real.rjust(sizes[1]), *cells]
        return GAP.join(text.ljust(size) for text, size in zip(texts, sizes, strict=True)).rstrip()

    yield "", ""
    yield "bold", axis.title
    yield "dim", line("", REAL, [names[model] for model in some])
    for row in axis.rows:
        yield "", line(row.label, row.real, [row.cells[model] for model in some])


def _paragraph(words: str, width: int, style: str = "") -> Iterator[Line]:
    yield from (
        (style, line)
        for line in textwrap.wrap(one_line(words, LONGEST), width - 2, subsequent_indent="  ", break_on_hyphens=False)
    )
