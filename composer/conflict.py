"""Why nothing can satisfy a sketch: a smallest set of its wishes that exclude each other, in the user's words."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from composer.errors import Infeasible
from composer.score import Part
from composer.sketch import Constraint, Hole, Preference, Sketch
from composer.sketch.clash import clash

GIVEN = "the given notes"
PATIENCE = 0.7  # seconds after which the set may be larger than it need be

Check = Callable[[Sketch], None]  # raises Infeasible, with the step at which it fails


def explained(sketch: Sketch, check: Check, place: Callable[[int], str], grid: int) -> str | None:
    """``bar 8: ends on G and range D4:F#4 exclude each other``; None if the sketch's wishes are not at fault.

    Wishes that leave nothing in a cell, of ``grid`` ticks, are told first: they exclude each other for every model.
    Found by deletion: what can be left out, and nothing passes still, is no part of it. ``place`` names a step.
    """
    if found := clash(sketch, np.arange(0, sketch.score.end, grid, dtype=np.int32)):
        return _told(place(found[0]), [sketch.said(wish) for wish in found[1]])
    until = time.perf_counter() + PATIENCE
    kept = [wish for wish in sketch.constraints if not isinstance(wish, Preference)]
    if _failing(sketch, kept, check) is None:
        return None
    if _failing(sketch, [], check) is not None:
        kept = []
    for wish in list(kept):
        rest = [other for other in kept if other is not wish]
        if _failing(sketch, rest, check) is not None:
            kept = rest
        if time.perf_counter() > until:
            break
    step = _failing(sketch, kept, check)
    names = [sketch.said(wish) for wish in kept]
    if not names or _failing(_emptied(sketch), kept, check) is None:
        names.append(GIVEN)
    return _told("" if step is None else place(step), names)


def _told(place: str, names: Sequence[str]) -> str:
    where = f"{place}: " if place else ""
    if names == [GIVEN]:
        return f"{where}{GIVEN} cannot be kept: this model knows no such pitch or length there; leave that bar out"
    if len(names) == 1:
        return f"{where}{names[0]} cannot be kept"
    return f"{where}{', '.join(names[:-1])} and {names[-1]} exclude each other"


def _failing(sketch: Sketch, wishes: Sequence[Constraint], check: Check) -> int | None:
    """The step at which nothing can pass with these wishes alone; None if something can."""
    try:
        check(replace(sketch, constraints=tuple(wishes)))
    except Infeasible as error:
        return error.step
    return None


def _emptied(sketch: Sketch) -> Sketch:
    """The sketch with nothing given."""
    score = replace(sketch.score, parts=tuple(Part.of(name=part.name) for part in sketch.score.parts))
    return replace(sketch, score=score, holes=tuple(Hole(voice, 0, score.end) for voice in range(len(score.parts))))
