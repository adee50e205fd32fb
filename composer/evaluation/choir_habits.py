"""Habits of a choir that span several quarters: halts, an even pulse, sevenths that resolve, keys that it visits."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from composer.analysis import find_key
from composer.evaluation.lines import Line, Ticks
from composer.evaluation.tune_traits import mean, share
from composer.theory import CHORD_QUALITIES, TICKS_PER_QUARTER

if TYPE_CHECKING:
    from composer.evaluation.choir_traits import Beats

HALT = 2  # quarters without an onset
LAGS = (2, 4, 8)  # quarters
LONGEST_LAG, LEAST_LAG = 40, 8  # quarters
WINDOW, STEP = 12, 4  # quarters, in which a key is looked for
AWKWARD = (6, 8, 9, 10, 11)  # semitones: leaps that a voice seldom makes


def choir_habits(voices: list[Line], beats: Beats, end: int) -> dict[str, float]:
    """Rates of a choir's voices, top first, which end at the tick ``end``; 0 where there is nothing to measure."""
    return {
        **_halts(voices, beats, end),
        **_pulse(voices, end),
        **_leaps(voices),
        **_sevenths(beats),
        **_keys(voices, end),
        "soprano as some quarters before, at the best": _best_return(voices[0], end),
    }


def _halts(voices: list[Line], beats: Beats, end: int) -> dict[str, float]:
    """Quarters on which all voices come to rest, before the last."""
    onsets = np.unique(np.concatenate([notes.onset for notes in voices]))
    gaps = np.diff(np.append(onsets, end))[:-1]
    halts = onsets[: len(gaps)][gaps >= HALT * TICKS_PER_QUARTER] // TICKS_PER_QUARTER
    at = np.flatnonzero(np.isin(beats.number, halts))
    root = beats.root
    before, now = root[np.maximum(at - 1, 0)], root[at]
    fifth = (before >= 0) & (now >= 0) & ((now - before) % 12 == 5)
    triads = np.array([chord is not None and chord.kind in ("major", "minor") for chord in beats.chord], dtype=bool)
    return {
        "halts a quarter": len(halts) * TICKS_PER_QUARTER / end,
        "halts after an even number of quarters": share(np.diff(halts) % 2 == 0),
        "quarters between halts": mean(np.diff(halts)),
        "halts that a root a fifth above leads to": share(fifth),
        "halts on triads in root position": share(triads[at]),
    }


def _pulse(voices: list[Line], end: int) -> dict[str, float]:
    quarters = -(-end // TICKS_PER_QUARTER)
    onsets = np.concatenate([notes.onset for notes in voices])
    count = np.bincount(onsets // TICKS_PER_QUARTER, minlength=quarters).astype(np.float64)
    count -= count.mean()
    found = {f"as many notes as {lag} quarters before (correlation)": _at_lag(count, lag) for lag in LAGS}
    lengths = np.concatenate([notes.duration for notes in voices])
    found["halves on the commoner of odd and even quarters"] = _parity(onsets[lengths >= HALT * TICKS_PER_QUARTER])
    found["notes off quarters in the commoner of odd and even ones"] = _parity(onsets[onsets % TICKS_PER_QUARTER > 0])
    middle = TICKS_PER_QUARTER // 2
    halves = [set(notes.onset[notes.onset % TICKS_PER_QUARTER == middle].tolist()) for notes in voices]
    shared = [len(one & other) / max(len(one | other), 1) for one, other in combinations(halves, 2)]
    found["notes on half quarters that two voices share"] = float(np.mean(shared))
    return found


def _at_lag(values: NDArray[np.float64], lag: int) -> float:
    return float((values[lag:] * values[:-lag]).mean() / max(values.var(), 1e-9)) if len(values) > lag else 0.0


def _parity(onsets: Ticks) -> float:
    odd = share(onsets // TICKS_PER_QUARTER % 2 == 1)
    return max(odd, 1 - odd) if onsets.size else 0.0


def _leaps(voices: list[Line]) -> dict[str, float]:
    upper = np.abs(np.concatenate([notes.moves for notes in voices[:-1]]))
    bass = np.abs(voices[-1].moves)
    return {
        "awkward leaps, upper voices": share(np.isin(upper, AWKWARD) | (upper > 12)),
        "awkward leaps, bass": share(np.isin(bass, AWKWARD) | (bass > 12)),
    }


def _sevenths(beats: Beats) -> dict[str, float]:
    rising, falling, chords = [], [], 0
    moves = np.diff(beats.pitch, axis=0).tolist()
    for k, chord in enumerate(beats.chord):
        if chord is None or len(CHORD_QUALITIES[chord.quality]) < 4:
            continue
        chords += 1
        if k < len(moves) and beats.number[k + 1] == beats.number[k] + 1:
            above = (beats.pitch[k] - beats.pitch[k, -1] - chord.root) % 12
            rising += [move in (0, 1) for tone, move in zip(above, moves[k], strict=True) if tone == 4]
            falling += [move in (0, -1, -2) for tone, move in zip(above, moves[k], strict=True) if tone in (9, 10, 11)]
    return {
        "beats with chords of four notes": chords / max(len(beats.chord), 1),
        "major thirds in chords of four notes that rise or stay": share(np.array(rising, dtype=bool)),
        "sevenths in chords of four notes that fall or stay": share(np.array(falling, dtype=bool)),
    }


def _keys(voices: list[Line], end: int) -> dict[str, float]:
    """Keys that windows of 12 quarters are in, one every 4 quarters."""
    onset, pitch, length = (np.concatenate([notes[column] for notes in voices]) for column in range(3))
    offset = onset + length
    starts = np.arange(0, max(end - WINDOW * TICKS_PER_QUARTER, 1), STEP * TICKS_PER_QUARTER)
    signatures = []
    for start in starts.tolist():
        inside = np.minimum(offset, start + WINDOW * TICKS_PER_QUARTER) - np.maximum(onset, start)
        if (inside > 0).any():
            signatures.append(find_key(pitch[inside > 0], inside[inside > 0]).signature)
    found = np.array(signatures, dtype=np.int64)
    return {
        "windows in the signature of the whole": share(_fifths(found - find_key(pitch, length).signature) == 0),
        "fifths between windows' signatures": mean(_fifths(np.diff(found))),
    }


def _fifths(apart: Ticks) -> Ticks:
    """Differences of signatures, the shorter way round the circle."""
    return np.abs((apart + 6) % 12 - 6)


def _best_return(soprano: Line, end: int) -> float:
    """The share of quarters at which the soprano sounds as at the lag of 8 to 40 quarters where it does so most."""
    note = soprano.at(np.arange(0, end, TICKS_PER_QUARTER, dtype=np.int64))
    pitch = np.where(note >= 0, np.append(soprano.pitch, -1)[note], -1)
    lags = range(LEAST_LAG, min(LONGEST_LAG, len(pitch) - LEAST_LAG))
    return max((share(pitch[lag:] == pitch[:-lag]) for lag in lags), default=0.0)
