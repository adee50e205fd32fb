"""Whether what was written comes back: files are read again, and compared with the score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from composer.errors import UsageError, WriteError
from composer.io import read, suffix_of
from composer.io.music21_export import KINDS, notatable
from composer.registry import MIDI, MUSICXML
from composer.score import Part, Score
from composer.styles import perform
from composer.theory import pitch_name

STAVES = (*MUSICXML, ".svg", ".png")
MARKS = ("lyric", "slur", "grace")


def check_writable(score: Score, paths: Iterable[Path]) -> None:
    """Raise :class:`UsageError`, with bar and beat, for given times that files on a page have no note values for."""
    staves = [path for path in paths if suffix_of(path) in STAVES]
    for part in score.parts if staves else ():
        shown = notatable(part)
        if len(shown) != len(part) or (shown.onset != part.onset).any() or (shown.duration != part.duration).any():
            same = len(shown) == len(part)
            moved = (shown.onset != part.onset) | (shown.duration != part.duration) if same else part.onset >= 0
            place = score.place(int(part.onset[int(np.argmax(moved))]))
            raise UsageError(f"{place}: no note values write this rhythm in {staves[0].name}; write .mid or .abc")


def check_returned(score: Score, path: Path) -> None:
    """Read a written file again; raises :class:`WriteError` where notes of any voice, or the melody's lyrics, slurs,
    chord symbols or fermatas, are not those of the score. Formats that cannot be read are not looked at.
    """
    suffix = suffix_of(path)
    if suffix not in (*MIDI, *MUSICXML, ".abc"):
        return
    again = read(path)
    heard = suffix in MIDI
    wanted = perform(score) if heard else score
    parts = [part for part in wanted.parts if len(part)] if heard else list(wanted.parts)
    differences = _differences(replace(wanted, parts=tuple(parts)), again, heard, suffix == ".abc")
    found = next(differences, None)
    if found is not None:
        raise WriteError(f"{path}: does not hold what was composed: {found}; please report it, with your file")


def _differences(score: Score, again: Score, heard: bool, one_verse: bool) -> Iterator[str]:
    if len(again.parts) != len(score.parts):
        yield f"{len(again.parts)} parts in place of {len(score.parts)}"
        return
    for number, (part, other) in enumerate(zip(score.parts, again.parts, strict=True), 1):
        wanted, found = _notes(part, not heard), _notes(other, not heard)
        if wanted != found:
            missing = sorted(set(wanted) ^ set(found))[0]
            name = pitch_name(missing[1], 7 * missing[1] % 12 if heard else missing[3])
            yield f"{score.place(missing[0])}, {part.name or f'part {number}'}: {name}"
    if heard:
        return
    for kind in MARKS:
        marks, others = (_marks(found.parts[0], kind, one_verse) for found in (score, again))
        if marks != others:
            odd = sorted(set(marks) ^ set(others), key=str)
            yield f"{score.place(odd[0][0])}: {kind} {odd[0][1]}" if odd else f"{kind}s"
    chords, others_ = ([c for c in found.chords if c.quality in KINDS] for found in (score, again))
    if chords != others_:
        yield "chord symbols"
    if score.fermatas != again.fermatas:
        tick = sorted(set(score.fermatas) ^ set(again.fermatas))[0]
        yield f"{score.place(tick)}: a fermata"


def _notes(part: Part, spelled: bool) -> list[tuple[int, int, int, int]]:
    return [(n.onset, n.pitch, n.duration, int(n.spelling or 0) if spelled else 0) for n in part]


def _marks(part: Part, kind: str, one_verse: bool) -> list[tuple[int, str, int | None]]:
    """The marks of a kind; where only ``one_verse`` is written, the first syllable at each tick."""
    found = [(mark.onset, mark.text, mark.end) for mark in part.annotations if mark.kind == kind]
    if kind == "lyric" and one_verse:
        found = list({mark[0]: mark for mark in reversed(found)}.values())[::-1]
    return [mark for mark in found if mark[1] or kind == "slur"]
