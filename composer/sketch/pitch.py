"""Wishes about pitch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np

from composer.errors import UsageError
from composer.score import Score
from composer.sketch.cells import Cells, Constraint, every_octave, from_step, pitches
from composer.sketch.places import place
from composer.theory import Ints, Key, parse_pitch, pitch_name, spelled

# semitones above the tonic, of scales that are no modes
SCALES: dict[str, tuple[int, ...]] = {
    "pentatonic": (0, 2, 4, 7, 9),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic minor": (0, 2, 3, 5, 7, 9, 11),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "octatonic": (0, 2, 3, 5, 6, 8, 9, 11),
}


@dataclass(frozen=True)
class Range(Constraint):
    """Every note lies from ``low`` to ``high`` (MIDI pitches, both included)."""

    low: int
    high: int
    voice: int | None = None
    instrument: str = ""

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
        return f"range {names[0]}:{names[1]}" + (f" ({self.instrument})" if self.instrument else "")


@dataclass(frozen=True)
class Diatonic(Constraint):
    """Every note belongs to the key in force, or to the chord symbol; in minor the raised sixth and seventh do too."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        chords = {chord.onset: chord.pitch_classes for chord in score.chords}
        onsets = sorted({*chords, *(key.onset for key in score.keys)})
        rows, chord = [], frozenset[int]()
        for tick in onsets:
            key, chord = score.key_at(tick), chords.get(tick, chord)
            rows.append(pitches(every_octave(notes_of(key) | chord), rest=True)[0])
        table = np.stack(rows)[np.searchsorted(onsets, ticks, "right") - 1]
        return Cells(table, table)

    def __str__(self) -> str:
        return "notes of the key"


@dataclass(frozen=True)
class Among(Constraint):
    """Every note is one of these pitches; ``words`` say which."""

    allowed: frozenset[int]
    words: str
    voice: int | None = None

    @classmethod
    def avoid(cls, text: str) -> Self:
        """Read the notes forbidden: ``C#5 F``; raises :class:`UsageError`."""
        return cls(frozenset(range(128)) - _named(text), f"avoid {text}")

    def mask(self, ticks: Ints, score: Score) -> Cells:
        table = pitches(self.allowed, rest=True)
        return Cells(table, table)

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Scale(Among):
    """Every note is one of these pitches, in place of the key's."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``D dorian``, ``G pentatonic``, ``A harmonic minor`` or ``chromatic``; raises :class:`UsageError`."""
        name = " ".join(text.split())
        tonic, _, kind = name.partition(" ")
        if name.lower() == "chromatic":
            classes = frozenset(range(12))
        elif kind.lower() in SCALES and re.fullmatch(r"[A-Ga-g](#{0,2}|b{0,2})", tonic):
            classes = frozenset((7 * spelled(tonic) + step) % 12 for step in SCALES[kind.lower()])
        else:
            try:
                classes = Key.parse(name).scale
            except UsageError:
                kinds = ", ".join([*SCALES, "any mode", "chromatic"])
                raise UsageError(
                    f"{text!r} is not a scale; write 'D dorian' or 'G pentatonic'; there are {kinds}"
                ) from None
        return cls(every_octave(classes), f"scale {name}")

    @classmethod
    def of_classes(cls, text: str) -> Self:
        """Read pitch classes: ``D E F# A``; raises :class:`UsageError`."""
        return cls(every_octave(_class(name) for name in _words(text)), f"pitch classes {text}")

    @classmethod
    def only(cls, text: str) -> Self:
        """Read the notes allowed: ``D4 E4 F#4``, or ``D E F#`` in any octave; raises :class:`UsageError`."""
        return cls(_named(text), f"only {text}")


@dataclass(frozen=True)
class Pin(Constraint):
    """A note of this pitch begins at this written tick; its length is free."""

    tick: int
    pitch: int
    place: str = ""
    voice: int | None = 0

    @classmethod
    def parse(cls, where: str, note: str, score: Score) -> Self:
        """A note at ``bar.beat``; raises :class:`UsageError`."""
        return cls(place(score, where), parse_pitch(note), where.strip())

    def mask(self, ticks: Ints, score: Score) -> Cells:
        step = int(np.searchsorted(ticks, self.tick))
        if step == len(ticks) or ticks[step] != self.tick:
            raise UsageError(f"{self}: this model cannot place a note there; pin it to a coarser part of the beat")
        nothing = pitches((), rest=False)
        pitch = pitches((self.pitch,), rest=False)
        return Cells(from_step(ticks, self.tick, pitch), from_step(ticks, self.tick, nothing))

    def __str__(self) -> str:
        return f"pin {self.place or self.tick}={pitch_name(self.pitch, int(Key(0).spell(self.pitch)))}"


def notes_of(key: Key) -> frozenset[int]:
    """The pitch classes of a key: its scale, in minor the raised sixth and seventh too."""
    raised = (9, 11) if key.mode == "minor" else ()
    return key.scale | {(key.tonic_class + step) % 12 for step in raised}


def _words(text: str) -> list[str]:
    words = text.replace(",", " ").split()
    if not words:
        raise UsageError("no notes are named; write some, such as D E F#")
    return words


def _class(name: str) -> int:
    if not re.fullmatch(r"[A-Ga-g](#{0,2}|b{0,2})", name):
        raise UsageError(f"{name!r} is not a pitch class; write a note name without octave, such as F#")
    return 7 * spelled(name) % 12


def _named(text: str) -> frozenset[int]:
    """Pitches by name; one without octave stands for all of its name."""
    found: set[int] = set()
    for name in _words(text):
        found |= {parse_pitch(name)} if name[-1].isdigit() else every_octave([_class(name)])
    return frozenset(found)
