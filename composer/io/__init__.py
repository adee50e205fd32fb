"""Files: ``read(path)`` and ``write(score, path)``, by suffix.

A format is one module with ``loads(data, name, *, notices=None) -> Score`` and/or ``dumps(score) -> bytes``, and one
line in :data:`composer.registry.FORMATS`. Formats work on bytes in memory; this module alone touches the disk, refuses
files that are too large, and writes to a temporary name first, so that no reader ever sees half a file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

from composer.disk import write_bytes as write_bytes
from composer.errors import ReadError, UsageError
from composer.registry import FORMATS, resolve
from composer.score import Score

MAX_FILE = 64 * 2**20  # bytes


def suffix_of(path: str | Path) -> str:
    """The longest registered suffix of a path, lower case: ``.roll.png`` before ``.png``; raises UsageError."""
    found = _suffix(path)
    if not found:
        raise UsageError(f"{path}: no format has this suffix; use one of {', '.join(FORMATS)}")
    return found


def _suffix(path: str | Path) -> str:
    name = Path(path).name.lower()
    return max((suffix for suffix in FORMATS if name.endswith(suffix)), key=len, default="")


def read(path: str | Path, **options: Any) -> Score:
    """Read a score from a file: MIDI, ABC, MusicXML, plain or compressed, or Humdrum.

    Options belong to the format. MIDI: ``grid``, ``sustain``; ABC: ``tune``, the number or title of one of a book (the
    first if left out); all of them: ``notices``, a list that gets a :class:`composer.errors.Notice` for everything that
    was not taken as it stands. Raises :class:`ReadError` with file, place and remedy, or :class:`UsageError` if the
    suffix cannot be read.
    """
    if os.path.isdir(path):  # False for names that no file can have
        raise ReadError(f"{path}: is a folder; give a file, or look at it with `composer corpora inspect`")
    loads = reader_of(path)
    return loads(read_bytes(path), str(path), **options)


def reader_of(path: str | Path) -> Callable[..., Score]:
    """``loads`` of the format that the path's suffix names; raises :class:`UsageError` if none can be read."""
    suffix = _suffix(path)
    module: Any = resolve(FORMATS[suffix]) if suffix else None
    if not hasattr(module, "loads"):
        raise UsageError(f"{path}: cannot be read as music; give a .mid, .abc, .musicxml, .mxl or .krn file")
    loads: Callable[..., Score] = module.loads
    return loads


def read_bytes(path: str | Path) -> bytes:
    """A file's bytes, at most :data:`MAX_FILE`; raises :class:`ReadError`."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except IsADirectoryError:
        raise ReadError(f"{path}: is a folder; give a file") from None
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL in the name
        raise ReadError(f"{path!r}: cannot be read ({error})") from None
    if len(data) > MAX_FILE:
        raise ReadError(f"{path}: is larger than {MAX_FILE // 2**20} MB, too large for a score")
    return data


def write(score: Score, path: str | Path, **options: Any) -> Path:
    """Write a score in the format of the path's suffix, completely or not at all; returns the path."""
    suffix = suffix_of(path)
    module = resolve(FORMATS[suffix])
    if not hasattr(module, "dumps"):
        raise UsageError(f"{path}: {suffix} can be read but not written")
    if "suffix" in signature(module.dumps).parameters:  # a module that serves several
        options["suffix"] = suffix
    return write_bytes(module.dumps(score, **options), path)
