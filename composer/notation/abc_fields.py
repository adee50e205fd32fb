"""The values of ABC's fields: K: M: L: Q: and plain text. A value that cannot be read raises UsageError in one line."""

from __future__ import annotations

import html
import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from composer.errors import InvalidScore, UsageError
from composer.notation.abc_table import ALTERATIONS, WHOLE
from composer.theory import MODES, STEPS, TICKS_PER_QUARTER, Key, Meter, spelled

_KEY = re.compile(r"([A-GHa-g])(s(?![a-z])|[#b♯♭]|)\s*([A-Za-z]*)(.*)")
_ALTERED = re.compile(r"(\^\^|\^|__|_|=)([A-Ga-g])")
_METER = re.compile(r"(\(?\d{1,3}(?:\s*\+\s*\d{1,3}){0,9}\)?)\s*/\s*(\d{1,3})")
_TEMPO = re.compile(r"((?:\d{1,3}/\d{1,3}\s*){1,4}|[A-Ca-c]\d{0,2})\s*=\s*(\d{1,5}(?:\.\d{0,20})?)")
_RATE = re.compile(r"\d{1,5}(?:\.\d{0,20})?")
_LABEL = re.compile(r'"([^"]*)"')
_ACCENT = re.compile(r"\\([`'^\"~])([A-Za-z])")
_COMBINING = {"`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308"}
_MODE_WORDS = {"ion": "major", "maj": "major", "aeo": "minor", "min": "minor", "m": "minor"} | {
    mode[:3]: mode for mode in MODES
}


class KeyField(NamedTuple):
    """A key, and how the letters are altered that no accidental stands before."""

    key: Key
    signature: dict[str, int]


def signature_of(key: Key) -> dict[str, int]:
    """The letters that a key's signature alters, and by how much.

    >>> signature_of(Key.parse("D major"))
    {'F': 1, 'C': 1}
    """
    count = key.signature
    return dict.fromkeys(STEPS[:count], 1) if count >= 0 else dict.fromkeys(STEPS[count:], -1)


def read_key(text: str) -> KeyField | None:
    """The key of ``K:``, None where it only names a clef.

    >>> str(read_key("Edor").key), str(read_key("G Minor").key), read_key("D mix ^c").signature
    ('E dorian', 'G minor', {'F': 1, 'C': 1})
    """
    text = text.strip()
    if text.startswith(("HP", "Hp")):
        key = Key(spelled("A"), "mixolydian")
        return KeyField(key, signature_of(key))
    if not text or text.lower().startswith("none"):
        return KeyField(Key(0), _altered({}, text))
    found = _KEY.match(text)
    if found is None or re.match(r"(clef|treble|bass|alto|tenor|perc|octave|middle|staff|transpose|style)", text):
        if re.match(r"[a-z]|[\^_=]", text):
            return None
        raise UsageError(f"{text[:30]!r} is not a key; expected a tonic and a mode, such as K:Ddor")
    letter, accidental, word, rest = found.groups()
    tonic = spelled({"H": "B"}.get(letter.upper(), letter) + {"s": "b", "♯": "#", "♭": "b"}.get(accidental, accidental))
    mode = "major" if word == "M" else _MODE_WORDS.get(word.lower()[:3], "")
    explicit = "exp" in (word.lower(), *rest.lower().split()[:1])
    try:
        key = Key(tonic, mode or "major")
    except InvalidScore as error:
        raise UsageError(f"K:{text[:30]}: {error}") from None
    return KeyField(key, _altered({} if explicit else signature_of(key), word * (not mode) + rest))


def _altered(signature: dict[str, int], rest: str) -> dict[str, int]:
    return signature | {letter.upper(): ALTERATIONS[mark] for mark, letter in _ALTERED.findall(rest)}


def read_meter(text: str) -> Meter | None:
    """The meter of ``M:``, None for ``none``.

    >>> str(read_meter("C|")), str(read_meter("(2+3)/8")), read_meter("none")
    ('2/2', '5/8', None)
    """
    text = text.strip()
    if not text or text.lower().startswith("none"):
        return None
    if text.startswith("C"):
        return Meter(2, 2) if text.startswith("C|") else Meter(4, 4)
    found = _METER.search(text)
    if found is None:
        raise UsageError(f"{text[:30]!r} is not a meter; expected one such as M:6/8, M:C or M:none")
    try:
        return Meter(sum(map(int, re.findall(r"\d+", found[1]))), int(found[2]))
    except InvalidScore as error:
        raise UsageError(f"{error}; expected one such as M:6/8") from None


def read_unit(text: str) -> Fraction:
    """The unit note length of ``L:`` in ticks.

    >>> read_unit("1/8")
    Fraction(5040, 1)
    """
    found = re.match(r"\s*(\d{1,3})\s*(?:/\s*(\d{1,4}))?", text)
    if found is None or not int(found[1]) or not int(found[2] or 1):
        raise UsageError(f"{text.strip()[:30]!r} is not a note length; expected one such as L:1/8")
    return Fraction(int(found[1]) * WHOLE, int(found[2] or 1))


def default_unit(meter: Meter | None) -> Fraction:
    """A sixteenth in meters shorter than 3/4, else an eighth, in ticks."""
    return Fraction(WHOLE, 16 if meter is not None and 4 * meter.bar < 3 * WHOLE else 8)


class TempoField(NamedTuple):
    """Beats per minute and the beat in ticks, None where ``Q:`` gives words alone; the words."""

    rate: tuple[float, int] | None
    label: str


def read_tempo(text: str, unit: Fraction) -> TempoField:
    """The tempo of ``Q:``: ``3/8=116``, ``1/4=120 "Lively"``, ``120`` (quarters), ``C3=40`` (units).

    >>> read_tempo("3/8=116", Fraction(5040)).rate
    (116.0, 15120)
    """
    label = " ".join(_LABEL.findall(text)).strip()
    numbers = _LABEL.sub(" ", text).strip()
    if not numbers:
        return TempoField(None, label)
    found = _TEMPO.search(numbers)
    if found is None:
        plain = _RATE.fullmatch(numbers)
        if plain is None:
            if re.search(r"\d", numbers):
                raise UsageError(f"{text.strip()[:30]!r} is not a tempo; expected one such as Q:1/4=120")
            return TempoField(None, label or numbers)
        return TempoField((float(plain[0]), TICKS_PER_QUARTER), label)
    beat, rate = found.groups()
    if beat[0].isalpha():
        ticks = unit * int(beat[1:] or 1)
    else:
        pairs = re.findall(r"(\d+)/(\d+)", beat)
        if any(int(lower) == 0 for _, lower in pairs):
            raise UsageError(f"{text.strip()[:30]!r} is not a tempo; expected one such as Q:1/4=120")
        ticks = sum((Fraction(int(upper) * WHOLE, int(lower)) for upper, lower in pairs), Fraction(0))
    return TempoField((float(rate), round(ticks)), label)


def read_text(text: str) -> str:
    """A field's words, with entities and accents resolved.

    >>> read_text("  M\\\\'art&iacute;n &amp; Co ")
    'Márt\xedn & Co'
    """
    text = _ACCENT.sub(lambda m: unicodedata.normalize("NFC", m[2] + _COMBINING[m[1]]), text)
    return html.unescape(text).replace("\\%", "%").strip()
