"""All notes of a score on one grid of pitches: the view for polyphony without voices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from composer.encodings.base import Normalized
from composer.encodings.compile import metric_context, place_of, step_ticks
from composer.encodings.gridded import Gridded
from composer.encodings.machines import lengths, readings
from composer.encodings.moves import last_sounding, rows
from composer.encodings.voices import lost
from composer.errors import UsageError
from composer.inference.masks import ColumnMasks
from composer.inference.rows import Rows
from composer.inference.sequence import Events, Sequence
from composer.score import Part, Score
from composer.sketch import REST, Sketch

SILENT, SOUNDING, STRUCK = 0, 1, 2


@dataclass(frozen=True)
class PianoRoll(Gridded):
    """Events of one integer per pitch, from ``lowest`` up: 0 silent, 1 sounding, 2 struck; on a grid.

    All parts but drums become one. What it leaves out: who plays what, velocities, pitches outside the roll, times off
    the grid, and a note's end where the same pitch is struck again.
    """

    name: ClassVar[str] = "pianoroll"
    lowest: int = 21  # MIDI, with 88 pitches the piano's A0
    pitches: int = 88

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.lowest < self.lowest + self.pitches <= REST:
            raise UsageError(f"{self.pitches} pitches from {self.lowest} on: a piano roll lies within MIDI's 128")

    @property
    def width(self) -> int:
        return self.pitches

    def encode(self, score: Score) -> Sequence:
        ticks = step_ticks(score, self.grid)
        steps = len(ticks)
        parts = [part for part in score.parts if not part.drums]
        onset = _together([part.onset for part in parts])
        offset = _together([part.offset for part in parts])
        pitch = _together([part.pitch for part in parts]) - self.lowest
        onset = np.minimum((onset + self.grid // 2) // self.grid, steps)
        offset = np.minimum((offset + self.grid // 2) // self.grid, steps)
        kept = (offset > onset) & (pitch >= 0) & (pitch < self.pitches)
        onset, offset, pitch = onset[kept], offset[kept], pitch[kept]
        change = np.zeros((steps + 1, self.pitches), dtype=np.int32)
        np.add.at(change, (onset, pitch), 1)
        np.add.at(change, (offset, pitch), -1)
        events = (np.cumsum(change, axis=0)[:-1] > 0).astype(np.int32)
        events[onset, pitch] = STRUCK
        return Sequence(events, np.arange(steps, dtype=np.int32), metric_context(score, ticks, self.grid))

    def decode(self, sequence: Sequence, frame: Score) -> Score:
        roll = np.concatenate([sequence.events, np.zeros((1, self.pitches), dtype=np.int32)]).T  # (P, T + 1)
        before = np.concatenate([np.zeros((self.pitches, 1), dtype=np.int32), roll[:, :-1]], axis=1)
        begins = (roll == STRUCK) | ((roll == SOUNDING) & (before == SILENT))
        stops = (before != SILENT) & (begins | (roll == SILENT))
        pitch, onset = np.nonzero(begins)  # by pitch, then time: begins and stops alternate
        offset = np.nonzero(stops)[1]
        voice = next((part for part in frame.parts if not part.drums), Part.of())
        part = Part.of(
            onset * self.grid,
            pitch + self.lowest,
            (offset - onset) * self.grid,
            name=voice.name,
            program=voice.program,
        )
        return replace(frame, parts=(frame.spell(part),))

    def normalize(self, score: Score) -> Normalized:
        kept = self.decode(self.encode(score), score.frame())
        parts = [part for part in score.parts if not part.drums]
        columns = [_together(list(column)) for column in zip(*(part.columns for part in parts), strict=True)]
        marks = [mark for part in parts for mark in part.annotations]
        together = replace(score, parts=(Part.of(*columns, annotations=marks),) if parts else ())
        losses = lost(together, kept) + ("who plays what",) * (len(parts) > 1)
        return Normalized(kept, losses + ("drums",) * (len(parts) < len(score.parts)))

    def compile(self, sketch: Sketch) -> ColumnMasks:
        """Constraints allow or forbid sound; silence is forbidden only where a single pitch may stand (pins)."""
        ticks = step_ticks(sketch.score, self.grid)
        cells = sketch.cells(0, ticks)
        span = slice(self.lowest, self.lowest + self.pitches)
        allowed = np.zeros((len(ticks), self.pitches, 3), dtype=bool)
        allowed[:, :, STRUCK] = cells.start[:, span]
        allowed[:, :, SOUNDING] = cells.hold[:, span]
        possible = cells.start | cells.hold
        only = ~possible[:, REST] & (possible.sum(axis=1) == 1)  # a pin or a given note: it must sound
        allowed[:, :, SILENT] = ~(only[:, None] & possible[:, span])
        return ColumnMasks(allowed, metric_context(sketch.score, ticks, self.grid), place_of(sketch.score, self.grid))

    def refusal(self, sketch: Sketch) -> str | None:
        if len(sketch.score.parts) != 1:
            return f"the sketch has {len(sketch.score.parts)} voices, and a piano roll has one"
        off_grid = self.off_grid(sketch)
        if off_grid:
            return off_grid
        ticks = step_ticks(sketch.score, self.grid)
        if readings(sketch, 0, ticks) or lengths(sketch, 0, ticks):
            return "the sketch speaks of one note after another, and a piano roll has no lines"
        return None

    def moves(self, events: Events) -> Rows:
        """Columns, all of one step: the reference is the lowest pitch that sounds, and what sounds and is struck above
        it fills as many integers as its bits need.
        """
        return _moves(events, last_sounding(*_lowest(events))[:-1])

    def following(self, before: Events, events: Events) -> Rows:
        return _moves(events, last_sounding(*_lowest(before))[-1:])


def _lowest(events: Events) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """(T,) the lowest place that sounds, and whether one does."""
    heard = events != SILENT
    return heard.argmax(axis=1).astype(np.int32), heard.any(axis=1)


def _moves(events: Events, earlier: NDArray[np.int64]) -> Rows:
    lowest, heard = _lowest(events)
    length, pitches = events.shape
    places = np.arange(pitches) + lowest[:, None]
    above = np.where(places < pitches, np.take_along_axis(events, np.minimum(places, pitches - 1), axis=1), SILENT)
    planes = np.concatenate([above != SILENT, above == STRUCK], axis=1)
    bits = np.zeros((length, -(-planes.shape[1] // 32) * 32), dtype=bool)
    bits[:, : planes.shape[1]] = planes
    words = np.packbits(bits, axis=1).view("<i4").reshape(length, bits.shape[1] // 32)
    lasting = np.ones(length, dtype=np.int32)
    return rows(lowest, heard, earlier, (events == STRUCK).any(axis=1), lasting, *words.T)


def _together(columns: list[NDArray[np.int32]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *columns])
