"""What instruments and voices can play and sing with ease, as it is written for them."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from composer.errors import UsageError
from composer.sketch.cells import Constraint
from composer.sketch.pitch import Among, Range
from composer.theory import parse_pitch


class Instrument(NamedTuple):
    """Its name, its lowest and highest note, the notes it has if they are few, and what else it is called."""

    name: str
    compass: str
    notes: str = ""
    also: tuple[str, ...] = ()

    def wish(self, voice: int | None = None) -> Constraint:
        """Every note can be played on it."""
        if self.notes:
            return Among(frozenset(map(parse_pitch, self.notes.split())), f"the notes of the {self.name}", voice)
        span = Range.parse(self.compass, voice)
        return Range(span.low, span.high, voice, self.name)


INSTRUMENTS = (
    Instrument("D whistle", "D4:B5", also=("whistle", "tin whistle", "penny whistle", "low whistle")),
    Instrument("C whistle", "C4:A5"),
    Instrument("Irish flute", "D4:B5", also=("wooden flute",)),
    Instrument("flute", "C4:C7"),
    Instrument("piccolo", "D4:C7"),
    Instrument("recorder", "C4:D6", also=("soprano recorder", "descant recorder", "tenor recorder")),
    Instrument("alto recorder", "F4:G6", also=("treble recorder",)),
    Instrument("oboe", "Bb3:F6"),
    Instrument("clarinet", "E3:G6"),
    Instrument("bassoon", "Bb1:C5"),
    Instrument("saxophone", "Bb3:F6", also=("sax", "alto saxophone", "tenor saxophone")),
    Instrument("trumpet", "F#3:C6", also=("cornet", "flugelhorn")),
    Instrument("horn", "F#3:C6", also=("french horn",)),
    Instrument("trombone", "E2:Bb4"),
    Instrument("tuba", "E1:F4"),
    Instrument("fiddle", "G3:B5"),
    Instrument("violin", "G3:E7"),
    Instrument("viola", "C3:E6"),
    Instrument("cello", "C2:A5"),
    Instrument("double bass", "E2:G4", also=("contrabass",)),
    Instrument("mandolin", "G3:D6"),
    Instrument("banjo", "G3:B5", also=("tenor banjo",)),
    Instrument("guitar", "E3:E6"),
    Instrument("harp", "C2:C7"),
    Instrument("concertina", "G3:D6", also=("anglo concertina",)),
    Instrument("accordion", "G3:D6", also=("button accordion", "melodeon")),
    Instrument("uilleann pipes", "D4:D6"),
    Instrument("highland pipes", "G4:A5", "G4 A4 B4 C#5 D5 E5 F#5 G5 A5", ("bagpipes", "great highland bagpipe")),
    Instrument("piano", "A0:C8"),
    Instrument("soprano", "C4:A5"),
    Instrument("mezzo-soprano", "A3:F5", also=("mezzo",)),
    Instrument("alto", "F3:D5", also=("contralto",)),
    Instrument("tenor", "C3:A4"),
    Instrument("baritone", "A2:F4"),
    Instrument("bass", "E2:D4"),
)


def instrument_named(name: str) -> Instrument:
    """The instrument of this name, in any case; raises :class:`UsageError` that says which are near.

    >>> instrument_named("Tin Whistle").compass
    'D4:B5'
    """
    known = {word.casefold(): instrument for instrument in INSTRUMENTS for word in (instrument.name, *instrument.also)}
    wanted = " ".join(name.split()).casefold()
    if wanted not in known:
        near = [known[word].name for word in difflib.get_close_matches(wanted, known, 3)]
        others = " or ".join(dict.fromkeys(near)) or ", ".join(instrument.name for instrument in INSTRUMENTS)
        raise UsageError(f"{name!r} is not an instrument known here; try {others}")
    return known[wanted]
