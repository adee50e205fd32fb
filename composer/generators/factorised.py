"""A measure over every event there can be: its integers are independent, alone or given the event before.

It is what an open alphabet backs off to. Smoothing: half a count for every value of an integer; after a value, two
counts more, shared out as the integer is distributed on its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import ReadError, UsageError
from composer.inference.sequence import Constraints, Events, Sequence

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NO_EVENT = -1  # stands, in all its integers, for the event before the first
LARGEST = 1024  # values that an integer may have
UNSEEN, SHARED = 0.5, 2.0


@dataclass(frozen=True)
class Factorised:
    """p(event | before) is the product over d of p_d(event[d] | before[d]), and sums to 1 over all K^D events.

    ``counts`` (P, D, K): row 0 how often each integer had each value, row 1 + j how often it did after the value j.
    With row 0 alone (P = 1) the event before makes no difference.
    """

    counts: Ints
    tables: Floats = field(init=False)  # (P, D, K) the probabilities

    def __post_init__(self) -> None:
        counts = self.counts
        alone = (counts[:1] + UNSEEN) / (counts[:1].sum(-1, keepdims=True) + UNSEEN * counts.shape[2])
        after = (counts[1:] + SHARED * alone) / (counts[1:].sum(-1, keepdims=True) + SHARED)
        object.__setattr__(self, "tables", np.concatenate([alone, after]))

    @classmethod
    def count_up(cls, sequences: list[Events], *, previous: bool) -> Factorised:
        """Count the events (T, D) of each sequence; with ``previous`` also after which they come.

        Raises :class:`UsageError` for integers below 0 or above 1,023.
        """
        least, most = min(int(events.min()) for events in sequences), max(int(events.max()) for events in sequences)
        if least < 0 or most >= LARGEST:
            raise UsageError(
                f"an open alphabet takes integers from 0 to {LARGEST - 1}, and there are {least} to {most}"
            )
        width, values = sequences[0].shape[1], most + 1
        counts = np.zeros((1 + values * previous, width, values), dtype=np.int64)
        columns = np.arange(width)
        for events in sequences:
            np.add.at(counts[0], (columns, events), 1)
            if previous:
                np.add.at(counts, (1 + events[:-1], columns, events[1:]), 1)
        return cls(counts)

    @classmethod
    def checked(cls, counts: NDArray[Any], known: Events, *, previous: bool) -> Factorised:
        """The measure of untrusted counts; :class:`ReadError` if they are damaged, or leave out ``known`` (N, D)."""
        values = counts.shape[-1] if counts.ndim == 3 else 0
        if (
            not 1 <= values <= LARGEST
            or counts.shape != (1 + values * previous, known.shape[1], values)
            or counts.dtype != np.int64
            or not bool(((counts >= 0) & (counts < 2**40)).all())
            or not bool(((known >= 0) & (known < values)).all())
        ):
            raise ReadError("its base measure is damaged")
        return cls(counts)

    def covers(self, events: Events) -> Bools:
        """(N,) whether events (N, D) are of values in range."""
        return np.asarray(((events >= 0) & (events < self.counts.shape[2])).all(axis=1))

    def chances(self, events: Events) -> Floats:
        """(N,) the probability of events (N, D) of values in range, whatever came before."""
        return np.asarray(np.prod(self.tables[0][np.arange(events.shape[1]), events], axis=1))

    def log_prob(self, sequence: Sequence, constraints: Constraints | None = None) -> Floats:
        """(T,) nats per event, each after the one before it; -inf for values out of range.

        On its own this is the independent-note 1-gram, or bigram, of the literature.
        """
        if constraints is not None:
            raise UsageError("independent integers are not conditioned: ask without constraints")
        events, values = sequence.events, self.counts.shape[2]
        inside = self.covers(events)
        before = np.concatenate([np.full_like(events[:1], NO_EVENT), events[:-1]])
        chosen = np.clip(events, 0, values - 1)[:, :, None]
        nats = np.log(np.take_along_axis(self._rows(before), chosen, axis=2)).sum(axis=(1, 2))
        return np.asarray(np.where(inside, nats, -np.inf))

    def _rows(self, before: Events) -> Floats:
        """(N, D, K) the probabilities after each row of ``before`` (N, D)."""
        rows, values = len(self.tables), self.counts.shape[2]
        row = np.where((before >= 0) & (before < values) & (rows > 1), before + 1, 0)
        return np.asarray(self.tables[row, np.arange(before.shape[1])])
