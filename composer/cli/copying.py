"""The command that says what a file copies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from composer.cli.files import Chosen, choice, for_a_page, say
from composer.cli.terminal import KEPT, Json, in_folders, progressing, report, spare
from composer.errors import Notice, ReadError, UsageError
from composer.registry import CORPORA
from composer.titles import in_sentence, printable

if TYPE_CHECKING:
    from composer.corpora import Corpus
    from composer.evaluation.library import Library, Passage
    from composer.evaluation.melodies import Lines
    from composer.score import Score

SUFFIXES = (".html", ".svg", ".png")
MOST_SHOWN = 10  # pairs of passages on paper
MOST_NOTES = 2**21
WINDOWS = {1: "single bars", 2: "two bars", 4: "four", 8: "eight"}  # in the text


class Row(NamedTuple):
    """What is said of a line: its score's number, its name, and its passages as written and with rhythm left aside."""

    score: int
    name: str
    notes: int
    exact: Passage | None
    free: Passage | None
    new: list[float]  # shares of its windows of 1, 2 ... 8 bars that are new

    @property
    def copied(self) -> int:
        return self.exact.notes if self.exact else 0


def copying(
    file: Annotated[Path, typer.Argument(help="A MIDI, ABC, MusicXML or Humdrum file; all tunes of an ABC book.")],
    corpus: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Compare with this corpus, or folder of files, alone. Repeatable."),
    ] = None,
    any_rhythm: Annotated[bool, typer.Option("--any-rhythm", help="Leave rhythm aside: equal intervals copy.")] = False,
    tune: Chosen = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="Engrave both passages side by side: .html, .svg, .png. Repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a file copies: the longest run of notes it shares with a corpus, in any key, and where it stands there.

    Passages of one, two, four and eight bars are new if their notes stand nowhere in the corpora as one run.
    """
    from composer.evaluation.melodies import Lines

    outputs = output or []
    wrong = next((path for path in outputs if path.suffix.lower() not in SUFFIXES), None)
    if wrong is not None:
        raise UsageError(f"-o {wrong}: the name of a page ends in {', '.join(SUFFIXES)}")
    in_folders(outputs)
    spare(file, outputs)
    scores = _scores(file, tune)
    lines = Lines.of(scores)
    if not lines.lines:
        raise ReadError(f"{file}: has no notes to compare, only rests or drums")
    if len(lines.onset) > MOST_NOTES:
        raise ReadError(f"{file}: has {len(lines.onset):,} notes; at most {MOST_NOTES:,} are compared: cut it")
    corpora, libraries = _libraries(corpus or list(CORPORA))
    rows = _rows(file, scores, lines, libraries, any_rhythm)
    if as_json:
        typer.echo(json.dumps(_object(file, libraries, rows), indent=2))
    else:
        for row in rows:
            typer.echo(_told(row))
    if outputs:
        _draw(outputs, file, rows, scores, corpora)


def _scores(file: Path, tune: str | None) -> list[Score]:
    """The score of a file, all of an ABC book; raises :class:`ReadError` if none can be read."""
    from composer.io import read, read_bytes

    notices: list[Notice] = []
    if file.suffix.lower() != ".abc" or tune is not None or file.is_dir():
        score = for_a_page(file, read(file, notices=notices, **choice(file, tune)))
        say(file, notices)
        return [score]
    from composer.io.abc import tunes

    found = list(tunes(read_bytes(file), str(file)))
    scores = [entry.score for entry in found if entry.score is not None]
    for entry in found:
        notices += entry.notices
        if entry.error is not None:
            notices.append(Notice("ignored", "", str(entry.error).removeprefix(f"{file}: ")))
    say(file, notices)
    if not scores:
        why = "no tune of it can be read" if found else "holds no ABC tune; one begins with X:1 and has a K: field"
        raise ReadError(f"{file}: {why}")
    return scores


def _libraries(names: Sequence[str]) -> tuple[list[Corpus], list[Library]]:
    from composer.corpora import load
    from composer.evaluation.library import library_of

    corpora: list[Corpus] = []
    libraries: list[Library] = []
    for name in dict.fromkeys(names):
        with progressing(f"reading {name}", KEPT) as progress:
            corpus = load(name, progress)
        if any(other.name == corpus.name for other in corpora):
            raise UsageError(f"--corpus {name}: there are two of the name {corpus.name}; compare with one at a time")
        corpora.append(corpus)
        with progressing(f"indexing {name}") as progress:
            libraries.append(library_of(corpus, progress))
    return corpora, libraries


def _rows(file: Path, scores: Sequence[Score], lines: Lines, libraries: list[Library], any_rhythm: bool) -> list[Row]:
    """A row for each line, the most copied first; ``any_rhythm`` leaves only what rhythm has no part in."""
    from composer.evaluation.library import longest
    from composer.evaluation.novelty import curve

    free = longest(libraries, lines, rhythm=False)
    exact = free if any_rhythm else longest(libraries, lines)
    counts = curve(lines, libraries, rhythm=not any_rhythm)
    rows = []
    for number, line in enumerate(lines.lines):
        shares = [float(new[number] / of[number]) for new, of in counts if of[number]]
        name = _name(file, scores[line.piece], line.part)
        rows.append(Row(line.piece, name, line.notes, exact[number], free[number], shares))
    return sorted(rows, key=lambda row: -row.copied)


def _name(file: Path, score: Score, part: int) -> str:
    """What a line is called: the tune's title, and the part's name where there are several."""
    title = in_sentence(score.title) or printable(file.stem)
    if len(score.parts) == 1:
        return title
    return f"{title}, {printable(score.parts[part].name) or f'part {part + 1}'}"


def _told(row: Row) -> str:
    """What is said of a line: a line of text for the passage, more, indented, for what else there is to say."""
    told = [f"{row.name}: {_passage(row, row.exact)}"]
    if row.free and row.free.notes > row.copied:
        told.append(f"rhythm left aside: {_passage(row, row.free)}")
    shares = [f"{row.new[n - 1]:.0%} of {words}" for n, words in WINDOWS.items() if n <= len(row.new)]
    if shares:
        told.append(f"new passages: {', '.join(shares)}")
    return "\n  ".join(told)


def _passage(row: Row, passage: Passage | None) -> str:
    if passage is None:
        return "shares nothing of two notes or more"
    bars = "1 bar" if passage.bars == 1 else f"{passage.bars:.3g} bars"
    notes = f"all {passage.notes} notes" if passage.whole else f"{passage.notes} notes"
    verb = "is" if passage.here.first == passage.here.last else "are"
    source = f"{passage.there.bars} of {passage.title} ({passage.corpus})"
    return f"{notes}, {bars}: {passage.here.bars} {verb} {source}"


def _object(file: Path, libraries: list[Library], rows: list[Row]) -> dict[str, Any]:
    return {
        "file": str(file),
        "corpora": {library.corpus: len(library.ids) for library in libraries},
        "lines": [
            {
                "name": row.name,
                "notes": row.notes,
                "match": row.exact.told() | {"id": row.exact.id} if row.exact else None,
                "any_rhythm": row.free.told() | {"id": row.free.id} if row.free else None,
                "new": row.new,
            }
            for row in rows
        ],
    }


def _draw(
    paths: Sequence[Path], file: Path, rows: list[Row], scores: Sequence[Score], corpora: Sequence[Corpus]
) -> None:
    from composer.evaluation.passages import Shown, drawn
    from composer.io import write_bytes

    shown = [
        Shown(row.exact, scores[row.score], _source(row.exact, corpora), row.name)
        for row in rows[:MOST_SHOWN]
        if row.exact
    ]
    for path in paths:
        suffix = path.suffix.lower()
        if not shown and suffix != ".html":
            report([], f"{file} shares nothing of two notes or more: there is nothing to engrave")
            continue
        write_bytes(drawn(shown, suffix, f"What {printable(file.name)} shares", [_told(row) for row in rows]), path)
        report([str(path)], "")


def _source(passage: Passage, corpora: Sequence[Corpus]) -> Score:
    """The piece that a passage stands in."""
    return next(corpus[passage.there.piece].score for corpus in corpora if corpus.name == passage.corpus)
