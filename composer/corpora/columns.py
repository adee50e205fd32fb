"""Scores as a few long columns, and back: what the cache holds.

Notes lie in int32 and byte columns over all pieces; what is sparse (names, keys, bars, marks) is one JSON text per
piece, read only when that piece is asked for. So opening a corpus of four thousand tunes builds no score at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.score import Annotation, Ending, Part, Repeat, Score, frozen
from composer.theory import ChordSymbol, Key, Meter, Tempo

Columns = dict[str, NDArray[Any]]

NOTE_COLUMNS: dict[str, type[np.integer[Any]]] = {  # in the order of Part's fields
    "onset": np.int32,
    "pitch": np.uint8,
    "duration": np.int32,
    "velocity": np.uint8,
    "spelling": np.int8,
}


def pack(scores: Sequence[Score]) -> Columns:
    """Scores as columns: the notes of all parts one after another, and each piece's sparse things as JSON.

    ``notes`` (parts + 1,) and ``parts`` (pieces + 1,) are where each part's notes and each piece's parts begin;
    ``text`` (bytes,) is the JSON of all pieces and ``texts`` (pieces + 1,) where each begins.
    """
    parts = [part for score in scores for part in score.parts]
    texts = [json.dumps(_sparse(score), separators=(",", ":")).encode() for score in scores]
    columns: Columns = {
        name: _joined([getattr(part, name) for part in parts], dtype) for name, dtype in NOTE_COLUMNS.items()
    }
    columns["notes"] = starts([len(part) for part in parts])
    columns["parts"] = starts([len(score.parts) for score in scores])
    columns["texts"] = starts([len(text) for text in texts])
    columns["text"] = np.frombuffer(b"".join(texts), dtype=np.uint8)
    return columns


def unpack(columns: Columns, index: int) -> Score:
    """The score at ``index``, equal to the one that was packed."""
    start, stop = columns["texts"][index : index + 2].tolist()
    sparse = json.loads(columns["text"][start:stop].tobytes())
    first = int(columns["parts"][index])
    return Score(
        parts=tuple(_part(columns, first + number, entry) for number, entry in enumerate(sparse["parts"])),
        barlines=frozen(np.cumsum(sparse["bars"])),
        meters=tuple(Meter(*row) for row in sparse["meters"]),
        keys=tuple(Key(*row) for row in sparse["keys"]),
        tempos=tuple(Tempo(*row) for row in sparse["tempos"]),
        repeats=tuple(_repeat(*row) for row in sparse.get("repeats", ())),
        sections=tuple(sparse.get("sections", ())),
        chords=tuple(ChordSymbol(*row) for row in sparse.get("chords", ())),
        fermatas=tuple(sparse.get("fermatas", ())),
        metadata=sparse["metadata"],
    )


def _sparse(score: Score) -> dict[str, Any]:
    """What is not notes, in JSON's types; what most pieces lack is left out when it is empty."""
    often = {
        "parts": [_part_entry(part) for part in score.parts],
        "bars": np.diff(score.barlines, prepend=0).tolist(),  # bar lengths are shorter to write than bar lines
        "meters": [(m.numerator, m.denominator, m.onset) for m in score.meters],
        "keys": [(k.tonic, k.mode, k.onset) for k in score.keys],
        "tempos": [(t.bpm, t.beat, t.onset) for t in score.tempos],
        "metadata": dict(score.metadata),
    }
    seldom = {
        "repeats": [(r.start, r.end, r.times, [(e.start, e.end, e.passes) for e in r.endings]) for r in score.repeats],
        "sections": score.sections,
        "chords": [(c.root, c.quality, c.bass, c.onset) for c in score.chords],
        "fermatas": score.fermatas,
    }
    return often | {name: rows for name, rows in seldom.items() if rows}


def _part_entry(part: Part) -> list[Any]:
    marks = [(mark.kind, mark.onset, mark.text, mark.end) for mark in part.annotations]
    return [part.name, part.program, part.drums, marks]


def _part(columns: Columns, number: int, entry: list[Any]) -> Part:
    start, stop = columns["notes"][number : number + 2].tolist()
    name, program, drums, marks = entry
    onset, pitch, duration, velocity, spelling = (frozen(columns[column][start:stop]) for column in NOTE_COLUMNS)
    annotations = tuple(Annotation(*mark) for mark in marks)
    return Part(onset, pitch, duration, velocity, spelling, name, program, drums, annotations)


def _repeat(start: int, end: int, times: int, endings: list[Any]) -> Repeat:
    return Repeat(start, end, times, tuple(Ending(a, b, tuple(passes)) for a, b, passes in endings))


def starts(lengths: Sequence[int]) -> NDArray[np.int64]:
    """(N,) lengths -> (N + 1,) where each begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)


def _joined(columns: Sequence[NDArray[Any]], dtype: type[np.integer[Any]]) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *columns]).astype(dtype)
