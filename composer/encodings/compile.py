"""From a sketch's cells to integer constraints, for any encoding: constraints plus encodings, never times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count, pairwise

import numpy as np
from numpy.typing import NDArray

from composer.analysis import beats, felt_bars
from composer.inference.masks import RunCosts
from composer.score import Score, frozen
from composer.sketch import REST, SYMBOLS, Cells, Constraint, Preference, Sketch
from composer.theory import MODES, Ints

# symbols shared by the encodings of voices: pitches are counted from the tonic (or from C), never below 1
REST_SYMBOL = 0
PITCH_OFFSET = 12
PITCH_SYMBOLS = 128 + PITCH_OFFSET
HELD = SYMBOLS  # beside the pitches and the rest that may start in a cell

Floats = NDArray[np.float64]
Table = NDArray[np.bool_]

MOST_BEATS = 4  # that a cadence is foreseen
CLOSING = 2  # beats in which a phrase closes
PHRASE = 8  # bars
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


def fits(sketch: Sketch, voice: int, ticks: Ints, grid: int, longest: int) -> NDArray[np.bool_]:
    """(S, longest + 1) how many steps a note that begins at each tick may last, by what is certain."""
    table = np.ones((len(ticks), longest + 1), dtype=bool)
    for wish in sketch.wishes(voice):
        allowed = None if isinstance(wish, Preference) else _lasting(wish, sketch, voice, ticks, grid, longest)
        if allowed is not None:
            table &= allowed
    return table


def run_costs(sketch: Sketch, voice: int, ticks: Ints, tonic: Ints, grid: int, longest: int) -> RunCosts | None:
    """What preferences for single notes take from an event's probability; None without preferences."""
    preferences = [wish for wish in sketch.wishes(voice) if isinstance(wish, Preference)]
    if not preferences:
        return None
    start, hold = mask_costs(sketch, voice, ticks, tonic)
    length = np.zeros((len(ticks), longest + 1))
    for wish in preferences:
        allowed = _lasting(wish, sketch, voice, ticks, grid, longest)
        if allowed is not None:
            length += wish.weight * ~allowed
    held = np.concatenate([np.zeros((1, PITCH_SYMBOLS)), np.cumsum(hold, axis=0)])
    return RunCosts(start, held, length)


def preferred(sketch: Sketch, voice: int, ticks: Ints) -> Iterator[tuple[float, Table, Table]]:
    """Of each preference for cells of a voice: its weight, and the cells (S, 129) in which it is broken: where a note
    starts, and where one is held on a beat.
    """
    free, felt = sketch.free(voice, ticks)[:, None], np.isin(ticks, beats(sketch.score))[:, None]
    for wish in sketch.wishes(voice):
        mask = wish.mask(ticks, sketch.score) if isinstance(wish, Preference) else None
        if isinstance(wish, Preference) and mask is not None:
            start, hold = (np.broadcast_to(table, (len(ticks), SYMBOLS)) for table in mask)
            yield wish.weight, free & ~start, free & felt & ~hold


def mask_costs(sketch: Sketch, voice: int, ticks: Ints, tonic: Ints) -> tuple[Floats, Floats]:
    """(S, 140) each, by symbol: what preferences for cells take where a note starts, and where it is held on a beat."""
    start, hold = np.zeros((len(ticks), PITCH_SYMBOLS)), np.zeros((len(ticks), PITCH_SYMBOLS))
    for weight, started, held in preferred(sketch, voice, ticks):
        start += weight * in_symbols(started, tonic)
        hold += weight * in_symbols(held, tonic)
    return start, hold


def _lasting(
    wish: Constraint, sketch: Sketch, voice: int, ticks: Ints, grid: int, longest: int
) -> NDArray[np.bool_] | None:
    start = np.repeat(ticks, longest + 1)
    allowed = wish.lasts(
        start, start + np.tile(np.arange(longest + 1, dtype=np.int32) * grid, len(ticks)), sketch.score
    )
    if allowed is None:
        return None
    return allowed.reshape(len(ticks), longest + 1) | ~sketch.free(voice, ticks)[:, None]


def beat_lengths(score: Score, ticks: Ints) -> Ints:
    """(S,) ticks of a beat of the meter in force."""
    onsets = [meter.onset for meter in score.meters]
    beats = np.array([meter.beat for meter in score.meters], dtype=np.int32)
    return np.asarray(beats[np.maximum(np.searchsorted(onsets, ticks, "right") - 1, 0)])


def symbol_pitches(tonic: Ints) -> Callable[[int, NDArray[np.int64]], NDArray[np.int64]]:
    """The pitch of symbols at a step, 128 for the rest; those outside MIDI's range, never allowed, at its edge."""

    def pitches(step: int, symbols: NDArray[np.int64]) -> NDArray[np.int64]:
        found = np.clip(symbols - PITCH_OFFSET + int(tonic[step]), 0, REST - 1)
        return np.where(symbols == REST_SYMBOL, REST, found)

    return pitches


def metric_context(score: Score, ticks: Ints, grid: int, cadences: Iterable[int] = ()) -> dict[str, NDArray[np.int32]]:
    """What a musician knows before the note at each tick, which is before the end, as integers (N,):

    ``meter`` (256 x numerator + denominator), ``position`` (steps from the bar line, as if pickups were whole bars),
    ``weight`` (0 at a bar line, 1 on a beat, 2 halfway through one or a third of it in, 3 elsewhere), ``mode``,
    ``beat`` (1 on a beat, else 0), ``tonic`` (its pitch class), ``cadence`` (beats before the next fermata, or the next
    of ``cadences``, ticks at which a phrase comes to rest, as it does at the end: 0 on its beat, at most 4),
    ``bars_left`` (bars after this one in its section, at most 3), and of the phrase, which ends where a part of the
    tune does, and in longer ones every eight bars, ``closing`` (steps before its end, at most two beats) and ``phrase``
    (bars after this one, at most 8: before eight bars comes a pickup).
    """
    lines, starts = score.barlines[:-1], score.section_starts
    bar = np.searchsorted(lines, ticks, "right") - 1
    onsets = [meter.onset for meter in score.meters]
    meter = np.maximum(np.searchsorted(onsets, ticks, "right") - 1, 0)
    codes = np.array([256 * m.numerator + m.denominator for m in score.meters])
    last = np.searchsorted(lines, np.append(starts[1:], score.end)) - 1  # last bar of each section
    section = np.searchsorted(starts, ticks, "right") - 1
    keys = [key.onset for key in score.keys]
    modes = np.array([MODE_NUMBERS[key.mode] for key in score.keys])
    inside = ticks - felt_bars(score)[bar]
    beat = beat_lengths(score, ticks)
    rests = np.array(sorted({*score.fermatas, *cadences}), dtype=np.int64)
    rests = rests if len(rests) and rests[-1] >= lines[-1] else np.append(rests, score.end - beat[-1:])
    ends = _ends(score)
    coming = ends[np.searchsorted(ends, ticks, "right")]
    columns = {
        "meter": codes[meter],
        "position": inside // grid,
        "weight": _weight(inside, beat),
        "beat": inside % beat == 0,
        "mode": modes[np.maximum(np.searchsorted(keys, ticks, "right") - 1, 0)],
        "tonic": tonics(score, ticks, relative=True),
        "cadence": _beats_before(rests, ticks, beat),
        "bars_left": np.clip(last[section] - bar, 0, 3),
        "closing": np.minimum(coming - ticks, CLOSING * beat) // grid,
        "phrase": np.minimum(np.searchsorted(lines, coming) - bar - 1, PHRASE),
    }
    return {name: column.astype(np.int32) for name, column in columns.items()}


def _weight(inside: NDArray[np.int64], beat: Ints) -> NDArray[np.int64]:
    """(N,) how strong each place is that lies ``inside`` (N,) ticks after a bar line, by the length of its ``beat``."""
    part = np.where(beat % 3 == 0, 3, 2)  # a beat of 6/8 falls into three
    weights = np.select([inside == 0, inside % beat == 0, inside % (beat // part) == 0], [0, 1, 2], 3)
    return np.asarray(weights)


def _ends(score: Score) -> NDArray[np.int64]:
    """(E,) the ticks at which phrases end: where a part of the tune does, and every eight bars if a bar is left. A
    first ending belongs to its phrase, and an upbeat between two parts to the one that comes.
    """
    endings = {ending.start for repeat in score.repeats for ending in repeat.endings}
    first = {repeat.endings[0].start for repeat in score.repeats if repeat.endings}
    found = {score.end}
    for start, end in pairwise(sorted({*score.section_starts.tolist(), score.end} - first)):
        if end - start < score.meter_at(start).bar and start not in endings:
            continue
        tick = start
        for bars in count(1):
            tick += score.meter_at(tick).bar
            if end - tick < score.meter_at(tick).bar:
                break
            if bars % PHRASE == 0:
                found.add(tick)
        found.add(end)
    return np.array(sorted(found), dtype=np.int64)


def _beats_before(rests: NDArray[np.int64], ticks: Ints, beat: Ints) -> NDArray[np.int64]:
    """(N,) beats from each tick to the next of ``rests``, rounded up; 0 on the beat that begins there; at most 4."""
    if not len(rests):
        return np.full(len(ticks), MOST_BEATS)
    coming = np.searchsorted(rests, ticks - beat, "right")  # the one before counts while its beat lasts
    ahead = np.where(coming < len(rests), rests[np.minimum(coming, len(rests) - 1)] - ticks, MOST_BEATS * beat)
    return np.asarray(np.clip(-(-ahead // beat), 0, MOST_BEATS))


def place_of(score: Score, grid: int) -> Callable[[int], str]:
    """Steps in words, for messages."""
    return lambda step: score.place(step * grid)
