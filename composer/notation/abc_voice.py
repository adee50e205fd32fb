"""Where one voice of an ABC tune stands: its notes, its time, and what waits for the next note."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from composer.score import Annotation, Part

Ties = dict[tuple[str, int], list["Sounding"]]  # by name: a chord may hold C and C sharp


@dataclass(slots=True)
class Sounding:
    """A note while its length may still grow."""

    onset: int
    pitch: int
    duration: int
    spelling: int
    name: tuple[str, int]  # letter and octave, by which a tie finds it


@dataclass(slots=True)
class Voice:
    """One voice; ticks count from the start of the tune."""

    name: str = ""
    program: int = 0
    drums: bool = False
    octave: int = 0  # by which its clef moves the notes
    unit: int = 0  # ticks of L:, 0 while nothing says it
    tick: int = 0
    bar: int = 0  # tick of the last bar line
    barlines: list[int] = field(default_factory=list)
    notes: list[Sounding] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    accidentals: dict[str, int] = field(default_factory=dict)
    signature: dict[str, int] | None = None  # of a key change in this voice
    last: list[Sounding] = field(default_factory=list)
    last_length: int = 0
    ties: Ties = field(default_factory=dict)
    broken: str = ""  # < or > signs before the next note
    tuplet: tuple[int, int, int] = (1, 1, 0)  # p in the time of q, for so many notes
    slurs: list[int] = field(default_factory=list)
    layer: int = 0  # which overlay (&) is read
    back: int | None = None  # where the overlays of several bars go back to
    furthest: int = 0  # of the layers
    waiting: dict[int, Ties] = field(default_factory=dict)  # ties of the other layers
    sung: list[int] = field(default_factory=list)  # onsets of the notes that words (w:) may be aligned to
    lines_sung: int = 0  # w: lines since those notes

    def tie(self, notes: Iterable[Sounding]) -> None:
        """Let notes go on in the next ones of their name."""
        self.ties = {}
        for note in notes:
            self.ties.setdefault(note.name, []).append(note)

    def turn(self, layer: int) -> None:
        """Go on in another layer; ties wait in theirs."""
        self.waiting[self.layer] = self.ties
        self.ties = self.waiting.pop(layer, {})
        self.layer, self.last, self.last_length, self.broken = layer, [], 0, ""
        self.furthest = max(self.furthest, self.tick)

    def part(self) -> Part:
        """The notes read so far."""
        notes = self.notes
        return Part.of(
            [note.onset for note in notes],
            [note.pitch for note in notes],
            [note.duration for note in notes],
            spelling=[note.spelling for note in notes],
            name=self.name,
            program=self.program,
            drums=self.drums,
            annotations=self.annotations,
        )
