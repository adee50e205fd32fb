"""MusicXML, plain (.musicxml, .xml) and compressed (.mxl), through music21.

What a written file loses: velocities; onsets and ends that no note value can write (moved to a 32nd or triplet 16th of
their quarter); chord qualities that MusicXML has no word for; decorations other than the common ones; the order of
overlapping notes of equal pitch; the places of key and tempo changes inside a bar, which move to a note. Metadata
without a place of its own travels in ``miscellaneous-field`` entries.

Files are untrusted: archives are unpacked up to a limit, entity declarations and absurd numbers are refused before
music21 sees the text.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from composer.errors import ComposerError, ReadError
from composer.io.music21_export import to_music21
from composer.io.music21_import import from_music21
from composer.score import Score

__all__ = ["dumps", "from_music21", "loads", "to_music21"]

MAX_TEXT = 64 * 2**20  # bytes of MusicXML, unpacked
MAX_ELEMENTS = 2_000_000
MAX_DEPTH = 64
LIMITS = {  # the largest number that an element may hold
    "divisions": 2**20,
    "duration": 2**24,
    "beats": 128,
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
FIELD = "composer:"
CONTAINER = """<?xml version="1.0" encoding="UTF-8"?>
<container><rootfiles><rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>
"""  # noqa: E501 - one element of the format
DOCTYPE = (
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">'
)


def dumps(score: Score, *, suffix: str = ".musicxml") -> bytes:
    """MusicXML of the written score, the same bytes for the same score; compressed for the suffix ``.mxl``."""
    from music21.musicxml.m21ToXml import GeneralObjectExporter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exporter = GeneralObjectExporter()
        exporter.makeNotation = False
        root = ElementTree.fromstring(exporter.parse(to_music21(_printable(score))))
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


def loads(data: bytes, name: str) -> Score:
    """The score of a MusicXML file; raises :class:`ReadError` with the file's name and the reason."""
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    try:
        text = _unpacked(data) if data[:2] == b"PK" else data
        inspector = _inspect(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importer = MusicXMLImporter()
            importer.xmlText = text
            importer.parseXMLText()
            score = from_music21(importer.stream)
    except ComposerError as error:
        raise ReadError(f"{name}: {error}") from None
    except Exception as error:  # music21 raises errors of every kind on files that are not music
        reason = (str(error).splitlines() or [""])[0][:160]
        raise ReadError(f"{name}: is no MusicXML that can be read ({type(error).__name__}: {reason})") from None
    if len(inspector.names) == len(score.parts):  # music21 names a nameless part, and guesses programs from names
        parts = [
            replace(part, name=inspector.names[k], program=inspector.programs.get(k, part.program))
            for k, part in enumerate(score.parts)
        ]
        score = replace(score, parts=tuple(parts))
    return score.with_metadata(**inspector.fields)


def _finish(root: ElementTree.Element, score: Score) -> None:
    """Put our names and metadata in, and take out what music21 made up or writes otherwise each time."""
    for entry, part in zip(root.iter("score-part"), score.parts, strict=False):
        for element in (*entry.iter("part-name"), *entry.iter("instrument-name")):
            element.text = _clean(part.name)
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
    """The score with texts that XML can hold."""
    parts = [
        replace(
            part, name=_clean(part.name), annotations=tuple(replace(m, text=_clean(m.text)) for m in part.annotations)
        )
        for part in score.parts
    ]
    return replace(score, parts=tuple(parts), metadata={k: _clean(v) for k, v in score.metadata.items()})


def _unpacked(data: bytes) -> bytes:
    """The score inside an .mxl archive, unpacked up to the limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            root = ElementTree.fromstring(_member(archive, "META-INF/container.xml", 2**16))
            path = next((element.get("full-path") for element in root.iter() if element.tag.endswith("rootfile")), None)
            if not path:
                raise ReadError("is an archive that names no score")
            return _member(archive, path, MAX_TEXT)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError, ElementTree.ParseError) as error:
        raise ReadError(f"is a damaged .mxl archive ({error})") from None


def _member(archive: zipfile.ZipFile, path: str, limit: int) -> bytes:
    with archive.open(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ReadError(f"unpacks to more than {limit // 2**10} KB, too large for a score")
    return content


class _Inspector:
    """One pass over the text by expat: refuses what could hurt, collects our own fields."""

    def __init__(self) -> None:
        self.depth = self.elements = 0
        self.path: list[str] = []
        self.field: str | None = None
        self.text = ""
        self.fields: dict[str, str] = {}
        self.names: list[str] = []
        self.programs: dict[int, int] = {}  # by part

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.path.append(tag)
        self.elements += 1
        if len(self.path) > MAX_DEPTH or self.elements > MAX_ELEMENTS:
            raise ReadError("is nested too deeply, or too large, for a score")
        if self.elements == 1 and tag not in ("score-partwise", "score-timewise"):
            raise ReadError(f"begins with <{tag}>, not with <score-partwise>")
        name = attributes.get("name", "")
        self.field = name[len(FIELD) :] if tag == "miscellaneous-field" and name.startswith(FIELD) else None
        self.text = ""

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
        limit = LIMITS.get(tag)
        if limit is not None:
            number = re.fullmatch(r"\s*[-+]?(\d{1,12})(?:\.\d*)?\s*", self.text)
            if tag != "beats" and number is None and self.text.strip() and re.search(r"[\deE.]", self.text):
                raise ReadError(f"has {self.text.strip()[:20]!r} for <{tag}>, which is no number")
            if number is not None and int(number[1]) > limit:
                raise ReadError(f"has {number[1]} for <{tag}>, more than {limit}")
        self.text = ""

    def declaration(self, *_: Any) -> None:
        raise ReadError("declares entities, which a score has no use for")


def _inspect(text: bytes) -> _Inspector:
    """What our own fields and the part names say; raises :class:`ReadError` for text that is not fit for music21."""
    if len(text) > MAX_TEXT:
        raise ReadError(f"is larger than {MAX_TEXT // 2**20} MB, too large for a score")
    if not text.strip():
        raise ReadError("is empty")
    inspector, parser = _Inspector(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = inspector.start, inspector.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = inspector.data, inspector.declaration
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ReadError(f"line {error.lineno}: is no XML ({expat.errors.messages[error.code]})") from None
    return inspector
