"""Corpora: music to learn from, each with a card, a split, and a list of what was left out.

``load("chorales")``, ``load("folk")``, ``load("essen")``, or ``load("path/to/folder")`` with anything a user has.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from composer.corpora import cache
from composer.corpora.base import Card, Corpus, Listing, Origin, Piece, Progress, Rejected, Source, natural
from composer.corpora.store import Store
from composer.errors import UsageError
from composer.registry import CORPORA, resolve

__all__ = ["Card", "Corpus", "Piece", "Rejected", "Source", "cards", "load", "load_source"]


def load(name_or_paths: str | Path | Sequence[str | Path], progress: Progress | None = None) -> Corpus:
    """A corpus by name, or of files, folders (with their folders) and .zip archives: one path, or a sequence of them.

    The first time, every file is read, in as many processes as there are cores; ``progress`` hears the share that is
    done, 0 to 1. What was read is kept in the user's cache (or ``COMPOSER_CACHE``) until the files change, and if the
    reading is broken off, it goes on from there the next time. Scores are made when they are asked for. Files that
    cannot be read are in ``rejected``, each with the reason; what is no music is counted in ``skipped``.

    Raises :class:`UsageError` if there is no such corpus or path, or no music in it, :class:`ReadError` if its files
    cannot be read.
    """
    return load_source(_source(name_or_paths), progress)


def load_source(source: Source, progress: Progress | None = None) -> Corpus:
    """A corpus from a source of your own, whose class other processes can import; see :func:`load`."""
    listing = source.listing()
    path = cache.folder() / f"{source.cache_name}.corpus"
    found = cache.load(path, listing.files)
    if found is None:
        from composer.corpora.build import build

        found = build(source, listing.files, path, progress)
    elif progress is not None:
        progress(1.0)
    return _corpus(source, listing, *found)


def cards() -> list[Card]:
    """The cards of the corpora that can be loaded by name."""
    return [resolve(path)().card for path in CORPORA.values()]


def _source(name_or_paths: str | Path | Sequence[str | Path]) -> Source:
    if isinstance(name_or_paths, str) and name_or_paths in CORPORA:
        source: Source = resolve(CORPORA[name_or_paths])()
        return source
    paths = [name_or_paths] if isinstance(name_or_paths, str | Path) else list(name_or_paths)
    for path in paths or [""]:
        if not str(path) or not os.path.exists(path):
            raise UsageError(f"{str(path)!r} is neither a corpus ({', '.join(CORPORA)}) nor a folder or file")
    from composer.corpora.folder import Folder

    return Folder([str(Path(path).resolve()) for path in paths])


def _corpus(source: Source, listing: Listing, index: cache.Index, store: Store) -> Corpus:
    rows = zip(index.ids, index.titles, index.splits, index.groups, index.duplicates, index.kin, strict=True)
    pieces = [
        Piece(*row, make=partial(store.score, *place), describe=partial(store.facts, *place))
        for row, place in zip(rows, index.places, strict=True)
    ]
    rejected = sorted([*listing.rejected, *index.rejected], key=lambda entry: natural(entry.id))
    origin = Origin(source.cache_name, f"{index.version} {index.checksum}")
    return Corpus(source.card, pieces, rejected, Counter(listing.skipped) + Counter(index.skipped), origin)
