"""Where the chunks of a corpus lie while it is built: files in its room, and the file that was made of it last time."""

from __future__ import annotations

import hashlib
from pathlib import Path

from composer.corpora import cache
from composer.corpora.cache import DIGEST
from composer.corpora.store import Segment
from composer.errors import ReadError, WriteError
from composer.io import write_bytes

TRIES = 20  # another process that finishes the same corpus takes the room away


class Shelf:
    """The chunks in a room, and in the file at ``path``; damaged ones are as if they were not there."""

    def __init__(self, room: Path, path: Path) -> None:
        self.room, self.path = room, path
        self.look()

    def look(self) -> None:
        """Open the file again, which another process may have replaced."""
        opened = cache.opened(self.path)
        self._store = opened[1] if opened else None
        self._numbers = {segment.key: n for n, segment in enumerate(opened[0].segments)} if opened else {}

    def get(self, key: str) -> tuple[bytes, Segment] | None:
        """A chunk's bytes, and what describes them; None if it has not been read yet."""
        try:
            kept = (self.room / f"{key}.chunk").read_bytes()
        except OSError:
            kept = b""
        data, digest = kept[DIGEST:], kept[:DIGEST]
        if digest and hashlib.sha256(data).digest() == digest:
            return data, Segment(key, len(data), digest.hex())
        number = self._numbers.get(key)
        if self._store is None or number is None:
            return None
        checked = self._store.checked(number)
        return None if checked is None else (checked, self._store.segments[number])

    def segment(self, segment: Segment) -> bytes:
        """The chunk that a segment describes; raises :class:`ReadError` if it has gone."""
        found = self.get(segment.key)
        if found is None:
            self.look()
            found = self.get(segment.key)
        if found is None or found[1] != segment:
            raise ReadError(f"{self.path}: was changed while it was written; load the corpus again")
        return found[0]


def save_chunk(data: bytes, key: str, room: Path) -> None:
    """Put a chunk into the room, completely or not at all; raises :class:`WriteError`."""
    for left in reversed(range(TRIES)):
        try:
            room.mkdir(parents=True, exist_ok=True)
            write_bytes(hashlib.sha256(data).digest() + data, room / f"{key}.chunk")
            return
        except (OSError, WriteError) as error:
            if not left:
                raise WriteError(f"{room}: a corpus cannot be kept here ({error}); set COMPOSER_CACHE") from None
