"""Chunks: a few dozen files of a corpus, read together and kept together.

A corpus of a hundred thousand files is read chunk by chunk. What a chunk gives is one file, named after what it was
made from, so that an interrupted build goes on where it was, and files that did not change are not read again. Chunks
end after files whose labels' checksums say so, wherever the folder lies: a file that comes or goes changes its own
chunk alone.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.corpora import cache
from composer.corpora.base import Reading, Rejected, Source
from composer.corpora.cache import Stamp
from composer.corpora.columns import Columns, pack, starts
from composer.corpora.facts import facts
from composer.corpora.prints import PRINT, fingerprint
from composer.corpora.splits import melody, moves
from composer.errors import ComposerError
from composer.score import Score

EVERY = 32  # files, about, in a chunk
MOST = 64  # files or members
LARGE = 2**19  # bytes, unless it is a single file


class Item(NamedTuple):
    """One thing to read: a file, or a member of an archive."""

    path: Path
    member: int | None = None


@dataclass(frozen=True)
class Chunk:
    """Items that are read one after another; equal keys have equal contents."""

    key: str
    items: tuple[Item, ...]


class Summary(NamedTuple):
    """What the corpus as a whole must know of a chunk; the rest stays where it is."""

    ids: list[str]
    titles: list[str]
    moves: list[NDArray[np.int8]]
    prints: list[bytes]
    rejected: list[Rejected]
    skipped: dict[str, int]


def plan(source: Source, stamps: Sequence[Stamp]) -> list[Chunk]:
    """The chunks of a source's files, in order."""
    kind = type(source)
    made_by = hashlib.sha256(repr((cache.version(), kind.__module__, kind.__qualname__, source.cache_name)).encode())
    chunks = []
    for run in _runs(source, stamps):
        digest = made_by.copy()
        digest.update(repr([(*stamp, members) for stamp, members in run]).encode("utf-8", "surrogateescape"))
        items = [Item(Path(stamp[0]), member) for stamp, members in run for member in members or (None,)]
        chunks.append(Chunk(digest.hexdigest()[:32], tuple(items)))
    return chunks


def _runs(source: Source, stamps: Sequence[Stamp]) -> Iterator[list[tuple[Stamp, range]]]:
    """Stamped files that are read together, and which members of each."""
    run: list[tuple[Stamp, range]] = []
    size = 0
    for stamp in stamps:
        members = source.members(Path(stamp[0]))
        if run and (members or size + stamp[1] > LARGE or len(run) == MOST):
            yield run
            run, size = [], 0
        for first in range(0, members, MOST):
            yield [(stamp, range(first, min(first + MOST, members)))]
        if not members:
            run.append((stamp, range(0)))
            size += stamp[1]
            if zlib.crc32(source.label(Path(stamp[0])).encode("utf-8", "surrogateescape")) % EVERY == 0:
                yield run
                run, size = [], 0
    if run:
        yield run


def read_chunk(
    source: Source, items: Sequence[Item], refused: Mapping[int, str], begin: Callable[[int], object]
) -> bytes:
    """Read items, but for the ``refused`` ones, of which the reason is known; ``begin`` hears the number of each.

    Returns what :func:`summary` and :mod:`composer.corpora.cache` understand: the columns of a safetensors file.
    """
    from safetensors.numpy import save

    total = Reading([], [])
    described: list[bytes] = []
    for number, item in enumerate(items):
        begin(number)
        reading, texts = _read(source, item, refused.get(number))
        total.scores += reading.scores
        total.rejected += reading.rejected
        for suffix, count in reading.skipped.items():
            total.skipped[suffix] = total.skipped.get(suffix, 0) + count
        described += texts
    scores = [score for _, score in total.scores]
    lines = [moves(melody(score)) for score in scores]
    index = {
        "ids": [id for id, _ in total.scores],
        "titles": [score.title for score in scores],
        "rejected": total.rejected,
        "skipped": total.skipped,
    }
    saved: bytes = save(
        {
            **pack(scores),
            "index": np.frombuffer(json.dumps(index).encode(), dtype=np.uint8),
            "move": np.concatenate([np.zeros(0, np.int8), *lines]),
            "moves": starts([len(line) for line in lines]),
            "print": np.frombuffer(b"".join(map(fingerprint, scores)), dtype=np.uint8),
            "fact": np.frombuffer(b"".join(described), dtype=np.uint8),
            "facts": starts([len(text) for text in described]),
        }
    )
    return saved


def _read(source: Source, item: Item, refused: str | None) -> tuple[Reading, list[bytes]]:
    """One item's pieces that have notes, and their facts as JSON; whatever goes wrong costs this item alone."""
    try:
        if refused is not None:
            return Reading([], [Rejected(source.label(*item), refused)]), []
        reading = source.read(item.path) if item.member is None else source.read_member(item.path, item.member)
        silent = [id for id, score in reading.scores if not any(map(len, score.parts))]
        reading.scores = [(id, score) for id, score in reading.scores if id not in silent]
        reading.rejected = [*reading.rejected, *(Rejected(id, "has no notes") for id in silent)]
        return reading, [_described(score, reading.notices.get(id, ())) for id, score in reading.scores]
    except ComposerError as error:
        reason = str(error)
    except MemoryError:
        reason = "needs more memory than a score should"
    except Exception as error:  # a fault of the reader's, not of the other files
        words = (str(error).splitlines() or [""])[0][:160]
        reason = f"made its reader fail ({type(error).__name__}: {words})"
    return Reading([], [Rejected(_label(source, item), reason)]), []


def _label(source: Source, item: Item) -> str:
    try:
        return source.label(*item)
    except ComposerError:  # an archive that has gone
        return f"{item.path.name}/{item.member}"


def _described(score: Score, notices: Sequence[Any]) -> bytes:
    return json.dumps(facts(score, notices), separators=(",", ":")).encode()


def summary(data: bytes) -> Summary:
    """What a chunk says of its pieces, without holding on to the rest of it."""
    from safetensors.numpy import load

    columns: Columns = load(data)
    index: dict[str, Any] = json.loads(columns["index"].tobytes())
    line = columns["move"].copy()
    prints = columns["print"].tobytes()
    return Summary(
        index["ids"],
        index["titles"],
        [line[start:stop] for start, stop in zip(columns["moves"][:-1], columns["moves"][1:], strict=True)],
        [prints[at : at + PRINT] for at in range(0, len(prints), PRINT)],
        [Rejected(*row) for row in index["rejected"]],
        index["skipped"],
    )
