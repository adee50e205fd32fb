"""What keeps voices from doing to each other what they may not, while a chain writes columns."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

import numpy as np
from numpy.typing import NDArray

from composer.generators.belief import State
from composer.generators.guarded import Bans
from composer.generators.walk import Walk
from composer.inference.sequence import Between

Bools = NDArray[np.bool_]
Asked = tuple[int, int, int, int, int, int | None]

REMEMBERED = 100_000  # verdicts that are kept


def apart(walk: Walk, between: SequenceOf[Between]) -> Bans[State]:
    """Forbids the token with which two voices break what is ``between`` them: as soon as both are known at a step, as
    one is written and the other is, or is given there.
    """
    columns = _Columns(walk, between)
    slots = walk.lattice.slots
    here = [[k for k, rule in enumerate(between) if slot in columns.slots(rule)] for slot in range(slots)]

    def bans(state: State, path: list[int]) -> Bools:
        step, slot = divmod(state.position, slots)
        banned = np.zeros(len(walk.lattice.alphabets[slot]), dtype=bool)
        for number in here[slot]:
            asked = columns.asked(number, step, slot, path)
            if asked is not None:
                banned |= columns.verdict(*asked)
        return banned

    return bans


class _Columns:
    """What rules between voices say of the tokens of a walk, remembered."""

    def __init__(self, walk: Walk, between: SequenceOf[Between]) -> None:
        self.between, self.lattice = between, walk.lattice
        self.values = [alphabet.T.astype(np.int64) for alphabet in walk.lattice.alphabets]  # (integers per token, V)
        self.rows = [alphabet.tolist() for alphabet in walk.lattice.alphabets]
        self.width = len(self.values[0])
        self._verdicts: dict[Asked, Bools] = {}

    def slots(self, rule: Between) -> tuple[int, int]:
        """The slots of the two voices."""
        return rule.upper // self.width, rule.lower // self.width

    def asked(self, number: int, step: int, slot: int, path: list[int]) -> Asked | None:
        """What decides a rule for the tokens of a slot: what sounds before the step in both voices, and what stands
        there in the one that is not in the slot; None if that is not known yet.
        """
        rule = self.between[number]
        upper, lower = self.slots(rule)
        other = None
        if upper != lower:
            other = self._known(path, step, rule.lower if upper == slot else rule.upper, slot)
            if other is None:
                return None
        before = [self._sounding(path, step - 1, voice, rule.hold) for voice in (rule.upper, rule.lower)]
        return number, step, slot, before[0], before[1], other

    def verdict(self, number: int, step: int, slot: int, upper0: int, lower0: int, other: int | None) -> Bools:
        """(V,) which tokens of the slot break the rule."""
        rule = self.between[number]
        asked = number, int(rule.kinds[step]), slot, upper0, lower0, other
        if asked not in self._verdicts:
            if len(self._verdicts) >= REMEMBERED:
                self._verdicts.clear()
            before, now = [np.full(1, value, dtype=np.int64) for value in (upper0, lower0)], []
            for voice, held in zip((rule.upper, rule.lower), before, strict=True):
                mine, place = divmod(voice, self.width)
                values = self.values[slot][place] if mine == slot else np.full(1, other, dtype=np.int64)
                now.append(np.where(values == rule.hold, held, values))
            self._verdicts[asked] = np.broadcast_to(rule.breaks(step, *before, *now), len(self.rows[slot]))
        return self._verdicts[asked]

    def _written(self, path: list[int], step: int, voice: int) -> int:
        slot, place = divmod(voice, self.width)
        return int(self.rows[slot][path[step * self.lattice.slots + slot]][place])

    def _sounding(self, path: list[int], step: int, voice: int, hold: int) -> int:
        """What sounds in a voice at a step; before the first, a hold."""
        value = hold
        while step >= 0 and value == hold:
            value, step = self._written(path, step, voice), step - 1
        return value

    def _known(self, path: list[int], step: int, voice: int, slot: int) -> int | None:
        """What is written or given in a voice at a step of which ``slot`` comes next."""
        if voice // self.width < slot:
            return self._written(path, step, voice)
        event = self.lattice.constraints.given.get(step)
        return None if event is None or event[voice] < 0 else int(event[voice])
