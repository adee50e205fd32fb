"""The entries of frames, (pitch, line) upwards, and which of them sounds next.

An entry sounds with the probability that the net gives it, once all before it are known. A line that has been placed
sounds nowhere else; a pitch that sounded before in the same line may be held or struck.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.generators.frames import HELD, SILENT, Frame, Frames
from composer.generators.lookahead import Choices, Lines, Ways
from composer.inference.sequence import Between

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LOUDEST = 1e3  # logits, at which exponentials are 0 or 1


@dataclass(frozen=True)
class Entries:
    """How frames are drawn: at a temperature of each decision, with ``conservativity``, the exponent of the probability
    that an entry sounds; ``rules`` are between ``lines``.

    What is decided is whether a note is struck or held, and, of a roll, whether it sounds; of lines, which note sounds
    next, or none: were each note that may sound less probable than not at a lower temperature, lines would fall silent.
    """

    frames: Frames
    temperature: float = 1.0
    conservativity: float = 1.0
    rules: SequenceOf[Between] = ()
    lines: Lines | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.frames.shape

    def nats(self, logits: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Of logits (..., 2): that an entry sounds, and is silent; that it is struck if it sounded before, and held."""
        sounds, struck = np.moveaxis(logits.clip(-LOUDEST, LOUDEST), -1, 0)
        struck = struck / self.temperature
        if self.frames.roll:
            sounds = sounds / self.temperature
        yes, no = -np.logaddexp(0.0, -sounds), -np.logaddexp(0.0, sounds)
        if self.conservativity != 1:
            yes = yes * self.conservativity
            no = np.log(-np.expm1(np.minimum(yes, -1e-300)))
        return yes, no, -np.logaddexp(0.0, -struck), -np.logaddexp(0.0, struck)

    def following(self, yes: Floats, no: Floats, open_: Bools) -> Floats:
        """(A, E + 1) nats that each entry (A, E) is the next to sound of those that are open, and that none does."""
        silent = np.where(open_, no, 0.0).cumsum(axis=1)
        found = np.column_stack([np.where(open_, yes, -np.inf), silent[:, -1]])
        found[:, 1:-1] += silent[:, :-1]
        if not self.frames.roll and self.temperature != 1:
            found = found / self.temperature
            found -= np.logaddexp.reduce(found, axis=1)[:, None]
        return found

    def log_prob(self, logits: Floats, before: Frame, now: Frame) -> Floats:
        """(T,) nats of frames ``now`` (T, P, V), by their logits (T, P, V, 2); the frames must be such as can be. Those
        of lines are told at a temperature of 1 alone.
        """
        yes, no, struck, held = self.nats(logits)
        sounds = now != SILENT
        if self.frames.articulated:
            yes += np.where(before != SILENT, np.where(now == HELD, held, struck), 0.0)
        nats = np.where(sounds, yes, no)
        if not self.frames.roll:
            nats[sounds.cumsum(axis=1) > sounds] = 0.0  # the line has been placed
        return np.asarray(nats.sum(axis=(1, 2)))


class Drawing:
    """Frames of one step being drawn for N particles: what is placed is in ``now`` (N, P, V)."""

    def __init__(
        self, entries: Entries, step: int, before: Frame, ways: Ways, choices: Choices, weights: Floats
    ) -> None:
        self.entries, self.frames, self.step, self.before = entries, entries.frames, step, before
        self.struck, self.held, self.rest = (table.copy() for table in choices)
        self.weights, self.now = weights.copy(), np.zeros_like(before)
        n, (pitches, lines) = len(before), self.frames.shape
        self.order = np.arange(pitches * lines)
        self.last = np.full(n, -1)  # the entry placed last
        self.placed = np.zeros((n, lines), dtype=bool)  # lines that sound, and nowhere else
        self.settled = np.zeros((n, lines), dtype=bool)  # and those of which is known that they rest
        self.active: Ints = np.flatnonzero(~np.isneginf(weights))
        if entries.rules and entries.lines is not None:
            self.sounded = ways[1]  # (N, V) before
            self.symbols = entries.lines.symbols(step, ways)  # (N, P + 1, V)
            self.known = np.full((n, lines), -1)  # the symbol that a line has, or is sure to have
            self._forbid_alone()
        if not self.frames.roll:
            self._settle(self.active)

    # --- drawing --------------------------------------------------------------------------------------------------

    @property
    def lowest(self) -> int:
        """The lowest pitch at which there is still something to decide."""
        return min((int(self.last[self.active].min()) + 1) // self.frames.lines, self.frames.pitches - 1)

    def place(self, active: Ints, logits: Floats, uniform: Floats) -> None:
        """Draw the next entry of each active particle, by its logits (A, P - lowest, V, 2) and two uniform numbers
        (A, 2).
        """
        yes, no, struck, held = self.entries.nats(logits)
        low = self.lowest
        inner = self.struck[active, low:]
        if self.frames.articulated:
            struck = inner + np.where(self.before[active, low:] != SILENT, struck, 0.0)
            held = self.held[active, low:] + held
            inner = np.logaddexp(struck, held)
        rest, closing = self._rest(active)
        order = self.order[low * self.frames.lines :]
        shape = len(active), len(order)
        open_ = order > self.last[active, None]
        if not self.frames.roll:
            open_ &= ~np.tile(self.placed[active], self.frames.pitches - low)
        mass = self.entries.following(yes.reshape(shape), no.reshape(shape), open_)
        mass[:, :-1] += inner.reshape(shape)
        mass[:, 1:] += np.where(open_, rest[:, low:].reshape(shape), 0.0).cumsum(axis=1)
        chosen, total = _drawn(mass, uniform[:, 0])
        self.weights[active] += total
        going = np.flatnonzero((chosen < len(order)) & ~np.isneginf(total))
        rows, entry = active[going], order[0] + chosen[going]
        value = np.full(len(rows), self.frames.begun, dtype=np.uint8)
        if self.frames.articulated:
            pair = np.stack([held, struck], axis=-1).reshape(*shape, 2)[going, chosen[going]]
            value[_drawn(pair, uniform[going, 1])[0] == 0] = HELD
        self.now[rows, *np.divmod(entry, self.frames.lines)], self.last[rows] = value, entry
        if self.frames.roll:
            self.active = rows[entry + 1 < len(self.order)]
        else:
            self._close(rows, entry, closing[going])

    def _may(self, rows: Ints) -> Bools:
        """(R, P, V) which entries may sound yet."""
        may = (self.struck[rows] > -np.inf) | (self.held[rows] > -np.inf)
        return may & (self.order.reshape(self.frames.shape) > self.last[rows, None, None])

    def _rest(self, active: Ints) -> tuple[Floats, Ints]:
        """(A, P, V) what constraints add where an entry is silent; (A, V) the last entry at which each line may sound:
        if it does not, it rests.
        """
        if self.frames.roll:
            return self.rest[active][:, :, None], np.zeros(0, dtype=np.int64)
        may = self._may(active)
        last = may.shape[1] - 1 - may[:, ::-1].argmax(axis=1)
        silent = np.zeros(may.shape)
        rest = np.where(self.settled[active], 0.0, self.rest[active])
        np.put_along_axis(silent, last[:, None], rest[:, None], axis=1)
        return silent, last * self.frames.lines + np.arange(self.frames.lines)

    def _close(self, rows: Ints, entry: Ints, closing: Ints) -> None:
        """What has been placed, and the lines that rest, as all that they might sing lies below it."""
        pitch, line = np.divmod(entry, self.frames.lines)
        resting = ~self.settled[rows] & (closing < entry[:, None])
        self.placed[rows, line] = self.settled[rows, line] = True
        self.struck[rows, :, line] = self.held[rows, :, line] = -np.inf
        if self.entries.rules:
            place = np.where(self.now[rows, pitch, line] == self.frames.begun, pitch, self.frames.pitches)
            self.known[rows, line] = self.symbols[rows, place, line]
            for placed in np.unique(line).tolist():
                self._forbid_beside(rows[line == placed], placed)
        self._silence(rows, resting)
        self._settle(rows)

    def _settle(self, rows: Ints) -> None:
        """Let lines rest that may sound nowhere; what is left is active."""
        while True:
            stuck = ~self.settled[rows] & ~self._may(rows).any(axis=1)
            if not stuck.any():
                break
            self.weights[rows] += np.where(stuck, self.rest[rows], 0.0).sum(axis=1)
            self._silence(rows, stuck)
        self.active = rows[~self.placed[rows].all(axis=1) & ~np.isneginf(self.weights[rows])]

    def _silence(self, rows: Ints, which: Bools) -> None:
        """Lines (R, V) that rest."""
        self.settled[rows] |= which
        at, line = np.nonzero(which)
        self.struck[rows[at], :, line] = self.held[rows[at], :, line] = -np.inf
        if self.entries.rules:
            self.known[rows[at], line] = self.frames.silence
            for resting in np.unique(line).tolist():
                self._forbid_beside(rows[at[line == resting]], resting)

    # --- rules between lines --------------------------------------------------------------------------------------

    def _forbid_alone(self) -> None:
        """What a line may not do after itself, nor beside lines that are sure to have one symbol."""
        rows = self.active
        for rule in self.entries.rules:
            if rule.upper == rule.lower:
                own, now = self.sounded[rows][:, [rule.upper]], self.symbols[rows, :, rule.upper]
                self._forbid(rows, rule.upper, rule.breaks(self.step, own, own, now, now))
        held = (self.held[rows] > -np.inf).any(axis=1, keepdims=True)
        may = np.concatenate([self.struck[rows] > -np.inf, held], axis=1)
        rests = self.rest[rows] > -np.inf
        most = np.where(may, self.symbols[rows], -1).max(axis=1)
        sure = np.where(rests, ~may.any(axis=1), (~may | (self.symbols[rows] == most[:, None])).all(axis=1))
        self.known[rows] = np.where(sure, np.where(rests, self.frames.silence, most), -1)
        for line in range(self.frames.lines):
            self._forbid_beside(rows[sure[:, line]], line)

    def _forbid_beside(self, rows: Ints, line: int) -> None:
        """What lines that are not settled may not do beside one that is known."""
        for rule in self.entries.rules:
            if line in (rule.upper, rule.lower) and rule.upper != rule.lower:
                other = rule.lower if line == rule.upper else rule.upper
                open_ = rows[~self.settled[rows, other]]
                mine = self.sounded[open_][:, [line]], self.known[open_][:, [line]]
                theirs = self.sounded[open_][:, [other]], self.symbols[open_, :, other]
                (a, c), (b, d) = (mine, theirs) if line == rule.upper else (theirs, mine)
                self._forbid(open_, other, rule.breaks(self.step, a, b, c, d))

    def _forbid(self, rows: Ints, line: int, broken: Bools) -> None:
        """By the symbols (R, P + 1) of a line."""
        broken = np.broadcast_to(broken, (len(rows), self.frames.pitches + 1))
        for table, forbidden in ((self.struck, broken[:, :-1]), (self.held, broken[:, -1:])):
            table[rows, :, line] = np.where(forbidden, -np.inf, table[rows, :, line])

    def judge(self) -> None:
        """Leave no particle whose frame, now that it is complete, breaks a rule."""
        for rule in self.entries.rules:
            rows = np.flatnonzero(~np.isneginf(self.weights))
            now = np.where(self.settled[rows], self.known[rows], self.frames.silence)
            a, b = (self.sounded[rows, line] for line in (rule.upper, rule.lower))
            c, d = (now[:, line] for line in (rule.upper, rule.lower))
            broken = np.broadcast_to(rule.breaks(self.step, a, b, c, d), rows.shape)
            self.weights[rows[broken]] = -np.inf


def _drawn(mass: Floats, uniform: Floats) -> tuple[Ints, Floats]:
    """(A,) a column of each row of nats, drawn by its share, and the logarithm of the whole; -inf: there is none."""
    most = mass.max(axis=1)
    sums = np.exp(mass - np.where(np.isneginf(most), 0.0, most)[:, None]).cumsum(axis=1)
    chosen = (sums <= (uniform * sums[:, -1])[:, None]).sum(axis=1)
    with np.errstate(divide="ignore"):
        return chosen.clip(max=mass.shape[1] - 1), most + np.log(sums[:, -1])
