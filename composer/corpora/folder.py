"""Anything a user has: files, folders of files, and archives, in any mix."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from composer.corpora.archive import count, opened
from composer.corpora.base import Card, Listing, Reading, Rejected, Source
from composer.corpora.splits import RULE
from composer.errors import ComposerError, Notice, ReadError, UsageError
from composer.io import read_bytes, reader_of

MUSIC = (".mid", ".midi", ".abc", ".musicxml", ".xml", ".mxl", ".krn")
ARCHIVE = ".zip"
SUFFIXES = (*MUSIC, ARCHIVE)
GENTLE = (".mid", ".midi", ".abc")  # their readers neither crash nor hang on any bytes


@dataclass(frozen=True)
class Folder(Source):
    """The MIDI, ABC (every tune), MusicXML and Humdrum files among or under ``paths``, and in .zip archives there.

    Paths are absolute, one or a sequence of them. An id is a file's path from the folder that was given, or, of several
    paths, from the folder that they share.
    """

    paths: str | Sequence[str]

    def __post_init__(self) -> None:
        paths = (self.paths,) if isinstance(self.paths, str) else dict.fromkeys(self.paths)
        object.__setattr__(self, "paths", tuple(paths))

    @property
    def card(self) -> Card:
        first, more = Path(self.paths[0]), len(self.paths) - 1
        return Card(
            name=(first.stem or str(first)) + (f" and {more} more" if more else ""),
            title=str(first) + (f" and {more} more" if more else ""),
            licence="as its owner says",
            source=", ".join(self.paths[:20]) + (", ..." if more >= 20 else ""),
            split=RULE,
        )

    @property
    def cache_name(self) -> str:
        return f"folder-{hashlib.sha256(os.fsencode(chr(0).join(self.paths))).hexdigest()[:16]}"

    def files(self) -> list[Path]:
        return self.listing().files

    def listing(self) -> Listing:
        """Regular files with a suffix that can be read, hidden ones left out, sorted by path."""
        found: set[str] = set()
        skipped: Counter[str] = Counter()
        rejected: list[Rejected] = []
        for root in self.paths:
            if os.path.isdir(root):
                for name in _walk(root, rejected):
                    if name.lower().endswith(SUFFIXES):
                        found.add(name)
                    else:
                        skipped[_suffix(name)] += 1
            elif os.path.isfile(root) and root.lower().endswith(SUFFIXES):
                found.add(root)
            else:
                reason = f"{root}: is no music that can be read; give a folder or a {', '.join(SUFFIXES)} file"
                rejected.append(Rejected(self.label(Path(root)), reason))
        if not found:
            first = next((entry.reason for entry in rejected), f"{self.paths[0]}: holds no music")
            raise UsageError(first if rejected else f"{first}; it should have {', '.join(SUFFIXES)} files")
        return Listing([Path(name) for name in sorted(found)], dict(sorted(skipped.items())), rejected)

    def label(self, path: Path, number: int | None = None) -> str:
        name = str(path).removeprefix(_base(tuple(self.paths)))
        name = name.replace(os.sep, "/").lstrip("/")
        return name if number is None else f"{name}/{opened(path).names[number]}"

    def members(self, path: Path) -> int:
        return count(path) if _suffix(path.name) == ARCHIVE else 0

    def read(self, path: Path) -> Reading:
        try:
            if _suffix(path.name) != ARCHIVE:
                return _read(read_bytes(path), self.label(path), path)
            if not opened(path).members:
                raise ReadError(f"{path}: holds no files")
            raise ReadError(f"{path}: changed while it was read; load it again")
        except ComposerError as error:
            return Reading([], [Rejected(self.label(path), str(error))])

    def read_member(self, path: Path, number: int) -> Reading:
        archive = opened(path)
        member = Path(archive.members[number].filename)
        if _suffix(member.name) not in SUFFIXES:
            return Reading([], [], skipped={_suffix(member.name): 1})
        try:
            return _read(archive.read(number), self.label(path, number), path / member.name)
        except ComposerError as error:
            return Reading([], [Rejected(self.label(path, number), str(error))])

    def gentle(self, path: Path) -> bool:
        return _suffix(path.name) in GENTLE


def _read(data: bytes, id: str, path: Path) -> Reading:
    """The pieces in a file's bytes; ``path`` is for messages, and its suffix names the format."""
    if _suffix(path.name) == ".abc":
        from composer.corpora.tunes import read_tunes

        return read_tunes(data, id, id)
    notices: list[Notice] = []
    score = reader_of(path)(data, str(path), notices=notices)
    return Reading([(id, score)], [], {id: notices})


def _walk(root: str, rejected: list[Rejected]) -> Iterator[str]:
    """The regular files under a folder, but for hidden ones; links to folders are not followed."""
    places = [root]
    while places:
        place = places.pop()
        try:
            entries = [entry for entry in os.scandir(place) if not entry.name.startswith(".")]
        except OSError as error:
            rejected.append(Rejected(place, f"{place}: cannot be read ({error.strerror or error})"))
            continue
        places += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield from (entry.path for entry in entries if os.path.isfile(entry.path))  # a link may lead nowhere


@lru_cache(maxsize=8)
def _base(paths: tuple[str, ...]) -> str:
    """The folder from which ids are counted; empty if there is none, as on two drives."""
    if len(paths) == 1 and os.path.isdir(paths[0]):
        return paths[0]
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:
        return ""


def _suffix(name: str) -> str:
    """The suffix in lower case, with its dot.

    >>> _suffix("Notes.TXT"), _suffix("README")
    ('.txt', 'none')
    """
    return os.path.splitext(name)[1].lower() or "none"
