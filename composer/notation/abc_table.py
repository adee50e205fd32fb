"""What reader and writer of ABC share: the words of the language, each in one place (ABC standard 2.1)."""

from __future__ import annotations

# fields that travel as metadata; of a field that comes several times the first line is kept
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
}

MODES = {
    "maj": "major",
    "ion": "major",
    "min": "minor",
    "M": "major",
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

# section 4.13: the q of (p where it is not given; None: 3 in compound meters, else 2
TUPLET_TIMES = {2: 3, 3: 2, 4: 3, 5: None, 6: 2, 7: None, 8: 3, 9: None}

DIRECTIVE = "%%composer"  # carries metadata that has no field
