"""Writing ABC as a person would: four bars a line, beams by beat, few accidentals, repeats folded.

The inverse of :mod:`composer.notation.abc_reader`. Notes of a part that overlap without beginning and ending together
stand in overlays (&). Lost are velocities, a note that stands twice, marks without a note to carry them (a grace or a
lyric on the last bar line), decorations of several words, and in words ``%``, ``~``, control characters and ``"`` or
``|`` (which become ``'`` and ``/``). A lone second ending without a closing sign, and endings out of order, are not
read back as repeats.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from urllib.parse import quote

import numpy as np

from composer.notation.abc_table import (
    ACCIDENTAL_SIGNS,
    DECORATION_SIGNS,
    DIRECTIVE,
    FIELDS,
    MIDI,
    MODE_SUFFIXES,
    TITLES,
)
from composer.notation.abc_words import verse
from composer.score import Annotation, Part, Score
from composer.theory import STEPS, TICKS_PER_QUARTER, Key, Meter, Tempo, note_name, parse_name

WHOLE = 4 * TICKS_PER_QUARTER
BARS_A_LINE = 4
MIDDLE_C = 60
TUPLETS = {3: 2, 5: 4, 7: 4, 9: 8}  # p in the time of q
ENTITY = re.compile(r"&(?=#?\w+;)")
ACCENTED = re.compile(r"\\(?=[`'^~\"cv][A-Za-z])")  # what would be read as a TeX accent

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
        if part.program:
            lines.append(f"{MIDI} program {part.program}")
        if part.drums:
            lines.append(f"{MIDI} channel 10")
        lines += _Voice(score, part, unit, leads=number == 1).lines()
    lines += _fields("W", score.metadata.get(FIELDS["W"], ""))
    return "\n".join(lines) + "\n"


def _header(score: Score, unit: int) -> list[str]:
    metadata = dict(score.metadata)
    title = _one_line(metadata.pop("title", ""))
    lines = ["X:1", *_fields("T", title), *_fields("T", metadata.pop(TITLES, "") if title else "")]
    for letter, name in FIELDS.items():
        lines += _fields(letter, metadata.pop(name, "")) if letter != "W" else []
    metadata.pop(FIELDS["W"], None)
    lines += [f"{DIRECTIVE} {quote(name)} {_one_line(value)}" for name, value in metadata.items()]
    lines += [f"M:{score.meter}", f"L:1/{WHOLE // unit}", f"Q:{_tempo(score.tempo)}"]
    names = [_one_line(part.name).replace('"', "'").replace("%", "") for part in score.parts]
    clefs = [" clef=bass" if len(part) and np.median(part.pitch) < MIDDLE_C else "" for part in score.parts]
    if len(names) > 1 or any(names):
        named = [f' name="{name}"' if name else "" for name in names]
        lines += [f"V:{n}{name}{clef}" for n, (name, clef) in enumerate(zip(named, clefs, strict=True), 1)]
        return [*lines, f"K:{_key(score.key)}"]
    return [*lines, f"K:{_key(score.key)}{''.join(clefs)}"]


def _fields(letter: str, value: str) -> list[str]:
    """A line for each line of the value."""
    texts = [ENTITY.sub("&amp;", text).replace("%", "&#37;") for text in map(_one_line, value.splitlines())]
    return [f"{letter}:{re.sub(ACCENTED, '&#92;', text)}" for text in texts if text]


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
    lyrics: dict[int, str] = field(default_factory=dict)
    overlaid: bool = False  # whether an overlay is being written
    bar_end: int = 0  # of the bar that is being written
    opens: set[int] = field(default_factory=set)  # where repeats begin
    closed: set[int] = field(default_factory=set)  # where the last of their endings stops
    colons: dict[int, int] = field(default_factory=dict)  # of the bar line at a tick
    endings: dict[int, str] = field(default_factory=dict)  # that begin at a tick
    sections: frozenset[int] = frozenset()

    def lines(self) -> list[str]:
        """The body, a line for every four bars and at every repeat and section."""
        self._place_marks()
        self._place_repeats()
        self.sections = frozenset(self.score.sections)
        layers = self._layers()
        starts = self.score.barlines[:-1].tolist()
        ends = self.score.barlines[1:].tolist()
        lines, line, count, sung = [], self._opening(0), 0, list[int]()
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            closing, breaks = self._barline(end)
            last = (
                "".join(sign for sign in self.before.get(end, ()) if sign[0] in '"!') if end == self.score.end else ""
            )
            line += f"{self._bar(start, end, [layer[number] for layer in layers])} {last}{closing}"
            sung += [event.onset for event in layers[0][number] if event.notes]
            count += end - start >= self.score.meter_at(start).bar // 2
            if breaks or (count >= BARS_A_LINE and not closing[-1].isdigit()) or end == self.score.end:
                lines += [line.strip(), *self._words(sung)]
                line, count, sung = "" if end == self.score.end else self._opening(end), 0, []
            else:
                line += " "
        return lines

    def _words(self, onsets: list[int]) -> list[str]:
        """The w: line under notes at these onsets, if one of them is sung."""
        words = verse(self.lyrics, onsets) if self.lyrics else ""
        return [f"w:{re.sub(ENTITY, '&amp;', words)}"] if words else []

    # --- bar lines ------------------------------------------------------------------------------------------------

    def _opening(self, tick: int) -> str:
        return "|: " if tick in self.opens else ""

    def _place_repeats(self) -> None:
        for repeat in self.score.repeats:
            self.opens.add(repeat.start)
            if not repeat.endings:
                self.colons[repeat.end] = repeat.times - 1
            for ending in repeat.endings:
                if max(ending.passes) < repeat.times:
                    self.colons[ending.end] = repeat.times - 1
                self.endings[ending.start] = ",".join(map(str, ending.passes))
            if repeat.endings:
                self.closed.add(repeat.end)

    def _barline(self, tick: int) -> tuple[str, bool]:
        """The bar line at a tick, what belongs to it on this line, and whether the line ends here."""
        colons, ending = self.colons.get(tick, 0), self.endings.get(tick, "")
        closed, opens = tick in self.closed, tick in self.opens
        section = tick in self.sections
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
        onsets = set(self.part.onset.tolist())
        for mark in self.part.annotations:
            if mark.onset <= score.end:
                self._place(mark)
            if mark.kind == "lyric":
                self.lyrics.setdefault(mark.onset, mark.text)  # of the first verse
            if mark.kind == "lyric" and mark.onset not in onsets:
                before.setdefault(mark.onset, [])  # the note is written tied, for the words to find it

    def _place(self, mark: Annotation) -> None:
        text = _one_line(mark.text).replace('"', "'").replace("%", "").replace("|", "/")
        if mark.kind == "text" and text:
            self.before[mark.onset].append(f'"^{text}"')
        elif mark.kind == "decoration" and re.fullmatch(r"[^!\s|+]{1,30}", text):
            short = DECORATION_SIGNS.get(text) if mark.onset < self.score.end else None
            self.before[mark.onset].append(short or f"!{text}!")
        elif mark.kind == "slur" and mark.end is not None and mark.end > mark.onset:
            self.before[mark.onset].append("(")
            self.after[mark.end].append(")")
        elif mark.kind == "grace":
            self.before[mark.onset].append("{" + mark.text + "}")  # spelled when its place is known

    # --- notes ----------------------------------------------------------------------------------------------------

    def _layers(self) -> list[list[list[Event]]]:
        """By layer and bar: notes and rests from start to end, split at bar lines and, in the first, at every mark.

        Notes that begin and end together are a chord; each chord goes to the first layer that is free.
        """
        chords: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for note in self.part:
            chords[note.onset, note.onset + note.duration].append((note.pitch, int(note.spelling or 0)))
        layers: list[list[tuple[int, int, Notes]]] = [[]]
        for (start, end), notes in sorted(chords.items(), key=lambda item: (item[0][0], -max(item[1])[0])):
            layer = next((rows for rows in layers if not rows or rows[-1][1] <= start), None)
            if layer is None:
                layers.append(layer := [])
            layer.append((start, end, tuple(dict.fromkeys(notes))))
        lines = self.score.barlines.tolist()
        splits = [sorted({*lines, *self.before, *self.after}), *[lines] * (len(layers) - 1)]
        return [self._by_bar(rows, splits[number]) for number, rows in enumerate(layers)]

    def _by_bar(self, rows: list[tuple[int, int, Notes]], splits: list[int]) -> list[list[Event]]:
        """Chords and the rests between them, as events of each bar."""
        events: list[Event] = []
        at = 0
        for start, end, notes in rows:
            self._add(events, at, start, (), splits)
            self._add(events, start, end, notes, splits)
            at = end
        self._add(events, at, self.score.end, (), splits)
        bars: list[list[Event]] = [[] for _ in self.score.barlines[1:]]
        places = np.searchsorted(self.score.barlines, [event.onset for event in events], "right") - 1
        for place, event in zip(places.tolist(), events, strict=True):
            bars[place].append(event)
        return bars

    def _add(self, events: list[Event], start: int, end: int, notes: Notes, splits: list[int]) -> None:
        edges = sorted({start, *splits[bisect_right(splits, start) : bisect_right(splits, end)], end})
        for a, b in pairwise(edges):
            if b <= end:
                events.append(Event(a, b - a, notes, bool(notes) and b < end, bool(notes) and a > start))

    def _bar(self, start: int, end: int, layers: list[list[Event]]) -> str:
        """The notes of one bar, its overlays after it."""
        self.accidentals, self.overlaid, self.bar_end = {}, False, end
        texts = [self._layer(start, end, layers[0])]
        self.overlaid = True
        last = max((n for n, layer in enumerate(layers) if any(event.notes for event in layer)), default=0)
        return " & ".join(texts + [self._layer(start, end, layer) for layer in layers[1 : last + 1]])

    def _layer(self, start: int, end: int, events: list[Event]) -> str:
        """The notes of one bar and layer, beamed by beat."""
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
        marked = not self.overlaid and (second.onset in self.before or first.onset in self.after)
        if first.notes and second.notes and not first.tied and not marked and _beamed(meter, first, second, into):
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
                length = self._tuplet_length(events[number : number + 99], Fraction(p, TUPLETS[p]))
                found[number] = (p, TUPLETS[p], length)
                number += length
            else:
                number += 1
        return found

    def _tuplet_length(self, events: list[Event], scale: Fraction) -> int:
        """Events until the tuplet adds up to a plain length, or no further one fits."""
        total = Fraction(0)
        for count, event in enumerate(events):
            duration = Fraction(event.duration, self.unit)
            if _odd((duration * scale).denominator) != 1:
                return max(count, 1)
            total += duration
            if _odd(total.denominator) == 1:
                return count + 1
        return len(events)

    def _event(self, event: Event, length: Fraction) -> str:
        key = self.score.key_at(event.onset)
        signs = [] if self.overlaid else sorted(self.before.get(event.onset, []), key=_order)
        marks = "".join(self._grace(sign, key) if sign.startswith("{") else sign for sign in signs)
        names = [self._note(pitch, spelling, event) for pitch, spelling in event.notes]
        if len(set(names)) < len(names):  # a tie from C and C sharp together
            names = [self._signed(pitch, spelling, keep=True) for pitch, spelling in event.notes]
        body = names[0] if len(names) == 1 else f"[{''.join(names)}]" if names else self._rest
        closing = "" if self.overlaid else "".join(self.after.get(event.onset, []))
        return marks + body + _length(length) + ("-" if event.tied else "") + closing

    @property
    def _rest(self) -> str:
        return "x" if self.overlaid else "z"

    def _grace(self, mark: str, key: Key) -> str:
        names = [parse_name(name) for name in mark[1:-1].split()]
        return "{" + "".join(self._name(pitch, spelling, key, keep=False) for pitch, spelling in names) + "}"

    def _note(self, pitch: int, spelling: int, event: Event) -> str:
        if event.continued and all(key.onset != event.onset for key in self.score.keys):
            return _letter(pitch, spelling)  # but behind a change of key its sign is said again
        at = self.bar_end - 1 if self.overlaid else event.onset  # an overlay stands after the changes of its bar
        return self._name(pitch, spelling, self.score.key_at(at), keep=True)

    def _name(self, pitch: int, spelling: int, key: Key, *, keep: bool) -> str:
        """A note's letter, with its accidental unless key or bar already say so."""
        octaves, step = divmod(spelling + 1, 7)
        letter = STEPS[step]
        current = self.accidentals.get(letter, key.alteration(letter))
        if octaves == current and not (self.overlaid and letter in self.accidentals):
            return _letter(pitch, spelling)
        return self._signed(pitch, spelling, keep=keep)

    def _signed(self, pitch: int, spelling: int, *, keep: bool) -> str:
        octaves, step = divmod(spelling + 1, 7)
        if keep:
            self.accidentals[STEPS[step]] = octaves
        return ACCIDENTAL_SIGNS[octaves] + _letter(pitch, spelling)


def _order(sign: str) -> int:
    """Fields, then words, then slurs, then what belongs to the note; a dot before a slur would make it a dotted one."""
    return '["('.find(sign[0]) if sign[0] in '["(' else 3


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
