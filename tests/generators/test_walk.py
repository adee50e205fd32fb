"""Guarded Markov chains against enumeration: every sequence of a tiny world, all of it or parts of it composed."""

from collections import Counter
from functools import cache

import numpy as np
import pytest

from composer.encodings.base import Encoding
from composer.encodings.melody import Melody
from composer.encodings.voices import Voices
from composer.generators.guarded import rejection
from composer.generators.markov import Markov
from composer.generators.walk import Walk, copies
from composer.inference.masks import ColumnMasks, RunMasks
from composer.inference.sequence import Sequence
from composer.inference.suffixes import CopyIndex, Guard

STEPS = 5


def melodies() -> tuple[Encoding, Markov, RunMasks]:
    """(symbol 0..2, duration 1..2), symbol 0 a rest."""
    rng = np.random.default_rng(0)
    sequences = []
    for _ in range(30):
        durations = [[1, 2, 2], [2, 1, 1, 1], [1, 1, 1, 1, 1]][rng.integers(3)]
        steps = np.cumsum([0, *durations[:-1]]).astype(np.int32)
        sequences.append(Sequence(np.stack([rng.integers(0, 3, len(steps)), durations], 1).astype(np.int32), steps))
    free = np.ones((STEPS, 3), dtype=bool)
    return Melody(), Markov(order=3, features=()).fit(sequences), RunMasks(free, free, free, free)


def pairs() -> tuple[Encoding, Markov, ColumnMasks]:
    """Two voices of two values, one after the other."""
    rng = np.random.default_rng(1)
    steps = np.arange(STEPS, dtype=np.int32)
    sequences = [Sequence(rng.integers(0, 2, (STEPS, 2)).astype(np.int32) * 5, steps) for _ in range(30)]
    allowed = np.zeros((STEPS, 2, 6), dtype=bool)
    allowed[:, :, [0, 5]] = True
    allowed[0, 0, 0] = False
    return Voices(voices=2), Markov(order=4, features=(), serial=True).fit(sequences), ColumnMasks(allowed)


WORLDS = {"melodies": melodies, "pairs": pairs}


def everything(walk: Walk) -> list[list[int]]:
    """Every path of a walk."""
    found: list[list[int]] = []

    def grow(state, path: list[int]) -> None:  # type: ignore[no-untyped-def]
        if walk.done(state):
            found.append(path)
            return
        for token in np.flatnonzero(walk.weights(state)).tolist():
            grow(walk.next(state, token), [*path, token])

    grow(walk.start(), [])
    return found


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize(("limit", "unit"), [(2, "notes"), (1, "notes"), (3, "steps")])
def test_the_guard_passes_exactly_what_holds_no_longer_copy(world: str, limit: int, unit: str) -> None:
    view, model, masks = WORLDS[world]()
    walk = model.walk(masks)
    paths = everything(walk)
    corpus = [view.moves(walk.events(path)) for path in paths[5::97]]
    guard = Guard(CopyIndex.of(corpus), limit, unit)
    passed = []
    sequences = [walk.sequence(path) for path in paths]
    moves = [view.moves(sequence.events) for sequence in sequences]
    befores = {tuple(path[:k]) for path in paths for k in range(len(path))}

    @cache
    def state_after(*path: int) -> object:
        return walk.next(state_after(*path[:-1]), path[-1]) if path else walk.start()

    for free in (np.ones(STEPS, bool), np.arange(STEPS) < 2, np.arange(STEPS) >= 3, np.arange(STEPS) % 3 == 1):
        bans = copies(walk, [guard], view, free)
        banned = {before: bans(state_after(*before), list(before)) for before in befores}
        for path, sequence, moved in zip(paths, sequences, moves, strict=True):
            stopped = any(banned[tuple(path[:k])][token] for k, token in enumerate(path))
            broken = guard.broken(moved, free[sequence.steps])
            assert stopped == broken.any()
            passed.append(not stopped)
    assert {True, False} == set(passed)


@pytest.mark.parametrize("world", WORLDS)
def test_guarded_samples_have_the_conditional_distribution(world: str) -> None:
    view, model, masks = WORLDS[world]()
    walk = model.walk(masks)
    paths = everything(walk)
    guard = Guard(CopyIndex.of([view.moves(walk.events(path)) for path in paths[5::97]]), 2)
    sequences = [walk.sequence(path) for path in paths]
    p = np.array([np.exp(model.log_prob(sequence, masks).sum()) for sequence in sequences])
    assert p.sum() == pytest.approx(1.0, abs=1e-9)
    p[[guard.broken(view.moves(sequence.events)).any() for sequence in sequences]] = 0.0
    bans = copies(walk, [guard], view, np.ones(STEPS, dtype=bool))
    n = 4_000
    drawn = rejection(walk, bans, n=n, starts=100 * n, rng=np.random.default_rng(0))
    assert drawn.rate == pytest.approx(p.sum(), abs=4 * np.sqrt(p.sum() / n))
    counted = Counter(map(tuple, drawn.paths))
    observed, expected = np.array([counted[tuple(path)] for path in paths]), p / p.sum() * n
    assert (observed[p == 0] == 0).all()
    common = expected >= 5
    cells = [(observed[common], expected[common]), (observed[~common].sum(), expected[~common].sum())]
    statistic = sum(((o - e) ** 2 / e).sum() for o, e in cells if np.sum(e) > 0)
    freedom = int(common.sum())
    assert statistic < freedom + 4 * np.sqrt(2 * freedom)
