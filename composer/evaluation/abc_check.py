"""Whether tunes can be written as ABC and read by another program: abc2midi, where it is installed.

A tune is malformed if that program reads other notes than the score has, or none, or says that something is wrong. What
it says of bars counts only if our own reader finds the same: it takes every pickup to a later part for a fault.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.io.abc import dumps, tunes
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER

ORACLE = "abc2midi"
RESOLUTION = 480  # ticks a quarter that abc2midi writes
AT_ONCE = 250  # tunes
SECONDS, MORE = 2.0, 0.1  # that they may take, and each of them
REMARKS = "time units while the time signature|Different length notes in tuple"  # bars, which we count; what is right

Notes = NDArray[np.int64]


class Reading(NamedTuple):
    """What became of one tune."""

    malformed: bool
    bars_add_up: bool


def oracle() -> str:
    """What reads tunes here: ``"abc2midi"``, or ``"composer"`` where that is not installed."""
    return ORACLE if shutil.which(ORACLE) else "composer"


def written(score: Score) -> str:
    """A score as ABC, without what a program would play of its own accord, such as chord symbols and a swing."""
    parts = tuple(replace(part, annotations=()) for part in score.parts)
    return dumps(replace(score, parts=parts, chords=(), fermatas=(), metadata={})).decode()


def readings(scores: Sequence[Score], texts: Sequence[str]) -> list[Reading]:
    """What becomes of the ``texts`` of tunes that should be ``scores``."""
    book = [next(iter(tunes(text.encode(), "tune")), None) for text in texts]
    notices = [("unread",) if t is None or t.score is None else tuple(n.kind for n in t.notices) for t in book]
    wanted = [_notes(score) for score in scores]
    if oracle() == ORACLE:
        heard = [found for k in range(0, len(texts), AT_ONCE) for found in _abc2midi(texts[k : k + AT_ONCE])]
        wrong = [found is None or not _same(found, notes) for found, notes in zip(heard, wanted, strict=True)]
    else:
        ours = [None if tune is None or tune.score is None else _notes(tune.score) for tune in book]
        wrong = [found is None or not _same(found, notes) for found, notes in zip(ours, wanted, strict=True)]
    return [
        Reading(bad or bool(said), not {"bar", "unread"} & {*said}) for bad, said in zip(wrong, notices, strict=True)
    ]


def _notes(score: Score) -> Notes:
    """(N, 3) onset, pitch and duration of every note that is heard, in abc2midi's ticks, in order."""
    scale = RESOLUTION / TICKS_PER_QUARTER
    rows = [
        np.stack([np.rint(part.onset * scale), part.pitch, np.rint(part.duration * scale)], axis=1)
        for part in score.unfold().parts
    ]
    return _ordered(np.concatenate([np.zeros((0, 3)), *rows]).astype(np.int64))


def _ordered(notes: Notes) -> Notes:
    return notes[np.lexsort(notes.T[::-1])]


def _same(found: Notes, wanted: Notes) -> bool:
    """Alike to a tick: abc2midi begins one late and ends one early."""
    return len(found) == len(wanted) and bool((abs(found - wanted) <= (1, 0, 2)).all())


def _abc2midi(texts: Sequence[str]) -> list[Notes | None]:
    """What abc2midi plays of each tune; None where it plays nothing, or says that something is wrong."""
    numbered = [re.sub(r"\AX:.*", f"X:{number}", text) for number, text in enumerate(texts, 1)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "t.abc").write_text("\n".join(numbered), encoding="utf-8")
        command = [ORACLE, "t.abc", "-NFER", "-NGRA", "-NGUI", "-NCOM"]
        allowed = SECONDS + MORE * len(texts)
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, timeout=allowed, check=False)
        except subprocess.TimeoutExpired:
            done = None
        if done is None or done.returncode < 0:  # one tune that it does not survive costs only itself
            half = len(texts) // 2
            return [None] if not half else [*_abc2midi(texts[:half]), *_abc2midi(texts[half:])]
        faults = _faults(done.stdout.decode("latin-1"), numbered)
        files = [Path(folder, f"t{number}.mid") for number in range(1, len(texts) + 1)]
        return [None if k in faults or not path.exists() else _played(path) for k, path in enumerate(files)]


def _faults(said: str, texts: Sequence[str]) -> set[int]:
    """The tunes about which something was said, but for :data:`REMARKS`."""
    first = [0, *accumulate(text.count("\n") + 1 for text in texts)]  # the line before each tune's first
    lines = re.findall(rf"^(?:Error|Warning) in line-char (\d+)-\d+ : (?!.*(?:{REMARKS}))", said, re.MULTILINE)
    return {min(bisect_right(first, int(line) - 1), len(texts)) - 1 for line in lines}


def _played(path: Path) -> Notes | None:
    import symusic

    try:
        played: Any = symusic.Score(path)
    except (RuntimeError, ValueError):
        return None
    tracks = [track.notes.numpy() for track in played.tracks]
    columns = [np.stack([n["time"], n["pitch"], n["duration"]], axis=1).astype(np.int64) for n in tracks]
    return _ordered(np.concatenate([np.zeros((0, 3), dtype=np.int64), *columns]))
