"""Wishes of every kind, drawn at random, as a musician would write them: ``bars 3-4: range=D4:B4``.

They are hard enough to matter (a chord to every bar, a pin on every other beat, the range of a fourth), and leave
something that can be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from composer.theory import Key, Meter, pitch_name

Draw = np.random.Generator

LOW, HIGH = 62, 81  # where tunes lie
FOLLOWING = {  # what a chord goes on to
    "major": {"I": "IV V vi ii", "ii": "V", "IV": "I V ii", "V": "I vi", "vi": "IV ii"},
    "minor": {"i": "iv V VI VII", "iv": "i V VII", "V": "i VI", "VI": "iv VII", "VII": "i VI"},
    "dorian": {"i": "VII IV v", "IV": "i VII", "v": "i IV", "VII": "i IV"},
    "mixolydian": {"I": "VII IV v", "IV": "I VII", "v": "I IV", "VII": "I IV"},
}
BEATS = {  # what a beat is split into
    2: ("1/4", "1/8 1/8", "1/8 1/8", "3/16 1/16", "z1/8 1/8"),
    3: ("3/8", "1/4 1/8", "1/8 1/8 1/8", "1/8 1/8 1/8", "1/8 1/4"),
}


class Room(NamedTuple):
    """The bars of a tune that are to be composed; ``whole`` if they are all of it."""

    meter: Meter
    key: Key
    first: int
    last: int
    whole: bool

    @property
    def said(self) -> str:
        return "" if self.whole else f"bars {self.first}-{self.last}: "

    @property
    def bars(self) -> range:
        return range(self.first, self.last + 1)

    @property
    def beats(self) -> int:
        return self.meter.bar // self.meter.beat

    def notes(self) -> list[int]:
        return [pitch for pitch in range(LOW, HIGH + 1) if pitch % 12 in self.key.scale]

    def name(self, pitch: int) -> str:
        return pitch_name(pitch, int(self.key.spell(pitch)))


def one(draw: Draw, choices: Sequence[str]) -> str:
    return choices[int(draw.integers(len(choices)))]


def pins(draw: Draw, room: Room) -> list[str]:
    """A note on every other beat, on every downbeat, or on that of every other bar, going by steps or small leaps."""
    places = [f"{bar}.{beat}" for bar in room.bars for beat in range(1, room.beats + 1)]
    places = places[:: (2, room.beats, 2 * room.beats)[int(draw.integers(3))]]
    notes = room.notes()
    at = int(draw.integers(3, len(notes) - 3))
    line = []
    for _ in places:
        line.append(room.name(notes[at]))
        at = int(np.clip(at + draw.integers(-3, 4), 0, len(notes) - 1))
    return ["pins=" + " ".join(f"{place}={note}" for place, note in zip(places, line, strict=True))]


def ranges(draw: Draw, room: Room) -> list[str]:
    """A fourth, a fifth or a sixth."""
    notes = room.notes()
    width = int(draw.integers(3, 6))
    low = int(draw.integers(0, len(notes) - width))
    return [f"{room.said}range={room.name(notes[low])}:{room.name(notes[low + width])}"]


def chords(draw: Draw, room: Room) -> list[str]:
    """A chord to a bar, or two; a whole tune comes home."""
    following = FOLLOWING[room.key.mode]
    each = 2 if room.beats % 2 == 0 and draw.random() < 0.4 else 1
    chain = [next(iter(following))]
    while len(chain) < each * len(room.bars):
        chain.append(one(draw, following[chain[-1]].split()))
    chain[-1] = chain[0] if room.whole else chain[-1]
    bars = [" ".join(chain[at : at + each]) for at in range(0, len(chain), each)]
    return [f"{room.said}chords={' | '.join(bars)}"]


def cadences(draw: Draw, room: Room) -> list[str]:
    """How it begins, pauses and ends."""
    middle = (room.first + room.last) // 2
    home, last = room.name(next(n for n in room.notes() if n % 12 == room.key.tonic_class)), room.last
    options = [
        [f"half_cadence={middle}", f"{room.said}ends_on_tonic"],
        [f"{room.said}starts_on_tonic", f"half_cadence={last}"],
        [f"fermatas={middle}.{room.beats} {last}.{room.beats}", f"{room.said}ends_on_tonic"],
        [f"{room.said}ends_on={home}", f"{room.said}starts_on_tonic"],
        [f"half_cadence={room.first} {last}"],
        [f"{room.said}ends_on={one(draw, ['V', 'IV', 'v'])}"],
    ]
    return options[int(draw.integers(len(options)))]


def rhythm(draw: Draw, room: Room) -> list[str]:
    """A rhythm of one bar or two, over and over, or bounds for one."""
    if draw.random() < 0.6:
        split = BEATS[3 if room.meter.beat % 3 == 0 and room.meter.denominator == 8 else 2]
        values = [one(draw, split) for _ in range(room.beats * int(draw.integers(1, 3)))]
        return [f"{room.said}rhythm={' '.join(values)}"]
    least = int(draw.integers(2, 5))
    options = [
        [f"density={least}-{least + 1}"],
        ["shortest=1/8", "longest=1/4"],
        ["shortest=1/4"],
        ["syncopation=false", "longest=3/8"],
    ]
    return [room.said + text for text in options[int(draw.integers(len(options)))]]


def lines(draw: Draw, room: Room) -> list[str]:
    """Where it goes, how far it leaps, and of which notes it is made."""
    notes, tonic = room.notes(), room.name(60 + room.key.tonic_class)[:-1]
    start, middle = int(draw.integers(2, len(notes) - 4)), (room.first + room.last) // 2
    walk = np.clip(start + np.cumsum(draw.integers(-2, 3, size=2 * room.beats * len(room.bars))), 0, len(notes) - 1)
    options = [
        [f"{room.said}contour={one(draw, ['arch', 'rising', 'falling'])}"],
        [f"bars {room.first}-{middle}: contour=rising", f"bars {middle + 1}-{room.last}: contour=falling"],
        [f"{room.said}leap={one(draw, ['2nd', '3rd', '4th'])}"],
        [f"{room.said}scale={tonic} {'minor ' if 'min' in room.key.mode else ''}pentatonic"],
        [f"{room.said}melody={' '.join(room.name(notes[at]) for at in walk)}"],
        [f"{room.said}only={' '.join(room.name(note) for note in notes[start : start + 4])}"],
    ]
    return options[int(draw.integers(len(options)))]


def together(draw: Draw, room: Room) -> list[str]:
    """Two or three of them at once."""
    wide = f"{room.said}range={room.name(room.notes()[0])}:{room.name(room.notes()[8])}"
    options = [
        [*chords(draw, room), f"{room.said}leap=6th", wide],
        [*pins(draw, room), f"{room.said}shortest=1/8"],
        [*chords(draw, room), f"{room.said}density=3-6"],
        [wide, f"{room.said}syncopation=false", f"half_cadence={room.last}"],
        [*ranges(draw, room), f"{room.said}leap=4th", f"{room.said}shortest=1/8"],
        [*pins(draw, room), f"{room.said}longest=1/4", f"{room.said}leap=octave"],
        [wide, f"{room.said}contour=arch", f"{room.said}shortest=1/8"],
    ]
    return options[int(draw.integers(len(options)))]
