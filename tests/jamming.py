"""A jam without ports: what is played, who answers it, and what comes out, on a clock of its own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mido import Message

from composer.live.answering import Answer, Request, Settings
from composer.live.call import Call, Feel
from composer.live.grid import Grid
from composer.live.improviser import Improviser, News
from composer.live.outbox import Outbox, Timed
from composer.live.phrase import Heard
from composer.live.thinker import Failed, Outcome
from composer.score import Part, Score, regular_barlines
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter

Inputs = list[tuple[float, Any]]
QUARTER = 0.5  # seconds, of answers without a grid


def on(pitch: int, velocity: int = 80, channel: int = 0) -> Message:
    return Message("note_on", note=pitch, velocity=velocity, channel=channel)


def off(pitch: int, channel: int = 0) -> Message:
    return Message("note_off", note=pitch, channel=channel)


def control(number: int, value: int, channel: int = 0) -> Message:
    return Message("control_change", control=number, value=value, channel=channel)


def played(pitches: Iterable[int], start: float = 0.0, step: float = 0.25, touch: float = 0.8) -> Inputs:
    """A melody of equal notes."""
    found: Inputs = []
    for number, pitch in enumerate(pitches):
        onset = start + number * step
        found += [(onset, on(pitch)), (onset + touch * step, off(pitch))]
    return found


def answer_to(request: Request, beats: int = 4, steps: int = 2) -> Answer:
    """Equal notes, ``steps`` to a quarter, an octave above the call's first; no model was asked."""
    grid, pitch = request.grid, min(request.phrase.notes[0].pitch + 12, 127)
    quarter = QUARTER if grid is None else grid.quarter
    meter = Meter(4, 4) if grid is None else grid.meter
    notes = tuple(
        Heard(k / steps, (k + 0.8) / steps, (k + 0.8) / steps, pitch - k % 5, 70, request.phrase.notes[0].channel)
        for k in range(beats * steps)
    )
    lines = regular_barlines([meter], 2 * meter.bar)
    page = Score.of([Part.of([meter.bar], [pitch], [Q])], barlines=lines, meter=meter)
    call = Call(page, request.phrase.notes[0].onset, quarter, Feel())
    return Answer(request, call, page, meter.bar, notes, float(beats))


@dataclass
class Partner:
    """Answers as it is told, ``delay`` seconds after it was asked; a later request takes the place of one before."""

    delay: float = 0.0
    answers: Callable[[Request], Outcome] = answer_to
    now: float = 0.0
    asked: list[Request] = field(default_factory=list)
    kept: list[Answer] = field(default_factory=list)
    _open: tuple[float, Request] | None = None

    def ask(self, request: Request) -> None:
        self.asked.append(request)
        self._open = self.now + self.delay, request

    def keep(self, answer: Answer) -> None:
        self.kept.append(answer)

    @property
    def ready(self) -> float:
        """When the answer will be there, seconds."""
        return math.inf if self._open is None else self._open[0]

    def outcome(self) -> Outcome | None:
        if self._open is None or self.now < self._open[0]:
            return None
        request, self._open = self._open[1], None
        return self.answers(request)

    def close(self) -> None:
        pass


def silent(request: Request) -> Failed:
    return Failed(request, "nothing comes to mind")


@dataclass
class Stage:
    """Steps an improviser through what is played. ``scheduled`` is what it asked to be sent and when, ``sent`` what
    was; ``hushed`` the moments of silence.
    """

    improviser: Improviser
    partner: Partner
    outbox: Outbox = field(default_factory=Outbox)
    sent: list[Timed] = field(default_factory=list)
    scheduled: list[tuple[float, Timed]] = field(default_factory=list)
    hushed: list[float] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    steps: int = 0
    now: float = 0.0

    def run(self, inputs: Iterable[tuple[float, Any]], until: float = math.inf) -> Stage:
        """Play inputs at their moments, and go on until nothing is left to do or it is ``until``."""
        coming, resting = sorted(inputs, key=lambda item: item[0]), 0
        while True:
            wake = self.improviser.wake
            moments = [m for m in (wake, self.outbox.next, self.partner.ready) if m is not None]
            moments += [coming[0][0]] if coming else []
            moment = min(moments, default=math.inf)
            if moment == math.inf or moment > until:
                return self
            resting = resting + 1 if moment <= self.now and not (coming and coming[0][0] <= self.now) else 0
            assert resting < 20, f"it spins at {self.now}, and wants to be stepped at {wake}"
            self.now = max(self.now, moment)
            together = [item for at, item in coming if at <= self.now]
            coming = coming[len(together) :]
            self.step(together)

    def step(self, items: list[Any]) -> None:
        self.partner.now = self.now
        self.sent += self.outbox.due(self.now)
        step = self.improviser.step(self.now, items)
        if step.hush:
            self.hushed.append(self.now)
            self.sent += [Timed(self.now, message) for message in self.outbox.hush()]
        self.scheduled += [(self.now, event) for event in step.events]
        self.outbox.add(step.events)
        self.sent += self.outbox.due(self.now)
        while self.improviser.news:
            self.news.append(self.improviser.news.popleft())
        self.steps += 1

    @property
    def strikes(self) -> list[Timed]:
        return [event for event in self.sent if event.message.type == "note_on" and event.message.velocity]

    def told(self, kind: str) -> list[News]:
        return [news for news in self.news if news.kind == kind]


def sounding(sent: Iterable[Timed]) -> Counter[tuple[int, int]]:
    """What sounds at the end: strikes less ends of each channel and pitch."""
    found: Counter[tuple[int, int]] = Counter()
    for _, message in sent:
        if message.type in ("note_on", "note_off"):
            key = message.channel, message.note
            strikes = message.type == "note_on" and message.velocity > 0
            assert strikes or found[key] > 0, f"{message} ends what does not sound"
            found[key] += 1 if strikes else -1
    return +found


def stage(partner: Partner | None = None, grid: Grid | None = None, settings: Settings | None = None) -> Stage:
    partner = partner or Partner()
    return Stage(Improviser(partner, settings or Settings(), grid=grid), partner)
