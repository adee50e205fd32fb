"""How often each kind of wish is broken, counted on notes and rests as :class:`composer.sketch.Preference` says."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from sketch.accept import Heard, Voice
from sketch.said import (
    C,
    D,
    E,
    G,
    View,
    all_in,
    arches,
    begun,
    falls,
    frame,
    inside,
    leaps,
    line,
    rises,
    sounding_inside,
    sounds,
    spans,
    steady,
    through,
)

from composer.sketch import REST
from composer.theory import TICKS_PER_QUARTER as Q

Breaches = Callable[[Voice], int]

SHORT = frame("2/4", 4, 2)  # its last bar is short
BEATS = (0, 2, 4)


def cells(starts: Callable[[int, int], bool], holds: Callable[[int, int], bool] | None = None) -> Breaches:
    """A note or rest (cell, pitch) breaks it where it starts, and again on each beat through which it is held."""

    def count(voice: Voice) -> int:
        wrong = 0
        for note in voice:
            first, last = note.onset // E, note.end // E
            wrong += not starts(first, note.pitch)
            wrong += sum(not (holds or starts)(beat, note.pitch) for beat in BEATS if first < beat < last)
        return wrong

    return count


def only(*pitches: int, bar: range = range(6)) -> Breaches:
    return cells(lambda cell, pitch: cell not in bar or pitch in (REST, *pitches))


def fitting(allowed: dict[int, tuple[int, ...]]) -> Breaches:
    return cells(lambda cell, pitch: cell not in allowed or pitch in allowed[cell])


def all_through(start: int, end: int, *pitches: int) -> Breaches:
    return cells(
        lambda cell, pitch: not start <= cell < end or (cell == start and pitch in pitches),
        lambda cell, pitch: not start <= cell < end or pitch in pitches,
    )


def pinned(place: int, pitch: int) -> Breaches:
    return cells(lambda cell, found: cell != place or found == pitch, lambda cell, _: cell != place)


def notes_of(voice: Voice, bar: range = range(6)) -> list[Heard]:
    return [note for note in voice if note.pitch != REST and note.onset // E in bar]


def each(wrong: Callable[[Heard], bool]) -> Breaches:
    return lambda voice: sum(map(wrong, notes_of(voice)))


def steps(most: int, bar: range = range(6)) -> Breaches:
    return lambda voice: sum(abs(a.pitch - b.pitch) > most for a, b in pairwise(notes_of(voice, bar)))


def turns(*directions: int, bar: range = range(6)) -> Breaches:
    """Each step the other way, and once at the end if not all the directions were gone."""

    def count(voice: Voice) -> int:
        wrong = gone = 0
        for a, b in pairwise(notes_of(voice, bar)):
            step = (b.pitch > a.pitch) - (b.pitch < a.pitch)
            if gone < len(directions) and step == directions[gone]:
                gone += 1
            elif step and (gone == 0 or step != directions[gone - 1]):
                wrong += 1
        return wrong + (gone < len(directions))

    return count


def in_order(*pitches: int, bar: range = range(6)) -> Breaches:
    """Each note that is not the next one, and once at the end for those that are missing."""

    def count(voice: Voice) -> int:
        found = [note.pitch for note in notes_of(voice, bar)]
        wrong = sum(a != b for a, b in zip(found, pitches, strict=False)) + max(len(found) - len(pitches), 0)
        return wrong + (len(found) < len(pitches))

    return count


def crowd(least: int, most: int, *bars: range) -> Breaches:
    """Each note of a bar above the most, and each whole bar with less than the least."""

    def count(voice: Voice) -> int:
        begun = [len(notes_of(voice, bar)) for bar in bars]
        few = sum(number < least for number, bar in zip(begun, bars, strict=True) if len(bar) == 4)
        return few + sum(max(number - most, 0) for number in begun)

    return count


def values(*lengths: int) -> Breaches:
    """Starts and holds where the rhythm has others, and notes that last otherwise."""
    edges = [sum(map(abs, lengths[:n])) for n in range(len(lengths) + 1)]
    at = {cell: k for k, (a, b) in enumerate(pairwise(edges)) for cell in range(a, b)}
    wrong = cells(
        lambda cell, pitch: (pitch != REST and edges[at[cell]] == cell) if lengths[at[cell]] > 0 else pitch == REST,
        lambda cell, pitch: (pitch != REST and edges[at[cell]] != cell) if lengths[at[cell]] > 0 else pitch == REST,
    )
    sounding = {(a * E, b * E) for (a, b), length in zip(pairwise(edges), lengths, strict=True) if length > 0}
    return lambda voice: wrong(voice) + each(lambda note: (note.onset, note.end) not in sounding)(voice)


BAR1, BAR2 = range(4), range(4, 6)
WEIGHTS = (4, 1, 2, 1, 4, 1)
ROWS: dict[str, tuple[View, Breaches]] = {
    "range=C4:D4": (all_in(C, D), only(C, D)),
    "instrument=D whistle": (all_in(D, G), only(D, G)),
    "scale=G pentatonic": (all_in(D, G), only(D, G)),
    "pitch_classes=C G": (all_in(C, G), only(C, G)),
    "avoid=G": (all_in(C, D), only(C, D)),
    "only=C4 G": (all_in(C, G), only(C, G)),
    "chords=C G | Dm": (sounds({0: (C, G), 2: (D, G), 4: (D,)}), fitting({0: (C, G), 2: (D, G), 4: (D,)})),
    "contour=rising": (rises, turns(1)),
    "contour=arch": (arches, turns(1, -1)),
    "leap=2": (leaps(2), steps(2)),
    "melody=C4 G4 D4": (line(C, G, D), in_order(C, G, D)),
    "rhythm=1/8 1/4 z1/8 1/4": (spans(1, 2, -1, 2), values(1, 2, -1, 2)),
    "shortest=1/4": (lambda notes: all(n.duration >= Q for n in notes), each(lambda n: n.duration < Q)),
    "longest=1/4": (lambda notes: all(n.duration <= Q for n in notes), each(lambda n: n.duration > Q)),
    "density=1-2": (lambda notes: begun(1, 2, 0, 4)(notes) and begun(0, 2, 4, 6)(notes), crowd(1, 2, BAR1, BAR2)),
    "syncopation=false": (
        steady(*WEIGHTS),
        each(lambda n: WEIGHTS[n.onset // E] < max(WEIGHTS[n.onset // E : n.end // E])),
    ),
    "starts_on_tonic": (lambda notes: bool(notes) and notes[0][:2] == (0, C), pinned(0, C)),
    "ends_on_tonic": (through(4, 6, C), all_through(4, 6, C)),
    "ends_on=Gm": (through(4, 6, D, G), all_through(4, 6, D, G)),
    "half_cadence=1": (through(2, 4, D, G), all_through(2, 4, D, G)),
    "fermatas=1.2": (through(2, 4, C, D, G), all_through(2, 4, C, D, G)),
    "pins=1.2=D4": (lambda notes: any(note[:2] == (2 * E, D) for note in notes), pinned(2, D)),
    "max_copy=2 bars": (lambda _: True, lambda _: 0),
    "forbid=parallels": (lambda _: True, lambda _: 0),
    "voice 1: leap=5": (leaps(5), steps(5)),
    "bars 1: range=C4:D4": (sounding_inside(all_in(C, D), 0, 4), only(C, D, bar=BAR1)),
    "bars 2: scale=G pentatonic": (sounding_inside(all_in(D, G), 4, 6), only(D, G, bar=BAR2)),
    "bars 1: contour=falling": (inside(falls, 0, 4), turns(-1, bar=BAR1)),
    "bars 1: density=2": (begun(2, 2, 0, 4), crowd(2, 2, BAR1)),
    "bars 1: leap=2": (inside(leaps(2), 0, 4), steps(2, bar=BAR1)),
}
SOFT = [text for text in ROWS if not text.startswith(("max_copy", "forbid"))]
