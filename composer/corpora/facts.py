"""What there is to say of a piece, small enough to keep for a hundred thousand of them.

Computed where the piece is read, so that a whole collection can be looked over without making its scores again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.corpora.splits import top_line
from composer.errors import Notice
from composer.io.quantize import USUAL, distances
from composer.io.smf_census import PEDAL
from composer.score import Part, Score

WIDEST = 24  # semitones; wider steps count as this one
MOST_CHANGES = 8  # distinct meters, keys and tempos listed
MOST_NOTICES = 20  # of a kind
MOST_PLACES = 3  # of one notice
LONGEST = 120  # letters of a text


def facts(score: Score, notices: Sequence[Notice] = ()) -> dict[str, Any]:
    """What is in a piece, as a dict that JSON can hold, of at most a few kilobytes.

    ``bars`` are written, ``seconds`` heard; ``meters``, ``keys`` and ``tempos`` (quarters a minute) are the distinct
    ones in order, eight at most, ``..._changes`` how often they change; ``lowest``, ``highest`` (MIDI, null where there
    is no pitch), ``polyphony`` (pitches at once: the most, and the mean over the time that sounds), ``pitches`` and
    ``intervals`` (steps of each part's top line, up to two octaves) leave drums out. ``grid_ms`` is how far onsets lie
    from sixteenths and eighth triplets: the mean and the most, in milliseconds. ``bad_bars`` do not add up; ``ignored``
    was in the file and is not in the score.
    """
    pitched = [part for part in score.parts if not part.drums]
    pitch = _joined(part.pitch for part in pitched)
    off = distances(score, USUAL)
    spans = score.seconds(np.array(score.heard_segments))
    return {
        "parts": len(score.parts),
        "drums": len(score.parts) - len(pitched),
        "notes": sum(map(len, score.parts)),
        "bars": score.bars,
        "seconds": round(float((spans[:, 1] - spans[:, 0]).sum()), 1),
        "meters": _distinct(score.meters),
        "meter_changes": len(score.meters) - 1,
        "keys": _distinct(score.keys),
        "key_changes": len(score.keys) - 1,
        "tempos": _distinct(round(tempo.quarters_per_minute, 2) for tempo in score.tempos),
        "tempo_changes": len(score.tempos) - 1,
        "lowest": int(pitch.min()) if len(pitch) else None,
        "highest": int(pitch.max()) if len(pitch) else None,
        "polyphony": _polyphony(pitched),
        "pedal": sum(notice.times for notice in notices if notice.text == PEDAL),
        "grid_ms": [round(float(off.mean()), 1), round(float(off.max()), 1)] if len(off) else [0.0, 0.0],
        "pitches": _counted(pitch),
        "intervals": _counted(_joined(np.clip(_steps(part), -WIDEST, WIDEST) for part in pitched)),
        "repeats": len(score.repeats),
        "chords": len(score.chords),
        **_noticed(notices),
    }


def _joined(columns: Iterable[NDArray[Any]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns])


def _distinct(values: Iterable[Any]) -> list[Any]:
    """The different values in order, as JSON can hold them."""
    known = dict.fromkeys(value if isinstance(value, float) else str(value) for value in values)
    return list(known)[:MOST_CHANGES]


def _steps(part: Part) -> NDArray[Any]:
    """The intervals of the top line."""
    return np.diff(top_line(part)) if len(part) else part.pitch


def _polyphony(parts: Sequence[Part]) -> list[float]:
    """The most notes that sound at once, and the mean over the time in which any does."""
    onset, offset = _joined(part.onset for part in parts), _joined(part.offset for part in parts)
    if not len(onset):
        return [0, 0.0]
    tick = np.concatenate([offset, onset])
    change = np.repeat([-1, 1], len(onset))
    order = np.argsort(tick, kind="stable")  # at one tick a note ends before the next begins
    level, lasting = np.cumsum(change[order])[:-1], np.diff(tick[order])
    return [int(level.max()), round(float((level * lasting).sum() / lasting[level > 0].sum()), 2)]


def _counted(values: NDArray[Any]) -> dict[str, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(map(str, found.tolist()), counts.tolist(), strict=True))


def _noticed(notices: Sequence[Notice]) -> dict[str, Any]:
    """Notices of one text together; more than twenty texts, or bars, are only counted."""
    bars = [notice for notice in notices if notice.kind == "bar"]
    ignored: dict[str, dict[str, Any]] = {}
    for notice in notices:
        if notice.kind != "bar":
            row = ignored.setdefault(notice.text, {"text": notice.text[:LONGEST], "count": 0, "places": []})
            row["count"] += notice.times
            if notice.place and len(row["places"]) < MOST_PLACES:
                row["places"].append(notice.place[:LONGEST])
    return {
        "bad_bars": [{"place": bar.place[:LONGEST], "text": bar.text[:LONGEST]} for bar in bars[:MOST_NOTICES]],
        "bad_bars_count": sum(bar.times for bar in bars),
        "ignored": list(ignored.values())[:MOST_NOTICES],
        "ignored_count": sum(row["count"] for row in ignored.values()),
    }
