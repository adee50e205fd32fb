"""Conditioning over an open alphabet against every sequence of a small width, unknown frames and all."""

import itertools
from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from composer.errors import Infeasible, Unsupported
from composer.generators.factorised import Factorised
from composer.generators.markov import Markov
from composer.generators.opened import Opened
from composer.inference.masks import ColumnMasks, RunMasks
from composer.inference.sequence import Sequence

NOTES, STEPS = 3, 3
EVERY = np.array(list(itertools.product(range(2), repeat=NOTES)), dtype=np.int32)
KNOWN = EVERY[[0, 1, 3, 5]]


def roll(events: np.ndarray) -> Sequence:
    steps = np.arange(len(events), dtype=np.int32)
    return Sequence(events.astype(np.int32), steps, {"position": steps % 2})


def model(order: int = 3, nearest: int = 1, base: str = "unigram") -> Markov:
    rng = np.random.default_rng(0)
    walks = [roll(KNOWN[np.cumsum(rng.choice([0, 1, 2], 9, p=[0.5, 0.4, 0.1])) % len(KNOWN)]) for _ in range(12)]
    return Markov(order, ("position",), nearest=nearest, base=base).fit(walks)


def masks(*, preferred: bool = False) -> ColumnMasks:
    allowed = np.ones((STEPS, NOTES, 2), dtype=bool)
    allowed[0, 0, 0] = allowed[2, 1, 1] = False
    costs = np.random.default_rng(1).random((STEPS, NOTES, 2)) if preferred else None
    return ColumnMasks(allowed, {"position": (np.arange(STEPS) % 2).astype(np.int32)}, costs=costs)


def worlds() -> list[Sequence]:
    return [roll(np.stack(chosen)) for chosen in itertools.product(EVERY, repeat=STEPS)]


def conditional(weights: list[float], constraints: ColumnMasks) -> np.ndarray:
    """The share of each world among those that keep the constraints, by its nats, preferences weighed in."""
    kept = []
    for nats, world in zip(weights, worlds(), strict=True):
        inside = all(constraints.allows(t, world.events[[t]])[0] for t in range(STEPS))
        wanted = [constraints.nats(t, world.events[[t]], None) for t in range(STEPS)]
        kept.append(np.exp(nats + sum(float(w[0]) for w in wanted if w is not None)) if inside else 0.0)
    return np.array(kept) / sum(kept)


@pytest.mark.parametrize(("order", "nearest"), [(1, 0), (2, 0), (2, 1), (4, 0), (4, 1), (4, 2)])  # all that differ
def test_conditioning_is_exact_at_every_order(order: int, nearest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = model(order, nearest)
    free = [chain.log_prob(world).sum() for world in worlds()]
    for preferred in (False, True):
        constraints = masks(preferred=preferred)
        expected = conditional(free, constraints)
        if order > 1 or preferred:
            assert expected[expected > 0].min() < 0.5 * expected.max()
        walk = chain.walk(constraints)
        with monkeypatch.context() as patch:
            patch.setattr(chain, "walk", lambda _, walk=walk: walk)  # the same for all sequences
            found = np.array([np.exp(chain.log_prob(world, constraints).sum()) for world in worlds()])
        assert ((found > 0) == (expected > 0)).all()
        np.testing.assert_allclose(np.log(found[found > 0]), np.log(expected[expected > 0]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.5])
def test_samples_agree_with_the_tempered_chain(temperature: float) -> None:
    """Chi-square of 8,000 samples; a step's probabilities are tempered over all frames, unknown ones too."""
    chain, constraints = model(), masks(preferred=True)

    @cache
    def after(*before: int) -> np.ndarray:
        """(frames,) the logarithm of each frame's tempered probability after others."""
        nats = np.array([chain.log_prob(roll(EVERY[[*before, frame]]))[-1] for frame in range(len(EVERY))])
        return nats / temperature - np.log(np.exp(nats / temperature).sum())

    chosen = itertools.product(range(len(EVERY)), repeat=STEPS)
    tempered = [sum(float(after(*frames[:t])[frames[t]]) for t in range(STEPS)) for frames in chosen]
    expected = conditional(tempered, constraints)
    n = 8_000
    samples = chain.sample(constraints, n=n, temperature=temperature, rng=np.random.default_rng(5))
    drawn = Counter(sample.events.tobytes() for sample in samples)
    observed = np.array([drawn[world.events.tobytes()] for world in worlds()])
    assert observed.sum() == n
    assert (observed[expected == 0] == 0).all()
    common = expected * n >= 5
    counted = np.append(observed[common], observed[~common].sum())
    wanted = np.append(expected[common], expected[~common].sum()) * n
    freedom = common.sum()
    assert ((counted - wanted) ** 2 / wanted).sum() < freedom + 4 * np.sqrt(2 * freedom) + 4


def test_only_an_unknown_frame_may_stand_there() -> None:
    """A pin that training never showed is kept, with certainty."""
    pinned = np.zeros((STEPS, NOTES, 2), dtype=bool)
    pinned[np.arange(STEPS)[:, None], np.arange(NOTES), EVERY[[0, 7, 1]]] = True
    constraints = replace(masks(), allowed=pinned)
    [sample] = model().sample(constraints, rng=np.random.default_rng(0))
    assert (sample.events == EVERY[[0, 7, 1]]).all()
    assert model().log_prob(sample, constraints).sum() == pytest.approx(0.0, abs=1e-12)
    model().check(constraints)
    pinned[1, 0] = False
    for impossible in (model().check, model().belief):
        with pytest.raises(Infeasible, match="step 1"):
            impossible(constraints)


def test_nothing_possible_is_rounded_away() -> None:
    """88 notes that training hardly ever struck, cold: what is left of the unknown is some 10^-60 of the known."""
    rolls = np.zeros((10**6, 88), dtype=np.int32)
    rolls[0] = 1
    known = np.array([[0] * 88, [1] * 88], dtype=np.int32)
    measure = Factorised.count_up([rolls], previous=False)

    def opened(*free: int) -> Opened:
        allowed = np.ones((1, 88, 2), dtype=bool)
        allowed[0, :, 1] = np.isin(np.arange(88), free)
        return Opened(ColumnMasks(allowed), measure, known, temperature=0.1)

    two = opened(3, 50)
    drawn = Counter(tuple(two.others(0).draw(np.random.default_rng(seed))[[3, 50]].tolist()) for seed in range(400))
    assert set(drawn) == {(0, 1), (1, 0)}  # both notes together are as improbable again
    assert 140 < drawn[0, 1] < 260
    struck = np.eye(88, dtype=np.int32)
    assert two.others(0).share(struck[3]) == pytest.approx(0.5)
    assert two.others(0).share(struck[4]) == 0
    assert opened().others(0).total == -np.inf
    assert opened(7).others(0).share(struck[7]) == pytest.approx(1.0)


def test_what_cannot_be_followed_is_refused_in_one_line() -> None:
    class Any:
        def follow(self, *_: object) -> None: ...

        def at_end(self, *_: object) -> None: ...

    blank = masks()
    with pytest.raises(Unsupported, match="more than one event"):
        model().sample(replace(blank, machine=Any()), rng=np.random.default_rng(0))
    with pytest.raises(Unsupported, match="'unigram' composes"):
        model(base="previous").sample(blank, rng=np.random.default_rng(0))
    table, lengths = np.ones((STEPS, 3), dtype=bool), np.ones((STEPS, 3), dtype=bool)
    runs = RunMasks(table, table, lengths, lengths, blank.context)
    chain = Markov(2, ("position",), base="unigram").fit([roll(np.array([[0, 1], [1, 2]]))])
    with pytest.raises(Unsupported, match="one step"):
        chain.sample(runs, rng=np.random.default_rng(0))
