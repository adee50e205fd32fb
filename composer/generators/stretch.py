"""Some steps of a voice, drawn exactly given everything else: messages backwards, draws forwards.

The chain's state is what sounds, which of the last three steps are struck, and the class of the automaton that reads
the voice's wishes (forward-backward: Baum, Petrie, Soules and Weiss 1970).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.potentials import BITS, State, nexts
from composer.generators.voice import ANY, Choices, Voice

if TYPE_CHECKING:
    from composer.generators.gibbs import Chains

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Table = TypeVar("Table", Ints, Floats)

BREACH = -25.0  # nats, of what may not be between voices, so that chains find their way out of it


class Led(NamedTuple):
    """Of a step the weights (B, C, K, M / 2) of each candidate that is struck, or goes on, from each class, times that
    of what follows, by all of the memory but what is forgotten there. ``held`` is None where nothing is.
    """

    struck: Floats
    held: Floats | None


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
        self.through = bound[1] + voice.held_nats if voice.plain else bound[1]
        struck, held = (self._flat(table[:, self.index]) for table in bound)
        may_strike, may_hold = (np.tile(may[self.index], (chains.n, 1, 1)) for may in voice.may)
        top = np.maximum(np.where(may_strike, struck, -np.inf), np.where(may_hold, held, -np.inf)).max(axis=2)[
            ..., None
        ]
        self.struck, self.held = (np.exp(np.minimum(table - top, 0.0)) for table in (struck, held))  # (B, L, K)
        if voice.plain:
            self.struck *= np.tile(voice.weights[0][self.index], (chains.n, 1, 1))
            self.held *= np.tile(voice.weights[1][self.index], (chains.n, 1, 1))
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
            before, after = (self._flat(table[:, self.index]) for table in self.chains.moves_of(w))
            motion, rules = self.chains.motion(self.voice, w), self.chains.rules(self.voice, w)
            for step in range(self.length):
                b, a = before[:, step], after[:, step]
                if (b != a).any():
                    found[step] = found[step] * motion[b, a, None]
                if rules is not None:
                    kinds = np.tile(rules.kinds[self.index[:, step]], self.chains.n)
                    found[step] = np.where(rules.broken[kinds, b, a, None], np.exp(BREACH), 1.0) * found[step]
        return found

    @cached_property
    def next(self) -> Ints:
        """(n, J) the first step from each end on that is struck."""
        return nexts(self.own)[:, self.ends - 1]

    def stay(self) -> Bools:
        """(n, J) whether what a stretch ends with may be held right into the next stretch, and so it stays as it is."""
        following = np.append(self.starts[1:], self.chains.steps + 1)
        return np.asarray(self.next >= following)

    def drawn(self) -> State:
        """(n, J, L) what sounds and is struck."""
        shape = self.chains.n, len(self.starts), self.length
        sounds, struck = self._forwards(self._backwards())
        return State(self.voice.candidates[sounds].reshape(shape), struck.reshape(shape))

    # --- messages -------------------------------------------------------------------------------------------------

    def _backwards(self) -> list[Led]:
        """Of every step what is struck and held there, weighed by all that may follow it."""
        message = self._after()
        found = [self._led(self.length - 1, message)]
        for step in range(self.length - 1, 0, -1):
            struck, held = found[-1]
            message = self.moves[step] @ struck
            if held is not None:
                hold, strike = (tempo[:, step, None, None] for tempo in self.tempo)
                message = np.concatenate([message, message], axis=3) * strike
                message += np.concatenate([held, held], axis=3) * hold
            if step % self.chains.scaled == 0:
                message = self._scaled(message, step)
            found.append(self._led(step - 1, message))
        return found[::-1]

    def _led(self, step: int, message: Floats) -> Led:
        """What is struck and held at a step, by the messages (B, C', K, M) behind it."""
        choice, halves = self._choice(step), (self.memories + 1) // 2  # strikes lead to so many memories
        to_hold, to_strike = (then[:halves] for then in self.then)
        struck = choice.after_struck(message[..., to_strike]) * (self.struck[:, step, None] * choice.struck)[..., None]
        if self.memories == 1:
            return Led(struck, None)
        return Led(
            struck, choice.after_held(message[..., to_hold]) * (self.held[:, step, None] * choice.held)[..., None]
        )

    def _scaled(self, message: Floats, step: int) -> Floats:
        largest = message.max(axis=(1, 2, 3), keepdims=True)
        if not largest.all():
            raise self._stuck(step)
        return np.asarray(message / largest)

    def _stuck(self, step: int) -> Infeasible:
        place = int(self.index[0, step])
        return Infeasible.at(place, self.chains.where(place))

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
            message[:, j] += self._tempo_after(end)[:, None]
        flat: Floats = self._flat(np.exp(message - message.max(axis=(2, 3), keepdims=True)))[:, None]
        return flat if voice.plain else flat * self._accepted()[..., None]

    def _through(self, start: int, ends: Ints) -> Floats:
        """(n, K): what binds the candidates while they are held from a step to others (n,)."""
        last = int(ends.max())
        inside = (np.arange(start, last) < ends[:, None])[..., None]
        return np.asarray(np.where(inside, self.through[:, start:last], 0.0).sum(axis=1))

    def _strikes_after(self, steps: Ints) -> Floats:
        """(n,) -> (n, K): what binds the candidates, until then held, and what is struck at these steps."""
        found = np.zeros((self.chains.n, len(self.voice.candidates)))
        chain = np.flatnonzero(steps < self.chains.steps)
        at = steps[chain]
        with np.errstate(divide="ignore"):
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
        """(B, C, K): the weight with which what follows the one stretch is allowed, from each class behind it, if a
        candidate goes on through what is held there.
        """
        k, first = len(self.voice.candidates), self.next[:, 0]
        last, chain, every = int(first.max()), np.arange(self.chains.n)[:, None], np.arange(k)
        found = np.repeat(self.chains.tail(self.voice, last)[..., None], k, axis=2)
        for step in range(last - 1, int(self.ends[0]) - 1, -1):
            choice, sounds = self.voice.choices[step], self.sounds[:, step]
            to_struck, to_held = choice.to_struck[:, sounds].T, choice.to_held[:, sounds].T  # (B, C)
            struck = choice.struck[:, sounds].T[..., None] * found[chain, to_struck]
            held = choice.held[:, sounds].T[..., None] * found[chain, to_held]
            through = choice.held * found[:, choice.to_held, every]
            own, later = self.own[:, step, None, None], (step >= first)[:, None, None]
            found = np.where(own, struck, np.where(later, held, through))
        return found

    def _reached(self) -> Ints:
        """(B,) the class in which each chain's stretch begins."""
        found = np.zeros(len(self.struck), dtype=np.int64)
        for step in range(0 if self.voice.plain else int(self.starts[0])):
            choice, sounds = self.voice.choices[step], self.sounds[:, step]
            found = np.where(self.own[:, step], choice.to_struck[found, sounds], choice.hold(found, sounds)[1])
        return found

    # --- draws ----------------------------------------------------------------------------------------------------

    def _forwards(self, steps: list[Led]) -> tuple[Ints, Bools]:
        """(B, L) candidates, and whether they are struck."""
        every, k = np.arange(len(self.struck)), len(self.voice.candidates)
        found = np.zeros((len(every), self.length), dtype=np.int64)
        drawn = np.zeros(found.shape, dtype=np.int64)
        state, memory, before = self._reached(), self._memory(), self._before()
        chances = np.zeros((len(every), k + 1))
        uniform = self.chains.rng.random(found.shape)
        for step, (struck, held) in enumerate(steps):
            sounds, moves, half = np.maximum(before, 0), self.moves[step], memory & struck.shape[3] - 1
            move = moves[sounds] if moves.ndim == 2 else moves[every if len(moves) > 1 else 0, 0, sounds]
            if step == 0:
                move = np.where(before[:, None] < 0, self.voice.opens, move)
            chances[:, :k] = struck[every, state, :, half] * move * self.tempo[1][every, step, memory][:, None]
            if held is not None:
                goes_on = held[every, state, sounds, half] * self.tempo[0][every, step, memory]
                chances[:, k] = np.where(before < 0, 0.0, goes_on)
            sums = chances.cumsum(axis=1)
            if not sums[:, -1].all():
                raise self._stuck(step)
            drawn[:, step] = (sums <= uniform[:, step, None] * sums[:, -1:]).sum(axis=1)
            strike = drawn[:, step] < k
            before = found[:, step] = np.where(strike, drawn[:, step], before)
            if not self.voice.plain:
                choice = self._choice(step)
                state = np.where(strike, choice.to_struck[state, before], choice.hold(state, sounds)[1])
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
