"""A library: every melodic line of a corpus, so that whatever a score shares with it is found at once.

What has been made of a corpus is kept beside it in the user's cache, as one file: a line that says what it is, the
SHA-256 of the rest, and the arrays as safetensors. A file that is damaged, of another version or of another corpus is
made again.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from composer.corpora import Corpus, cache
from composer.corpora.base import Progress
from composer.disk import make_folder, write_bytes
from composer.errors import UsageError, WriteError
from composer.evaluation.judgement import Match
from composer.evaluation.melodies import Lines
from composer.inference.suffix_array import Ints, SuffixArray
from composer.score import Score
from composer.titles import in_sentence

MAGIC = b"composer library 1\n"  # raised when the layout of the file changes, or what a line is
HEAD = len(MAGIC) + hashlib.sha256().digest_size
LEAST = 2  # notes


class Stretch(NamedTuple):
    """Notes of a line, one after another: the score's number, the part's, the first note's in its line, and bars."""

    piece: int
    part: int
    note: int
    first: int  # the number of the written bar in which the first note begins; a pickup is bar 0
    last: int

    @property
    def bars(self) -> str:
        """In words.

        >>> Stretch(0, 0, 0, 5, 7).bars, Stretch(0, 0, 0, 5, 5).bars
        ('bars 5-7', 'bar 5')
        """
        return f"bar {self.first}" if self.first == self.last else f"bars {self.first}-{self.last}"


class Passage(NamedTuple):
    """The longest run of notes that a line of a score shares with a library."""

    notes: int
    bars: float  # of the score's first meter
    whole: bool  # all notes of the line
    here: Stretch
    there: Stretch
    corpus: str
    id: str
    title: str  # or the id of a piece without one

    def told(self) -> Match:
        """In the judge's words."""
        return {
            "notes": self.notes,
            "bars": self.bars,
            "first": f"bar {self.here.first}",
            "last": f"bar {self.here.last}",
            "corpus": self.corpus,
            "title": self.title,
            "source_first": f"bar {self.there.first}",
            "source_last": f"bar {self.there.last}",
            "whole": self.whole,
        }


@dataclass(frozen=True, eq=False)
class Library:
    """The lines of the pieces of a corpus; notes are counted through all of them. Build one with :meth:`of`."""

    corpus: str
    ids: Sequence[str]  # of the pieces
    titles: Sequence[str]
    rows: NDArray[Any]  # (L, 2) the piece and the part of each line
    starts: Ints  # (L + 1,) where its notes begin; the last is N
    bar: NDArray[Any]  # (N,) the number of the written bar in which each note begins
    exact: SuffixArray  # of intervals and times
    free: SuffixArray  # of intervals alone

    @classmethod
    def of(cls, corpus: str, ids: Sequence[str], titles: Sequence[str], scores: Iterable[Score]) -> Self:
        """The library of scores, with their ids and titles; raises :class:`UsageError` if no note is in them."""
        lines = Lines.of(scores)
        if not lines.lines:
            raise UsageError(f"{corpus}: has no notes to compare with")
        rows = np.array([(line.piece, line.part) for line in lines.lines])
        exact, free = (SuffixArray.of(lines.symbols(rhythm)) for rhythm in (True, False))
        return cls(corpus, list(ids), list(titles), rows, lines.starts, lines.bar, exact, free)

    def index(self, rhythm: bool) -> SuffixArray:
        return self.exact if rhythm else self.free

    @cached_property
    def pieces(self) -> Ints:
        """(N,) the piece of each note."""
        return np.repeat(self.rows[:, 0], np.diff(self.starts))

    def match(self, score: Score, rhythm: bool = True) -> Match | None:
        """The longest run of two notes or more that a score shares with a piece; None if there is none."""
        found = [passage for passage in self.passages(Lines.of([score]), rhythm) if passage]
        return max(found, key=lambda passage: passage.notes).told() if found else None

    def passages(self, lines: Lines, rhythm: bool = True) -> list[Passage | None]:
        """For each line the longest run of two notes or more that it shares with a piece, the first of equals."""
        length, place = self.index(rhythm).matches(lines.symbols(rhythm))
        found: list[Passage | None] = []
        for number, (start, stop) in enumerate(zip(lines.starts[:-1], lines.starts[1:], strict=True)):
            first = int(start) + int(length[start:stop].argmax())
            notes = int(length[first]) + 1
            found.append(self._passage(lines, number, first, int(place[first]), notes) if notes >= LEAST else None)
        return found

    def _passage(self, lines: Lines, number: int, first: int, place: int, notes: int) -> Passage:
        line, last = lines.lines[number], first + notes - 1
        row = int(np.searchsorted(self.starts, place, "right")) - 1
        piece, part = self.rows[row].tolist()
        bars = float(lines.end[last] - lines.onset[first]) / line.bar
        begins = first - int(lines.starts[number])
        here = Stretch(line.piece, line.part, begins, int(lines.bar[first]), int(lines.bar[last]))
        source = place - int(self.starts[row])
        there = Stretch(piece, part, source, int(self.bar[place]), int(self.bar[place + notes - 1]))
        title = in_sentence(self.titles[piece]) or self.ids[piece]
        return Passage(notes, bars, notes == line.notes, here, there, self.corpus, self.ids[piece], title)

    # --- saving ---------------------------------------------------------------------------------------------------

    def dumps(self, key: str) -> bytes:
        """A file of it, under a key that says what it was made of."""
        from safetensors.numpy import save

        text = json.dumps({"key": key, "corpus": self.corpus, "ids": self.ids, "titles": self.titles}).encode()
        arrays = {
            "text": np.frombuffer(text, dtype=np.uint8),
            "rows": self.rows.astype(np.int32),
            "starts": self.starts,
            "bar": self.bar.astype(np.int32),
        }
        for name, array in (("exact", self.exact), ("free", self.free)):
            arrays |= {f"{name}.known": array.known, f"{name}.text": array.text, f"{name}.order": array.order}
        data = bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        return MAGIC + hashlib.sha256(data).digest() + data

    @classmethod
    def loads(cls, data: bytes, key: str) -> Self | None:
        """The library of a file; None if it is damaged, or was not made under this key."""
        from safetensors.numpy import load

        body = memoryview(data)[HEAD:]
        if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : HEAD]:
            return None
        arrays = load(bytes(body))
        said = json.loads(arrays["text"].tobytes())
        if said["key"] != key:
            return None
        parts = ("known", "text", "order")
        exact, free = (SuffixArray(*(arrays[f"{name}.{part}"] for part in parts)) for name in ("exact", "free"))
        return cls(
            said["corpus"], said["ids"], said["titles"], arrays["rows"], arrays["starts"], arrays["bar"], exact, free
        )


def longest(libraries: Sequence[Library], lines: Lines, rhythm: bool = True) -> list[Passage | None]:
    """For each line the longest run of two notes or more that it shares with any library, the first of equals."""
    found = zip(*(library.passages(lines, rhythm) for library in libraries), strict=True)
    return [max(filter(None, row), key=lambda passage: passage.notes, default=None) for row in found]


def library_of(corpus: Corpus, progress: Progress | None = None) -> Library:
    """The library of a corpus: as it was kept, or made now, and kept for next time where that can be done.

    ``progress`` hears the share that is done, 0 to 1. Raises :class:`UsageError` if no note is in the corpus.
    """
    report = progress or (lambda share: None)
    origin = corpus.origin
    path = cache.folder() / f"{origin.name}.library" if origin else None
    found = _kept(path, origin.digest) if origin and path else None
    if found is None:
        ids, titles = [piece.id for piece in corpus], [piece.title for piece in corpus]
        found = Library.of(corpus.name, ids, titles, _heard(corpus, report))
        if origin and path:
            _keep(found.dumps(origin.digest), path)
    report(1.0)
    return found


def _heard(corpus: Corpus, report: Progress) -> Iterator[Score]:
    for number, score in enumerate(corpus.scores):
        report(number / len(corpus))
        yield score


def _kept(path: Path, key: str) -> Library | None:
    try:
        data = path.read_bytes() if path.is_file() else b""
    except OSError:  # it is not for us to read
        return None
    return Library.loads(data, key)


def _keep(data: bytes, path: Path) -> None:
    try:
        make_folder(path.parent)
        write_bytes(data, path)
    except WriteError as error:
        warnings.warn(f"the library is not kept for next time: {error}; set COMPOSER_CACHE to a folder", stacklevel=3)
