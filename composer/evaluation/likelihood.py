"""Held-out likelihood, in nats per event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from composer.generators.base import Exact, Pseudo
from composer.inference.sequence import Sequence


class Likelihood(NamedTuple):
    """The mean over the events that the model knows, and how many it gives no probability at all.

    Models are compared only where ``unknown`` is the same: a model could else look better by knowing less.
    """

    nats_per_event: float
    events: int
    unknown: int


def likelihood(generator: Exact, sequences: Iterable[Sequence]) -> Likelihood:
    """Score every sequence; events are pooled over all of them."""
    nats, known, unknown = 0.0, 0, 0
    for sequence in sequences:
        log_prob = generator.log_prob(sequence)
        finite = np.isfinite(log_prob)
        nats -= float(log_prob[finite].sum())
        known += int(finite.sum())
        unknown += int((~finite).sum())
    return Likelihood(nats / known if known else float("nan"), known + unknown, unknown)


def pseudo_nats(generator: Pseudo, sequences: Iterable[Sequence]) -> float:
    """Minus the pseudo-log-likelihood, the mean over all cells (integers of events); nan if there are none."""
    nats, cells = 0.0, 0
    for sequence in sequences:
        nats -= float(generator.pseudo_log_prob(sequence).sum())
        cells += sequence.events.size
    return nats / cells if cells else float("nan")
