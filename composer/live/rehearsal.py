"""The same jam on a virtual clock: no port, no waiting, the same notes every time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from composer.live.improviser import Improviser
from composer.live.outbox import Outbox
from composer.live.record import Record
from composer.live.session import keep
from composer.theory import TICKS_PER_QUARTER

MOST_IDLE = 100  # steps in which neither time passes nor anything comes: a loop without end


@dataclass
class Rehearsal:
    """Plays inputs to an improviser whose thinker answers at once.

    With ``turns``, the inputs wait until an answer has been played, as a polite player does; without, they come at
    their moments, and what comes into an answer cuts it short.
    """

    improviser: Improviser
    record: Record
    turns: bool = True
    outbox: Outbox = field(default_factory=Outbox)
    unanswered: list[tuple[int, str]] = field(default_factory=list)  # calls, and why

    def run(self, inputs: Iterable[tuple[float, Any]]) -> float:
        """Play through inputs (seconds, in order, with a mido message or Control); returns the moment of the end."""
        coming, now, waited = iter(inputs), 0.0, 0.0
        following, idle = next(coming, None), 0
        while True:
            held = self.turns and self.improviser.phase != "listening"
            moments = [m for m in (self.improviser.wake, self.outbox.next) if m is not None]
            coming_at = math.inf if following is None or held else following[0] + self._whole_bars(waited)
            if coming_at < math.inf:
                moments.append(coming_at)
            if not moments:
                return now
            before, now = now, max(min(moments), now)
            idle = 0 if now > before or coming_at <= now else idle + 1
            if idle > MOST_IDLE:
                raise AssertionError(
                    f"the improviser wants a moment that has passed: it is {now}, it asks for {moments}"
                )
            waited += now - before if held else 0.0
            for event in self.outbox.due(now):
                self.record.sent(event.moment, event.message)
            if following is not None and coming_at <= now:
                self.record.heard(now, following[1])
                self._step(now, [following[1]])
                following = next(coming, None)
            else:
                self._step(now, [])

    def _whole_bars(self, seconds: float) -> float:
        """As long, or, with a grid, so much longer that the calls that waited keep their places in the bar."""
        grid = self.improviser.grid
        if grid is None:
            return seconds
        bar = grid.seconds(grid.meter.bar / TICKS_PER_QUARTER) - grid.seconds(0.0)
        return math.ceil(seconds / bar - 1e-6) * bar

    def _step(self, now: float, messages: list[Any]) -> None:
        step = self.improviser.step(now, messages)
        if step.hush:
            for message in self.outbox.hush():
                self.record.sent(now, message)
        self.outbox.add(step.events)
        for news in keep(self.record, self.improviser):
            if news.kind == "silent":
                self.unanswered.append((news.facts["number"], news.facts["why"]))
