"""The pages that are judged: held-out music with nothing on it but notes, and blank pages like those of the corpus.

A page has meter, key, bars, pickup, and, for choirs, the fermatas at which phrases rest: nothing else that is written
in the corpus, or could be wished, is known to who composes, or seen by who judges.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf

import numpy as np

from composer.analysis import uneven_bars
from composer.encodings.base import Encoding
from composer.errors import UsageError
from composer.evaluation.lines import bars_of
from composer.score import Part, Score, regular_barlines
from composer.sketch import Sketch
from composer.sketch.regions import Hole
from composer.theory import TICKS_PER_QUARTER

SIXTEENTH = TICKS_PER_QUARTER // 4
TRIES = 20  # for each page that is wanted


def plain(score: Score) -> Score:
    """The written score without repeats, sections, endings and words: bars are whole again from one bar line to the
    next, but for the pickup and what it leaves of the last. Fermatas stay where there are several parts.
    """
    lines = regular_barlines(score.meters, score.end, score.pickup)
    rest = int(lines[-1]) - score.pickup
    if score.pickup and rest >= score.end:
        lines = np.append(lines[:-1], rest)
    parts = [Part.of(*part.columns, program=part.program, drums=part.drums, name=part.name) for part in score.parts]
    fermatas = score.fermatas if len(parts) > 1 else ()
    return Score.of(parts, meter=score.meters, key=score.keys, tempo=score.tempos, barlines=lines, fermatas=fermatas)


def seen(scores: Iterable[Score], view: Encoding) -> list[Score]:
    """Scores as a view keeps them, plain; without those that make no page."""
    pages = (page_of(view.normalize(score).score) for score in scores)
    return [page for page in pages if page is not None]


def page_of(score: Score) -> Score | None:
    """The plain page of a score; None if it is silent, or if its bars would begin elsewhere there: behind an ending or
    a bar that is too short, the page's lines would stand beside the music's.
    """
    page = plain(score)
    there = any(map(len, score.parts)) and np.array_equal(bars_of(score).start, bars_of(page).start)
    return page if there else None


def blank_pages(scores: SequenceOf[Score], n: int, seed: int) -> list[Sketch]:
    """``n`` blank sketches like as many of the pages, drawn with replacement: no wish, and no note.

    Pages that some models could not fill, as their bars do not fall on 16ths, and those whose bars cannot add up, as
    the meter changes inside one, are passed over. Raises :class:`UsageError` if there are no others.
    """
    rng = np.random.default_rng(seed)
    found: list[Sketch] = []
    for _ in range(TRIES * n):
        page = blank(scores[int(rng.integers(len(scores)))])
        if not (page.score.barlines % SIXTEENTH).any() and not any(uneven_bars(page.score)):
            found.append(page)
            if len(found) == n:
                return found
    raise UsageError("hardly a page of this corpus has bars that add up and fall on 16ths; give other files")


def blank(score: Score) -> Sketch:
    """The page of a score with all voices open, and nothing wished."""
    page = plain(score)
    empty = Score.of(
        [Part.of(name=part.name) for part in page.parts],
        meter=page.meters,
        key=page.keys,
        tempo=page.tempos,
        barlines=page.barlines,
        fermatas=page.fermatas,
    )
    return Sketch(empty, tuple(Hole(voice, 0, empty.end) for voice in range(len(empty.parts))))
