"""Events relative to those before, so that transposed copies are equal: what the copy index compares.

A move is a row of integers, columns as in :mod:`composer.inference.suffixes`: the step in semitones from the reference
pitch of the last event that sounds, 1 if a note begins with the event, its duration in steps, and what else describes
it by itself. Notes are counted from the tonic where events are, so a step over a change of key counts between tonics.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.inference.rows import Rows

REST_STEP = 128  # nothing sounds
FIRST_STEP = 129  # nothing has sounded before


def last_sounding(reference: NDArray[np.int32], sounding: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(T + 1,) the reference (T,) of the last event that sounds before each event and before the end; -1: none."""
    place = np.maximum.accumulate(np.where(sounding, np.arange(len(sounding)), -1))
    return np.append(-1, np.where(place >= 0, reference[place], -1))


def rows(
    reference: NDArray[np.int32],
    sounding: NDArray[np.bool_],
    earlier: NDArray[np.int64],
    begins: NDArray[np.bool_],
    *rest: NDArray[np.int32],
) -> Rows:
    """(N, K) moves of events by their reference pitches (N,) and, as in :func:`last_sounding`, those ``earlier`` (N,)
    or (1,); ``rest`` are the columns from the duration on.
    """
    step = np.where(earlier < 0, FIRST_STEP, reference - earlier)
    columns = [np.where(sounding, step, REST_STEP), begins, *rest]
    return np.stack(columns, axis=1).astype(np.int32)
