"""What reader and writer of ABC share: the words of the language, each in one place (ABC standard 2.1)."""

from __future__ import annotations

import re

# fields that travel as metadata; the lines of a field that comes several times are joined by line breaks
FIELDS = {
    "T": "title",
    "C": "composer",
    "R": "rhythm",
    "O": "origin",
    "S": "source",
    "B": "book",
    "N": "notes",
    "Z": "transcription",
    "D": "discography",
    "H": "history",
    "A": "area",
    "F": "file",
    "G": "group",
    "W": "words",
}
TITLES = "other titles"  # the second title and those after it
UNREAD = {  # fields with a meaning that is not followed, and what is said of them
    "m": "macros (m:) are not played",
    "s": "symbol lines (s:) are not read; write symbols before their notes",
}

# section 3.1.14: three letters count, capitals do not; m alone is minor, and so therefore is M
MODES = {
    "": "major",
    "maj": "major",
    "ion": "major",
    "min": "minor",
    "m": "minor",
    "mi": "minor",
    "aeo": "minor",
    "dor": "dorian",
    "phr": "phrygian",
    "lyd": "lydian",
    "mix": "mixolydian",
    "loc": "locrian",
}
MODE_SUFFIXES = {
    "major": "",
    "minor": "m",
    "dorian": "dor",
    "phrygian": "phr",
    "lydian": "lyd",
    "mixolydian": "mix",
    "locrian": "loc",
}

ACCIDENTALS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
ACCIDENTAL_SIGNS = {alteration: sign for sign, alteration in ACCIDENTALS.items()}

# section 4.14: decorations that a single character stands for
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
DECORATION_SIGNS = {name: sign for sign, name in DECORATIONS.items()}

# section 4.13: the q of (p where it is not given; None: 3 in compound meters (6/8, 9/8, 12/8), else 2
TUPLET_TIMES = {2: 3, 3: 2, 4: 3, 5: None, 6: 2, 7: None, 8: 3, 9: None}

DIRECTIVE = "%%composer"  # carries metadata that has no field
MIDI = "%%MIDI"  # program and channel, as abc2midi reads them

LENGTH = r"\d{0,6}(?:/+\d{0,6})?"
ACCIDENTAL = r"\^\^?|__?|="
TOKENS = re.compile(
    rf"""(?P<field>\[(?P<letter>[A-Za-z]):(?P<value>[^\]\n]{{0,500}})\])
    | (?P<overlays>\(&|&\))
    | (?P<hidden>\[\|\])
    | (?P<bar>\.?(?P<sign>\[\|\]?:*|:*\|+\]?:*|::+)(?:\[?(?P<passes>[1-9][\d,.\-]*)|[ ]+\[?(?P<passes_apart>[1-9]\b))?)
    | (?P<ending>\[[ ]?(?P<only>[1-9][\d,.\-]*))
    | (?P<note>(?P<accidental>{ACCIDENTAL})?(?P<step>[A-Ga-g])(?P<octave>[,']*)(?P<length>{LENGTH}))
    | (?P<rest>(?P<kind>[zxZX])(?P<rest_length>{LENGTH}))
    | (?P<chord>\[(?P<inside>[^\]\[|\n]{{0,300}})\](?P<chord_length>{LENGTH}))
    | (?P<old_chord>\+(?P<old_inside>(?:(?:{ACCIDENTAL})?[A-Ga-g][,']*{LENGTH}){{2,16}})\+)
    | (?P<tie>\.?-)
    | (?P<broken>>{{1,3}}|<{{1,3}})
    | (?P<tuplet>\((?P<p>\d)(?::(?P<q>\d?)(?::(?P<r>\d?\d?))?)?)
    | (?P<grace>\{{/?(?P<graces>[^}}\n]{{0,300}})\}})
    | (?P<text>"(?P<words>[^"\n]{{0,500}})")
    | (?P<name>!(?P<bang>[^!\s|]{{1,30}})!|\+(?P<plus>[^+\s|]{{1,30}})\+)
    | (?P<slur>\.?\(|\))
    | (?P<decoration>[.~H-Wh-w])
    | (?P<overlay>&)
    | (?P<space>[\s`\\$*]+|!|y\d{{0,6}})""",
    re.VERBOSE,
)
NOTE = re.compile(rf"({ACCIDENTAL})?([A-Ga-g])([,']*)({LENGTH})(-?)")
PLACES = "^_<>@"  # where an annotation stands; without one it may be a chord symbol
