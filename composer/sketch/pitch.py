"""Wishes about pitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from composer.errors import UsageError
from composer.score import Score
from composer.sketch.cells import Cells, Constraint, from_step, pitches
from composer.theory import Ints, Key, parse_pitch, pitch_name


@dataclass(frozen=True)
class Range(Constraint):
    """Every note lies from ``low`` to ``high`` (MIDI pitches, both included)."""

    low: int
    high: int
    voice: int | None = None

    @classmethod
    def parse(cls, text: str, voice: int | None = None) -> Self:
        """Read ``D4:B5``; raises :class:`UsageError`."""
        low, colon, high = text.partition(":")
        if not colon:
            raise UsageError(f"{text!r} is not a range; write the lowest and the highest note, such as D4:B5")
        span = cls(parse_pitch(low), parse_pitch(high), voice)
        if span.low > span.high:
            raise UsageError(f"{text!r} is an empty range; write the lower note first")
        return span

    def mask(self, ticks: Ints, score: Score) -> Cells:
        table = pitches(range(self.low, self.high + 1), rest=True)
        return Cells(table, table)

    def __str__(self) -> str:
        names = [pitch_name(pitch, int(Key(0).spell(pitch))) for pitch in (self.low, self.high)]
        return f"range {names[0]}:{names[1]}"


@dataclass(frozen=True)
class Diatonic(Constraint):
    """Every note belongs to the key in force; in minor the raised sixth and seventh do too."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        rows = []
        for key in score.keys:
            raised = {(key.tonic_class + step) % 12 for step in (9, 11)} if key.mode == "minor" else set()
            rows.append(pitches((p for p in range(128) if p % 12 in key.scale | raised), rest=True)[0])
        onsets = [key.onset for key in score.keys]
        table = np.stack(rows)[np.searchsorted(onsets, ticks, "right") - 1]
        return Cells(table, table)

    def __str__(self) -> str:
        return "notes of the key"


@dataclass(frozen=True)
class Pin(Constraint):
    """A note of this pitch begins at this written tick; its length is free."""

    tick: int
    pitch: int
    place: str = ""
    voice: int | None = 0

    def mask(self, ticks: Ints, score: Score) -> Cells:
        step = int(np.searchsorted(ticks, self.tick))
        if step == len(ticks) or ticks[step] != self.tick:
            raise UsageError(f"{self}: this model cannot place a note there; pin it to a coarser part of the beat")
        nothing = pitches((), rest=False)
        pitch = pitches((self.pitch,), rest=False)
        return Cells(from_step(ticks, self.tick, pitch), from_step(ticks, self.tick, nothing))

    def __str__(self) -> str:
        return f"pin {self.place or self.tick}={pitch_name(self.pitch, int(Key(0).spell(self.pitch)))}"
