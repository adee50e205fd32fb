"""Variable-order Markov chains: interpolated Kneser-Ney over events, conditioned exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import ComposerError, ReadError, UsageError
from composer.generators.base import Generator, Progress
from composer.generators.belief import Belief, Choice, State
from composer.generators.histories import Histories
from composer.generators.trie import NOT_THERE, Trie
from composer.generators.walk import Walk
from composer.inference.automata import Lattice
from composer.inference.sequence import Constraints, Events, Sequence

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

START = 0  # stands in the history for what came before the first event; tokens are counted from 1 there
LONGEST = 16
REMEMBERED = 20_000  # states of a sampler whose choices are kept


@dataclass
class Markov(Generator):
    """An n-gram model of ``order`` n over tokens, and what is known beforehand (``features`` of the context).

    Tokens are whole events, or, if ``serial``, an event's integers in turn (soprano, alto, tenor, bass). The context of
    a token is the ``nearest`` tokens before it, the combination of features, then the older tokens; back-off forgets
    from the oldest token on. The alphabet is closed: an event (if serial, an integer) that training never showed has
    probability 0. A combination of features never seen is taken for the most similar one that was.
    """

    name: ClassVar[str] = "markov"
    order: int = 3
    features: tuple[str, ...] = ("meter", "position")
    serial: bool = False
    nearest: int = 1
    trie_: Trie = field(init=False, repr=False)
    alphabets_: list[Events] = field(init=False, repr=False)  # per slot (size, integers per token), ascending rows
    labels_: Ints = field(init=False, repr=False)  # (labels, features), ascending rows
    frequency_: Ints = field(init=False, repr=False)  # (labels,) how many steps of training had each

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
        heard = [sequence for sequence in sequences if len(sequence)]
        if not heard:
            raise UsageError("there is nothing to learn from: every sequence is empty")
        events = np.concatenate([sequence.events for sequence in heard])
        columns = [events[:, [d]] for d in range(events.shape[1])] if self.serial else [events]
        self.alphabets_ = [np.unique(column, axis=0) for column in columns]
        rows = np.concatenate([self._rows(sequence.context, len(sequence)) for sequence in heard])
        self.labels_, counts = np.unique(rows, axis=0, return_counts=True)
        self.frequency_ = counts
        streams = [self._stream(sequence) for sequence in heard]
        roots, tokens = (np.concatenate([stream[k] for stream in streams]) for k in (0, 2))
        elements = [np.concatenate(column) for column in zip(*(stream[1] for stream in streams), strict=True)]
        sizes = np.array([len(alphabet) for alphabet in self.alphabets_])
        self.trie_ = Trie.count_up(roots, sizes, elements, tokens)
        if progress is not None:
            progress(1.0)
        return self

    def log_prob(self, sequence: Sequence, constraints: Constraints | None = None) -> Floats:
        """(T,) nats per event, normalised over the closed alphabet at every event; -inf for events never seen.

        With ``constraints``, the log-probability with which :meth:`sample` gives this sequence at temperature 1.
        """
        if not len(sequence):
            return np.zeros(0)
        roots, elements, tokens = self._stream(sequence)
        if constraints is None:
            p = self.trie_.probability(roots, elements, tokens)
        else:
            p = self._conditional(self.belief(constraints), sequence, tokens)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(p).reshape(len(sequence), -1).sum(axis=1))

    def belief(self, constraints: Constraints, temperature: float = 1.0) -> Belief:
        """The messages of this model inside constraints: what :meth:`sample` draws from.

        Raises :class:`composer.errors.Infeasible` where nothing can pass.
        """
        lattice = Lattice(constraints, self.alphabets_)
        return Belief(Histories(self, lattice, temperature), lattice)

    def walk(self, constraints: Constraints, temperature: float = 1.0) -> Walk:
        """What :meth:`sample` draws from, one token at a time; raises as :meth:`belief`."""
        return Walk(self.belief(constraints, temperature))

    def sample(
        self, constraints: Constraints, *, n: int = 1, temperature: float = 1.0, rng: np.random.Generator
    ) -> list[Sequence]:
        """``n`` sequences that keep the constraints and fill them to the end, drawn exactly: each has its probability
        under the (tempered) chain, divided by that of all that keep the constraints, preferences weighed in.
        """
        belief = self.belief(constraints, temperature)
        seen: dict[State, tuple[Choice, Floats]] = {}
        return [self._one(belief, seen, rng) for _ in range(n)]

    def _one(self, belief: Belief, seen: dict[State, tuple[Choice, Floats]], rng: np.random.Generator) -> Sequence:
        state, slots = belief.start, belief.lattice.slots
        chosen: list[int] = []
        places: list[int] = []
        while state.position < belief.lattice.end:
            if state not in seen:
                choice = belief.choice(state)
                if len(seen) >= REMEMBERED:
                    seen.clear()
                seen[state] = choice, np.cumsum(choice.weights)
            choice, sums = seen[state]
            k = min(int(sums.searchsorted(rng.random() * sums[-1], "right")), len(sums) - 1)
            chosen.append(int(choice.tokens[k]))
            places.append(state.position)
            state = State(int(choice.after[k]), int(choice.histories[k]), int(choice.states[k]))
        columns = [alphabet.take(chosen[slot::slots], axis=0) for slot, alphabet in enumerate(self.alphabets_)]
        events = np.concatenate(columns, axis=1, dtype=np.int32)
        steps = np.array(places[::slots]) // slots
        context = belief.lattice.constraints.context
        return Sequence(events, steps.astype(np.int32), {name: column[steps] for name, column in context.items()})

    @staticmethod
    def _conditional(belief: Belief, sequence: Sequence, tokens: Ints) -> Floats:
        """(N,) the conditional probability of each token; 0 from the first on that cannot come."""
        state, slots, p = belief.start, belief.lattice.slots, np.zeros(len(tokens))
        starts = (sequence.steps[:, None] * slots + np.arange(slots)).ravel()
        for k, token in enumerate(tokens.tolist()):
            if state.position != starts[k] or state.position >= belief.lattice.end:
                return p
            choice = belief.choice(state)
            at = np.flatnonzero(choice.tokens == token)
            if not len(at):
                return p
            p[k] = choice.weights[at[0]] / choice.weights.sum()
            state = State(int(choice.after[at[0]]), int(choice.histories[at[0]]), int(choice.states[at[0]]))
        if state.position != belief.lattice.end:
            p[-1] = 0.0
        return p

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
        slots, length = len(self.alphabets_), len(sequence)
        columns = np.split(sequence.events, slots, axis=1) if slots > 1 else [sequence.events]
        if sequence.events.shape[1] != self.width_:
            raise ComposerError(f"events have {sequence.events.shape[1]} integers; this model knows {self.width_}")
        pairs = zip(columns, self.alphabets_, strict=True)
        tokens = np.stack([_index(column, alphabet) for column, alphabet in pairs], axis=1).ravel()
        roots = np.tile(np.arange(slots), length)
        seen = np.where(tokens == NOT_THERE, NOT_THERE, tokens + 1)
        elements = [
            np.concatenate([np.full(min(back, len(seen)), START), seen[:-back]]) for back in range(1, self.order)
        ]
        elements.insert(self.nearest, np.repeat(self.label(sequence.context, length), slots))
        return roots, elements, tokens

    # --- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        alphabets = {f"alphabet.{slot}": alphabet.astype(np.int32) for slot, alphabet in enumerate(self.alphabets_)}
        trie = {f"trie.{name}": column for name, column in self.trie_.arrays().items()}
        metadata = {"order": self.order, "features": list(self.features)}
        metadata |= {"nearest": self.nearest, "serial": self.serial}
        return {"labels": self.labels_, "frequency": self.frequency_, **alphabets, **trie}, metadata

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> Self:
        try:
            features = tuple(map(str, metadata["features"]))
            model = cls(int(metadata["order"]), features, bool(metadata["serial"]), int(metadata["nearest"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(f"its settings are not those of a Markov model ({error})") from None
        model.trie_ = Trie.from_arrays({name[5:]: a for name, a in arrays.items() if name.startswith("trie.")})
        slots = len(model.trie_.sizes)
        model.alphabets_ = [arrays.get(f"alphabet.{slot}", np.zeros(0, dtype=np.int32)) for slot in range(slots)]
        model.labels_ = arrays.get("labels", np.zeros(0))
        model.frequency_ = arrays.get("frequency", np.zeros(0))
        if not model._sound():
            raise ReadError("its arrays are not those of a Markov model")
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
            and self.labels_.dtype == self.frequency_.dtype == np.int64
            and self.labels_.shape == (len(self.frequency_), len(self.features))
            and len(self.frequency_) > 0
            and (self.frequency_ > 0).all()
            and (self.frequency_ < 2**40).all()
            and self._elements_known()
        )

    def _elements_known(self) -> bool:
        """Whether every context is made of labels and tokens that exist."""
        trie, slots = self.trie_, len(self.alphabets_)
        label = min(self.nearest, self.order - 1) + 1  # the length at which the features join
        back = np.where(trie.length < label, trie.length, trie.length - 1)
        tokens = trie.sizes[(trie.root - back) % slots] + 1
        limit = np.where(trie.length == label, len(self.frequency_), np.where(trie.length == 0, 1, tokens))
        return bool((trie.element < limit).all())


def _index(rows: Events, alphabet: Events) -> Ints:
    """(N, D) in (V, D) ascending -> (N,) each row's place, -1 where it is not there."""
    found = np.unique(np.concatenate([alphabet, rows]), axis=0, return_inverse=True)
    place = np.full(len(found[0]), NOT_THERE)
    inverse = found[1].reshape(-1)
    place[inverse[: len(alphabet)]] = np.arange(len(alphabet))
    return np.asarray(place[inverse[len(alphabet) :]])
