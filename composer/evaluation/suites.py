"""Fixed suites of sketches: what is asked of every model, job by job, to see what it can be asked.

A suite has 200 sketches, of at most 10 bars to be composed, made from one seed: the same music given, the same
sketches. That of ``vary`` has two parts, for one voice and for four. Each sketch is of a kind, and kinds take turns,
so that what fails is told by its kind, and the first so many sketches of a suite are a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from composer.errors import UsageError
from composer.evaluation import asked, asked_choir
from composer.evaluation.asked import Draw, Room, one
from composer.score import Score
from composer.sketch import Breaths, Copy, Sketch
from composer.theory import Key, Meter
from composer.voice_leading import CHOIR

SIZE = 200
VARIED = {1: 150, 4: 50}  # of those to vary music, by its voices; choirs take long
SEED = 8
BARS = {1: 6, 4: 3}  # of a given piece, by its voices
PHRASE = 2  # bars, of a melody to be harmonised: a line of a chorale

METERS = ("4/4", "6/8", "3/4", "2/4")
KEYS = ("D major", "G major", "A dorian", "E minor", "A mixolydian", "A major", "E dorian", "B minor")
FORMS = (("A A' B A'", 16), ("A A' B A'", 8), ("AABB", 16), ("ABA", 12), ("AABA", 16), ("ABAC", 8), ("AAB", 12))
ALSO = ("ends_on_tonic", "leap=6th", "range=D4:A5", "starts_on_tonic", "density=2-6", "shortest=1/8")


class Case(NamedTuple):
    """A sketch of a suite, and its wishes in words."""

    kind: str
    asked: str
    sketch: Sketch


Maker = Callable[[Draw, Room], list[str]]
TUNE: dict[str, Maker] = {
    "pins": asked.pins,
    "ranges": asked.ranges,
    "chords": asked.chords,
    "cadences": asked.cadences,
    "rhythm": asked.rhythm,
    "lines": asked.lines,
    "together": asked.together,
}


def tune() -> list[Case]:
    """Blank pages for one voice, with wishes."""
    draw = np.random.default_rng(SEED)
    kinds = [*TUNE, "forms"]
    return [_blank(draw, kinds[number % len(kinds)]) for number in range(SIZE)]


def vary(scores: Sequence[Score]) -> list[Case]:
    """The part for pieces of one voice, or that for four: given but for some bars or voices, with wishes there.

    ``scores`` are pieces that no model knows; raises :class:`UsageError` if none of them will do.
    """
    draw = np.random.default_rng(SEED)
    pages = _openings(scores, BARS)
    kinds = [*(TUNE if len(pages[0].parts) == 1 else asked_choir.CHOIR_KINDS), "forms"]
    made = [(kinds[number % len(kinds)], _drawn(draw, pages)) for number in range(VARIED[len(pages[0].parts)])]
    return [_again(draw, page) if kind == "forms" else _varied(draw, kind, page) for kind, page in made]


def harmonize(scores: Sequence[Score]) -> list[Case]:
    """The melodies of pieces for four voices, of which the three below are to be found, with wishes."""
    draw = np.random.default_rng(SEED)
    pages = _openings(scores, {len(CHOIR): PHRASE})
    kinds = list(asked_choir.CHOIR_KINDS)
    return [_harmonized(draw, kinds[number % len(kinds)], _drawn(draw, pages)) for number in range(SIZE)]


def _drawn(draw: Draw, pages: Sequence[Score]) -> Score:
    return pages[int(draw.integers(len(pages)))]


def _blank(draw: Draw, kind: str) -> Case:
    meter, key = Meter.parse(one(draw, METERS)), Key.parse(one(draw, KEYS))
    if kind == "forms":
        form, bars = FORMS[int(draw.integers(len(FORMS)))]
        wishes = [one(draw, ALSO)]
        return Case(kind, f"{form}; {wishes[0]}", Sketch.blank(bars=bars, meter=meter, key=key, form=form, wish=wishes))
    bars = int(draw.integers(2, 4)) * 2
    wishes = TUNE[kind](draw, Room(meter, key, 1, bars, True))
    return Case(kind, "; ".join(wishes), Sketch.blank(bars=bars, meter=meter, key=key, wish=wishes))


def _openings(scores: Sequence[Score], lengths: Mapping[int, int]) -> list[Score]:
    """The first bars, so many by its voices, of each piece that has enough, in one meter and key, as they are heard."""
    found = []
    for score in scores:
        bars = lengths.get(len(score.parts), 0)
        plain = len(score.meters) == len(score.keys) == 1 and score.key.mode in asked.FOLLOWING and not score.chords
        if bars and plain and score.bars > bars and not (np.diff(score.barlines[1 : bars + 2]) - score.meter.bar).any():
            first, end = score.bar_span(int(score.bar_numbers[0]), bars)
            opening = replace(score, repeats=(), sections=()).rearranged([(first, end)])
            if all(map(len, opening.parts)):
                found.append(opening)
    if not found:
        raise UsageError("none of these pieces begins with enough whole bars in one meter and key; give others")
    return found


def _varied(draw: Draw, kind: str, page: Score) -> Case:
    if len(page.parts) == len(CHOIR):
        return _varied_choir(draw, kind, page)
    first = int(draw.integers(2, BARS[1] - 1))
    last = int(draw.integers(first + 1, BARS[1] + 1))
    region = f"bars {first}-{last}"
    wishes = TUNE[kind](draw, Room(page.meter, page.key, first, last, False))
    return Case(kind, f"{region} anew; {'; '.join(wishes)}", Sketch.of(page, region, wish=wishes))


def _varied_choir(draw: Draw, kind: str, page: Score) -> Case:
    voices = [(1, 2), (3,), (1, 2, 3), (0, 1, 2, 3), (2, 3)][int(draw.integers(5))]
    first = int(draw.integers(1, BARS[4] - 1))
    last = min(first + int(draw.integers(1, 3)), BARS[4])
    region = f"bars {first}-{last} of {', '.join(str(voice + 1) for voice in voices)}"
    wishes = asked_choir.CHOIR_KINDS[kind](draw, asked_choir.Stage(page, voices, first, last, False))
    return Case(kind, f"{region} anew; {'; '.join(wishes)}", Sketch.of(page, region, wish=wishes))


def _harmonized(draw: Draw, kind: str, page: Score) -> Case:
    stage = asked_choir.Stage(page, (1, 2, 3), 1, PHRASE, True)
    wishes = asked_choir.CHOIR_KINDS[kind](draw, stage)
    melody = replace(page, parts=page.parts[:1])
    return Case(kind, "; ".join(wishes), Sketch.harmonizing(melody, len(CHOIR), wish=wishes))


def _again(draw: Draw, page: Score) -> Case:
    """Bars to be composed that come twice, apart from each other, the second time note for note."""
    bars = page.bars
    length = int(draw.integers(1, max(bars // 4, 1) + 1))
    first = int(draw.integers(1, bars - 2 * length + 1))
    again = int(draw.integers(first + length, bars - length + 2))
    free = "; ".join(f"bars {bar}-{bar + length - 1}" for bar in (first, again))
    sketch = Sketch.of(page, free)
    (source, end), (start, stop) = (page.bar_span(bar, bar + length - 1) for bar in (first, again))
    breaths = Breaths((source, end, start, stop), "bars that come again")
    copied = replace(sketch, copies=(Copy(source, start, stop),), constraints=(*sketch.constraints, breaths))
    return Case("forms", f"{free} anew, and the same", copied)
