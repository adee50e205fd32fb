"""Block Gibbs sampling of a pairwise family inside constraints: a voice at a time, over many steps at once.

Given the other voices, and its own cells at longer lags, a voice is a chain: a stretch of it is drawn exactly, by
messages backwards and draws forwards (Baum, Petrie, Soules and Weiss 1970). The chain's state is what sounds, which of
the last three steps are struck, and the class of the automaton that reads the voice's wishes, which so hold exactly. A
single voice without longer lags is drawn whole: there the draws are independent, and exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.potentials import BITS, Potentials, State, nexts
from composer.inference.automata import DEAD, Lattice
from composer.inference.sequence import Constraints

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STRETCH = 32  # steps drawn at once, where many stretches are drawn side by side


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

    def __init__(
        self, family: Potentials, number: int, theta: Floats, lattice: Lattice, fields: list[Ints], rhythms: list[Ints]
    ) -> None:
        """``theta`` is already divided by the temperature; ``lattice`` is over the alphabet, and a hold at its end."""
        alphabet, known = family.alphabets[number], family.values[number]
        self.number, self.lattice = number, lattice
        foreign = lattice.alphabets[0][known + bool(family.rhythms) :, 0]
        near = np.abs(foreign[:, None] - alphabet).argmin(axis=1) if len(foreign) else np.zeros(0, dtype=np.int64)
        hold = [-1] if family.rhythms else []
        self.value = np.concatenate(
            [np.arange(known), np.array(hold, dtype=np.int64), near]
        )  # of each token; a hold: -1
        used = np.unique(np.concatenate([self.value[option.tokens] for option in lattice.options.values()]))
        self.candidates = used[used >= 0]
        self.place = np.full(known, -1)  # of each value among the candidates
        self.place[self.candidates] = np.arange(len(self.candidates))
        silent = np.flatnonzero(alphabet[self.candidates] == family.silence)
        self.silent = int(silent[0]) if len(silent) else -1
        self.choices = [self._choices(lattice, step) for step in range(lattice.end)]
        self.fixed = all(len(lattice.options[step].tokens) == 1 for step in range(lattice.end))
        self.plain = all(choice.struck.shape[0] == 1 for choice in self.choices)
        where, places = family.stacks[number]
        self.tables = theta[places][:, self.candidates]
        self.field = sum((self.tables[rows] for rows in family.fields_of(number, fields)), np.zeros(1))
        after = np.exp(self.tables[where["after", 1] : where["after", 1] + known + 1])
        self.follows, self.opens = (
            after[self.candidates],
            after[known],
        )  # (K, K) after each candidate, (K,) at the start
        self.weights = np.zeros((lattice.end, len(self.candidates))), np.zeros(lattice.end)
        for step, choice in enumerate(self.choices):
            self.weights[0][step], self.weights[1][step] = choice.struck[0], choice.held[0]
        self.tempo = np.zeros((lattice.end, 2**BITS))
        for f, labels in enumerate(rhythms):
            self.tempo += theta[family.labelled(("rhythm", f, number))][labels]

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


class Chains:
    """``n`` grids, and how to draw the voices of each anew."""

    def __init__(
        self,
        family: Potentials,
        theta: NDArray[np.float32],
        constraints: Constraints,
        labels: tuple[list[Ints], list[Ints], Ints],
        lattices: Sequence[Lattice],
        n: int,
        temperature: float,
        rng: np.random.Generator,
    ) -> None:
        self.family, self.rng, self.n = family, rng, n
        self.theta = theta.astype(np.float64) / temperature
        self.steps = constraints.end
        fields, rhythms, self.harmony = labels
        self.where = constraints.where
        self.voices = [
            Voice(family, number, self.theta, lattice, fields, rhythms) for number, lattice in enumerate(lattices)
        ]
        self.free = [voice for voice in self.voices if not voice.fixed]
        shape = (n, self.steps, family.voices)
        self.state = State(np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=bool))
        self.present = [voice.number for voice in self.voices if voice.fixed]
        for number in self.present:
            self.state.sounds[..., number], self.state.struck[..., number] = self.voices[number].tokens()
        self._motions: dict[tuple[int, int], Floats] = {}
        self.longer = [lag for lag in family.lags if lag > 1]
        self.start()

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
        for starts, length in stretches:
            stretch = Stretch(self, voice, starts, length)
            sounds, struck = stretch.drawn()
            chain, steps = np.arange(self.n)[:, None, None], stretch.index[None]
            kept = stretch.stay()[..., None]
            self.state.sounds[chain, steps, voice.number] = np.where(
                kept, self.state.sounds[chain, steps, voice.number], sounds
            )
            self.state.struck[chain, steps, voice.number] = np.where(
                kept, self.state.struck[chain, steps, voice.number], struck
            )

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
        return struck, held

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

    def __init__(self, chains: Chains, voice: Voice, starts: Ints, length: int) -> None:
        self.chains, self.voice, self.length = chains, voice, length
        self.starts, self.ends = starts, starts + length
        self.index = starts[:, None] + np.arange(length)  # (J, L)
        self.memories = 2 ** (BITS - 1) if chains.family.rhythms else 1
        self.sounds = voice.place[chains.state.sounds[..., voice.number]]  # (n, T)
        self.own = chains.state.struck[..., voice.number]
        struck, held = chains.potentials(voice)
        self.through = np.concatenate([np.zeros_like(held[:, :1]), np.cumsum(held, axis=1)], axis=1)
        struck, held = self._flat(struck[:, self.index]), self._flat(held[:, self.index])
        top = np.maximum(struck.max(axis=2), held.max(axis=2))[..., None]
        self.struck, self.held = np.exp(struck - top), np.exp(held - top)  # (B, L, K)
        if voice.silent >= 0:
            self.held[..., voice.silent] = 0.0
        if voice.plain:
            self.struck *= np.tile(voice.weights[0][self.index], (chains.n, 1, 1))
            self.held *= np.tile(voice.weights[1][self.index], (chains.n, 1))[..., None]
        self.tempo = np.tile(voice.tempo[self.index], (chains.n, 1, 1))  # (B, L, 16)
        self.moves = [self._moves(self.index[:, step]) for step in range(length)]

    def _flat(self, table: Floats) -> Floats:
        """(n, J, ...) -> (B, ...)"""
        return table.reshape(-1, *table.shape[2:])

    def _moves(self, steps: Ints) -> Floats:
        """(K, K), or (B, 1, K, K): the factors of what is struck at ``steps`` (J,) after what sounded before."""
        found = self.voice.follows
        for w in self.chains.others(self.voice):
            sounds, place = self.chains.state.sounds[..., w], self.chains.voices[w].place
            before, after = place[sounds[:, np.maximum(steps - 1, 0)]], place[sounds[:, steps]]
            if (before != after).any():
                found = found * self.chains.motion(self.voice, w)[before.ravel(), after.ravel(), None]
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
        found = [self._after()]
        memory = np.arange(self.memories)
        for step in range(self.length - 1, 0, -1):
            choice, message, tempo = self._choice(step), found[-1], np.exp(self.tempo[:, step, None, None])
            struck = choice.after_struck(message) * (self.struck[:, step, None] * choice.struck)[..., None]
            before = self.moves[step] @ struck
            if self.memories > 1:
                held = choice.after_held(message) * (self.held[:, step, None] * choice.held[:, None])[..., None]
                before = tempo[..., 2 * memory + 1] * before[..., self._then(memory, 1)]
                before += tempo[..., 2 * memory] * held[..., self._then(memory, 0)]
            found.append(self._scaled(before, step))
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

    def _then(self, memory: Ints, strike: int) -> Ints:
        """What is remembered after a step that is struck, or not."""
        return 2 * memory + strike & self.memories - 1

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
            chain = np.arange(n)
            message[:, j] += (self.through[chain, following] - self.through[:, end])[..., None]
            message[:, j] += self._strikes_after(following)[..., None]
            if voice.silent >= 0:
                message[following > end, j, voice.silent] = -np.inf
            message[:, j] += self._tempo_after(end)[:, None]
        flat = self._flat(np.exp(message - message.max(axis=(2, 3), keepdims=True)))[:, None]
        return flat if voice.plain else flat * self._accepted()[..., None, None]

    def _strikes_after(self, steps: Ints) -> Floats:
        """(n,) -> (n, K): what binds the candidates, until then held, and what is struck at these steps."""
        found = np.zeros((self.chains.n, len(self.voice.candidates)))
        chain = np.flatnonzero(steps < self.chains.steps)
        at = steps[chain]
        found[chain] = np.log(self.voice.follows[:, self.sounds[chain, at]]).T
        for w in self.chains.others(self.voice):
            sounds = self.chains.voices[w].place[self.chains.state.sounds[chain, :, w]]
            every = np.arange(len(chain))
            motion = self.chains.motion(self.voice, w)[sounds[every, at - 1], sounds[every, at]]  # (N, K, K)
            found[chain] += np.log(motion[every, :, self.sounds[chain, at]])
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
        every, count = np.arange(len(self.struck)), len(self.voice.candidates)
        sounds = np.zeros((len(every), self.length), dtype=np.int64)
        struck = np.ones(sounds.shape, dtype=bool)
        state, memory, before = self._reached(), self._memory(), self._before()
        chances = np.zeros((len(every), count + 1))
        uniform = self.chains.rng.random(sounds.shape)
        for step, message in enumerate(messages):
            choice, held_before = self._choice(step), np.maximum(before, 0)
            move = np.broadcast_to(self.moves[step], (len(every), 1, count, count))[every, 0, held_before]
            move = np.where(before[:, None] < 0, self.voice.opens, move)
            to_struck = choice.to_struck[state] if not self.voice.plain else np.zeros((1, 1), dtype=np.int64)
            after = message[every[:, None], to_struck, np.arange(count), self._then(memory, 1)[:, None]]
            weight = self.struck[:, step] * choice.struck[state] * move * after
            if self.memories > 1:
                weight = weight * np.exp(self.tempo[every, step, 2 * memory + 1])[:, None]
                after = message[every, choice.to_held[state], held_before, self._then(memory, 0)]
                held = self.held[every, step, held_before] * choice.held[state] * after
                chances[:, count] = np.where(before < 0, 0.0, held * np.exp(self.tempo[every, step, 2 * memory]))
            chances[:, :count] = weight
            sums = np.cumsum(chances, axis=1)
            if not sums[:, -1].all():
                raise self._stuck(step)
            drawn = (sums <= uniform[:, step, None] * sums[:, -1:]).sum(axis=1)
            struck[:, step] = drawn < count
            before = np.where(drawn < count, drawn, before)
            sounds[:, step] = before
            strike = struck[:, step].astype(np.int64)
            state = np.where(
                strike,
                choice.to_struck[state, np.minimum(drawn, count - 1)] if not self.voice.plain else 0,
                choice.to_held[state],
            )
            memory = 2 * memory + strike & self.memories - 1
        return sounds, struck

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
