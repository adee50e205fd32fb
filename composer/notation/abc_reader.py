"""Reading ABC: one tune as a Score, written as it stands, repeats folded (ABC standard 2.1).

One table of tokens, one pass over them, linear in the length of the text. Bars that do not add up stay as they are
written. Not read: words (w:, W:), part order (P:), macros, symbol lines; an overlay (&) joins its voice's notes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from composer.errors import ComposerError, ReadError
from composer.notation.abc_structure import Mark, structure
from composer.notation.abc_table import ACCIDENTALS, DECORATIONS, DIRECTIVE, FIELDS, MODES, TUPLET_TIMES
from composer.score import MAX_TICKS, Annotation, Part, Score
from composer.styles import STYLES
from composer.theory import NATURAL, STEPS, TICKS_PER_QUARTER, ChordSymbol, Key, Meter, Tempo, pitch_name, spelled

WHOLE = 4 * TICKS_PER_QUARTER
MAX_NOTES = 100_000
LENGTH = r"\d{0,6}(?:/+\d{0,6})?"
TOKENS = re.compile(
    rf"""(?P<field>\[(?P<letter>[A-Za-z]):(?P<value>[^\]\n]{{0,500}})\])
    | (?P<bar>(?P<sign>\[\|\]?:*|:*\|+\]?:*|::+)(?:[ ]?\[?(?P<passes>\d[\d,.\-]*))?)
    | (?P<ending>\[[ ]?(?P<only>\d[\d,.\-]*))
    | (?P<note>(?P<accidental>\^\^?|__?|=)?(?P<step>[A-Ga-g])(?P<octave>[,']*)(?P<length>{LENGTH}))
    | (?P<rest>(?P<kind>[zxZX])(?P<rest_length>{LENGTH}))
    | (?P<chord>\[(?P<inside>[^\]\[|\n]{{0,300}})\](?P<chord_length>{LENGTH}))
    | (?P<tie>-)
    | (?P<broken>>{{1,3}}|<{{1,3}})
    | (?P<tuplet>\((?P<p>\d)(?::(?P<q>\d?)(?::(?P<r>\d?\d?))?)?)
    | (?P<grace>\{{/?(?P<graces>[^}}\n]{{0,300}})\}})
    | (?P<text>"(?P<words>[^"\n]{{0,500}})")
    | (?P<name>!(?P<bang>[^!\s|]{{1,30}})!|\+(?P<plus>[^+\s|]{{1,30}})\+)
    | (?P<decoration>[.~HLMOPSTuv])
    | (?P<slur>[()])
    | (?P<overlay>&)
    | (?P<space>[\s`\\$*;]+|!|[yJKRWhijklnqrsw]\d{{0,6}})""",
    re.VERBOSE,
)
NOTE = re.compile(rf"(\^\^?|__?|=)?([A-Ga-g])([,']*)({LENGTH})(-?)")
KEY = re.compile(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)")
PLACES = "^_<>@"  # where an annotation stands; without one it may be a chord symbol
ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,6});")


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
    """Where one voice stands."""

    name: str = ""
    tick: int = 0
    bar: int = 0  # tick of the last bar line
    furthest: int = 0  # of the overlays since then
    notes: list[Sounding] = field(default_factory=list)
    annotations: list[Annotation] = field(default_factory=list)
    accidentals: dict[str, int] = field(default_factory=dict)
    signature: dict[str, int] | None = None  # of a key change in this voice
    last: list[Sounding] = field(default_factory=list)
    last_length: int = 0
    ties: dict[tuple[str, int], Sounding] = field(default_factory=dict)
    stretch: tuple[int, int] = (1, 1)  # of the next note, by a broken rhythm
    tuplet: tuple[int, int, int] = (1, 1, 0)  # p in the time of q, for so many notes
    slurs: list[int] = field(default_factory=list)


class TuneReader:
    """Reads the lines of one tune; ``score()`` is what they say."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.voices: dict[str, Voice] = {}
        self.meters: list[Meter] = []
        self.keys: list[Key] = []
        self.tempos: list[Tempo] = []
        self.signature: dict[str, int] = {}
        self.unit = 0
        self.marks: list[Mark] = []
        self.chords: list[ChordSymbol] = []
        self.fermatas: set[int] = set()
        self.in_body = False
        self.count = 0
        self.voice = Voice()

    # --- fields ---------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        """Read one line; raises :class:`ReadError` or another :class:`ComposerError` that says what was expected."""
        if text.startswith(DIRECTIVE + " "):
            name, _, value = text[len(DIRECTIVE) + 1 :].partition(" ")
            self.metadata[unquote(name)] = value
            return
        text = _uncommented(text)
        if re.match(r"[A-Za-z+]:(?![|:])", text):
            self.field(text[0], text[2:].strip())
        elif self.in_body:
            self.music(text)

    def field(self, letter: str, value: str) -> None:
        if letter == "T" and "title" in self.metadata:
            return
        if letter in FIELDS:
            text = " ".join(html.unescape(value).split())
            name = FIELDS[letter]
            if text and name not in self.metadata:
                self.metadata[name] = text.lower() if letter == "R" else text
        elif letter in "MLQKV":
            {"M": self.meter, "L": self.length, "Q": self.tempo, "K": self.key, "V": self.switch}[letter](value)

    def meter(self, value: str) -> None:
        text = value.strip().replace(" ", "")
        if text.lower() in ("none", ""):
            text = "4/4"
        match = re.search(r"(\d{1,3}(?:\+\d{1,3}){0,8})\)?/(\d{1,2})", text)
        if match:
            text = f"{sum(map(int, match[1].split('+')))}/{match[2]}"
        self._change(self.meters, Meter.parse(text, self.voice.tick))

    def length(self, value: str) -> None:
        match = re.fullmatch(r"1(?:/(\d{1,3}))?", value.strip())
        if match is None or match[1] in ("0", "00", "000"):
            raise ReadError(f"L:{value}: expected a unit length such as 1/8")
        self.unit = WHOLE // int(match[1] or 1)

    def tempo(self, value: str) -> None:
        """``1/4=120``, ``3/8=116 "lively"``, ``120`` (unit lengths); a mere word says nothing that can be played."""
        text = re.sub(r'"[^"]*"', "", value)
        match = re.search(r"(?:(\d{1,3})/(\d{1,3})[\s\d/]*=\s*)?(\d{1,4}(?:\.\d{1,6})?)", text)
        if match and float(match[3]) > 0 and (match[2] is None or int(match[1]) * int(match[2]) > 0):
            beat = WHOLE * int(match[1]) // int(match[2]) if match[1] else self._unit()
            self._change(self.tempos, Tempo(float(match[3]), beat, self.voice.tick))

    def key(self, value: str) -> None:
        text = value.strip()
        match = KEY.match(text)
        key = Key(0)
        if text[:2] in ("HP", "Hp"):
            key = Key.parse("A mixolydian")
        elif match:
            word = match[3]
            mode = MODES.get(word if word in ("m", "M") else word[:3].lower(), "major")
            key = Key(spelled(match[1] + match[2]), mode)
        signature = {STEPS[k % 7]: (1 if k >= 0 else -1) for k in _altered(key.signature)}
        if text.startswith("HP") or re.match(r"none|exp", text, re.IGNORECASE) or " exp" in text:
            signature = {}
        for sign, step in re.findall(r"(?<![A-Za-z=])(\^\^?|__?|=)([a-gA-G])(?![A-Za-z=])", text):
            signature[step.upper()] = ACCIDENTALS[sign]
        if self.in_body:
            self.voice.signature = signature
        else:
            self.signature = signature
        self._change(self.keys, Key(key.tonic, key.mode, self.voice.tick))
        self._start_body()

    def switch(self, value: str) -> None:
        """Go on in another voice."""
        words = value.split()
        label = words[0] if words else "1"
        name = re.search(r'\b(?:name|nm)="([^"]*)"', value)
        if label not in self.voices:
            if len(self.voices) >= 64:
                raise ReadError(f"V:{value}: a tune has at most 64 voices")
            fresh = self.voice if self.in_body and not self.voices and self.voice.tick == 0 else Voice()
            self.voices[label] = fresh
        self.voice = self.voices[label]
        if name:
            self.voice.name = html.unescape(name[1])

    def _start_body(self) -> None:
        if not self.in_body:
            self.in_body = True
            self.voice = next(iter(self.voices.values()), self.voice)

    def _leads(self) -> bool:
        """Whether the current voice is the one that says the bars, keys and meters."""
        return not self.voices or self.voice is next(iter(self.voices.values()))

    def _change(self, changes: list[Meter] | list[Key] | list[Tempo], change: Meter | Key | Tempo) -> None:
        if self._leads() or not self.in_body:
            while changes and changes[-1].onset >= change.onset:
                changes.pop()
            changes.append(change)  # type: ignore[arg-type]

    def _altered(self, letter: str) -> int:
        """The alteration of a letter here, by the bar or by the key."""
        voice = self.voice
        signature = self.signature if voice.signature is None else voice.signature
        return voice.accidentals.get(letter, signature.get(letter, 0))

    def _unit(self) -> int:
        if not self.unit:
            meter = self.meters[-1] if self.meters else Meter(4, 4)
            self.unit = WHOLE // (16 if meter.bar < WHOLE * 3 // 4 else 8)
        return self.unit

    # --- music ----------------------------------------------------------------------------------------------------

    def music(self, text: str) -> None:
        """Read a line of music; characters that mean nothing are skipped."""
        text, at = ENTITY.sub(lambda match: html.unescape(match[0]), text), 0
        self._unit()
        while at < len(text):
            match = TOKENS.match(text, at)
            if match is None:
                at += 1
                continue
            self.token(match)
            at = match.end()

    def token(self, match: re.Match[str]) -> None:
        kind = str(match.lastgroup)  # the outer group of the alternative closes last
        if kind != "space":
            getattr(self, f"_on_{kind}")(match)

    def _on_field(self, match: re.Match[str]) -> None:
        self.field(match["letter"], match["value"].strip())

    def _on_bar(self, match: re.Match[str]) -> None:
        self.bar(match["sign"], match["passes"])

    def _on_ending(self, match: re.Match[str]) -> None:
        self.mark("ending", passes=_passes(match["only"]))

    def _on_note(self, match: re.Match[str]) -> None:
        self.sound([_note(match["accidental"], match["step"], match["octave"])], _ratio(match["length"]))

    def _on_rest(self, match: re.Match[str]) -> None:
        self.rest(match["kind"], _ratio(match["rest_length"]))

    def _on_chord(self, match: re.Match[str]) -> None:
        """Notes together, as long as the first of them says."""
        found = list(NOTE.finditer(match["inside"]))
        if found:
            top, bottom = _ratio(match["chord_length"])
            inner = _ratio(found[0][4])
            names = [_note(note[1], note[2], note[3]) for note in found]
            self.sound(list(dict.fromkeys(names)), (top * inner[0], bottom * inner[1]))
            tied = {name[1:] for name, note in zip(names, found, strict=True) if note[5]}
            self.voice.ties = {note.name: note for note in self.voice.last if note.name in tied}

    def _on_tie(self, _: re.Match[str]) -> None:
        self.voice.ties = {note.name: note for note in self.voice.last}

    def _on_broken(self, match: re.Match[str]) -> None:
        """``a>b``: the first note gains what the second loses (section 4.4)."""
        voice, halves = self.voice, 2 ** len(match["broken"])
        more, less = (2 * halves - 1, halves), (1, halves)
        gain, voice.stretch = (more, less) if match["broken"][0] == ">" else (less, more)
        change = voice.last_length * gain[0] // gain[1] - voice.last_length
        if voice.last_length and voice.tick > voice.bar:
            for note in voice.last:
                note.duration = max(note.duration + change, 1)
            voice.tick += change

    def _on_tuplet(self, match: re.Match[str]) -> None:
        p, q, r = int(match["p"]), match["q"], match["r"]
        if p > 1:
            compound = self.meters and self.meters[-1].beat != WHOLE // self.meters[-1].denominator
            time = int(q) if q and q != "0" else TUPLET_TIMES[p] or (3 if compound else 2)
            self.voice.tuplet = (p, time, int(r) if r else p)

    def _on_grace(self, match: re.Match[str]) -> None:
        names = []
        for sign, step, octave, _, _ in NOTE.findall(match["graces"])[:64]:
            alteration, letter, height = _note(sign or None, step, octave)
            if alteration is None:
                alteration = self._altered(letter)
            pitch = NATURAL[letter] + alteration + 12 * (height + 1)
            if 12 <= pitch <= 127:
                names.append(pitch_name(pitch, STEPS.index(letter) - 1 + 7 * alteration))
        if names:
            self.voice.annotations.append(Annotation("grace", self.voice.tick, " ".join(names)))

    def _on_text(self, match: re.Match[str]) -> None:
        """A chord symbol where it is one, else an annotation."""
        words = html.unescape(match["words"]).strip()
        if words and words[0] not in PLACES:
            try:
                self.chords.append(ChordSymbol.parse(words, self.voice.tick))
            except ComposerError:
                self.voice.annotations.append(Annotation("text", self.voice.tick, words))
        elif words[1:].strip():
            self.voice.annotations.append(Annotation("text", self.voice.tick, words[1:].strip()))

    def _on_name(self, match: re.Match[str]) -> None:
        self.decorate(match["bang"] or match["plus"])

    def _on_decoration(self, match: re.Match[str]) -> None:
        self.decorate(DECORATIONS[match["decoration"]])

    def _on_slur(self, match: re.Match[str]) -> None:
        voice = self.voice
        if match["slur"] == "(":
            voice.slurs = [*voice.slurs, voice.tick][-64:]
        elif voice.slurs:
            start = voice.slurs.pop()
            end = voice.last[0].onset if voice.last else voice.tick
            if end > start:
                voice.annotations.append(Annotation("slur", start, "", end))

    def _on_overlay(self, _: re.Match[str]) -> None:
        self.voice.furthest = max(self.voice.furthest, self.voice.tick)
        self.voice.tick = self.voice.bar

    def sound(self, names: list[tuple[int | None, str, int]], ratio: tuple[int, int]) -> None:
        """Notes that begin together."""
        voice = self.voice
        duration = self._duration(ratio)
        ties, voice.ties, voice.last = voice.ties, {}, []
        for sign, letter, octave in names:
            if sign is not None:
                voice.accidentals[letter] = sign
            tied = ties.get((letter, octave))
            spelling = STEPS.index(letter) - 1 + 7 * self._altered(letter)
            if tied and sign is None:
                spelling = tied.spelling
            if tied and tied.spelling == spelling and tied.onset + tied.duration == voice.tick:
                tied.duration += duration
                voice.last.append(tied)
                continue
            alteration = (spelling + 1) // 7
            pitch = NATURAL[letter] + alteration + 12 * (octave + 1)
            if not 0 <= pitch <= 127:
                raise ReadError(f"expected a note that MIDI has, not {letter} in octave {octave}")
            note = Sounding(voice.tick, pitch, duration, spelling, (letter, octave))
            voice.notes.append(note)
            voice.last.append(note)
            self.count += 1
        if self.count > MAX_NOTES:
            raise ReadError(f"expected at most {MAX_NOTES} notes in a tune")
        self._pass(duration)

    def rest(self, kind: str, ratio: tuple[int, int]) -> None:
        voice = self.voice
        voice.last, voice.ties = [], {}
        if kind in "ZX":
            bar = self.meters[-1].bar if self.meters else WHOLE
            count = max(ratio[0] // ratio[1], 1)
            if count > 1000:
                raise ReadError(f"expected a rest of at most 1000 bars, not {count}")
            for number in range(count):
                self._pass(bar)
                if number < count - 1:
                    self.bar("|", None)
        else:
            self._pass(self._duration(ratio))

    def decorate(self, name: str) -> None:
        if name == "fermata":
            self.fermatas.add(self.voice.tick)
        else:
            self.voice.annotations.append(Annotation("decoration", self.voice.tick, name))

    def bar(self, symbol: str, passes: str | None) -> None:
        voice = self.voice
        voice.tick = max(voice.tick, voice.furthest)
        voice.bar = voice.furthest = voice.tick
        voice.accidentals = {}
        self.mark("bar")
        before, after = re.match(r":*", symbol), re.search(r":*$", symbol)
        ends, starts = (len(before[0]) if before else 0), (len(after[0]) if after else 0)
        if set(symbol) == {":"}:
            ends = starts = 1
        if ends:
            self.mark("end", times=min(ends + 1, 99))
        if "||" in symbol or "]" in symbol or "[" in symbol:
            self.mark("double")
        if starts:
            self.mark("start")
        if passes:
            self.mark("ending", passes=_passes(passes))

    def mark(self, kind: str, *, times: int = 2, passes: tuple[int, ...] = ()) -> None:
        if self._leads():
            if len(self.marks) > MAX_NOTES:
                raise ReadError(f"expected at most {MAX_NOTES} bar lines in a tune")
            self.marks.append(Mark(self.voice.tick, kind, times, passes))

    def _duration(self, ratio: tuple[int, int]) -> int:
        """Ticks of a length, with the broken rhythm and tuplet it stands in."""
        voice = self.voice
        p, q, left = voice.tuplet
        top = self._unit() * ratio[0] * voice.stretch[0]
        bottom = ratio[1] * voice.stretch[1]
        if left:
            top, bottom = top * q, bottom * p
            voice.tuplet = (p, q, left - 1)
        voice.stretch = (1, 1)
        duration = (2 * top + bottom) // (2 * bottom)
        if duration < 1:
            raise ReadError("expected a length above zero")
        return duration

    def _pass(self, duration: int) -> None:
        voice = self.voice
        voice.tick += duration
        voice.last_length = duration
        if voice.tick >= MAX_TICKS:
            raise ReadError("expected a tune of at most 200,000 quarters")

    # --- the whole ------------------------------------------------------------------------------------------------

    def score(self) -> Score:
        """What was read; raises :class:`ReadError` or :class:`InvalidScore` if that is no music."""
        if not self.keys:
            raise ReadError("expected a K: field, which ends the header")
        voices = list(self.voices.values()) or [self.voice]
        end = max(max(voice.tick, voice.furthest) for voice in voices)
        if not end:
            raise ReadError("expected notes after the header")
        barlines, repeats, sections = structure(self.marks, end)
        return Score.of(
            [_part(voice) for voice in voices],
            meter=_from_the_start([m for m in self.meters if m.onset < end], Meter(4, 4)),
            key=_from_the_start([k for k in self.keys if k.onset < end], Key(0)),
            tempo=_from_the_start([t for t in self.tempos if t.onset < end], self._usual_tempo()),
            barlines=barlines,
            repeats=repeats,
            sections=sections,
            chords=[chord for chord in self.chords if chord.onset < end],
            fermatas=[tick for tick in self.fermatas if tick < end],
            metadata=self.metadata,
        )

    def _usual_tempo(self) -> Tempo:
        """The tempo of the dance named in R:, else 120 quarters a minute."""
        style = STYLES.get(self.metadata.get("rhythm", "").replace(" ", "-"))
        return style.tempo if style else Tempo(120.0)


def _from_the_start(changes: list, default: object) -> list:  # type: ignore[type-arg]
    return changes if changes and changes[0].onset == 0 else [default, *changes]


def _part(voice: Voice) -> Part:
    notes = voice.notes
    return Part.of(
        [note.onset for note in notes],
        [note.pitch for note in notes],
        [note.duration for note in notes],
        spelling=[note.spelling for note in notes],
        name=voice.name,
        annotations=voice.annotations,
    )


def _uncommented(text: str) -> str:
    at = text.find("%")
    text = text if at < 0 or text[at - 1 : at] == "\\" else text[:at]
    return text.rstrip()


def _altered(signature: int) -> Iterator[int]:
    """Places on the line of fifths (F = 0) that a signature alters, sharps from 0 up, flats from -1 down."""
    return iter(range(signature) if signature > 0 else range(-1, signature - 1, -1))


def _note(sign: str | None, step: str, octave: str) -> tuple[int | None, str, int]:
    """Alteration, letter and octave (C is in octave 4) of a note's parts."""
    height = 4 + step.islower() + octave.count("'") - octave.count(",")
    return (ACCIDENTALS[sign] if sign else None), step.upper(), height


def _ratio(text: str) -> tuple[int, int]:
    """A length as a multiple of the unit: ``3/2``, ``/``, ``//``, ``2``, empty."""
    top, slashes, bottom = re.match(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    divisor = int(bottom) if bottom else 2 ** len(slashes[:16])
    if divisor == 0:
        raise ReadError(f"expected a length, not {text!r}")
    return int(top or 1), divisor


def _passes(text: str) -> tuple[int, ...]:
    """``1``, ``1,3``, ``1-3`` as numbers of passes."""
    passes: set[int] = set()
    for part in re.split(r"[,.]", text):
        low, _, high = part.partition("-")
        if low.isdigit() and (high.isdigit() or not high):
            passes |= set(range(min(int(low), 99), min(int(high or low), 99) + 1))
    return tuple(sorted(passes - {0}))
