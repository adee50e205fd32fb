"""Variable-order Markov chains: interpolated Kneser-Ney over events, conditioned exactly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceOf
from copy import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import ComposerError, ReadError, Unsupported, UsageError
from composer.generators.adapted import HEAVIEST, mixed, renumbered
from composer.generators.base import Generator, Progress
from composer.generators.belief import Belief
from composer.generators.factorised import Factorised
from composer.generators.histories import Histories
from composer.generators.opened import Opened
from composer.generators.trie import NOT_THERE, Trie
from composer.generators.walk import Walk
from composer.inference.automata import Lattice
from composer.inference.sequence import Chance, Constraints, Events, Sequence

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

START = 0  # stands in the history for what came before the first event; tokens are counted from 1 there
LONGEST = 16
BASES = ("uniform", "unigram", "previous")


@dataclass
class Markov(Generator):
    """An n-gram model of ``order`` n over tokens, and what is known beforehand (``features`` of the context).

    Tokens are whole events, or, if ``serial``, an event's integers in turn (soprano, alto, tenor, bass). The context of
    a token is the ``nearest`` tokens before it, the combination of features, then the older tokens; back-off forgets
    from the oldest token on. A combination of features never seen is taken for the most similar one that was; a given
    event never seen ends the context of those after it.

    ``base`` is what back-off ends in. With ``"uniform"`` the alphabet is closed: an event (if serial, an integer) that
    training never showed has probability 0. With ``"unigram"`` and ``"previous"`` it is open, and not serial: all
    events of integers up to the largest seen have a probability, by a :class:`Factorised` measure, and an unknown event
    ends the context of those after it. The measure of ``"unigram"`` looks at nothing before: all contexts share it, and
    conditioning is exact. That of ``"previous"`` looks at the event before, known or not, which predicts better, but
    leaves too many contexts to sum over: it is for likelihoods.
    """

    name: ClassVar[str] = "markov"
    order: int = 3
    features: tuple[str, ...] = ("meter", "position")
    serial: bool = False
    nearest: int = 1
    base: str = "uniform"
    trie_: Trie = field(init=False, repr=False)
    alphabets_: list[Events] = field(init=False, repr=False)  # per slot (size, integers per token), ascending rows
    labels_: Ints = field(init=False, repr=False)  # (labels, features), ascending rows
    frequency_: Ints = field(init=False, repr=False)  # (labels,) how many steps of training had each
    base_: Factorised | None = field(init=False, repr=False)  # None: uniform

    @property
    def _label_length(self) -> int:
        """The length of contexts that the features end."""
        return min(self.nearest, self.order - 1) + 1

    @property
    def width_(self) -> int:
        """Integers in an event."""
        return sum(alphabet.shape[1] for alphabet in self.alphabets_)

    def fit(
        self,
        sequences: list[Sequence],
        *,
        validation: list[Sequence] | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Count n-grams; ``validation`` is not needed. O(order x N log N) for N tokens."""
        if not 1 <= self.order <= LONGEST:
            raise UsageError(f"order {self.order}: a Markov model has order 1 to {LONGEST}")
        if self.nearest < 0:
            raise UsageError(f"nearest {self.nearest}: features come after 0 or more tokens")
        if self.base not in BASES or (self.serial and self.base != "uniform"):
            raise UsageError(f"base {self.base!r}: it is one of {', '.join(BASES)}, and uniform if serial")
        heard = [sequence for sequence in sequences if len(sequence)]
        if not heard:
            raise UsageError("there is nothing to learn from: every sequence is empty")
        events = np.concatenate([sequence.events for sequence in heard])
        columns = [events[:, [d]] for d in range(events.shape[1])] if self.serial else [events]
        self.alphabets_ = [_ascending(column) for column in columns]
        rows = np.concatenate([self._rows(sequence.context, len(sequence)) for sequence in heard])
        self.labels_, counts = np.unique(rows, axis=0, return_counts=True)
        self.frequency_ = counts
        tokens = self._tokens(events)
        ends = np.cumsum([len(sequence) for sequence in heard])[:-1] * len(columns)
        lines = zip(np.split(tokens, ends), heard, strict=True)
        elements = [np.concatenate(column) for column in zip(*(self._context(*line) for line in lines), strict=True)]
        roots = np.tile(np.arange(len(columns)), len(events))
        sizes = np.array([len(alphabet) for alphabet in self.alphabets_])
        self.trie_ = Trie.count_up(roots, sizes, elements, tokens)
        previous, rolls = self.base == "previous", [sequence.events for sequence in heard]
        self.base_ = None if self.base == "uniform" else Factorised.count_up(rolls, previous=previous)
        if progress is not None:
            progress(1.0)
        return self

    def log_prob(self, sequence: Sequence, constraints: Constraints | None = None) -> Floats:
        """(T,) nats per event, normalised at every event: over the closed alphabet, with -inf for events never seen, or
        over every event there can be.

        With ``constraints``, the log-probability with which :meth:`sample` gives this sequence at temperature 1.
        """
        if not len(sequence):
            return np.zeros(0)
        roots, elements, tokens = self._stream(sequence)
        if constraints is None and self.base_ is not None:
            seen, left = self.trie_.shares(roots, elements, tokens)
            with np.errstate(divide="ignore"):
                return np.logaddexp(np.log(seen), np.log(left) + self.base_.log_prob(sequence))
        if constraints is None:
            p = self.trie_.probability(roots, elements, tokens)
        else:
            p = self.walk(constraints).chances(sequence, tokens)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(p).reshape(len(sequence), -1).sum(axis=1))

    def belief(self, constraints: Constraints, temperature: float = 1.0, words: SequenceOf[Ints] = ()) -> Belief:
        """The messages of this model inside constraints: what :meth:`sample` draws from.

        ``words`` are rows of tokens, of a model that is not serial, that may not follow each other anywhere. Raises
        :class:`composer.errors.Infeasible` where nothing can pass.
        """
        lattice = self._lattice(constraints, temperature)
        return Belief(Histories(self, lattice, temperature, words), lattice)

    def check(self, constraints: Constraints) -> None:
        self._lattice(constraints)

    def walk(self, constraints: Constraints, temperature: float = 1.0, words: SequenceOf[Ints] = ()) -> Walk:
        """What :meth:`sample` draws from, one token at a time; raises as :meth:`belief`."""
        return Walk(self.belief(constraints, temperature, words))

    def _lattice(self, constraints: Constraints, temperature: float = 1.0) -> Lattice:
        if self.base_ is None:
            return Lattice(constraints, self.alphabets_)
        if self.base == "previous":
            raise Unsupported("this model's base is 'previous', for likelihoods alone; one of base 'unigram' composes")
        opened = Opened(constraints, self.base_, self.alphabets_[0], temperature)
        return Lattice(opened, [opened.alphabet])

    def marginals(self, constraints: Constraints, temperature: float = 1.0) -> Iterator[Chance]:
        """What may begin where, from :meth:`Belief.marginals`; raises :class:`Unsupported` for an open alphabet."""
        if self.base_ is not None:
            raise Unsupported("this model's alphabet is open: there is no end to what may come; use a closed one")
        belief, slots = self.belief(constraints, temperature), len(self.alphabets_)
        for position, tokens, probability in belief.marginals():
            step, slot = divmod(position, slots)
            yield Chance(step, slot if slots > 1 else None, belief.lattice.alphabets[slot][tokens], probability)

    def sample(
        self, constraints: Constraints, *, n: int = 1, temperature: float = 1.0, rng: np.random.Generator
    ) -> list[Sequence]:
        """``n`` sequences that keep the constraints and fill them to the end, drawn exactly: each has its probability
        under the (tempered) chain, divided by that of all that keep the constraints, preferences weighed in.
        """
        walk = self.walk(constraints, temperature)
        return [walk.draw(rng) for _ in range(n)]

    def adapted(self, sequences: SequenceOf[Sequence], weights: SequenceOf[float]) -> Self:
        """The model as it would be had it also heard these sequences, each so many times; itself unchanged.

        What it was is the prior of what it becomes (:mod:`composer.generators.adapted`). Events that it did not know
        become known, but for those to which an open alphabet gives no probability; combinations of features are taken
        for the most similar that it knows. O(size of the model + order x N log N).
        """
        if len(weights) != len(sequences) or not all(0 <= weight <= HEAVIEST for weight in weights):
            raise UsageError(f"each sequence to adapt to needs a weight from 0 to {HEAVIEST:,}")
        heard = [(sequence, weight) for sequence, weight in zip(sequences, weights, strict=True) if weight and sequence]
        for sequence, _ in heard:
            self._fits(sequence)
        model = copy(self)
        if heard:
            model._meet(np.concatenate([sequence.events for sequence, _ in heard]))
            streams = [model._stream(sequence) for sequence, _ in heard]
            roots, tokens = (np.concatenate([stream[part] for stream in streams]) for part in (0, 2))
            elements = [np.concatenate(column) for column in zip(*(stream[1] for stream in streams), strict=True)]
            each = np.repeat([weight for _, weight in heard], [len(stream[2]) for stream in streams])
            model.trie_ = mixed(model.trie_, roots, elements, tokens, each)
        return model

    def _meet(self, events: Events) -> None:
        """Add events (N, D) that are not known to the alphabets."""
        if self.base_ is not None:
            events = events[self.base_.covers(events)]
        before, sizes = self.alphabets_, self.trie_.sizes
        columns = np.split(events, len(before), axis=1)
        joined = [np.concatenate([a, column], dtype=np.int32) for a, column in zip(before, columns, strict=True)]
        self.alphabets_ = [_ascending(column) for column in joined]
        if any(len(alphabet) > size for alphabet, size in zip(self.alphabets_, sizes.tolist(), strict=True)):
            moved = [_index(old, alphabet) for old, alphabet in zip(before, self.alphabets_, strict=True)]
            after = np.array([len(alphabet) for alphabet in self.alphabets_])
            self.trie_ = renumbered(self.trie_, moved, after, self._label_length)

    # --- tokens and labels ----------------------------------------------------------------------------------------

    def _rows(self, context: Mapping[str, NDArray[np.int32]], length: int) -> Ints:
        """(length, features) the features this model conditions on."""
        missing = [name for name in self.features if name not in context]
        if missing:
            there = ", ".join(context) or "none"
            raise ComposerError(f"this model needs the feature {missing[0]!r}; the encoding gives {there}")
        columns = [np.asarray(context[name], dtype=np.int64) for name in self.features]
        return np.stack(columns, axis=1) if columns else np.zeros((length, 0), dtype=np.int64)

    def label(self, context: Mapping[str, NDArray[np.int32]], length: int) -> Ints:
        """(length,) the number of each step's combination of features; of the most similar one if it is new.

        Similar means equal in as many features as possible, the later-named ones weighing more; then frequent.
        """
        if not self.features:
            return np.zeros(length, dtype=np.int64)
        rows, inverse = np.unique(self._rows(context, length), axis=0, return_inverse=True)
        same = rows[:, None, :] == self.labels_[None, :, :]  # (rows, labels, features)
        likeness = same @ (2.0 ** np.arange(len(self.features))) + self.frequency_ / (self.frequency_.sum() + 1.0)
        return np.asarray(likeness.argmax(axis=1)[inverse.reshape(-1)])

    def _stream(self, sequence: Sequence) -> tuple[Ints, list[Ints], Ints]:
        """Root, context elements (nearest first, the label at its place) and token of every token in turn."""
        self._fits(sequence)
        tokens = self._tokens(sequence.events)
        return np.tile(np.arange(len(self.alphabets_)), len(sequence)), self._context(tokens, sequence), tokens

    def _fits(self, sequence: Sequence) -> None:
        if sequence.events.shape[1] != self.width_:
            raise ComposerError(f"events have {sequence.events.shape[1]} integers; this model knows {self.width_}")

    def _tokens(self, events: Events) -> Ints:
        """(T, D) -> (T x slots,) each token's place in its alphabet, -1 where it is not there."""
        slots = len(self.alphabets_)
        columns = np.split(events, slots, axis=1) if slots > 1 else [events]
        pairs = zip(columns, self.alphabets_, strict=True)
        return np.stack([_index(column, alphabet) for column, alphabet in pairs], axis=1).ravel()

    def _context(self, tokens: Ints, sequence: Sequence) -> list[Ints]:
        """The elements of each token's context, nearest first, the label at its place."""
        seen = np.where(tokens == NOT_THERE, NOT_THERE, tokens + 1)
        elements = [
            np.concatenate([np.full(min(back, len(seen)), START), seen[:-back]]) for back in range(1, self.order)
        ]
        label = self.label(sequence.context, len(sequence))
        elements.insert(self.nearest, np.repeat(label, len(self.alphabets_)))
        return elements

    # --- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        alphabets = {f"alphabet.{slot}": alphabet.astype(np.int32) for slot, alphabet in enumerate(self.alphabets_)}
        trie = {f"trie.{name}": column for name, column in self.trie_.arrays().items()}
        metadata = {"order": self.order, "features": list(self.features)}
        metadata |= {"nearest": self.nearest, "serial": self.serial}
        base = {}
        if self.base_ is not None:
            metadata["base"], base["base"] = self.base, self.base_.counts
        return {"labels": self.labels_, "frequency": self.frequency_, **alphabets, **trie, **base}, metadata

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> Self:
        try:
            features = tuple(map(str, metadata["features"]))
            base = str(metadata.get("base", "uniform"))
            model = cls(int(metadata["order"]), features, bool(metadata["serial"]), int(metadata["nearest"]), base)
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(f"its settings are not those of a Markov model ({error})") from None
        model.trie_ = Trie.from_arrays({name[5:]: a for name, a in arrays.items() if name.startswith("trie.")})
        slots = len(model.trie_.sizes)
        model.alphabets_ = [arrays.get(f"alphabet.{slot}", np.zeros(0, dtype=np.int32)) for slot in range(slots)]
        model.labels_ = arrays.get("labels", np.zeros(0))
        model.frequency_ = arrays.get("frequency", np.zeros(0))
        if not model._sound():
            raise ReadError("its arrays are not those of a Markov model")
        counts, previous = arrays.get("base", np.zeros(0)), base == "previous"
        model.base_ = None if base == "uniform" else Factorised.checked(counts, model.alphabets_[0], previous=previous)
        return model

    def _sound(self) -> bool:
        """Whether the loaded arrays fit each other and the settings."""
        alphabets = all(
            alphabet.ndim == 2
            and alphabet.dtype == np.int32
            and len(alphabet) == size
            and 1 <= alphabet.shape[1] <= 256
            and (not self.serial or alphabet.shape[1] == 1)
            and np.array_equal(np.unique(alphabet, axis=0), alphabet)
            for alphabet, size in zip(self.alphabets_, self.trie_.sizes, strict=True)
        )
        return bool(
            alphabets
            and self.trie_.depth == self.order <= LONGEST
            and self.nearest >= 0
            and (self.serial or len(self.alphabets_) == 1)
            and self.base in (BASES[:1] if self.serial else BASES)
            and self.labels_.dtype == self.frequency_.dtype == np.int64
            and self.labels_.shape == (len(self.frequency_), len(self.features))
            and len(self.frequency_) > 0
            and (self.frequency_ > 0).all()
            and (self.frequency_ < 2**40).all()
            and self._elements_known()
        )

    def _elements_known(self) -> bool:
        """Whether every context is made of labels and tokens that exist."""
        trie, slots, label = self.trie_, len(self.alphabets_), self._label_length
        back = np.where(trie.length < label, trie.length, trie.length - 1)
        tokens = trie.sizes[(trie.root - back) % slots] + 1
        limit = np.where(trie.length == label, len(self.frequency_), np.where(trie.length == 0, 1, tokens))
        return bool((trie.element < limit).all())


def _ascending(rows: Events) -> Events:
    """(N, D) the distinct rows, in order."""
    return rows[np.unique(_keys(rows), return_index=True)[1]]


def _index(rows: Events, alphabet: Events) -> Ints:
    """(N, D) in (V, D) ascending -> (N,) each row's place, -1 where it is not there."""
    wanted, known = _keys(rows), _keys(alphabet)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.asarray(np.where(known[place] == wanted, place, NOT_THERE))


def _keys(rows: Events) -> NDArray[np.bytes_]:
    """(N, D) -> (N,) byte strings that sort as the rows do, and much faster."""
    unsigned = (rows.astype(np.int32) ^ np.int32(-(2**31))).astype(">i4")  # bit for bit, as bytes are compared
    return np.ascontiguousarray(unsigned).view(f"S{4 * rows.shape[1]}")[:, 0]
