"""Wishes about how a tune begins, pauses and ends."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from composer.analysis import beats
from composer.errors import UsageError
from composer.score import Score
from composer.sketch.cells import SYMBOLS, Cells, Constraint, Table, every_octave, from_step, pitches
from composer.sketch.places import place
from composer.theory import ChordSymbol, Ints, Key, parse_pitch, pitch_name, roman_chord, spelled

MOST_FERMATAS = 1_000


@dataclass(frozen=True)
class StartsOnTonic(Constraint):
    """The first note is the tonic, at the first tick."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        tonic = _of_classes([score.key.tonic_class])
        return Cells(from_step(ticks, 0, tonic), from_step(ticks, 0, pitches((), rest=False)))

    def __str__(self) -> str:
        return "starts on the tonic"


@dataclass(frozen=True)
class EndsOnTonic(Constraint):
    """The last note is the tonic, and lasts through the last beat of the score."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        return _ending(ticks, score, _of_classes([score.key_at(score.end).tonic_class]))

    def __str__(self) -> str:
        return "ends on the tonic"


@dataclass(frozen=True)
class TonicAt(Constraint):
    """The tonic of the key in force begins at ``tick``."""

    tick: int
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        tonic = _of_classes([score.key_at(self.tick).tonic_class])
        return Cells(from_step(ticks, self.tick, tonic), from_step(ticks, self.tick, pitches((), rest=False)))

    def __str__(self) -> str:
        return "comes to rest on the tonic"


@dataclass(frozen=True)
class Opens(Constraint):
    """A note begins at ``tick``."""

    tick: int
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        return Cells(from_step(ticks, self.tick, _SOUNDING), from_step(ticks, self.tick, pitches((), rest=False)))

    def __str__(self) -> str:
        return "begins at once"


@dataclass(frozen=True)
class RestsOn(Constraint):
    """A note of one of these pitch classes sounds through the ticks ``[start, end)``; it may have begun before."""

    classes: frozenset[int]
    start: int
    end: int
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        allowed = _anything(ticks)
        _through(allowed, ticks, self.start, self.end, _of_classes(self.classes))
        return allowed

    def __str__(self) -> str:
        names = [pitch_name(60 + name, int(Key(0).spell(60 + name)))[:-1] for name in sorted(self.classes)]
        return f"comes to rest on {' '.join(names)}"


@dataclass(frozen=True)
class EndsOn(Constraint):
    """The last note is one of these pitches, and lasts through the last beat of the score."""

    allowed: frozenset[int]
    words: str
    voice: int | None = None

    @classmethod
    def parse(cls, text: str, score: Score) -> Self:
        """Read ``G4`` or ``G``, for the lowest voice, or a chord such as ``Am`` or ``V``, for all; raises
        :class:`UsageError`.
        """
        name, lowest = text.strip(), max(len(score.parts) - 1, 0)
        if re.fullmatch(r"[A-Ga-g][#b]{0,2}", name):
            return cls(every_octave([7 * spelled(name) % 12]), name, lowest)
        if re.fullmatch(r"[A-Ga-g][#b]{0,2}-?\d", name):
            return cls(frozenset([parse_pitch(name)]), name, lowest)
        try:
            chord = ChordSymbol.parse(name) if name[:1] in "ABCDEFG" else roman_chord(name, score.key_at(score.end))
        except UsageError:
            raise UsageError(f"{text!r} is neither note nor chord; write one such as G, G4, Am or V") from None
        return cls(every_octave(chord.pitch_classes), name)

    def mask(self, ticks: Ints, score: Score) -> Cells:
        return _ending(ticks, score, pitches(self.allowed, rest=False))

    def __str__(self) -> str:
        return f"ends on {self.words}"


@dataclass(frozen=True)
class HalfCadence(Constraint):
    """The last note of each of these written bars belongs to the dominant triad, and lasts through its last beat.

    In minor the dominant is major, in other modes its third is that of the scale.
    """

    bars: tuple[int, ...]
    voice: int | None = None

    @classmethod
    def parse(cls, text: str, score: Score) -> Self:
        """Read ``8`` or ``8 16``; raises :class:`UsageError`."""
        words = text.replace(",", " ").split()
        if not words or not all(re.fullmatch(r"\d{1,5}", word) for word in words):
            raise UsageError(f"{text!r} are no bars; write their numbers, such as 8 or 8 16")
        bars = tuple(dict.fromkeys(int(word) for word in words))
        for bar in bars:
            score.bar_span(bar, bar)
        return cls(bars)

    def mask(self, ticks: Ints, score: Score) -> Cells:
        allowed, found = _anything(ticks), beats(score)
        for bar in self.bars:
            start, end = score.bar_span(bar, bar)
            beat = _last_beat(found, start, end)
            _through(allowed, ticks, beat, end, _of_classes(_dominant(score.key_at(beat))))
        return allowed

    def __str__(self) -> str:
        return f"half cadence in bar {' '.join(map(str, self.bars))}"


@dataclass(frozen=True)
class Fermatas(Constraint):
    """A note sounds through each of these written beats, and carries a fermata."""

    places: tuple[str, ...]
    voice: int | None = None

    @classmethod
    def parse(cls, text: str, score: Score) -> Self:
        """Read ``4.3 8.1``, bars and beats; raises :class:`UsageError`."""
        places = tuple(dict.fromkeys(text.replace(",", " ").split()))
        if not 1 <= len(places) <= MOST_FERMATAS:
            raise UsageError(f"{len(places)} places are named; write 1 to {MOST_FERMATAS} as bar.beat, such as 4.3 8.1")
        for where in places:
            place(score, where)
        return cls(places)

    def mask(self, ticks: Ints, score: Score) -> Cells:
        allowed, edges = _anything(ticks), np.union1d(beats(score), score.barlines)
        for where in self.places:
            tick = place(score, where)
            _through(allowed, ticks, tick, int(edges[np.searchsorted(edges, tick, "right")]), _SOUNDING)
        return allowed

    def written(self, score: Score) -> Score:
        """The score with these fermatas on its page."""
        return replace(score, fermatas=tuple(sorted({*score.fermatas, *(place(score, p) for p in self.places)})))

    def __str__(self) -> str:
        return f"fermata at {' '.join(self.places)}"


def _of_classes(classes: Iterable[int]) -> Table:
    return pitches(every_octave(classes), rest=False)


_SOUNDING = pitches(range(128), rest=False)


def _dominant(key: Key) -> list[int]:
    root = key.tonic_class + 7
    third = 4 if key.mode == "minor" or (root + 4) % 12 in key.scale else 3
    return [root % 12, (root + third) % 12, (root + 7) % 12]


def _anything(ticks: Ints) -> Cells:
    return Cells(np.ones((len(ticks), SYMBOLS), dtype=bool), np.ones((len(ticks), SYMBOLS), dtype=bool))


def _through(allowed: Cells, ticks: Ints, start: int, end: int, note: Table) -> None:
    """Only a ``note`` (1, 129) may sound in the ticks ``[start, end)``, all through; it may have begun before."""
    inside = (ticks >= start) & (ticks < end)
    allowed.hold[inside] &= note[0]
    allowed.start[inside] &= note[0] & (ticks[inside] == start)[:, None]


def _ending(ticks: Ints, score: Score, note: Table) -> Cells:
    allowed, beat = _anything(ticks), _last_beat(beats(score), int(score.barlines[-2]), score.end)
    _through(allowed, ticks, beat, score.end, note)
    return allowed


def _last_beat(found: Ints, start: int, end: int) -> int:
    """The last of the beats in the ticks ``[start, end)``, or ``start``."""
    inside = found[(found >= start) & (found < end)]
    return int(inside[-1]) if len(inside) else start
