"""The words of music: pitch names, meters, keys, tempos and chord symbols, each a small value that parses its own name.

Pitches are MIDI numbers (C4 = 60). Spellings are places on the line of fifths: F is -1, C 0, G 1, F# 6, Bb -2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from composer.errors import InvalidScore, UsageError

TICKS_PER_QUARTER = 10_080

Ints = NDArray[np.int32]

STEPS = "FCGDAEB"  # the line of fifths from F (-1) to B (5)
NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

# how many fifths a mode's signature lies below that of the major key on the same tonic
MODES = {"major": 0, "mixolydian": 1, "dorian": 2, "minor": 3, "phrygian": 4, "locrian": 5, "lydian": -1}
_MODE_NAMES = {"ionian": "major", "aeolian": "minor", "": "major", "m": "minor"}


def spelled(name: str) -> int:
    """The place on the line of fifths of a note name: F is -1, C 0, G 1, F# 6, Bb -2.

    >>> spelled("F#"), spelled("Bb")
    (6, -2)
    """
    match = re.fullmatch(r"([A-Ga-g])(#{0,2}|b{0,2})", name)
    if match is None:
        raise UsageError(f"{name!r} is not a note name; write a letter A to G with #, ##, b or bb")
    letter, accidental = match[1].upper(), match[2]
    return STEPS.index(letter) - 1 + 7 * (accidental.count("#") - accidental.count("b"))


def note_name(spelling: int) -> str:
    """The note name at a place on the line of fifths, the inverse of :func:`spelled`.

    >>> note_name(6), note_name(-2)
    ('F#', 'Bb')
    """
    octave, step = divmod(spelling + 1, 7)
    return STEPS[step] + ("#" * octave if octave >= 0 else "b" * -octave)


def parse_pitch(text: str) -> int:
    """The MIDI pitch of a note name with its octave; C4 is 60.

    >>> parse_pitch("D4"), parse_pitch("Bb3")
    (62, 58)
    """
    match = re.fullmatch(r"([A-Ga-g])(#{0,2}|b{0,2})(-?\d)", text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a pitch; write a note name and an octave, such as D4 or F#5")
    pitch = NATURAL[match[1].upper()] + match[2].count("#") - match[2].count("b") + 12 * (int(match[3]) + 1)
    if not 0 <= pitch <= 127:
        raise UsageError(f"{text!r} lies outside MIDI's pitches, C-1 to G9")
    return pitch


def parse_name(text: str) -> tuple[int, int]:
    """Pitch and spelling of a note name with octave, the inverse of :func:`pitch_name`.

    >>> parse_name("B#3")
    (60, 12)
    """
    return parse_pitch(text), spelled(text.strip().rstrip("-0123456789"))


def pitch_name(pitch: int, spelling: int) -> str:
    """The note name with octave, as :func:`parse_pitch` reads it.

    >>> pitch_name(61, -5), pitch_name(60, 12), pitch_name(59, -7)
    ('Db4', 'B#3', 'Cb4')
    """
    name = note_name(spelling)
    alteration = name.count("#") - name[1:].count("b")
    return f"{name}{(pitch - alteration) // 12 - 1}"


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter from a tick on: ``Meter(6, 8)``."""

    numerator: int
    denominator: int
    onset: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.numerator <= 128 or self.denominator not in (1, 2, 4, 8, 16, 32, 64):
            raise InvalidScore(f"{self.numerator}/{self.denominator} is not a meter")

    @classmethod
    def parse(cls, text: str, onset: int = 0) -> Self:
        """Read ``6/8``, ``C`` (common time) or ``C|`` (cut time).

        >>> Meter.parse("6/8").bar
        30240
        """
        text = {"C": "4/4", "C|": "2/2"}.get(text.strip(), text.strip())
        match = re.fullmatch(r"(\d{1,3})/(\d{1,2})", text)
        if match is None:
            raise UsageError(f"{text!r} is not a meter; write it as 6/8 or 4/4")
        try:
            return cls(int(match[1]), int(match[2]), onset)
        except InvalidScore as error:
            raise UsageError(f"{error}; the lower number must be a power of two up to 64") from None

    @property
    def bar(self) -> int:
        """Ticks in a bar."""
        return self.numerator * 4 * TICKS_PER_QUARTER // self.denominator

    @property
    def beat(self) -> int:
        """Ticks in a beat as it is felt: three eighths in 6/8, 9/8 and 12/8, else the written unit."""
        unit = 4 * TICKS_PER_QUARTER // self.denominator
        return 3 * unit if self.denominator >= 8 and self.numerator % 3 == 0 else unit

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (place on the line of fifths) and a mode, from a tick on. The mode is kept: E dorian stays E dorian."""

    tonic: int
    mode: str = "major"
    onset: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise InvalidScore(f"{self.mode!r} is not a mode; the modes are {', '.join(MODES)}")
        if not -7 <= self.signature <= 7:
            raise InvalidScore(f"{self} needs more than seven sharps or flats")

    @classmethod
    def parse(cls, text: str, onset: int = 0) -> Self:
        """Read ``D dorian``, ``Ddor``, ``F# minor``, ``F#m``, ``Bb``.

        >>> str(Key.parse("Ador")), Key.parse("F#m").signature
        ('A dorian', 3)
        """
        match = re.fullmatch(r"\s*([A-Ga-g](?:#|b)?)\s*([A-Za-z]*)\s*", text)
        if match is None:
            raise UsageError(f"{text!r} is not a key; write a tonic and a mode, such as 'D dorian' or 'F# minor'")
        name = match[2] if match[2] == "M" else match[2].lower()
        names = [*MODES, *_MODE_NAMES]
        mode = next((full for full in names if full == name or (len(name) >= 3 and full.startswith(name))), None)
        if name == "M":
            mode = "major"
        if mode is None:
            raise UsageError(f"{match[2]!r} is not a mode; the modes are {', '.join(MODES)}")
        try:
            return cls(spelled(match[1]), _MODE_NAMES.get(mode, mode), onset)
        except InvalidScore as error:
            raise UsageError(str(error)) from None

    @property
    def signature(self) -> int:
        """Sharps in the key signature; flats count below zero."""
        return self.tonic - MODES[self.mode]

    @property
    def tonic_class(self) -> int:
        """The tonic's pitch class, 0 to 11."""
        return 7 * self.tonic % 12

    @property
    def scale(self) -> frozenset[int]:
        """The seven pitch classes of the key signature."""
        return frozenset(7 * fifth % 12 for fifth in range(self.signature - 1, self.signature + 6))

    def alteration(self, letter: str) -> int:
        """What the key signature does to a letter: 1 sharp, -1 flat, 0 neither.

        >>> [Key.parse("D").alteration(letter) for letter in "FCG"], Key.parse("F").alteration("B")
        ([1, 1, 0], -1)
        """
        return (self.signature - STEPS.index(letter) + 6) // 7

    def spell(self, pitch: ArrayLike) -> Ints:
        """Each pitch's place on the line of fifths, -3 to 8 fifths from the tonic of the signature's major key, and in
        minor, phrygian and locrian, which raise their fourth rather than lower their fifth, -2 to 9.

        In C major that is Eb to G#: the scale, the leading tones of its minor keys, and the two flats. In A minor D#
        leads to the fifth.

        >>> [note_name(s) for s in Key.parse("D minor").spell([61, 58, 68])]
        ['C#', 'Bb', 'G#']
        """
        low = self.signature - (2 if MODES[self.mode] >= MODES["minor"] else 3)
        return np.asarray((7 * np.asarray(pitch) - low) % 12 + low, dtype=np.int32)

    def __str__(self) -> str:
        return f"{note_name(self.tonic)} {self.mode}"


@dataclass(frozen=True, slots=True)
class Tempo:
    """Beats per minute from a tick on; ``beat`` is the beat's length in ticks."""

    bpm: float
    beat: int = TICKS_PER_QUARTER
    onset: int = 0

    def __post_init__(self) -> None:
        if not (1 <= self.quarters_per_minute <= 4000 and self.beat > 0):
            raise InvalidScore(f"{self.bpm:g} beats per minute is not a tempo that can be played")

    @property
    def quarters_per_minute(self) -> float:
        return self.bpm * self.beat / TICKS_PER_QUARTER


# semitones above the root
CHORD_QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "mmaj7": (0, 3, 7, 11),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug": (0, 4, 8),
    "+": (0, 4, 8),
    "7+": (0, 4, 8, 10),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "7sus4": (0, 5, 7, 10),
    "5": (0, 7),
    "9": (0, 2, 4, 7, 10),
    "m9": (0, 2, 3, 7, 10),
    "maj9": (0, 2, 4, 7, 11),
    "add9": (0, 2, 4, 7),
    "11": (0, 2, 4, 5, 7, 10),
    "13": (0, 2, 4, 7, 9, 10),
}
_QUALITY_NAMES = {
    "maj": "",
    "M": "",
    "min": "m",
    "mi": "m",
    "-": "m",
    "M7": "maj7",
    "min7": "m7",
    "o": "dim",
    "sus": "sus4",
}


@dataclass(frozen=True, slots=True)
class ChordSymbol:
    """A chord over the staff from a tick on; root and bass are places on the line of fifths."""

    root: int
    quality: str = ""
    bass: int | None = None
    onset: int = 0

    @classmethod
    def parse(cls, text: str, onset: int = 0) -> Self:
        """Read ``Dm7``, ``G7/B``, ``F#dim``.

        >>> str(ChordSymbol.parse("Bbmaj7/D")), sorted(ChordSymbol.parse("Am").pitch_classes)
        ('Bbmaj7/D', [0, 4, 9])
        """
        match = re.fullmatch(r"([A-G][#b]?)([^/]*)(?:/([A-Ga-g][#b]?))?", text.strip())
        quality = _QUALITY_NAMES.get(match[2].strip(), match[2].strip()) if match else ""
        if match is None or quality not in CHORD_QUALITIES:
            raise UsageError(f"{text!r} is not a chord symbol; write one such as Dm, G7, Bbmaj7 or G7/B")
        return cls(spelled(match[1]), quality, spelled(match[3]) if match[3] else None, onset)

    @property
    def pitch_classes(self) -> frozenset[int]:
        classes = {(7 * self.root + step) % 12 for step in CHORD_QUALITIES[self.quality]}
        return frozenset(classes if self.bass is None else classes | {7 * self.bass % 12})

    def __str__(self) -> str:
        return f"{note_name(self.root)}{self.quality}" + (f"/{note_name(self.bass)}" if self.bass is not None else "")


# a roman numeral's degree as fifths above the tonic of a major key; figured bass: which note of the chord is the bass
_DEGREES = {"I": 0, "II": 2, "III": 4, "IV": -1, "V": 1, "VI": 3, "VII": 5}
_INVERSIONS = {"6": 1, "64": 2, "65": 1, "43": 2, "42": 3, "2": 3}
_SEVENTHS = {"o": "dim7", "%": "m7b5", "ø": "m7b5", "+": "7+", "": ""}
_FIFTHS = {3: -3, 4: 4, 6: -6, 7: 1, 8: 8, 9: -9, 10: -2, 11: 5}  # what chord notes are above a root, by semitones


def roman_chord(text: str, key: Key, onset: int = 0) -> ChordSymbol:
    """The chord of a roman numeral in a key: ``V7``, ``ii``, ``viio``, ``bII6``, ``V7/V``, ``ii65``.

    Capitals are major, small letters minor, ``o`` diminished, ``+`` augmented, ``%7`` (or ``ø7``) half diminished; V7
    is dominant, other sevenths are the key's. Degrees are those of the key's scale, but vii in minor is its leading
    tone; with b or # they are those of the major scale, altered. Raises :class:`UsageError`.

    >>> [str(roman_chord(text, Key.parse("A minor"))) for text in ("i", "V7", "viio7", "bII6", "V/V", "VI")]
    ['Am', 'E7', 'G#dim7', 'Bb/D', 'B', 'F']
    """
    numeral, _, target = text.strip().partition("/")
    match = re.fullmatch(r"([b#]?)(III|II|IV|I|VII|VI|V|iii|ii|iv|i|vii|vi|v)(o|\+|%|ø)?(7|64|65|6|43|42|2)?", numeral)
    if match is None or text.count("/") > 2 or text.strip().endswith("/"):
        raise UsageError(f"{text!r} is not a roman numeral; write one such as I, ii, V7, viio or V7/V")
    if target:
        goal = roman_chord(target, key)
        mode = "minor" if goal.quality.startswith(("m", "dim")) and goal.quality != "maj7" else "major"
        tonic = goal.root - MODES[mode]
        key = Key((tonic if -7 <= tonic <= 7 else (tonic + 5) % 12 - 5) + MODES[mode], mode)
    sign, degree, small = match[1], match[2].upper(), match[2].islower()
    root = key.tonic + _DEGREES[degree]
    if sign:
        root += 7 if sign == "#" else -7
    elif not (degree == "VII" and small and key.mode == "minor"):
        root = (root - key.signature + 1) % 7 + key.signature - 1
    seventh = match[4] in ("7", "65", "43", "42", "2")
    quality = _roman_quality(small, match[3] or "", seventh)
    if seventh and not small and not match[3] and degree != "V" and (7 * root + 10) % 12 not in key.scale:
        quality = "maj7" if (7 * root + 11) % 12 in key.scale else quality
    bass = root + _FIFTHS[CHORD_QUALITIES[quality][_INVERSIONS[match[4]]]] if match[4] in _INVERSIONS else None
    return ChordSymbol(root, quality, bass, onset)


def _roman_quality(small: bool, sign: str, seventh: bool) -> str:
    if seventh:
        return _SEVENTHS[sign] or ("m7" if small else "7")
    return {"": "m" if small else "", "o": "dim", "+": "aug"}.get(sign, "m7b5")
