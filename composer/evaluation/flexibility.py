"""Whether a composer does what it is asked, how fast, and what obeying costs it.

Whether wishes hold is read from the notes that come back (:func:`composer.sketch.kept.broken_in`), not from a model's
own masks.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

import numpy as np

from composer.errors import Infeasible, Unsupported
from composer.evaluation.judgement import Flexibility
from composer.evaluation.suites import Case
from composer.generators.base import Estimating, Progress, Pseudo
from composer.generators.markov import Markov
from composer.pipeline import Composer
from composer.score import Score
from composer.sketch import Breaths, Diatonic, Forbid, Range, Sketch
from composer.sketch.copies import Fold
from composer.sketch.kept import broken_in
from composer.theory import TICKS_PER_QUARTER
from composer.voice_leading import CHOIR_RANGES

TOLD = 20  # failures
PRICED = 7  # sketches of a suite, about


class Price(NamedTuple):
    """Nats that the wishes of a sketch cost, and the quarters that were to be composed."""

    nats: float
    quarters: float


def flexibility(
    composer: Composer, job: str, cases: Sequence[Case], *, seed: int = 0, progress: Progress | None = None
) -> Flexibility:
    """Complete every sketch of a suite once, and look whether all that was asked is there.

    ``satisfied`` of the ``completed`` keep every wish; those that do not are named first. The price is that of
    about seven sketches, of those that were completed: it takes long.
    """
    seconds: list[float] = []
    refused: list[str] = []
    broken: list[str] = []
    prices: list[Price | None] = []
    kinds = {case.kind: [0, 0] for case in cases}
    every = max(len(cases) // PRICED, 1) | 1  # odd: kinds take turns by eights and nines
    satisfied = 0
    for number, case in enumerate(cases):
        name = f"{number + 1}, {case.kind}: {case.asked}"
        started = time.perf_counter()
        score = _completed(composer, case.sketch, seed + number)
        seconds.append(time.perf_counter() - started)
        kinds[case.kind][0] += 1
        if isinstance(score, str):
            refused.append(f"{name}: {score}")
        else:
            kinds[case.kind][1] += 1
            wrong = broken_in(case.sketch, score)
            satisfied += not wrong
            broken += [f"{name}: does not keep {'; '.join(wrong)}"] if wrong else []
            prices += [price(composer, case.sketch, score, seed + number)] if number % every == 0 else []
        if progress is not None:
            progress((number + 1) / len(cases))
    cost, kind = _mean(prices), price_kind(composer)
    return {
        "job": job,
        "asked": len(cases),
        "completed": sum(done for _, done in kinds.values()),
        "satisfied": satisfied,
        "seconds": median(seconds) if seconds else 0.0,
        "slowest": max(seconds, default=0.0),
        "price": cost,
        "price_kind": kind if cost is not None else "none",
        "kinds": kinds,
        "failures": [*broken, *refused][:TOLD],
    }


def _completed(composer: Composer, sketch: Sketch, seed: int) -> Score | str:
    """A completion, or why there is none."""
    try:
        return composer.complete(sketch, seed=seed)
    except (Infeasible, Unsupported) as error:
        return str(error)


def price_kind(composer: Composer) -> str:
    """How the price of this composer is known."""
    generator = composer.generator
    if isinstance(generator, Markov):
        return "exact"
    if isinstance(generator, Estimating):
        return "estimated"
    return "pseudo" if isinstance(generator, Pseudo) else "none"


def _mean(prices: Iterable[Price | None]) -> float | None:
    """Nats a quarter, over all of them."""
    known = [one for one in prices if one is not None]
    return sum(one.nats for one in known) / sum(one.quarters for one in known) if known else None


def price(composer: Composer, sketch: Sketch, score: Score, seed: int) -> Price | None:
    """What the wishes of a sketch cost that was completed as ``score``; None where it cannot be said.

    That is ``-log P(wishes)``: how improbable it is that the model, on the same page with the same notes given, keeps
    them unasked. A Markov chain knows it exactly; of a network it is estimated, on average too high. Where only cells
    have a likelihood, it is how many nats more the completion has, by its pseudo-likelihood, than one without wishes;
    that is less than 0 where what is wished for is more regular than what the model writes by itself.
    """
    free, generator = unasked(sketch), composer.generator
    nats: float | None = None
    if isinstance(generator, Markov | Estimating):
        nats = None if _beyond_cells(sketch) else mass(composer, free, seed) - mass(composer, sketch, seed)
    elif isinstance(generator, Pseudo):
        written = _completed(composer, free, seed)
        if isinstance(written, Score):
            nats = pseudo_nats(composer, generator, sketch, score) - pseudo_nats(composer, generator, sketch, written)
    return None if nats is None or not np.isfinite(nats) else Price(nats, free_quarters(sketch))


def mass(composer: Composer, sketch: Sketch, seed: int) -> float:
    """The logarithm of the probability that a composer, left to itself, keeps a sketch."""
    constraints, generator = composer.encoding.compile(sketch.folded()), composer.generator
    if isinstance(generator, Markov):
        return float(generator.belief(constraints).log_mass)
    if isinstance(generator, Estimating):
        return generator.mass(constraints, np.random.default_rng(seed))
    raise Unsupported(f"{generator.name} does not know how probable wishes are")


def unasked(sketch: Sketch) -> Sketch:
    """The same page, with the same notes given, and nothing wished; notes of the key and choir's ranges stay."""
    choir = {(span.low, span.high, voice) for voice, span in enumerate(map(Range.parse, CHOIR_RANGES))}
    usual = tuple(
        wish
        for wish in sketch.constraints
        if isinstance(wish, Diatonic | Breaths)
        or (isinstance(wish, Range) and (wish.low, wish.high, wish.voice) in choir)
    )
    return replace(sketch, constraints=usual)


def _beyond_cells(sketch: Sketch) -> bool:
    """Whether wishes are kept by drawing again, and so are not in what the chain weighs."""
    ticks = np.arange(0, sketch.score.end, TICKS_PER_QUARTER // 4, dtype=np.int32)
    return any(
        isinstance(wish, Forbid) or (sketch.copies and wish.automaton(ticks, sketch.score) is not None)
        for wish in sketch.constraints
    )


def pseudo_nats(composer: Composer, generator: Pseudo, sketch: Sketch, score: Score) -> float:
    """Minus the pseudo-log-likelihood of a completed page, what is copied counted once."""
    sequence = composer.encoding.encode(Fold(score, sketch.copies).folded)
    return -float(generator.pseudo_log_prob(sequence).sum())


def free_quarters(sketch: Sketch) -> float:
    """Quarters of the page in which something is to be composed, what is copied counted once."""
    folded = sketch.folded()
    ticks = np.arange(0, folded.score.end, TICKS_PER_QUARTER // 24)
    free = np.any([folded.free(voice, ticks) for voice in range(len(folded.score.parts))], axis=0)
    return float(free.sum()) / 24
