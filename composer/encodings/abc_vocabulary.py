"""The words of ABC as a fixed vocabulary of tokens, and text in it: what folk-rnn's models read and write.

Lengths count eighths (L:1/8), and a note of one eighth has no length token. Sturm, Santos, Ben-Tal and Korshunova 2016,
"Music transcription modelling and composition using deep learning", describes the original of 137 tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np

from composer.encodings.compile import PITCH_OFFSET, PITCH_SYMBOLS
from composer.notation.abc_reader import TuneReader
from composer.notation.abc_table import ACCIDENTAL_SIGNS
from composer.score import Score
from composer.theory import MODES, STEPS, Key, note_name

METERS = (
    *("2/2", "3/2", "4/2", "2/4", "3/4", "4/4", "5/4", "6/4", "7/4", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8", "9/8"),
    *("10/8", "11/8", "12/8", "15/8", "6/16", "9/16", "12/16"),
)
SIGNS = ("|", "||", "|]", "|:", ":|", "::|", "|1", "|2", "|3", "|1,2", "|2,3")
TUPLETS = {1: "(3:2:1", 2: "(3:2:2", 3: "(3", 4: "(3:2:4"}  # by the notes that share the triplet
TIE, REST = "-", "z"
LOWER, HIGHER = ",", "'"  # one more octave down or up, for notes outside C, to b'
LETTERS = tuple(
    letter + mark if mark != "up" else letter.lower() for mark, letter in product((LOWER, "", "up"), sorted(STEPS))
) + tuple(letter.lower() + HIGHER for letter in sorted(STEPS))
LOWEST = 3  # the octave of C,


def _word(length: Fraction) -> str:
    top = "" if length.numerator == 1 else str(length.numerator)
    return top + ({1: "", 2: "/2"}.get(length.denominator, f"/{length.denominator}"))


# in eighths of the unit, long to short; a longer or odder length is several of these, tied
LENGTHS = {
    eighths: _word(Fraction(eighths, 8))
    for eighths in sorted({1, 2, 3, *range(6, 15, 4), *range(4, 61, 8), *range(8, 129, 8)}, reverse=True)
}


def key_word(key: Key) -> str:
    """``K:Ador``, ``K:Cmaj``: a key as one token."""
    return f"K:{note_name(key.tonic)}{key.mode[:3]}"


def vocabulary(*, relative: bool) -> tuple[str, ...]:
    """Every token; with all tunes on one tonic it needs the keys and accidentals of C only."""
    if relative:
        keys = [Key(0, mode) for mode in MODES]
        signs = ["", "^", "=", "_"]
    else:
        keys = [Key(signature + fifths, mode) for mode, fifths in MODES.items() for signature in range(-7, 8)]
        signs = ["", *ACCIDENTAL_SIGNS.values()]
    return (
        *(f"M:{meter}" for meter in METERS),
        *map(key_word, keys),
        *SIGNS,
        *TUPLETS.values(),
        *(sign + letter for sign, letter in product(signs, LETTERS)),
        LOWER,
        HIGHER,
        REST,
        *filter(None, LENGTHS.values()),
        TIE,
    )


def lengths(eighths: int) -> Iterator[tuple[int, str]]:
    """A length in eighths of the unit as lengths that have a token, long ones first.

    >>> list(lengths(20)), list(lengths(21))
    ([(20, '5/2')], [(20, '5/2'), (1, '/8')])
    """
    while eighths:
        size = next(size for size in LENGTHS if size <= eighths)
        yield size, LENGTHS[size]
        eighths -= size


class Name(NamedTuple):
    """A pitch in a key: its letter, how that is altered, how the key alters it, and its token without accidental."""

    step: str
    alteration: int
    usual: int
    words: tuple[str, ...]


def names(key: Key) -> list[Name]:
    """The names in a key of all symbols of :mod:`composer.encodings.compile` (140), the rest's without meaning."""
    pitches = np.arange(PITCH_SYMBOLS) - PITCH_OFFSET
    found = []
    for pitch, spelling in zip(pitches.tolist(), key.spell(pitches).tolist(), strict=True):
        alteration, step = divmod(spelling + 1, 7)
        octave = (pitch - alteration) // 12 - 1 - LOWEST
        inside = min(max(octave, 0), 3)
        letter = LETTERS[7 * inside + sorted(STEPS).index(STEPS[step])]
        marks = (LOWER,) * (inside - octave) + (HIGHER,) * (octave - inside)
        found.append(Name(STEPS[step], alteration, (key.signature - step + 6) // 7, (letter, *marks)))
    return found


def read(words: Iterable[str]) -> Score:
    """The tune that tokens say, on their own tonic; a token that means nothing where it stands is passed over.

    Raises :class:`ReadError` if they hold no music.
    """
    reader, body, before = TuneReader(), "", ""
    header = {"M": "4/4", "K": "C"}
    pitches, suffixes = {*LETTERS, LOWER, HIGHER}, {*LENGTHS.values()} - {""}
    for word in words:
        if word[:2] in ("M:", "K:"):
            if body:
                body += f" [{word}]"
            else:
                header[word[0]] = word[2:]
        elif word in (LOWER, HIGHER):
            body += word if before in pitches else ""
        elif word in suffixes:
            body += word if before in pitches or before == REST else ""
        else:
            body += word if word == TIE else f" {word}"
        before = word.lstrip("^_=")
    for line in ("L:1/8", f"M:{header['M']}", f"K:{header['K']}", body):
        reader.line(line)
    return reader.score()
