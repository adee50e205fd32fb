"""ABC files: tunebooks of any length, each tune by itself.

Reading takes UTF-8, else Latin-1. What ABC cannot say, and a written file loses: velocities, programs, drums, and
notes of a part that overlap without beginning and ending together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from composer.errors import ComposerError, Notice, ReadError
from composer.notation.abc_reader import TuneReader
from composer.notation.abc_writer import write_tune
from composer.score import Score


class Tune(NamedTuple):
    """One tune of a tunebook: its number (X:), the line on which it begins, its score or what is wrong with it, and
    what was not taken as it stands."""

    number: str
    line: int
    score: Score | None
    error: ReadError | None
    notices: tuple[Notice, ...] = ()


def tunes(data: bytes, name: str) -> Iterator[Tune]:
    """Every tune of a file, in order; a tune that is not music never costs the others."""
    lines = _text(data).splitlines()
    for first, last in _extents(lines):
        number = lines[first][2:].strip() if lines[first].startswith("X:") else "1"
        score, error = None, None
        try:
            score = _read(lines, first, last)
        except ComposerError as problem:
            error = ReadError(f"{name}: tune {number}, {problem}")
        yield Tune(number, first + 1, score, error)


def loads(data: bytes, name: str) -> Score:
    """The first tune of a file; raises :class:`ReadError` with file, tune and line."""
    for tune in tunes(data, name):
        if tune.error is not None:
            raise tune.error
        if tune.score is not None:
            return tune.score
    raise ReadError(f"{name}: holds no ABC tune; one begins with X:1 and has a K: field")


def dumps(score: Score) -> bytes:
    """A file with this one tune."""
    return write_tune(score).encode()


def _text(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.replace("\0", " ")


def _extents(lines: list[str]) -> Iterator[tuple[int, int]]:
    """First and last line (exclusive) of every tune: from X: to an empty line or the next X:.

    Text with a K: but without X: is one tune.
    """
    starts = [number for number, line in enumerate(lines) if line.startswith("X:")]
    if not starts:
        key = next((number for number, line in enumerate(lines) if re.match(r"K:", line)), None)
        starts = [] if key is None else [0]
    for first, following in pairwise([*starts, len(lines)]):
        key = next((n for n in range(first, following) if lines[n].startswith("K:")), first)
        last = next((n for n in range(key + 1, following) if not lines[n].strip()), following)
        yield first, last


def _read(lines: list[str], first: int, last: int) -> Score:
    reader = TuneReader()
    for number in range(first, last):
        try:
            reader.line(lines[number])
        except ComposerError as problem:
            raise ReadError(f"line {number + 1}: {problem}") from None
    try:
        return reader.score()
    except ComposerError as problem:
        raise ReadError(f"lines {first + 1} to {last}: {problem}") from None
