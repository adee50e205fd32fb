"""Public benchmarks that likelihoods are compared on, read from the files as they are published.

They are for measuring only: nothing of them comes with the project, and no shipped weights are trained on them.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import ReadError
from composer.inference.sequence import Sequence

NOTES, LOWEST_NOTE = 88, 21  # index 0 of a frame is MIDI 21
VOICES, SILENCE = 4, -1
MAX_FILE = 2**25  # bytes; the largest of them has a million
MAX_UNPACKED = 2**27  # bytes
COMPRESSED = 15  # MATLAB's miCOMPRESSED
PHASES = 16


class Benchmark(NamedTuple):
    """Sequences of one event a step, in their published order."""

    train: list[Sequence]
    validation: list[Sequence]
    test: list[Sequence]


def poly_mat(path: Path) -> Benchmark:
    """Piano rolls on quarter frames (Boulanger-Lewandowski, Bengio and Vincent, ICML 2012), from a ``.mat`` file.

    Events (T, 88): 1 where a note sounds. Context ``phase``: the frame's number modulo 16, which is known beforehand.
    Raises :class:`ReadError`.
    """
    from scipy.io import loadmat

    data = _bytes(path)
    if _unpacked(data) > MAX_UNPACKED:
        raise ReadError(f"{path}: unpacks to more than {MAX_UNPACKED // 2**20} MB, too large for a benchmark")
    names = ["traindata", "validdata", "testdata"]
    try:
        found = loadmat(io.BytesIO(data), variable_names=names)
        splits = [[_roll(piece) for piece in found[name].ravel()] for name in names]
    except Exception as error:  # the library's parser fails on damaged files in many ways
        raise ReadError(f"{path}: is not a .mat file of piano rolls, or is damaged ({_line(error)})") from None
    return Benchmark(*splits)


def jsb_json(path: Path) -> Benchmark:
    """Four-part chorales on the 16th grid, from the file ``Jsb16thSeparated.json``.

    Events (T, 4): the pitch of soprano, alto, tenor and bass, -1 for silence; no holds. Raises :class:`ReadError`.
    """
    try:
        found = json.loads(_bytes(path))
        splits = [[_chorale(piece) for piece in found[name]] for name in ("train", "valid", "test")]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReadError(f"{path}: is not a file of four-part chorales, or is damaged ({_line(error)})") from None
    return Benchmark(*splits)


def _roll(piece: NDArray[Any]) -> Sequence:
    roll = _sequence(np.asarray(piece), NOTES, 0, 1)
    return replace(roll, context={"phase": roll.steps % PHASES})


def _chorale(piece: list[list[int]]) -> Sequence:
    return _sequence(np.array(piece), VOICES, SILENCE, 127)


def _sequence(events: NDArray[Any], width: int, least: int, most: int) -> Sequence:
    if events.ndim != 2 or events.shape[1] != width or not len(events) or events.dtype.kind not in "uif":
        raise ValueError(f"a piece is no table of {width} numbers a step")
    if not bool(((events >= least) & (events <= most) & (events == np.floor(events))).all()):
        raise ValueError(f"a piece has other values than {least} to {most}")
    return Sequence(events.astype(np.int32), np.arange(len(events), dtype=np.int32))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE:
            raise ReadError(f"{path}: is larger than {MAX_FILE // 2**20} MB, too large for a benchmark")
        return path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror or error})") from None


def _unpacked(data: bytes) -> int:
    """How many bytes the compressed elements of a MATLAB 5 file unpack to, counted until there are too many."""
    at, total = 128, 0
    while at + 8 <= len(data) and total <= MAX_UNPACKED:
        kind, size = struct.unpack_from("<II", data, at)
        if kind == COMPRESSED:
            try:
                total += len(zlib.decompressobj().decompress(data[at + 8 : at + 8 + size], MAX_UNPACKED + 1))
            except zlib.error:
                return total  # its reader says so
        at += 8 + size
    return total


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
