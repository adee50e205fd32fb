"""Block Gibbs sampling of a pairwise family inside constraints: a voice at a time, over many steps at once.

Given the other voices, and its own cells at longer lags, a voice is a chain: a stretch of it is drawn exactly, by
messages backwards and draws forwards (:mod:`composer.generators.stretch`), so its wishes hold exactly. A single voice
without longer lags is drawn whole: there the draws are independent, and exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.generators.potentials import BITS, CHORD, Potentials, State
from composer.generators.stretch import BREACH, Stretch
from composer.generators.voice import Voice
from composer.inference.automata import Lattice
from composer.inference.sequence import Between, Constraints

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SCALED = 8  # steps after which messages are scaled, at the most
LOUDEST = 500.0  # nats, of what binds one move: floats hold their exponential
STRETCH = 16  # steps drawn at once, where many stretches are drawn side by side


class Rules(NamedTuple):
    """What may not be between a voice and another: of each step its kind (T,), and by kind, what sounds in the other
    before and after, and what sounds in this one before and after, whether it is broken; and where this one holds.
    """

    kinds: Ints
    broken: Bools  # (kinds, K_w, K_w, K, K)
    held: Bools  # (kinds, K_w, K_w, K)


class Chains:
    """``n`` grids, and how to draw the voices of each anew."""

    def __init__(
        self,
        family: Potentials,
        lattices: Iterable[Lattice],
        constraints: Constraints,
        n: int,
        rng: np.random.Generator,
    ) -> None:
        """``lattices`` are those of the voices, in order, inside the constraints."""
        self.family, self.n, self.rng = family, n, rng
        self.voices = [Voice(family, number, lattice) for number, lattice in enumerate(lattices)]
        self.steps, self.where, self._between = constraints.end, constraints.where, constraints.between
        self._rules: dict[tuple[int, int], Rules | None] = {}
        self._alone: dict[int, tuple[Ints, Bools] | None] = {}
        self.free = [voice for voice in self.voices if not voice.fixed]
        shape = (n, self.steps, family.voices)
        self.state = State(np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=bool))
        self.present = [voice.number for voice in self.voices if voice.fixed]
        for number in self.present:
            self.state.sounds[..., number], self.state.struck[..., number] = self.voices[number].tokens()
        self.longer = [lag for lag in family.lags if lag > 1]

    def tune(self, theta: Floats, labels: tuple[list[Ints], list[Ints], Ints]) -> None:
        """Look up every table; ``theta`` is already divided by the temperature."""
        most = LOUDEST / self.family.voices
        self.theta = np.clip(theta, -most, most)
        self.scaled = int(np.clip(LOUDEST / self.family.voices / max(np.abs(self.theta).max(), 1e-9), 1, SCALED))
        fields, rhythms, self.harmony = labels
        self._motions: dict[tuple[int, int], Floats] = {}
        for voice in self.voices:
            voice.tune(self.family, self.theta, fields, rhythms)

    def start(self) -> None:
        """Draw each free voice given those before it: the outer voices first, longer lags left aside."""
        longer, self.longer = self.longer, []
        order = sorted(self.free, key=lambda voice: (voice.number not in (0, self.family.voices - 1), -voice.number))
        for voice in order:
            self.draw(voice, [(np.array([0]), self.steps)])
            self.present.append(voice.number)
        self.longer = longer

    @property
    def exact(self) -> bool:
        """Whether what :meth:`start` draws needs no sweeps."""
        return len(self.free) <= 1 and not self.longer

    def sweep(self) -> None:
        """Draw every free voice anew, given all others."""
        for number in self.rng.permutation(len(self.free)).tolist():
            voice = self.free[number]
            self.draw(voice, self.stretches(voice))

    def stretches(self, voice: Voice) -> Iterator[tuple[Ints, int]]:
        """What is drawn at once: where stretches of equal length begin, and their length; none where all is given.

        They lie so far apart that none looks at another, and begin now here, now half of one later.
        """
        length = min(self.longer, default=STRETCH if voice.plain and self.family.rhythms else self.steps)
        apart = max([length, BITS, *self.longer]) if voice.plain else self.steps
        offset = int(self.rng.integers(2)) * (length // 2) if length < self.steps else 0
        edges = np.unique(np.concatenate([[0], np.arange(offset, self.steps, length)]))
        lengths = np.diff(np.append(edges, self.steps))
        loose = np.logical_or.reduceat(voice.open, edges)
        edges, lengths = edges[loose], lengths[loose]
        whole = lengths == length
        for start in edges[~whole].tolist():
            yield np.array([start]), int(lengths[edges == start][0])
        colours = 1 + -(-apart // length)
        for colour in range(min(colours, int(whole.sum()))):
            yield edges[whole][colour::colours], length

    def draw(self, voice: Voice, stretches: Iterable[tuple[Ints, int]]) -> None:
        """Draw stretches of a voice anew, given everything else."""
        bound = None
        self._tails = [np.ones((self.n, 1))]
        for starts, length in stretches:
            bound = self.potentials(voice) if bound is None or self.longer else bound
            stretch = Stretch(self, voice, starts, length, bound)
            sounds, struck = stretch.drawn()
            chain, steps = np.arange(self.n)[:, None, None], stretch.index[None]
            stay = stretch.stay()[..., None]
            for table, drawn in zip(self.state, (sounds, struck), strict=True):
                table[chain, steps, voice.number] = np.where(stay, table[chain, steps, voice.number], drawn)
            self._hold_on(voice.number)
            del self._tails[self.steps - int(stretch.next.max()) + 1 :]

    def _hold_on(self, number: int) -> None:
        """What is held behind a stretch is what now sounds at its end."""
        sounds, struck = (table[..., number] for table in self.state)
        last = np.maximum.accumulate(np.where(struck, np.arange(self.steps), 0), axis=1)
        self.state.sounds[..., number] = np.take_along_axis(sounds, last, axis=1)

    def tail(self, voice: Voice, step: int) -> Floats:
        """(n, C) the weight with which what stands in the voice being drawn, from a step on, is allowed from each class
        there.
        """
        tails, chain = self._tails, np.arange(self.n)[:, None]  # from the end on
        for at in range(self.steps - len(tails), step - 1, -1):
            choice, sounds = voice.choices[at], voice.place[self.state.sounds[:, at, voice.number]]
            struck = self.state.struck[:, at, voice.number, None]
            weights = np.where(struck, choice.struck[:, sounds].T, choice.held[:, sounds].T)
            leads = np.where(struck, choice.to_struck[:, sounds].T, choice.to_held[:, sounds].T)
            tails.append(weights * tails[-1][chain, leads])
        return tails[self.steps - step]

    def others(self, voice: Voice) -> list[int]:
        return [w for w in self.present if w != voice.number]

    def potentials(self, voice: Voice) -> tuple[Floats, Floats]:
        """(n, T, K) each: what binds a candidate that is struck, and one that is held, but for the step before."""
        family, state, others = self.family, self.state, self.others(voice)
        bound = family.bound(voice.number, state, self.harmony, self.longer, others)
        held = np.zeros((self.n, self.steps, len(voice.candidates)))
        for rows in bound.both:
            held += voice.tables[rows]
        struck = held + voice.field
        for rows in bound.struck:
            struck += voice.tables[rows]
        for rows in bound.held:
            held += voice.tables[rows]
        for w in others if family.rhythms else ():
            table = family.labelled(("together", min(voice.number, w), max(voice.number, w)))
            struck += np.where(state.struck[..., w], self.theta[table[self.harmony]], 0.0)[..., None]
        if family.voices >= CHORD and len(others) == family.voices - 1:
            places, strikes = family.chords(voice.number, state, self.harmony)
            chords = self.theta[places[..., voice.candidates]]
            struck += chords
            held += np.where(strikes[..., None], chords, 0.0)
        for w in others:
            rules = self.rules(voice, w)
            if rules is not None:
                before, after = self.moves_of(w)
                held += np.where(rules.held[rules.kinds, before, after], BREACH, 0.0)
                struck[:, 0] += np.where(rules.held[rules.kinds[0], after[:, 0], after[:, 0]], BREACH, 0.0)
        return struck, held

    def moves_of(self, w: int) -> tuple[Ints, Ints]:
        """(n, T) the candidates of a voice that sound before each step, and in it; at the first step, the same."""
        after = self.voices[w].place[self.state.sounds[..., w]]
        return np.concatenate([after[:, :1], after[:, :-1]], axis=1), after

    def broken(self) -> Bools:
        """(n,) whether a grid breaks what may not be between voices."""
        found = np.zeros(self.n, dtype=bool)
        for voice in self.free:
            own = self.moves_of(voice.number)
            for w in self.others(voice):
                rules = self.rules(voice, w)
                if rules is not None:
                    found |= rules.broken[rules.kinds, *self.moves_of(w), *own].any(axis=1)
            alone = self.alone(voice)
            if alone is not None:
                found |= alone[1][alone[0], *own].any(axis=1)
        return found

    def alone(self, voice: Voice) -> tuple[Ints, Bools] | None:
        """What a voice may not do after itself: (T,) the kind of each step, and (kinds, K, K) whether it is broken."""
        number = voice.number
        if number not in self._alone:
            own = self.family.alphabets[number][voice.candidates]
            self._alone[number] = None
            for rule in self._between:
                if rule.upper == rule.lower == number:
                    _, steps, kinds = np.unique(rule.kinds, return_index=True, return_inverse=True)
                    before, after = own[:, None], own[None, :]
                    tables = [
                        np.broadcast_to(rule.breaks(step, before, before, after, after), (len(own), len(own)))
                        for step in steps.tolist()
                    ]
                    self._alone[number] = kinds.reshape(-1), np.stack(tables)
        return self._alone[number]

    def rules(self, voice: Voice, w: int) -> Rules | None:
        """What may not be between a voice and another, as tables; None: nothing."""
        key = voice.number, w
        if key not in self._rules:
            pair = min(key), max(key)
            between = [rule for rule in self._between if (rule.upper, rule.lower) == pair]
            self._rules[key] = self._tables(voice, w, between[0]) if between else None
        return self._rules[key]

    def _tables(self, voice: Voice, w: int, rule: Between) -> Rules:
        own = self.family.alphabets[voice.number][voice.candidates]
        other = self.family.alphabets[w][self.voices[w].candidates]
        mine = own[:, None], own[None, :]
        theirs = other[:, None, None, None], other[None, :, None, None]
        upper, lower = (mine, theirs) if rule.upper == voice.number else (theirs, mine)
        kinds = np.unique(rule.kinds, return_index=True)[1]
        shape = len(kinds), len(other), len(other), len(own), len(own)
        broken = np.zeros(shape, dtype=bool)
        for number, step in enumerate(kinds.tolist()):
            broken[number] = rule.breaks(step, upper[0], lower[0], upper[1], lower[1])
        every = np.arange(len(own))
        return Rules(np.unique(rule.kinds, return_inverse=True)[1].reshape(-1), broken, broken[..., every, every])

    def motion(self, voice: Voice, w: int) -> Floats:
        """(K_w, K_w, K, K): the factor of a motion of another voice, before and after, and of this one."""
        key = voice.number, w
        if key not in self._motions:
            own, other = voice.candidates, self.voices[w].candidates
            places = self.family.motion(
                voice.number,
                w,
                (own[:, None], own[None, :]),
                (other[:, None, None, None], other[None, :, None, None]),
            )
            self._motions[key] = np.exp(self.theta[places])
        return self._motions[key]
