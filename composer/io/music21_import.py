"""Reading music21 objects as a score: ties joined, spelling kept, transposing instruments at sounding pitch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from composer.errors import InvalidScore, Notice, ReadError
from composer.io.music21_export import ARTICULATIONS, EXPRESSIONS, KINDS
from composer.notation.abc_structure import Mark, structure
from composer.score import DEFAULT_VELOCITY, MAX_TICKS, Annotation, Note, Part, Score
from composer.theory import (
    MODES,
    STEPS,
    TICKS_PER_QUARTER,
    ChordSymbol,
    Key,
    Meter,
    Tempo,
    pitch_name,
)

MAX_NOTES = 1_000_000
MAX_VERSES = 100
MAX_KINDS = 100  # of marks, told apart
QUALITIES = {kind: quality for quality, kind in reversed(KINDS.items())}
NAMES = {music21: name for name, music21 in (ARTICULATIONS | EXPRESSIONS).items()}

COUNTED = {"TextExpression", "Tremolo", "Fingering", "StringIndication", "FretIndication", "ArpeggioMark"}  # elsewhere


def from_music21(stream: Any, notices: list[Notice] | None = None) -> Score:
    """A ``music21`` stream as a score; see :mod:`composer.io.musicxml` for what is lost.

    ``notices`` is added to: chord symbols, marks and quarter tones that a score has no word for, and parts whose bars
    begin elsewhere than those of the first.
    Raises :class:`ReadError` if it holds no part, :class:`InvalidScore` if it is too long.
    """
    if any(part.atSoundingPitch is not True for part in _parts(stream)) and _transposes(stream):
        stream = stream.toSoundingPitch()
    parts = [part if part.hasMeasures() else part.makeMeasures() for part in _parts(stream)]
    if not parts:
        raise ReadError("holds no part")
    end = max((_end(measure) for part in parts for measure in part.getElementsByClass("Measure")), default=0)
    if not 0 < end < MAX_TICKS:
        raise InvalidScore("is empty, or longer than a score can be")
    first = parts[0]
    form = structure(list(_marks(first, end)), end)
    readings = [_PartImport(part) for part in parts]
    count = sum(len(reading.notes) for reading in readings)
    if count > MAX_NOTES:
        raise InvalidScore(f"holds {count} notes, more than {MAX_NOTES}")
    chords = sorted((chord for reading in readings for chord in reading.chords), key=lambda chord: chord.onset)
    score = Score.of(
        [reading.part() for reading in readings],
        meter=_from_start(list(_meters(first)), Meter(4, 4), end),
        key=_from_start(list(_keys(first)), Key(0), end),
        tempo=_from_start(sorted(_tempos(parts), key=lambda tempo: tempo.onset), Tempo(120.0), end),
        barlines=form.barlines,
        repeats=form.repeats,
        sections=form.sections,
        chords=[chord for chord in dict.fromkeys(chords) if chord.onset < end],
        fermatas=[tick for reading in readings for tick in reading.fermatas if tick < end],
        metadata=_metadata(stream),
    )
    if notices is not None:
        notices += _notices(score, readings)
        notices += _strays(score, parts)
    return score


def _notices(score: Score, readings: list[_PartImport]) -> Iterator[Notice]:
    """What was left out of the parts, each kind once, with its first place."""
    found: dict[str, list[int]] = {}
    for text, onset in (entry for reading in readings for entry in reading.ignored):
        found.setdefault(text if text in found or len(found) < MAX_KINDS else "other marks", []).append(onset)
    for text, onsets in found.items():
        yield Notice("ignored", score.place(min(onsets)), text, len(onsets))


def _strays(score: Score, parts: list[Any]) -> Iterator[Notice]:
    """The first bar of each part that begins where the first part has no bar line."""
    lines = set(score.barlines.tolist())
    for number, part in enumerate(parts[1:], 2):
        for measure in part.getElementsByClass("Measure"):
            if _start(measure) not in lines:
                place = f"part {number}, {score.place(_start(measure))}"
                yield Notice("bar", place, "begins elsewhere than the bars of the first part")
                break


def _parts(stream: Any) -> list[Any]:
    parts = list(stream.parts) if hasattr(stream, "parts") else []
    return parts or [stream]


def _transposes(stream: Any) -> bool:
    return any(found.transposition is not None for found in stream.recurse().getElementsByClass("Instrument"))


def _ticks(offset: Any) -> int:
    ticks: int = round(offset * TICKS_PER_QUARTER)
    return ticks


def _start(measure: Any) -> int:
    return _ticks(measure.offset)


def _end(measure: Any) -> int:
    length = measure.highestTime or measure.barDuration.quarterLength
    return _start(measure) + _ticks(length)


def _metadata(stream: Any) -> dict[str, str]:
    found = stream.metadata
    if found is None:
        return {}
    title = found.title or found.movementName
    entries = {"title": str(title) if title else "", "composer": str(found.composer) if found.composer else ""}
    return {name: " ".join(text.split()) for name, text in entries.items() if text.strip()}


# --- what the first part says of the whole --------------------------------------------------------------------------


def _marks(part: Any, end: int) -> Iterator[Mark]:
    """Bar lines, repeats and endings, in the order of their places and, at one place, closing before opening."""
    brackets = {}
    for bracket in part.recurse().getElementsByClass("RepeatBracket"):
        members = list(bracket.getSpannedElements())
        if members:
            passes = tuple(number for number in bracket.numberRange if 0 < number < 100)
            brackets[id(members[0])] = ("open", passes)
            brackets.setdefault(-id(members[-1]), ("close", ()))
    measures = list(part.getElementsByClass("Measure"))
    for measure in measures:  # the last bar ends with the longest part
        start, stop = _start(measure), end if measure is measures[-1] else min(_end(measure), end)
        yield Mark(start, "bar")
        if _direction(measure.leftBarline) == "start":
            yield Mark(start, "start")
        elif _double(measure.leftBarline):
            yield Mark(start, "double")
        if id(measure) in brackets:
            yield Mark(start, "ending", passes=brackets[id(measure)][1])
        yield Mark(stop, "bar")
        if _direction(measure.rightBarline) == "end":
            times = measure.rightBarline.times
            yield Mark(stop, "end", times=min(max(int(times or 2), 2), 99))
        elif _double(measure.rightBarline):
            yield Mark(stop, "double")
        elif -id(measure) in brackets:
            yield Mark(stop, "close")


def _direction(barline: Any) -> str | None:
    return getattr(barline, "direction", None)


def _double(barline: Any) -> bool:
    return barline is not None and _direction(barline) is None and barline.type in ("double", "final", "light-heavy")


def _meters(part: Any) -> Iterator[Meter]:
    for measure in part.getElementsByClass("Measure"):
        for found in measure.getElementsByClass("TimeSignature"):
            try:
                yield Meter(found.numerator, found.denominator, _start(measure) + _ticks(found.offset))
            except InvalidScore as error:
                raise ReadError(str(error)) from None


def _keys(part: Any) -> Iterator[Key]:
    for measure in part.getElementsByClass("Measure"):
        for found in measure.getElementsByClass("KeySignature"):
            if found.sharps is not None:
                mode = getattr(found, "mode", None) or "major"
                mode = {"ionian": "major", "aeolian": "minor"}.get(mode, mode)
                mode = mode if mode in MODES else "major"
                yield Key(found.sharps + MODES[mode], mode, _start(measure) + _ticks(found.offset))


def _tempos(parts: list[Any]) -> Iterator[Tempo]:
    for measure in (measure for part in parts for measure in part.getElementsByClass("Measure")):
        for mark in measure.getElementsByClass("MetronomeMark"):
            beat = _ticks(mark.referent.quarterLength) if mark.referent is not None else TICKS_PER_QUARTER
            if mark.number:
                try:
                    yield Tempo(float(mark.number), beat, _start(measure) + _ticks(mark.offset))
                except InvalidScore as error:
                    raise ReadError(str(error)) from None


def _from_start(changes: list[Any], default: Any, end: int) -> list[Any]:
    """Changes in order, the last of those at one tick, from the first tick on."""
    last = {change.onset: change for change in changes if change.onset < end}
    found = [last[tick] for tick in sorted(last)]
    return found if found and found[0].onset == 0 else [default, *found]


# --- parts ------------------------------------------------------------------------------------------------------------


class _PartImport:
    """The notes and marks of one part."""

    def __init__(self, part: Any) -> None:
        self.source = part
        self.notes: list[Note] = []
        self.annotations: list[Annotation] = []
        self.chords: list[ChordSymbol] = []
        self.fermatas: list[int] = []
        self.places: dict[int, int] = {}  # onset by id of a note, for slurs
        self.ignored: list[tuple[str, int]] = []  # what and where
        open_ties: dict[int, int] = {}  # index into notes, by pitch
        for measure in part.getElementsByClass("Measure"):
            start = _start(measure)
            for voice in [measure, *measure.voices]:
                shift = start if voice is measure else start + _ticks(voice.offset)
                for element in voice.notesAndRests:
                    self._read(element, shift + _ticks(element.offset), open_ties)
                for text in voice.getElementsByClass("TextExpression"):
                    self.annotations.append(Annotation("text", shift + _ticks(text.offset), str(text.content)))
        for slur in part.recurse().getElementsByClass("Slur"):
            ends = [self.places[id(e)] for e in (slur.getFirst(), slur.getLast()) if id(e) in self.places]
            if len(ends) == 2 and ends[0] < ends[1]:
                self.annotations.append(Annotation("slur", ends[0], "", ends[1]))

    def _read(self, element: Any, onset: int, open_ties: dict[int, int]) -> None:
        classes = element.classSet
        if "Harmony" in classes:
            self._chord_symbol(element, onset)
            return
        self._decorations(element, onset)
        if element.isRest:
            return
        members = list(element.notes) if "ChordBase" in classes else [element]
        if element.duration.isGrace:
            names = " ".join(pitch_name(*_pitch(member)) for member in members if hasattr(member, "pitch"))
            before = self.annotations[-1] if self.annotations else None
            if before is not None and (before.kind, before.onset) == ("grace", onset):
                names = f"{self.annotations.pop().text} {names}"
            self.annotations.append(Annotation("grace", onset, names))
            return
        self.places[id(element)] = onset
        self.annotations += [Annotation("lyric", onset, text) for text in _verses(element.lyrics)]
        for member in members:
            self._sound(member, onset, max(_ticks(element.duration.quarterLength), 1), open_ties)

    def _decorations(self, element: Any, onset: int) -> None:
        for mark in [*element.expressions, *element.articulations]:
            name = type(mark).__name__
            if name == "Fermata":
                self.fermatas.append(onset)
            elif name in NAMES:
                self.annotations.append(Annotation("decoration", onset, NAMES[name]))
            elif name not in COUNTED:
                self.ignored.append((f"{_words(name)} marks", onset))

    def _sound(self, member: Any, onset: int, duration: int, open_ties: dict[int, int]) -> None:
        """A note, or the continuation of a tied one."""
        if hasattr(member, "pitch"):
            pitch, spelling = _pitch(member)
            if member.pitch.alter % 1:
                self.ignored.append(("quarter tones, read as the nearest semitone", onset))
        else:
            pitch = int(getattr(member, "displayPitch", lambda: member)().midi)
            spelling = int(Key(0).spell(pitch))
        kind = member.tie.type if member.tie is not None else None
        before = open_ties.pop(pitch, None) if kind in ("stop", "continue") else None
        if before is not None and self.notes[before].onset + self.notes[before].duration == onset:
            self.notes[before] = self.notes[before]._replace(duration=self.notes[before].duration + duration)
        else:
            loud = member.volume.velocity if member.hasVolumeInformation() else None
            velocity = DEFAULT_VELOCITY if loud is None else min(max(int(loud), 1), 127)
            self.notes.append(Note(onset, pitch, duration, velocity, spelling))
            before = len(self.notes) - 1
        if kind in ("start", "continue"):
            open_ties[pitch] = before

    def _chord_symbol(self, element: Any, onset: int) -> None:
        quality = QUALITIES.get(element.chordKind or "")
        if quality is None or element.root() is None:
            self.ignored.append((f"chord symbols of the kind {element.chordKind or 'none'}", onset))
            return
        root, bass = (_spelling(pitch) for pitch in (element.root(), element.bass()))
        self.chords.append(ChordSymbol(root, quality, None if bass == root else bass, onset))

    def part(self) -> Part:
        instrument = self.source.getInstrument(returnDefault=True)
        program = instrument.midiProgram
        drums = instrument.midiChannel == 9 or "UnpitchedPercussion" in instrument.classSet
        made = Part.from_notes(
            self.notes,
            name=" ".join(str(self.source.partName or "").split()),
            program=program if program is not None and 0 <= program < 128 else 0,
        )
        return Part.of(*made.columns, name=made.name, program=made.program, drums=drums, annotations=self.annotations)


def _verses(lyrics: list[Any]) -> list[str]:
    """The syllable of each verse, with a hyphen where its word goes on; empty for a verse that has none before one."""
    found = {}
    for lyric in lyrics[:MAX_VERSES]:
        if lyric.text and lyric.text.strip() and 1 <= lyric.number <= MAX_VERSES:
            goes_on = lyric.syllabic in ("begin", "middle") and not lyric.text.endswith("-")
            found[lyric.number] = lyric.text + "-" * goes_on
    return [found.get(number, "") for number in range(1, max(found, default=0) + 1)]


def _words(name: str) -> str:
    """A class name as words.

    >>> _words("StringIndication")
    'string indication'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


def _pitch(note: Any) -> tuple[int, int]:
    """MIDI pitch and spelling of a music21 note; raises :class:`ReadError` where MIDI has none."""
    pitch = note.pitch
    try:
        midi = round(pitch.ps)
    except (ValueError, OverflowError) as error:
        raise ReadError(str(error)) from None
    if not 0 <= midi <= 127:
        raise ReadError(f"a note {pitch.nameWithOctave} lies outside MIDI's pitches")
    return midi, _spelling(pitch)


def _spelling(pitch: Any) -> int:
    """The place on the line of fifths; quarter tones go to the semitone that is nearest."""
    spelling: int = STEPS.index(pitch.step) - 1 + 7 * round(pitch.alter)
    return spelling
