"""Which of the notes that sound together are the melody, and which the left hand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from composer.live.phrase import Heard

APART = 10  # semitones between the middles of two hands
REACH = 15  # from the lowest to the highest note: what one hand plays
SHARED = 0.4  # of the lower hand's notes sound with one of the upper


def hands(notes: Sequence[tuple[int, Heard]]) -> tuple[list[tuple[int, Heard]], list[tuple[int, Heard]]]:
    """The notes, each with its place, of the right hand, and of the left if two hands play."""
    pitches = np.array([note.pitch for _, note in notes])
    if np.ptp(pitches) < REACH:
        return list(notes), []
    edge = _edge(pitches)
    upper = [row for row in notes if row[1].pitch >= edge]
    lower = [row for row in notes if row[1].pitch < edge]
    middles = np.mean([row[1].pitch for row in upper]) - np.mean([row[1].pitch for row in lower])
    if middles < APART or _together(lower, upper) < SHARED:
        return list(notes), []
    return upper, lower


def _edge(pitches: np.ndarray) -> int:
    """The pitch that divides low from high best: the variance between both sides is largest (Otsu's threshold)."""
    edges = np.unique(pitches)[1:]
    low = pitches[None, :] < edges[:, None]
    share = low.mean(axis=1)
    below = (low * pitches).sum(axis=1) / low.sum(axis=1)
    above = (~low * pitches).sum(axis=1) / (~low).sum(axis=1)
    return int(edges[(share * (1 - share) * (above - below) ** 2).argmax()])


def _together(lower: Sequence[tuple[int, Heard]], upper: Sequence[tuple[int, Heard]]) -> float:
    """The share of lower notes that begin with an upper one, or sound through half of one or more."""
    struck = {place for place, _ in upper}
    onset = np.array([note.onset for _, note in upper])
    half = np.array([(note.onset + note.released) / 2 for _, note in upper])
    shared = [
        place in struck or bool(((onset < note.released) & (half > note.onset) & (half < note.released)).any())
        for place, note in lower
    ]
    return float(np.mean(shared))


def top_line(notes: Sequence[tuple[int, Heard]]) -> list[tuple[int, Heard]]:
    """The highest note of each place, without those that move below a note that is still held."""
    line: list[tuple[int, Heard]] = []
    for place, chord in groupby(notes, key=lambda row: row[0]):
        top = max((note for _, note in chord), key=lambda note: (note.pitch, note.released))
        held = line[-1][1] if line else None
        under = held is not None and held.pitch > top.pitch + 2
        if held is None or not under or held.released < max(top.onset + 0.1, (top.onset + top.released) / 2):
            line.append((place, top))
    return line
