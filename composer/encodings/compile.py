"""From a sketch's cells to integer constraints, for any encoding: constraints plus encodings, never times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from composer.score import Score, frozen
from composer.sketch import REST, SYMBOLS, Cells
from composer.theory import MODES, Ints

# symbols shared by the encodings of voices: pitches are counted from the tonic (or from C), never below 1
REST_SYMBOL = 0
PITCH_OFFSET = 12
PITCH_SYMBOLS = 128 + PITCH_OFFSET

MODE_NUMBERS = {mode: number for number, mode in enumerate(MODES)}


def step_ticks(score: Score, grid: int) -> Ints:
    """(S,) the tick at which each whole step of the written score begins."""
    return frozen(np.arange(score.end // grid) * grid)


def tonics(score: Score, ticks: Ints, relative: bool) -> Ints:
    """(N,) the pitch class of the tonic in force at each tick; zeros if pitches are absolute."""
    if not relative:
        return np.zeros(len(ticks), dtype=np.int32)
    onsets = [key.onset for key in score.keys]
    classes = np.array([key.tonic_class for key in score.keys], dtype=np.int32)
    return np.asarray(classes[np.maximum(np.searchsorted(onsets, ticks, "right") - 1, 0)])


def in_symbols(table: NDArray[np.bool_], tonic: Ints) -> NDArray[np.bool_]:
    """A cell table (S, 129) by pitch as a table (S, 140) by symbol."""
    pitch = np.arange(PITCH_SYMBOLS)[None, :] - PITCH_OFFSET + tonic[:, None]
    inside = (pitch >= 0) & (pitch < REST)
    symbols = np.take_along_axis(table, np.clip(pitch, 0, SYMBOLS - 1), axis=1) & inside
    symbols[:, REST_SYMBOL] = table[:, REST]
    return symbols


def voice_tables(cells: Cells, tonic: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The start and hold tables of a voice by symbol, (S, 140) each."""
    return in_symbols(cells.start, tonic), in_symbols(cells.hold, tonic)


def metric_context(score: Score, ticks: Ints, grid: int) -> dict[str, NDArray[np.int32]]:
    """What a musician knows before the note at each tick, as integers (N,):

    ``meter`` (256 x numerator + denominator), ``position`` (steps from the bar line, as if pickups were whole bars),
    ``mode``, and ``bars_left`` (bars after this one in its section, at most 3).
    """
    lines = score.barlines[:-1]
    lengths = np.diff(score.barlines)
    bar = np.searchsorted(lines, ticks, "right") - 1
    onsets = [meter.onset for meter in score.meters]
    meter = np.maximum(np.searchsorted(onsets, ticks, "right") - 1, 0)
    codes = np.array([256 * m.numerator + m.denominator for m in score.meters])
    full = np.array([m.bar for m in score.meters])
    starts = score.section_starts
    pickup = np.isin(lines, starts) & (
        np.diff(np.append(starts, score.end))[np.searchsorted(starts, lines, "right") - 1] > lengths
    )
    missing = np.where(pickup[bar] & (lengths[bar] < full[meter]), full[meter] - lengths[bar], 0)
    last = np.searchsorted(lines, np.append(starts[1:], score.end)) - 1  # last bar of each section
    section = np.searchsorted(starts, ticks, "right") - 1
    keys = [key.onset for key in score.keys]
    modes = np.array([MODE_NUMBERS[key.mode] for key in score.keys])
    columns = {
        "meter": codes[meter],
        "position": (ticks - lines[bar] + missing) // grid,
        "mode": modes[np.maximum(np.searchsorted(keys, ticks, "right") - 1, 0)],
        "bars_left": np.clip(last[section] - bar, 0, 3),
    }
    return {name: column.astype(np.int32) for name, column in columns.items()}


def place_of(score: Score, grid: int) -> Callable[[int], str]:
    """Steps in words, for messages."""
    return lambda step: score.place(step * grid)
