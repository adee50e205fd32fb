"""The parameters at which a regularised cost is least."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from composer.generators.base import Progress

Reals = NDArray[np.float64]
Floats = NDArray[np.float32]

MEMORY = 20  # steps that are remembered
ENOUGH = 1e-4  # of the decrease that the slope promises
TOLERANCE = 1e-7  # decrease, in nats per cell, at which the least is found
SHORTEST = 1e-10  # step


class Part(Protocol):
    """A part of the cost, a sum over ``len(part.target)`` cells."""

    target: NDArray[np.int64]

    def cost(self, theta: Floats) -> tuple[float, Reals]: ...

    def often(self) -> Reals: ...


class Fitted(NamedTuple):
    """``theta`` (size,), the objective there and its part without penalties, in nats per cell, and how it was found."""

    theta: Reals
    objective: float
    cost: float
    iterations: int
    evaluations: int
    converged: bool


class Place(NamedTuple):
    """Parameters (size,), the objective there, its part without penalties, and the gradient of what is smooth of it."""

    theta: Reals
    objective: float
    cost: float
    gradient: Reals


def minimise(
    parts: SequenceOf[Part], size: int, l1: Reals, l2: Reals, iterations: int, progress: Progress | None = None
) -> Fitted:
    """Minimise the mean cost of all cells + l1 |theta| + l2 / 2 theta^2, both (size,), by OWL-QN (Andrew and Gao 2007):
    L-BFGS within the orthant that the slope leads into. Without ``l1`` every orthant is open, and it is L-BFGS.

    Parameters that are often met are taken to be steeper, by the square root of how often: half as many steps.
    """
    cells = sum(len(part.target) for part in parts)
    evaluations = 0

    with ThreadPoolExecutor(2) as pool:
        run = pool.map if len(parts) > 1 else map

        def at(theta: Reals) -> Place:
            nonlocal evaluations
            evaluations += 1
            extended = np.append(theta, 0.0).astype(np.float32)
            found = list(run(lambda part: part.cost(extended), parts))
            cost = sum(cost for cost, _ in found) / cells
            gradient = sum(gradient for _, gradient in found)[:-1] / cells + l2 * theta
            penalty = float(l1 @ np.abs(theta)) + float(theta @ (l2 * theta)) / 2
            return Place(theta, cost + penalty, cost, gradient)

        place, converged = at(np.zeros(size)), False
        memory = Memory(np.sqrt((1 + np.sum(list(run(lambda part: part.often(), parts)), axis=0)[:-1]) / cells))
        done = 0
        while done < iterations and not converged:
            done += 1
            slope = steepest(place, l1)
            following = searched(place, slope, memory.direction(slope), at, bool(l1.any()))
            if following is place:
                break
            memory.add(following.theta - place.theta, following.gradient - place.gradient)
            converged = place.objective - following.objective <= TOLERANCE * max(1.0, abs(following.objective))
            place = following
            if progress is not None:
                progress(done / iterations)
    return Fitted(place.theta, place.objective, place.cost, done, evaluations, converged)


def steepest(place: Place, l1: Reals) -> Reals:
    """(size,) the gradient of the objective; at 0, where l1 has none, that of the side to which it falls, or 0."""
    at_zero = np.sign(place.gradient) * np.maximum(np.abs(place.gradient) - l1, 0.0)
    return np.where(place.theta == 0, at_zero, place.gradient + np.sign(place.theta) * l1)


def searched(place: Place, slope: Reals, direction: Reals, at: Callable[[Reals], Place], orthant: bool) -> Place:
    """Where a step along a direction, shortened until it is enough, leads without leaving the orthant; the same place
    if it leads nowhere.
    """
    if orthant:
        direction = np.where(direction * slope < 0, direction, 0.0)
        side = np.where(place.theta == 0, -np.sign(slope), np.sign(place.theta))
    length = 1.0
    while length > SHORTEST:
        theta = place.theta + length * direction
        if orthant:
            theta[theta * side <= 0] = 0.0
        found = at(theta)
        if found.objective <= place.objective + ENOUGH * float(slope @ (theta - place.theta)):
            return found
        length /= 2
    return place


class Memory:
    """The last steps and what they changed of the gradient: an estimate of the curvature (Nocedal 1980), which begins
    as a multiple of ``scale`` (size,).
    """

    def __init__(self, scale: Reals) -> None:
        self.inverse = (1 / scale).astype(np.float32)
        self.pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=MEMORY)

    def add(self, step: Reals, change: Reals) -> None:
        along = float(step @ change)
        if along > 0:
            self.pairs.append((step.astype(np.float32), change.astype(np.float32), along))

    def direction(self, slope: Reals) -> Reals:
        """Minus the inverse of the curvature times a slope."""
        found = -slope.astype(np.float32)
        parts = []
        for step, change, along in reversed(self.pairs):
            part = float(step @ found) / along
            found -= np.float32(part) * change
            parts.append(part)
        found *= self.inverse
        if self.pairs:
            _, change, along = self.pairs[-1]
            found *= np.float32(along / float(change @ (self.inverse * change)))
        else:
            found /= max(1.0, float(np.linalg.norm(found)))  # no further than 1 at first
        for (step, change, along), part in zip(self.pairs, reversed(parts), strict=True):
            found += np.float32(part - float(change @ found) / along) * step
        return found.astype(np.float64)
