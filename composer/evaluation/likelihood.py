"""Held-out likelihood: in nats per event of one encoding, and per quarter note, beside other encodings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from composer.encodings.base import Encoding
from composer.evaluation.judgement import HeldOut
from composer.evaluation.view import view
from composer.generators.base import Exact, Generator, Pseudo
from composer.inference.sequence import Sequence
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER

MARKS = ("velocities", "spellings other than the key's", "annotations")  # losses that change no note's pitch or time


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


# --- beside other encodings -------------------------------------------------------------------------------------------


class Foretold(NamedTuple):
    """One piece: a digest of what the view keeps of it, minus its log-likelihood in nats, and its length in quarters.

    Of two models whose digests are equal the nats are comparable: both are of the same notes on the same page.
    """

    notes: str
    nats: float  # infinite if an event of it has no probability
    quarters: float


def foretold(encoding: Encoding, generator: Generator, scores: Iterable[Score]) -> list[Foretold]:
    """What a generator with a likelihood, or failing that a pseudo-likelihood, says of each score; none if neither."""
    found = []
    for score in scores:
        sequence = encoding.encode(score)
        if isinstance(generator, Exact):
            nats = -float(generator.log_prob(sequence).sum())
        elif isinstance(generator, Pseudo):
            nats = -float(generator.pseudo_log_prob(sequence).sum())
        else:
            return []
        kept = encoding.normalize(score).score
        found.append(Foretold(_digest(kept), nats, score.end / TICKS_PER_QUARTER))
    return found


def _digest(score: Score) -> str:
    total = hashlib.sha256()
    for part in score.parts:
        for column in (part.onset, part.pitch, part.duration):
            total.update(column.tobytes() + b"|")
    return total.hexdigest()[:16]


def held_out(encoding: Encoding, generator: Generator, scores: list[Score], pieces: list[Foretold]) -> HeldOut:
    """The figure of one model: nats a quarter, pooled over the pieces to which it gives any probability."""
    kind = "exact" if isinstance(generator, Exact) else "pseudo" if isinstance(generator, Pseudo) else "none"
    seen = view(encoding, scores)
    lost = [f"{loss} in {count:,}" for loss, count in seen.left_out.items() if loss not in MARKS]
    left_out = f" (left out: {', '.join(lost)})" if lost else ""
    known = [piece for piece in pieces if np.isfinite(piece.nats)]
    quarters = sum(piece.quarters for piece in known)
    return {
        "kind": kind,
        "encoding": repr(encoding),
        "nats_per_quarter": sum(piece.nats for piece in known) / quarters if quarters else None,
        "pieces": len(known),
        "unknown": len(pieces) - len(known),
        "view": f"{seen.kept:,} of {seen.notes:,} notes{left_out}",
        "common": None,
        "common_pieces": 0,
    }


def compare(figures: Mapping[str, HeldOut], pieces: Mapping[str, list[Foretold]]) -> None:
    """Fill in, for models by name, the figure on the pieces of which all of a kind keep the same, and know something.

    Exact likelihoods are compared with each other; pseudo-likelihoods, which are of cells, with those of the same
    encoding.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    for name, figure in figures.items():
        cells = figure["encoding"] if figure["kind"] == "pseudo" else ""
        kinds.setdefault((figure["kind"], cells), []).append(name)
    for names in kinds.values():
        rows = [row for row in zip(*(pieces[name] for name in names), strict=True) if _alike(row)]
        quarters = sum(row[0].quarters for row in rows)
        for number, name in enumerate(names):
            figures[name]["common_pieces"] = len(rows)
            figures[name]["common"] = sum(row[number].nats for row in rows) / quarters if quarters else None


def _alike(row: tuple[Foretold, ...]) -> bool:
    return len({piece.notes for piece in row}) == 1 and all(np.isfinite(piece.nats) for piece in row)
