"""Reading ABC: one tune as a Score, written as it stands, repeats folded (ABC standard 2.1).

One table of tokens, one pass over them, linear in the length of the text. What is not understood, and bars that do not
add up, are left as they are and noticed. A broken rhythm between notes of unequal length, which the standard leaves
undefined, is not played. Graces are kept where they stand; they take their time when the tune is heard
(:func:`composer.styles.perform`). An overlay (&) joins the notes of its voice; an order of parts (P:) is written out.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace

from composer.analysis import uneven_bars
from composer.errors import ComposerError, ReadError
from composer.notation.abc_fields import plain_text, read_length, read_passes
from composer.notation.abc_header import FieldReader
from composer.notation.abc_structure import Form, in_order, structure
from composer.notation.abc_table import ACCIDENTALS, DECORATIONS, NOTE, PLACES, TOKENS, TUPLET_TIMES
from composer.notation.abc_voice import Sounding, Voice
from composer.score import MAX_TICKS, Annotation, Score
from composer.styles import STYLES
from composer.theory import NATURAL, STEPS, ChordSymbol, Key, Meter, Tempo, pitch_name

MAX_NOTES = 100_000
INSIDE = re.compile(r'"(?P<words>[^"]*)"|!(?P<bang>[^!\s]{1,30})!')  # what a chord's brackets hold beside notes
ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{1,6});")

Length = tuple[int, int]  # a multiple of the unit length, as a fraction
Name = tuple[int | None, str, int]  # a note's alteration, if it is said, its letter and octave


class TuneReader(FieldReader):
    """Reads the lines of one tune; ``score()`` is what they say, ``notices`` what was not taken as it stands."""

    def line(self, text: str, number: int) -> None:
        """Read one line; raises :class:`ReadError` or another :class:`ComposerError` that says what was expected."""
        self.line_number, self.column = number, 1
        if text.startswith("%%"):
            self.directive(text)
            return
        text = _uncommented(text)
        if text.startswith("+:") and self.continues:
            if self.continues == "w":
                self.sing(text[2:])
            else:
                self.field(self.continues, text[2:].strip())
        elif re.match(r"[A-Za-z]:(?![|:])|w:" if self.in_body else "[A-Za-z]:", text):
            self.continues = text[0]
            self.field(text[0], text[2:].strip())
        elif self.in_body:
            self.music(text)

    def music(self, text: str) -> None:
        """Read a line of music; characters that mean nothing are noticed and skipped."""
        text, at = ENTITY.sub(lambda match: html.unescape(match[0]), text), 0
        self._unit()
        for voice in () if self.joined else self.voices.values() or [self.voice]:
            voice.sung, voice.lines_sung = [], 0
        if self.joined and re.match(r"\s*[1-9]\s", text):
            text = f"|{text.lstrip()}"  # an ending that was parted from its bar line
        self.joined = text.endswith("\\")
        while at < len(text):
            self.column = at + 1
            match = TOKENS.match(text, at)
            if match is None:
                at = self._skip(text, at)
                continue
            kind = str(match.lastgroup)  # the outer group of the alternative closes last
            if kind != "space":
                getattr(self, f"_on_{kind}")(match)
            at = match.end()

    def _skip(self, text: str, at: int) -> int:
        """Past what is no ABC, up to the next character that may be."""
        end = at + 1
        while end < len(text) and TOKENS.match(text, end) is None:
            end += 1
        hint = "; a sharp stands before its note, as in ^A" if text[at] == "#" else ""
        self.notice(f"expected a note, a rest or a bar line, not {text[at : min(end, at + 20)]!r}{hint}")
        return end

    def _on_field(self, match: re.Match[str]) -> None:
        self.field(match["letter"], match["value"].strip())

    def _on_hidden(self, _: re.Match[str]) -> None:
        self.bar("|", None)

    def _on_bar(self, match: re.Match[str]) -> None:
        self.bar(match["sign"], match["passes"] or match["passes_apart"])

    def _on_ending(self, match: re.Match[str]) -> None:
        self.mark("ending", passes=read_passes(match["only"]))

    def _on_note(self, match: re.Match[str]) -> None:
        self.sound([self._name(*match.group("accidental", "step", "octave"))], read_length(match["length"]))

    def _on_rest(self, match: re.Match[str]) -> None:
        self.rest(match["kind"], read_length(match["rest_length"]))

    def _on_chord(self, match: re.Match[str]) -> None:
        self.chord(match["inside"], read_length(match["chord_length"]))

    def _on_old_chord(self, match: re.Match[str]) -> None:
        if match["old_inside"] in DECORATIONS.values():
            self.decorate(match["old_inside"])
        else:
            self.chord(match["old_inside"], (1, 1))

    def _on_tie(self, _: re.Match[str]) -> None:
        self.voice.tie(self.voice.last)

    def _on_broken(self, match: re.Match[str]) -> None:
        if self.voice.last_length and self.voice.tick > self.voice.bar:
            self.voice.broken = match["broken"]
            self.unplaced = len(self.voice.annotations), len(self.chords), len(self.fermatas)

    def _on_tuplet(self, match: re.Match[str]) -> None:
        p, q, r = int(match["p"]), match["q"], match["r"]
        if p > 1:
            numerator = self._meter().numerator
            compound = numerator > 3 and numerator % 3 == 0
            time = int(q) if q and q != "0" else TUPLET_TIMES[p] or (3 if compound else 2)
            self.voice.tuplet = (p, time, int(r) if r else p)

    def _on_grace(self, match: re.Match[str]) -> None:
        names = []
        for sign, step, octave, _, _ in NOTE.findall(match["graces"])[:64]:
            alteration, letter, height = self._name(sign or None, step, octave)
            if alteration is None:
                alteration = self._altered(letter)
            pitch = NATURAL[letter] + alteration + 12 * (height + 1)
            if 12 <= pitch <= 127:
                names.append(pitch_name(pitch, STEPS.index(letter) - 1 + 7 * alteration))
        if names:
            self.voice.annotations.append(Annotation("grace", self.voice.tick, " ".join(names)))

    def _on_text(self, match: re.Match[str]) -> None:
        """A chord symbol where it is one, else an annotation."""
        words = plain_text(match["words"])
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
        name = self.decorations.get(match["decoration"])
        if name is None:
            self.notice(
                f"expected a note, a rest or a bar line, not {match['decoration']!r}, which no U: field defines"
            )
        elif name:
            self.decorate(name)

    def _on_slur(self, match: re.Match[str]) -> None:
        voice = self.voice
        if match["slur"].endswith("("):
            voice.slurs = [*voice.slurs, voice.tick][-64:]
        elif voice.slurs:
            end = voice.last[0].onset if voice.last else voice.tick
            begun = next((n for n in reversed(range(len(voice.slurs))) if voice.slurs[n] < end), None)
            start = voice.slurs.pop(-1 if begun is None else begun)  # (c (d) e): one slur to d, one from it
            if end > start:
                voice.annotations.append(Annotation("slur", start, "", end))

    def _on_overlay(self, _: re.Match[str]) -> None:
        voice = self.voice
        voice.turn(min(voice.layer + 1, 64))
        voice.tick = voice.bar if voice.back is None else voice.back

    def _on_overlays(self, match: re.Match[str]) -> None:
        """``(&`` and ``&)``: overlays of several bars (section 7.4)."""
        voice = self.voice
        voice.back = voice.tick if match["overlays"] == "(&" else None
        if voice.back is None:
            voice.turn(0)
            voice.tick = voice.bar = voice.furthest

    def chord(self, inside: str, outer: Length) -> None:
        """Notes together, as long as the first of them says (section 4.17)."""
        for sign in INSIDE.finditer(inside):
            if sign["words"] is None:
                self.decorate(sign["bang"])
            else:
                self._on_text(sign)
        found = list(NOTE.finditer(INSIDE.sub("", inside)))
        if not found:
            self.notice(f"expected notes in the chord, not [{inside[:20]}]")
            return
        names = [self._name(note[1], note[2], note[3]) for note in found]
        inner = [read_length(note[4]) for note in found]
        if len(set(inner)) > 1:
            self.notice("the notes of a chord are not equally long; they last as long as the first")
        self.sound(names, (outer[0] * inner[0][0], outer[1] * inner[0][1]))
        tied = {name[1:] for name, note in zip(names, found, strict=True) if note[5]}
        self.voice.tie(note for note in self.voice.last if note.name in tied)

    def sound(self, names: list[Name], length: Length) -> None:
        """Notes that begin and end together."""
        voice = self.voice
        duration = self._duration(length)
        ties, voice.ties, voice.last = voice.ties, {}, []
        for sign, letter, octave in dict.fromkeys(names):
            if sign is not None:
                voice.accidentals[letter] = sign
            spelling = STEPS.index(letter) - 1 + 7 * self._altered(letter)
            waiting = [note for note in ties.get((letter, octave), ()) if note.onset + note.duration == voice.tick]
            tied = next((note for note in waiting if sign is None or note.spelling == spelling), None)
            if tied:
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
        if not voice.layer:
            voice.sung.append(voice.tick)
        self._pass(duration)

    def rest(self, kind: str, length: Length) -> None:
        if kind in "ZX":
            bar = self._meter().bar
            count = max(length[0] // length[1], 1)
            if count > 1000:
                raise ReadError(f"expected a rest of at most 1000 bars, not {count}")
            for number in range(count):
                self._pass(bar)
                if number < count - 1:
                    self.bar("|", None)
            self.voice.last, self.voice.ties, self.voice.last_length = [], {}, 0
        else:
            duration = self._duration(length)
            self.voice.last, self.voice.ties = [], {}
            self._pass(duration)

    def decorate(self, name: str) -> None:
        if name == "fermata":
            self.fermatas.append(self.voice.tick)
        else:
            self.voice.annotations.append(Annotation("decoration", self.voice.tick, name))

    def bar(self, symbol: str, passes: str | None) -> None:
        voice = self.voice
        if voice.broken:
            self.notice(f"a broken rhythm ({voice.broken}) reaches over a bar line and is not played")
        voice.accidentals, voice.broken = {}, ""
        if voice.back is not None and voice.layer:
            voice.bar = voice.tick
            return
        if voice.layer:
            voice.turn(0)
        voice.tick = voice.bar = max(voice.tick, voice.furthest)
        voice.barlines.append(voice.tick)
        self.bars += 1
        if self.bars > MAX_NOTES:
            raise ReadError(f"expected at most {MAX_NOTES} bar lines in a tune")
        self.mark("bar")
        colons = set(symbol) == {":"}
        ends = 1 if colons else len(symbol) - len(symbol.lstrip(":"))
        if ends:
            self.mark("end", times=min(ends + 1, 99))
        if not passes and ("||" in symbol or "]" in symbol or "[" in symbol):
            self.mark("double")
        if colons or symbol.endswith(":"):
            self.mark("start")
        if passes:
            self.mark("ending", passes=read_passes(passes))

    def _duration(self, length: Length) -> int:
        """Ticks of a length, in the broken rhythm and tuplet it stands in."""
        voice = self.voice
        p, q, left = voice.tuplet
        top, bottom = (length[0] * q, length[1] * p) if left else length
        voice.tuplet = (p, q, max(left - 1, 0))
        duration = _rounded(self._unit() * top, bottom)
        if voice.broken:
            duration = self._broken(duration)
        if duration < 1:
            raise ReadError("expected a length above zero")
        return duration

    def _broken(self, duration: int) -> int:
        """``a>b``: the first note gains what the second loses (section 4.4), if both are equally long."""
        voice = self.voice
        sign, voice.broken = voice.broken, ""
        if duration != voice.last_length:
            self.notice(f"a broken rhythm ({sign}) stands between unequal notes and is not played")
            return duration
        change = duration - _rounded(duration, 2 ** len(sign))
        change = change if sign[0] == ">" else -change
        for note in voice.last:
            note.duration = max(note.duration + change, 1)
        self._shift(change)
        return duration - change

    def _shift(self, change: int) -> None:
        """Go on later, with the marks that wait for the note after a broken rhythm."""
        voice, tick = self.voice, self.voice.tick
        annotations, chords, fermatas = self.unplaced
        voice.tick += change
        for number, mark in enumerate(voice.annotations[annotations:], annotations):
            if mark.onset == tick:
                voice.annotations[number] = replace(mark, onset=voice.tick)
        self.chords[chords:] = [replace(chord, onset=voice.tick) for chord in self.chords[chords:]]
        self.fermatas[fermatas:] = [voice.tick] * len(self.fermatas[fermatas:])
        voice.slurs = [voice.tick if start == tick else start for start in voice.slurs]

    def _pass(self, duration: int) -> None:
        voice = self.voice
        voice.tick += duration
        voice.last_length = duration
        if voice.tick >= MAX_TICKS:
            raise ReadError("expected a tune of at most 200,000 quarters")

    def _name(self, sign: str | None, step: str, octave: str) -> Name:
        """A note's parts as alteration, letter and octave (C is in octave 4)."""
        height = 4 + step.islower() + octave.count("'") - octave.count(",") + (self.voice.octave or self.octave)
        return (ACCIDENTALS[sign] if sign else None), step.upper(), height

    # --- the whole ------------------------------------------------------------------------------------------------

    def score(self) -> Score:
        """What was read; raises :class:`ReadError` or :class:`InvalidScore` if that is no music."""
        if not self.keys:
            raise ReadError("expected a K: field, which ends the header")
        voices = list(self.voices.values()) or [self.voice]
        end = max(max(voice.tick, voice.furthest) for voice in voices)
        if not end:
            raise ReadError("expected notes after the header")
        form = structure(self.marks, end)
        score = Score.of(
            [voice.part() for voice in voices],
            meter=_from_the_start([m for m in self.meters if m.onset < end], Meter(4, 4)),
            key=_from_the_start([k for k in self.keys if k.onset < end], Key(0)),
            tempo=_from_the_start([t for t in self.tempos if t.onset < end], self._usual_tempo()),
            barlines=form.barlines,
            repeats=form.repeats,
            sections=form.sections,
            chords=sorted({chord: None for chord in self.chords if chord.onset < end}, key=lambda chord: chord.onset),
            fermatas=[tick for tick in self.fermatas if tick < end],
            metadata=self._metadata(),
        )
        self._look_over(score, voices, form)
        return in_order(score, self.order, self.labels)

    def _look_over(self, score: Score, voices: list[Voice], form: Form) -> None:
        """Notice bars that do not add up, repeats that are not closed, and parts that are not there."""
        for tick in form.assumed:
            self.notice("a repeat is taken to end here, where the next one begins", place=self.places[tick])
        if form.endless is not None:
            self.notice("a repeat begins here that does not end; it is played once", place=self.places[form.endless])
        if self.measured:
            for tick, bar in uneven_bars(score):
                self.notice(f"{bar.place} {bar.text}", bar.kind, self.places.get(tick, self.place))
        lines = set(score.barlines.tolist())
        for number, voice in enumerate(voices[1:], 2):
            astray = next((tick for tick in voice.barlines if tick not in lines), None)
            if astray is not None:
                self.notice(f"voice {number} has a bar line where the first voice has none", "bar", score.place(astray))
        missing = sorted(set(self.order) - {label for label, _ in self.labels})
        if missing:
            self.notice(f"the order P:{self.order} names parts that no P: begins: {', '.join(missing)}")

    def _metadata(self) -> dict[str, str]:
        return {name: "\n".join(lines) for name, lines in self.texts.items()}

    def _usual_tempo(self) -> Tempo:
        """The tempo of the dance named in R:, else 120 quarters a minute."""
        style = STYLES.get(self._metadata().get("rhythm", "").replace(" ", "-"))
        return style.tempo if style else Tempo(120.0)


def _from_the_start(changes: list, default: object) -> list:  # type: ignore[type-arg]
    return changes if changes and changes[0].onset == 0 else [default, *changes]


def _uncommented(text: str) -> str:
    at = text.find("%")
    while at > 0 and text[at - 1] == "\\":
        at = text.find("%", at + 1)
    return (text if at < 0 else text[:at]).rstrip()


def _rounded(top: int, bottom: int) -> int:
    return (2 * top + bottom) // (2 * bottom)
