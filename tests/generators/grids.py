"""A maximum-entropy model of a tiny world, its energy written out, and every grid that keeps constraints."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from composer.generators.maxent import Maxent
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Sequence

HOLD, SILENCE, VALUES = 9, 0, (0, 3, 5)
HELD, PLAIN = (*VALUES, HOLD), VALUES
Grid = tuple[tuple[int, ...], ...]  # steps of voices

MODELS = {
    "one voice": (1, {}),
    "two voices": (2, {}),
    "chords": (3, {}),
    "longer lags": (2, {"lags": (1, 3)}),
    "no holds": (3, {"hold": None, "lags": (1, 2)}),
    "no silence": (2, {"silence": None, "harmony": "", "fields": ("a", "a+b")}),
}


def context(steps: int) -> dict[str, np.ndarray]:
    place = np.arange(steps, dtype=np.int32)
    return {"a": place % 2, "b": place % 3}


def sequence(grid: Grid) -> Sequence:
    events = np.array(grid, dtype=np.int32)
    return Sequence(events, np.arange(len(events), dtype=np.int32), context(len(events)))


def masks(steps: int, voices: int, **said: object) -> ColumnMasks:
    """Everything may stand everywhere, but nothing can be held at the start."""
    allowed = np.ones((steps, voices, HOLD + 1), dtype=bool)
    allowed[0, :, HOLD] = False
    return ColumnMasks(allowed, context(steps), **said)  # type: ignore[arg-type]


def model(voices: int, *, steps: int = 6, seed: int = 0, scale: float = 0.8, **options: object) -> Maxent:
    """A model that knows all :data:`VALUES` in every voice, at random parameters."""
    rng = np.random.default_rng(seed)
    options = {"hold": HOLD, "fields": ("a", "a+b"), "rhythms": ("b",), "harmony": "a", "sweeps": 12} | options
    heard = [sequence(tuple((value,) * voices for value in rng.permutation(VALUES * 2)[:steps])) for _ in range(20)]
    made = Maxent(iterations=1, **options).fit(heard)  # type: ignore[arg-type]
    made.theta_ = np.append(rng.normal(size=made.family_.size) * scale, 0).astype(np.float32)
    return made


def heard(grid: Grid, hold: int | None, silence: int | None = SILENCE) -> list[list[tuple[int, bool]]] | None:
    """By voice what sounds at each step, and whether it is struck: a rest after a rest goes on; None if a rest, or
    nothing, is held.
    """
    found = []
    for column in zip(*grid, strict=True):
        voice: list[tuple[int, bool]] = []
        for value in column:
            if value == hold and (not voice or voice[-1][0] == silence):
                return None
            goes_on = value == hold or (
                hold is not None and value == silence and voice[-1:] and voice[-1][0] == silence
            )
            voice.append((voice[-1][0], False) if goes_on else (value, True))
        found.append(voice)
    return found


def energy(made: Maxent, grid: Grid) -> float:
    """The sum of all potentials; -inf if it is no grid at all."""
    voices = heard(grid, made.hold, made.silence)
    return -np.inf if voices is None else sum(made.theta_[place] for place in _places(made, voices))


def _places(made: Maxent, voices: list[list[tuple[int, bool]]]) -> Iterator[int]:  # noqa: C901 - one place
    """Of every potential of a grid the place of its parameter."""
    places, steps = made.family_.places, len(voices[0])
    table = context(steps)
    number = {value: k for k, value in enumerate(made.family_.alphabets[0].tolist())}
    x = [[number[value] for value, _ in voice] for voice in voices]
    s = [[struck for _, struck in voice] for voice in voices]
    first = len(number)  # the row for what comes before the first step
    for v, t in itertools.product(range(len(voices)), range(steps)):
        label = int(table["a"][t]) if made.harmony else 0
        if s[v][t]:
            yield places["field", 0, v][table["a"][t], x[v][t]]
            yield places["field", 1, v][made.labels_["a+b"].of(table)[t], x[v][t]]
            for lag in made.lags:
                yield places["lag", lag, v][x[v][t - lag] if t >= lag else first, x[v][t]]
            for w in set(range(len(voices))) - {v}:
                yield places["diagonal", w, v][x[w][t - 1] if t else first, x[v][t]]
        if made.hold is not None:
            pattern = sum(s[v][t - back] << back for back in range(4) if back <= t)
            yield places["rhythm", 0, v][table["b"][t], pattern]
        for w in range(v):
            if s[v][t] or s[w][t]:
                who = 0 if s[v][t] and s[w][t] else 1 if s[w][t] else 2
                yield places["vertical", w, v][label, who, x[w][t], x[v][t]]
            if made.hold is not None and s[v][t] and s[w][t]:
                yield places["together", w, v][label]
            if t:
                values = [voices[u][t - k][0] for u in (w, v) for k in (1, 0)]
                if made.silence not in values:
                    yield from _motion(places["motion", w, v], values)
    for t in range(steps) if len(voices) > 2 else ():
        if any(voice[t] for voice in s):
            classes = {voice[t][0] % 12 for voice in voices if voice[t][0] != SILENCE}
            yield places["chord",][table["a"][t], voices[-1][t][0] % 12, sum(1 << c for c in classes)]


def _motion(table: np.ndarray, values: list[int]) -> Iterator[int]:
    before_w, after_w, before, after = values
    if before != after and before_w != after_w:
        apart = (after > before) != (after_w > before_w)
        yield table[int(apart), (before_w - before) % 12, (after_w - after) % 12]


def some(made: Maxent, count: int, steps: int = 6, seed: int = 1) -> list[Grid]:
    """Random grids that hold nothing but notes."""
    rng, found = np.random.default_rng(seed), []
    symbols = PLAIN if made.hold is None else (*HELD, HOLD)
    while len(found) < count:
        grid = tuple(map(tuple, rng.choice(symbols, (steps, made.width_)).tolist()))
        if energy(made, grid) > -np.inf:
            found.append(grid)
    return found


def grids(steps: int, voices: int, symbols: tuple[int, ...]) -> Iterator[Grid]:
    return itertools.product(itertools.product(symbols, repeat=voices), repeat=steps)


def kept(constraints: ColumnMasks, grid: Grid) -> float:
    """What preferences add to a grid's energy; -inf where constraints do not allow it."""
    total, states = 0.0, np.zeros(1, dtype=np.int64)
    for step, column in enumerate(grid):
        events = np.array([column], dtype=np.int32)
        given = constraints.given.get(step, np.full(len(column), -1))
        if not constraints.allows(step, np.where(given < 0, events, constraints.allowed[step].argmax(axis=1))).all():
            return -np.inf
        if any(g not in (-1, value) for g, value in zip(given.tolist(), column, strict=True)):
            return -np.inf
        more = constraints.nats(step, events, None)
        total += 0.0 if more is None else float(more[0])
        if constraints.machine is not None:
            after, nats = constraints.machine.follow(step, states, events, None)
            total, states = total + (0.0 if nats is None else float(nats[0, 0])), after[:, 0]
            if states[0] < 0:
                return -np.inf
    total += 0.0 if constraints.machine is None else float(constraints.machine.at_end(states)[0])
    return -np.inf if _clash(constraints, grid) else total


def _clash(constraints: ColumnMasks, grid: Grid) -> bool:
    voices = heard(grid, HOLD)
    if voices is None:
        return bool(constraints.between)
    for rule in constraints.between:
        line = [np.array([sound for sound, _ in voices[v]]) for v in (rule.upper, rule.lower)]
        for step in range(len(grid)):
            before = [voice[max(step - 1, 0)] for voice in line]
            if rule.breaks(step, *before, *(voice[step] for voice in line)):
                return True
    return False


def distribution(made: Maxent, constraints: ColumnMasks, symbols: tuple[int, ...]) -> dict[Grid, float]:
    """The probability of every grid that keeps the constraints."""
    found = {}
    for grid in grids(constraints.end, made.width_, symbols):
        more = kept(constraints, grid)
        total = energy(made, grid) + more if more > -np.inf else more
        if total > -np.inf:
            found[grid] = total
    nats = np.array(list(found.values()), dtype=np.float64)
    p = np.exp(nats - nats.max())
    return dict(zip(found, (p / p.sum()).tolist(), strict=True))
