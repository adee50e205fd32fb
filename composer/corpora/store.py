"""The chunks of a cached corpus, read one by one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from weakref import finalize

from composer.corpora.columns import Columns, unpack
from composer.errors import ReadError
from composer.score import Score

HELD = 8  # chunks: pieces are mostly asked for one after another


class Segment(NamedTuple):
    """A chunk in a file: the key it was made under, its length in bytes, and its SHA-256."""

    key: str
    size: int
    digest: str


class Held:
    """A file that stays readable when another takes its place, where the system can do that: as it was when opened.

    Raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._number: int | None = None
        if hasattr(os, "pread"):
            self._number = os.open(path, os.O_RDONLY)
            finalize(self, os.close, self._number)
        self.size = os.stat(path if self._number is None else self._number).st_size

    def read(self, start: int, size: int) -> bytes:
        """At most ``size`` bytes from ``start`` on."""
        if self._number is not None:
            return os.pread(self._number, size, start)
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)


class Store:
    """Chunks that lie one after another in a file, from ``start`` on."""

    def __init__(self, file: Held, start: int, segments: Sequence[Segment]) -> None:
        self.path, self.segments = file.path, segments
        self._file = file
        self._starts = [start]
        for segment in segments:
            self._starts.append(self._starts[-1] + segment.size)
        self._columns = lru_cache(maxsize=HELD)(self._read)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self._starts[-1]

    def checked(self, number: int) -> bytes | None:
        """A chunk's bytes, or None if they are not as they were written."""
        data = self._file.read(self._starts[number], self.segments[number].size)
        return data if hashlib.sha256(data).hexdigest() == self.segments[number].digest else None

    def sound(self, number: int) -> bool:
        """Whether a chunk is as it was written."""
        return self.checked(number) is not None

    def score(self, chunk: int, row: int) -> Score:
        """A piece's score; raises :class:`ReadError` if the file has been damaged."""
        return unpack(self._columns(chunk), row)

    def facts(self, chunk: int, row: int) -> dict[str, Any]:
        """A piece's facts; raises :class:`ReadError` if the file has been damaged."""
        columns = self._columns(chunk)
        start, stop = columns["facts"][row : row + 2].tolist()
        found: dict[str, Any] = json.loads(columns["fact"][start:stop].tobytes())
        return found

    def _read(self, number: int) -> Columns:
        from safetensors.numpy import load

        data = self.checked(number)
        if data is None:
            self.path.unlink(missing_ok=True)
            raise ReadError(f"{self.path}: was damaged, and is removed; load the corpus again")
        columns: Columns = load(data)
        return columns
