"""How often scores break the rules of voice leading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from composer.score import Score
from composer.voice_leading import KINDS, comoving, mistakes


def rates(scores: Iterable[Score]) -> dict[str, float]:
    """Of each kind of mistake, how many there are per 1,000 pairs of voices that move at once.

    Pooled over all scores; nan if no voices do. Compare scores by this code alone: rates depend on the definitions.
    """
    found: Counter[str] = Counter()
    pairs = 0
    for score in scores:
        found.update(mistake.kind for mistake in mistakes(score))
        pairs += comoving(score)
    return {kind: 1000 * found[kind] / pairs if pairs else float("nan") for kind in KINDS}
