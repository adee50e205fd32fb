"""Block Gibbs sampling of a pairwise family inside constraints: a voice at a time, over many steps at once.

Given the other voices, and its own cells at longer lags, a voice is a chain: a stretch of it is drawn exactly, by
messages backwards and draws forwards (Baum, Petrie, Soules and Weiss 1970). The chain's state is what sounds, which of
the last three steps are struck, and the class of the automaton that reads the voice's wishes, which so hold exactly. A
single voice without longer lags is drawn whole: there the draws are independent, and exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.potentials import BITS, CHORD, Potentials, State, nexts
from composer.inference.automata import DEAD, Lattice
from composer.inference.sequence import Between, Constraints

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Table = TypeVar("Table", Ints, Floats)

BREACH = -25.0  # nats, of what may not be between voices, so that chains find their way out of it
SCALED = 8  # steps after which messages are scaled, at the most
LOUDEST = 500.0  # nats, of what binds one move: floats hold their exponential
STRETCH = 16  # steps drawn at once, where many stretches are drawn side by side


@dataclass(frozen=True)
class Choices:
    """What the constraints leave of a voice at a step, from each class: weights, 0 where not allowed, and next classes.

    ``struck`` and ``to_struck`` are (C, K) by candidate, ``held`` and ``to_held`` (C,).
    """

    struck: Floats
    to_struck: Ints
    held: Floats
    to_held: Ints

    def after_struck(self, message: Floats) -> Floats:
        """(B, C', K, M) -> (B, C, K, M) the messages where each candidate that is struck leads."""
        return message[:, self.to_struck, np.arange(message.shape[2])]

    def after_held(self, message: Floats) -> Floats:
        return message[:, self.to_held]


_ZERO, _ONE = np.zeros((1, 1), dtype=np.int64), np.ones((1, 1))
ANY = Choices(_ONE, _ZERO, _ONE[0], _ZERO[0])


class Voice:
    """What does not change about a voice while it is drawn: its candidates, choices and tables at a temperature."""

    def __init__(self, family: Potentials, number: int, lattice: Lattice) -> None:
        """``lattice`` is over the alphabet, and a hold at its end."""
        known = family.values[number]
        self.number, self.lattice, self.steps = number, lattice, lattice.end
        foreign = lattice.alphabets[0][known + bool(family.rhythms) :, 0]
        near = family.nearest(number, foreign.astype(np.int64))
        hold = np.full(int(bool(family.rhythms)), -1)
        self.value = np.concatenate([np.arange(known), hold, near])  # of each token; a hold: -1
        used = np.unique(np.concatenate([self.value[option.tokens] for option in lattice.options.values()]))
        self.candidates = used[used >= 0]
        self.place = np.full(known, -1)  # of each value among the candidates
        self.place[self.candidates] = np.arange(len(self.candidates))
        silent = np.flatnonzero(family.alphabets[number][self.candidates] == family.silence)
        self.silent = int(silent[0]) if len(silent) else -1
        self.choices = [self._choices(lattice, step) for step in range(lattice.end)]
        self.fixed = all(len(lattice.options[step].tokens) == 1 for step in range(lattice.end))
        self.plain = all(choice.struck.shape[0] == 1 for choice in self.choices)
        self.weights = (
            np.array([choice.struck[0] for choice in self.choices]),
            np.array([choice.held[0] for choice in self.choices]),
        )  # (T, K), (T,) where there is but one class
        self.may = (
            np.array([(choice.struck > 0).any(axis=0) for choice in self.choices]),
            np.array([(choice.held > 0).any() for choice in self.choices])[:, None],
        )  # (T, K), (T, 1) whether something may be struck, or held, in any class

    def tune(self, family: Potentials, theta: Floats, fields: list[Ints], rhythms: list[Ints]) -> None:
        """Look up its tables; ``theta`` is already divided by the temperature."""
        where, places = family.stacks[self.number]
        known = family.values[self.number]
        self.tables = theta[places][:, self.candidates]
        self.field = sum((self.tables[rows] for rows in family.fields_of(self.number, fields)), np.zeros(1))
        after = np.exp(self.tables[where["after", 1] : where["after", 1] + known + 1])
        self.follows, self.opens = after[self.candidates], after[known]  # (K, K); (K,) before the first step
        self.tempo = np.zeros((self.steps, 2**BITS))
        for f, labels in enumerate(rhythms):
            self.tempo += theta[family.labelled(("rhythm", f, self.number))][labels]

    def _choices(self, lattice: Lattice, step: int) -> Choices:
        option, classes, k = lattice.options[step], lattice.classes[step], len(self.candidates)
        struck, to_struck = np.zeros((classes, k)), np.full((classes, k), DEAD)
        held, to_held = np.zeros(classes), np.full(classes, DEAD)
        weight = np.where(option.follow == DEAD, 0.0, 1.0 if option.nats is None else np.exp(option.nats))
        value = self.value[option.tokens]
        sounding = np.flatnonzero(value >= 0)
        struck[:, self.place[value[sounding]]] = weight[:, sounding]
        to_struck[:, self.place[value[sounding]]] = option.follow[:, sounding]
        for column in np.flatnonzero(value < 0).tolist():
            held, to_held = weight[:, column], option.follow[:, column]
        return Choices(struck, to_struck, held, to_held)

    def tokens(self) -> tuple[Ints, Bools]:
        """(T,) what sounds and is struck in a voice that has no choice."""
        value = np.array([self.value[self.lattice.options[step].tokens[0]] for step in range(self.lattice.end)])
        struck = value >= 0
        last = np.maximum.accumulate(np.where(struck, np.arange(len(value)), 0))
        return value[last], struck


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
        self, family: Potentials, voices: Sequence[Voice], constraints: Constraints, n: int, rng: np.random.Generator
    ) -> None:
        self.family, self.voices, self.n, self.rng = family, voices, n, rng
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

    def begin(self, state: State) -> None:
        """Go on from grids in which every voice has its part."""
        self.state, self.present = state, [voice.number for voice in self.voices]

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
        """What is drawn at once: where stretches of equal length begin, and their length.

        They lie so far apart that none looks at another, and begin elsewhere each time.
        """
        length = min(self.longer, default=STRETCH if voice.plain and self.family.rhythms else self.steps)
        apart = max([length, BITS, *self.longer]) if voice.plain else self.steps
        offset = int(self.rng.integers(length)) if length < self.steps else 0
        edges = np.unique(np.concatenate([[0], np.arange(offset, self.steps, length)]))
        lengths = np.diff(np.append(edges, self.steps))
        whole = lengths == length
        for start in edges[~whole].tolist():
            yield np.array([start]), int(lengths[edges == start][0])
        colours = 1 + -(-apart // length)
        for colour in range(min(colours, int(whole.sum()))):
            yield edges[whole][colour::colours], length

    def draw(self, voice: Voice, stretches: Iterable[tuple[Ints, int]]) -> None:
        """Draw stretches of a voice anew, given everything else."""
        bound = None
        for starts, length in stretches:
            bound = self.potentials(voice) if bound is None or self.longer else bound
            stretch = Stretch(self, voice, starts, length, bound)
            sounds, struck = stretch.drawn()
            chain, steps = np.arange(self.n)[:, None, None], stretch.index[None]
            stay = stretch.stay()[..., None]
            for table, drawn in zip(self.state, (sounds, struck), strict=True):
                table[chain, steps, voice.number] = np.where(stay, table[chain, steps, voice.number], drawn)

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
                before, after = self._moves_of(w)
                held += np.where(rules.held[rules.kinds, before, after], BREACH, 0.0)
                struck[:, 0] += np.where(rules.held[rules.kinds[0], after[:, 0], after[:, 0]], BREACH, 0.0)
        return struck, held

    def _moves_of(self, w: int) -> tuple[Ints, Ints]:
        """(n, T) the candidates of a voice that sound before each step, and in it; at the first step, the same."""
        after = self.voices[w].place[self.state.sounds[..., w]]
        return np.concatenate([after[:, :1], after[:, :-1]], axis=1), after

    def broken(self) -> Bools:
        """(n,) whether a grid breaks what may not be between voices."""
        found = np.zeros(self.n, dtype=bool)
        for voice in self.free:
            own = self._moves_of(voice.number)
            for w in self.others(voice):
                rules = self.rules(voice, w)
                if rules is not None:
                    found |= rules.broken[rules.kinds, *self._moves_of(w), *own].any(axis=1)
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


class Stretch:
    """Some steps of a voice, in every grid and at several places at once: B chains of L steps, with C classes, K
    candidates and M memories of what was struck.
    """

    def __init__(self, chains: Chains, voice: Voice, starts: Ints, length: int, bound: tuple[Floats, Floats]) -> None:
        """``bound`` are the voice's :meth:`Chains.potentials`."""
        self.chains, self.voice, self.length = chains, voice, length
        self.starts, self.ends = starts, starts + length
        self.index = starts[:, None] + np.arange(length)  # (J, L)
        self.memories = 2 ** (BITS - 1) if chains.family.rhythms else 1
        self.sounds = voice.place[chains.state.sounds[..., voice.number]]  # (n, T)
        self.own = chains.state.struck[..., voice.number]
        self.through = bound[1]
        struck, held = (self._flat(table[:, self.index]) for table in bound)
        may_strike, may_hold = (np.tile(may[self.index], (chains.n, 1, 1)) for may in voice.may)
        top = np.maximum(np.where(may_strike, struck, -np.inf), np.where(may_hold, held, -np.inf)).max(axis=2)[
            ..., None
        ]
        self.struck, self.held = (np.exp(np.minimum(table - top, 0.0)) for table in (struck, held))  # (B, L, K)
        if voice.silent >= 0:
            self.held[..., voice.silent] = 0.0
        if voice.plain:
            self.struck *= np.tile(voice.weights[0][self.index], (chains.n, 1, 1))
            self.held *= np.tile(voice.weights[1][self.index], (chains.n, 1))[..., None]
        memory = np.arange(self.memories)
        tempo = np.exp(voice.tempo - voice.tempo.max(axis=1, keepdims=True))
        tempo = np.tile(tempo[self.index], (chains.n, 1, 1))  # (B, L, 16)
        self.tempo = tempo[..., 2 * memory], tempo[..., 2 * memory + 1]  # of holds, and of strikes
        self.then = 2 * memory & self.memories - 1, 2 * memory + 1 & self.memories - 1
        self.moves = self._moves()

    def _flat(self, table: Table) -> Table:
        """(n, J, ...) -> (B, ...)"""
        return table.reshape(-1, *table.shape[2:])

    def _moves(self) -> list[Floats]:
        """Of each step (K, K), or (B, 1, K, K): the factors of what is struck there after what sounded before."""
        found = [self.voice.follows] * self.length
        alone = self.chains.alone(self.voice)
        if alone is not None:
            kinds = np.tile(alone[0][self.index], (self.chains.n, 1))  # (B, L)
            factor = np.where(alone[1], np.exp(BREACH), 1.0)
            found = [factor[kinds[:, step], None] * follows for step, follows in enumerate(found)]
        for w in self.chains.others(self.voice):
            before, after = (self._flat(table[:, self.index]) for table in self.chains._moves_of(w))
            motion, rules = self.chains.motion(self.voice, w), self.chains.rules(self.voice, w)
            for step in range(self.length):
                b, a = before[:, step], after[:, step]
                if (b != a).any():
                    found[step] = found[step] * motion[b, a, None]
                if rules is not None:
                    kinds = np.tile(rules.kinds[self.index[:, step]], self.chains.n)
                    found[step] = np.where(rules.broken[kinds, b, a, None], np.exp(BREACH), 1.0) * found[step]
        return found

    @property
    def next(self) -> Ints:
        """(n, J) the first step from each end on that is struck."""
        return nexts(self.own)[:, self.ends - 1]

    def stay(self) -> Bools:
        """(n, J) whether what a stretch ends with may be held right into the next stretch, and so it stays as it is."""
        following = np.append(self.starts[1:], self.chains.steps + 1)
        return np.asarray(self.next >= following)

    def drawn(self) -> State:
        """(n, J, L) what sounds and is struck."""
        messages = self._backwards()
        shape = self.chains.n, len(self.starts), self.length
        sounds, struck = self._forwards(messages)
        return State(self.voice.candidates[sounds].reshape(shape), struck.reshape(shape))

    # --- messages -------------------------------------------------------------------------------------------------

    def _backwards(self) -> list[Floats]:
        """After every step the messages (B, C, K, M) from what follows."""
        message = self._after()
        found = [message]
        halves = (self.memories + 1) // 2  # strikes lead to so many memories
        to_hold, to_strike = self.then
        for step in range(self.length - 1, 0, -1):
            choice = self._choice(step)
            struck = choice.after_struck(message[..., to_strike[:halves]])
            struck = self.moves[step] @ (struck * (self.struck[:, step, None] * choice.struck)[..., None])
            if self.memories > 1:
                held = choice.after_held(message[..., to_hold[:halves]])
                held = held * (self.held[:, step, None] * choice.held[:, None])[..., None]
                hold, strike = (tempo[:, step, None, None] for tempo in self.tempo)
                message = (
                    np.concatenate([struck, struck], axis=3) * strike + np.concatenate([held, held], axis=3) * hold
                )
            else:
                message = struck
            if step % self.chains.scaled == 0:
                message = self._scaled(message, step)
            found.append(message)
        return found[::-1]

    def _scaled(self, message: Floats, step: int) -> Floats:
        largest = message.max(axis=(1, 2, 3), keepdims=True)
        if not largest.all():
            raise self._stuck(step)
        return np.asarray(message / largest)

    def _stuck(self, step: int) -> Infeasible:
        place = int(self.index[0, step])
        error = Infeasible(f"nothing this model knows can pass {self.chains.where(place)}")
        error.step = place
        return error

    def _choice(self, step: int) -> Choices:
        return ANY if self.voice.plain else self.voice.choices[int(self.index[0, step])]

    def _after(self) -> Floats:
        """(B, C, K, M) the messages from behind the stretch, where nothing changes."""
        n, voice, steps = self.chains.n, self.voice, self.chains.steps
        count = len(voice.candidates)
        message = np.zeros((n, len(self.starts), count, self.memories))
        for j, (end, following) in enumerate(zip(self.ends.tolist(), self.next.T, strict=True)):
            if end == steps:
                continue
            message[:, j] += self._through(end, following)[..., None]
            message[:, j] += self._strikes_after(following)[..., None]
            if voice.silent >= 0:
                message[following > end, j, voice.silent] = -np.inf
            message[:, j] += self._tempo_after(end)[:, None]
        flat: Floats = self._flat(np.exp(message - message.max(axis=(2, 3), keepdims=True)))[:, None]
        return flat if voice.plain else flat * self._accepted()[..., None, None]

    def _through(self, start: int, ends: Ints) -> Floats:
        """(n, K): what binds the candidates while they are held from a step to others (n,)."""
        last = int(ends.max())
        held = self.through[:, start:last] * (np.arange(start, last) < ends[:, None])[..., None]
        return np.asarray(held.sum(axis=1))

    def _strikes_after(self, steps: Ints) -> Floats:
        """(n,) -> (n, K): what binds the candidates, until then held, and what is struck at these steps."""
        found = np.zeros((self.chains.n, len(self.voice.candidates)))
        chain = np.flatnonzero(steps < self.chains.steps)
        at = steps[chain]
        found[chain] = np.log(self.voice.follows[:, self.sounds[chain, at]]).T
        alone = self.chains.alone(self.voice)
        if alone is not None:
            found[chain] += np.where(alone[1][alone[0][at], :, self.sounds[chain, at]], BREACH, 0.0)
        for w in self.chains.others(self.voice):
            sounds = self.chains.voices[w].place[self.chains.state.sounds[chain, :, w]]
            every = np.arange(len(chain))
            motion = self.chains.motion(self.voice, w)[sounds[every, at - 1], sounds[every, at]]  # (N, K, K)
            found[chain] += np.log(motion[every, :, self.sounds[chain, at]])
            rules = self.chains.rules(self.voice, w)
            if rules is not None:
                broken = rules.broken[rules.kinds[at], sounds[every, at - 1], sounds[every, at]]
                found[chain] += np.where(broken[every, :, self.sounds[chain, at]], BREACH, 0.0)
        return found

    def _tempo_after(self, end: int) -> Floats:
        """(n, M): what the next steps' strikes add, after each memory."""
        found = np.zeros((self.chains.n, self.memories))
        pattern = np.arange(self.memories)[None, :]
        for step in range(end, min(end + BITS - 1, self.chains.steps) if self.memories > 1 else end):
            pattern = (2 * pattern + self.own[:, step, None]) % 2**BITS
            found += self.voice.tempo[step][pattern]
        return found

    # --- classes of the automaton ---------------------------------------------------------------------------------

    def _accepted(self) -> Floats:
        """(B, C): the weight with which what follows the one stretch is allowed, from each class behind it."""
        found = np.ones((self.chains.n, 1))
        chain = np.arange(self.chains.n)
        for step in range(self.chains.steps - 1, int(self.ends[0]) - 1, -1):
            choice, sounds, own = self.voice.choices[step], self.sounds[:, step], self.own[:, step, None]
            struck = choice.struck[:, sounds].T * found[chain[:, None], choice.to_struck[:, sounds].T]
            found = np.where(own, struck, choice.held * found[:, choice.to_held])
        return found

    def _reached(self) -> Ints:
        """(B,) the class in which each chain's stretch begins."""
        found = np.zeros(len(self.struck), dtype=np.int64)
        for step in range(0 if self.voice.plain else int(self.starts[0])):
            choice = self.voice.choices[step]
            struck = choice.to_struck[found, self.sounds[:, step]]
            found = np.where(self.own[:, step], struck, choice.to_held[found])
        return found

    # --- draws ----------------------------------------------------------------------------------------------------

    def _forwards(self, messages: list[Floats]) -> tuple[Ints, Bools]:
        """(B, L) candidates, and whether they are struck."""
        every, k = np.arange(len(self.struck)), len(self.voice.candidates)
        candidates = np.arange(k)
        found = np.zeros((len(every), self.length), dtype=np.int64)
        drawn = np.zeros(found.shape, dtype=np.int64)
        state, memory, before = self._reached(), self._memory(), self._before()
        chances = np.zeros((len(every), k + 1))
        uniform = self.chains.rng.random(found.shape)
        for step, message in enumerate(messages):
            choice, sounds, moves = self._choice(step), np.maximum(before, 0), self.moves[step]
            move = moves[sounds] if moves.ndim == 2 else moves[every if len(moves) > 1 else 0, 0, sounds]
            if step == 0:
                move = np.where(before[:, None] < 0, self.voice.opens, move)
            to = choice.to_struck[state]
            after = message[every[:, None], to, candidates, self.then[1][memory][:, None]]
            tempo = self.tempo[1][every, step, memory][:, None]
            chances[:, :k] = self.struck[:, step] * choice.struck[state] * move * after * tempo
            if self.memories > 1:
                after = message[every, choice.to_held[state], sounds, self.then[0][memory]]
                held = self.held[every, step, sounds] * choice.held[state]
                chances[:, k] = np.where(before < 0, 0.0, held * after * self.tempo[0][every, step, memory])
            sums = np.cumsum(chances, axis=1)
            if not sums[:, -1].all():
                raise self._stuck(step)
            drawn[:, step] = (sums <= uniform[:, step, None] * sums[:, -1:]).sum(axis=1)
            strike = drawn[:, step] < k
            before = found[:, step] = np.where(strike, drawn[:, step], before)
            led = np.take_along_axis(np.broadcast_to(to, (len(every), k)), before[:, None], axis=1)[:, 0]
            state = np.where(strike, led, choice.to_held[state])
            memory = 2 * memory + strike & self.memories - 1
        return found, drawn < k

    def _memory(self) -> Ints:
        """(B,) which of the last steps before each stretch are struck."""
        found = np.zeros((self.chains.n, len(self.starts)), dtype=np.int64)
        for back in range(1, BITS if self.memories > 1 else 1):
            there = self.starts >= back
            found[:, there] |= self.own[:, self.starts[there] - back].astype(np.int64) << back - 1
        return found.ravel()

    def _before(self) -> Ints:
        """(B,) the candidate that sounds before each stretch, -1 before the first step."""
        return np.where(self.starts > 0, self.sounds[:, self.starts - 1], -1).ravel()
