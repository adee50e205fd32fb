"""A musician's view of every wish, written on notes alone, from its definition: what the cells must agree with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from sketch.accept import Heard

from composer.score import Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q

E = Q // 2
C, D, G = 60, 62, 67
View = Callable[[list[Heard]], bool]
Said = tuple[str, Score, View]


def frame(meter: str, *bars: int, key: str = "C", unit: int = E) -> Score:
    """Bars of so many units."""
    lines = [sum(bars[:n]) * unit for n in range(len(bars) + 1)]
    return Score.of(Sketch.blank(bars=1).score.parts, meter=meter, key=key, barlines=lines)


def at(notes: list[Heard], tick: int) -> int | None:
    """The pitch that sounds at a tick."""
    return next((note.pitch for note in notes if note.onset <= tick < note.end), None)


def all_in(*pitches: int) -> View:
    return lambda notes: all(note.pitch in pitches for note in notes)


def rises(notes: list[Heard]) -> bool:
    line = [note.pitch for note in notes]
    return line == sorted(line) and len(set(line)) > 1


def falls(notes: list[Heard]) -> bool:
    return rises([note._replace(pitch=-note.pitch) for note in notes])


def arches(notes: list[Heard]) -> bool:
    return any(rises(notes[: n + 1]) and falls(notes[n:]) for n in range(len(notes)))


def leaps(most: int) -> View:
    return lambda notes: all(abs(a.pitch - b.pitch) <= most for a, b in pairwise(notes))


def line(*pitches: int) -> View:
    return lambda notes: [note.pitch for note in notes] == list(pitches)


def spans(*lengths: int, unit: int = E) -> View:
    """Notes exactly of these lengths, rests negative."""
    edges = [sum(map(abs, lengths[:n])) * unit for n in range(len(lengths) + 1)]
    wanted = [(a, b) for (a, b), length in zip(pairwise(edges), lengths, strict=True) if length > 0]
    return lambda notes: [(note.onset, note.end) for note in notes] == wanted


def begun(least: int, most: int, start: int, end: int) -> View:
    return lambda notes: least <= sum(start * E <= note.onset < end * E for note in notes) <= most


def steady(*weights: int, unit: int = E) -> View:
    """No note is held through a place of more weight than its own."""

    def view(notes: list[Heard]) -> bool:
        steps = [(note.onset // unit, note.end // unit) for note in notes]
        return all(weights[first] >= max(weights[first:last]) for first, last in steps)

    return view


def through(start: int, end: int, *pitches: int, unit: int = E) -> View:
    """One note of these pitches sounds from one unit to another."""

    def view(notes: list[Heard]) -> bool:
        return any(n.onset <= start * unit and n.end >= end * unit and n.pitch in pitches for n in notes)

    return view


def sounds(allowed: dict[int, Sequence[int]]) -> View:
    """At each of these units one of these pitches sounds."""
    return lambda notes: all(at(notes, unit * E) in pitches for unit, pitches in allowed.items())


def inside(view: View, start: int, end: int) -> View:
    return lambda notes: view([note for note in notes if start * E <= note.onset < end * E])


def sounding_inside(view: View, start: int, end: int) -> View:
    return lambda notes: view([note for note in notes if note.onset < end * E and note.end > start * E])


def both(*views: View) -> View:
    return lambda notes: all(view(notes) for view in views)


WALTZ = frame("3/4", 6)
TWO = frame("3/8", 3, 3)
DUPLE = frame("2/4", 4, 3)  # its last bar is short
UPBEAT = frame("2/4", 1, 4, 3)
JIG = frame("6/8", 6)
DORIAN = frame("3/4", 6, key="G dorian")
SIXTEENTHS = frame("3/8", 6, unit=E // 2)

SAID: list[Said] = [
    ("range=C4:D4", WALTZ, all_in(C, D)),
    ("instrument=D whistle", WALTZ, all_in(D, G)),
    ("scale=G pentatonic", WALTZ, all_in(D, G)),
    ("scale=D minor pentatonic", WALTZ, all_in(C, D, G)),
    ("scale=A", WALTZ, all_in(D)),
    ("scale=chromatic", WALTZ, all_in(C, D, G)),
    ("pitch_classes=C G", WALTZ, all_in(C, G)),
    ("only=C4 D", WALTZ, all_in(C, D)),
    ("avoid=C4 G5", WALTZ, all_in(D, G)),
    ("avoid=G", WALTZ, all_in(C, D)),
    ("chords=C", WALTZ, sounds({0: (C, G), 2: (C, G), 4: (C, G)})),
    ("chords=G C D7", WALTZ, sounds({0: (D, G), 2: (C, G), 4: (C, D)})),
    ("chords=- V", WALTZ, sounds({3: (D, G), 4: (D, G)})),
    ("chords=i V", DORIAN, sounds({0: (D, G), 2: (D, G), 3: (D,), 4: (D,)})),
    ("chords=F | G7/B", TWO, sounds({0: (C,), 3: (D, G)})),
    ("chords=C | -", UPBEAT, sounds({1: (C, G), 3: (C, G)})),
    ("chords=C | Dm", UPBEAT, sounds({1: (C, G), 3: (C, G), 5: (D,), 7: (D,)})),
    ("contour=rising", WALTZ, rises),
    ("contour=falling", WALTZ, falls),
    ("contour=arch", WALTZ, arches),
    ("leap=5", WALTZ, leaps(5)),
    ("leap=2nd", WALTZ, leaps(2)),
    ("leap=0", WALTZ, leaps(0)),
    ("melody=C4 G4 D4", WALTZ, line(C, G, D)),
    ("melody=D4", WALTZ, line(D)),
    ("rhythm=1/8 1/4 z1/8 1/4", WALTZ, spans(1, 2, -1, 2)),
    ("rhythm=1/8 z1/8", WALTZ, spans(1, -1, 1, -1, 1, -1)),
    ("rhythm=1/4 1/2", WALTZ, spans(2, 4)),
    ("rhythm=1/2", WALTZ, spans(4, 2)),
    ("rhythm=1/4 1/8 | z3/8", TWO, spans(2, 1, -3)),
    ("shortest=1/4", WALTZ, lambda notes: all(note.duration >= Q for note in notes)),
    ("longest=1/4", WALTZ, lambda notes: all(note.duration <= Q for note in notes)),
    ("density=2-3", WALTZ, begun(2, 3, 0, 6)),
    ("density=0", WALTZ, begun(0, 0, 0, 6)),
    ("density=1-2", TWO, both(begun(1, 2, 0, 3), begun(1, 2, 3, 6))),
    ("density=2", UPBEAT, both(begun(0, 2, 0, 1), begun(2, 2, 1, 5), begun(0, 2, 5, 8))),
    ("syncopation=false", WALTZ, steady(3, 1, 2, 1, 2, 1)),
    ("syncopation=false", JIG, steady(3, 1, 1, 2, 1, 1)),
    ("syncopation=false", frame("2/2", 8), steady(4, 1, 2, 1, 3, 1, 2, 1)),
    ("syncopation=false", frame("4/4", 8), steady(4, 1, 2, 1, 3, 1, 2, 1)),
    ("syncopation=false", frame("2/4", 4, 3, 1), steady(4, 1, 2, 1, 4, 1, 2, 4)),
    ("syncopation=false", DUPLE, steady(4, 1, 2, 1, 4, 1, 2)),
    ("syncopation=false", UPBEAT, steady(1, 4, 1, 2, 1, 4, 1, 2)),
    ("syncopation=false", SIXTEENTHS, steady(3, 1, 2, 1, 2, 1, unit=E // 2)),
    ("starts_on_tonic", WALTZ, lambda notes: bool(notes) and notes[0].onset == 0 and notes[0].pitch == C),
    ("ends_on_tonic", WALTZ, through(4, 6, C)),
    ("ends_on_tonic", DORIAN, through(4, 6, G)),
    ("ends_on=D", DUPLE, through(6, 7, D)),
    ("ends_on=G", WALTZ, through(4, 6, G)),
    ("ends_on=D4", TWO, through(3, 6, D)),
    ("ends_on=Gm", WALTZ, through(4, 6, D, G)),
    ("half_cadence=1", WALTZ, through(4, 6, D, G)),
    ("half_cadence=1", TWO, through(0, 3, D, G)),
    ("half_cadence=1 2", frame("3/8", 3, 3, key="C minor"), both(through(0, 3, D, G), through(3, 6, D, G))),
    ("half_cadence=1", frame("3/4", 6, key="C# minor"), through(4, 6, C)),
    ("half_cadence=1", DORIAN, through(4, 6, D)),
    ("fermatas=1.2", WALTZ, through(2, 4, C, D, G)),
    ("fermatas=1.1 1.3", WALTZ, both(through(0, 2, C, D, G), through(4, 6, C, D, G))),
    ("fermatas=1.2", UPBEAT, through(3, 5, C, D, G)),
    ("pins=1.1=D4", WALTZ, lambda notes: any(note[:2] == (0, D) for note in notes)),
    ("pins=1.2.5=C4 1.3=G4", WALTZ, lambda notes: {(3 * E, C), (4 * E, G)} <= {note[:2] for note in notes}),
    ("pins=0.2.5=G4", UPBEAT, lambda notes: any(note[:2] == (0, G) for note in notes)),
    ("max_copy=2 bars", WALTZ, lambda notes: True),
    ("forbid=parallels", WALTZ, lambda notes: True),
    ("bars 2: range=C4:D4", TWO, sounding_inside(all_in(C, D), 3, 6)),
    ("bars 1: scale=A", TWO, sounding_inside(all_in(D), 0, 3)),
    ("bars 2: chords=G", TWO, sounds({3: (D, G)})),
    ("bars 1: contour=rising", TWO, inside(rises, 0, 3)),
    ("bars 2: contour=falling", TWO, inside(falls, 3, 6)),
    ("bars 2: leap=2", TWO, inside(leaps(2), 3, 6)),
    ("bars 1: melody=C4 G4", TWO, inside(line(C, G), 0, 3)),
    ("bars 1: rhythm=1/4 1/8", TWO, inside(spans(2, 1), 0, 3)),
    ("bars 1-2: density=1-2", TWO, both(begun(1, 2, 0, 3), begun(1, 2, 3, 6))),
    ("bars 2: density=2", TWO, begun(2, 2, 3, 6)),
    ("bars 1: density=0-1", TWO, begun(0, 1, 0, 3)),
    ("bars 1: shortest=1/4", TWO, inside(lambda notes: all(note.duration >= Q for note in notes), 0, 3)),
    ("bars 1: syncopation=false", DUPLE, inside(steady(4, 1, 2, 1, 4, 1, 2), 0, 4)),
    ("bars 2: syncopation=false", DUPLE, inside(steady(4, 4, 4, 4, 4, 1, 2), 4, 7)),
    ("bars 1: ends_on=D4", TWO, through(0, 3, D)),
    ("bars 2: starts_on_tonic", TWO, lambda notes: any(note[:2] == (3 * E, C) for note in notes)),
    ("bars 0: density=1", UPBEAT, begun(0, 1, 0, 1)),
]
