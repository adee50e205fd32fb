"""MusicXML, plain (.musicxml, .xml) and compressed (.mxl), through music21.

What a written file loses: onsets and ends that no note value can write (moved to a 32nd or triplet 16th of their
quarter, and a note left out that then has no length: quantise a performance first); chord qualities that MusicXML has
no word for; decorations other than the common ones; graces that are no pitch names; the order of overlapping notes of
equal pitch; the places of key and tempo changes inside a bar, which move to a note. Metadata
without a place of its own travels in ``miscellaneous-field`` entries.

Files are untrusted: archives are unpacked up to a limit; entity declarations, absurd numbers, and what takes music21
time or memory without bound (meters of a million beats, thousands of bars) are refused before it sees the text.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from composer.errors import ComposerError, Notice, ReadError, UsageError, WriteError
from composer.io import music21_export, music21_import
from composer.io.bars import uneven_bars
from composer.score import DEFAULT_VELOCITY, Annotation, Part, Score, frozen
from composer.theory import NATURAL, parse_name

__all__ = ["dumps", "from_music21", "loads", "to_music21"]

MAX_TEXT = 64 * 2**20  # bytes of MusicXML, unpacked
MAX_ELEMENTS = 2_000_000
MAX_DEPTH = 64
MAX_MEASURES = 3_000  # of one part: music21's time grows with the square, 5 s here
MAX_BEATS = 128  # of a meter; music21 lists every one
MAX_DOTS = 4
MOST = {
    "measure": 60_000,
    "note": 200_000,
    "slur": 20_000,
    "part": 1_024,
    "harmony": 5_000,
}  # open slurs too cost the square
LIMITS = {  # the largest number that an element may hold
    "divisions": 2**20,
    "duration": 2**24,
    "beat-type": 128,
    "actual-notes": 1024,
    "normal-notes": 1024,
    "octave": 12,
    "alter": 4,
    "fifths": 12,
    "chromatic": 64,
    "diatonic": 64,
    "octave-change": 8,
    "staves": 16,
    "voice": 1000,
    "multiple-rest": 1000,
    "measure-repeat": 64,
    "slash": 64,
    "midi-program": 1000,
    "per-minute": 4000,
}
IGNORED = {  # elements that are no part of a score here, and what to call them
    "figured-bass": "figured bass",
    "wedge": "hairpins",
    "dynamics": "dynamics",
    "pedal": "pedal marks",
    "octave-shift": "octave lines (notes sound as they are encoded)",
    "rehearsal": "rehearsal marks",
    "segno": "segno signs",
    "coda": "coda signs",
    "glissando": "glissandos",
    "slide": "slides",
    "arpeggiate": "arpeggio signs",
    "tremolo": "tremolos",
    "fingering": "fingerings",
    "string": "string numbers",
    "fret": "frets",
    "frame": "chord diagrams",
    "unpitched": "unpitched notes, read as the pitches where they are drawn",
    "cue": "cue notes, read as notes",
    "key-step": "keys that are no standard signature",
    "scordatura": "scordatura",
    "harp-pedals": "harp pedals",
    "other-direction": "directions of other kinds",
    "other-notation": "notations of other kinds",
}
FIELD = "composer:"
DRUM_CHANNEL = "10"
FARTHEST = (-22, 26)  # triple flats to triple sharps on the line of fifths
PER_VELOCITY = 100 / 90  # MusicXML counts loudness in hundredths of velocity 90
CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container><rootfiles><rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>
"""  # noqa: E501 - one element of the format
DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)


def to_music21(score: Score) -> Any:
    """The written score as a ``music21.stream.Score`` of measures, with what is lost named above."""
    return music21_export.to_music21(_printable(score))


def from_music21(stream: Any) -> Score:
    """A ``music21`` stream as a score; raises :class:`ReadError` for what is no stream, or holds no music."""
    from music21.stream import Opus, Stream

    if not isinstance(stream, Stream):
        raise ReadError(f"this {type(stream).__name__} is no music21 stream")
    if isinstance(stream, Opus):
        stream = next(iter(stream.scores), None)
    if stream is None or not len(stream):
        raise ReadError("this music21 stream is empty")
    return music21_import.from_music21(stream)


def dumps(score: Score, *, suffix: str = ".musicxml") -> bytes:
    """MusicXML of the written score, the same bytes for the same score; compressed for the suffix ``.mxl``.

    Raises :class:`WriteError` for a score that music21 cannot write.
    """
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exporter = GeneralObjectExporter()
            exporter.makeNotation = False
            stream = to_music21(score)
            for number, found in enumerate(stream.recurse().getElementsByClass("Instrument")):
                found.midiChannel = 16 + number  # music21 complains of one that is taken; _finish names the real ones
            root = ElementTree.fromstring(exporter.parse(stream))
    except ComposerError:
        raise
    except Exception as error:  # music21 raises errors of every kind
        reason = (str(error).splitlines() or [""])[0][:160]
        raise WriteError(f"the score cannot be written as MusicXML ({type(error).__name__}: {reason})") from None
    _finish(root, score)
    ElementTree.indent(root)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n{DOCTYPE}\n'.encode() + ElementTree.tostring(root)
    if suffix != ".mxl":
        return text
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("META-INF/container.xml", CONTAINER.encode()), ("score.musicxml", text)):
            archive.writestr(zipfile.ZipInfo(name, (2000, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def loads(data: bytes, name: str, *, notices: list[Notice] | None = None) -> Score:
    """The score of a MusicXML file; raises :class:`ReadError` with the file's name and the reason.

    ``notices`` is added to: what the file holds that the score does not, and bars that do not add up.
    """
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    try:
        text = _unpacked(data) if data[:2] == b"PK" else data
        inspector = _inspect(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importer = MusicXMLImporter()
            importer.xmlRoot = _counted(ElementTree.fromstring(text))  # in any encoding; music21 takes UTF-8 alone
            importer.xmlRootToScore(importer.xmlRoot, importer.stream)
            score = music21_import.from_music21(importer.stream, notices)
    except ComposerError as error:
        raise ReadError(f"{name}: {error}") from None
    except Exception as error:  # music21 raises errors of every kind on files that are not music
        reason = (str(error).splitlines() or [""])[0][:160]
        raise ReadError(f"{name}: is no MusicXML that can be read ({type(error).__name__}: {reason})") from None
    if notices is not None:
        found = ((text, inspector.ignored[tag]) for tag, text in IGNORED.items())
        notices += [Notice("ignored", "", text, count) for text, count in found if count]
        notices += uneven_bars(score)
    if len(inspector.names) == len(score.parts):  # music21 names a nameless part, and guesses programs from names
        parts = [
            replace(
                part,
                name=inspector.names[k],
                program=inspector.programs.get(k, part.program),
                drums=inspector.channels[k] == DRUM_CHANNEL if k in inspector.channels else part.drums,
            )
            for k, part in enumerate(score.parts)
        ]
        score = replace(score, parts=tuple(parts))
    return score.with_metadata(**inspector.fields)


def _finish(root: ElementTree.Element, score: Score) -> None:
    """Put our names and metadata in, and take out what music21 made up or writes otherwise each time."""
    for number, (entry, part) in enumerate(zip(root.iter("score-part"), score.parts, strict=False)):
        for element in (*entry.iter("part-name"), *entry.iter("instrument-name")):
            element.text = _clean(part.name)
        for element in entry.iter("midi-channel"):
            element.text = DRUM_CHANNEL if part.drums else str(number % 9 + 1)
    for element, part in zip(root.iter("part"), score.parts, strict=False):
        _loudness(element, music21_export.notatable(part), score.barlines.tolist())
    for name in () if score.title else ("work", "movement-title"):
        for element in root.findall(name):
            root.remove(element)
    for measure in root.iter("measure") if score.pickup else ():
        if measure.get("number") == "0":
            measure.set("implicit", "yes")
    for element in root.iter("identification"):
        _identify(element, score)


def _identify(element: ElementTree.Element, score: Score) -> None:
    for name in ("encoding", "miscellaneous", *([] if score.metadata.get("composer") else ["creator"])):
        for old in element.findall(name):
            element.remove(old)
    ElementTree.SubElement(ElementTree.SubElement(element, "encoding"), "software").text = "composer"
    rest = sorted((key, value) for key, value in score.metadata.items() if key not in ("title", "composer"))
    if rest:
        box = ElementTree.SubElement(element, "miscellaneous")
        for key, value in rest:
            field = ElementTree.SubElement(box, "miscellaneous-field", name=FIELD + _clean(key))
            field.text = _clean(value)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)


def _printable(score: Score) -> Score:
    """The score with texts that XML can hold, and spellings and graces that music21 knows."""
    metadata = {name: _clean(text) for name, text in score.metadata.items()}
    return replace(score, parts=tuple(_printable_part(score, part) for part in score.parts), metadata=metadata)


def _printable_part(score: Score, part: Part) -> Part:
    far = (part.spelling < FARTHEST[0]) | (part.spelling > FARTHEST[1])
    spelling = part.spelling.copy()
    spelling[far] = score.spell(part).spelling[far]
    marks = tuple(replace(mark, text=_clean(mark.text)) for mark in part.annotations if _says_pitches(mark))
    return replace(part, name=_clean(part.name), spelling=frozen(spelling), annotations=marks)


def _says_pitches(mark: Annotation) -> bool:
    """False for a grace that holds anything but pitch names."""
    try:
        return mark.kind != "grace" or bool([parse_name(name) for name in mark.text.split()])
    except UsageError:
        return False


def _loudness(element: ElementTree.Element, part: Part, barlines: list[int]) -> None:
    """Velocities as ``dynamics``, on the notes that are not as loud as usual."""
    loud: dict[tuple[int, int], list[int]] = defaultdict(list)
    for note in part:
        loud[note.onset, note.pitch].append(note.velocity)
    if (part.velocity == DEFAULT_VELOCITY).all():
        return
    for measure, (start, _) in zip(element.findall("measure"), pairwise(barlines), strict=False):
        at = onset = start
        for item in measure:
            duration = int(item.findtext("duration", "0"))
            if item.tag == "note" and item.find("chord") is None:
                onset, at = at, at + duration
            elif item.tag in ("forward", "backup"):
                at += duration if item.tag == "forward" else -duration
            struck = item.tag == "note" and item.find("grace") is None and item.find("tie[@type='stop']") is None
            found = loud.get((onset, _pitch(item)), []) if struck else []
            if found and (velocity := found.pop(0)) != DEFAULT_VELOCITY:
                item.set("dynamics", f"{velocity * PER_VELOCITY:.2f}")


def _pitch(note: ElementTree.Element) -> int:
    """The MIDI pitch of a written note, -1 for a rest."""
    pitch = note.find("pitch")
    if pitch is None:
        return -1
    alter, octave = float(pitch.findtext("alter", "0")), int(pitch.findtext("octave", "0"))
    return NATURAL[pitch.findtext("step", "C")] + round(alter) + 12 * (octave + 1)


def _unpacked(data: bytes) -> bytes:
    """The score inside an .mxl archive, unpacked up to the limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            container = _member(archive, "META-INF/container.xml", 2**16)
            _inspect(container, "container")
            root = ElementTree.fromstring(container)
            path = next((element.get("full-path") for element in root.iter() if element.tag.endswith("rootfile")), None)
            if not path:
                raise ReadError("is an archive that names no score")
            return _member(archive, path, MAX_TEXT)
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ElementTree.ParseError,
    ) as error:
        raise ReadError(f"is a damaged .mxl archive ({error})") from None


def _member(archive: zipfile.ZipFile, path: str, limit: int) -> bytes:
    with archive.open(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ReadError(f"unpacks to more than {limit // 2**10} KB, too large for a score")
    return content


def _counted(root: ElementTree.Element) -> ElementTree.Element:
    """The tree with tempos such as "c. 90" or "90-100" as the number that music21 needs."""
    for element in root.iter("per-minute"):
        number = re.search(r"\d{1,12}(\.\d{1,15})?", element.text or "")
        element.text = number[0] if number else ""
    return root


class _Inspector:
    """One pass over the text by expat: refuses what could hurt, collects our own fields."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.elements = self.measures = self.beats = self.dots = 0
        self.counts: Counter[str] = Counter()
        self.ignored: Counter[str] = Counter()
        self.path: list[str] = []
        self.field: str | None = None
        self.text = ""
        self.fields: dict[str, str] = {}
        self.names: list[str] = []
        self.programs: dict[int, int] = {}  # by part
        self.channels: dict[int, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.path.append(tag)
        self.elements += 1
        if len(self.path) > MAX_DEPTH or self.elements > MAX_ELEMENTS:
            raise ReadError("is nested too deeply, or too large, for a score")
        if self.elements == 1 and tag.rpartition("}")[2] != self.root:
            remedy = "; save it as score-partwise" if tag == "score-timewise" else ""
            raise ReadError(f"begins with <{tag[:40]}>, not with <{self.root}>{remedy}")
        self._count(tag)
        if tag in IGNORED:
            self.ignored[tag] += 1
        if tag == "ending" and re.search(r"\d{3}", attributes.get("number", "")):
            raise ReadError("has an ending for more than 99 passes")
        name = attributes.get("name", "")
        self.field = name[len(FIELD) :] if tag == "miscellaneous-field" and name.startswith(FIELD) else None
        self.text = ""

    def _count(self, tag: str) -> None:
        """Refuse what there is too much of."""
        if tag == "part":
            self.measures = 0
        elif tag == "time":
            self.beats = 0
        elif tag in ("note", "beat-unit"):
            self.dots = 0
        self.measures += tag == "measure"
        self.dots += tag in ("dot", "beat-unit-dot")
        if tag in MOST:
            self.counts[tag] += 1
            if self.counts[tag] > MOST[tag]:
                raise ReadError(f"has more than {MOST[tag]:,} {tag}s, too many for a score")
        if self.measures > MAX_MEASURES:
            raise ReadError(f"has more than {MAX_MEASURES:,} measures in one part, too many for a score")
        if self.dots > MAX_DOTS:
            raise ReadError(f"has a note with more than {MAX_DOTS} dots")

    def data(self, text: str) -> None:
        if len(self.text) < 2**16:
            self.text += text

    def end(self, tag: str) -> None:
        self.path.pop()
        if self.field:
            self.fields[self.field] = self.text
            self.field = None
        if tag == "part-name":
            self.names.append(" ".join(self.text.split()))
        elif tag == "midi-program" and self.text.strip().isdigit() and self.names:
            self.programs.setdefault(len(self.names) - 1, min(max(int(self.text) - 1, 0), 127))
        elif tag == "midi-channel" and self.names:
            self.channels.setdefault(len(self.names) - 1, self.text.strip())
        elif tag == "beats":
            self._add_beats()
        limit = LIMITS.get(tag)
        if limit is not None:
            number = re.fullmatch(r"\s*[-+]?(\d{1,12})(?:\.\d*)?\s*", self.text)
            if number is None and tag != "per-minute" and re.search(r"[\deE.]", self.text):
                raise ReadError(f"has {self.text.strip()[:20]!r} for <{tag}>, which is no number")
            if number is not None and int(number[1]) > limit:
                raise ReadError(f"has {number[1]} for <{tag}>, more than {limit}")
        self.text = ""

    def _add_beats(self) -> None:
        """Meters may be sums, 3+2, and stand side by side."""
        if re.fullmatch(r"\s*\d{1,3}(?:\s*\+\s*\d{1,3})*\s*", self.text) is None:
            raise ReadError(f"has {' '.join(self.text.split())[:20]!r} for <beats>, which is no number of beats")
        self.beats += sum(map(int, self.text.split("+")))
        if self.beats > MAX_BEATS:
            raise ReadError(f"has a meter of more than {MAX_BEATS} beats")

    def doctype(self, name: str, system: str | None, public: str | None, internal: int) -> None:
        if internal:
            self.declaration()

    def declaration(self, *_: Any) -> None:
        raise ReadError("declares entities, which a score has no use for")


def _inspect(text: bytes, root: str = "score-partwise") -> _Inspector:
    """What our own fields and the part names say; raises :class:`ReadError` for text that is not fit for music21."""
    if len(text) > MAX_TEXT:
        raise ReadError(f"is larger than {MAX_TEXT // 2**20} MB, too large for a score")
    if not text.strip():
        raise ReadError("is empty")
    inspector, parser = _Inspector(root), expat.ParserCreate(namespace_separator="}" if root == "container" else None)
    parser.StartDoctypeDeclHandler = inspector.doctype
    parser.StartElementHandler, parser.EndElementHandler = inspector.start, inspector.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = inspector.data, inspector.declaration
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ReadError(f"line {error.lineno}: is no XML ({expat.errors.messages[error.code]})") from None
    return inspector
