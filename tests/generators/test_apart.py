"""Rules between voices, kept by a chain, against enumeration: every way through three columns of two voices."""

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from composer.generators.apart import apart
from composer.generators.guarded import rejection
from composer.generators.markov import Markov
from composer.generators.walk import Walk
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Between, Sequence

STEPS, HOLD = 3, 8
Values = NDArray[np.int64]


def breaks(step: int, upper0: Values, lower0: Values, upper1: Values, lower1: Values) -> NDArray[np.bool_]:
    """They may not cross, nor rise or fall together; the last step alone lets them meet."""
    assert step == 0 or HOLD not in np.concatenate([upper0, lower0, upper1, lower1])
    together = (upper1 - upper0) * (lower1 - lower0) > 0 if step else False
    return np.asarray((upper1 < lower1) | together | ((upper1 == lower1) & (step < STEPS - 1)))


RULE = Between(0, 1, breaks, np.arange(STEPS), HOLD)


def columns(serial: bool, given: dict[int, list[int]]) -> tuple[Markov, ColumnMasks]:
    """Two voices of 3, 5, 6 and a hold, which cannot come first."""
    rng = np.random.default_rng(0)
    steps = np.arange(STEPS, dtype=np.int32)
    events = rng.choice([3, 5, 6, HOLD], (60, STEPS, 2), p=[0.2, 0.2, 0.3, 0.3]).astype(np.int32)
    events[:, 0] = rng.choice([3, 5, 6], (60, 2))
    allowed = np.zeros((STEPS, 2, HOLD + 1), dtype=bool)
    allowed[:, :, [3, 5, 6]] = allowed[1:, :, HOLD] = True
    for step, event in given.items():
        for voice, value in enumerate(event):
            allowed[step, voice] &= value < 0 or np.arange(HOLD + 1) == value
    known = {step: np.array(event, dtype=np.int32) for step, event in given.items()}
    masks = ColumnMasks(allowed, given=known, between=(RULE,))
    return Markov(order=3, features=(), serial=serial).fit([Sequence(piece, steps) for piece in events]), masks


def kept(events: NDArray[np.int32]) -> bool:
    """Whether a whole grid breaks nothing, column by column."""
    sounding = events.astype(np.int64)
    for step in range(1, len(events)):
        sounding[step] = np.where(events[step] == HOLD, sounding[step - 1], events[step])
    before = np.concatenate([sounding[:1], sounding[:-1]])
    return not any(breaks(step, *before[step, :, None], *sounding[step, :, None]) for step in range(len(events)))


def everything(walk: Walk) -> dict[tuple[int, ...], float]:
    """Every path inside the masks, and its probability."""
    paths, found = [(walk.start(), (), 1.0)], dict[tuple[int, ...], float]()
    while paths:
        state, path, p = paths.pop()
        if walk.done(state):
            found[path] = p
            continue
        weights = walk.weights(state)
        share = weights / weights.sum() * p
        paths += [(walk.next(state, token), (*path, token), share[token]) for token in np.flatnonzero(weights).tolist()]
    return found


GIVEN: list[dict[int, list[int]]] = [{}, {step: [-1, 5] for step in range(STEPS)}, {1: [5, -1], 2: [-1, HOLD]}]


@pytest.mark.parametrize("given", GIVEN, ids=["free", "the lower given", "some given"])
@pytest.mark.parametrize("serial", [True, False])
def test_what_is_kept_has_its_conditional_probability(serial: bool, given: dict[int, list[int]]) -> None:
    model, masks = columns(serial, given)
    walk = model.walk(masks)
    found = everything(walk)
    paths, p = list(found), np.array(list(found.values()))
    assert p.sum() == pytest.approx(1.0, abs=1e-9)
    p[[not kept(walk.sequence(list(path)).events) for path in paths]] = 0.0
    assert 0.02 < p.sum() < 0.98
    n = 3_000
    drawn = rejection(walk, apart(walk, masks.between), n=n, starts=100 * n, rng=np.random.default_rng(1))
    assert drawn.rate == pytest.approx(p.sum(), abs=5 * np.sqrt(p.sum() / n))
    counted = Counter(map(tuple, drawn.paths))
    observed, expected = np.array([counted[path] for path in paths]), p / p.sum() * n
    assert (observed[p == 0] == 0).all()
    common = expected >= 5
    statistic = float(((observed - expected)[common] ** 2 / expected[common]).sum())
    freedom = int(common.sum())
    assert statistic < freedom + 4 * np.sqrt(2 * freedom)


def test_a_note_is_judged_as_soon_as_the_other_is_known() -> None:
    """The upper voice is written first: where the lower is given, it is judged then and there."""
    model, masks = columns(True, {0: [-1, 5]})
    walk = model.walk(masks)
    alphabet = walk.lattice.alphabets[0][:, 0]
    assert alphabet[apart(walk, masks.between)(walk.start(), [])].tolist() == [3, 5]
    model, masks = columns(True, {})
    walk = model.walk(masks)
    assert not apart(walk, masks.between)(walk.start(), []).any()
