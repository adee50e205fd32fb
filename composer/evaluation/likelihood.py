"""Held-out likelihood, in nats per event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from composer.generators.base import Exact
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
