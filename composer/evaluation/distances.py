"""How far composed music is from held-out music, statistic by statistic, beside how far training music is.

The distance of distributions is the total variation, TV(p, q) = 1/2 sum |p - q|, 0 to 1: the share of notes (beats,
phrases ...) that would have to change for the two to agree. Of curves it is the mean absolute difference of their
points. Both are taken of counts that are pooled over pieces.

Distances of samples are biased upwards, the more so the smaller they are. So the noise floor is the distance of
training samples as large as the composed one from the same held-out music: were the model as good as real music, its
distance would be one of these draws. All intervals are 95 %. The floor's is of such draws. That of the distance is
bootstrapped: pieces of both sides are drawn again with replacement, and what this spreads about its own mean is put
about the value.

Pieces composed on one blank page share its meter, key and length, and variants much more. They are drawn together, and
the floor's samples have as many pieces as there are pages, which is cautious: it can hide a small distance, but not
make one up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from composer.evaluation.judgement import Distance, Span
from composer.evaluation.resampling import INTERVAL, Groups, grouped, resampled
from composer.evaluation.statistics import OF, Counts, Statistic, statistics
from composer.score import Score

DRAWS = 300
SHOWN = 16  # values

Reals = NDArray[np.float64]


class Tally(NamedTuple):
    """What a statistic counts in each of some pieces."""

    statistic: Statistic
    pieces: list[Counts]
    groups: Groups  # (P,) of pieces that are drawn together


def tally(scores: Iterable[Score], voices: int, groups: ArrayLike | None = None) -> list[Tally]:
    """Count every statistic of music in so many voices; a tally may be used for several comparisons.

    ``groups`` (P,) says by any values which pieces share a page, or are variants; each is by itself if it is not given.
    """
    kept = list(scores)
    owners = grouped(groups, len(kept))
    return [Tally(statistic, [statistic.count(score) for score in kept], owners) for statistic in statistics(voices)]


def distances(
    real: Iterable[Score],
    composed: Iterable[Score],
    training: Iterable[Score],
    voices: int,
    seed: int,
    pages: ArrayLike | None = None,
) -> list[Distance]:
    """How far composed scores are from real ones, in every statistic of :mod:`composer.evaluation.statistics`.

    ``pages`` (P,) says by any values which composed pieces share a page; each has its own if it is not given.
    """
    return compared(tally(real, voices), tally(composed, voices, pages), tally(training, voices), seed)


def compared(real: list[Tally], composed: list[Tally], training: list[Tally], seed: int) -> list[Distance]:
    """The same of what has been counted. Where one side has nothing to count, the distance is 1."""
    rng = np.random.default_rng(seed)
    return [_distance(*sides, rng) for sides in zip(real, composed, training, strict=True)]


def _distance(real: Tally, composed: Tally, training: Tally, rng: np.random.Generator) -> Distance:
    statistic = real.statistic
    names = {name: None for side in (real, composed, training) for piece in side.pieces for name in piece}
    values = [name for name in names if not (statistic.curve and name.startswith(OF))]
    held, made, learned = (_Side.of(side, values) for side in (real, composed, training))
    real_shares, composed_shares = _shown(statistic, values, held.shares()[0], made.shares()[0])
    return {
        "name": statistic.name,
        "title": statistic.title,
        "distance": _bootstrapped(held, made, rng, curve=statistic.curve),
        "floor": _floor(held, learned, int(made.groups.max(initial=-1)) + 1, rng, curve=statistic.curve),
        "real": real_shares,
        "composed": composed_shares,
    }


class _Side(NamedTuple):
    """Counts (P, K) of K values in P pieces, and out of how many: (P, K) of a curve, else (P, 1)."""

    counts: Reals
    totals: Reals
    groups: Groups

    @classmethod
    def of(cls, tally: Tally, values: list[str]) -> _Side:
        column = {value: number for number, value in enumerate(values)}
        counts = np.zeros((len(tally.pieces), len(values)))
        totals = np.zeros_like(counts)
        for piece, found in enumerate(tally.pieces):
            for name, count in found.items():
                table = counts if name in column else totals
                table[piece, column[name.removeprefix(OF)]] = count
        of = totals if tally.statistic.curve else counts.sum(axis=1, keepdims=True)
        return cls(counts, of, tally.groups)

    def shares(self, weights: Reals | None = None) -> Reals:
        """(n, K) shares of pieces that count so often, (n, P); NaN where there are none. Without weights, each once."""
        each = np.ones((1, len(self.counts))) if weights is None else weights
        counts, totals = each @ self.counts, each @ self.totals
        return np.asarray(np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0))


def distance(first: Reals, second: Reals, *, curve: bool) -> Reals:
    """(n,) distances of shares (n, K) or (1, K): total variation, or of curves the mean absolute difference.

    Where one side has nothing (NaN), a distance is 1, where both have, 0; points of a curve that only one side has are
    left out.

    >>> distance(np.array([[0.5, 0.5, 0]]), np.array([[0.5, 0.25, 0.25]]), curve=False).tolist()
    [0.25]
    """
    apart = np.abs(first - second)
    both = ~np.isnan(apart)
    number, total = both.sum(axis=1), np.where(both, apart, 0.0).sum(axis=1)
    one_sided = np.any(np.isnan(first) != np.isnan(second), axis=1).astype(np.float64)
    measured = total / np.maximum(number, 1) if curve else total / 2
    return np.asarray(np.where(number > 0, measured, one_sided))


def _bootstrapped(real: _Side, composed: _Side, rng: np.random.Generator, *, curve: bool) -> Span:
    value = float(distance(real.shares(), composed.shares(), curve=curve)[0])
    if not len(real.counts) or not len(composed.counts):
        return {"value": value, "low": value, "high": value}
    pieces, others = (side.shares(resampled(side.groups, DRAWS, rng)) for side in (real, composed))
    drawn = distance(pieces, others, curve=curve)
    low, high = np.quantile(drawn, INTERVAL) - drawn.mean() + value
    return {"value": value, "low": float(min(max(low, 0.0), value)), "high": float(max(min(high, 1.0), value))}


def _floor(real: _Side, training: _Side, size: int, rng: np.random.Generator, *, curve: bool) -> Span:
    """The mean distance of draws of so many training pieces, without replacement; of all if there are fewer."""
    pieces = len(training.counts)
    order = np.argsort(rng.random((DRAWS, pieces)), axis=1)
    drawn = distance(real.shares(), training.shares((order < size).astype(np.float64)), curve=curve)
    low, high = np.quantile(drawn, INTERVAL)
    return {"value": float(drawn.mean()), "low": float(low), "high": float(high)}


def _shown(
    statistic: Statistic, values: list[str], real: Reals, composed: Reals
) -> tuple[dict[str, float], dict[str, float]]:
    """The shares of the values that are most frequent in real music, in the order of a plot."""
    shares = [
        {v: float(share) for v, share in zip(values, side, strict=True)} for side in np.nan_to_num((real, composed))
    ]
    frequent = sorted(shares[0], key=lambda value: (-shares[0][value], value))[:SHOWN]
    chosen = sorted(frequent, key=statistic.rank) if statistic.rank else frequent
    return {value: shares[0][value] for value in chosen}, {value: shares[1][value] for value in chosen}
