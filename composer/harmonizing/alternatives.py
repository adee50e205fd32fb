"""Distinct completions of a choir, the best first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.base import Exact, Pseudo
from composer.harmonizing.steady import GRID
from composer.pipeline import Composer
from composer.score import Part, Score, frozen
from composer.sketch import Sketch
from composer.sketch.forbid import Forbid
from composer.voice_leading import Mistake, mistakes

ROUNDS = 20  # of drawing, where alternatives are few


@dataclass(frozen=True)
class Alternative:
    """A completed score, its model score in nats a note (nan if the model has none), and what a teacher would mark."""

    score: Score
    nats: float
    mistakes: tuple[Mistake, ...]


def alternatives(
    model: Composer, sketch: Sketch, n: int, *, seed: int = 0, temperature: float = 1.0
) -> list[Alternative]:
    """At most ``n`` distinct completions, fewer where there are no more, ranked: the sum of the ranks by model score
    and by the number of mistakes. What is given comes back as it is, on the models' grid or not, and rules of voice
    leading that the sketch forbids to break hold with it. Raises as :meth:`Composer.completions`.
    """
    snapped = replace(sketch, score=replace(sketch.score, parts=tuple(map(_gridded, sketch.score.parts))))
    forbidden = [wish for wish in sketch.constraints if isinstance(wish, Forbid)]
    found: dict[tuple[Part, ...], tuple[Score, Score]] = {}
    for number in range(ROUNDS):
        before = len(found)
        for made in model.completions(snapped, n, seed=seed + number, temperature=temperature):
            whole = _restored(sketch, snapped, made)
            if not any(wish.broken(whole, sketch.free) for wish in forbidden):
                found.setdefault(made.parts, (made, whole))
        if len(found) >= n or len(found) == before > 0:
            break
    if not found:
        raise Infeasible(f"{ROUNDS * n} draws broke {forbidden[0]} where notes lie off the grid; forbid less")
    context = model.encoding.compile(snapped).context
    drawn = list(found.values())[:n]
    return _ranked([Alternative(whole, _nats(model, made, context), tuple(mistakes(whole))) for made, whole in drawn])


def _nats(model: Composer, score: Score, context: Mapping[str, NDArray[np.int32]]) -> float:
    """What the model gives a completion of a sketch of this context, in nats for each note that sounds: its logarithmic
    likelihood, or pseudo-likelihood; columns that it does not know are left out; nan if it has neither.
    """
    sequence = replace(model.encoding.encode(score), context=context)
    generator = model.generator
    if isinstance(generator, Exact):
        nats = generator.log_prob(sequence)
    elif isinstance(generator, Pseudo):
        nats = generator.pseudo_log_prob(sequence)
    else:
        return float("nan")
    known = np.isfinite(nats)
    return float(nats[known].sum()) / max(sum(map(len, score.parts)), 1)


def _ranked(found: list[Alternative]) -> list[Alternative]:
    by_nats = {id(a): rank for rank, a in enumerate(sorted(found, key=lambda a: -np.nan_to_num(a.nats)))}
    counts = sorted({len(a.mistakes) for a in found})
    return sorted(found, key=lambda a: (by_nats[id(a)] + counts.index(len(a.mistakes)), by_nats[id(a)]))


def _gridded(part: Part) -> Part:
    """The part on the grid, as the encodings round; what then has no length, or begins with another, is left out."""
    onset, offset = _rounded(part.onset), _rounded(part.offset)
    kept = (offset > onset) & np.append(onset[1:] != onset[:-1], True)[: len(onset)]
    line = part.select(kept)
    return replace(line, onset=frozen(onset[kept]), duration=frozen((offset - onset)[kept]))


def _rounded(ticks: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.asarray((ticks.astype(np.int64) + GRID // 2) // GRID * GRID)


def _restored(sketch: Sketch, snapped: Sketch, made: Score) -> Score:
    """The completion with the given notes where they were given, off the grid too; composed ones last until there."""
    parts = []
    for voice, (given, part) in enumerate(zip(sketch.score.parts, made.parts, strict=True)):
        composed = sketch.free(voice, part.onset) & ~np.isin(part.onset, snapped.score.parts[voice].onset)
        begins = dict(zip(_rounded(given.onset)[::-1].tolist(), given.onset[::-1].tolist(), strict=True))
        ends = np.array([begins.get(tick, tick) for tick in part.offset.tolist()], dtype=np.int64)
        lasting = replace(part, duration=frozen(np.where(composed, ends - part.onset, part.duration)))
        columns = [np.concatenate([a, b[composed]]) for a, b in zip(given.columns, lasting.columns, strict=True)]
        whole = Part.of(*columns, annotations=given.annotations)
        parts.append(replace(whole, name=given.name, program=given.program))
    return replace(made, parts=tuple(parts))
