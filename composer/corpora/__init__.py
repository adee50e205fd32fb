"""Corpora: music to learn from, each with a card, a split, and a list of what was left out.

``load("chorales")``, ``load("folk")``, ``load("essen")``, or ``load("path/to/folder")`` with anything a user has.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from composer.corpora import cache
from composer.corpora.base import Card, Corpus, Piece, Progress, Rejected, Source
from composer.corpora.columns import unpack
from composer.errors import UsageError
from composer.registry import CORPORA, resolve

__all__ = ["Card", "Corpus", "Piece", "Rejected", "Source", "cards", "load", "load_source"]


def load(name_or_path: Any, progress: Progress | None = None) -> Corpus:
    """A corpus by name, or of the files in a folder (and its folders) or in one file.

    The first time, every file is read, in as many processes as there are cores; ``progress`` hears the share that is
    done, 0 to 1. What was read is kept in the user's cache (or ``COMPOSER_CACHE``) until the files change. Scores are
    made when they are asked for. Files that are not music are in ``rejected``, each with the reason.

    Raises :class:`UsageError` if there is no such corpus or folder, or no music in it, :class:`ReadError` if its files
    cannot be read.
    """
    return load_source(_source(name_or_path), progress)


def load_source(source: Source, progress: Progress | None = None) -> Corpus:
    """A corpus from a source of your own, whose class other processes can import; see :func:`load`."""
    files = source.files()
    path = cache.folder() / f"{source.cache_name}.corpus"
    entry = cache.load(path, files)
    if entry is None:
        from composer.corpora.build import build

        stamped, known = cache.stamp(files), cache.checksum(files)  # before reading: a change meanwhile is noticed
        entry = build(source, files, progress)
        cache.save(entry, path, stamped, known)
    elif progress is not None:
        progress(1.0)
    return _corpus(source, entry)


def cards() -> list[Card]:
    """The cards of the corpora that can be loaded by name."""
    return [resolve(path)().card for path in CORPORA.values()]


def _source(name_or_path: Any) -> Source:
    if isinstance(name_or_path, str) and name_or_path in CORPORA:
        source: Source = resolve(CORPORA[name_or_path])()
        return source
    if isinstance(name_or_path, (list, tuple)):
        name_or_path = name_or_path[0]
    if not str(name_or_path) or "\0" in str(name_or_path) or not Path(name_or_path).exists():
        raise UsageError(f"{str(name_or_path)!r} is neither a corpus ({', '.join(CORPORA)}) nor a folder or file")
    from composer.corpora.folder import Folder

    if isinstance(name_or_path, (list, tuple)):
        name_or_path = name_or_path[0]
    return Folder(str(Path(name_or_path).resolve()))


def _corpus(source: Source, entry: cache.Entry) -> Corpus:
    rows = zip(entry.ids, entry.titles, entry.splits, entry.groups, strict=True)
    many = {group for group in entry.groups if entry.groups.count(group) > 1}
    pieces = [
        Piece(
            *row,
            partial(unpack, entry.columns, index),
            entry.facts[index],
            entry.copies[index],
            row[3] if row[3] in many else "",
        )
        for index, row in enumerate(rows)
    ]
    return Corpus(source.card, pieces, entry.rejected)
