"""Reading a corpus for the first time, or what of it has changed: chunk by chunk, then what holds for the whole.

The notes of no more than a chunk are in memory at a time. A chunk that has been read is a file in the corpus's room
(see :func:`composer.corpora.cache.room`): a build that is broken off goes on from there.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

import numpy as np

from composer.corpora import cache
from composer.corpora.base import Progress, Source, natural
from composer.corpora.chunks import Chunk, Summary, plan, read_chunk, summary
from composer.corpora.kin import connected
from composer.corpora.pool import read_chunks
from composer.corpora.shelf import Shelf, save_chunk
from composer.corpora.splits import melody_links, split_of, title_links
from composer.corpora.store import Segment, Store
from composer.errors import ReadError

SMALL = 200_000  # bytes; less than this, of a gentle source, is read faster than a worker starts
FEW = 1_000  # files
READING = 0.95  # of the work
ROUNDS = 3  # another process that finishes the same corpus takes the room away

T = TypeVar("T")
Found = list[tuple[Summary, Segment]]


def build(
    source: Source, files: Sequence[Path], path: Path, progress: Progress | None = None
) -> tuple[cache.Index, Store]:
    """Read all files, divide the pieces, and keep the corpus at ``path``; ``progress`` hears the share that is done."""
    report = progress or (lambda share: None)
    stamped, known = cache.stamp(files), cache.checksum(files)  # before reading: a change meanwhile is noticed
    chunks = plan(source, stamped)
    with cache.room(path) as room:
        shelf = Shelf(room, path)
        found = _read_all(source, chunks, shelf, lambda share: report(READING * share))
        index = _index(found, cache.digests(stamped), known)
        opened = cache.opened(cache.keep(index, shelf.segment, path, room))
    if opened is None:
        raise ReadError(f"{path}: was damaged while it was written; load the corpus again")
    report(1.0)
    return opened


def _read_all(source: Source, chunks: Sequence[Chunk], shelf: Shelf, report: Progress) -> Found:
    """What each chunk says, and its place; those that are not on the shelf are read."""
    found: dict[str, tuple[Summary, Segment]] = {}
    for _ in range(ROUNDS):
        for chunk in chunks:
            if chunk.key not in found and (kept := shelf.get(chunk.key)) is not None:
                found[chunk.key] = summary(kept[0]), kept[1]
        missing = [chunk for chunk in chunks if chunk.key not in found]
        if not missing:
            return [found[chunk.key] for chunk in chunks]
        read = _here if _is_small(source, missing) else read_chunks
        read(source, missing, shelf.room, partial(_share, report, _items(chunks), _items(chunks) - _items(missing)))
        shelf.look()
    raise ReadError(f"{shelf.room}: what is read here disappears; set COMPOSER_CACHE to another folder")


def _items(chunks: Sequence[Chunk]) -> int:
    return sum(len(chunk.items) for chunk in chunks)


def _share(report: Progress, total: int, before: int, done: int) -> None:
    report((before + done) / total)


def _is_small(source: Source, chunks: Sequence[Chunk]) -> bool:
    """Whether the chunks are read in this process: little, and what cannot do it harm; or no other can be started."""
    paths = [item.path for chunk in chunks for item in chunk.items]
    little = len(paths) <= FEW and sum(path.stat().st_size for path in paths) <= SMALL
    return not sys.executable or (little and all(map(source.gentle, paths)))


def _here(source: Source, chunks: Sequence[Chunk], room: Path, report: Callable[[int], object]) -> None:
    """Read chunks in this process."""
    done = count(1)
    for chunk in chunks:
        save_chunk(read_chunk(source, chunk.items, {}, lambda number: report(next(done))), chunk.key, room)


def _index(read: Found, digests: tuple[str, str], checksum: str) -> cache.Index:
    """The pieces of all chunks in the order of their ids, divided."""
    found = [chunk for chunk, _ in read]
    places = [[number, row] for number, chunk in enumerate(found) for row in range(len(chunk.ids))]
    ids = [id for chunk in found for id in chunk.ids]
    order = sorted(range(len(ids)), key=lambda k: natural(ids[k]))
    ids = [ids[k] for k in order]

    def sorted_by_id(columns: Iterable[Sequence[T]]) -> list[T]:
        joined = [entry for column in columns for entry in column]
        return [joined[k] for k in order]

    titles = sorted_by_id(chunk.titles for chunk in found)
    by_melody = melody_links(sorted_by_id(chunk.moves for chunk in found))
    groups = _smallest(ids, connected(len(ids), np.concatenate([by_melody, title_links(titles)])).tolist())
    kin = _smallest(ids, connected(len(ids), by_melody).tolist())
    same = _smallest(ids, sorted_by_id(chunk.prints for chunk in found))
    families = Counter(kin)
    skipped: Counter[str] = Counter()
    for chunk in found:
        skipped.update(chunk.skipped)
    return cache.Index(
        version=cache.version(),
        stamp=digests[0],
        sizes=digests[1],
        checksum=checksum,
        ids=ids,
        titles=titles,
        splits=[split_of(group) for group in groups],
        groups=groups,
        duplicates=["" if first == id else first for first, id in zip(same, ids, strict=True)],
        kin=[first if families[first] > 1 else "" for first in kin],
        places=[places[k] for k in order],
        rejected=sorted((entry for chunk in found for entry in chunk.rejected), key=lambda entry: natural(entry.id)),
        skipped=dict(skipped),
        segments=[segment for _, segment in read],
    )


def _smallest(ids: Sequence[str], labels: Iterable[Hashable]) -> list[str]:
    """For each piece the smallest id of those with its label."""
    labels = list(labels)
    smallest: dict[Hashable, str] = {}
    for id, label in zip(ids, labels, strict=True):
        smallest[label] = min(id, smallest.get(label, id))
    return [smallest[label] for label in labels]
