"""Humdrum files (.krn), through music21: the ``**kern`` spines of a score, read only.

Spines of other kinds (lyrics, dynamics, analyses) are left to music21, which reads some; of a file with several scores,
the first is read. Files are untrusted: what takes music21 time or memory without bound is refused before it sees it.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter

from composer.analysis import uneven_bars
from composer.errors import ComposerError, Notice, ReadError
from composer.io import music21_import
from composer.score import Score

MAX_TEXT = 4 * 2**20  # bytes
MAX_CELLS = 200_000  # tokens of all spines, null tokens included
MAX_TOKENS = 50_000  # that say something: 20 s
MAX_SPINES = 128  # side by side
MAX_MEASURES = 1_000  # music21's time grows with the square
MAX_TOKEN = 500  # characters
MAX_BEATS = 128  # of a meter; music21 lists every one
MAX_DOTS = 4


def loads(data: bytes, name: str, *, notices: list[Notice] | None = None) -> Score:
    """The score of a Humdrum file; raises :class:`ReadError` with the file's name and the reason.

    ``notices`` is added to: spines of other kinds, what the score has no word for, and bars that do not add up.
    """
    from music21.humdrum.spineParser import HumdrumDataCollection

    try:
        lines = _lines(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream = HumdrumDataCollection(lines).parse()
            if "Opus" in stream.classSet:
                stream = next(iter(stream.scores))
            score = music21_import.from_music21(stream, notices)
    except ComposerError as error:
        raise ReadError(f"{name}: {error}") from None
    except Exception as error:  # music21 raises errors of every kind on files that are not music
        reason = (str(error).splitlines() or [""])[0][:160]
        raise ReadError(f"{name}: is no Humdrum that can be read ({type(error).__name__}: {reason})") from None
    if not any(map(len, score.parts)):
        raise ReadError(f"{name}: holds no notes")
    if notices is not None:
        kinds = Counter(next(line for line in lines if line.startswith("**")).split("\t"))
        notices += [Notice("ignored", "", f"{kind} spines", n) for kind, n in kinds.items() if kind != "**kern"]
        notices += [notice for _, notice in uneven_bars(score)]
    return score


def _lines(data: bytes) -> list[str]:
    """The lines of a file that is fit for music21; raises :class:`ReadError`, naming the line."""
    if len(data) > MAX_TEXT:
        raise ReadError(f"is larger than {MAX_TEXT // 2**20} MB, too large for a score")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = re.split(r"\r\n?|\n", text)
    kinds = next((line for line in lines if line.startswith("**")), "")
    if "**kern" not in kinds.split("\t"):
        raise ReadError("is no Humdrum score; it has no **kern spine")
    cells = said = measures = 0
    for number, line in enumerate(lines, 1):
        tokens = [] if line.startswith("!") else line.split("\t")
        cells += len(tokens)
        said += len(tokens) - tokens.count(".")
        measures += line.startswith("=")
        if cells > MAX_CELLS or said > MAX_TOKENS or measures > MAX_MEASURES or len(tokens) > MAX_SPINES:
            raise ReadError(f"line {number}: is more than a score holds")
        if any(map(_absurd, tokens)):
            raise ReadError(f"line {number}: has a token that is no music")
    return lines


def _absurd(token: str) -> bool:
    meter = re.match(r"\*M(\d+)", token)
    return (
        len(token) > MAX_TOKEN
        or re.search(rf"\d{{6}}|\.{{{MAX_DOTS + 1}}}", token) is not None
        or (meter is not None and int(meter[1]) > MAX_BEATS)
    )
