"""Markov chains against Chen & Goodman's equations, written out naively, and what is special about them."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Hashable

import numpy as np
import pytest

from composer.errors import ReadError, UsageError
from composer.generators.markov import Markov
from composer.generators.trie import LEAST_DISCOUNT, Trie
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Sequence
from contexts import descend, distribution

START = "start"
Context = tuple[Hashable, ...]  # dimension, label, then the tokens before, nearest first


class NaiveKneserNey:
    """Interpolated modified Kneser-Ney in dictionaries (Chen & Goodman 1998, equations 17, 21, 26, 27)."""

    def __init__(self, alphabets: list[list[Hashable]], grams: list[tuple[Context, Hashable]]) -> None:
        self.alphabets = alphabets
        longest = len(grams[0][0])
        counts = {longest: Counter(grams)}
        for length in range(longest - 1, 0, -1):  # continuation counts: distinct longer n-grams that end so
            counts[length] = Counter((context[:-1], symbol) for context, symbol in counts[length + 1])
        self.discounts = {length: self._discounts(Counter(c.values())) for length, c in counts.items()}
        self.after: dict[Context, dict[Hashable, int]] = defaultdict(dict)
        for table in counts.values():
            for (context, symbol), count in table.items():
                self.after[context][symbol] = count

    @staticmethod
    def _discounts(n: Counter[int]) -> list[float]:
        if not (n[1] and n[2]):
            return [0.5, 0.5, 0.5]
        y = n[1] / (n[1] + 2 * n[2])
        if not (n[3] and n[4]):
            return [max(y, LEAST_DISCOUNT)] * 3
        raw = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
        return [min(max(d, LEAST_DISCOUNT), k) for k, d in enumerate(raw, 1)]

    def p(self, symbol: Hashable, context: Context) -> float:
        if not context:
            raise AssertionError("the dimension is always known")
        shorter = self.p(symbol, context[:-1]) if len(context) > 1 else 1 / len(self.alphabets[context[0]])
        if context not in self.after:
            return shorter
        seen, discounts = self.after[context], self.discounts[len(context)]
        total = sum(seen.values())
        taken = sum(discounts[min(count, 3) - 1] for count in seen.values())
        own = seen[symbol] - discounts[min(seen[symbol], 3) - 1] if symbol in seen else 0.0
        return own / total + taken / total * shorter


def grams_of(sequence: Sequence, order: int, features: tuple[str, ...], serial: bool) -> list[tuple[Context, Hashable]]:
    """Every token of a sequence with its longest context, built one at a time."""
    before: list[Hashable] = [START] * (order - 1)
    grams = []
    for t, event in enumerate(sequence.events.tolist()):
        label = tuple(int(sequence.context[name][t]) for name in features)
        for dim, token in enumerate(event if serial else [tuple(event)]):
            grams.append(((dim, label, *before), token))
            before = [token, *before][: order - 1]
    return grams


def naive(sequences: list[Sequence], order: int, features: tuple[str, ...], serial: bool) -> NaiveKneserNey:
    rows = [event for sequence in sequences for event in sequence.events.tolist()]
    columns = list(zip(*rows, strict=True)) if serial else [[tuple(row) for row in rows]]
    grams = [gram for sequence in sequences for gram in grams_of(sequence, order, features, serial)]
    return NaiveKneserNey([sorted(set(column)) for column in columns], grams)


def walks(seed: int, count: int, symbols: int = 6) -> list[Sequence]:
    """Skewed sequences of two columns, so that every count from once to many occurs."""
    rng = np.random.default_rng(seed)
    sequences = []
    for _ in range(count):
        length = int(rng.integers(1, 25))
        first = np.cumsum(rng.choice([-1, 0, 1, 2], length, p=[0.2, 0.3, 0.45, 0.05])) % symbols
        second = np.where(rng.random(length) < 0.8, first // 2, rng.geometric(0.6, length) % 4) + 10
        steps = np.arange(length, dtype=np.int32)
        context = {"position": steps % 3, "mode": np.full(length, rng.integers(2), np.int32)}
        sequences.append(Sequence(np.stack([first, second], axis=1).astype(np.int32), steps, context))
    return sequences


@pytest.mark.parametrize("serial", [False, True])
@pytest.mark.parametrize("features", [(), ("position",), ("mode", "position")])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("count", [1, 4, 80])
def test_probabilities_are_those_of_the_equations(
    order: int, features: tuple[str, ...], serial: bool, count: int
) -> None:
    """Counts of counts are plenty for 80 sequences and missing for one."""
    train, held_out = walks(1, count), walks(2, 30)
    model, oracle = Markov(order, features, serial, nearest=0).fit(train), naive(train, order, features, serial)
    for sequence in train[:5] + held_out:
        seen_labels = {context[1] for context in oracle.after if len(context) == 2}
        grams = grams_of(sequence, order, features, serial)
        if any(context[1] not in seen_labels for context, _ in grams):
            continue  # such labels are replaced by similar ones: tested below
        known = [symbol in oracle.alphabets[context[0]] for context, symbol in grams]
        p = [oracle.p(s, c) if k else 0.0 for (c, s), k in zip(grams, known, strict=True)]
        with np.errstate(divide="ignore"):
            expected = np.log(np.array(p)).reshape(len(sequence), -1).sum(axis=1)
        np.testing.assert_allclose(model.log_prob(sequence), expected, rtol=0, atol=1e-9)


def test_every_branch_of_the_discounts_is_compared() -> None:
    """The comparison above would be hollow if its data never had enough counts of counts, or always had."""
    discounts = [Markov(3, ("position",), nearest=0).fit(walks(1, count)).trie_.discounts for count in (1, 4, 80)]
    flat = [row for table in discounts for row in table.tolist()]
    assert any(row == [0.5] * 3 for row in flat)
    assert any(row[0] == row[1] == row[2] != 0.5 for row in flat)
    assert any(len(set(row)) == 3 for row in flat)


def small_trie() -> tuple[Trie, NaiveKneserNey]:
    """Two roots of 4 and 3 symbols, contexts of two elements."""
    rng = np.random.default_rng(7)
    roots = rng.integers(0, 2, 400)
    sizes = np.array([4, 3])
    elements = [rng.geometric(0.4, 400) % 5, rng.geometric(0.4, 400) % 5]
    tokens = (roots + elements[0] + rng.geometric(0.7, 400)) % sizes[roots]
    rows = zip(roots.tolist(), elements[0].tolist(), elements[1].tolist(), tokens.tolist(), strict=True)
    grams = [((root, near, far), token) for root, near, far, token in rows]
    return Trie.count_up(roots, sizes, elements, tokens), NaiveKneserNey([list(range(4)), list(range(3))], grams)


def test_a_trie_answers_every_context_the_same_both_ways() -> None:
    """One by one and as a distribution, stored contexts or not; each distribution sums to 1."""
    trie, oracle = small_trie()
    for root, near, far in itertools.product(range(2), range(6), range(6)):  # 5 never occurs
        expected = [oracle.p(token, (root, near, far)) for token in oracle.alphabets[root]]
        size = len(expected)
        p = distribution(trie, descend(trie, root, [near, far]))
        one_by_one = trie.probability(np.full(size, root), [np.full(size, near), np.full(size, far)], np.arange(size))
        np.testing.assert_allclose(p, expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(one_by_one, expected, rtol=0, atol=1e-12)
        assert p.sum() == pytest.approx(1.0, abs=1e-12)
        assert (p > 0).all()


def test_what_follows_the_back_off_identity() -> None:
    """An unseen symbol has p(s | c) = l(c) p(s | b(c)); exact conditioning at every order rests on it."""
    trie, _ = small_trie()
    checked = 0
    for root, near, far in itertools.product(range(2), range(5), range(5)):
        path = descend(trie, root, [near, far])
        if len(path) == 3:
            seen = trie.token[trie.first[path[-1]] : trie.first[path[-1] + 1]]
            unseen = np.setdiff1d(np.arange(trie.sizes[root]), seen)
            longer, shorter = distribution(trie, path), distribution(trie, path[:-1])
            np.testing.assert_allclose(longer[unseen], trie.backoff[path[-1]] * shorter[unseen], rtol=1e-12)
            checked += len(unseen)
    assert checked > 10


def test_a_new_combination_of_features_is_taken_for_the_most_similar() -> None:
    """Of two that agree in one feature each, the one that agrees in the later-named, though the other is commoner."""

    def sequence(mode: int, position: int, symbol: int, length: int = 6) -> Sequence:
        events = np.array([[symbol, (symbol + t) % 3] for t in range(length)], dtype=np.int32)
        context = {"mode": np.full(length, mode, np.int32), "position": np.full(length, position, np.int32)}
        return Sequence(events, np.arange(length, dtype=np.int32), context)

    train = [sequence(0, 0, 0), sequence(0, 0, 0), sequence(0, 0, 1), sequence(1, 1, 1)]
    model = Markov(2, ("mode", "position"), nearest=0).fit(train)
    new, by_mode, by_position = (model.log_prob(sequence(m, p, 1)) for m, p in [(0, 1), (0, 0), (1, 1)])
    assert (new == by_position).all()
    assert (new != by_mode).any()


def test_temperature_sharpens_and_flattens() -> None:
    """The probability of what is drawn falls with temperature."""
    train = walks(4, 60)
    model = Markov(3, ("position",), serial=True, nearest=0).fit(train)
    context = {"position": (np.arange(20) % 3).astype(np.int32)}
    blank = ColumnMasks(np.ones((20, 2, 16), dtype=bool), context)
    means = [
        np.mean(
            [model.log_prob(s).mean() for s in model.sample(blank, n=30, temperature=t, rng=np.random.default_rng(0))]
        )
        for t in (0.3, 1.0, 4.0)
    ]
    assert means[0] > means[1] > means[2]


@pytest.mark.parametrize("order", [0, -1, 17])
def test_absurd_orders_are_refused(order: int) -> None:
    with pytest.raises(UsageError, match=f"order {order}"):
        Markov(order).fit(walks(0, 2))


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to learn from"):
        Markov(features=()).fit([])


@pytest.mark.parametrize("metadata", [{}, {"order": "x"}, {"order": 3, "features": 4, "serial": False}])
def test_foreign_settings_are_read_errors(metadata: dict[str, object]) -> None:
    arrays, _ = Markov(3, ("position",)).fit(walks(0, 5)).arrays()
    with pytest.raises(ReadError, match="settings"):
        Markov.from_arrays(arrays, metadata)


def test_settings_that_belong_to_another_model_are_read_errors() -> None:
    arrays, metadata = Markov(3, ("position",)).fit(walks(0, 5)).arrays()
    for changed in ({"order": 4}, {"features": []}, {"features": ["position", "mode"]}, {"serial": True}):
        with pytest.raises(ReadError):
            Markov.from_arrays(arrays, metadata | changed)
