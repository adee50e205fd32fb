"""What a row of events shares with a corpus, in any transposition: the copy index, and the guard that forbids copies.

Events are described by moves, integer rows (T, K): how the event steps from the one before (column 0), whether a note
begins with it (column 1, 0 or 1), how long it lasts (column 2), and whatever else describes it by itself. A run of
events copies the corpus if somewhere in one piece of it all these are equal, but for the step of the first event. A run
has at least two events and begins where a note begins, so that every step inside it is one between its own notes.

The guard is MaxOrder (Papadopoulos, Roy and Pachet 2014): no copied run is longer than the limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import ReadError, UsageError
from composer.inference.rows import Ints, Rows, RowTable

Bools = NDArray[np.bool_]

STEP, BEGINS, LASTS = 0, 1, 2  # columns of a move
UNITS = {"notes": BEGINS, "steps": LASTS}  # what a limit counts, and the column that says how much an event counts
MAX_EVENTS = 2**24  # in an index
SHORT = 4  # pairs: shorter runs are found by what comes after them, which is rare
TOGETHER = 7  # pairs that are looked up at once, where short runs do not count: most are rare
MULTIPLIER = 0x9E3779B97F4A7C15  # odd: the golden ratio of 2**64
FIRST, UNKNOWN = -1, -2  # in place of a pair: the first event of a piece, and what the corpus never has


class View(Protocol):
    """What tells the moves of events; the encodings do."""

    def moves(self, events: Rows) -> Rows:
        """(T, D) -> (T, K)"""
        ...

    def following(self, before: Rows, events: Rows) -> Rows:
        """(T, D), (V, D) -> (V, K) the move that each of ``events`` would be, coming right after ``before``."""
        ...

    def played(self, moves: Rows, pitch: int) -> Rows:
        """(T, K) -> (T, D) the events of moves that begin with a note at ``pitch``."""
        ...


class Run(NamedTuple):
    """A copied run: ``events`` of the query from ``first`` on are those of a ``piece`` from its event ``place`` on."""

    first: int
    events: int
    piece: int
    place: int


@dataclass(frozen=True, eq=False)
class CopyIndex:
    """All moves of a corpus, one piece after another, found by pairs of neighbouring events."""

    rows: Rows  # (R, K) the distinct moves, ascending
    ids: NDArray[Any]  # (N,) which of them each event is
    starts: Ints  # (P + 1,) where each piece begins; the last is N

    @classmethod
    def of(cls, pieces: list[Rows]) -> Self:
        """The index of pieces' moves, (T, K) each; raises :class:`UsageError` if there are none."""
        if not sum(map(len, pieces)):
            raise UsageError("a copy index needs at least one event")
        rows, ids = np.unique(np.concatenate(pieces), axis=0, return_inverse=True)
        starts = np.cumsum([0, *(len(piece) for piece in pieces)])
        return cls(rows.astype(np.int32), ids.reshape(-1), starts)

    def runs(self, moves: Rows, pairs: int = 1) -> tuple[Ints, Ints]:
        """For each event (T,) how many events the longest copied run that ends there has (0: none), and where in the
        corpus the first such run ends (-1: nowhere). Runs of fewer than so many pairs may be passed over, which is
        quick: O(sum over events of how often as many pairs occur together).
        """
        matched, place = np.zeros(len(moves), dtype=np.int64), np.full(len(moves), -1)
        run = np.zeros(len(self.ids), dtype=np.int32)
        before = np.zeros(0, dtype=np.int64)
        for event, found in enumerate(self._ends(self.pairs(moves), pairs)):
            lengths = run[found - 1] + 1
            run[before] = 0
            run[found] = lengths
            before = found
            if len(found):
                best = int(lengths.argmax())
                matched[event], place[event] = lengths[best] + pairs - 1, found[best]
        length = np.arange(len(moves)) - _next_note(moves)[np.arange(len(moves)) - matched] + 1
        length = np.where(length < 2, 0, length)
        return length, np.where(length > 0, place, -1)

    def longest(self, moves: Rows) -> Ints:
        """(T,) for each event the length in events of the longest copied run that ends there; 0 if there is none."""
        return self.runs(moves)[0]

    def where(self, moves: Rows, ends: Bools | None = None) -> Run | None:
        """The longest copied run, the first of equals, and where it stands; of those that end with one of the events
        ``ends`` (T,) if they are given. None if nothing is copied.
        """
        sought = np.ones(len(moves), dtype=bool) if ends is None else ends
        length, place = self.runs(moves, TOGETHER)
        if (length * sought).max(initial=0) <= TOGETHER:  # no longer than what may have been passed over
            length, place = self.runs(moves)
        length = length * sought
        if not length.any():
            return None
        last = int(length.argmax())
        events, end = int(length[last]), int(place[last])
        piece = int(np.searchsorted(self.starts, end, "right")) - 1
        return Run(last - events + 1, events, piece, end - events + 1 - int(self.starts[piece]))

    def piece(self, number: int) -> Rows:
        """(T, K) the moves of one piece."""
        return np.asarray(self.rows[self.ids[self.starts[number] : self.starts[number + 1]]])

    # --- pairs of neighbouring events: runs are rows of equal pairs ------------------------------------------------

    @cached_property
    def known(self) -> RowTable:
        return RowTable(self.rows)

    @cached_property
    def shapes(self) -> RowTable:
        """All that moves say but their steps."""
        return RowTable(np.unique(self.rows[:, BEGINS:], axis=0))

    @cached_property
    def shape(self) -> Ints:
        """(R,) the shape of each row."""
        return self.shapes.numbers(self.rows[:, BEGINS:])

    @cached_property
    def corpus_pairs(self) -> Ints:
        """(N,) for every event the number of its move and the shape before it; FIRST at the start of a piece."""
        pairs = np.full(len(self.ids), FIRST, dtype=np.int64)
        pairs[1:] = self.shape[self.ids[:-1]] * len(self.rows) + self.ids[1:]
        pairs[self.starts[:-1][np.diff(self.starts) > 0]] = FIRST
        return pairs

    def pairs(self, moves: Rows) -> Ints:
        """(T,) the same for moves that are looked up; UNKNOWN where the corpus has no such event or shape."""
        pairs = np.full(len(moves), UNKNOWN, dtype=np.int64)
        shape, number = self.shapes.numbers(moves[:-1, BEGINS:]), self.known.numbers(moves[1:])
        pairs[1:] = np.where((shape >= 0) & (number >= 0), shape * len(self.rows) + number, UNKNOWN)
        return pairs

    @cached_property
    def ordered(self) -> tuple[Ints, Ints]:
        """The pairs of the corpus in ascending order, and where they stand, equal ones by place."""
        order = np.argsort(self.corpus_pairs, kind="stable")
        return self.corpus_pairs[order], order

    def occurrences(self, pairs: Ints) -> list[tuple[int, int]]:
        """For each pair the range of :attr:`ordered` that holds where it occurs."""
        known = np.where(pairs < 0, np.iinfo(np.int64).max, pairs)
        low, high = (np.searchsorted(self.ordered[0], known, side) for side in ("left", "right"))
        return list(zip(low.tolist(), high.tolist(), strict=True))

    @cached_property
    def _together(self) -> tuple[NDArray[np.uint64], Ints]:
        """The numbers of :data:`TOGETHER` pairs that stand side by side in ascending order, and where they end, equal
        ones by place.
        """
        numbers = _numbered(self.corpus_pairs)
        order = np.argsort(numbers, kind="stable")
        return numbers[order], order

    def _ends(self, pairs: Ints, together: int) -> Iterator[Ints]:
        """For each event where in the corpus, ascending, one ends like it with so many pairs: 1 or :data:`TOGETHER`."""
        if together == 1:
            yield from (self.ordered[1][low:high] for low, high in self.occurrences(pairs))
            return
        numbers, order = self._together
        wanted = _numbered(pairs)
        low, high = (np.searchsorted(numbers, wanted, side).tolist() for side in ("left", "right"))
        padded = np.concatenate([np.full(TOGETHER - 1, UNKNOWN), pairs])
        for event, (first, last) in enumerate(zip(low, high, strict=True)):
            found = order[first:last]
            there = self.corpus_pairs[found[:, None] + np.arange(1 - TOGETHER, 1)]
            yield found[(there == padded[event : event + TOGETHER]).all(axis=1)]  # equal numbers can be of others

    # --- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is saved, integers in the smallest types that hold them."""
        return {"rows": _small(self.rows), "ids": _small(self.ids), "lengths": _small(np.diff(self.starts))}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The index of these untrusted arrays; raises :class:`ReadError` if they do not make one."""
        rows, ids, lengths = (arrays.get(name, np.zeros(0)) for name in ("rows", "ids", "lengths"))
        kinds = rows.dtype.kind in "ui" and ids.dtype.kind in "ui" and lengths.dtype.kind in "ui"
        if not kinds or rows.ndim != 2 or ids.ndim != 1 or lengths.ndim != 1 or rows.size == 0 or len(ids) == 0:
            raise ReadError("the arrays of its copy index are missing or of another kind")
        if len(ids) > MAX_EVENTS:
            raise ReadError(f"its copy index has {len(ids):,} events; at most {MAX_EVENTS:,} can be kept")
        rows, ids, lengths = (column.astype(np.int64) for column in (rows, ids, lengths))
        sound = (
            rows.shape[1] > LASTS
            and bool((rows >= -(2**31)).all() and (rows < 2**31).all())
            and bool(((rows[:, BEGINS] == 0) | (rows[:, BEGINS] == 1)).all() and (rows[:, LASTS] > 0).all())
            and bool((lengths >= 0).all() and (lengths <= len(ids)).all() and lengths.sum() == len(ids))
            and bool((ids >= 0).all() and (ids < len(rows)).all())
            and np.array_equal(np.unique(rows, axis=0), rows)
        )
        if not sound:
            raise ReadError("the arrays of its copy index do not belong together")
        return cls(rows.astype(np.int32), ids, np.cumsum([0, *lengths.tolist()]))


@dataclass(frozen=True, eq=False)
class Guard:
    """Forbids copied runs of more than ``limit`` notes or steps, of at least two events.

    Exact: what it names is in the corpus, and a row of events in which it forbids nothing has no longer copy.
    """

    index: CopyIndex
    limit: int
    unit: str = "notes"

    def __post_init__(self) -> None:
        if self.unit not in UNITS or self.limit < 1:
            raise UsageError(f"copy at most {self.limit} {self.unit}: the limit is at least 1, in {' or '.join(UNITS)}")

    def broken(self, moves: Rows, free: Bools | None = None) -> Bools:
        """(T,) whether a copied run that is too long ends with each event; of such runs, the shortest must hold one of
        the events ``free`` (T,) if they are given.
        """
        first, _ = self._shortest(moves)
        broken = (first >= 0) & (self.index.longest(moves) > np.arange(len(moves)) - first)
        if free is not None:
            composed = np.cumsum(np.append(0, free))
            broken &= composed[1:] > composed[np.maximum(first, 0)]
        return np.asarray(broken)

    def after(self, moves: Rows) -> Rows:
        """(B, K) the moves that, coming next after these (T, K), would complete a copied run that is too long."""
        needed = self._needed(moves)
        if needed.min(initial=len(moves)) == len(moves):
            return self.index.rows[:0]
        pairs, heavy = self.index.pairs(moves), needed < SHORT
        found = [self._heavy(moves, heavy)]
        if not heavy.all():
            found.append(self._after_run(pairs, int(needed[~heavy].min())))
        alive = np.concatenate(found)
        number = self.index.ids[alive]
        depth = needed[self._weight[number]]
        alive, depth = alive[depth < len(moves)], depth[depth < len(moves)]
        for back in range(int(depth.max(initial=0))):
            kept = (back >= depth) | (self.index.corpus_pairs[alive - 1 - back] == pairs[len(moves) - 1 - back])
            alive, depth = alive[kept], depth[kept]
        return np.asarray(self.index.rows[np.unique(self.index.ids[alive])])

    def bans(self, moves: Rows, candidates: Rows) -> Bools:
        """(V,) which of the ``candidates`` (V, K), coming next, would complete a copied run that is too long."""
        return among(candidates, self.after(moves))

    def _shortest(self, moves: Rows) -> tuple[Ints, Ints]:
        """(T,) where the shortest run over the limit that ends with each event begins, copied or not, -1: nowhere; and
        (T + 1,) what all events before each count.
        """
        sums = np.cumsum(np.append(0, moves[:, UNITS[self.unit]].astype(np.int64)))
        anchors = np.flatnonzero(moves[:, BEGINS])
        heavy = np.searchsorted(sums[anchors], sums[1:] - self.limit, "left")  # anchors with more than the limit after
        earlier = np.searchsorted(anchors, np.arange(len(moves)), "left")  # and with another event after them
        return np.append(-1, anchors)[np.minimum(heavy, earlier)], sums

    def windows(self) -> list[Rows]:
        """(n, K) each: the distinct shortest runs of the corpus over the limit; what has none of them in it is free."""
        index = self.index
        moves = index.rows[index.ids]
        first, sums = self._shortest(moves)
        ends = np.arange(len(moves))
        piece = index.starts[np.searchsorted(index.starts, ends, "right") - 1]
        shorter = (sums[:-1] - sums[first] > self.limit) & (first < ends - 1)  # over it without the last event
        found: dict[bytes, Rows] = {}
        for end in np.flatnonzero((first >= piece) & ~shorter).tolist():
            start = int(first[end])
            found.setdefault(index.corpus_pairs[start + 1 : end + 1].tobytes(), index.rows[index.ids[start : end + 1]])
        return list(found.values())

    def words(self, alphabet: Rows, view: View) -> list[Ints]:
        """:meth:`windows` in every transposition, as rows of tokens of an ascending ``alphabet`` (V, D) of events whose
        first integer is the pitch. A row of tokens in which none of them stands is free. For small corpora.
        """
        tokens, words = RowTable(alphabet), []
        for window in self.windows():
            for pitch in np.unique(alphabet[:, 0]).tolist():
                events = view.played(window, pitch)
                word = tokens.numbers(events)
                if (word >= 0).all():
                    moves = view.moves(events)
                    if moves[0, BEGINS] == 1 and (moves[1:] == window[1:]).all():  # not off the ends of the pitches
                        words.append(word)
        return words

    @cached_property
    def _weights(self) -> Ints:
        """The different amounts that an event of the corpus counts, ascending."""
        return np.unique(self.index.rows[:, UNITS[self.unit]]).astype(np.int64)

    @cached_property
    def _weight(self) -> Ints:
        """(R,) which of them each row has."""
        return np.searchsorted(self._weights, self.index.rows[:, UNITS[self.unit]])

    def _needed(self, moves: Rows) -> Ints:
        """For each amount that the next event may count, how many pairs before it the shortest run over the limit has;
        T where even the longest run stays within.
        """
        anchors = np.flatnonzero(moves[:, BEGINS])
        tail = np.cumsum(moves[::-1, UNITS[self.unit]].astype(np.int64))[::-1][anchors]  # from each anchor to the end
        enough = np.searchsorted(-tail, -(self.limit - self._weights), "left")  # anchors with tail + weight > limit
        first = np.append(-1, anchors)[enough]
        return np.where(enough > 0, len(moves) - 1 - first, len(moves))

    def _after_run(self, pairs: Ints, length: int) -> Ints:
        """Places in the corpus right after the last ``length`` of these pairs, inside a piece."""
        index, last = self.index, len(pairs) - 1
        if length > last:
            return np.zeros(0, dtype=np.int64)
        spans = np.array(index.occurrences(pairs[last - length + 1 :]))
        rarest = int((spans[:, 1] - spans[:, 0]).argmin())
        alive = index.ordered[1][spans[rarest, 0] : spans[rarest, 1]] + length - rarest
        alive = alive[alive < len(index.ids)]
        for back in range(length):
            alive = alive[index.corpus_pairs[alive - 1 - back] == pairs[last - back]]
        return np.asarray(alive[index.corpus_pairs[alive] != FIRST])

    def _heavy(self, moves: Rows, heavy: Bools) -> Ints:
        """Places in the corpus of events that count one of the ``heavy`` amounts, after the shape of the last move."""
        index = self.index
        places = np.concatenate([self._places[0][:0], *(self._places[k] for k in np.flatnonzero(heavy))])
        shape = index.shapes.numbers(moves[-1:, BEGINS:])[0]
        return np.asarray(places[index.shape[index.ids[places - 1]] == shape])

    @cached_property
    def _places(self) -> list[Ints]:
        """For each amount, ascending, where events that count it stand, the first of each piece left out."""
        amount = self._weight[self.index.ids]
        order = np.argsort(amount, kind="stable")
        places = np.split(order, np.searchsorted(amount[order], np.arange(1, len(self._weights))))
        return [place[self.index.corpus_pairs[place] != FIRST] for place in places]


def among(rows: Rows, others: Rows) -> Bools:
    """(N, K), (B, K) -> (N,) which rows are among others, of which there are few."""
    return np.asarray((rows[:, None, :] == others[None, :, :]).all(axis=2).any(axis=1))


def _numbered(pairs: Ints) -> NDArray[np.uint64]:
    """(T,) a number of the :data:`TOGETHER` pairs that end with each; fewer pairs before it count as none."""
    numbers = np.zeros(len(pairs), dtype=np.uint64)
    for back in range(TOGETHER):
        weight = np.uint64(pow(MULTIPLIER, back + 1, 2**64))
        numbers[back:] += pairs[: max(len(pairs) - back, 0)].astype(np.uint64) * weight
    return numbers


def _next_note(moves: Rows) -> Ints:
    """(T + 1,) for each event the first from there on with which a note begins; T if there is none."""
    place = np.where(moves[:, BEGINS] == 1, np.arange(len(moves)), len(moves))
    return np.append(np.minimum.accumulate(place[::-1])[::-1], len(moves))


def _small(values: NDArray[Any]) -> NDArray[Any]:
    """The same integers in the smallest type that holds them."""
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return values.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))
