"""Regions of a score, in words: ``bars 5-8``, ``bars 5-8 of soprano``, ``voices 2-4``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from composer.errors import UsageError
from composer.score import Part, Score, frozen
from composer.sketch.cells import Constraint, Preference
from composer.sketch.chords import PageChords
from composer.sketch.pitch import Diatonic, Range

MAX_BARS = 1_000  # that continue a score
CHORD_WEIGHT = 3.0  # nats for each beat that is no note of the chord over it

BARS = r"bars?\s+(?P<first>\d{1,6})(?:\s*-\s*(?P<last>\d{1,6}))?"


@dataclass(frozen=True)
class Hole:
    """The written ticks ``[start, end)`` of one voice are to be composed."""

    voice: int
    start: int
    end: int


def written_bars(score: Score, text: str) -> tuple[int, int]:
    """The written ticks of "bars 5-8"; raises :class:`UsageError`."""
    match = re.fullmatch(rf"\s*{BARS}\s*", text)
    if match is None:
        raise UsageError(f"{text!r} is not a region; write it as 'bars 5-8'")
    return score.bar_span(int(match["first"]), int(match["last"] or match["first"]))


def voices_of(score: Score, text: str) -> list[int]:
    """Voices by number from 1, or by name: ``soprano``, ``voices 2-4``, ``1, tenor``; raises :class:`UsageError`."""
    names = [part.name.strip().lower() for part in score.parts]
    found: list[int] = []
    for word in re.sub(r"^\s*voices?\s+", "", text.lower()).split(","):
        match = re.fullmatch(r"\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?\s*", word)
        if match and 1 <= int(match[1]) <= int(match[2] or match[1]) <= len(names):
            found += range(int(match[1]) - 1, int(match[2] or match[1]))
        elif word.strip() and word.strip() in names:
            found.append(names.index(word.strip()))
        else:
            known = ", ".join(part.name for part in score.parts if part.name)
            numbers = f"voices have the numbers 1 to {len(names)}" if len(names) > 1 else "there is one voice, number 1"
            raise UsageError(f"{word.strip()!r} is no voice; {numbers}{known and f' and the names {known}'}")
    return sorted(set(found))


def holes_of(score: Score, text: str) -> tuple[Hole, ...]:
    """What a region covers: ``bars 5-8``, ``bars 5-8 of alto, tenor``, ``soprano``; several are split by ``;``."""
    holes: list[Hole] = []
    for region in text.split(";"):
        bars, of, voices = region.partition(" of ")
        timed = re.match(r"\s*bars?\s+\d", bars)
        start, end = written_bars(score, bars) if timed else (0, score.end)
        chosen = range(len(score.parts)) if timed and not of else voices_of(score, voices if timed else region)
        holes += [Hole(voice, start, end) for voice in chosen]
    return tuple(sorted(holes, key=lambda hole: (hole.voice, hole.start)))


def others(score: Score, holes: tuple[Hole, ...]) -> tuple[Hole, ...]:
    """Everything that these holes do not cover."""
    found: list[Hole] = []
    for voice, _ in enumerate(score.parts):
        at = 0
        for hole in [*(hole for hole in holes if hole.voice == voice), Hole(voice, score.end, score.end)]:
            if at < hole.start:
                found.append(Hole(voice, at, hole.start))
            at = max(at, hole.end)
    return tuple(found)


def silences(score: Score, given: int) -> tuple[Hole, ...]:
    """What is silent, and so is to be composed: all of a voice without notes; of others, where nothing sounds for a
    beat or more. Rests of the highest ``given`` voices stay rests, all but those of silent bars in voices of a score
    that gives them all.
    """
    whole = given == len(score.parts) and any(map(len, score.parts[1:]))
    found: list[Hole] = []
    for voice, part in enumerate(score.parts):
        if not len(part):
            found.append(Hole(voice, 0, score.end))
        elif whole or voice >= given:
            starts = np.append(0, np.maximum.accumulate(part.offset)).tolist()
            gaps = zip(starts, [*part.onset.tolist(), score.end], strict=True)
            found += [Hole(voice, a, b) for a, b in gaps if _long(score, a, b, whole_bars=voice == 0)]
    return tuple(found)


def _long(score: Score, start: int, end: int, whole_bars: bool) -> bool:
    """Whether a silence lasts for a beat, or for a whole bar."""
    if whole_bars:
        line = int(score.barlines[np.searchsorted(score.barlines, start)])
        return line < score.end and int(score.barlines[np.searchsorted(score.barlines, line, "right")]) <= end
    return end - start >= score.meter_at(start).beat


def spans_of(score: Score, holes: tuple[Hole, ...]) -> list[str]:
    """The bars that holes lie in, in words; none if some voice is free from start to end."""
    spans = sorted({(hole.start, hole.end) for hole in holes} - {(0, score.end)})
    first = score.bar_numbers[np.searchsorted(score.barlines, [start for start, _ in spans], "right") - 1]
    last = score.bar_numbers[np.searchsorted(score.barlines, [end for _, end in spans]) - 1]
    whole = any((hole.start, hole.end) == (0, score.end) for hole in holes)
    return [] if whole else [f"bars {a}-{b}" for a, b in zip(first.tolist(), last.tolist(), strict=True)]


def emptied(score: Score, holes: tuple[Hole, ...]) -> Score:
    """The score without the notes and marks in the holes; notes that reach into one end where it begins."""
    parts = list(score.parts)
    for hole in holes:
        parts[hole.voice] = _without(parts[hole.voice], hole.start, hole.end)
    return replace(score, parts=tuple(parts))


def lengthened(score: Score, bars: int) -> Score:
    """The score with empty bars after its end, in the meter and key in force there.

    Where its last bar is short, as before a pickup, the first new bar is what it lacks, and the last is as short.
    """
    if not 1 <= bars <= MAX_BARS:
        raise UsageError(f"{bars} bars: a score can be continued by 1 to {MAX_BARS}")
    bar = score.meter_at(score.end).bar
    lacking = max(bar - int(score.barlines[-1] - score.barlines[-2]), 0)
    lengths = [lacking, *[bar] * (bars - 1), bar - lacking] if lacking else [bar] * bars
    return replace(score, barlines=frozen([*score.barlines, *(score.end + np.cumsum(lengths))]))


def own_bounds(score: Score, wishes: Mapping[str, Any] | None = None) -> tuple[Constraint, ...]:
    """What a score keeps to, as wishes: the compass of each voice, the key if no note leaves it, and, as a preference,
    the chords over its staff; less what the ``wishes`` by name (:mod:`composer.sketch.wishes`) say of all of it.
    """
    named = said(wishes or {})
    bounds: list[Constraint] = []
    if not named & {"range", "instrument", "only"}:
        compass = [(int(part.pitch.min()), int(part.pitch.max())) if len(part) else None for part in score.parts]
        bounds += [Range(*span, voice) for voice, span in enumerate(compass) if span]
    scale = Diatonic()
    inside = all(
        scale.mask(part.onset, score).start[np.arange(len(part)), part.pitch].all() for part in score.parts if len(part)
    )
    if inside and not named & {"scale", "pitch_classes", "only"}:
        bounds.append(scale)
    if score.chords and "chords" not in named:
        bounds.append(Preference(PageChords(), CHORD_WEIGHT))
    return tuple(bounds)


def said(wishes: Mapping[str, Any]) -> set[str]:
    """The names of the wishes that are made, in the list ``wish`` those limited neither to bars nor to a voice."""
    rows = wishes.get("wish") or ()
    found = {name for name, value in wishes.items() if value}
    for row in [rows] if isinstance(rows, str | Mapping) else rows:
        if isinstance(row, str):
            found.add(row.partition("=")[0].strip())
        elif isinstance(row, Mapping) and not {"bars", "voice"} & set(row):
            found |= set(row)
    return found


def _without(part: Part, start: int, end: int) -> Part:
    kept = part.select((part.onset < start) | (part.onset >= end))
    reach = np.where(kept.onset < start, start - kept.onset, kept.duration)
    marks = tuple(mark for mark in part.annotations if not start <= mark.onset < end)
    return replace(kept, duration=frozen(np.minimum(kept.duration, reach)), annotations=marks)
