"""Models that have heard more, against the equation, written out in dictionaries."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from composer.errors import ComposerError, ReadError, UsageError
from composer.generators.adapted import DEEPEST, HEAVIEST, LEAST_WORTH, WORTH
from composer.generators.base import Online
from composer.generators.markov import Markov
from composer.inference.sequence import Sequence

Event = tuple[int, ...]
Context = tuple[Hashable, ...]  # slot, then elements, nearest first


def walks(seed: int, count: int, symbols: int = 4) -> list[Sequence]:
    """Skewed sequences of two columns."""
    rng = np.random.default_rng(seed)
    sequences = []
    for _ in range(count):
        length = int(rng.integers(1, 20))
        first = np.cumsum(rng.choice([0, 1, 2], length, p=[0.3, 0.5, 0.2])) % symbols
        events = np.stack([first, np.where(rng.random(length) < 0.8, first // 2, 1)], axis=1).astype(np.int32)
        steps = np.arange(length, dtype=np.int32)
        sequences.append(Sequence(events, steps, {"position": steps % 3}))
    return sequences


MODELS = {
    "plain": {"order": 3, "features": ()},
    "features": {"order": 4, "features": ("position",), "nearest": 1},
    "features first": {"order": 3, "features": ("position",), "nearest": 0},
    "serial": {"order": 4, "features": ("position",), "nearest": 2, "serial": True},
    "order 1": {"order": 1, "features": ("position",)},
    "open": {"order": 3, "features": ("position",), "base": "unigram"},
    "previous": {"order": 3, "features": ("position",), "base": "previous"},
}
each_model = pytest.mark.parametrize("options", MODELS.values(), ids=MODELS)


def fitted(options: dict[str, object]) -> Markov:
    """It knows of four symbols."""
    return Markov(**options).fit(walks(1, 30))  # type: ignore[arg-type]


def tokens_of(model: Markov, sequence: Sequence) -> list[tuple[Context, Hashable]]:
    """Every token of a sequence, and its longest context."""
    before: list[Hashable] = ["start"] * (model.order - 1)
    found = []
    for t, event in enumerate(sequence.events.tolist()):
        label = tuple(int(sequence.context[name][t]) for name in model.features)
        for slot, token in enumerate(event if model.serial else [tuple(event)]):
            elements = [*before[: model.nearest], label, *before[model.nearest :]]
            found.append(((slot, *elements), token))
            before = [token, *before][: model.order - 1]
    return found


class Oracle:
    """p'(s | h) = (c(h s) + k(h) [p(s | h) - l(h) p(s | b(h)) + l(h) p'(s | b(h))]) / (c(h) + k(h)), the prior p being
    a table of what the model says of each context: it must be asked of contexts that occur in its training.
    """

    def __init__(self, model: Markov, heard: list[Sequence], weights: list[float]) -> None:
        self.model, self.after = model, Counter[tuple[Context, Hashable]]()
        for sequence, weight in zip(heard, weights, strict=True):
            for context, token in tokens_of(model, sequence):
                for length in range(1, len(context) + 1):
                    self.after[context[:length], token] += weight  # type: ignore[assignment]
        self.total = Counter[Context]()
        for (context, _), count in self.after.items():
            self.total[context] += count

    def p(self, shares: list[tuple[float, float]], context: Context, token: Hashable, base: float) -> float:
        """``shares`` are alpha and back-off of the context and all shorter ones, the shortest first."""
        p = base
        for length, (alpha, backoff) in enumerate(shares):
            worth = max(WORTH / 2**length, LEAST_WORTH)
            heard = context[: length + 1]
            p = (self.after[heard, token] + worth * (alpha + backoff * p)) / (self.total[heard] + worth)
        return p


def shares_of(model: Markov, sequence: Sequence) -> list[list[tuple[float, float]]]:
    """Of each token, what the trie says of its contexts, the shortest first; nothing of those it has not."""
    trie, found = model.trie_, []
    roots, elements, tokens = model._stream(sequence)
    for k, token in enumerate(tokens.tolist()):
        node, shares = int(roots[k]), []
        for length in range(len(elements) + 1):
            if length and node >= 0:
                node = int(trie.children(np.array([node]), elements[length - 1][[k]])[0])
            rows = slice(trie.first[node], trie.first[node + 1]) if node >= 0 else slice(0, 0)
            alpha = trie.alpha[rows][trie.token[rows] == token].sum()
            shares.append((float(alpha), float(trie.backoff[node]) if node >= 0 else 1.0))
        found.append(shares)
    return found


@each_model
@pytest.mark.parametrize("symbols", [4, 6])
def test_probabilities_are_those_of_the_equation(options: dict[str, object], symbols: int) -> None:
    """With and without symbols that the model did not know."""
    model, heard, weights = fitted(options), walks(2, 5, symbols), [1.0, 0.25, 2.0, 0.5, 1.0]
    adapted, oracle = model.adapted(heard, weights), Oracle(model, heard, weights)
    for sequence in [*heard, *walks(3, 10)]:
        shares = shares_of(model, sequence)
        known = tokens_of(model, sequence)
        sizes = [len(adapted.alphabets_[k % len(adapted.alphabets_)]) for k in range(len(known))]
        bases = [1 / size for size in sizes]
        if model.base_ is not None:
            bases = np.exp(model.base_.log_prob(sequence)).tolist()
            if not all(bases):
                continue  # has events outside the measure: tested below
        p = [oracle.p(s, *token, base) for s, token, base in zip(shares, known, bases, strict=True)]
        expected = np.log(p).reshape(len(sequence), -1).sum(axis=1)
        if symbols == 4 or model.base_ is None:
            np.testing.assert_allclose(adapted.log_prob(sequence), expected, rtol=0, atol=1e-9)


@each_model
def test_every_context_still_shares_out_one(options: dict[str, object]) -> None:
    trie = fitted(options).adapted(walks(2, 5, 6), [0.3] * 5).trie_
    assert (np.diff(trie.first) > 0).all()
    np.testing.assert_allclose(np.add.reduceat(trie.alpha, trie.first[:-1]) + trie.backoff, 1.0, rtol=0, atol=1e-12)
    assert (trie.alpha >= 0).all()


@each_model
def test_nothing_heard_changes_nothing(options: dict[str, object]) -> None:
    model = fitted(options)
    nothing, new = model.adapted([], []), model.adapted(walks(2, 3, 6), [0, 0, 0])
    assert save(nothing.arrays()[0]) == save(model.arrays()[0]) == save(new.arrays()[0])


@each_model
def test_the_model_itself_is_left_as_it_is(options: dict[str, object]) -> None:
    model = fitted(options)
    before = save(model.arrays()[0])
    adapted = model.adapted(walks(2, 5, 6), [1.0] * 5)
    assert save(model.arrays()[0]) == before
    assert save(adapted.arrays()[0]) != before
    assert isinstance(model, Online)


@each_model
def test_a_heavy_weight_leaves_the_counts_alone(options: dict[str, object]) -> None:
    """After a longest context that was heard, what comes is as often as it was heard."""
    model, heard = fitted(options), walks(2, 8)
    adapted = model.adapted(heard, [HEAVIEST] * len(heard))
    grams = [gram for sequence in heard for gram in tokens_of(model, sequence)]
    after, total = Counter(grams), Counter(context for context, _ in grams)
    for sequence in heard:
        expected = [np.log(after[gram] / total[gram[0]]) for gram in tokens_of(model, sequence)]
        found = adapted.log_prob(sequence)
        np.testing.assert_allclose(found, np.reshape(expected, (len(sequence), -1)).sum(axis=1), rtol=0, atol=1e-4)


def test_the_deepest_contexts_hear_nothing() -> None:
    """One phrase has each of its longest contexts once: they would all but forbid everything else."""
    model, heard = Markov(8, ()).fit(walks(1, 30)), walks(2, 5)
    before, after = model.trie_, model.adapted(heard, [1.0] * 5).trie_
    assert (np.diff(after.levels)[DEEPEST + 1 :] == np.diff(before.levels)[DEEPEST + 1 :]).all()
    assert (np.diff(after.levels)[1 : DEEPEST + 1] > np.diff(before.levels)[1 : DEEPEST + 1]).any()
    deep = slice(before.levels[DEEPEST + 1], None), slice(after.levels[DEEPEST + 1], None)
    assert (before.backoff[deep[0]] == after.backoff[deep[1]]).all()


def test_what_was_not_known_can_be_written_afterwards() -> None:
    model = fitted(MODELS["serial"])
    new = walks(2, 5, 6)
    assert any(np.isinf(model.log_prob(sequence)).any() for sequence in new)
    adapted = model.adapted(new, [1.0] * 5)
    assert all(np.isfinite(adapted.log_prob(sequence)).all() for sequence in new)
    assert [len(alphabet) for alphabet in adapted.alphabets_] == [6, 3]
    for sequence in walks(1, 30):  # what training had keeps its place among the contexts
        assert np.isfinite(adapted.log_prob(sequence)).all()


def test_an_open_alphabet_stays_open_and_takes_no_event_outside_its_measure() -> None:
    model = fitted(MODELS["open"])
    assert model.base_ is not None
    foreign = Sequence(np.array([[0, 0], [9, 0], [1, 0]], np.int32), np.arange(3, dtype=np.int32))
    foreign = replace(foreign, context={"position": foreign.steps % 3})
    adapted = model.adapted([foreign], [5.0])
    assert len(adapted.alphabets_[0]) == len(model.alphabets_[0])
    assert np.isfinite(adapted.log_prob(foreign)).tolist() == [True, False, True]
    assert adapted.log_prob(foreign)[0] > model.log_prob(foreign)[0]


def test_a_combination_of_features_that_is_new_is_taken_for_the_most_similar() -> None:
    model = Markov(3, ("mode", "position")).fit(
        [replace(s, context={**s.context, "mode": s.steps * 0}) for s in walks(1, 30)]
    )
    heard = walks(2, 5)
    known, new = ([replace(s, context={**s.context, "mode": s.steps * 0 + mode}) for s in heard] for mode in (0, 7))
    assert save(model.adapted(new, [1.0] * 5).arrays()[0]) == save(model.adapted(known, [1.0] * 5).arrays()[0])


def test_it_can_be_adapted_again() -> None:
    model = fitted(MODELS["features"])
    twice = model.adapted(walks(2, 5), [1.0] * 5).adapted(walks(3, 5, 7), [1.0] * 5)
    for sequence in walks(3, 5, 7):
        assert twice.log_prob(sequence).sum() > model.adapted(walks(2, 5), [1.0] * 5).log_prob(sequence).sum()


@pytest.mark.parametrize("weights", [[], [1.0, 1.0], [-1.0], [float("nan")], [float("inf")]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(UsageError, match="a weight from 0 to"):
        fitted(MODELS["plain"]).adapted(walks(2, 1), weights)


def test_other_sequences_are_refused() -> None:
    sequence = walks(2, 1)[0]
    with pytest.raises(ComposerError, match="3 integers"):
        fitted(MODELS["plain"]).adapted([replace(sequence, events=np.tile(sequence.events, 2)[:, :3])], [1.0])
    with pytest.raises(ComposerError, match="the feature 'position'"):
        fitted(MODELS["features"]).adapted([replace(sequence, context={})], [1.0])


@pytest.mark.parametrize("name", ["alpha", "backoff"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.5, 0.0, 2.0])
def test_shares_that_are_no_probabilities_are_read_errors(name: str, value: float) -> None:
    arrays, metadata = fitted(MODELS["features"]).adapted(walks(2, 5), [1.0] * 5).arrays()
    changed = np.array(arrays[f"trie.{name}"])
    changed[int(changed.argmax())] = value
    with pytest.raises(ReadError, match="probabilities"):
        Markov.from_arrays({**arrays, f"trie.{name}": changed}, metadata)


def test_counts_and_shares_of_other_types_are_read_errors() -> None:
    model = fitted(MODELS["features"])
    for trained in (model, model.adapted(walks(2, 5), [1.0] * 5)):
        arrays, metadata = trained.arrays()
        for name in ("alpha", "backoff", "discounts", "count"):
            if f"trie.{name}" in arrays:
                short = {**arrays, f"trie.{name}": arrays[f"trie.{name}"][:-1]}
                small = {**arrays, f"trie.{name}": arrays[f"trie.{name}"].astype(np.float32)}
                for bad in (short, small):
                    with pytest.raises(ReadError):
                        Markov.from_arrays(bad, metadata)
