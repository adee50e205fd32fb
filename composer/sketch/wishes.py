"""Every wish that a user can name, in one table: keyword arguments, words of sketch files and of the command line.

>>> score = Score.of([], barlines=[0, 40320, 80640])
>>> [str(wish) for wish in wished(score, {"range": "D4:B5", "wish": ["bars 2: contour=rising"]})]
['range D4:B5', 'bar 2: contour rising']
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from composer.errors import UsageError, brief
from composer.score import Score
from composer.sketch.cadence import EndsOn, EndsOnTonic, Fermatas, HalfCadence, StartsOnTonic
from composer.sketch.cells import Constraint, Preference
from composer.sketch.chords import Chords
from composer.sketch.contour import Contour, Leap, Melody
from composer.sketch.copying import MaxCopy
from composer.sketch.during import During, bar_numbers, cut
from composer.sketch.forbid import Forbid
from composer.sketch.instruments import instrument_named
from composer.sketch.pitch import Among, Pin, Range, Scale
from composer.sketch.regions import voices_of
from composer.sketch.rhythm import Density, Longest, Rhythm, Shortest, Unsyncopated, value_ticks
from composer.voice_leading import RULES

LONGEST_VALUE = 100_000  # characters
MOST_WISHES = 1_000
MAX_WEIGHT = 1_000.0
WHOLE = ("max_copy", "forbid")  # said of all that is composed, and certain

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
NOTES: Schema = {"type": ["string", "array"], "items": {"type": "string"}}
NUMBER: Schema = {"type": ["integer", "string"]}
FLAG: Schema = {"type": "boolean"}
LIMITED: Schema = {"type": "array", "items": {"type": ["string", "object"]}}


@dataclass(frozen=True)
class Wish:
    """A wish by name: ``help`` and an ``example`` of its value for musicians, the JSON ``schema`` of the value, and the
    constraints ``made`` of its text on a score, which raises :class:`UsageError`.
    """

    name: str
    help: str
    example: str
    schema: Schema
    made: Callable[[str, Score], list[Constraint]]
    placed: bool = False  # it says itself where it holds


def _flag(text: str) -> bool:
    if text.strip().lower() not in ("true", "false", "yes", "no", "on", "off"):
        raise UsageError(f"{text!r} is neither true nor false")
    return text.strip().lower() in ("true", "yes", "on")


def _pins(text: str, score: Score) -> list[Constraint]:
    pairs = [word.partition("=") for word in text.replace(",", " ").split()]
    wrong = next((place for place, sign, _ in pairs if not sign), None)
    if wrong is not None or not pairs:
        raise UsageError(f"{wrong or text!r} is not a pin; write bar.beat=note, such as 1.1=D4")
    if len(pairs) > MOST_WISHES:
        raise UsageError(f"{len(pairs)} pins are too many; there may be {MOST_WISHES}")
    return [Pin.parse(place, note, score) for place, _, note in pairs]


def _lowest(score: Score) -> int:
    return max(len(score.parts) - 1, 0)


WISHES: dict[str, Wish] = {
    wish.name: wish
    for wish in (
        Wish("range", "Lowest and highest note", "D4:B5", TEXT, lambda text, _: [Range.parse(text)]),
        Wish(
            "instrument",
            "What an instrument or a voice reaches with ease",
            "D whistle",
            TEXT,
            lambda text, _: [instrument_named(text).wish()],
        ),
        Wish(
            "scale",
            "The scale in place of the key's: a mode, pentatonic, blues, harmonic minor, chromatic ...",
            "G pentatonic",
            TEXT,
            lambda text, _: [Scale.parse(text)],
        ),
        Wish(
            "pitch_classes",
            "The notes, in any octave, in place of the key's",
            "D E F# A",
            NOTES,
            lambda text, _: [Scale.of_classes(text)],
        ),
        Wish(
            "avoid",
            "Notes that must not be there, in one octave or in all",
            "C#5 F",
            NOTES,
            lambda text, _: [Among.avoid(text)],
        ),
        Wish("only", "The only notes there may be", "D4 E4 F#4 A4", NOTES, lambda text, _: [Scale.only(text)]),
        Wish(
            "chords",
            "Chords that notes on beats belong to, bar by bar from the first: symbols or roman numerals, - for none",
            "Dm7 | G7/B C | I V7",
            TEXT,
            lambda text, score: [Chords.parse(text, score)],
        ),
        Wish(
            "contour",
            "Where the line goes: rising, falling or arch",
            "arch",
            TEXT,
            lambda text, _: [Contour(text.strip())],
        ),
        Wish("leap", "The largest leap, in semitones or by name", "5th", NUMBER, lambda text, _: [Leap.parse(text)]),
        Wish(
            "melody",
            "The notes, all of them in order, to which a rhythm is found",
            "D4 E4 F#4 A4",
            NOTES,
            lambda text, _: [Melody.parse(text)],
        ),
        Wish(
            "rhythm",
            "The rhythm, over and over, to which notes are found: parts of a whole note, rests with z",
            "1/8 1/8 1/4 z1/4 1/4",
            NOTES,
            lambda text, score: [Rhythm.parse(text, score)],
        ),
        Wish("shortest", "The shortest note value", "1/8", TEXT, lambda text, _: [Shortest(value_ticks(text))]),
        Wish("longest", "The longest note value", "1/2", TEXT, lambda text, _: [Longest(value_ticks(text))]),
        Wish("density", "How many notes begin in a bar", "4-8", NUMBER, lambda text, _: [Density.parse(text)]),
        Wish(
            "syncopation",
            "false: no note is held through a stronger place than its own",
            "false",
            FLAG,
            lambda text, _: [] if _flag(text) else [Unsyncopated()],
        ),
        Wish(
            "starts_on_tonic",
            "The first note is the tonic",
            "true",
            FLAG,
            lambda text, score: [StartsOnTonic(_lowest(score))] * _flag(text),
        ),
        Wish(
            "ends_on_tonic",
            "The last note is the tonic, and lasts to the end",
            "true",
            FLAG,
            lambda text, score: [EndsOnTonic(_lowest(score))] * _flag(text),
        ),
        Wish(
            "ends_on",
            "The last note, which lasts to the end, or the chord it belongs to",
            "G4",
            TEXT,
            lambda text, score: [EndsOn.parse(text, score)],
        ),
        Wish(
            "half_cadence",
            "Bars that end on the dominant",
            "8",
            {"type": ["integer", "string", "array"], "items": {"type": "integer"}},
            lambda text, score: [HalfCadence.parse(text, score)],
            placed=True,
        ),
        Wish(
            "fermatas",
            "Beats that are held, as bar.beat",
            "4.3 8.1",
            NOTES,
            lambda text, score: [Fermatas.parse(text, score)],
            placed=True,
        ),
        Wish(
            "pins",
            "Notes that begin at a place, as bar.beat",
            "1.1=D4 5.1=A4",
            {"type": ["object", "string", "array"], "additionalProperties": {"type": "string"}},
            _pins,
            placed=True,
        ),
        Wish(
            "max_copy",
            "The longest copy of a tune in the corpus, in any key",
            "2 bars",
            TEXT,
            lambda text, _: [MaxCopy.parse(text)],
            placed=True,
        ),
        Wish(
            "forbid",
            "What composed voices never do: " + ", ".join(RULES),
            "parallels, crossings",
            NOTES,
            lambda text, _: [Forbid.parse(text)],
            placed=True,
        ),
    )
}

# lists of wishes limited to bars and voices, as texts or tables; those to prefer are soft
LISTS = {
    "wish": "Wishes for some bars or voices: 'bars 5-8: contour=rising', 'voice 2: range=F3:D5'",
    "prefer": "What should be likely rather than certain: 'leap=5', 'bars 1-4: density=2-4 weight 2'",
}


def properties() -> dict[str, Any]:
    """The JSON schema of each wish by name."""
    texts = {
        wish.name: {**wish.schema, "description": wish.help}
        | ({} if wish.schema is FLAG else {"examples": [wish.example]})
        for wish in WISHES.values()
    }
    return texts | {name: {**LIMITED, "description": words} for name, words in LISTS.items()}


def wished(score: Score, wishes: Mapping[str, Any], spans: Sequence[str] = ()) -> list[Constraint]:
    """The constraints that wishes by name (:data:`WISHES`, ``wish``, ``prefer``) are on a score; None is no wish.

    Wishes that do not say where they hold, hold in each of ``spans`` ("bars 5-8"), or everywhere if there are none. In
    the lists may stand texts, tables and constraints. Raises :class:`UsageError`.
    """
    found: list[Constraint] = []
    for name, value in wishes.items():
        if name in LISTS and value is not None:
            found += _listed(name, value, score, spans)
        elif value is not None:
            found += _where_free(spans, name, value, score)
    return found


def _where_free(spans: Sequence[str], name: str, value: Any, score: Score, **limits: Any) -> list[Constraint]:
    """One wish, in each of the spans if it does not say where it holds."""
    if limits.get("bars") is not None or not spans or _named(name).placed:
        return wanted(name, value, score, **limits)
    return [wish for span in spans for wish in wanted(name, value, score, **limits | {"bars": span})]


def wanted(
    name: str, value: Any, score: Score, *, bars: str | None = None, voice: str | int | None = None,
    weight: float | str | None = None,
) -> list[Constraint]:  # fmt: skip
    """One wish, limited to written ``bars`` ("bars 5-8" or "5-8") and a ``voice`` (number from 1, or name), soft with a
    ``weight``; raises :class:`UsageError`.
    """
    wish = _named(name)
    try:
        return _wanted(wish, _text(wish, value), score, bars, voice, weight)
    except UsageError as error:
        raise UsageError(f"{wish.name}: {brief(str(error))}") from None


def _wanted(
    wish: Wish, text: str, score: Score, bars: str | None, voice: str | int | None, weight: float | str | None
) -> list[Constraint]:
    if bars is None:
        made = wish.made(text, score)
    elif wish.placed:
        raise UsageError(f"cannot be limited to bars; write only {wish.name}={wish.example}")
    else:
        first, last = bar_numbers(bars)
        made = [During(found, first, last) for found in wish.made(text, cut(score, first, last))]
    if voice is not None:
        if wish.name in WHOLE:
            raise UsageError(f"cannot be limited to a voice; write only {wish.name}={wish.example}")
        made = [_in_voice(found, number) for number in voices_of(score, str(voice)) for found in made]
    if weight is None:
        return made
    if wish.name in WHOLE:
        raise UsageError(f"cannot be a preference; wish {wish.name}={wish.example}")
    return [Preference(found, _weight(weight)) for found in made]


def _named(name: str) -> Wish:
    known = name.strip().replace("-", "_")
    if known not in WISHES:
        near = difflib.get_close_matches(known[:50], WISHES, 1)
        hint = f"is it {near[0]!r}?" if near else f"there are {', '.join(WISHES)}"
        raise UsageError(f"{name[:50]!r} is not a wish; {hint}")
    return WISHES[known]


def _text(wish: Wish, value: Any) -> str:
    """A value as its text: lists are written with spaces, tables with equal signs."""
    if isinstance(value, bool) and wish.schema is FLAG:
        return str(value).lower()
    parts = [value]
    if isinstance(value, Mapping) and "object" in wish.schema["type"]:
        parts = [f"{key}={entry}" for key, entry in value.items()]
    elif isinstance(value, list | tuple) and "array" in wish.schema["type"]:
        parts = list(value)
    if not all(isinstance(part, str | int) and not isinstance(part, bool) for part in parts):
        raise UsageError(f"{str(value)[:40]!r} is not what is written here; write {wish.example!r}")
    text = " ".join(map(str, parts))
    if len(text) > LONGEST_VALUE:
        raise UsageError(f"{len(text)} characters are too many; there may be {LONGEST_VALUE}")
    return " ".join(text.split())


def _in_voice(wish: Constraint, voice: int) -> Constraint:
    if isinstance(wish, During):
        return replace(wish, wish=_in_voice(wish.wish, voice))
    return replace(wish, voice=voice)  # type: ignore[type-var]


def _weight(weight: float | str) -> float:
    try:
        found = float(weight)
    except (ValueError, TypeError):
        found = 0.0
    if not 0 < found <= MAX_WEIGHT:
        raise UsageError(f"{weight!r} is not a weight; write a number above 0, such as 1, up to {MAX_WEIGHT:g}")
    return found


def _listed(name: str, entries: Any, score: Score, spans: Sequence[str]) -> list[Constraint]:
    """The wishes of a list: texts, tables and constraints."""
    rows = [entries] if isinstance(entries, str | Mapping | Constraint) else entries
    if not isinstance(rows, Iterable) or len(rows := list(rows)) > MOST_WISHES:
        raise UsageError(f"{name}: write a list of wishes, such as 'bars 5-8: contour=rising', at most {MOST_WISHES}")
    weight = 1.0 if name == "prefer" else None
    return [wish for row in rows for wish in _row(row, score, weight, spans)]


def _row(row: Any, score: Score, weight: float | None, spans: Sequence[str]) -> list[Constraint]:
    if isinstance(row, Constraint):
        return [row if weight is None or isinstance(row, Preference) else Preference(row, weight)]
    if isinstance(row, str):
        return from_text(row, score, weight, spans)
    if not isinstance(row, Mapping):
        raise UsageError(f"{str(row)[:40]!r} is not a wish; write one such as 'bars 5-8: contour=rising'")
    names = [name for name in row if name not in ("bars", "voice", "weight")]
    if len(names) != 1 or not isinstance(names[0], str):
        raise UsageError(f"a wish says one thing, beside its bars, voice and weight; this says {len(names)}")
    limits = {name: str(row[name]) for name in ("bars", "voice") if name in row}
    return _where_free(spans, names[0], row[names[0]], score, weight=row.get("weight", weight), **limits)


def from_text(text: str, score: Score, weight: float | None = None, spans: Sequence[str] = ()) -> list[Constraint]:
    """Read ``bars 5-8 voice 2: range=F3:D5 weight 2``, of which only the wish must be there; a ``weight`` makes it a
    preference, and without bars it holds in each of ``spans``. Raises :class:`UsageError`.

    >>> [str(wish) for wish in from_text("bars 1: leap=5th weight 2", Score.of([]))]
    ['rather bar 1: leap 5th (weight 2)']
    """
    text = " ".join(text.split())
    light, _, heavy = text.partition(" weight ")
    head, sign, value = light.partition("=")
    limits, colon, name = head.rpartition(":")
    match = re.fullmatch(r"\s*(?:(bars?\s+\d+(?:\s*-\s*\d+)?)[\s,]*)?(?:voices?\s+(.+?))?\s*", limits)
    if match is None or (colon and not limits.strip()):
        raise UsageError(f"{limits[:50]!r} says neither bars nor a voice; write it as 'bars 5-8 voice 2: leap=5'")
    wish = _named(name.strip())
    if not sign and wish.schema is not FLAG:
        raise UsageError(f"{text[:50]!r} says no value; write it as {wish.name}={wish.example}")
    said = value.strip() if sign else True
    return _where_free(spans, name, said, score, bars=match[1], voice=match[2], weight=heavy or weight)


def on_page(score: Score, wishes: Iterable[Constraint]) -> Score:
    """The score with what wishes put on its page: chord symbols and fermatas."""
    for wish in wishes:
        score = wish.written(score)
    return score
