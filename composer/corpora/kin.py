"""Which melodies are variants of each other: those that share enough runs of intervals.

Repeated notes are left out of the runs, because variants differ most in how they fill a long note. Below a fifth of
common runs, what two folk tunes or two chorales share is the common stock of scales and cadences; with a tenth,
one group would swallow a third of Bach's chorales.

A hundred thousand melodies have a hundred million runs, and far more pairs of melodies share one than share enough. So
the runs are sorted a part at a time, and pairs are counted twice: first by their checksums, in a table of fixed size,
then truly, those that the table does not rule out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RUN = 8  # intervals, so nine notes
SHARE = 0.2  # of the shorter melody's runs
ENOUGH = 8  # runs: seventeen notes in a row
COMMON = 50  # a run in more melodies than this says nothing of kinship
WIDEST = 15  # semitones; wider leaps count as this one

BASE = 2 * WIDEST + 1
BITS = 22  # of a melody's number, so four million of them; a run has forty
PART = 2**23  # runs that are sorted at a time
BLOCK = 2**20  # intervals that become runs at a time, and runs that become pairs
TABLE = 2**26  # counters, at most
PENDING = 2**22  # pairs that are counted at a time
MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads runs and pairs evenly

Ids = NDArray[np.int64]
Moves = NDArray[np.int8]


def near_links(lines: Sequence[Moves]) -> Ids:
    """(L, 2) links between melodies, all different, that share enough runs.

    A pair that is already connected by others may be left out.
    """
    shared = _shared_runs(lines)
    counts = shared.counts.astype(np.int64)
    bits = max(1, min(TABLE, 2 * int((counts * (counts - 1)).sum())).bit_length() - 1)
    table = np.zeros(2**bits, dtype=np.uint32)
    for pairs in shared.pairs():
        np.add.at(table, _places(pairs, bits), np.uint32(1))
    links = _Links(shared.sizes)
    for pairs in shared.pairs():
        links.count(pairs[table[_places(pairs, bits)] >= links.enough(pairs)])
    return links.found()


class _Shared:
    """Runs that are in several melodies, but not in too many: which ones bear each, one run after another."""

    def __init__(self, bearers: NDArray[np.int32], counts: NDArray[np.int32], sizes: Ids) -> None:
        self.bearers = bearers
        self.counts = counts  # (runs,) bearers of each
        self.sizes = sizes  # (melodies,) different runs in each

    def pairs(self) -> Iterator[Ids]:
        """Every pair of bearers of every run, the earlier one first: see :func:`_joined`."""
        ends = np.cumsum(self.counts, dtype=np.int64)
        for first, last in _blocks(ends):
            counts = self.counts[first:last]
            start, stop = ends[first] - counts[0], ends[last - 1]
            bearers = self.bearers[start:stop].astype(np.int64)
            after = np.repeat(ends[first:last] - start, counts) - np.arange(1, stop - start + 1)  # bearers that follow
            index = np.arange(stop - start)
            for gap in range(1, COMMON):
                index = index[after[index] >= gap]
                if not index.size:
                    break
                yield _joined(bearers[index], bearers[index + gap])


def _shared_runs(lines: Sequence[Moves]) -> _Shared:
    """The runs of all melodies, a part of the possible ones at a time."""
    ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
    parts = 1 + int(ends[-1]) // PART if len(ends) else 1
    bearers, counts = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    sizes = np.zeros(len(lines), dtype=np.int64)
    for part in range(parts):
        entry = np.concatenate([np.zeros(0, np.int64), *_runs(lines, ends, part, parts)])
        entry.sort()
        run, melody = _parted(entry[np.diff(entry, prepend=-1) > 0])
        sizes += np.bincount(melody, minlength=len(lines))
        starts = np.flatnonzero(np.diff(run, prepend=-1))
        count = np.diff(starts, append=len(run))
        telling = (count > 1) & (count <= COMMON)
        bearers.append(melody[np.repeat(telling, count)].astype(np.int32))
        counts.append(count[telling].astype(np.int32))
    return _Shared(np.concatenate(bearers), np.concatenate(counts), sizes)


def _runs(lines: Sequence[Moves], ends: Ids, part: int, parts: int) -> Iterator[Ids]:
    """The runs of this part: the eight intervals of each as one number, joined to the number of its melody."""
    for first, last in _blocks(ends):
        run = np.concatenate(lines[first:last]).astype(np.int64) + WIDEST
        length = 1
        while length < min(RUN, len(run)):  # runs of two intervals from single ones, of four from those
            run = run[:-length] * BASE**length + run[length:]
            length *= 2
        lengths = np.diff(ends[first:last], prepend=ends[first - 1] if first else 0)
        end = np.repeat(np.cumsum(lengths), lengths)[: len(run)]
        whole = np.arange(RUN, len(run) + RUN) <= end
        if parts > 1:
            whole &= (run.view(np.uint64) * MIX >> np.uint64(40)) % np.uint64(parts) == part
        yield _joined(run[whole], np.repeat(np.arange(first, last), lengths)[: len(run)][whole])


def _blocks(ends: Ids) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of things that end there, together about :data:`BLOCK` long."""
    cuts = np.searchsorted(ends, np.arange(BLOCK, ends[-1] + BLOCK, BLOCK), "right") if len(ends) else np.zeros(0, int)
    return pairwise([0, *np.unique(cuts[cuts > 0]).tolist()])


def _joined(first: Ids, second: Ids) -> Ids:
    """A number and a melody's number as one."""
    return first << BITS | second


def _parted(joined: Ids) -> tuple[Ids, Ids]:
    """The inverse of :func:`_joined`."""
    return joined >> BITS, joined & (2**BITS - 1)


def _places(pairs: Ids, bits: int) -> Ids:
    """Where pairs are counted in a table of 2^bits."""
    return (pairs.view(np.uint64) * MIX >> np.uint64(64 - bits)).view(np.int64)


class _Links:
    """Pairs, counted until they are enough to link two melodies that no others connect."""

    def __init__(self, sizes: Ids) -> None:
        self.sizes = sizes
        self.least = np.maximum(np.ceil(SHARE * sizes), np.minimum(ENOUGH, sizes)).astype(np.int32)
        self.links = np.zeros((0, 2), dtype=np.int64)
        self.label = np.arange(len(sizes))
        self.pair = np.zeros(0, dtype=np.int64)  # counted so far, and how often
        self.times = np.zeros(0, dtype=np.int64)
        self.waiting: list[Ids] = []

    def enough(self, pairs: Ids) -> NDArray[np.int32]:
        """How many runs each pair must share: more for longer melodies, so what the shorter one needs."""
        first, second = _parted(pairs)
        return np.asarray(np.minimum(self.least[first], self.least[second]))

    def count(self, pairs: Ids) -> None:
        self.waiting.append(pairs[self._apart(pairs)])
        if sum(map(len, self.waiting)) > PENDING:
            self._count()

    def found(self) -> Ids:
        self._count()
        return self.links

    def _apart(self, pairs: Ids) -> NDArray[np.bool_]:
        first, second = _parted(pairs)
        return np.asarray(self.label[first] != self.label[second])

    def _count(self) -> None:
        pair, place = np.unique(np.concatenate([self.pair, *self.waiting]), return_inverse=True)
        before = np.concatenate([self.times, np.ones(sum(map(len, self.waiting)))])
        times = np.bincount(place, before, len(pair)).astype(np.int64)
        self.waiting = []
        linked = times >= self.enough(pair)
        self.links = np.concatenate([self.links, np.stack(_parted(pair[linked]), axis=1)])
        self.label = connected(len(self.sizes), self.links)
        rest = ~linked & self._apart(pair)
        self.pair, self.times = pair[rest], times[rest]


def connected(total: int, links: Ids) -> Ids:
    """(total,) the smallest index that each can be reached from over the links (L, 2)."""
    label = np.arange(total)
    while True:
        lowest = label[links].min(axis=1)
        closer = label.copy()
        np.minimum.at(closer, links[:, 0], lowest)
        np.minimum.at(closer, links[:, 1], lowest)
        closer = closer[closer]
        if (closer == label).all():
            return np.asarray(label)
        label = closer
