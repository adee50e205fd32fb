"""The wish that voices keep rules of voice leading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.score import Score
from composer.sketch.cells import Apart, Constraint, Table
from composer.theory import Ints
from composer.voice_leading import RULES, Law, Lines, Pitches, Place, judged, places


@dataclass(frozen=True)
class Forbid(Constraint):
    """No mistake of these :data:`composer.voice_leading.RULES` in what is composed.

    Voices are judged where one of those that make the mistake is composed, or was just before, if they make it as they
    move: what is given is let be.
    """

    rules: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``parallels, crossings``; raises :class:`UsageError`."""
        names = tuple(dict.fromkeys(text.replace(",", " ").lower().split()))
        unknown = next((name for name in names if name not in RULES), None)
        if unknown is not None or not names:
            raise UsageError(f"{(unknown or text)[:40]!r} is no rule of voice leading; there are {', '.join(RULES)}")
        return cls(names)

    def between(self, ticks: Ints, score: Score) -> Iterator[Apart]:
        where = places(score, ticks.astype(np.int64))
        steps = [where.at(step) for step in range(len(ticks))]
        known = np.column_stack([where.leading, where.beat, where.spelling])
        kinds = np.unique(known, axis=0, return_inverse=True)[1].reshape(-1)
        for law in (law for rule in self.rules for law in RULES[rule]):
            for pair in law.pairs(len(score.parts)):
                about = tuple(pair[side] for side in law.about)
                yield Apart(*pair, about, law.lasting, partial(_breaks, law, steps), kinds)

    def broken(self, score: Score, free: Callable[[int, NDArray[Any]], Table]) -> bool:
        """Whether a finished score breaks it; ``free`` says of a voice and ticks (M,) where it is composed."""
        lines = Lines.of(score)
        return any(
            (wrong & touched(free, voices, lines.ticks, law.lasting)).any()
            for law, voices, wrong in judged(self.rules, score, lines)
        )

    def __str__(self) -> str:
        return f"forbid {', '.join(self.rules)}"


def touched(
    free: Callable[[int, NDArray[Any]], Table], voices: Iterable[int], ticks: NDArray[Any], lasting: bool
) -> Table:
    """(M,) whether one of some voices is composed at each tick, or, but for what is lasting, just before it."""
    at = [free(voice, ticks) if lasting else free(voice, ticks) | free(voice, ticks - 1) for voice in voices]
    return np.asarray(np.any(at, axis=0))


def _breaks(law: Law, where: Sequence[Place], step: int, *pitches: Pitches) -> Table:
    return law.breaks(where[step], *pitches)
