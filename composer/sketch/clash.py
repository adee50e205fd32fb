"""Wishes that exclude each other in a single cell, whatever a model knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from composer.sketch.cells import SYMBOLS, Cells, Constraint, Preference
from composer.sketch.sketch import Sketch
from composer.theory import Ints


def clash(sketch: Sketch, ticks: Ints) -> tuple[int, list[Constraint]] | None:
    """The first cell, of those that begin at ``ticks`` (S,), in which no note or rest may begin or be held, and a
    smallest set of wishes that leave nothing there; None if there is no such cell, or what is given leaves nothing.
    """
    for voice in range(len(sketch.score.parts)):
        cells = sketch.cells(voice, ticks)
        empty = ~(cells.start.any(axis=1) | cells.hold.any(axis=1))
        if empty.any():
            step = int(np.argmax(empty))
            masks = [
                (wish, mask)
                for wish in sketch.wishes(voice)
                if not isinstance(wish, Preference) and (mask := wish.mask(ticks, sketch.score)) is not None
            ]
            rows = [(wish, _row(mask, step)) for wish, mask in masks]
            if _leave_nothing(rows):
                for row in list(rows):
                    rest = [other for other in rows if other is not row]
                    rows = rest if _leave_nothing(rest) else rows
                return step, [wish for wish, _ in rows]
    return None


def _row(mask: Cells, step: int) -> Cells:
    """What a mask allows in one cell, each (129,)."""
    return Cells(*(table[step if len(table) > 1 else 0] for table in mask))


def _leave_nothing(rows: Sequence[tuple[Constraint, Cells]]) -> bool:
    start = np.logical_and.reduce([row.start for _, row in rows]) if rows else np.ones(SYMBOLS, dtype=bool)
    hold = np.logical_and.reduce([row.hold for _, row in rows]) if rows else np.ones(SYMBOLS, dtype=bool)
    return not (start.any() or hold.any())
