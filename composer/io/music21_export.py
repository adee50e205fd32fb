"""A score as music21 objects, every measure, notehead, tie, beam, tuplet and accidental decided here.

music21's own ``makeNotation`` is left out: it is slow, and beams and brackets otherwise than musicians do.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from composer.errors import WriteError
from composer.score import Annotation, Part, Score
from composer.theory import NATURAL, TICKS_PER_QUARTER, ChordSymbol, Key, Meter, note_name

TYPES = {Fraction(4, 2**k): name for k, name in enumerate(
    ("whole", "half", "quarter", "eighth", "16th", "32nd", "64th", "128th", "256th", "512th", "1024th")
)} | {Fraction(8): "breve", Fraction(16): "longa"}  # fmt: skip
DIVISIONS = (1, 2, 3, 4, 6, 8, 5, 7, 12, 16, 32)  # of a quarter, in which it may be written
TUPLETS = {3: 2, 5: 4, 7: 4}
KINDS = {
    "": "major",
    "m": "minor",
    "7": "dominant-seventh",
    "m7": "minor-seventh",
    "maj7": "major-seventh",
    "mmaj7": "minor-major-seventh",
    "6": "major-sixth",
    "m6": "minor-sixth",
    "dim": "diminished",
    "dim7": "diminished-seventh",
    "m7b5": "half-diminished-seventh",
    "aug": "augmented",
    "+": "augmented",
    "7+": "augmented-seventh",
    "sus2": "suspended-second",
    "sus4": "suspended-fourth",
    "5": "power",
    "9": "dominant-ninth",
    "m9": "minor-ninth",
    "maj9": "major-ninth",
    "11": "dominant-11th",
    "13": "dominant-13th",
}
ARTICULATIONS = {"staccato": "Staccato", "accent": "Accent", "upbow": "UpBow", "downbow": "DownBow"}
EXPRESSIONS = {"trill": "Trill", "roll": "Turn", "lowermordent": "Mordent", "uppermordent": "InvertedMordent"}
Notes = tuple[tuple[int, int], ...]  # (pitch, spelling); () is a rest


@dataclass(slots=True)
class Piece:
    """What one notehead, chord or rest shows."""

    onset: int
    duration: int
    notes: Notes
    tied: bool = False  # to the next piece
    continued: bool = False
    ratio: tuple[int, int] | None = None  # tuplet: p in the time of q
    bracket: str | None = None  # start, stop or startStop

    @property
    def written(self) -> Fraction:
        """In quarters, as the notehead shows it."""
        p, q = self.ratio or (1, 1)
        return Fraction(self.duration * p, TICKS_PER_QUARTER * q)


def to_music21(score: Score) -> Any:
    """The written score as a ``music21.stream.Score`` of measures; see :mod:`composer.io.musicxml` for what is lost."""
    from music21 import metadata, stream

    result = stream.Score()
    result.metadata = metadata.Metadata(title=score.title or None)
    if score.metadata.get("composer"):
        result.metadata.composer = score.metadata["composer"]
    for number, part in enumerate(score.parts or (Part.of(),), 1):
        result.insert(0, _PartExport(score, part, number).export())
    return result


def notatable(part: Part) -> Part:
    """The part with onsets and ends moved, where they cannot be written, to a 32nd or triplet 16th of their quarter."""
    edges = np.unique(np.concatenate([part.onset, part.offset]).astype(np.int64))
    quarter = edges // TICKS_PER_QUARTER
    moved = edges.copy()
    for beat in np.unique(quarter[edges % TICKS_PER_QUARTER != 0]):
        inside = quarter == beat
        into = edges[inside] - beat * TICKS_PER_QUARTER
        if not any((into * division % TICKS_PER_QUARTER == 0).all() for division in DIVISIONS):
            snapped = [np.rint(into * d / TICKS_PER_QUARTER) * TICKS_PER_QUARTER // d for d in (8, 12)]
            best = min(snapped, key=lambda points: float(np.abs(points - into).sum()))
            moved[inside] = beat * TICKS_PER_QUARTER + best.astype(np.int64)
    onset = moved[np.searchsorted(edges, part.onset)]
    offset = moved[np.searchsorted(edges, part.offset)]
    kept = offset > onset
    columns = (onset[kept], part.pitch[kept], (offset - onset)[kept], part.velocity[kept], part.spelling[kept])
    made = Part.of(*columns)
    return replace(made, name=part.name, program=part.program, drums=part.drums, annotations=part.annotations)


class _PartExport:
    """One part on its way to music21."""

    def __init__(self, score: Score, part: Part, number: int) -> None:
        self.score, self.part, self.number = score, notatable(part), number
        self.marks: dict[int, list[Annotation]] = defaultdict(list)
        for mark in part.annotations:
            self.marks[mark.onset].append(mark)
        self.heads: dict[int, Any] = {}  # the note that begins at a tick, for slurs
        self.accidentals: dict[tuple[str, int], int] = {}
        self.begun: dict[int, bool] = {}  # the verses of which a word goes on

    def export(self) -> Any:
        from music21 import spanner, stream

        exported = stream.Part(id=f"P{self.number}")
        exported.partName = self.part.name
        exported.insert(0, self._instrument())
        voices = self._voices()
        measures = []
        lines = self.score.barlines.tolist()
        first = 0 if self.score.pickup else 1
        for index, (start, end) in enumerate(pairwise(lines)):
            measure = stream.Measure(number=first + index)
            measure.padAsAnacrusis = False
            if end - start < self.score.meter_at(start).bar:
                measure.paddingLeft = 0 if index else (self.score.meter.bar - end) / TICKS_PER_QUARTER
            self._attributes(measure, start, end)
            self._fill(measure, start, end, voices)
            self._barlines(measure, start, end)
            exported.insert(start / TICKS_PER_QUARTER, measure)
            measures.append(measure)
        for repeat in self.score.repeats if self.number == 1 else ():
            for ending in repeat.endings:
                low, high = lines.index(ending.start), lines.index(ending.end)
                bracket = spanner.RepeatBracket(measures[low:high], number=",".join(map(str, ending.passes)))
                exported.insert(0, bracket)
        for mark in self.part.annotations:
            if mark.kind == "slur" and mark.onset in self.heads and mark.end in self.heads:
                exported.insert(0, spanner.Slur(self.heads[mark.onset], self.heads[mark.end]))
        return exported

    def _instrument(self) -> Any:
        from music21 import instrument

        found = instrument.Instrument(self.part.name or None)
        found.partId, found.instrumentId = f"P{self.number}", f"P{self.number}-I1"
        found.midiProgram, found.midiChannel = self.part.program, 9 if self.part.drums else (self.number - 1) % 9
        return found

    # --- measures -------------------------------------------------------------------------------------------------

    def _attributes(self, measure: Any, start: int, end: int) -> None:
        """Clef, keys, meters, and for the first part what stands above the staff."""
        from music21 import key, meter

        if start == 0:
            measure.insert(0, self._clef())
        for signature in self.score.keys:
            if start <= signature.onset < end:
                name = note_name(signature.tonic).replace("b", "-")
                measure.insert(_quarters(signature.onset - start), key.Key(name, signature.mode))
        for change in self.score.meters:
            if start <= change.onset < end:
                measure.insert(_quarters(change.onset - start), meter.TimeSignature(str(change)))
        for onset, element in self._above():
            if start <= onset < end:
                measure.insert(_quarters(onset - start), element)

    def _clef(self) -> Any:
        from music21 import clef

        if self.part.name.casefold() == "tenor":
            return clef.Treble8vbClef()
        low = len(self.part) > 0 and float(np.median(self.part.pitch)) < 57
        return clef.BassClef() if low else clef.TrebleClef()

    def _above(self) -> list[tuple[int, Any]]:
        """Words, and for the first part tempos and chords, with their ticks."""
        from music21 import expressions, harmony, tempo

        found: list[tuple[int, Any]] = []
        if self.number == 1:
            for change in self.score.tempos:
                beat = Fraction(change.beat, TICKS_PER_QUARTER)
                found.append((change.onset, tempo.MetronomeMark(number=change.bpm, referent=beat)))
            chords = [chord for chord in self.score.chords if chord.quality in KINDS]
            found += [(chord.onset, harmony.ChordSymbol(**_harmony(chord))) for chord in chords]
        texts = [mark for mark in self.part.annotations if mark.kind == "text" and mark.text.strip()]
        return found + [(mark.onset, expressions.TextExpression(mark.text)) for mark in texts]

    def _barlines(self, measure: Any, start: int, end: int) -> None:
        from music21 import bar

        for repeat in self.score.repeats:
            closing = [e for e in repeat.endings if e.end == end and max(e.passes, default=0) < repeat.times]
            if repeat.start == start:
                measure.leftBarline = bar.Repeat("start")
            if closing or (repeat.end == end and not repeat.endings):
                measure.rightBarline = bar.Repeat("end", times=repeat.times)
        if measure.rightBarline is None:
            if end == self.score.end:
                measure.rightBarline = bar.Barline("final")
            elif end in self.score.sections:
                measure.rightBarline = bar.Barline("double")

    def _fill(self, measure: Any, start: int, end: int, voices: list[list[Piece]]) -> None:
        """Notes and rests, beamed; several voices where notes overlap."""
        from music21 import stream

        self.accidentals = {}
        key, meter = self.score.key_at(start), self.score.meter_at(start)
        late = max(meter.bar - (end - start), 0) if start in self.score.section_starts else 0
        inside = [_filled([p for p in voice if start <= p.onset < end], start, end) for voice in voices]
        sounding = [pieces for k, pieces in enumerate(inside) if k == 0 or any(piece.notes for piece in pieces)]
        for number, pieces in enumerate(sounding, 1):
            written = _bracketed([head for piece in pieces for head in _noteheads(piece)])
            target = measure if len(sounding) == 1 else stream.Voice(id=str(number))
            elements = [self._element(piece, key, number == 1) for piece in written]
            _beam(elements, written, meter, start - late)
            for piece, element in zip(written, elements, strict=True):
                for grace in self._graces(piece) if number == 1 else []:
                    target.insert(_quarters(piece.onset - start), grace)
                target.insert(_quarters(piece.onset - start), element)
            if target is not measure:
                measure.insert(0, target)

    # --- notes ----------------------------------------------------------------------------------------------------

    def _voices(self) -> list[list[Piece]]:
        """Chords of the part in lines that do not overlap, split at bar lines and where a tuplet meets a beat."""
        chords: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for note in self.part:
            if (note.pitch, note.spelling) not in chords[note.onset, note.duration]:
                chords[note.onset, note.duration].append((note.pitch, int(note.spelling or 0)))
        lines: list[list[Piece]] = [[]]
        ends = [0]
        for (onset, duration), notes in sorted(chords.items(), key=lambda item: (item[0][0], -max(item[1])[0])):
            voice = next((k for k, end in enumerate(ends) if end <= onset), len(lines))
            if voice == len(lines):
                lines.append([])
                ends.append(0)
            lines[voice] += _split(onset, onset + duration, tuple(notes), self.score.barlines)
            ends[voice] = onset + duration
        return lines

    def _element(self, piece: Piece, key: Key, marked: bool) -> Any:
        from music21 import articulations, chord, duration, expressions, note, tie

        length = duration.Duration(type=_type(piece.written)[0], dots=_type(piece.written)[1])
        if piece.ratio:
            tuplet = duration.Tuplet(piece.ratio[0], piece.ratio[1], length.type)
            tuplet.type, tuplet.bracket = piece.bracket, True
            length.appendTuplet(tuplet)
        if not piece.notes:
            element: Any = note.Rest(duration=length)
        else:
            members = [note.Note(self._pitch(*row, key, piece.continued), duration=length) for row in piece.notes]
            ties = ("continue" if piece.continued else "start") if piece.tied else ("stop" if piece.continued else None)
            for member in members:
                member.tie = tie.Tie(ties) if ties else None
            element = members[0] if len(members) == 1 else chord.Chord(members, duration=length)
        if marked and piece.onset in self.score.fermatas:
            fermata = expressions.Fermata()
            fermata.type = "upright"
            element.expressions.append(fermata)
        if marked and piece.notes and not piece.continued:
            self.heads.setdefault(piece.onset, element)
            for mark in self.marks.get(piece.onset, []):
                if mark.kind == "decoration" and mark.text in ARTICULATIONS:
                    element.articulations.append(getattr(articulations, ARTICULATIONS[mark.text])())
                elif mark.kind == "decoration" and mark.text in EXPRESSIONS:
                    element.expressions.append(getattr(expressions, EXPRESSIONS[mark.text])())
            element.lyrics = self._lyrics(piece.onset)
        return element

    def _lyrics(self, onset: int) -> list[Any]:
        """The syllables of all verses at a tick; one that ends in a hyphen is followed by the rest of its word."""
        from music21 import note

        found = []
        sung = [mark.text for mark in self.marks.get(onset, []) if mark.kind == "lyric"]
        for verse, text in enumerate(sung, 1):
            begun, goes_on = self.begun.get(verse, False), len(text) > 1 and text.endswith("-")
            syllabic = ("middle" if begun else "begin") if goes_on else "end" if begun else "single"
            if text:
                word = text[:-1] if goes_on else text
                found.append(note.Lyric(word, number=verse, syllabic=syllabic, applyRaw=True))
                self.begun[verse] = goes_on
        return found

    def _graces(self, piece: Piece) -> list[Any]:
        from music21 import note

        if piece.continued or not piece.notes:
            return []
        pitches = [pitch for mark in self.marks.get(piece.onset, []) for pitch in mark.pitches]
        return [note.Note(_named(*pitch), type="eighth").getGrace() for pitch in pitches]

    def _pitch(self, midi: int, spelling: int, key: Key, continued: bool) -> Any:
        """The pitch, its accidental shown unless key or bar already say so."""
        from music21 import pitch

        found = _named(midi, spelling)
        name, octave, alteration = found.name, found.octave, round(found.alter)
        usual = key.alteration(name[0])
        shown = alteration != self.accidentals.get((name[0], octave), usual) and not continued
        if shown:
            self.accidentals[name[0], octave] = alteration
            found.accidental = found.accidental or pitch.Accidental("natural")
        if found.accidental is not None:
            found.accidental.displayStatus = shown
        return found


def _named(midi: int, spelling: int) -> Any:
    """The music21 pitch, whose octave may be below 0."""
    from music21 import pitch

    name = note_name(spelling)
    alteration = name.count("#") - name[1:].count("b")
    octave = (midi - NATURAL[name[0]] - alteration) // 12 - 1
    return pitch.Pitch(name.replace("b", "-"), octave=octave)


def _quarters(ticks: int) -> Fraction:
    return Fraction(ticks, TICKS_PER_QUARTER)


def _harmony(chord: ChordSymbol) -> dict[str, str]:
    names = {"root": note_name(chord.root).replace("b", "-"), "kind": KINDS[chord.quality]}
    return names if chord.bass is None else {**names, "bass": note_name(chord.bass).replace("b", "-")}


def _dyadic(ticks: int) -> bool:
    return Fraction(ticks, TICKS_PER_QUARTER).denominator & (Fraction(ticks, TICKS_PER_QUARTER).denominator - 1) == 0


def _split(start: int, end: int, notes: Notes, barlines: Any) -> list[Piece]:
    """A sound as pieces that end at bar lines, and at beats where a tuplet begins or ends it."""
    low, high = np.searchsorted(barlines, [start, end], "right")
    edges = {start, end, *(line for line in barlines[low:high].tolist() if line < end)}
    for tick, toward in ((start, 1), (end, 0)):
        beat = (tick // TICKS_PER_QUARTER + toward) * TICKS_PER_QUARTER
        if not _dyadic(tick) and start < beat < end:
            edges.add(beat)
    spans = list(pairwise(sorted(edges)))
    return [Piece(a, b - a, notes, bool(notes) and b < end, bool(notes) and a > start) for a, b in spans]


def _filled(pieces: list[Piece], start: int, end: int) -> list[Piece]:
    """The pieces of a bar with rests between them."""
    filled: list[Piece] = []
    at = start
    for piece in [*pieces, Piece(end, 0, ())]:
        if piece.onset > at:
            filled += _split(at, piece.onset, (), np.array([start, end]))
        if piece.duration:
            filled.append(piece)
        at = max(at, piece.onset + piece.duration)
    return filled


def _noteheads(piece: Piece) -> list[Piece]:
    """The piece as noteheads that exist, with the tuplet ratio it needs."""
    odd = Fraction(piece.duration, TICKS_PER_QUARTER).denominator
    odd //= odd & -odd
    ratio = (odd, TUPLETS[odd]) if odd in TUPLETS else None
    p, q = ratio or (1, 1)
    left, at, heads = Fraction(piece.duration * p, TICKS_PER_QUARTER * q), piece.onset, []
    while left > 0:
        sizes = [v * dots for v in TYPES for dots in (Fraction(1), Fraction(3, 2)) if v * dots <= left]
        if not sizes or left.denominator & (left.denominator - 1):
            raise WriteError(
                f"{piece.duration} ticks from tick {piece.onset} on cannot be written as notes or rests: "
                "move the bar lines to places that note values reach, or write .mid"
            )
        size = max(sizes)
        duration = int(size * TICKS_PER_QUARTER * q / p)
        heads.append(Piece(at, duration, piece.notes, ratio=ratio))
        at, left = at + duration, left - size
    for number, head in enumerate(heads):
        head.continued = piece.continued or (number > 0 and bool(piece.notes))
        head.tied = piece.tied or (number < len(heads) - 1 and bool(piece.notes))
    return heads


def _bracketed(pieces: list[Piece]) -> list[Piece]:
    """Tuplets gathered under brackets, each until its length is a plain one again."""
    group: list[Piece] = []
    for piece in pieces:
        if group and piece.ratio is None and _fits(piece, group[0].ratio):
            piece.ratio = group[0].ratio
        if piece.ratio and (not group or group[0].ratio == piece.ratio):
            group.append(piece)
            if _dyadic(sum(member.duration for member in group)):
                _close(group)
                group = []
        else:
            _close(group)
            group = [piece] if piece.ratio else []
    _close(group)
    return pieces


def _fits(piece: Piece, ratio: tuple[int, int] | None) -> bool:
    """Whether a plain piece inside a tuplet can be written with its ratio as one notehead."""
    p, q = ratio or (1, 1)
    size = Fraction(piece.duration * p, TICKS_PER_QUARTER * q)
    return size in TYPES or size / Fraction(3, 2) in TYPES


def _close(group: list[Piece]) -> None:
    if len(group) == 1:
        group[0].bracket = "startStop"
    elif group:
        group[0].bracket, group[-1].bracket = "start", "stop"


def _type(size: Fraction) -> tuple[str, int]:
    """Notehead and dots of a written length in quarters."""
    return (TYPES[size], 0) if size in TYPES else (TYPES[size / Fraction(3, 2)], 1)


def _beam(elements: list[Any], pieces: list[Piece], meter: Meter, bar: int) -> None:
    """Beams over the notes shorter than a quarter in each beat, in 4/4 each half bar of eighths."""
    wide = str(meter) == "4/4" and all(p.written >= Fraction(1, 2) for p in pieces if p.notes)
    span = 2 * meter.beat if wide else meter.beat
    groups: list[list[int]] = [[]]
    for number, piece in enumerate(pieces):
        short = piece.notes and _count(piece) > 0
        if groups[-1] and (not short or (piece.onset - bar) // span != (pieces[groups[-1][-1]].onset - bar) // span):
            groups.append([])
        if short:
            groups[-1].append(number)
    for group in groups:
        counts = [_count(pieces[number]) for number in group]
        for place, number in enumerate(group if len(group) > 1 else []):
            beams = elements[number].beams
            beams.fill(counts[place])
            for level in range(1, counts[place] + 1):
                left = place > 0 and counts[place - 1] >= level
                right = place < len(group) - 1 and counts[place + 1] >= level
                kind = "continue" if left and right else "start" if right else "stop" if left else "partial"
                side = ("left" if place else "right") if kind == "partial" else None
                beams.setByNumber(level, kind, side)


def _count(piece: Piece) -> int:
    """Beams of a notehead: 1 for an eighth, 2 for a 16th."""
    kind = _type(piece.written)[0]
    names = ("eighth", "16th", "32nd", "64th", "128th", "256th", "512th", "1024th")
    return names.index(kind) + 1 if kind in names else 0
