"""Corpora that were read once, kept in the user's cache folder as one file each.

A file is a line that says what it is, the length and SHA-256 of a JSON index, the index, and then the chunks of
:mod:`composer.corpora.chunks`, each with its SHA-256 in the index. It is written under a temporary name and renamed, so
processes that build the same corpus at once cannot harm each other; the last one wins, and all wrote the same. A file
that is damaged, of another version, or made from other sources is not used, but for the chunks of it that still hold.
Chunks are read when a piece of theirs is asked for, so a corpus may be larger than the memory.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer import __version__
from composer.corpora.base import Rejected
from composer.corpora.store import Held, Segment, Store
from composer.errors import ReadError, WriteError

MAGIC = b"composer corpus cache 2\n"  # raised when the layout of the file changes
DIGEST = hashlib.sha256().digest_size
HEAD = len(MAGIC) + 8 + DIGEST
CHECKED = 2**28  # bytes; a larger file is checked chunk by chunk, as it is used
NOT_KEPT = "the corpus is not kept for next time: {}; set COMPOSER_CACHE to a folder"

Stamp = tuple[str, int, int]  # a file's name, size and modification time in nanoseconds


@dataclass(frozen=True)
class Index:
    """Everything of a corpus but its card and its notes: per piece its id, title, split and kin, and where it lies."""

    version: str
    stamp: str  # digests of the files' names, sizes and times; of names and sizes; and of their contents
    sizes: str
    checksum: str
    ids: list[str]
    titles: list[str]
    splits: list[str]
    groups: list[str]  # the smallest id among a piece's variants
    duplicates: list[str]  # the smallest id of the same notes, empty for itself
    kin: list[str]  # the smallest id of the same melody or nearly, empty if alone
    places: list[list[int]]  # chunk, and number in it
    rejected: list[Rejected]
    skipped: dict[str, int]  # members of archives that are no music
    segments: list[Segment]


def folder() -> Path:
    """``COMPOSER_CACHE``, or composer's folder in the user's cache."""
    chosen = os.environ.get("COMPOSER_CACHE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("composer", appauthor=False)


def stamp(files: Sequence[Path]) -> list[Stamp]:
    """Name, size and modification time of each file; raises :class:`ReadError` if one is gone."""
    try:
        found = [(str(path), path.stat()) for path in files]
    except OSError as error:
        raise ReadError(f"{error.filename}: cannot be read ({error.strerror or error})") from None
    return [(name, status.st_size, status.st_mtime_ns) for name, status in found]


def checksum(files: Sequence[Path]) -> str:
    """SHA-256 over the names and contents of files, in order; one that cannot be read has none."""
    total = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        except OSError:  # it will be among the rejected
            content = b""
        total.update(path.name.encode("utf-8", "surrogateescape") + b"\0" + content)
    return total.hexdigest()


@functools.cache
def version() -> str:
    """What a cached corpus depends on besides its sources: the code that makes scores of files, and divides them."""
    package = Path(__file__).resolve().parents[1]
    code = [package / name for name in ("analysis.py", "score.py", "theory.py")]
    code += [path for folder in ("notation", "io", "corpora") for path in sorted((package / folder).glob("*.py"))]
    return f"{__version__} {checksum(code)}"


def digests(stamped: Sequence[Stamp]) -> tuple[str, str]:
    """Of names, sizes and times, and of what stays the same when files are copied: last names and sizes."""
    kept = [(os.path.basename(name), size) for name, size, _ in stamped]
    both = (repr(found).encode("utf-8", "surrogateescape") for found in (stamped, kept))
    first, second = (hashlib.sha256(text).hexdigest() for text in both)
    return first, second


def load(path: Path, files: Sequence[Path]) -> tuple[Index, Store] | None:
    """The cached corpus, or None if there is none that was made by this code, from these files.

    Files are the same if their names, sizes and times are, or else if their contents are: a second installation of the
    same music finds the first one's cache.
    """
    found = opened(path)
    if found is None or found[0].version != version():
        return None
    index, store = found
    exact, sizes = digests(stamp(files))
    if index.stamp != exact and (index.sizes != sizes or index.checksum != checksum(files)):
        return None
    return found if store.size > CHECKED or all(map(store.sound, range(len(index.segments)))) else None


def opened(path: Path) -> tuple[Index, Store] | None:
    """The index and the chunks of a file, whatever it was made from; None if it is none, or its index is damaged."""
    try:
        file = Held(path)
        head = file.read(0, HEAD)
        length = int.from_bytes(head[len(MAGIC) : -DIGEST], "big")
        text = file.read(HEAD, min(length, file.size))
    except OSError:  # there is none, or none that can be used
        return None
    if not head.startswith(MAGIC) or hashlib.sha256(text).digest() != head[-DIGEST:]:
        return None
    entries: dict[str, Any] = json.loads(text)
    entries["segments"] = [Segment(*row) for row in entries["segments"]]
    entries["rejected"] = [Rejected(*row) for row in entries["rejected"]]
    index = Index(**entries)
    store = Store(file, HEAD + length, index.segments)
    return (index, store) if store.size == file.size else None


@contextmanager
def room(path: Path) -> Iterator[Path]:
    """A folder for the chunks of a corpus that is being read: beside its file, so that they are there next time.

    Where the cache cannot be written a temporary one, with a warning: the corpus is good, only not kept.
    """
    place = path.with_suffix(".parts")
    try:
        place.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        warnings.warn(NOT_KEPT.format(f"{path.parent}: {error.strerror or error}"), stacklevel=4)
        with tempfile.TemporaryDirectory(prefix="composer-", ignore_cleanup_errors=True) as temporary:
            yield Path(temporary)
    else:
        yield place  # left as it is if the reading is broken off
        shutil.rmtree(place, ignore_errors=True)


def keep(index: Index, chunk: Callable[[Segment], bytes], path: Path, room: Path) -> Path:
    """Write the whole file, one chunk in memory at a time, and say where it lies.

    That is in the ``room``, with a warning, if it cannot be at ``path``. Raises :class:`WriteError` on a full disk.
    """
    text = json.dumps(vars(index)).encode()
    place = path.parent if room == path.with_suffix(".parts") else room
    written = place / f".{path.name}.{os.urandom(8).hex()}"
    with written.open("xb") as file:
        try:
            file.write(MAGIC + len(text).to_bytes(8, "big") + hashlib.sha256(text).digest() + text)
            for segment in index.segments:
                file.write(chunk(segment))
            file.flush()
            os.fsync(file.fileno())
        except BaseException as error:
            written.unlink()
            if not isinstance(error, OSError):
                raise
            reason = error.strerror or error
            raise WriteError(f"{place}: the corpus cannot be kept ({reason}); set COMPOSER_CACHE to a folder") from None
    if place == room:
        return written
    try:
        os.replace(written, path)
        return path
    except OSError as error:
        warnings.warn(NOT_KEPT.format(f"{path}: {error.strerror or error}"), stacklevel=4)
        return Path(shutil.move(written, room))
