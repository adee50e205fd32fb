"""Several voices as columns of a grid, with an explicit hold: the view for chorales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from composer.encodings.base import Normalized
from composer.encodings.compile import (
    HELD,
    PITCH_OFFSET,
    PITCH_SYMBOLS,
    REST_SYMBOL,
    beat_lengths,
    mask_costs,
    metric_context,
    place_of,
    preferred,
    step_ticks,
    symbol_pitches,
    tonics,
    voice_tables,
)
from composer.encodings.gridded import Gridded
from composer.encodings.machines import ColumnMachine, Holding, Reader, Sounding, lengths, readings
from composer.encodings.moves import last_sounding, rows
from composer.errors import UsageError
from composer.inference.masks import ColumnMasks
from composer.inference.rows import Rows
from composer.inference.sequence import Between, Chance, Events, Sequence
from composer.score import DEFAULT_VELOCITY, Part, Score
from composer.sketch import REST, SYMBOLS, Apart, Cells, Preference, Sketch
from composer.sketch.forbid import touched
from composer.theory import Ints

HOLD_SYMBOL = PITCH_SYMBOLS
MOST_REMEMBERED = 16  # combinations of when the voices must leave what they hold
SILENT_VOICE = 512  # among intervals
Columns = NDArray[np.int64]


def monophonic(score: Score, voice: int, grid: int) -> tuple[Columns, Columns, Columns]:
    """Onset step, pitch and end step of one part's notes as a single line: top notes, cut where the next begins.

    Onsets and ends go to the nearest step (halves upwards); what then has no length is left out.
    """
    if voice >= len(score.parts) or score.parts[voice].drums:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    part = score.parts[voice]
    end = score.end // grid
    onset = np.minimum((part.onset.astype(np.int64) + grid // 2) // grid, end)
    offset = np.minimum((part.offset.astype(np.int64) + grid // 2) // grid, end)
    lasting = offset > onset
    onset, offset, pitch = onset[lasting], offset[lasting], part.pitch[lasting].astype(np.int64)
    order = np.lexsort((offset, pitch, onset))
    onset, offset, pitch = onset[order], offset[order], pitch[order]
    top = np.append(onset[1:] != onset[:-1], True)[: len(onset)]
    onset, offset, pitch = onset[top], offset[top], pitch[top]
    return onset, pitch, np.minimum(offset, np.append(onset[1:], end)[: len(onset)])


def lost(score: Score, kept: Score) -> tuple[str, ...]:
    """What ``kept``, a view of ``score``, no longer says."""
    losses = []
    if len(score.parts) > len(kept.parts):
        losses.append(f"all but {len(kept.parts)} of {len(score.parts)} parts")
    elif len(kept.parts) > len(score.parts):
        losses.append("that there are fewer voices")
    pairs = list(zip(score.parts, kept.parts, strict=False))
    dropped = sum(len(part) - len(view) for part, view in pairs)
    if dropped:
        losses.append(f"{dropped} notes (chords, or too short for the grid)")
    same = [(part, view) for part, view in pairs if len(part) == len(view)]
    if any((p.onset != v.onset).any() or (p.duration != v.duration).any() for p, v in same) or dropped:
        losses.append("overlaps and times off the grid")
    if any((p.velocity != DEFAULT_VELOCITY).any() for p in score.parts):
        losses.append("velocities")
    if any((p.spelling != v.spelling).any() for p, v in same):
        losses.append("spellings other than the key's")
    if any(part.annotations for part in score.parts):
        losses.append("annotations")
    if any(part.drums for part in score.parts):
        losses.append("drums")
    return tuple(losses)


@dataclass(frozen=True)
class Voices(Gridded):
    """Events of one integer per voice: 0 rest, 140 hold, else 12 + the pitch counted from the tonic's pitch class
    (from C if not ``relative``), on a grid. Voices beyond ``voices`` are left out, missing ones are
    empty; within a voice it leaves out what :class:`composer.encodings.melody.Melody` does.
    """

    name: ClassVar[str] = "voices"
    voices: int = 4
    relative: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.voices <= 16:
            raise UsageError(f"{self.voices} voices: this encoding has 1 to 16")

    @property
    def width(self) -> int:
        return self.voices

    def encode(self, score: Score) -> Sequence:
        ticks = step_ticks(score, self.grid)
        events = np.full((len(ticks), self.voices), REST_SYMBOL, dtype=np.int32)
        tonic = tonics(score, ticks, self.relative)
        for voice in range(self.voices):
            onset, pitch, offset = monophonic(score, voice, self.grid)
            change = np.zeros(len(ticks) + 1, dtype=np.int64)
            np.add.at(change, onset, 1)
            np.add.at(change, offset, -1)
            events[np.cumsum(change)[:-1] > 0, voice] = HOLD_SYMBOL
            events[onset, voice] = pitch + PITCH_OFFSET - tonic[onset]
        return Sequence(events, np.arange(len(ticks), dtype=np.int32), metric_context(score, ticks, self.grid))

    def decode(self, sequence: Sequence, frame: Score) -> Score:
        ticks = step_ticks(frame, self.grid)
        tonic = tonics(frame, ticks, self.relative)
        parts = []
        for voice in range(self.voices):
            shape = frame.parts[voice] if voice < len(frame.parts) else Part.of()
            parts.append(frame.spell(self._part(sequence.events[:, voice], tonic, shape)))
        return replace(frame, parts=tuple(parts))

    def _part(self, column: NDArray[np.int32], tonic: NDArray[np.int32], shape: Part) -> Part:
        starts = np.flatnonzero(column != HOLD_SYMBOL)
        ends = np.append(starts[1:], len(column))
        sounding = column[starts] != REST_SYMBOL
        onset, offset = starts[sounding], ends[sounding]
        pitch = column[onset] - PITCH_OFFSET + tonic[onset]
        return Part.of(onset * self.grid, pitch, (offset - onset) * self.grid, name=shape.name, program=shape.program)

    def normalize(self, score: Score) -> Normalized:
        kept = self.decode(self.encode(score), score.frame())
        return Normalized(kept, lost(score, kept))

    def compile(self, sketch: Sketch) -> ColumnMasks:
        """A hold does not say which pitch it holds: where that matters, a machine remembers it, or until when what
        sounds may be held. Where in many voices there is too much to remember, the lower ones are made to begin an
        allowed note on the beat before (:func:`_struck`): sufficient, and easy to sing. What preferences say about
        held notes counts in voices of which a machine remembers the pitch.
        """
        ticks = step_ticks(sketch.score, self.grid)
        tonic = tonics(sketch.score, ticks, self.relative)
        allowed = np.zeros((len(ticks), self.voices, PITCH_SYMBOLS + 1), dtype=bool)
        costs = np.zeros(allowed.shape)
        readers, remembered = {}, 1
        for voice in range(self.voices):
            cells = sketch.cells(voice, ticks)
            starts, holds = voice_tables(cells, tonic)
            costs[:, voice, :PITCH_SYMBOLS] = mask_costs(sketch, voice, ticks, tonic)[0]
            allowed[:, voice, :PITCH_SYMBOLS] = starts
            allowed[1:, voice, HOLD_SYMBOL] = holds[1:, REST_SYMBOL + 1 :].any(axis=1)
            parts = [*readings(sketch, voice, ticks), *lengths(sketch, voice, ticks)]
            kinds = _kinds_of_holds(cells)
            if any(part.held.any() for part in parts):
                held = [Sounding(~hold, weight) for weight, _, hold in preferred(sketch, voice, ticks)]
                readers[voice] = Reader([Sounding(cells.hold), *held, *parts])
            elif parts or 1 < kinds <= MOST_REMEMBERED // remembered:
                readers[voice] = Reader([Holding(cells.hold), *parts])
                remembered *= kinds
            elif kinds > 1:
                allowed[:, voice] = _struck(starts, holds, _beat_starts(sketch.score, ticks))
        context = metric_context(sketch.score, ticks, self.grid, sketch.cadences)
        machine = ColumnMachine(readers, symbol_pitches(tonic), HOLD_SYMBOL) if readers else None
        place = place_of(sketch.score, self.grid)
        free = np.stack([sketch.free(voice, ticks) for voice in range(self.voices)], axis=1)
        columns = np.where(free, -1, self.encode(sketch.score).events)
        given = {step: columns[step] for step in np.flatnonzero(~free.all(axis=1)).tolist()}
        between = _between(sketch, ticks, tonic)
        return ColumnMasks(allowed, context, place, costs if costs.any() else None, machine, given, between)

    def refusal(self, sketch: Sketch) -> str | None:
        if (given := len(sketch.score.parts)) != self.voices:
            return f"the sketch has {given} voice{'s' * (given != 1)}, and this model writes {self.voices}"
        return self.off_grid(sketch)

    def cell_chances(self, chances: Iterable[Chance], score: Score) -> NDArray[np.float64]:
        ticks = step_ticks(score, self.grid)
        pitches = symbol_pitches(tonics(score, ticks, self.relative))
        found = np.zeros((self.voices, len(ticks), HELD + 1))
        for step, part, events, probability in chances:
            for column, voice in enumerate(range(self.voices) if part is None else [part]):
                symbol = events[:, column].astype(np.int64)
                place = np.where(symbol == HOLD_SYMBOL, HELD, pitches(step, symbol))
                np.add.at(found[voice, step], place, probability)
        return found.clip(0.0, 1.0)

    def moves(self, events: Events) -> Rows:
        """Columns, all of one step: the reference is the highest-written voice that sounds, and every voice adds twice
        its interval from it, plus 1 if it begins there, or 512 if it is silent.
        """
        sounding = _sounding(events)
        return _moves(events, sounding, last_sounding(*_reference(sounding))[:-1])

    def following(self, before: Events, events: Events) -> Rows:
        earlier = _sounding(before)
        held = earlier[-1] if len(earlier) else np.full(self.voices, REST_SYMBOL)
        sounding = np.where(events == HOLD_SYMBOL, held, events)
        return _moves(events, sounding, last_sounding(*_reference(earlier))[-1:])


def _between(sketch: Sketch, ticks: Ints, tonic: Ints) -> tuple[Between, ...]:
    """What the sketch says of two voices, where one that it is about is composed. What sounds over a change of key is
    taken for the same degree of the new one.
    """
    pitches = _pitch_table(tonic)
    rules: dict[tuple[int, int], list[tuple[Apart, NDArray[np.bool_]]]] = {}
    for wish in sketch.constraints:
        for apart in () if isinstance(wish, Preference) else wish.between(ticks, sketch.score):
            where = touched(sketch.free, apart.about, ticks, apart.lasting)
            if where.any():
                rules.setdefault((apart.upper, apart.lower), []).append((apart, where))

    def broken(found: list[tuple[Apart, NDArray[np.bool_]]], step: int, *symbols: Columns) -> NDArray[np.bool_]:
        before, now = pitches[step], pitches[step + 1]
        heard = before[symbols[0]], before[symbols[1]], now[symbols[2]], now[symbols[3]]
        wrong = np.zeros(np.broadcast_shapes(*(values.shape for values in symbols)), dtype=bool)
        for apart, where in found:
            if where[step]:
                wrong |= apart.breaks(step, *heard)
        return wrong

    def kinds(found: list[tuple[Apart, NDArray[np.bool_]]]) -> Columns:
        known = [
            tonic,
            np.append(-1, tonic)[:-1],
            *(column for apart, where in found for column in (apart.kinds, where)),
        ]
        return np.unique(np.column_stack(known), axis=0, return_inverse=True)[1].reshape(-1)

    return tuple(Between(*pair, partial(broken, found), kinds(found), HOLD_SYMBOL) for pair, found in rules.items())


def _pitch_table(tonic: Ints) -> Columns:
    """(S + 1, 141) the pitch of every symbol at the step before each, silence before the first; a hold has none."""
    table = np.full((len(tonic) + 1, HOLD_SYMBOL + 1), REST, dtype=np.int64)
    pitches, symbols = symbol_pitches(tonic), np.arange(HOLD_SYMBOL)
    for step in range(len(tonic)):
        table[step + 1, :HOLD_SYMBOL] = pitches(step, symbols)
    return table


def _sounding(events: Events) -> Events:
    """(T, D) the symbols with every hold as what it holds; a hold of nothing is a rest."""
    steps = np.arange(len(events))[:, None]
    place = np.maximum.accumulate(np.where(events == HOLD_SYMBOL, -1, steps), axis=0)
    return np.asarray(np.where(place < 0, REST_SYMBOL, np.take_along_axis(events, np.maximum(place, 0), axis=0)))


def _reference(sounding: Events) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(T,) the symbol of the first voice that sounds, and whether one does."""
    heard = sounding != REST_SYMBOL
    return sounding[np.arange(len(sounding)), heard.argmax(axis=1)], heard.any(axis=1)


def _moves(events: Events, sounding: Events, earlier: NDArray[np.int64]) -> Rows:
    reference, heard = _reference(sounding)
    begins = (events != HOLD_SYMBOL) & (events != REST_SYMBOL)
    intervals = np.where(sounding == REST_SYMBOL, SILENT_VOICE, 2 * (sounding - reference[:, None]) + begins)
    lasting = np.ones(len(events), dtype=np.int32)
    return rows(reference, heard, earlier, begins.any(axis=1), lasting, *intervals.T)


def _kinds_of_holds(cells: Cells) -> int:
    """Into how many kinds, at the most, what may sound at a step, the rest too, falls by how long it may be held."""
    kinds, stops = 1, np.zeros(SYMBOLS, dtype=np.int64)
    for step in range(len(cells.start) - 1, 0, -1):
        possible = cells.start[step - 1] | cells.hold[step - 1]
        stops = np.where(cells.hold[step], stops, step)
        if cells.hold[step, :REST].any():
            kinds = max(kinds, len(np.unique(stops[possible])))
    return kinds


def _beat_starts(score: Score, ticks: NDArray[np.int32]) -> NDArray[np.int64]:
    """(S,) for each step the step on which its beat begins."""
    lines = score.barlines[np.searchsorted(score.barlines, ticks, "right") - 1]
    beats = beat_lengths(score, ticks)
    return np.asarray(np.searchsorted(ticks, lines + (ticks - lines) // beats * beats))


def _struck(starts: NDArray[np.bool_], holds: NDArray[np.bool_], beats: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Start and hold tables (S, 140) as one mask (S, 141) over symbols.

    The hold symbol does not say which pitch it holds. Where some pitches may be held and others that may sound may not,
    the voice is made to begin an allowed note on the beat before and to hold it: sufficient, and easy to sing.
    """
    allowed = np.zeros((len(starts), PITCH_SYMBOLS + 1), dtype=bool)
    allowed[:, :PITCH_SYMBOLS] = starts
    allowed[1:, HOLD_SYMBOL] = holds[1:, REST_SYMBOL + 1 :].any(axis=1)
    sounding = np.zeros(PITCH_SYMBOLS, dtype=bool)
    for step, (start, hold) in enumerate(zip(starts, holds, strict=True)):
        stuck = sounding & ~hold
        if stuck.any() and allowed[step, HOLD_SYMBOL]:
            first = int(beats[step])
            fitting = starts[first] & holds[first + 1 : step + 1].all(axis=0)
            fitting[REST_SYMBOL] = False
            if first < step and fitting.any():
                allowed[first : step + 1] = False
                allowed[first, :PITCH_SYMBOLS] = fitting
                allowed[first + 1 : step + 1, HOLD_SYMBOL] = True
            else:
                allowed[step, HOLD_SYMBOL] = False
        sounding = start | (sounding & hold)
    return allowed
