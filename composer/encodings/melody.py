"""One voice as events of pitch and duration: the view for tunes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from composer.encodings.base import Encoding, Normalized
from composer.encodings.compile import (
    HELD,
    PITCH_OFFSET,
    REST_SYMBOL,
    fits,
    metric_context,
    place_of,
    run_costs,
    step_ticks,
    symbol_pitches,
    tonics,
    voice_tables,
)
from composer.encodings.machines import readings, run_machine
from composer.encodings.moves import REST_STEP, last_sounding, rows
from composer.encodings.voices import lost, monophonic
from composer.inference.masks import RunMasks
from composer.inference.rows import Rows
from composer.inference.sequence import Chance, Events, Sequence
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER

BEAT = 24  # steps in a quarter: 32nds and triplet 16ths
LONGEST = 8 * BEAT  # steps, of a note that may be composed


@dataclass(frozen=True)
class Melody(Encoding):
    """Events ``(symbol, duration)``: symbol 0 is a rest, else 12 + the pitch counted from the tonic's pitch class (from
    C if not ``relative``); durations in steps of a 24th of a quarter. Events follow each other without gaps; rests
    break at bar lines. What it leaves out: all parts but the first, all but the top note of chords, the ends of notes
    that overlap the next, velocities, spellings other than the key's, annotations, and anything off the grid.
    """

    name: ClassVar[str] = "melody"
    grid: ClassVar[int] = TICKS_PER_QUARTER // BEAT
    relative: bool = True

    @property
    def width(self) -> int:
        return 2

    def encode(self, score: Score) -> Sequence:
        notes = self._notes(score)
        return replace(notes, context=metric_context(score, notes.steps * self.grid, self.grid))

    def _notes(self, score: Score) -> Sequence:
        """Its events, without context."""
        onset, pitch, offset = monophonic(score, 0, self.grid)
        end = score.end // self.grid
        rests, stops = _gaps(onset, offset, end, -(-score.barlines[1:-1] // self.grid))
        starts = np.concatenate([onset, rests])
        order = np.argsort(starts, kind="stable")
        steps = starts[order].astype(np.int32)
        durations = np.concatenate([offset - onset, stops - rests])[order]
        symbols = np.concatenate([pitch + PITCH_OFFSET, np.full(len(rests), REST_SYMBOL)])[order]
        ticks = steps * self.grid
        symbols = np.where(symbols == REST_SYMBOL, symbols, symbols - tonics(score, ticks, self.relative))
        events = np.stack([symbols, durations], axis=1).astype(np.int32)
        return Sequence(events, steps)

    def decode(self, sequence: Sequence, frame: Score) -> Score:
        sounding = sequence.events[:, 0] != REST_SYMBOL
        symbol, duration = sequence.events[sounding].T
        ticks = sequence.steps[sounding] * self.grid
        pitch = symbol - PITCH_OFFSET + tonics(frame, ticks, self.relative)
        voice = frame.parts[0] if frame.parts else Part.of()
        part = Part.of(ticks, pitch, duration * self.grid, name=voice.name, program=voice.program)
        return replace(frame, parts=(frame.spell(part),))

    def normalize(self, score: Score) -> Normalized:
        kept = self.decode(self._notes(score), score.frame())
        return Normalized(kept, lost(score, kept))

    def compile(self, sketch: Sketch) -> RunMasks:
        ticks = step_ticks(sketch.score, self.grid)
        tonic = tonics(sketch.score, ticks, self.relative)
        starts, holds = voice_tables(sketch.cells(0, ticks), tonic)
        lines = np.searchsorted(ticks, sketch.score.barlines[1:-1])
        holds[lines, REST_SYMBOL] = False  # as encode writes them
        context = metric_context(sketch.score, ticks, self.grid, sketch.cadences)
        rests = writable()[context["position"] % BEAT]
        lengths = rests & fits(sketch, 0, ticks, self.grid, LONGEST)
        machine = run_machine(readings(sketch, 0, ticks), tonic)
        costs = run_costs(sketch, 0, ticks, tonic, self.grid, LONGEST)
        place = place_of(sketch.score, self.grid)
        notes = self._notes(sketch.score)
        sounding = notes.events[:, 0] != REST_SYMBOL
        given = dict(zip(notes.steps[sounding].tolist(), notes.events[sounding], strict=True))
        return RunMasks(starts, holds, lengths, rests, context, place, costs, machine, given)

    def refusal(self, sketch: Sketch) -> str | None:
        if len(sketch.score.parts) != 1:
            return f"the sketch has {len(sketch.score.parts)} voices, and a melody has one"
        if sketch.score.end % self.grid or (sketch.score.barlines % self.grid).any():
            return "the sketch's bars do not fall on 24ths of a quarter"
        return None

    def cell_chances(self, chances: Iterable[Chance], score: Score) -> NDArray[np.float64]:
        ticks = step_ticks(score, self.grid)
        pitches = symbol_pitches(tonics(score, ticks, self.relative))
        found = np.zeros((1, len(ticks) + 1, HELD + 1))
        for step, _, events, probability in chances:
            symbol, tied = self._heard(events)
            np.add.at(found[0, step], pitches(step, symbol.astype(np.int64))[~tied], probability[~tied])
            np.add.at(found[0, :, HELD], step + ~tied, probability)
            np.subtract.at(found[0, :, HELD], step + events[:, 1], probability)
        found[0, :, HELD] = np.cumsum(found[0, :, HELD])
        return found[:, :-1].clip(0.0, 1.0)

    def moves(self, events: Events) -> Rows:
        pitch, tied = self._heard(events)
        goes_on = tied & (pitch == np.append(REST_SYMBOL, pitch[:-1])[: len(pitch)])
        return _moves(pitch, goes_on, events[:, 1], last_sounding(pitch, pitch != REST_SYMBOL)[:-1])

    def following(self, before: Events, events: Events) -> Rows:
        pitch, tied = self._heard(events)
        earlier, _ = self._heard(before)
        goes_on = tied & (pitch == np.append(REST_SYMBOL, earlier)[-1])
        return _moves(pitch, goes_on, events[:, 1], last_sounding(earlier, earlier != REST_SYMBOL)[-1:])

    def played(self, moves: Rows, pitch: int) -> Events:
        step, begins, duration = moves.T
        sounding = step != REST_STEP
        height = pitch + np.cumsum(np.where(sounding[1:], step[1:], 0))
        symbols = np.where(sounding, np.append(pitch, height), REST_SYMBOL)
        return np.stack([self._symbols(symbols, sounding & (begins == 0)), duration], axis=1).astype(np.int32)

    def _heard(self, events: Events) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """(T,) each event's symbol as that of a note that begins or a rest, and whether it may go on from a note."""
        return events[:, 0], np.zeros(len(events), dtype=bool)

    def _symbols(self, symbols: NDArray[np.int32], goes_on: NDArray[np.bool_]) -> NDArray[np.int32]:
        """The inverse of :meth:`_heard`."""
        return symbols


def _moves(
    pitch: NDArray[np.int32], goes_on: NDArray[np.bool_], duration: NDArray[np.int32], earlier: NDArray[np.int64]
) -> Rows:
    """Moves of notes and rests; a rest goes on from nothing."""
    sounding = pitch != REST_SYMBOL
    return rows(pitch, sounding, earlier, sounding & ~goes_on, duration)


def writable() -> NDArray[np.bool_]:
    """(24, 193): which durations may begin at each step of a quarter, so that a person can read the rhythm.

    Either both ends lie on 32nds, or both lie on triplet 16ths inside one quarter: a triplet, once begun, is completed.
    """
    start = np.arange(BEAT)[:, None]
    duration = np.arange(LONGEST + 1)[None, :]
    end = start + duration
    binary = (start % 3 == 0) & (end % 3 == 0)
    ternary = (start % 4 == 0) & (end % 4 == 0) & (end <= BEAT)
    return np.asarray((binary | ternary) & (duration > 0))


def _gaps(
    onset: NDArray[np.int64], offset: NDArray[np.int64], end: int, barlines: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and ends of the rests between notes, broken at bar lines."""
    free = np.ones(end + 1, dtype=np.int8)
    change = np.zeros(end + 2, dtype=np.int64)
    np.add.at(change, onset, 1)
    np.add.at(change, offset, -1)
    free = np.cumsum(change)[: end + 1] == 0
    free[end] = False
    edges = np.diff(np.concatenate([[0], free.astype(np.int8)]))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    inside = barlines[(barlines > 0) & (barlines < end)]
    inside = inside[free[inside] & free[inside - 1]]
    return np.sort(np.concatenate([starts, inside])), np.sort(np.concatenate([stops, inside]))
