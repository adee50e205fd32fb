"""Gibbs sampling of one voice in which every cell is struck, a colour at a time: cells that no potential joins.

Cells of a colour are further apart than the longest lag, so given all others they are independent of each other, and
all of them, in all grids, are drawn at once: the largest of potentials with Gumbel noise added (Gumbel 1954).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.potentials import Potentials, State
from composer.inference.sequence import Constraints

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

LEAST = np.float32(1e-30)  # of a draw whose logarithm is taken


class Coloured:
    """``n`` grids of one voice, and how to draw their cells anew.

    The grids lie in one line, with as many empty places around each as the longest lag. An empty place holds a value of
    its own: before a grid it is the row of nothing before the first step, behind a grid it adds nothing.
    """

    exact = False

    def __init__(self, family: Potentials, theta: Floats, field: Floats, n: int, rng: np.random.Generator) -> None:
        """``theta`` is already divided by the temperature; ``field`` (T, K) are the nats of each value by itself."""
        self.n, self.rng = n, rng
        k, longest, steps = family.values[0], max(family.lags), len(field)
        tables, around = [], []
        for lag in family.lags:
            table = family.places["lag", lag, 0]
            tables += [table, np.append(table[:k].T, np.full((1, k), family.size), axis=0)]
            around += [-lag, lag]
        self.tables = theta[np.concatenate(tables)]
        self.rows = np.arange(len(around)) * (k + 1)  # where each table begins
        self.cells = longest + (steps + longest) * np.arange(n)[:, None] + np.arange(steps)  # (n, T) places in the line
        self.line = np.full((steps + longest) * n + longest, k)
        steps_of = [np.arange(steps)[colour :: longest + 1] for colour in range(min(longest + 1, steps))]
        places = [self.cells[:, steps_here].ravel() for steps_here in steps_of]
        self.colours = [(place, place[:, None] + np.array(around)) for place in places]
        self.field = np.concatenate([np.tile(field[steps_here], (n, 1)) for steps_here in steps_of])
        self.line[np.concatenate(places)] = self._noisy().argmax(axis=1)

    def _noisy(self) -> Floats:
        """(n T, K) the field with Gumbel noise, in the order of colours."""
        noise = self.rng.standard_exponential(self.field.shape, dtype=np.float32)
        np.maximum(noise, LEAST, out=noise)
        np.log(noise, out=noise)
        return np.asarray(np.subtract(self.field, noise, out=noise))

    def sweep(self) -> None:
        """Draw every cell anew, given all others."""
        noisy, start = self._noisy(), 0
        for places, around in self.colours:
            rows = self.line.take(around)
            rows += self.rows
            nats = np.add.reduce(self.tables.take(rows, axis=0), axis=1)
            nats += noisy[start : start + len(places)]
            self.line[places] = nats.argmax(axis=1)
            start += len(places)

    @property
    def state(self) -> State:
        sounds = self.line[self.cells][..., None]
        return State(sounds, np.ones(sounds.shape, dtype=bool))

    def broken(self) -> Bools:
        """(n,) whether something is broken between voices: there is but one."""
        return np.zeros(self.n, dtype=bool)


def allowed_nats(constraints: Constraints, alphabet: Ints) -> Floats:
    """(T, K) nats that constraints without a machine add to each value of a voice, -inf where it may not stand; what is
    given and not known counts as the nearest. Raises :class:`Infeasible`.
    """
    events = alphabet[:, None].astype(np.int32)
    found = np.full((constraints.end, len(alphabet)), -np.inf, dtype=np.float32)
    for step in range(constraints.end):
        allowed = constraints.allows(step, events)
        if step in constraints.given and not allowed.any():
            allowed = np.arange(len(alphabet)) == np.abs(alphabet - constraints.given[step][0]).argmin()
        if not allowed.any():
            raise Infeasible.at(step, constraints.where(step))
        nats = constraints.nats(step, events[allowed], None)
        found[step, allowed] = 0.0 if nats is None else nats
    return found
