"""Names for what sounds at once: the pitch classes above the bass as a chord, its root and its inversion."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from composer.theory import CHORD_QUALITIES

QUALITIES = ("", "m", "7", "m7", "maj7", "mmaj7", "dim", "dim7", "m7b5", "aug", "7+", "sus4", "sus2", "7sus4", "5")
THIN = {"": (0, 4), "m": (0, 3), "7": (0, 4, 10)}  # without their fifth
ROOTED = ("sus4", "sus2", "7sus4", "5")  # named in root position alone
FIGURES = (("", "6", "64"), ("", "65", "43", "42"))  # of triads and of sevenths, by the chord note in the bass
WORDS = {"": "major", "m": "minor", "7": "dominant 7", "m7": "minor 7", "maj7": "major 7", "mmaj7": "minor major 7",
         "dim": "diminished", "dim7": "diminished 7", "m7b5": "half-diminished 7", "aug": "augmented",
         "7+": "augmented 7", "sus4": "suspended 4", "sus2": "suspended 2", "7sus4": "dominant 7 suspended",
         "5": "open fifth"}  # fmt: skip
NUMERALS = ("I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII")


class Named(NamedTuple):
    """A chord: its root in semitones above the bass, a key of :data:`composer.theory.CHORD_QUALITIES`, and its
    inversion (0 root position).
    """

    root: int
    quality: str
    inversion: int

    @property
    def kind(self) -> str:
        """In words: ``major``, ``major 6``, ``dominant 65``."""
        word = WORDS[self.quality]
        if not self.inversion:
            return word
        figure = FIGURES[len(CHORD_QUALITIES[self.quality]) == 4][self.inversion]
        return f"{word.removesuffix(' 7')} {figure}"


@cache
def named(above: frozenset[int]) -> Named | None:
    """The chord of these pitch classes above the bass, which is 0; None if it has no name.

    Of two names that which comes first in :data:`QUALITIES`, then the one nearest to root position. A third alone is a
    triad without its fifth. The symmetric chords, diminished 7 and augmented, have the bass for their root.

    >>> named(frozenset({0, 3, 8})).kind, named(frozenset({0, 4, 10})).kind, named(frozenset({0, 1, 2}))
    ('major 6', 'dominant 7', None)
    """
    notes = {quality: CHORD_QUALITIES[quality] for quality in QUALITIES}
    for chords in (notes, THIN):
        for quality, chord in chords.items():
            for inversion, bass in enumerate(notes[quality][: 1 if quality in ROOTED else None]):
                if frozenset((note - bass) % 12 for note in chord) == above:
                    return Named(-bass % 12, quality, inversion)
    return None


def numeral(root: int, quality: str) -> str:
    """A chord on a root so many semitones above the tonic: ``V7``, ``ii``, ``viio``.

    >>> numeral(7, "7"), numeral(2, "m"), numeral(11, "dim")
    ('V7', 'ii', 'viio')
    """
    small = quality in ("m", "m7", "mmaj7", "dim", "dim7", "m7b5")
    text = NUMERALS[root % 12]
    text = text.lower() if small else text
    sign = {"m": "", "m7": "7", "mmaj7": "maj7", "dim": "o", "dim7": "o7", "m7b5": "%7", "aug": "+"}
    return text + sign.get(quality, quality)
