"""What is new in music, beside a library: how many windows of whole bars do not stand in it, and what nearly copies it.

The share of windows of n bars that are not in the training corpus, beside the same share of held-out music, is an
originality report as of Yin, Reuben, Stepney and Collins, "Measuring when a music generation algorithm copies too much"
(SN Computer Science 3:340, 2022), with exact matches of melodic lines in any transposition for their similarity score:
the baseline is how much real music borrows.

A near-duplicate has at least 60 % of its notes in runs of eight or more that one piece of the library has too. That is
far stricter than kinship (:mod:`composer.corpora.kin`: a fifth of the runs of nine notes, so that no variant of a test
piece is learned from): of the folk tunes that have kin, all whose notes are the same reach it, and 56 % of the others;
of held-out tunes, whose kin are held out with them, 1 %; of held-out chorales, none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from composer.errors import UsageError
from composer.evaluation.judgement import Novelty, Span
from composer.evaluation.library import Library
from composer.evaluation.melodies import Lines
from composer.evaluation.resampling import INTERVAL, grouped, resampled
from composer.inference.suffix_array import Ints
from composer.score import Score

Floats = NDArray[np.float64]

BARS = range(1, 9)  # the lengths of windows
RESAMPLES = 1_000
RUN = 8  # notes: shorter runs are the common stock of scales and cadences
SHARE = 0.6  # of a piece's notes
COMMON = 100  # a run that stands in more places than this says nothing of kinship


def novelty(scores: Iterable[Score], library: Library, seed: int = 0, groups: ArrayLike | None = None) -> Novelty:
    """How new scores are beside a library; windows, and notes, of all lines of a score are taken together.

    The curve ends before the first length that no score has. ``seed`` is of the bootstrap over scores; those that have
    one value in ``groups`` (P,) are drawn together. Raises :class:`UsageError` if there are no notes.
    """
    lines = Lines.of(scores)
    if not lines.lines:
        raise UsageError("there are no notes whose novelty could be measured")
    found = [passage for passage in library.passages(lines) if passage]
    notes, bars = np.zeros(lines.scores), np.zeros(lines.scores)
    np.maximum.at(notes, [passage.here.piece for passage in found], [passage.notes for passage in found])
    np.maximum.at(bars, [passage.here.piece for passage in found], [passage.bars for passage in found])
    drawn = resampled(grouped(groups, lines.scores), RESAMPLES, np.random.default_rng(seed))[:, lines.of_piece]
    return {
        "pieces": lines.scores,
        "curve": [_span(new, of, drawn) for new, of in curve(lines, [library], True)],
        "longest_notes": float(np.median(notes)),
        "longest_bars": float(np.median(bars)),
        "most_bars": float(bars.max()),
        "near_duplicates": float((nearness(lines, library) >= SHARE).mean()),
        "rhythm_free": [float(new.sum() / of.sum()) for new, of in curve(lines, [library], False)],
    }


def curve(lines: Lines, libraries: Sequence[Library], rhythm: bool) -> list[tuple[Ints, Ints]]:
    """For n = 1, 2 ... 8 how many windows of n bars each line (L,) has that stand in none of the libraries, and of how
    many; as far as any line has windows of that length.
    """
    symbols = lines.symbols(rhythm)
    reach = np.max([library.index(rhythm).matches(symbols).length for library in libraries], axis=0)
    counts = []
    for n in BARS:
        row, new = _windows(lines, reach, n)
        if not len(row):
            break
        fresh, of = (np.bincount(found, minlength=len(lines.lines)).astype(np.int64) for found in (row[new], row))
        counts.append((fresh, of))
    return counts


def _windows(lines: Lines, reach: Ints, n: int) -> tuple[Ints, NDArray[np.bool_]]:
    """The line of each window of n whole bars in which a note begins, and whether it is new: its notes, two or more,
    are no run of the library's. ``reach`` (N,) is how many symbols from each note on are.
    """
    bars = np.array([line.bars for line in lines.lines])
    size = int(bars.max()) + n + 1
    place = np.repeat(np.arange(len(bars)), np.diff(lines.starts)) * size + lines.bar  # ascending
    start = np.unique(np.unique(place)[:, None] - np.arange(n))  # of windows in which a note begins
    row, bar = np.divmod(start, size)
    whole = (bar >= 1) & (bar + n - 1 <= bars[row])
    first, last = (np.searchsorted(place, start[whole] + after) for after in (0, n))
    return row[whole], reach[first] < last - first - 1


def _span(new: Ints, of: Ints, drawn: Floats) -> Span:
    """A share pooled over lines (L,), with the interval of lines ``drawn`` (n, L) so often."""
    low, high = np.quantile(drawn @ new / np.maximum(drawn @ of, 1), INTERVAL)
    return {"value": float(new.sum() / of.sum()), "low": float(low), "high": float(high)}


def nearness(lines: Lines, library: Library) -> Floats:
    """(P,) the largest share of each score's notes that lie in runs of eight notes or more shared with one piece of the
    library, rhythm and all; runs that stand in more than a hundred places do not count.
    """
    start, place = library.exact.occurrences(lines.symbols(), RUN - 1, COMMON)
    row = np.searchsorted(lines.starts, start, "right") - 1
    piece, source = lines.of_piece[row], library.pieces[place]
    pair = np.unique(np.stack([piece, source, start], axis=1), axis=0)
    piece, source, start = pair.T
    same = (np.diff(piece) == 0) & (np.diff(source) == 0)
    covered = np.full(len(start), RUN)
    covered[:-1][same] = np.minimum(np.diff(start)[same], RUN)
    edges = np.flatnonzero(np.concatenate([[True], ~same]))[: len(start)]
    notes = np.bincount(lines.of_piece, np.diff(lines.starts), lines.scores)
    share = np.zeros(lines.scores)
    if len(edges):
        np.maximum.at(share, piece[edges], np.add.reduceat(covered, edges) / notes[piece[edges]])
    return share
