"""The one table of ABC's signs (standard 2.1); reader and writer both derive from it."""

from __future__ import annotations

import html
import re

# information fields with their names in a score's metadata, in the order in which they are written
FIELDS = {
    "T": "title",
    "C": "composer",
    "O": "origin",
    "R": "rhythm",
    "A": "area",
    "B": "book",
    "D": "discography",
    "F": "file",
    "G": "group",
    "H": "history",
    "S": "source",
    "N": "notes",
    "Z": "transcription",
    "W": "words",
}
SUBTITLE = "subtitle"  # the titles after the first
TEMPO_TEXT = "tempo"  # the words of Q:
PARTS = "parts"  # the order in which P: says the parts are played
METADATA = "%%composer:"  # followed by any other entry: its key, a space, its value
NO_PARTS = "%%composer-frame"  # a score that has bars but no parts

ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}

DECORATIONS = {
    ".": "staccato",
    "~": "roll",
    "H": "fermata",
    "L": "accent",
    "M": "lowermordent",
    "O": "coda",
    "P": "uppermordent",
    "S": "segno",
    "T": "trill",
    "u": "upbow",
    "v": "downbow",
}
FERMATA = "fermata"

COMMON_TIME = {"C": "4/4", "C|": "2/2"}
MODE_NAMES = {
    "": "major",
    "m": "minor",
    "maj": "major",
    "min": "minor",
    "ion": "major",
    "aeo": "minor",
    "dor": "dorian",
    "phr": "phrygian",
    "lyd": "lydian",
    "mix": "mixolydian",
    "loc": "locrian",
}
MODE_SUFFIXES = {mode: name for name, mode in MODE_NAMES.items() if name not in ("maj", "min", "ion", "aeo")}

# a tuplet of p notes in the time of q; 0: three in a compound meter, otherwise two
TUPLETS = {2: 3, 3: 2, 4: 3, 5: 0, 6: 2, 7: 0, 8: 3, 9: 0}
COMPOUND = ((6, 8), (9, 8), (12, 8))


def tuplet_time(p: int, meter: tuple[int, int]) -> int:
    """The q that ``(p`` means in a meter.

    >>> tuplet_time(3, (6, 8)), tuplet_time(5, (6, 8)), tuplet_time(5, (4, 4))
    (2, 3, 2)
    """
    return TUPLETS.get(p, 0) or (3 if meter in COMPOUND else 2)


_LENGTH = r"(\d*)(/*)(\d*)"
NOTE = rf"(\^\^?|__?|=)?([A-Ga-g])([,']*){_LENGTH}(-?)"
_BAR = r"(?:\[\||:\||::|:\]|\|)(?:[|\]:]|\[\|)*"
_PASSES = r"\d+(?:[,-]\d+)*"

# One token of a line of music. Every alternative is linear in the length of the line: none scans past the next sign
# that could open it again.
TOKEN = re.compile(
    rf"""
      (?P<note>{NOTE})
    | (?P<space>[ \t`]+)
    | (?P<bar>\.?({_BAR})(?:[ ]*({_PASSES}))?)
    | (?P<tuplet>\((\d)(?::(\d*))?(?::(\d*))?)
    | (?P<slur>\.?\()
    | (?P<slurred>\))
    | (?P<broken><+|>+)
    | (?P<string>"([^"]*)")
    | (?P<grace>\{{/?([^{{}}]*)\}})
    | (?P<rest>[zx]{_LENGTH})
    | (?P<rests>[ZX](\d*))
    | (?P<tie>\.?-)
    | (?P<ending>\[[ ]*({_PASSES}))
    | (?P<field>\[([A-Za-z]):([^][]*)\])
    | (?P<chord>\[((?:"[^"]*"|[^]["|])*)\]{_LENGTH}(-?))
    | (?P<decoration>![^!\s|[\]"{{}}]{{1,40}}!|\+[^+\s|[\]"{{}}]{{1,40}}\+|[.~H-Wh-w])
    | (?P<overlay>&)
    | (?P<idle>[\\$!*]|y\d*)
    """,
    re.VERBOSE,
)
NOTE_TOKEN = re.compile(NOTE)
ENTITY = re.compile(r"&#?\w{1,31};")

# backslash escapes of letters with accents, by the combining character
ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "c": "\u0327"}
_ESCAPE = re.compile(r"\\(?:([`'^~\"c])([A-Za-z])|(.))")


def plain_text(text: str) -> str:
    r"""A text string as it is meant: accents, escapes and HTML entities resolved, outer space gone.

    >>> plain_text(r" Caf\'e \& Bar 100\% &eacute;t&eacute; ")
    'Café & Bar 100% été'
    """
    if "\\" in text:
        text = _ESCAPE.sub(_escaped, text)
    if "&" in text:
        text = html.unescape(text)
    return text.strip()


def _escaped(match: re.Match[str]) -> str:
    import unicodedata

    if match[1]:
        return unicodedata.normalize("NFC", match[2] + ACCENTS[match[1]])
    return "&amp;" if match[3] == "&" else match[3] if match[3] in r"\%" else match[0]


def abc_text(text: str) -> str:
    """A text string that :func:`plain_text` reads as this text, quotes included."""
    text = text.replace("&", "&amp;") if html.unescape(text) != text else text
    text = text.replace("\\", "\\\\").replace("%", "\\%").replace('"', "&quot;")
    return "".join(c if c.isprintable() else f"&#{ord(c)};" for c in text)
