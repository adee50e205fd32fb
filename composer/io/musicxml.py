"""MusicXML, plain (.musicxml, .xml) and compressed (.mxl), through music21.

What a written file loses: onsets and ends that no note value can write (moved to a 32nd or triplet 16th of their
quarter, and a note left out that then has no length: quantise a performance first); chord qualities that MusicXML has
no word for; decorations other than the common ones; graces that are no pitch names; the order of overlapping notes of
equal pitch; the places of key and tempo changes inside a bar, which move to a note. Metadata
without a place of its own travels in ``miscellaneous-field`` entries.

Files are untrusted: archives are unpacked up to a limit, and :mod:`composer.io.musicxml_inspect` sees the text first.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

from composer.analysis import uneven_bars
from composer.errors import ComposerError, Notice, ReadError, WriteError
from composer.io import music21_export, music21_import
from composer.io.musicxml_inspect import FIELD, IGNORED, MAX_TEXT, inspect
from composer.score import DEFAULT_VELOCITY, Annotation, Part, Score, frozen
from composer.theory import NATURAL
from composer.voice_leading import CHOIR

__all__ = ["dumps", "from_music21", "loads", "to_music21"]

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
        text = text_of(data)
        inspector = inspect(text)
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
        notices += [notice for _, notice in uneven_bars(score)]
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
    if tuple(part.name.strip().title() for part in score.parts) == CHOIR:
        _bracket(root)
    for element, part in zip(root.iter("part"), score.parts, strict=False):
        _loudness(element, music21_export.notatable(part), score.barlines.tolist())
    for name in () if score.title else ("work", "movement-title"):
        for element in root.findall(name):
            root.remove(element)
    for element in root.iter("part"):
        _number(element.findall("measure"), score.bar_numbers.tolist())
    for element in root.iter("identification"):
        _identify(element, score)


def _bracket(root: ElementTree.Element) -> None:
    """Join the staves of a choir by a bracket, without bar lines between them, which would cross the words."""
    for entries in root.iter("part-list"):
        group = ElementTree.Element("part-group", number="1", type="start")
        ElementTree.SubElement(group, "group-symbol").text = "bracket"
        ElementTree.SubElement(group, "group-barline").text = "no"
        entries.insert(0, group)
        ElementTree.SubElement(entries, "part-group", number="1", type="stop")


def _number(measures: list[ElementTree.Element], numbers: list[int]) -> None:
    """Number measures as bars are counted here: neither a pickup nor the second half of a bar counts."""
    for index, (measure, number) in enumerate(zip(measures, numbers, strict=False)):
        again = index > 0 and number == numbers[index - 1]
        measure.set("number", f"X{number}" if again else str(number))
        measure.set("implicit", "yes" if again or number == 0 else "no")


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
    return mark.kind != "grace" or bool(mark.pitches)


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


def text_of(data: bytes) -> bytes:
    """The XML of a file, plain or compressed; raises :class:`ReadError`."""
    return _unpacked(data) if data[:2] == b"PK" else data


def _unpacked(data: bytes) -> bytes:
    """The score inside an .mxl archive, unpacked up to the limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            container = _member(archive, "META-INF/container.xml", 2**16)
            inspect(container, "container")
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
