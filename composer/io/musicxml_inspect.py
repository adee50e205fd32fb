"""One look at the text of a MusicXML file before music21 sees it: refuses what could hurt, counts what is left out.

Files are untrusted: entity declarations, absurd numbers, and what takes music21 time or memory without bound (meters of
a million beats, thousands of bars) are refused.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from xml.parsers import expat

from composer.errors import ReadError

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


class Inspector:
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


def inspect(text: bytes, root: str = "score-partwise") -> Inspector:
    """What our own fields and the part names say; raises :class:`ReadError` for text that is not fit for music21."""
    if len(text) > MAX_TEXT:
        raise ReadError(f"is larger than {MAX_TEXT // 2**20} MB, too large for a score")
    if not text.strip():
        raise ReadError("is empty")
    inspector, parser = Inspector(root), expat.ParserCreate(namespace_separator="}" if root == "container" else None)
    parser.StartDoctypeDeclHandler = inspector.doctype
    parser.StartElementHandler, parser.EndElementHandler = inspector.start, inspector.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = inspector.data, inspector.declaration
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ReadError(f"line {error.lineno}: is no XML ({expat.errors.messages[error.code]})") from None
    return inspector
