"""Music that a judge must catch, or its figures do not count: pages whose bars are shuffled, and js_fakes.

js_fakes are 500 chorales that a network composed (O. Peracha, CC BY 4.0, github.com/omarperacha/js-fakes). They are no
part of this project, and are only ever compared with.
"""

from __future__ import annotations

import io
import pickletools
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from composer.analysis import find_key
from composer.errors import ReadError
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER, Ints, Key
from composer.voice_leading import CHOIR

CAUGHT = 0.9  # the least AUC at which a foil is caught
JS_FAKES = "js-fakes-16thSeparated.npz"
MAX_FILE = 2**24  # bytes, packed or not; the published file has 220,446, and unpacks to 3 million
GRID = TICKS_PER_QUARTER // 4
BAR = 16  # 16ths
SILENCE = -1
MOST = 1_000  # tables, and bars of one
DAMAGE = (
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zlib.error,
    zipfile.BadZipFile,
)


def shuffled_bars(score: Score, rng: np.random.Generator) -> Score:
    """The page with its whole bars in another order, all voices together; without repeats, sections, fermatas, chords.

    Bars that a note is held across stay together. The last bar stays where it is, and so do bars that are no whole
    ones, such as a pickup.
    """
    plain = replace(score, repeats=(), sections=(), fermatas=(), chords=())
    spans = list(_unbroken(plain))
    whole = [place for place, (start, end) in enumerate(spans[:-1]) if _is_whole(plain, start, end)]
    order = list(range(len(spans)))
    for place, other in zip(whole, rng.permutation(whole).tolist(), strict=True):
        order[place] = other
    return replace(plain.rearranged([spans[place] for place in order]), sections=())


def _unbroken(score: Score) -> Iterator[tuple[int, int]]:
    """The spans between bar lines that no note is held across."""
    lines = score.barlines.astype(np.int64)
    held = np.zeros(len(lines) + 1, dtype=np.int64)
    for part in score.parts:
        np.add.at(held, np.searchsorted(lines, part.onset, "right"), 1)
        np.add.at(held, np.maximum(np.searchsorted(lines, part.offset, "left"), 1), -1)
    free = lines[np.cumsum(held)[: len(lines)] == 0]
    edges = np.unique(np.concatenate([[0], free, [score.end]])).tolist()
    return pairwise(edges)


def _is_whole(score: Score, start: int, end: int) -> bool:
    return (end - start) % score.meter_at(start).bar == 0


def without_restrikes(score: Score) -> Score:
    """Every note that a part repeats at once, as one longer note: as in data that do not say where a note begins."""
    return replace(score, parts=tuple(map(_merged, score.parts)))


def _merged(part: Part) -> Part:
    again = (part.pitch[1:] == part.pitch[:-1]) & (part.onset[1:] == part.offset[:-1])
    kept = part.select(np.append(True, ~again)[: len(part)])
    return Part.of(
        kept.onset,
        kept.pitch,
        part.offset[np.append(~again, True)[: len(part)]] - kept.onset,
        kept.velocity,
        kept.spelling,
        name=part.name,
        program=part.program,
        drums=part.drums,
    )


def read_js_fakes(folder: Path) -> list[Score]:
    """All js_fakes of a folder, in the file's order: in the key that fits best, in 4/4 without a pickup.

    Raises :class:`ReadError` if the file is missing, damaged, or not that.
    """
    path = folder / JS_FAKES
    try:
        return [_chorale(table) for table in _tables(path)]
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror or error})") from None
    except DAMAGE as error:
        raise ReadError(f"{path}: is not the file of js_fakes, or is damaged ({str(error)[:200]})") from None


def _tables(path: Path) -> Iterator[NDArray[np.int64]]:
    """(T, 4) pitches. They stand in a pickle, which is not run: only its byte strings are looked at."""
    if path.stat().st_size > MAX_FILE:
        raise ValueError("it is too large")
    with zipfile.ZipFile(path) as archive, archive.open("pitches.npy") as member:
        data = member.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise ValueError("it unpacks to too much")
    stream = io.BytesIO(data)
    np.lib.format.read_magic(stream)
    (count,), _, _ = np.lib.format.read_array_header_1_0(stream)
    found = [arg for _, arg, _ in pickletools.genops(stream) if isinstance(arg, bytes) and len(arg) > 1]
    if len(found) != count:
        raise ValueError(f"it holds {len(found)} tables, and says {count}")
    if count > MOST:
        raise ValueError(f"it holds {count:,} tables")
    return map(_table, found)


def _table(data: bytes) -> NDArray[np.int64]:
    table = np.frombuffer(data, "<f8").reshape(-1, len(CHOIR))
    if not ((table >= SILENCE) & (table <= 127) & (table == np.floor(table))).all() or not 0 < len(table) <= MOST * BAR:
        raise ValueError("a table holds something else than pitches")
    return table.astype(np.int64)


def _chorale(table: NDArray[np.int64]) -> Score:
    parts = [_voice(column, name) for column, name in zip(table.T, CHOIR, strict=True)]
    end = len(table) * GRID
    lines = np.append(np.arange(0, end, BAR * GRID), end)
    score = Score.of(parts, meter="4/4", key=_key(parts), barlines=lines)
    return score.respelled()


def _voice(column: NDArray[np.int64], name: str) -> Part:
    starts = np.flatnonzero(np.append(True, column[1:] != column[:-1]))
    lengths = np.diff(np.append(starts, len(column)))
    heard = column[starts] != SILENCE
    return Part.of(starts[heard] * GRID, column[starts][heard], lengths[heard] * GRID, name=name)


def _key(parts: Iterable[Part]) -> Key:
    columns: list[tuple[Ints, Ints]] = [(part.pitch, part.duration) for part in parts]
    return find_key(*(np.concatenate(column) for column in zip(*columns, strict=True)))
