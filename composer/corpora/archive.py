"""Archives of music: the members of a .zip file, read in memory one at a time and never unpacked to the disk.

Archives are untrusted: the list of members, their number, their sizes and how far they unpack are bounded before any of
them is read. An archive inside an archive is not opened.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import IO, cast

from composer.errors import ReadError
from composer.io import MAX_FILE

MAX_MEMBERS = 200_000
MAX_DIRECTORY = 64 * 2**20  # bytes, of the list of members
MAX_RATIO = 100  # music packs to a fifth, text to a thirtieth
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, RuntimeError, ValueError)


class _Careful(io.FileIO):
    """A file that does not give more at once than a list of members may have."""

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        if size is not None and size > MAX_DIRECTORY:
            raise zipfile.BadZipFile("its list of members is too long")
        return super().read(-1 if size is None else size)


class Archive:
    """The members of a .zip file that are neither folders nor hidden, in the archive's order, and their names.

    Raises :class:`ReadError` if the archive is damaged, or larger inside than music is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.file = _Careful(path)
        except OSError as error:
            raise ReadError(f"{path}: cannot be read ({error.strerror or error})") from None
        try:
            self.zip = zipfile.ZipFile(cast(IO[bytes], self.file))
            self.members = [info for info in self.zip.infolist() if not info.is_dir() and not _hidden(info.filename)]
            size, unpacked = path.stat().st_size, sum(info.file_size for info in self.members)
            if len(self.members) > MAX_MEMBERS:
                raise ReadError(f"{path}: holds more than {MAX_MEMBERS:,} files; unpack it, and give the folder")
            self.names = _distinct([info.filename for info in self.members])
            if unpacked > max(MAX_FILE, MAX_RATIO * size):
                raise ReadError(f"{path}: unpacks to {unpacked // 2**20:,} MB, more than an archive of music would")
        except DAMAGE as error:
            self.close()
            raise ReadError(f"{path}: is a damaged .zip archive ({error})") from None
        except ReadError:
            self.close()
            raise

    def read(self, number: int) -> bytes:
        """A member's bytes, at most :data:`MAX_FILE`; raises :class:`ReadError`."""
        info, name = self.members[number], f"{self.path}/{self.names[number]}"
        if info.filename.lower().endswith(".zip"):
            raise ReadError(f"{name}: is an archive inside an archive; unpack the outer one")
        if info.flag_bits & 1:
            raise ReadError(f"{name}: is encrypted; unpack the archive with its password, and give the folder")
        if info.file_size > MAX_FILE:
            raise ReadError(f"{name}: is larger than {MAX_FILE // 2**20} MB, too large for a score")
        try:
            with self.zip.open(info) as file:
                return file.read(MAX_FILE)
        except DAMAGE as error:
            raise ReadError(f"{name}: is damaged in its archive ({error})") from None

    def close(self) -> None:
        self.file.close()


_last: dict[str, Archive] = {}


def opened(path: Path) -> Archive:
    """The archive, kept open until another one is asked for: its list of members is read once."""
    if str(path) not in _last:
        while _last:
            _last.popitem()[1].close()
        _last[str(path)] = Archive(path)
    return _last[str(path)]


def count(path: Path) -> int:
    """How many members an archive has; 0 if it cannot be read."""
    try:
        archive = Archive(path)
    except ReadError:
        return 0
    archive.close()
    return len(archive.members)


def _hidden(name: str) -> bool:
    parts = [part for part in name.replace("\\", "/").split("/") if part not in (".", "..")]
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _distinct(names: list[str]) -> list[str]:
    """Names without characters that cannot be printed; the second of a name ends in ".2"."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        shown = "".join(c if c.isprintable() else "?" for c in name)
        seen[shown] += 1
        found.append(shown if seen[shown] == 1 else f"{shown}.{seen[shown]}")
    return found
