"""Corpora that were read once, kept in the user's cache folder as one file each.

A file is a line that says what it is, the SHA-256 of the rest, and a safetensors body: the columns of
:mod:`composer.corpora.columns` and a JSON index. It is written under a temporary name and renamed, so processes that
build the same corpus at once cannot harm each other; the last one wins, and all wrote the same. A file that is damaged,
of another version, or made from other sources is not used.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from composer import __version__
from composer.corpora.base import Rejected
from composer.corpora.columns import Columns
from composer.errors import ReadError, WriteError
from composer.io import write_bytes

MAGIC = b"composer corpus cache 1\n"  # raised when the layout of the file changes
DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Entry:
    """Everything of a corpus but its card: per piece its id, title, group and split, and the notes as columns."""

    ids: list[str]
    titles: list[str]
    groups: list[str]  # the smallest id among a piece's variants
    splits: list[str]
    rejected: list[Rejected]
    columns: Columns
    facts: list[dict[str, Any]]
    copies: list[str]


def folder() -> Path:
    """``COMPOSER_CACHE``, or composer's folder in the user's cache."""
    chosen = os.environ.get("COMPOSER_CACHE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("composer", appauthor=False)


def stamp(files: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Name, size and modification time of each file; raises :class:`ReadError` if one is gone."""
    try:
        found = [(str(path), path.stat()) for path in files]
    except OSError as error:
        raise ReadError(f"{error.filename}: cannot be read ({error.strerror or error})") from None
    return [(name, status.st_size, status.st_mtime_ns) for name, status in found]


def checksum(files: Sequence[Path]) -> str:
    """SHA-256 over the names and contents of files, in order; raises :class:`ReadError` if one cannot be read."""
    total = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise ReadError(f"{path}: cannot be read ({error.strerror or error})") from None
        total.update(path.name.encode("utf-8", "surrogateescape") + b"\0" + content)
    return total.hexdigest()


@functools.cache
def version() -> str:
    """What a cached corpus depends on besides its sources: the code that makes scores of files, and divides them."""
    package = Path(__file__).resolve().parents[1]
    code = [package / "score.py", package / "theory.py"]
    code += [path for folder in ("notation", "io", "corpora") for path in sorted((package / folder).glob("*.py"))]
    return f"{__version__} {checksum(code)}"


def load(path: Path, files: Sequence[Path]) -> Entry | None:
    """The cached corpus, or None if there is none that was made by this code, from these files.

    Files are the same if their names, sizes and times are, or else if their contents are: a second installation of the
    same music finds the first one's cache.
    """
    try:
        data = path.read_bytes()
    except OSError:  # there is none, or none that can be used: it is built anew
        return None
    body = memoryview(data)[len(MAGIC) + DIGEST :]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : len(MAGIC) + DIGEST]:
        return None
    from safetensors.numpy import load as load_arrays

    columns: Columns = load_arrays(bytes(body))
    index: dict[str, Any] = json.loads(columns.pop("index").tobytes())
    if index.pop("version") != version():
        return None
    kept, known = index.pop("stamp"), index.pop("checksum")
    if kept != _digest(stamp(files)) and known != checksum(files):
        return None
    rejected = [Rejected(*row) for row in index.pop("rejected")]
    return Entry(**index, rejected=rejected, columns=columns)


def save(entry: Entry, path: Path, stamped: list[tuple[str, int, int]], known: str) -> None:
    """Keep a corpus. Where that cannot be done, a warning says so: the corpus is good, only not kept."""
    from safetensors.numpy import save as save_arrays

    index = {
        "version": version(),
        "stamp": _digest(stamped),
        "checksum": known,
        "ids": entry.ids,
        "titles": entry.titles,
        "splits": entry.splits,
        "groups": entry.groups,
        "rejected": entry.rejected,
        "facts": entry.facts,
        "copies": entry.copies,
    }
    text = np.frombuffer(json.dumps(index).encode(), dtype=np.uint8)
    body = save_arrays({**entry.columns, "index": text})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(MAGIC + hashlib.sha256(body).digest() + body, path)
    except (OSError, WriteError) as error:
        reason = str(error) if isinstance(error, WriteError) else f"{path.parent}: {error.strerror or error}"
        warnings.warn(f"the corpus is not kept for next time: {reason}; set COMPOSER_CACHE to a folder", stacklevel=2)


def _digest(stamped: list[tuple[str, int, int]]) -> str:
    return hashlib.sha256(repr(stamped).encode("utf-8", "surrogateescape")).hexdigest()
