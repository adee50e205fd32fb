"""Exact conditioning against exhaustive enumeration: machines, preferences, forbidden words, temperature, marginals."""

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from composer.errors import Infeasible
from composer.generators.belief import Belief, State
from composer.generators.histories import Histories
from composer.generators.markov import Markov
from composer.generators.walk import Walk
from composer.inference.automata import Lattice
from composer.inference.masks import ColumnMasks, RunCosts, RunMasks
from composer.inference.sequence import Events, Sequence
from contexts import descend, distribution
from passing import nats

STEPS = 5
ALPHABET = np.array(list(itertools.product(range(3), (1, 2))), dtype=np.int32)


def labels(steps: np.ndarray) -> dict[str, np.ndarray]:
    return {"position": (steps % 2).astype(np.int32)}


@dataclass(frozen=True)
class Table:
    """A random machine: (step, state, event) -> state, -1 where forbidden, and costs."""

    to: np.ndarray  # (steps, states, events)
    cost: np.ndarray
    last: np.ndarray  # (states,)

    def follow(
        self, step: int, states: np.ndarray, events: Events, part: int | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        number = events[:, 0] if part is not None else events[:, 0] * 3 + events[:, 1]
        return self.to[step][states][:, number], -self.cost[step][states][:, number]

    def at_end(self, states: np.ndarray) -> np.ndarray:
        return self.last[states]


def machine(rng: np.random.Generator, states: int = 3, *, costly: bool = False) -> Table:
    to = rng.integers(-1, states, (STEPS, states, 9))
    cost = rng.exponential(size=to.shape) if costly else np.zeros(to.shape)
    last = np.where(rng.random(states) < 0.3, -np.inf, 0.0)
    last[0] = 0.0
    return Table(to, cost, last)


def pieces(rng: np.random.Generator, count: int = 40) -> list[Sequence]:
    found = []
    for _ in range(count):
        events, step = [], 0
        while step < STEPS:
            pick = ALPHABET[rng.integers(len(ALPHABET))] if rng.random() < 0.4 or not events else events[-1]
            pick = pick if step + pick[1] <= STEPS else np.array([pick[0], 1])
            events.append(pick)
            step += int(pick[1])
        table = np.array(events, dtype=np.int32)
        steps = np.cumsum(np.append(0, table[:-1, 1])).astype(np.int32)
        found.append(Sequence(table, steps, labels(steps)))
    return found


def masks(rng: np.random.Generator, **extra: object) -> RunMasks:
    starts, holds = rng.random((STEPS, 3)) < 0.9, rng.random((STEPS, 3)) < 0.9
    lengths = np.ones((STEPS, 3), dtype=bool)
    return RunMasks(starts, holds, lengths, lengths, labels(np.arange(STEPS)), **extra)


def costs(rng: np.random.Generator) -> RunCosts:
    held = np.cumsum(rng.exponential(size=(STEPS + 1, 3)), axis=0)
    return RunCosts(rng.exponential(size=(STEPS, 3)), held, rng.exponential(size=(STEPS, 3)))


def everything() -> list[Sequence]:
    """Every sequence of the alphabet that fills the steps."""
    found: list[Sequence] = []

    def grow(chosen: list[np.ndarray], places: list[int], step: int) -> None:
        if step == STEPS:
            steps = np.array(places, dtype=np.int32)
            found.append(Sequence(np.array(chosen, dtype=np.int32), steps, labels(steps)))
            return
        for event in ALPHABET:
            if step + event[1] <= STEPS:
                grow([*chosen, event], [*places, step], step + int(event[1]))

    grow([], [], 0)
    return found


ALL = everything()
MODELS = {
    f"order {order}, nearest {nearest}, {features}": Markov(order, features, nearest=nearest).fit(
        pieces(np.random.default_rng(order))
    )
    for order, nearest, features in [
        (1, 1, ("position",)),
        (2, 1, ()),
        (3, 1, ("position",)),
        (4, 0, ("position",)),
        (4, 3, ("position",)),
        (5, 1, ("position",)),
    ]
}


@cache
def tokens_of(name: str) -> list[np.ndarray]:
    """Of every sequence, in a model's alphabet."""
    return [MODELS[name]._stream(sequence)[2] for sequence in ALL]


@cache
def tempered(name: str, temperature: float) -> np.ndarray:
    """The logarithm of every sequence's probability, each event's distribution raised to 1/T and normalised anew."""
    model, found = MODELS[name], []
    for sequence in ALL:
        roots, elements, tokens = model._stream(sequence)
        total = 0.0
        for k, token in enumerate(tokens.tolist()):
            path = descend(model.trie_, int(roots[k]), [int(column[k]) for column in elements])
            p = distribution(model.trie_, path) ** (1 / temperature)
            total += float(np.log(p[token] / p.sum()))
        found.append(total)
    return np.array(found)


def agree(name: str, temperature: float, extra: np.ndarray, belief: Belief) -> None:
    """Supports, probabilities to 1e-9, mass and marginals, against all sequences, to which constraints add ``extra``;
    chi-square of samples.
    """
    kept = np.flatnonzero(np.isfinite(extra))
    worlds, tokens = [ALL[k] for k in kept], [tokens_of(name)[k] for k in kept]
    free = tempered(name, temperature)[kept] + extra[kept]
    mass = np.log(np.exp(free).sum())
    assert belief.log_mass == pytest.approx(mass, abs=1e-9)
    walk = Walk(belief)
    with np.errstate(divide="ignore"):
        found = np.array([np.log(walk.chances(s, t)).sum() for s, t in zip(worlds, tokens, strict=True)])
    assert np.allclose(found, free - mass, rtol=0, atol=1e-9)
    shares = {(q, int(t)): float(p) for q, ts, ps in belief.marginals() for t, p in zip(ts, ps, strict=True)}
    expected: Counter[tuple[int, int]] = Counter()
    for s, row, p in zip(worlds, tokens, np.exp(free - mass), strict=True):
        for step, token in zip(s.steps.tolist(), row.tolist(), strict=True):
            expected[step, token] += float(p)
    assert all(shares.get(key, 0.0) == pytest.approx(p, abs=1e-9) for key, p in expected.items())
    assert sum(shares.values()) == pytest.approx(sum(expected.values()), abs=1e-9)
    chi_square(walk, worlds, np.exp(free - mass))


def chi_square(walk: Walk, worlds: list[Sequence], p: np.ndarray, n: int = 2_000) -> None:
    rng = np.random.default_rng(1)
    drawn = Counter(walk.draw(rng).events.tobytes() for _ in range(n))
    counts = np.array([drawn.pop(s.events.tobytes(), 0) for s in worlds])
    assert not drawn
    common = p * n >= 5
    observed, expected = np.append(counts[common], counts[~common].sum()), np.append(p[common], p[~common].sum()) * n
    kept = expected > 1e-9
    statistic = ((observed[kept] - expected[kept]) ** 2 / expected[kept]).sum()
    freedom = kept.sum() - 1
    assert statistic < freedom + 5 * np.sqrt(2 * freedom) + 5


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("temperature", [1.0, 0.6, 2.0])
@pytest.mark.parametrize("kind", ["masks", "machine", "costs", "costly machine", "words", "all"])
def test_conditioning_is_exact(name: str, temperature: float, kind: str) -> None:
    rng, model, tried = np.random.default_rng(7), MODELS[name], 0
    while tried < 3:
        extra: dict[str, object] = {}
        if "machine" in kind or kind == "all":
            extra["machine"] = machine(rng, costly=kind != "machine")
        if kind in ("costs", "all"):
            extra["costs"] = costs(rng)
        constraints = masks(rng, **extra)
        words = (
            [rng.integers(0, len(ALPHABET), rng.integers(2, 6)) for _ in range(12)] if kind in ("words", "all") else []
        )
        runs = {tuple(word.tolist()) for word in words}
        added = [
            -np.inf if any_in(runs, t) else nats(constraints, s) for s, t in zip(ALL, tokens_of(name), strict=True)
        ]
        try:
            lattice = Lattice(constraints, model.alphabets_)
            belief = Belief(Histories(model, lattice, temperature, words), lattice)
        except Infeasible:
            assert not np.isfinite(added).any()
            continue
        tried += 1
        agree(name, temperature, np.array(added), belief)


def any_in(words: set[tuple[int, ...]], tokens: np.ndarray) -> bool:
    row = tuple(tokens.tolist())
    return any(row[k:end] in words for k in range(len(row)) for end in range(k + 2, len(row) + 1))


def test_states_from_which_the_same_can_come_are_one() -> None:
    """A machine that remembers everything and forbids nothing costs nothing."""

    class Remembers:
        def follow(self, step, states, events, part):  # type: ignore[no-untyped-def]
            return states[:, None] * 10 + 1 + np.arange(len(events))[None, :], None

        def at_end(self, states):  # type: ignore[no-untyped-def]
            return np.zeros(len(states))

    constraints = replace(masks(np.random.default_rng(0)), machine=Remembers())
    assert set(Lattice(constraints, MODELS["order 2, nearest 1, ()"].alphabets_).classes.values()) == {1}


@pytest.mark.parametrize("order", [1, 3, 6])
def test_serial_models_read_machines_value_by_value(order: int) -> None:
    rng = np.random.default_rng(order)
    steps = np.arange(3, dtype=np.int32)
    data = [Sequence(rng.integers(0, 3, (3, 2)).astype(np.int32), steps, labels(steps)) for _ in range(30)]
    model = Markov(order, ("position",), serial=True, nearest=2).fit(data)
    to = rng.integers(-1, 4, (3, 4, 3))
    allowed = rng.random((3, 2, 3)) < 0.9
    constraints = ColumnMasks(allowed, labels(steps), costs=rng.exponential(size=allowed.shape), machine=Table(
        to, rng.exponential(size=to.shape), np.zeros(4)))  # fmt: skip
    worlds = [
        Sequence(np.array(flat, dtype=np.int32).reshape(3, 2), steps, labels(steps))
        for flat in itertools.product(range(3), repeat=6)
    ]
    extra = np.array([nats(constraints, s, serial=True) for s in worlds])
    worlds = [s for s, more in zip(worlds, extra, strict=True) if np.isfinite(more)]
    free = np.array([model.log_prob(s).sum() for s in worlds]) + extra[np.isfinite(extra)]
    found = np.array([model.log_prob(s, constraints).sum() for s in worlds])
    assert np.allclose(found, free - np.log(np.exp(free).sum()), rtol=0, atol=1e-9)


def test_a_state_is_a_place_a_history_and_a_class() -> None:
    assert State(0, 0, 0) == (0, 0, 0)
