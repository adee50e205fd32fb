"""Writing ABC as a person would: four bars a line, beams by beat, few accidentals, repeats folded.

The inverse of :mod:`composer.notation.abc_reader`. Lost are velocities, programs and drums, of notes in one part
that overlap without beginning and ending together the ends of the earlier ones, and marks without a note to carry them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from urllib.parse import quote

import numpy as np

from composer.notation.abc_table import ACCIDENTAL_SIGNS, DECORATION_SIGNS, DIRECTIVE, FIELDS, MODE_SUFFIXES
from composer.score import Annotation, Part, Score
from composer.theory import STEPS, TICKS_PER_QUARTER, Key, Meter, Tempo, note_name, parse_name

WHOLE = 4 * TICKS_PER_QUARTER
BARS_A_LINE = 4
TUPLETS = {3: 2, 5: 4, 7: 4, 9: 8}  # p in the time of q
ENTITY = re.compile(r"&(?=#?\w+;)")

Notes = tuple[tuple[int, int], ...]  # (pitch, spelling) of notes that sound together; () is a rest


@dataclass(slots=True)
class Event:
    """Notes or a rest inside one bar; ``tied`` to the next event, or ``continued`` from the last."""

    onset: int
    duration: int
    notes: Notes
    tied: bool = False
    continued: bool = False


def write_tune(score: Score) -> str:
    """One tune, numbered 1, as ABC text."""
    unit = _unit(score)
    lines = _header(score, unit)
    parts = score.parts or (Part.of(),)
    for number, part in enumerate(parts, 1):
        if len(parts) > 1:
            lines.append(f"V:{number}")
        lines += _Voice(score, part, unit, leads=number == 1).lines()
    return "\n".join(lines) + "\n"


def _header(score: Score, unit: int) -> list[str]:
    metadata = dict(score.metadata)
    lines = ["X:1"]
    for letter, name in FIELDS.items():
        if value := _one_line(metadata.pop(name, "")):
            lines.append(f"{letter}:{ENTITY.sub('&amp;', value).replace('%', '&#37;')}")
    lines += [f"{DIRECTIVE} {quote(name)} {_one_line(value)}" for name, value in metadata.items()]
    lines += [f"M:{score.meter}", f"L:1/{WHOLE // unit}", f"Q:{_tempo(score.tempo)}"]
    names = [part.name for part in score.parts]
    if len(names) > 1 or any(names):
        quoted = [_one_line(name).replace('"', "'").replace("%", "") for name in names]
        lines += [f'V:{number} name="{name}"' if name else f"V:{number}" for number, name in enumerate(quoted, 1)]
    return [*lines, f"K:{_key(score.key)}"]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tempo(tempo: Tempo) -> str:
    beat = Fraction(tempo.beat, WHOLE)
    return f"{beat.numerator}/{beat.denominator}={tempo.bpm:.10g}"


def _key(key: Key) -> str:
    return note_name(key.tonic) + MODE_SUFFIXES[key.mode]


def _unit(score: Score) -> int:
    """An eighth, or a sixteenth or quarter where most notes are that short or long."""
    durations = np.concatenate([np.zeros(0, dtype=np.int32), *(part.duration for part in score.parts)])
    if len(durations) and np.median(durations) <= WHOLE // 16:
        return WHOLE // 16
    return (
        WHOLE // 4
        if len(durations) and np.median(durations) >= WHOLE // 4 and score.meter.denominator < 8
        else WHOLE // 8
    )


@dataclass
class _Voice:
    """One part on its way to text."""

    score: Score
    part: Part
    unit: int
    leads: bool
    before: dict[int, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # written before the event at a tick
    after: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))  # after it: ends of slurs
    accidentals: dict[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The body, a line for every four bars and at every repeat and section."""
        self._place_marks()
        events = self._events()
        starts = self.score.barlines[:-1].tolist()
        ends = self.score.barlines[1:].tolist()
        inner: list[list[Event]] = [[] for _ in starts]
        for event in events:
            inner[int(np.searchsorted(self.score.barlines, event.onset, "right")) - 1].append(event)
        lines, line, count = [], self._opening(0), 0
        for start, end, bar in zip(starts, ends, inner, strict=True):
            closing, breaks = self._barline(end)
            last = (
                "".join(sign for sign in self.before.get(end, ()) if sign[0] in '"!') if end == self.score.end else ""
            )
            line += f"{self._bar(start, end, bar)} {last}{closing}"
            count += end - start >= self.score.meter_at(start).bar // 2
            if breaks or (count >= BARS_A_LINE and not closing[-1].isdigit()) or end == self.score.end:
                lines.append(line.strip())
                line, count = "" if end == self.score.end else self._opening(end), 0
            else:
                line += " "
        return lines

    # --- bar lines ------------------------------------------------------------------------------------------------

    def _opening(self, tick: int) -> str:
        return "|: " if any(repeat.start == tick for repeat in self.score.repeats) else ""

    def _barline(self, tick: int) -> tuple[str, bool]:
        """The bar line at a tick, what belongs to it on this line, and whether the line ends here."""
        colons, ending, closed = 0, "", False
        for repeat in self.score.repeats:
            if repeat.end == tick and not repeat.endings:
                colons = repeat.times - 1
            for part in repeat.endings:
                if part.end == tick and max(part.passes) < repeat.times:
                    colons = repeat.times - 1
                closed |= part.end == tick == repeat.end
                if part.start == tick:
                    ending = ",".join(map(str, part.passes))
        opens = any(repeat.start == tick for repeat in self.score.repeats)
        section = tick in self.score.sections
        sign = ":" * colons + "|"
        if tick == self.score.end:
            sign += "" if colons else "]"
        elif section or (closed and not opens and not colons):
            sign += "|"
        return sign + ending, (section or opens or colons > 0 or closed) and not ending

    # --- marks ----------------------------------------------------------------------------------------------------

    def _place_marks(self) -> None:
        score, before = self.score, self.before
        for key in score.keys[1:]:
            before[key.onset].append(f"[K:{_key(key)}]")
        if self.leads:
            for meter in score.meters[1:]:
                before[meter.onset].append(f"[M:{meter}]")
            for tempo in score.tempos[1:]:
                before[tempo.onset].append(f"[Q:{_tempo(tempo)}]")
            for chord in score.chords:
                before[chord.onset].append(f'"{chord}"')
            for tick in score.fermatas:
                before[tick].append("H")
        for mark in self.part.annotations:
            if mark.onset <= score.end:
                self._place(mark)

    def _place(self, mark: Annotation) -> None:
        text = _one_line(mark.text).replace('"', "'").replace("%", "").replace("|", "/")
        if mark.kind == "text" and text:
            self.before[mark.onset].append(f'"^{text}"')
        elif mark.kind == "decoration" and re.fullmatch(r"[^!\s|+]{1,30}", text):
            self.before[mark.onset].append(DECORATION_SIGNS.get(text, f"!{text}!"))
        elif mark.kind == "slur" and mark.end is not None and mark.end > mark.onset:
            self.before[mark.onset].append("(")
            self.after[mark.end].append(")")
        elif mark.kind == "grace":
            self.before[mark.onset].append("{" + mark.text + "}")  # spelled when its place is known

    # --- notes ----------------------------------------------------------------------------------------------------

    def _events(self) -> list[Event]:
        """Notes and rests from start to end, split at bar lines and wherever a mark stands."""
        chords: dict[int, list[tuple[int, int]]] = defaultdict(list)
        ends: dict[int, int] = {}
        for note in self.part:
            chords[note.onset].append((note.pitch, int(note.spelling or 0)))
            ends[note.onset] = max(ends.get(note.onset, 0), note.onset + note.duration)
        rows = list(chords.items())
        splits = sorted({*self.score.barlines.tolist(), *self.before, *self.after})
        events: list[Event] = []
        at = 0
        for number, (onset, notes) in enumerate(rows):
            following = rows[number + 1][0] if number + 1 < len(rows) else self.score.end
            stop = min(ends[onset], following)
            self._add(events, at, onset, (), splits)
            self._add(events, onset, stop, tuple(dict.fromkeys(notes)), splits)
            at = stop
        self._add(events, at, self.score.end, (), splits)
        return events

    def _add(self, events: list[Event], start: int, end: int, notes: Notes, splits: list[int]) -> None:
        low, high = np.searchsorted(splits, [start, end], "right")
        edges = sorted({start, *splits[low:high], end})
        for a, b in pairwise(edges):
            if b <= end:
                events.append(Event(a, b - a, notes, bool(notes) and b < end, bool(notes) and a > start))

    def _bar(self, start: int, end: int, events: list[Event]) -> str:
        """The notes of one bar, beamed by beat."""
        self.accidentals = {}
        meter = self.score.meter_at(start)
        late = max(meter.bar - (end - start), 0) if start in self.score.section_starts else 0
        tuplets = self._tuplets(events)
        text, left, scale, second = "", 0, Fraction(1), Fraction(0)
        for number, event in enumerate(events):
            joined = number > 0 and _beamed(meter, events[number - 1], event, event.onset - start + late)
            if number and not left and not joined:
                text += " "
            if number in tuplets:
                p, q, left = tuplets[number]
                text += f"({p}" if (p, q, left) == (3, 2, 3) else f"({p}:{q}:{left}"
                scale = Fraction(p, q)
            length = Fraction(event.duration, self.unit) * (scale if left else 1)
            sign = ""
            if second:
                length, second = second, Fraction(0)
            elif not left and number + 1 < len(events) and number + 1 not in tuplets:
                sign = self._broken(meter, event, events[number + 1], events[number + 1].onset - start + late)
                if sign:
                    second = length = Fraction(event.duration + events[number + 1].duration, 2 * self.unit)
            text += self._event(event, length) + sign
            left = max(left - 1, 0)
        return text

    def _broken(self, meter: Meter, first: Event, second: Event, into: int) -> str:
        """The sign of a broken rhythm, where two notes of a beam share it three to one."""
        plain = first.notes and second.notes and not first.tied and second.onset not in self.before
        if plain and _beamed(meter, first, second, into) and first.onset not in self.after:
            return (
                ">" if first.duration == 3 * second.duration else "<" if 3 * first.duration == second.duration else ""
            )
        return ""

    def _tuplets(self, events: list[Event]) -> dict[int, tuple[int, int, int]]:
        """For the first event of each tuplet: p, q and how many events it holds."""
        found: dict[int, tuple[int, int, int]] = {}
        number = 0
        while number < len(events):
            p = _odd(Fraction(events[number].duration, self.unit).denominator)
            if p in TUPLETS:
                length = self._tuplet_length(events[number:], Fraction(p, TUPLETS[p]))
                found[number] = (p, TUPLETS[p], length)
                number += length
            else:
                number += 1
        return found

    def _tuplet_length(self, events: list[Event], scale: Fraction) -> int:
        """Events until the tuplet adds up to a plain length, or no further one fits."""
        total = Fraction(0)
        for count, event in enumerate(events[:99]):
            duration = Fraction(event.duration, self.unit)
            if _odd((duration * scale).denominator) != 1:
                return max(count, 1)
            total += duration
            if _odd(total.denominator) == 1:
                return count + 1
        return min(len(events), 99)

    def _event(self, event: Event, length: Fraction) -> str:
        key = self.score.key_at(event.onset)
        signs = self.before.get(event.onset, [])
        marks = "".join(self._grace(sign, key) if sign.startswith("{") else sign for sign in signs)
        names = [self._note(pitch, spelling, event) for pitch, spelling in event.notes]
        body = names[0] if len(names) == 1 else f"[{''.join(names)}]" if names else "z"
        closing = "".join(self.after.get(event.onset, []))
        return marks + body + _length(length) + ("-" if event.tied else "") + closing

    def _grace(self, mark: str, key: Key) -> str:
        names = [parse_name(name) for name in mark[1:-1].split()]
        return "{" + "".join(self._name(pitch, spelling, key, keep=False) for pitch, spelling in names) + "}"

    def _note(self, pitch: int, spelling: int, event: Event) -> str:
        if event.continued:
            return _letter(pitch, spelling)
        return self._name(pitch, spelling, self.score.key_at(event.onset), keep=True)

    def _name(self, pitch: int, spelling: int, key: Key, *, keep: bool) -> str:
        """A note's letter, with its accidental unless key or bar already say so."""
        octaves, step = divmod(spelling + 1, 7)
        letter = STEPS[step]
        usual = (key.signature - step + 6) // 7  # the letter's alteration in the key
        current = self.accidentals.get(letter, usual)
        if octaves == current:
            return _letter(pitch, spelling)
        if keep:
            self.accidentals[letter] = octaves
        return ACCIDENTAL_SIGNS[octaves] + _letter(pitch, spelling)


def _odd(number: int) -> int:
    return number // (number & -number)


def _beamed(meter: Meter, previous: Event, event: Event, into: int) -> bool:
    """Whether two events belong to one beam: short notes of one beat, or of one half of a bar of 4/4."""
    group = 2 * meter.beat if str(meter) == "4/4" else meter.beat
    short = previous.duration < TICKS_PER_QUARTER and event.duration < TICKS_PER_QUARTER
    return short and into % group != 0 and bool(previous.notes and event.notes)


def _letter(pitch: int, spelling: int) -> str:
    """``C,`` ``C`` ``c`` ``c'``: the letter in its octave."""
    octaves, step = divmod(spelling + 1, 7)
    height = (pitch - octaves) // 12 - 1
    letter = STEPS[step]
    return letter.lower() + "'" * (height - 5) if height >= 5 else letter + "," * (4 - height)


def _length(length: Fraction) -> str:
    top = "" if length.numerator == 1 else str(length.numerator)
    bottom = {1: "", 2: "/"}.get(length.denominator, f"/{length.denominator}")
    return top + bottom
