"""What looks at more than one event: machines, unrolled over musical time and made as small as they can be.

A :class:`Machine` reads events one after another. A :class:`Lattice` follows it through every position that events can
reach inside constraints, and then, from the end, merges states from which the same can still come, and drops those from
which nothing can (Papadopoulos, Pachet, Roy and Sakellariou 2015, regular constraints on the product of automaton and
time). What is left says exactly what is possible: where every context gives every event some probability, that depends
on position and state alone, so it is computed in integers, without rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible, Unsupported
from composer.inference.sequence import Constraints, Events

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MAX_STATES = 20_000  # at one position
MAX_CELLS = 80_000_000  # states x tokens, of all positions
DEAD = -1
TOO_MUCH = "these wishes together are too much to keep apart; leave one out, or ask for fewer bars or voices"


class Options(NamedTuple):
    """What may come at a position: tokens (N,), where each leads and what it costs."""

    tokens: Ints  # (N,) ascending numbers of the slot's alphabet
    after: Ints  # (N,) the position that follows
    follow: Ints  # (C, N) the class at that position, DEAD where the token is not allowed in this class
    nats: Floats | None  # (C, N) what preferences add to the logarithm of its probability; None: nothing


@dataclass
class _Unrolled:
    """A position on the way forward: states (A,) of the machine, and where each token leads."""

    states: Ints
    tokens: Ints
    after: Ints
    to: Ints  # (A, N) the machine's next state, DEAD where not allowed
    nats: Floats | None


class Lattice:
    """Every position of a way through constraints, for alphabets of tokens.

    A position is a step times the slots of an event, plus the slot: one alphabet is one slot, whole events; several
    are an event's integers in turn. ``options[q]`` are the :class:`Options` of position q, for every position on a
    way from start to end; at the end and the start there is one class, 0. Given events that no alphabet has are added
    to ``alphabets`` after the ``known`` ones, and stand where they are given alone.

    Raises :class:`Infeasible` where nothing can pass, :class:`Unsupported` where there is too much to keep apart.
    """

    def __init__(self, constraints: Constraints, alphabets: list[Events]) -> None:
        self.constraints, self.slots = constraints, len(alphabets)
        self.known = [len(alphabet) for alphabet in alphabets]
        self.alphabets = [self._with_given(slot, alphabet) for slot, alphabet in enumerate(alphabets)]
        self.end = constraints.end * self.slots
        if self.slots == 1:
            self._advance = [constraints.advance(self.alphabets[0]).astype(np.int64)]
        else:
            self._advance = [np.ones(len(alphabet), dtype=np.int64) for alphabet in self.alphabets]
        if any((advance < 1).any() for advance in self._advance):
            raise Unsupported("this model holds events that last no time")
        self.options: dict[int, Options] = {}
        self.classes: dict[int, int] = {self.end: 1}
        if constraints.machine is None:
            self._pass()
        else:
            self._join(self._unroll())

    def advance(self, position: int) -> Ints:
        """(V,) how many positions each token at a position lasts."""
        return self._advance[position % self.slots]

    @property
    def opening(self) -> int:
        """The first position at which there is a choice, or a preference; the end if there is none."""
        position = 0
        while position < self.end:
            options = self.options[position]
            if len(options.tokens) > 1 or self.classes[position] > 1 or options.nats is not None:
                break
            position = int(options.after[0])
        return position

    def number(self, slot: int, event: Events) -> int:
        """The number of a given event (D,) that stands after the known ones; -1 if there is none."""
        foreign = self.alphabets[slot][self.known[slot] :]
        same = np.flatnonzero((foreign == (event if self.slots == 1 else event[[slot]])).all(axis=1))
        return self.known[slot] + int(same[0]) if len(same) else -1

    def _given(self, step: int, slot: int) -> Events | None:
        """(D,) what is given at a step and slot."""
        event = self.constraints.given.get(step)
        event = event if event is None or self.slots == 1 else event[[slot]]
        return None if event is None or (event < 0).any() else event

    def _with_given(self, slot: int, alphabet: Events) -> Events:
        """An alphabet and, after it, the given events that it has not."""
        given = [event for step in self.constraints.given if (event := self._given(step, slot)) is not None]
        if not given:
            return alphabet
        rows = np.unique(np.stack(given), axis=0).astype(alphabet.dtype)
        new = ~(rows[:, None, :] == alphabet[None, :, :]).all(axis=2).any(axis=1)
        return np.concatenate([alphabet, rows[new]])

    def _pass(self) -> None:
        """The same as :meth:`_unroll` and :meth:`_join` where there is one state."""
        reached = np.zeros(self.end + 1, dtype=bool)
        reached[0] = True
        one = np.zeros(1, dtype=np.int64)
        found: list[tuple[int, _Unrolled]] = []
        for position in range(self.end):
            if reached[position]:
                found.append((position, self._at(position, one)))
                reached[found[-1][1].after] = True
        leads_on = np.zeros(self.end + 1, dtype=bool)
        leads_on[self.end] = True
        for position, here in reversed(found):
            used = np.flatnonzero(leads_on[here.after])
            if len(used):
                leads_on[position] = True
                nats = None if here.nats is None else here.nats[:, used]
                self.options[position] = Options(here.tokens[used], here.after[used], here.to[:, used], nats)
                self.classes[position] = 1
        if not leads_on[0]:
            raise self._stuck(found[-1][0])

    def _unroll(self) -> dict[int, _Unrolled]:
        pending: dict[int, list[Ints]] = {0: [np.zeros(1, dtype=np.int64)]}
        unrolled: dict[int, _Unrolled] = {}
        furthest = cells = 0
        for position in range(self.end):
            arrivals = pending.pop(position, None)
            if arrivals is None:
                continue
            furthest = position
            states = np.unique(np.concatenate(arrivals))
            if len(states) > MAX_STATES or cells > MAX_CELLS:
                where = self.constraints.where(position // self.slots)
                raise Unsupported(f"{where}: {TOO_MUCH}")
            here = self._at(position, states)
            cells += here.to.size
            unrolled[position] = here
            for after, columns in _by_position(here.after):
                reached = np.unique(here.to[:, columns])
                if reached[-1] != DEAD:
                    pending.setdefault(after, []).append(reached[reached != DEAD])
        if self.end not in pending:
            raise self._stuck(furthest)
        none = np.zeros(0, dtype=np.int64)
        unrolled[self.end] = _Unrolled(np.unique(np.concatenate(pending[self.end])), none, none, none, None)
        return unrolled

    def _at(self, position: int, states: Ints) -> _Unrolled:
        step, slot = divmod(position, self.slots)
        constraints, alphabet = self.constraints, self.alphabets[slot]
        if self.slots == 1:
            allowed = constraints.allows(step, alphabet)
        else:
            allowed = constraints.allows_part(step, slot, alphabet[:, 0])
        if len(alphabet) > self.known[slot]:
            given = self._given(step, slot)
            foreign = alphabet[self.known[slot] :]
            allowed[self.known[slot] :] &= False if given is None else (foreign == given).all(axis=1)
        after = position + self.advance(position)
        tokens = np.flatnonzero(allowed & (after <= self.end))
        chosen, part = alphabet[tokens], None if self.slots == 1 else slot
        nats = constraints.nats(step, chosen, part)
        to = np.zeros((len(states), len(tokens)), dtype=np.int64)
        if constraints.machine is not None:
            to, more = constraints.machine.follow(step, states, chosen, part)
            nats = more if nats is None else nats if more is None else nats + more
        if nats is not None:
            nats = np.broadcast_to(nats, to.shape)
        return _Unrolled(states, tokens, after[tokens], to, nats)

    def _join(self, unrolled: dict[int, _Unrolled]) -> None:
        """From the end: states from which the same can come become one class, states from which nothing can, none."""
        last = unrolled.pop(self.end)
        assert self.constraints.machine is not None
        ends = self.constraints.machine.at_end(last.states)
        merged = {self.end: np.where(np.isfinite(ends), 0, DEAD)}
        known = {self.end: last.states}
        furthest = max(unrolled)
        for position in sorted(unrolled, reverse=True):
            here = unrolled.pop(position)
            follow, nats = np.full(here.to.shape, DEAD), here.nats
            for after, columns in _by_position(here.after):
                if after in merged:
                    index = np.minimum(np.searchsorted(known[after], here.to[:, columns]), len(known[after]) - 1)
                    follow[:, columns] = np.where(here.to[:, columns] == DEAD, DEAD, merged[after][index])
                    if after == self.end and (ends[index] != 0).any():
                        nats = np.zeros(here.to.shape) if nats is None else np.array(nats)
                        nats[:, columns] += np.where(follow[:, columns] == DEAD, 0.0, ends[index])
            alive = np.flatnonzero((follow != DEAD).any(axis=1))
            if not len(alive):
                continue
            used = np.flatnonzero((follow != DEAD).any(axis=0))
            rows = follow[alive][:, used]
            costs = None if nats is None else np.where(rows == DEAD, 0.0, nats[alive][:, used])
            first, names = _distinct(rows, costs)
            merged[position] = np.full(len(here.states), DEAD)
            merged[position][alive] = names
            known[position] = here.states
            self.classes[position] = len(first)
            self.options[position] = Options(
                here.tokens[used], here.after[used], rows[first], None if costs is None else costs[first]
            )
        if 0 not in self.options:
            raise self._stuck(furthest)

    def _stuck(self, position: int) -> Infeasible:
        step = min(position // self.slots, self.constraints.end - 1)
        return Infeasible.at(step, self.constraints.where(step))


def _by_position(after: Ints) -> Iterator[tuple[int, Ints]]:
    """Columns grouped by the position to which they lead."""
    if len(after):
        order = np.argsort(after, kind="stable")
        cuts = np.flatnonzero(np.diff(after[order])) + 1
        for columns in np.split(order, cuts):
            yield int(after[columns[0]]), columns


def _distinct(rows: Ints, costs: Floats | None) -> tuple[Ints, Ints]:
    """The first of each kind of row, and for each row (A,) the number of its kind."""
    if len(rows) == 1:
        return np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    table = np.ascontiguousarray(rows if costs is None else np.concatenate([rows, costs.view(np.int64)], axis=1))
    keys = table.view(np.dtype((np.void, table.dtype.itemsize * table.shape[1]))).ravel()
    _, first, names = np.unique(keys, return_index=True, return_inverse=True)
    return first, names.reshape(-1)
