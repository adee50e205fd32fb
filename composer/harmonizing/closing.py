"""The wish that the last chord is the tonic's, and stands still."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from composer.score import Score
from composer.sketch import REST, SYMBOLS, Cells, Constraint
from composer.sketch.cells import pitches
from composer.theory import Ints


@dataclass(frozen=True)
class Closing(Constraint):
    """At a tick, at which the last note of the melody begins, voices begin the tonic chord; then nobody moves."""

    tick: int
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        key = score.key_at(score.end)
        thirds = {4} if 7 * (key.tonic + 4) % 12 in key.scale else {3, 4}
        last = score.parts[0].select(score.parts[0].onset == self.tick)
        sung = {(int(pitch) - key.tonic_class) % 12 for pitch in last.pitch}
        steps = {0, 7} | (sung & thirds or thirds)
        chord = pitches((p for p in range(REST) if (p - key.tonic_class) % 12 in steps), rest=False)
        start = np.ones((len(ticks), SYMBOLS), dtype=bool)
        hold = start.copy()
        start[ticks > self.tick, :REST] = False
        start[ticks == self.tick] = chord[0]
        hold[ticks == self.tick] = False
        return Cells(start, hold)

    def __str__(self) -> str:
        return "closes on the tonic chord"
