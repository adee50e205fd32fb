"""The pairwise exponential family over columns of voices: which parameters there are, and which cells each binds.

The probability of a grid of cells is proportional to the exponential of a sum of potentials, each a number in a table
that a few cells choose (Hadjeres, Sakellariou and Pachet 2016, equation 1). A cell says which value sounds in a voice
at a step, and whether it is struck there or held from the step before. For each voice there are

- fields: what is struck, by labels of what is known beforehand; which of four steps on end are struck, by labels;
- horizontal potentials: what is struck, after what sounded 1, 2, ... ``lags`` steps before;

and for each two voices

- vertical ones: what sounds together wherever one of them strikes, by a label and by which of them do;
- diagonal ones: what is struck in one after what sounded in the other;
- striking together, by a label;
- motion: the intervals before and after, modulo ``period``, where both move, and whether to the same side.

and for three voices or more

- chords: the classes modulo ``period`` of all that sounds, and that of the last voice, wherever any voice strikes, by a
  label.

The last two are of more than two cells: parallel fifths, and triads, are no matter of pairs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Name = tuple[str | int, ...]  # of a table: its kind, and the voices, lag or feature it is about

BITS = 4  # steps on end whose strikes are looked at together
SIDES = 2  # both voices move to the same side, or not
STRIKES = 3  # both voices strike, the first alone, the second alone
CHORD = 3  # voices from which on there are chords
LOOSE = 30.0  # times less are motions penalised than anything else


class State(NamedTuple):
    """``n`` grids: what sounds (n, T, V), as a number in its voice's values, and whether it is struck (n, T, V)."""

    sounds: Ints
    struck: Bools


class Bound(NamedTuple):
    """The rows of a voice's tables that the other cells choose, each (n, T): the row ``none`` where there is no such
    cell. Their sum, at a candidate, is its potential if it is struck at the step, or held, or either way.
    """

    struck: list[Ints]
    held: list[Ints]
    both: list[Ints]


@dataclass(frozen=True, eq=False)
class Potentials:
    """Which parameters there are. ``alphabets`` are the values of each voice, ascending, of which ``silence`` has no
    interval; ``fields``, ``rhythms`` and ``harmony`` say how many labels each feature has; a label of that number
    itself is unknown, and says nothing.
    """

    alphabets: tuple[Ints, ...]
    silence: int | None
    fields: tuple[int, ...]
    rhythms: tuple[int, ...]  # empty: everything is struck
    harmony: int
    lags: tuple[int, ...]
    period: int

    @cached_property
    def values(self) -> list[int]:
        """How many values each voice has."""
        return [len(alphabet) for alphabet in self.alphabets]

    @property
    def voices(self) -> int:
        return len(self.alphabets)

    def nearest(self, v: int, values: Ints) -> Ints:
        """(N,) the numbers of a voice's values that are nearest to any others, of the same class modulo ``period`` if
        there is one; pitches are taken for silence only if nothing else is known.
        """
        alphabet = self.alphabets[v][None, :]
        distance = np.abs(values[:, None] - alphabet)
        other = (values[:, None] - alphabet) % self.period != 0
        silent = (alphabet == self.silence) & (values[:, None] != self.silence)
        return np.asarray((distance + other * (1 << 20) + silent * (1 << 21)).argmin(axis=1))

    @cached_property
    def shapes(self) -> dict[Name, tuple[int, ...]]:
        """By name the shape of each table of parameters."""
        shapes: dict[Name, tuple[int, ...]] = {}
        for v, k in enumerate(self.values):
            shapes |= {("field", f, v): (labels, k) for f, labels in enumerate(self.fields)}
            shapes |= {("rhythm", f, v): (labels, 2**BITS) for f, labels in enumerate(self.rhythms)}
            shapes |= {("lag", lag, v): (k + 1, k) for lag in self.lags}
            shapes |= {("diagonal", w, v): (self.values[w] + 1, k) for w in range(self.voices) if w != v}
            for w in range(v):
                shapes["vertical", w, v] = (self.harmony, STRIKES, self.values[w], k)
                shapes["motion", w, v] = (SIDES, self.period, self.period)
                if self.rhythms:
                    shapes["together", w, v] = (self.harmony,)
        if self.voices >= CHORD:
            shapes["chord",] = (self.harmony, self.period, 2**self.period)
        return shapes

    @cached_property
    def places(self) -> dict[Name, Ints]:
        """By name the places of each table's numbers in the vector of parameters; :attr:`size` is that of nothing."""
        places, start = {}, 0
        for name, shape in self.shapes.items():
            size = prod(shape)
            places[name] = np.arange(start, start + size).reshape(shape)
            start += size
        return places

    @cached_property
    def size(self) -> int:
        """Parameters in all."""
        return sum(map(prod, self.shapes.values()))

    @cached_property
    def of_motions(self) -> Bools:
        """(size,) which parameters are those of motions: few, rarely met, and where style avoids one, far from 0."""
        found = np.zeros(self.size, dtype=bool)
        for name, places in self.places.items():
            if name[0] == "motion":
                found[places] = True
        return found

    @property
    def looseness(self) -> NDArray[np.float64]:
        """(size,) by what penalties of each parameter are divided."""
        return np.where(self.of_motions, LOOSE, 1.0)

    def labelled(self, name: Name) -> Ints:
        """A table whose first axis is a label, with nothing for the unknown one."""
        table = self.places[name]
        return np.concatenate([table, np.full((1, *table.shape[1:]), self.size)])

    @cached_property
    def stacks(self) -> list[tuple[dict[Name, int], Ints]]:
        """Of each voice where each kind of row begins, and the places (rows, values) of all its rows' parameters.

        The last row, ``none``, is nothing.
        """
        return [self._stack(v) for v in range(self.voices)]

    def _stack(self, v: int) -> tuple[dict[Name, int], Ints]:
        k = self.values[v]
        rows: dict[Name, Ints] = {}
        for f in range(len(self.fields)):
            rows["field", f] = self.labelled(("field", f, v))
        for lag in self.lags:
            table = self.places["lag", lag, v]
            rows["after", lag], rows["before", lag] = table, table[:k].T
        for w in (w for w in range(self.voices) if w != v):
            rows["after voice", w] = self.places["diagonal", w, v]
            rows["before voice", w] = self.places["diagonal", v, w][:k].T
            table = self.labelled(("vertical", min(v, w), max(v, w)))
            table = table.swapaxes(2, 3) if v < w else table[:, [0, 2, 1]]  # (labels, both, this, other; other, this)
            rows["with voice", w] = table.reshape(-1, k)
        starts = np.cumsum([0, *(len(table) for table in rows.values())]).tolist()
        none = np.full((1, k), self.size)
        return dict(zip(rows, starts, strict=False)), np.concatenate([*rows.values(), none])

    def bound(self, v: int, state: State, harmony: Ints, lags: Iterable[int], others: Iterable[int]) -> Bound:
        """What cells of ``others``, and its own at ``lags``, choose of a voice's tables; ``harmony`` are labels."""
        where, places = self.stacks[v]
        none = len(places) - 1
        sounds, struck = state
        n, steps, _ = sounds.shape
        found = Bound([], [], [])

        def earlier(w: int, lag: int, name: Name) -> None:
            rows = np.full((n, steps), where[name] + self.values[w])  # before the first step
            rows[:, lag:] = where[name] + sounds[:, :-lag, w]
            found.struck.append(rows)

        def later(w: int, lag: int, name: Name) -> None:
            rows = np.full((n, steps), none)
            rows[:, :-lag] = np.where(struck[:, lag:, w], where[name] + sounds[:, lag:, w], none)
            found.both.append(rows)

        for lag in lags:
            earlier(v, lag, ("after", lag))
            later(v, lag, ("before", lag))
        for w in others:
            earlier(w, 1, ("after voice", w))
            later(w, 1, ("before voice", w))
            start, other = where["with voice", w], struck[..., w]
            cell = harmony * STRIKES * self.values[w] + sounds[..., w] + start
            found.struck.append(cell + np.where(other, 0, self.values[w]))
            if self.rhythms:
                found.held.append(np.where(other, cell + 2 * self.values[w], none))
        return found

    def fields_of(self, v: int, labels: list[Ints]) -> list[Ints]:
        """(T,) rows of the fields, by the labels (T,) of each feature."""
        where, _ = self.stacks[v]
        return [where["field", f] + label for f, label in enumerate(labels)]

    def motion(self, v: int, w: int, own: tuple[Ints, Ints], other: tuple[Ints, Ints]) -> Ints:
        """The places of the motions of a voice and another, each (before, after) numbers of values, which broadcast."""
        before, after = (self.alphabets[v][number] for number in own)
        before_w, after_w = (self.alphabets[w][number] for number in other)
        moves = (before != after) & (before_w != after_w)
        for value in (before, after, before_w, after_w) if self.silence is not None else ():
            moves = moves & (value != self.silence)
        sign = 1 if v < w else -1
        table = self.places["motion", min(v, w), max(v, w)]
        side = ((after > before) != (after_w > before_w)).astype(np.int64)
        found = table[side, sign * (before - before_w) % self.period, sign * (after - after_w) % self.period]
        return np.where(moves, found, self.size)

    def counts(self, state: State, fields: list[Ints], rhythms: list[Ints], harmony: Ints) -> NDArray[np.float64]:
        """(size + 1,) how often grids (n, T, V) choose each parameter: the statistics whose means training matches."""
        found = np.zeros(self.size + 1)
        for v in range(self.voices):
            for place in self._chosen(v, state, fields, rhythms, harmony):
                found += np.bincount(place.ravel(), minlength=self.size + 1)
        if self.voices >= CHORD:
            places, strikes = self.chords(self.voices - 1, state, harmony)
            chosen = np.take_along_axis(places, state.sounds[..., -1:], axis=-1)[..., 0]
            found += np.bincount(chosen[strikes | state.struck[..., -1]], minlength=self.size + 1)
        found[self.size] = 0.0
        return found

    def _chosen(self, v: int, state: State, fields: list[Ints], rhythms: list[Ints], harmony: Ints) -> Iterator[Ints]:
        """The places that a voice's own cells choose, and those it shares with the voices before it."""
        sounds, struck = state.sounds[..., v], state.struck[..., v]
        _, places = self.stacks[v]
        bound = self.bound(v, state, harmony, self.lags, [w for w in range(self.voices) if w != v])
        lags = len(self.lags)
        rows = [*bound.struck[:lags], *bound.struck[lags::2]]  # vertical ones, which are between, are counted below
        rows += [np.broadcast_to(row, sounds.shape) for row in self.fields_of(v, fields)]
        yield from (places[row, sounds][struck] for row in rows)
        own = patterns(struck)
        yield from (self.labelled(("rhythm", f, v))[label, own] for f, label in enumerate(rhythms))
        for w in range(v):
            other = state.struck[..., w]
            strikes = np.where(struck & other, 0, np.where(other, 1, 2))
            table = self.labelled(("vertical", w, v))
            yield table[harmony, strikes, state.sounds[..., w], sounds][struck | other]
            if self.rhythms:
                together = np.broadcast_to(self.labelled(("together", w, v))[harmony], sounds.shape)
                yield together[struck & other]
            before, after = state.sounds[:, :-1], state.sounds[:, 1:]
            yield self.motion(v, w, (before[..., v], after[..., v]), (before[..., w], after[..., w]))

    @cached_property
    def classes(self) -> list[Ints]:
        """Of each voice's values the bit of its class modulo ``period``, 0 for silence."""
        return [np.where(values == self.silence, 0, 1 << values % self.period) for values in self.alphabets]

    def chords(self, v: int, state: State, harmony: Ints) -> tuple[Ints, Bools]:
        """(n, T, K) the places of the chords that a voice's candidates make with what sounds in all others, and (n, T)
        whether another voice strikes.
        """
        others, last = [w for w in range(self.voices) if w != v], self.voices - 1
        heard = np.bitwise_or.reduce([self.classes[w][state.sounds[..., w]] for w in others])
        lowest = self.alphabets[last] if v == last else self.alphabets[last][state.sounds[..., last]][..., None]
        table = self.labelled(("chord",))
        places = table[harmony[:, None], lowest % self.period, heard[..., None] | self.classes[v]]
        return places, np.asarray(state.struck[..., others].any(axis=-1))


def patterns(struck: Bools) -> Ints:
    """(..., T) -> (..., T): which of the last four steps are struck, the last in the lowest bit; before all, none."""
    found = np.zeros(struck.shape, dtype=np.int64)
    for back in range(BITS):
        found[..., back:] |= struck[..., : struck.shape[-1] - back].astype(np.int64) << back
    return found


def nexts(struck: Bools) -> Ints:
    """(..., T) -> (..., T): of each step the next one that is struck, or the end."""
    steps = struck.shape[-1]
    later = np.full((*struck.shape[:-1], steps + 1), steps)
    later[..., :steps] = np.where(struck, np.arange(steps), steps)
    return np.asarray(np.minimum.accumulate(later[..., ::-1], axis=-1)[..., ::-1][..., 1:])


class Labels:
    """The labels of features that training showed; a feature is several columns of the context, joined by ``+``."""

    def __init__(self, feature: str, rows: Ints) -> None:
        self.feature, self.rows = feature, rows  # (labels, columns) ascending
        self.names = feature.split("+")

    @classmethod
    def seen(cls, feature: str, contexts: list[Mapping[str, NDArray[np.int32]]]) -> Labels:
        columns = [np.stack([context[name] for name in feature.split("+")], axis=1) for context in contexts]
        return cls(feature, np.unique(np.concatenate(columns).astype(np.int64), axis=0))

    def of(self, context: Mapping[str, NDArray[np.int32]]) -> Ints:
        """(T,) the label of each step, the number of labels where it is unknown."""
        wanted = np.stack([context[name] for name in self.names], axis=1)
        same = (wanted[:, None, :] == self.rows[None, :, :]).all(axis=2)
        return np.where(same.any(axis=1), same.argmax(axis=1), len(self.rows))
