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
from composer.generators.base import Exact, Progress, Pseudo
from composer.generators.markov import Markov
from composer.pipeline import Composer
from composer.score import Score
from composer.sketch import Breaths, Diatonic, Forbid, Range, Sketch
from composer.sketch.copies import Fold
from composer.sketch.kept import broken_in
from composer.theory import TICKS_PER_QUARTER
from composer.voice_leading import CHOIR_RANGES

TOLD = 20  # failures
PRICED = 5  # every so manieth sketch has its price asked


class Price(NamedTuple):
    """Nats that the wishes of a sketch cost, and the quarters that were to be composed."""

    nats: float
    quarters: float


def flexibility(
    composer: Composer, job: str, cases: Sequence[Case], *, seed: int = 0, progress: Progress | None = None
) -> Flexibility:
    """Complete every sketch of a suite once, and look whether all that was asked is there.

    ``satisfied`` of the ``completed`` keep every wish. The price is that of every fifth sketch that was completed.
    """
    seconds: list[float] = []
    failures: list[str] = []
    prices: list[Price | None] = []
    kinds = {case.kind: [0, 0] for case in cases}
    satisfied = 0
    for number, case in enumerate(cases):
        name = f"{number + 1}, {case.kind}: {case.asked}"
        started = time.perf_counter()
        score = _completed(composer, case.sketch, seed + number)
        seconds.append(time.perf_counter() - started)
        kinds[case.kind][0] += 1
        if isinstance(score, str):
            failures.append(f"{name}: {score}")
        else:
            kinds[case.kind][1] += 1
            wrong = broken_in(case.sketch, score)
            satisfied += not wrong
            failures += [f"{name}: does not keep {'; '.join(wrong)}"] if wrong else []
            prices += [price(composer, case.sketch, score, seed + number)] if number % PRICED == 0 else []
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
        "failures": failures[:TOLD],
    }


def _completed(composer: Composer, sketch: Sketch, seed: int) -> Score | str:
    """A completion, or why there is none."""
    try:
        return composer.complete(sketch, seed=seed)
    except (Infeasible, Unsupported) as error:
        return str(error)


def price_kind(composer: Composer) -> str:
    generator = composer.generator
    if isinstance(generator, Markov):
        return "exact"
    return "excess" if isinstance(generator, Exact) else "pseudo" if isinstance(generator, Pseudo) else "none"


def _mean(prices: Iterable[Price | None]) -> float | None:
    """Nats a quarter, over all of them."""
    known = [one for one in prices if one is not None]
    return sum(one.nats for one in known) / sum(one.quarters for one in known) if known else None


def price(composer: Composer, sketch: Sketch, score: Score, seed: int) -> Price | None:
    """What the wishes of a sketch cost that was completed as ``score``; None where it cannot be said.

    Exactly, of a Markov chain: ``-log P(wishes)``, the probability that the chain, on the same page with the same notes
    given, keeps them unasked. Of other models with a likelihood, how many nats more the completion has than one of the
    same page without wishes; of pseudo-likelihood, the same.
    """
    free = unasked(sketch)
    if isinstance(composer.generator, Markov):
        nats = None if _beyond_cells(sketch) else exact_price(composer, composer.generator, sketch, free)
    else:
        nats = _excess(composer, free, score, seed)
    return None if nats is None or not np.isfinite(nats) else Price(nats, free_quarters(sketch))


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


def exact_price(composer: Composer, generator: Markov, sketch: Sketch, free: Sketch) -> float:
    """-log P(wishes): what all that ``free`` allows weighs, beside what of it keeps the wishes."""
    asked, all_free = (generator.belief(composer.encoding.compile(one.folded())).log_mass for one in (sketch, free))
    return float(all_free - asked)


def _beyond_cells(sketch: Sketch) -> bool:
    """Whether wishes are kept by drawing again, and so are not in what the chain weighs."""
    ticks = np.arange(0, sketch.score.end, TICKS_PER_QUARTER // 4, dtype=np.int32)
    return any(
        isinstance(wish, Forbid) or (sketch.copies and wish.automaton(ticks, sketch.score) is not None)
        for wish in sketch.constraints
    )


def _excess(composer: Composer, free: Sketch, score: Score, seed: int) -> float | None:
    try:
        written = composer.complete(free, seed=seed)
    except Infeasible:
        return None
    nats = [_nats(composer, free, one) for one in (score, written)]
    return None if None in nats else nats[0] - nats[1]  # type: ignore[operator]


def _nats(composer: Composer, sketch: Sketch, score: Score) -> float | None:
    """Minus the logarithm of the probability of a completed page, what is copied counted once."""
    generator = composer.generator
    sequence = composer.encoding.encode(Fold(score, sketch.copies).folded)
    if isinstance(generator, Exact):
        return -float(generator.log_prob(sequence).sum())
    return -float(generator.pseudo_log_prob(sequence).sum()) if isinstance(generator, Pseudo) else None


def free_quarters(sketch: Sketch) -> float:
    """Quarters of the page in which something is to be composed, what is copied counted once."""
    folded = sketch.folded()
    ticks = np.arange(0, folded.score.end, TICKS_PER_QUARTER // 24)
    free = np.any([folded.free(voice, ticks) for voice in range(len(folded.score.parts))], axis=0)
    return float(free.sum()) / 24
