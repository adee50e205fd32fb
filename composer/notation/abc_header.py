"""Where the reading of an ABC tune stands, and what its fields say (ABC standard 2.1, section 3)."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import replace
from urllib.parse import unquote

from composer.errors import Notice, ReadError
from composer.notation.abc_fields import (
    NAMES_KEY,
    WHOLE,
    names_clef,
    plain_text,
    read_key,
    read_meter,
    read_octave,
    read_order,
    read_tempo,
    read_unit,
)
from composer.notation.abc_structure import Mark
from composer.notation.abc_table import DECORATIONS, DIRECTIVE, FIELDS, MIDI, TITLES, UNREAD
from composer.notation.abc_voice import Voice
from composer.notation.abc_words import aligned
from composer.theory import ChordSymbol, Key, Meter, Tempo

MAX_NOTICES = 50  # of a tune


class FieldReader:
    """The state of a tune that is read, and its fields; :class:`composer.notation.abc_reader.TuneReader` reads music.

    ``line_number`` and ``column``, counted from 1, are where it reads: the place of an error.
    """

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.line_number = self.column = 0
        self.texts: dict[str, list[str]] = defaultdict(list)  # metadata, by its lines
        self.voices: dict[str, Voice] = {}
        self.voice = Voice()
        self.meters: list[Meter] = []
        self.keys: list[Key] = []
        self.tempos: list[Tempo] = []
        self.opening_tempo = ""  # the Q: of the header
        self.signature: dict[str, int] = {}
        self.octave = 0
        self.unit = 0  # ticks of L: in the header
        self.measured = True  # False after M:none
        self.decorations = dict(DECORATIONS)  # and those that U: defines
        self.marks: list[Mark] = []
        self.places: dict[int, str] = {}  # of the bar lines
        self.order = ""
        self.labels: list[tuple[str, int]] = []  # parts (P:) and where they begin
        self.chords: list[ChordSymbol] = []
        self.fermatas: list[int] = []
        self.unplaced = (0, 0, 0)  # annotations, chords and fermatas that stood before the broken rhythm
        self.in_body = False
        self.continues = ""  # the field that +: goes on with
        self.joined = False  # the next line of music goes on with the last one
        self.count = self.bars = 0

    @property
    def place(self) -> str:
        return f"line {self.line_number}, column {self.column}"

    def notice(self, text: str, kind: str = "ignored", place: str = "") -> None:
        if len(self.notices) < MAX_NOTICES:
            self.notices.append(Notice(kind, place or self.place, text))

    def directive(self, text: str) -> None:
        """Metadata that has no field, and the sound of a voice; all else is about paper."""
        word, _, rest = text.partition(" ")
        if word == DIRECTIVE:
            name, _, value = rest.partition(" ")
            self.texts[unquote(name)] = [value]
        elif word == MIDI:
            match = re.fullmatch(r"\s*(program|channel)\s+(?:\d{1,2}\s+)?(\d{1,3})\s*", rest)
            if match and match[1] == "program" and int(match[2]) < 128:
                self.voice.program = int(match[2])
            elif match and match[1] == "channel":
                self.voice.drums = match[2] == "10"

    def field(self, letter: str, value: str) -> None:
        if letter in FIELDS:
            self.describe(letter, value)
        elif letter in UNREAD:
            self.notice(UNREAD[letter])
        elif letter in "MLQKVPUw":
            readers = {"M": self.meter, "L": self.length, "Q": self.tempo, "K": self.key, "V": self.switch}
            readers |= {"P": self.parts, "U": self.define, "w": self.words}
            readers[letter](value)

    def describe(self, letter: str, value: str) -> None:
        """Keep a field as metadata; lines of the same field are joined."""
        text, name = plain_text(value), FIELDS[letter]
        if letter == "T" and "title" in self.texts:
            name = TITLES
        if text and not (letter == "R" and name in self.texts):
            self.texts[name].append(text.lower() if letter == "R" else text)

    def meter(self, value: str) -> None:
        said = read_meter(value)
        meter = said or Meter(4, 4)
        if self._leads():
            self.measured = said is not None
        self._change(self.meters, meter)
        if self.in_body and replace(self._meter(), onset=0) != meter:
            self.notice("a change of meter that the first voice does not have is not followed")

    def length(self, value: str) -> None:
        if self.in_body:
            self.voice.unit = read_unit(value)
        else:
            self.unit = read_unit(value)

    def tempo(self, value: str) -> None:
        if not self.in_body:
            read_tempo(value, WHOLE)
            self.opening_tempo = value  # counted at K:, when the unit length is known
            return
        tempo = read_tempo(value, self._unit())
        if tempo is not None:
            self._change(self.tempos, tempo)

    def key(self, value: str) -> None:
        self._untransposed(value)
        if self.in_body and names_clef(value):
            self.voice.octave = read_octave(value)
            return
        key, signature, octave = read_key(value)
        if not NAMES_KEY.match(value):
            self.notice(f"expected a key, not K:{value}; taken for {key}")
        if not self.in_body:
            self.signature, self.octave = signature, octave
            self.in_body = True
            self.voice = self._leader()
            if self.opening_tempo:
                self.tempo(self.opening_tempo)
        else:
            self.voice.signature = signature
        self._change(self.keys, key)

    def switch(self, value: str) -> None:
        """Go on in another voice."""
        words = value.split()
        label = words[0] if words else "1"
        if label not in self.voices:
            if len(self.voices) >= 64:
                raise ReadError(f"V:{value}: expected at most 64 voices in a tune")
            if self.in_body and not self.voices:  # music before the first V: is voice 1
                self.voices["1" if self.voice.tick else label] = self.voice
            self.voices.setdefault(label, Voice())
        self.voice = self.voices[label]
        name = re.search(r'\b(?:name|nm)="([^"]*)"', value)
        self._untransposed(value)
        if name:
            self.voice.name = plain_text(name[1])
        self.voice.octave = read_octave(value) or self.voice.octave

    def parts(self, value: str) -> None:
        """In the header the order in which parts are played, in the body the name of the part that begins."""
        if not self.in_body:
            self.order = read_order(value)
        elif re.match(r"\s*[A-Za-z]", value):
            here, self.voice = self.voice, self._leader()
            self.labels.append((value.strip()[0], self.voice.tick))
            self.mark("double")
            self.voice = here

    def define(self, value: str) -> None:
        """``U: T = !trill!``: a letter of the user's own."""
        match = re.fullmatch(r"\s*([H-Wh-w~])\s*=\s*[!+]([^!+|\s]{1,30})[!+]\s*", value)
        if match is None:
            self.notice(f"U:{value.strip()} is not a definition; write one such as U: T = !trill!")
        else:
            self.decorations[match[1]] = "" if match[2] in ("nil", "none", "nonprinting") else match[2]

    def words(self, value: str) -> None:
        """Lay a verse under the notes of the last line of music."""
        voice = self.voice
        voice.lines_sung += 1
        if voice.lines_sung > 1:
            self.notice("a further verse is not kept")
        else:
            self.sing(value)

    def sing(self, value: str) -> None:
        """Words for the notes of the line that have none yet."""
        voice = self.voice
        if voice.lines_sung > 1:
            return
        lyrics, taken, over = aligned(plain_text(value), voice.sung, voice.barlines)
        voice.annotations += lyrics
        voice.sung = voice.sung[taken:]
        if over:
            self.notice(f"this verse has more syllables than the line above has notes, by {over}")

    def _untransposed(self, value: str) -> None:
        if re.search(r"\btranspose=-?[1-9]", value):
            self.notice("transpose= is not played; the notes are kept as they are written")

    def _leader(self) -> Voice:
        """The voice that says the bars, keys and meters: the first."""
        return next(iter(self.voices.values()), self.voice)

    def _leads(self) -> bool:
        return self.voice is self._leader()

    def _change(self, changes: list[Meter] | list[Key] | list[Tempo], change: Meter | Key | Tempo) -> None:
        tick = self.voice.tick
        here = not isinstance(change, Key) and tick == self._leader().tick  # for all voices, whichever says it
        if self._leads() or not self.in_body or here:
            while changes and changes[-1].onset >= tick:
                changes.pop()
            changes.append(replace(change, onset=tick))  # type: ignore[arg-type]

    def _meter(self) -> Meter:
        """The meter in force where the voice stands."""
        number = bisect_right(self.meters, self.voice.tick, key=lambda meter: meter.onset)
        return self.meters[max(number - 1, 0)] if self.meters else Meter(4, 4)

    def _altered(self, letter: str) -> int:
        """The alteration of a letter here, by the bar or by the key."""
        voice = self.voice
        signature = self.signature if voice.signature is None else voice.signature
        return voice.accidentals.get(letter, signature.get(letter, 0))

    def _unit(self) -> int:
        if not self.unit:
            meter = self.meters[0] if self.meters else Meter(4, 4)
            self.unit = WHOLE // (16 if meter.bar < WHOLE * 3 // 4 else 8)
        return self.voice.unit or self.unit

    def mark(self, kind: str, *, times: int = 2, passes: tuple[int, ...] = ()) -> None:
        if self._leads():
            self.marks.append(Mark(self.voice.tick, kind, times, passes))
            self.places.setdefault(self.voice.tick, self.place)
