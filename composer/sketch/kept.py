"""What a finished score keeps of what its sketch asked for: read from its notes alone, in cells of the score's own.

No encoding, mask or machine of a model has a part in it: wishes are asked about the cells of what was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from composer.analysis import beats
from composer.score import Part, Score
from composer.sketch.cells import REST, Constraint, Preference, Table
from composer.sketch.copies import Copy
from composer.sketch.copying import MaxCopy
from composer.sketch.forbid import Forbid
from composer.sketch.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER, Ints

COARSEST = TICKS_PER_QUARTER // 4
FINEST = TICKS_PER_QUARTER // 96


def broken_in(sketch: Sketch, score: Score) -> list[str]:
    """What of a sketch does not hold in a finished score, in words: none if all does.

    Given notes and the page must be as they were, a voice has one note at a time, copied bars are note for note what
    they copy, and every wish holds but for preferences, and ``max_copy``, which only a corpus can tell.
    """
    page = _page(sketch, score)
    if page:
        return page
    ticks = _ticks(sketch, score)
    return [*_given(sketch, score), *_lines(sketch, score), *_copies(sketch, score), *_wishes(sketch, score, ticks)]


def _page(sketch: Sketch, score: Score) -> list[str]:
    asked = sketch.score
    same = {
        "number of voices": len(asked.parts) == len(score.parts),
        "bar lines": np.array_equal(asked.barlines, score.barlines),
        "meters": asked.meters == score.meters,
        "keys": asked.keys == score.keys,
        "repeats": asked.repeats == score.repeats and asked.sections == score.sections,
        "chord symbols": asked.chords == score.chords,
    }
    return [f"the {what} of the page changed" for what, kept in same.items() if not kept]


def _given(sketch: Sketch, score: Score) -> Iterator[str]:
    """Given notes come back as they are, and nothing new sounds outside the holes."""
    for voice, (given, made) in enumerate(zip(sketch.score.parts, score.parts, strict=True)):
        before, after = set(_notes(given)), set(_notes(made))
        changed = sorted(before - after)
        if changed:
            yield f"{score.place(changed[0][0])}: a given note of voice {voice + 1} is gone or changed"
        new = np.array(sorted(after - before), dtype=np.int64).reshape(-1, 4)
        inside = sketch.free(voice, new[:, 0]) & sketch.free(voice, new[:, 0] + new[:, 2] - 1)
        if not inside.all():
            place = score.place(int(new[np.argmin(inside), 0]))
            yield f"{place}: a note of voice {voice + 1} was composed where nothing was free"


def _notes(part: Part) -> Iterator[tuple[int, int, int, int]]:
    columns = (part.onset, part.pitch, part.duration, part.velocity)
    return zip(*(column.tolist() for column in columns), strict=True)


def _lines(sketch: Sketch, score: Score) -> Iterator[str]:
    for voice, part in enumerate(score.parts):
        overlap = (part.offset[:-1] > part.onset[1:]) & sketch.free(voice, part.onset[1:])
        if overlap.any():
            yield f"{score.place(int(part.onset[1:][overlap][0]))}: two notes of voice {voice + 1} sound at once"


def _copies(sketch: Sketch, score: Score) -> Iterator[str]:
    for copy in sketch.copies:
        source, again = ([_within(part, start, copy) for part in score.parts] for start in (copy.source, copy.start))
        if source != again:
            yield f"form: {score.place(copy.start)} does not copy {score.place(copy.source)}"


def _within(part: Part, start: int, copy: Copy) -> list[tuple[int, int, int, int]]:
    """The notes that begin in a span as long as the copy, as if it began at 0."""
    end = start + copy.end - copy.start
    return [(onset - start, *note) for onset, *note in _notes(part) if start <= onset < end]  # type: ignore[misc]


def _wishes(sketch: Sketch, score: Score, ticks: Ints) -> Iterator[str]:
    for wish in sketch.constraints:
        if isinstance(wish, Preference | MaxCopy):
            continue
        voices = [voice for voice in range(len(score.parts)) if any(wish is other for other in sketch.wishes(voice))]
        wrong = [voice for voice in voices if not _Read(sketch, score.parts[voice], voice, ticks).keeps(wish)]
        if wrong or (isinstance(wish, Forbid) and wish.broken(score, sketch.free)):
            yield sketch.said(wish)


@dataclass(frozen=True)
class _Read:
    """A finished voice, as cells that begin at ``ticks`` (S,)."""

    sketch: Sketch
    part: Part
    voice: int
    ticks: Ints

    def keeps(self, wish: Constraint) -> bool:
        return self._masked(wish) and self._lasting(wish) and self._read(wish)

    @property
    def free(self) -> NDArray[np.bool_]:
        return self.sketch.free(self.voice, self.ticks)

    def cells(self) -> tuple[NDArray[np.int64], Table]:
        """(S,) what sounds in each cell, 128 for silence, and whether it begins there, as each silent cell does."""
        sounds, starts = np.full(len(self.ticks), REST), np.ones(len(self.ticks), dtype=bool)
        ends = np.searchsorted(self.ticks, self.part.offset).tolist()
        for first, last, pitch in zip(
            np.searchsorted(self.ticks, self.part.onset).tolist(), ends, self.part.pitch.tolist(), strict=True
        ):
            sounds[first:last] = pitch
            starts[first + 1 : last] = False
        return sounds, starts

    def _masked(self, wish: Constraint) -> bool:
        mask = wish.mask(self.ticks, self.sketch.score)
        if mask is None:
            return True
        sounds, starts = self.cells()
        rows = np.arange(len(self.ticks))
        begun, held = (np.broadcast_to(table, (len(rows), REST + 1))[rows, sounds] for table in mask)
        allowed = np.where(starts, begun | (held & (sounds == REST)), held)
        return bool((allowed | ~self.free).all())

    def _lasting(self, wish: Constraint) -> bool:
        composed = self.part.select(self.sketch.free(self.voice, self.part.onset))
        allowed = wish.lasts(composed.onset, composed.offset, self.sketch.score)
        return allowed is None or bool(allowed.all())

    def _read(self, wish: Constraint) -> bool:
        automaton = wish.automaton(self.ticks, self.sketch.score)
        if automaton is None:
            return True
        free, state = np.append(self.free, self.free[-1]), 0
        if automaton.span is not None:  # how its bars ended is judged in the cell behind them
            free[automaton.span[1]] = free[automaton.span[1] - 1]
        for step, (pitch, starts) in enumerate(zip(*(column.tolist() for column in self.cells()), strict=True)):
            moves = automaton.start(step) if starts else automaton.hold(step)
            if moves is not None:
                if moves.breaks[state, pitch] and free[step]:
                    return False
                state = int(moves.to[state, pitch])
        return not (automaton.breaks_at_end()[state] and self.free[-1])


def _ticks(sketch: Sketch, score: Score) -> Ints:
    """Equal cells so fine that all that was written, and all places of the page, lie on their edges."""
    edges = [part.onset for part in score.parts] + [part.offset for part in score.parts]
    page = [
        score.barlines,
        beats(score),
        [chord.onset for chord in score.chords],
        [copy.start for copy in sketch.copies],
    ]
    holes = [tick for hole in sketch.holes for tick in (hole.start, hole.end)]
    size = COARSEST
    for tick in np.unique(np.concatenate([*edges, *page, holes]).astype(np.int64)).tolist():
        size = gcd(size, tick)
    return np.arange(0, score.end, max(size, FINEST), dtype=np.int32)
