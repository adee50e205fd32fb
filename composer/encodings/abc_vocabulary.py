"""The words of ABC as a fixed vocabulary of tokens, after that of folk-rnn.

Sturm, Santos, Ben-Tal and Korshunova 2016, "Music transcription modelling and composition using deep learning". As
there, lengths count eighths (L:1/8), and a note of one eighth has no length token.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np

from composer.encodings.compile import PITCH_OFFSET, PITCH_SYMBOLS
from composer.notation.abc_table import ACCIDENTAL_SIGNS
from composer.theory import MODES, Key, note_name

METERS = (
    *("2/2", "3/2", "4/2", "2/4", "3/4", "4/4", "5/4", "6/4", "7/4", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8", "9/8"),
    *("10/8", "11/8", "12/8", "15/8", "6/16", "9/16", "12/16"),
)
SIGNS = ("|", "||", "|]", "|:", ":|", "::|", "|1", "|2", "|3", "|1,2", "|2,3")
TUPLETS = {1: "(3:2:1", 2: "(3:2:2", 3: "(3", 4: "(3:2:4"}  # by the notes that share the triplet
TIE, REST = "-", "z"
LOWER, HIGHER = ",", "'"  # one more octave down or up, for notes outside C, to b'
STEPS = "ABCDEFG"
LETTERS = (*(step + LOWER for step in STEPS), *STEPS, *STEPS.lower(), *(step + HIGHER for step in STEPS.lower()))
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
    """A pitch in a key: its letter, how that is altered, how the key alters it, and its tokens but for accidentals."""

    step: str
    alteration: int
    usual: int
    words: tuple[str, ...]


@cache
def names(key: Key) -> list[Name]:
    """The names in a key of all symbols of :mod:`composer.encodings.compile` (140); the rest's means nothing."""
    pitches = np.arange(PITCH_SYMBOLS) - PITCH_OFFSET
    found = []
    for pitch, spelling in zip(pitches.tolist(), key.spell(pitches).tolist(), strict=True):
        step = note_name(spelling)[0]
        alteration = (spelling + 1) // 7
        octave = (pitch - alteration) // 12 - 1 - LOWEST
        inside = min(max(octave, 0), 3)
        marks = (LOWER,) * (inside - octave) + (HIGHER,) * (octave - inside)
        found.append(Name(step, alteration, key.alteration(step), (LETTERS[7 * inside + STEPS.index(step)], *marks)))
    return found
