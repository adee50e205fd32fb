"""The values of ABC's information fields, each read by itself (ABC standard 2.1, section 3).

Every function raises :class:`ReadError` saying what it expected.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import NamedTuple

from composer.errors import ComposerError, ReadError
from composer.notation.abc_table import ACCIDENTALS, MODES
from composer.theory import MODES as OFFSETS
from composer.theory import STEPS, TICKS_PER_QUARTER, Key, Meter, Tempo, spelled

WHOLE = 4 * TICKS_PER_QUARTER
MAX_ORDER = 1000  # parts played
ACCENTS = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "c": "\u0327", "v": "\u030c"}
KEY = re.compile(r"([A-G])([#b]?)[ \t]*([A-Za-z]*)")
CLEFS = "treble|alto|tenor|bass"
NAMES_KEY = re.compile(rf"[A-G]|H[Pp]|none|exp|[_=^]|[a-z]+=|{CLEFS}|perc|$", re.IGNORECASE)
PROPERTY = re.compile(r"(?:^|(?<=\s))[a-z]+=\S+")
ALTERATION = re.compile(r"(?<![A-Za-z=])(\^\^?|__?|=)([a-gA-G])(?![A-Za-z=])")


class KeyField(NamedTuple):
    """A key, what it does to each letter, and by how many octaves the clef moves the notes."""

    key: Key
    signature: dict[str, int]  # letter: alteration; natural letters may be missing
    octave: int


def read_key(value: str) -> KeyField:
    """``Ador``, ``F# minor``, ``HP``, ``none``, ``D exp ^f_b``, ``E phr ^g clef=bass octave=-1``.

    A signature that belongs to no mode on its tonic gets the mode that comes nearest to it. The Highland pipes have F
    and C sharp, whether they are printed (``Hp``) or not (``HP``).
    """
    words = PROPERTY.sub("", value).strip()
    match = KEY.match(words)
    mode = _mode(match[3]) if match else "major"
    if words[:2] in ("HP", "Hp"):
        key = Key(spelled("A"), "mixolydian")
    else:
        key = _checked(value, spelled(match[1] + match[2]) if match else 0, mode)
    explicit = re.search(r"\b(none|exp)\b", words, re.IGNORECASE)
    signature = {} if explicit else {step: key.alteration(step) for step in STEPS}
    altered = {step.upper(): ACCIDENTALS[sign] for sign, step in ALTERATION.findall(words)}
    if altered:
        signature |= altered
        key = _nearest(match and key.tonic, signature)
    return KeyField(key, signature, read_octave(value))


def read_octave(value: str) -> int:
    """By how many octaves the clef of a K: or V: field moves the notes: ``clef=treble-8``, ``octave=-1``."""
    said = re.search(r"\boctave=(-?\d)", value)
    clef = re.search(rf"(?<![a-zA-Z])(?:{CLEFS}|[GCF])[1-5]?([+-])8(?!\d)", value)
    return int(said[1] if said else 0) + (int(f"{clef[1]}1") if clef else 0)


def names_clef(value: str) -> bool:
    """Whether a K: field says only how the notes are written (``K:clef=bass``), and no key."""
    return bool(value) and all(re.match(rf"[a-z]+=|{CLEFS}|perc", word) for word in value.split())


def _checked(value: str, tonic: int, mode: str) -> Key:
    try:
        return Key(tonic, mode)
    except ComposerError:
        raise ReadError(f"expected a key of at most seven accidentals, not K:{value.strip()}") from None


def _mode(word: str) -> str:
    """The mode of a key's second word; one that is none (``clef``, ``exp``) says major."""
    return MODES.get(word[:3].lower(), "major")


def _nearest(tonic: int | None, signature: dict[str, int]) -> Key:
    """The key on a tonic (or the major key, without one) whose signature differs least; ties to the plainer mode."""

    def distance(key: Key) -> int:
        return sum(abs(key.alteration(letter) - signature.get(letter, 0)) for letter in STEPS)

    if tonic is None:
        return min((Key(sharps) for sharps in sorted(range(-7, 8), key=abs)), key=distance)
    return min((Key(tonic, mode) for mode, k in OFFSETS.items() if -7 <= tonic - k <= 7), key=distance)


def read_meter(value: str) -> Meter | None:
    """``6/8``, ``C``, ``C|``, ``2+3/8``, ``(2+3)/8``; None for free meter (``none``)."""
    text = re.sub(r"\s", "", value)
    if text.lower() in ("none", ""):
        return None
    match = re.search(r"(\d{1,3}(?:\+\d{1,3}){0,8})\)?/(\d{1,2})", text)
    if match:
        text = f"{sum(map(int, match[1].split('+')))}/{match[2]}"
    try:
        return Meter.parse(text)
    except ComposerError:
        raise ReadError(f"expected a meter such as 6/8, C or none, not M:{value.strip()}") from None


def read_unit(value: str) -> int:
    """Ticks of a unit length: ``1/8``."""
    match = re.fullmatch(r"\s*1(?:/([1-9]\d{0,2}))?\s*", value)
    if match is None:
        raise ReadError(f"expected a unit length such as 1/8, not L:{value.strip()}")
    return WHOLE // int(match[1] or 1)


def read_tempo(value: str, unit: int) -> Tempo | None:
    """``1/4=120``, ``3/8=116 "lively"``, ``1/4 3/8=40`` (the sum), ``C3=40`` and ``120`` (unit lengths).

    A mere word says nothing that can be played: None.
    """
    text = re.sub(r'"[^"]*"', "", value)
    beats, equals, rate = text.partition("=")
    match = re.match(r"\s*(\d{1,4}(?:\.\d{1,10})?)", rate)
    lengths = re.findall(r"(\d{1,3})/(\d{1,3})", beats)[:16] if equals else []
    if match and lengths:
        beat = sum(WHOLE * int(top) // int(bottom) for top, bottom in lengths if int(bottom))
        return _tempo(value, float(match[1]), beat)
    match = re.search(r"(?:C(\d{0,2})\s*=\s*)?(\d{1,4}(?:\.\d{1,10})?)", text)
    return _tempo(value, float(match[2]), unit * int(match[1] or 1)) if match else None


def _tempo(value: str, rate: float, beat: int) -> Tempo:
    try:
        return Tempo(rate, beat)
    except (ComposerError, ZeroDivisionError):
        raise ReadError(f"expected a tempo that can be played, not Q:{value.strip()}") from None


def read_order(value: str) -> str:
    """The order of parts written out: ``A2(BC)2D`` is AABCBCD; dots and spaces mean nothing (section 3.1.9).

    Words (``P:Modern version``) are no order: empty.
    """
    if re.search(r"[a-z]{2}", value):
        return ""
    levels: list[list[str]] = [[]]
    tokens = re.findall(r"[A-Za-z()]|\d{1,4}", value[: 4 * MAX_ORDER])
    for token in [*tokens, *[")"] * tokens.count("(")]:  # brackets left open close at the end
        if token == "(":
            levels.append([])
        elif token == ")" and len(levels) > 1:
            inner = "".join(levels.pop())
            levels[-1].append(inner)
        elif token.isdigit() and levels[-1]:
            levels[-1][-1] *= int(token)
        elif token.isalpha():
            levels[-1].append(token)
        if sum(map(len, levels[-1])) > MAX_ORDER:
            raise ReadError(f"expected at most {MAX_ORDER} parts in the order P:{value.strip()[:40]}")
    return "".join(levels[0])


def plain_text(value: str) -> str:
    r"""A text string without HTML entities and TeX accents: ``&eacute;``, ``\'e``, ``\"u``, ``\cc`` (section 8.2)."""
    text = re.sub(
        r"\\([`'^~\"cv])([A-Za-z])", lambda match: unicodedata.normalize("NFC", match[2] + ACCENTS[match[1]]), value
    )
    return " ".join(html.unescape(text).split())


def read_length(text: str) -> tuple[int, int]:
    """A length as a multiple of the unit: ``3/2``, ``/``, ``//``, ``2``, empty."""
    top, slashes, bottom = re.match(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    divisor = int(bottom) if bottom else 2 ** len(slashes[:16])
    if divisor == 0:
        raise ReadError(f"expected a length, not {text!r}")
    return int(top or 1), divisor


def read_passes(text: str) -> tuple[int, ...]:
    """``1``, ``1,3``, ``1-3`` as numbers of passes."""
    passes: set[int] = set()
    for part in re.split(r"[,.]", text):
        low, _, high = part.partition("-")
        if low.isdigit() and (high.isdigit() or not high):
            passes |= set(range(min(int(low), 99), min(int(high or low), 99) + 1))
    return tuple(sorted(passes - {0}))
