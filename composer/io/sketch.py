"""Sketches in files: TOML, or a score in which a region is marked as free.

A TOML sketch says in :data:`FRAME`'s words what the page is, and in those of the wishes what is wanted on it::

    meter = "6/8"
    key = "D dorian"
    form = "AABB"
    bars = 32
    chords = "Dm | C | Dm | C Dm"
    pins = { "1.1" = "D4" }

    [[wish]]
    bars = "5-8"
    contour = "rising"

    [[prefer]]
    leap = "5th"
    weight = 2.0

With ``score`` it begins from a file: ``free`` says what of it is composed anew, ``continue`` adds bars after it,
``voices`` adds empty ones below it. In a score, everything from the word ``free`` to the word ``/free`` is to be
composed: an annotation in ABC (``"^free"``), words over the staff in MusicXML, in that voice; a marker in MIDI, in
every voice.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from composer.errors import ComposerError, ReadError, UsageError, brief
from composer.io import read, read_bytes
from composer.io.midi import markers
from composer.registry import MIDI
from composer.score import Score
from composer.sketch import Hole, Sketch
from composer.sketch.regions import emptied, own_bounds
from composer.sketch.wishes import LISTS, WISHES, properties
from composer.styles import tempo_of

MAX_SKETCH = 2**20  # bytes
FREE, END = "free", "/free"

FRAME: dict[str, dict[str, Any]] = {
    "title": {"type": "string", "description": "The title of what is composed", "examples": ["Tuesday's Jig"]},
    "style": {"type": "string", "description": "A dance: meter, tempo, form, length and lilt", "examples": ["jig"]},
    "bars": {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "description": "Bars heard: 32 of AABB are 16 written",
        "examples": [32],
    },
    "meter": {"type": "string", "description": "The meter", "examples": ["6/8"]},
    "key": {"type": "string", "description": "Tonic and mode", "examples": ["D dorian", "F#m"]},
    "form": {
        "type": "string",
        "description": "Parts as letters; A' opens as A does",
        "examples": ["AABB", "A A' B A'"],
    },
    "endings": {"type": "boolean", "description": "First and second endings for repeated parts", "examples": [True]},
    "pickup": {"type": "string", "description": "An upbeat to every part, of a whole note", "examples": ["1/8"]},
    "phrases": {
        "type": "integer",
        "minimum": 1,
        "description": "Bars in a phrase; no note is held into the next",
        "examples": [4],
    },
    "tempo": {"type": "number", "description": "Beats a minute; in 6/8 a beat is three eighths", "examples": [116]},
    "voices": {
        "type": "integer",
        "minimum": 1,
        "maximum": 16,
        "description": "How many voices; with score, in all",
        "examples": [4],
    },
    "score": {
        "type": "string",
        "description": "A file to begin from; a path beside the sketch",
        "examples": ["tune.abc"],
    },
    "tune": {
        "type": ["string", "integer"],
        "description": "Of an ABC book as score, a tune's number or title",
        "examples": [2],
    },
    "free": {"type": "string", "description": "Of the score, what to compose anew", "examples": ["bars 5-8 of alto"]},
    "continue": {"type": "integer", "minimum": 1, "description": "Bars to add at the score's end", "examples": [8]},
}
LIMITS: dict[str, dict[str, Any]] = {
    "bars": {"type": ["string", "integer"], "description": "Written bars, a pickup is bar 0", "examples": ["5-8"]},
    "voice": {
        "type": ["string", "integer"],
        "description": "A voice's number from 1, or its name",
        "examples": ["alto"],
    },
    "weight": {
        "type": "number",
        "description": "Of a preference: a break makes a tune exp(weight) times less likely",
        "examples": [2.0],
    },
}
OF_A_SCORE = ("title", "score", "tune", "free", "continue", "voices")
KINDS: dict[str, tuple[Any, str]] = {
    "string": (str, "a text in quotes"),
    "integer": (int, "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": (bool, "true or false"),
    "array": (list, "a list"),
    "object": (dict, "a table"),
}
LARGEST = 10**9  # of a number


def read_sketch(path: str | Path) -> Sketch:
    """A sketch from a file; raises :class:`ReadError` for what is no sketch, :class:`UsageError` for a wrong one."""
    if Path(path).suffix.lower() != ".toml":
        return _marked(Path(path))
    data = read_bytes(path)
    if len(data) > MAX_SKETCH:
        raise ReadError(f"{path}: is larger than {MAX_SKETCH // 2**10} KB, too large for a sketch")
    try:
        entries = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:  # of TOML, UTF-8, and numbers too long
        raise ReadError(f"{path}: is not TOML ({_line(error)})") from None
    try:
        return sketch_of(entries, Path(path).parent)
    except UsageError as error:
        raise UsageError(f"{path}: {brief(str(error))}") from None


def sketch_of(entries: Mapping[str, Any], folder: Path = Path()) -> Sketch:
    """The sketch that a file's entries say; ``folder`` is where its paths begin. Raises :class:`UsageError`."""
    known = schema()["properties"]
    for name, value in entries.items():
        _check(name, value, known)
    frame = {name: value for name, value in entries.items() if name in FRAME}
    wishes = {name: value for name, value in entries.items() if name not in FRAME}
    try:
        return _from_score(frame, wishes, folder) if "score" in frame else _blank(frame, wishes)
    except ComposerError as error:
        raise error if isinstance(error, ReadError | UsageError) else UsageError(str(error)) from None


def _blank(frame: dict[str, Any], wishes: dict[str, Any]) -> Sketch:
    for name in ("tune", "free", "continue"):
        if name in frame:
            raise UsageError(f'{name!r} is about a score; say which: score = "tune.abc"')
    words = {name: value for name, value in (frame | wishes).items() if name not in ("title", "style")}
    if "tempo" in words:
        words["tempo"] = tempo_of(words["tempo"], words.get("meter"), frame.get("style"))
    words["metadata"] = {"title": frame["title"]} if frame.get("title") else {}
    return Sketch.styled(frame["style"], **words) if "style" in frame else Sketch.blank(**words)


def _from_score(frame: dict[str, Any], wishes: dict[str, Any], folder: Path) -> Sketch:
    odd = next((name for name in frame if name not in OF_A_SCORE), None)
    if odd is not None:
        raise UsageError(f"{odd!r} says what a blank page is; with a score, that is said by the score")
    chosen = {"tune": str(frame["tune"])} if "tune" in frame else {}
    if chosen and not frame["score"].lower().endswith(".abc"):
        raise UsageError("'tune' is for ABC files, which may hold many")
    score = read(folder / frame["score"], **chosen)
    if "title" in frame:
        score = score.with_metadata(title=frame["title"])
    ways = [name for name in ("free", "continue", "voices") if name in frame]
    if len(ways) != 1:
        raise UsageError("say one of free, continue and voices of a score: what to compose of it, after it or below it")
    if "voices" in frame:
        return Sketch.harmonizing(score, frame["voices"], **wishes)
    bounds = own_bounds(score, wishes)
    if "free" in frame:
        return Sketch.of(score, frame["free"], bounds, **wishes)
    return Sketch.continuing(score, frame["continue"], bounds, **wishes)


def schema() -> dict[str, Any]:
    """The JSON schema of sketch files."""
    words = properties()
    row = {
        "type": ["string", "object"],
        "properties": {**LIMITS, **{name: words[name] for name in WISHES}},
        "additionalProperties": False,
    }
    lists = {name: {**words[name], "items": row} for name in LISTS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A sketch: a score with holes, and what is wanted in them",
        "type": "object",
        "properties": {**FRAME, **words, **lists},
        "additionalProperties": False,
    }


def schema_text() -> str:
    return json.dumps(schema(), indent=2)


def _check(name: str, value: object, known: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise :class:`UsageError` for a word that is not known, or a value of another kind than its own."""
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(f"{name!r} is not a word of sketches; " + (f"is it {near[0]!r}?" if near else _words(known)))
    kind = known[name]["type"]
    kinds = [kind] if isinstance(kind, str) else kind
    if not any(_is(value, kind) for kind in kinds):
        raise UsageError(f"{name} = {_shown(value)}: must be {' or '.join(KINDS[kind][1] for kind in kinds)}")


def _is(value: object, kind: str) -> bool:
    if isinstance(value, bool) or kind == "boolean":
        return isinstance(value, bool) and kind == "boolean"
    return isinstance(value, KINDS[kind][0]) and not (isinstance(value, int) and abs(value) > LARGEST)


def _shown(value: object) -> str:
    text = "a huge number" if isinstance(value, int) and abs(value) > LARGEST else repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _words(known: Iterable[str]) -> str:
    return f"the words are {', '.join(known)}"


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200] if str(error) else type(error).__name__


def _marked(path: Path) -> Sketch:
    """The sketch of a score with marked regions."""
    score = read(path)
    if path.suffix.lower() in MIDI:
        marks = [markers(read_bytes(path), str(path))] * len(score.parts)
    else:
        marks = [[(m.onset, m.text) for m in part.annotations if m.kind == "text"] for part in score.parts]
    holes = [hole for voice, found in enumerate(marks) for hole in _holes(score, voice, found)]
    if not holes:
        raise UsageError(f"{path}: nothing in it is marked as free; write free where it begins and /free where it ends")
    return Sketch(emptied(_unmarked(score), tuple(holes)), tuple(holes), own_bounds(score))


def _holes(score: Score, voice: int, marks: Iterable[tuple[int, str]]) -> Iterable[Hole]:
    """The spans from each ``free`` to the next ``/free``, or to the end."""
    start: int | None = None
    for tick, text in sorted(marks):
        word = text.strip().lower()
        if word == FREE and start is None:
            start = tick
        elif word == END and start is not None:
            if start < tick:
                yield Hole(voice, start, min(tick, score.end))
            start = None
    if start is not None and start < score.end:
        yield Hole(voice, start, score.end)


def _unmarked(score: Score) -> Score:
    parts = tuple(
        replace(part, annotations=tuple(m for m in part.annotations if m.text.strip().lower() not in (FREE, END)))
        for part in score.parts
    )
    return replace(score, parts=parts)
