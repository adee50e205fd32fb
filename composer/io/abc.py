"""ABC files: tunebooks of any length, each tune by itself.

Every line is read as UTF-8, else as Latin-1. What ABC cannot say, and a written
file loses, stands with the writer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from composer.errors import ComposerError, Notice, ReadError, UsageError
from composer.notation.abc_reader import TuneReader
from composer.notation.abc_writer import write_tune
from composer.score import Score

# a line that holds bar lines, and nothing but what music is made of
MUSIC = re.compile(r"(?=[^|A-Ga-gz]*[A-Ga-gz][^|]*\|)[\sA-Ga-gz0-9|:/\[\](){}<>,'^_=.~-]{8,}$")


class Tune(NamedTuple):
    """One tune of a tunebook: its number (X:; empty where that is missing), the line on which it begins, its score or
    what is wrong with it, and what was not taken as it stands, in the order of the lines."""

    number: str
    line: int
    score: Score | None
    error: ReadError | None
    notices: tuple[Notice, ...] = ()


def tunes(data: bytes, name: str) -> Iterator[Tune]:
    """Every tune of a file, in order, each read when it is asked for; one that is not music never costs the others."""
    lines = [_text(line) for line in re.split(rb"\r\n?|\n", data)]
    extents = list(_extents(lines))
    head = _file_header(lines, extents[0].start) if extents else []
    for extent in extents:
        number = _number(lines[extent.start], alone=len(extents) == 1)
        reader, score, error = TuneReader(), None, None
        if not number:
            reader.notices.append(
                Notice("ignored", f"line {extent.start + 1}", "a tune should begin with X: and a number")
            )
        try:
            score = _read(reader, lines, head, extent)
        except ComposerError as problem:
            error = ReadError(f"{name}: tune {number or 'without X:'}, {reader.place}: {problem}")
        if extent.astray is not None:
            text = "music after an empty line, which ends a tune, is not read"
            reader.notices.append(Notice("ignored", f"line {extent.astray + 1}", text))
        yield Tune(number, extent.start + 1, score, error, tuple(sorted(reader.notices, key=_place)))


def _number(line: str, *, alone: bool) -> str:
    return line[2:].strip() if line.startswith("X:") else "1" if alone else ""


def _place(notice: Notice) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", notice.place)] if notice.place.startswith("line") else [2**31]


def loads(data: bytes, name: str, *, tune: str | int | None = None, notices: list[Notice] | None = None) -> Score:
    """One tune of a file: the first, or the one whose number (X:) or title ``tune`` is or, failing that, contains.

    Raises :class:`ReadError` with file, tune, line and column, :class:`UsageError` where there is no such tune.
    """
    book = tunes(data, name)
    matches = [] if tune is None else _chosen(list(book), str(tune), name)
    found = next(book, None) if tune is None else matches[0]
    if found is None:
        raise ReadError(f"{name}: holds no ABC tune; one begins with X:1 and has a K: field")
    if found.score is None:
        raise found.error or ReadError(f"{name}: tune {found.number} cannot be read")
    if notices is not None:
        notices += found.notices
        others = sum(1 for _ in book) if tune is None else len(matches) - 1
        if others:
            what = "more tunes" if tune is None else f"more tunes answer to {tune!r}"
            notices.append(Notice("ignored", "", f"{others} {what}; choose one by its number or title"))
    return found.score


def _chosen(book: list[Tune], wanted: str, name: str) -> list[Tune]:
    """The tunes of this number or title, else those whose title holds the words."""
    words = " ".join(wanted.casefold().split())

    def title(tune: Tune) -> str:
        return tune.score.title.casefold() if tune.score else ""

    matches = [tune for tune in book if words in (tune.number.casefold().lstrip("0"), title(tune))]
    matches = matches or [tune for tune in book if words and words in title(tune)]
    if not matches:
        raise UsageError(f"{name}: none of its {len(book)} tunes has the number or title {wanted!r}")
    return matches


def dumps(score: Score) -> bytes:
    """A file with this one tune."""
    return write_tune(score).encode(errors="replace")


class Extent(NamedTuple):
    """The lines of a tune, ``start`` to ``end`` (exclusive), and the first line of music that lies astray after it."""

    start: int
    end: int
    astray: int | None


def _text(line: bytes) -> str:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    return text.replace("\0", " ")


def _extents(lines: list[str]) -> Iterator[Extent]:
    """Every tune: from X: to an empty line or the next X:. Between them, fields with a K: and music are a tune, too.

    Text with a K: but without X: is one tune.
    """
    starts = [number for number, line in enumerate(lines) if line.startswith("X:")]
    if not starts:
        key = next((number for number, line in enumerate(lines) if re.match(r"K:", line)), None)
        starts = [] if key is None else [0]
    for first, following in pairwise([*starts, len(lines)]):
        key = next((n for n in range(first, following) if lines[n].startswith("K:")), first)
        last = next((n for n in range(key + 1, following) if not lines[n].strip()), following)
        without = list(_without_number(lines, last, following))
        until = without[0].start if without else following
        yield Extent(first, last, next((n for n in range(last, until) if MUSIC.match(lines[n])), None))
        yield from without


def _without_number(lines: list[str], at: int, end: int) -> Iterator[Extent]:
    """Blocks of lines that begin with a field, and have a K: and music after it."""
    while (key := next((n for n in range(at, end) if lines[n].startswith("K:")), None)) is not None:
        start = next((n + 1 for n in range(key - 1, at - 1, -1) if not lines[n].strip()), at)
        last = next((n for n in range(key, end) if not lines[n].strip()), end)
        if re.match(r"[A-Za-z]:", lines[start]) and any(
            re.match(r"[^:]*[A-Ga-gz]", line) for line in lines[key + 1 : last]
        ):
            yield Extent(start, last, None)
        at = last


def _file_header(lines: list[str], end: int) -> list[tuple[int, str]]:
    """The fields before the first tune that hold for all of them, with their line numbers (section 2.2.2)."""
    return [(number, line) for number, line in enumerate(lines[:end], 1) if re.match(r"[BCDLMORSUZm]:", line)]


def _read(reader: TuneReader, lines: list[str], head: list[tuple[int, str]], extent: Extent) -> Score:
    for number, line in head:
        reader.line(line, number)
    block, opened = "", 0
    for number in range(extent.start, extent.end):
        begin = re.match(r"%%begin([a-z]{1,20})", lines[number])
        if begin and not block:
            block, opened = begin[1], number + 1
        if not block:
            reader.line(lines[number], number + 1)
        elif lines[number].startswith(f"%%end{block}"):
            block = ""
    if block:
        reader.notices.append(Notice("ignored", f"line {opened}", f"%%begin{block} without %%end{block}; not read"))
    return reader.score()
