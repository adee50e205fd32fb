"""Markov chains over whole events, unknown ones included: an exactly normalised joint over every event there can be."""

import itertools
import json

import numpy as np
import pytest
from safetensors.numpy import load, save

from composer.errors import ReadError, UsageError
from composer.generators.markov import Markov
from composer.inference.sequence import Sequence
from contexts import descend

NOTES = 4
EVERY = np.array(list(itertools.product(range(2), repeat=NOTES)), dtype=np.int32)
KNOWN = EVERY[[0, 1, 3, 5, 10, 12]]


def roll(events: np.ndarray) -> Sequence:
    steps = np.arange(len(events), dtype=np.int32)
    return Sequence(events.astype(np.int32), steps, {"position": steps % 2})


def walks(seed: int = 0) -> list[Sequence]:
    rng = np.random.default_rng(seed)
    return [roll(KNOWN[np.cumsum(rng.choice([0, 1, 4], 15, p=[0.5, 0.4, 0.1])) % len(KNOWN)]) for _ in range(12)]


def model(base: str, **options: int) -> Markov:
    return Markov(**({"order": 3, "features": ("position",)} | options), base=base).fit(walks())


each_base = pytest.mark.parametrize("base", ["unigram", "previous"])


@each_base
@pytest.mark.parametrize("order", [1, 2, 4])
@pytest.mark.parametrize("nearest", [0, 1, 3])
def test_all_frames_sum_to_one_after_any_history(base: str, order: int, nearest: int) -> None:
    """After known frames, and after frames that training never showed, one or two back."""
    chain = model(base, order=order, nearest=nearest)
    for before in itertools.product(EVERY[::2], EVERY[1::3]):
        nats = [chain.log_prob(roll(np.stack([*before, frame])))[-1] for frame in EVERY]
        assert np.isfinite(nats).all()
        assert np.exp(nats).sum() == pytest.approx(1.0, abs=1e-12)
    assert np.exp([chain.log_prob(roll(frame[None]))[0] for frame in EVERY]).sum() == pytest.approx(1.0, abs=1e-12)


@each_base
def test_an_unknown_frame_has_what_back_off_leaves_it(base: str) -> None:
    chain = model(base)
    unknown = EVERY[2]
    events = np.stack([KNOWN[0], KNOWN[1], unknown])
    assert chain.base_ is not None
    share = chain.base_.log_prob(roll(events))[-1]
    path = descend(chain.trie_, 0, [2, 0, 1])
    assert len(path) > 2
    assert chain.log_prob(roll(events))[-1] == pytest.approx(np.log(chain.trie_.backoff[path]).sum() + share, abs=1e-12)


def test_an_unknown_frame_ends_the_context() -> None:
    """What came before it no longer matters; what it was matters to the base of ``previous`` alone."""
    last = KNOWN[3]

    def nats(base: str, *before: np.ndarray) -> float:
        return float(model(base).log_prob(roll(np.stack([*before, last])))[-1])

    assert nats("unigram", KNOWN[2], EVERY[2]) == nats("unigram", KNOWN[4], EVERY[2])
    assert nats("unigram", KNOWN[2], EVERY[2]) == nats("unigram", KNOWN[2], EVERY[15])
    assert nats("unigram", KNOWN[2], EVERY[2]) != nats("unigram", KNOWN[2], KNOWN[1])
    assert nats("previous", KNOWN[2], EVERY[2]) == nats("previous", KNOWN[4], EVERY[2])
    assert nats("previous", KNOWN[2], EVERY[2]) != nats("previous", KNOWN[2], EVERY[15])


def test_no_frame_is_too_unlikely_for_a_float() -> None:
    """88 notes at once where training is silent: nothing underflows to probability 0."""
    silence = roll(np.zeros((5_000, 88), dtype=np.int32))
    struck = roll(np.eye(1, 88, dtype=np.int32))
    chain = Markov(2, (), base="unigram").fit([silence, struck])
    nats = chain.log_prob(roll(np.ones((1, 88), dtype=np.int32)))
    assert -np.inf < nats[0] < -700


@each_base
def test_saved_and_loaded_it_answers_bit_for_bit(base: str) -> None:
    chain = model(base)
    arrays, metadata = chain.arrays()
    loaded = Markov.from_arrays(load(save(arrays)), json.loads(json.dumps(metadata)))
    held_out = roll(EVERY)
    assert (loaded.log_prob(held_out) == chain.log_prob(held_out)).all()
    damaged = [arrays | {"base": arrays["base"][:, :, :1]}, {k: v for k, v in arrays.items() if k != "base"}]
    for bad in damaged:
        with pytest.raises(ReadError, match="base measure"):
            Markov.from_arrays(bad, metadata)
    with pytest.raises(ReadError):
        Markov.from_arrays(arrays, metadata | {"base": "other"})


def test_a_closed_model_says_nothing_of_a_base() -> None:
    """So that models from before open alphabets load, and train to the same bytes."""
    arrays, metadata = model("uniform").arrays()
    assert "base" not in arrays
    assert "base" not in metadata


def test_bases_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match="'bigram'"):
        model("bigram")
    with pytest.raises(UsageError, match="serial"):
        Markov(2, (), serial=True, base="unigram").fit(walks())
