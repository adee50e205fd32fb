"""A voice inside constraints: what may sound in it where, from each class of what its wishes read, and its tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.generators.potentials import BITS, Potentials
from composer.inference.automata import DEAD, Lattice

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Choices:
    """What the constraints leave of a voice at a step, from each class: weights, 0 where not allowed, and next classes.

    All are (C, K) by candidate, that is struck, or that goes on. A silence that goes on is written as a silence again.
    """

    struck: Floats
    to_struck: Ints
    held: Floats
    to_held: Ints

    def after_struck(self, message: Floats) -> Floats:
        """(B, C', K, M) -> (B, C, K, M) the messages where each candidate that is struck leads."""
        return message[:, self.to_struck, np.arange(message.shape[2])]

    def after_held(self, message: Floats) -> Floats:
        """The same where each candidate leads that is held."""
        return message[:, self.to_held, np.arange(message.shape[2])]

    def hold(self, classes: Ints, sounds: Ints) -> tuple[Floats, Ints]:
        """(B,) weights of holding on to what sounds, and the next classes."""
        candidate = sounds if self.held.shape[1] > 1 else 0
        return self.held[classes, candidate], self.to_held[classes, candidate]


_ZERO, _ONE = np.zeros((1, 1), dtype=np.int64), np.ones((1, 1))
ANY = Choices(_ONE, _ZERO, _ONE, _ZERO)


class Voice:
    """What does not change about a voice while it is drawn: its candidates, choices and tables at a temperature."""

    def __init__(self, family: Potentials, number: int, lattice: Lattice) -> None:
        """``lattice`` is over the alphabet, and a hold at its end."""
        known = family.values[number]
        self.number, self.lattice, self.steps = number, lattice, lattice.end
        foreign = lattice.alphabets[0][known + bool(family.rhythms) :, 0]
        near = family.nearest(number, foreign.astype(np.int64))
        self.holds = bool(family.rhythms)
        hold = np.full(int(self.holds), -1)
        self.value = np.concatenate([np.arange(known), hold, near])  # of each token; a hold: -1
        used = np.unique(np.concatenate([self.value[option.tokens] for option in lattice.options.values()]))
        self.candidates = used[used >= 0]
        self.place = np.full(known, -1)  # of each value among the candidates
        self.place[self.candidates] = np.arange(len(self.candidates))
        silent = np.flatnonzero(family.alphabets[number][self.candidates] == family.silence)
        self.silent = int(silent[0]) if len(silent) else -1
        self.choices = [self._choices(lattice, step) for step in range(lattice.end)]
        self.open = np.array([len(lattice.options[step].tokens) > 1 for step in range(lattice.end)])  # (T,)
        self.fixed = not self.open.any()
        plain = self._plain()
        self.plain = plain is not None
        if plain is not None:
            self.weights = plain
            self.may = plain[0] > 0, plain[1] > 0
            with np.errstate(divide="ignore"):
                self.held_nats = np.log(plain[1])
        else:
            self.may = (
                np.array([(choice.struck > 0).any(axis=0) for choice in self.choices]),
                np.array([(choice.held > 0).any(axis=0) for choice in self.choices]),
            )  # (T, K) each: whether something may be struck, or held, in any class

    def tune(self, family: Potentials, theta: Floats, fields: list[Ints], rhythms: list[Ints]) -> None:
        """Look up its tables; ``theta`` is already divided by the temperature."""
        where, places = family.stacks[self.number]
        known = family.values[self.number]
        self.tables = theta[places][:, self.candidates]
        self.field = sum((self.tables[rows] for rows in family.fields_of(self.number, fields)), np.zeros(1))
        after = np.exp(self.tables[where["after", 1] : where["after", 1] + known + 1])
        self.follows, self.opens = after[self.candidates], after[known]  # (K, K); (K,) before the first step
        if self.holds and self.silent >= 0:
            self.follows[self.silent, self.silent] = 0.0
        self.tempo = np.zeros((self.steps, 2**BITS))
        for f, labels in enumerate(rhythms):
            self.tempo += theta[family.labelled(("rhythm", f, self.number))][labels]

    def _choices(self, lattice: Lattice, step: int) -> Choices:
        option, classes, k = lattice.options[step], lattice.classes[step], len(self.candidates)
        struck, to_struck = np.zeros((classes, k)), np.full((classes, k), DEAD)
        held, to_held = struck.copy(), to_struck.copy()
        weight = np.where(option.follow == DEAD, 0.0, 1.0 if option.nats is None else np.exp(option.nats))
        value = self.value[option.tokens]
        sounding = np.flatnonzero(value >= 0)
        struck[:, self.place[value[sounding]]] = weight[:, sounding]
        to_struck[:, self.place[value[sounding]]] = option.follow[:, sounding]
        for column in np.flatnonzero(value < 0).tolist():
            held[:], to_held[:] = weight[:, [column]], option.follow[:, [column]]
        if self.silent >= 0:
            held[:, self.silent], to_held[:, self.silent] = struck[:, self.silent], to_struck[:, self.silent]
        return Choices(struck, to_struck, held, to_held)

    def _plain(self) -> tuple[Floats, Floats] | None:
        """(T, K) each: the weights of what is struck, and of what goes on, if no more than what sounds says what may
        come; None if the classes say more. A machine that remembers until when a note may be held says no more.
        """
        every = np.arange(len(self.candidates))
        place, sounds = np.zeros(len(every), dtype=np.int64), np.zeros(len(every), dtype=bool)  # the class of each
        found: list[tuple[Floats, Floats]] = []
        for choice in self.choices:
            classes = np.unique(np.where(sounds, place, place[sounds.argmax()]))
            struck, to_struck = choice.struck[classes], choice.to_struck[classes]
            held = np.where(sounds, choice.held[place, every], 0.0)
            may, goes_on, leads = struck[0] > 0, held > 0, choice.to_held[place, every]
            apart = may & goes_on & (to_struck[0] != leads)
            if (struck != struck[0]).any() or (to_struck != to_struck[0]).any() or apart.any():
                return None
            place, sounds = np.where(may, to_struck[0], np.where(goes_on, leads, 0)), may | goes_on
            found.append((struck[0], held))
        return np.array([struck for struck, _ in found]), np.array([held for _, held in found])

    def tokens(self) -> tuple[Ints, Bools]:
        """(T,) what sounds and is struck in a voice that has no choice."""
        value = np.array([self.value[self.lattice.options[step].tokens[0]] for step in range(self.lattice.end)])
        silent = value == (self.candidates[self.silent] if self.silent >= 0 and self.holds else -2)
        struck = (value >= 0) & ~(silent & np.append(False, silent[:-1]))
        last = np.maximum.accumulate(np.where(struck, np.arange(len(value)), 0))
        return value[last], struck
