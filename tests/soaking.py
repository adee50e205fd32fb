"""Hours of jam on the virtual clock: a player with pedal, slips, barge-ins and floods, and a judge of what came out."""

from __future__ import annotations

import random
import time
import tracemalloc
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mido import Message

from composer.live.answering import Answer, Answering, Request, Settings
from composer.live.controls import Control
from composer.live.grid import Steady
from composer.live.improviser import Improviser
from composer.live.rehearsal import Rehearsal
from composer.live.thinker import Outcome, answered
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter
from jamming import Inputs, Partner, control, off, on, played

GRID = Steady(Meter(4, 4), origin=0.0, quarter=0.5)
Tune = Sequence[tuple[float, float, int]]  # onset and length in quarters, pitch


def phrase(tune: Tune, start: float, dice: random.Random, quarter: float = GRID.quarter) -> Inputs:
    """A melody played by hand: 10 ms of jitter, sometimes with the pedal, sometimes with velocity 0 to lift."""
    found, pedal, lifts = Inputs(), dice.random() < 0.3, dice.random() < 0.3
    for onset, length, pitch in tune:
        moment = max(start + onset * quarter + dice.gauss(0, 0.01), 0.0)
        found.append((moment, on(pitch, dice.randint(60, 100))))
        lifted = on(pitch, 0) if lifts else off(pitch)
        found.append((moment + max(length * quarter * dice.uniform(0.6, 1.0), 0.03), lifted))
    if pedal:
        found += [(found[0][0], control(64, 127)), (max(moment for moment, _ in found) + 0.1, control(64, 0))]
    return sorted(found, key=lambda item: item[0])


def flood(start: float, dice: random.Random) -> Inputs:
    """A thousand messages in half a second; the last ones lift what is down."""
    wild: Inputs = [
        (start + k / 2000, dice.choice((on, off))(dice.randint(0, 127), channel=k % 3)) for k in range(1000)
    ]
    return [*wild, *((start + 0.5, control(123, 0, channel)) for channel in range(3))]


def player(tunes: Sequence[Tune], seconds: float, seed: int) -> Iterator[tuple[float, Any]]:
    """What somebody plays for so long who mostly listens, and sometimes does not."""
    dice, now, slips = random.Random(seed), 1.0, False
    while now < seconds:
        bar = now if slips else -(-now // 2.0) * 2.0
        music = phrase(dice.choice(tunes), bar, dice)
        chance = dice.random()
        if chance < 0.02:
            music = flood(bar, dice)
        elif chance < 0.06:
            music = played([dice.randint(50, 80)], bar, 0.1)
        elif chance < 0.08:
            music.append((music[-1][0] + dice.uniform(0, 4), Control(dice.choice(["panic", "end", "hush"]))))
        elif chance < 0.12:
            music.append((music[-1][0] + 0.1, Message("program_change", program=dice.randint(0, 127))))
        yield from sorted(music, key=lambda item: item[0])
        end = max(moment for moment, _ in music)
        kind = dice.random()
        slips = kind < 0.1
        now = end + (dice.uniform(0.8, 1.4) if slips else dice.uniform(1.2, 4.0) if kind < 0.25 else dice.uniform(6, 9))


class Repertoire:
    """A thinker with a model: its first answers from each place in the bar are its own, later ones those again."""

    def __init__(self, answering: Answering, fresh: int) -> None:
        self.answering, self.fresh = answering, fresh
        self._pool: dict[float, list[Answer]] = {}
        self._request: Request | None = None

    def ask(self, request: Request) -> None:
        self._request = request

    def keep(self, answer: Answer) -> None:
        pass

    def outcome(self) -> Outcome | None:
        request, self._request = self._request, None
        if request is None:
            return None
        place = 0.0 if request.grid is None else round(request.grid.quarters(request.begins) % 4.0, 3)
        pool = self._pool.setdefault(place, [])
        if len(pool) >= self.fresh:
            return replace(pool[request.number % self.fresh], request=request)
        outcome = answered(self.answering, request)
        if isinstance(outcome, Answer):
            pool.append(outcome)
        return outcome

    def close(self) -> None:
        pass


@dataclass
class Judge:
    """In a record's place: counts what comes and goes, and measures it against the grid."""

    hours: list[tuple[int, int]] = field(default_factory=list)  # at the end of each: seconds gone, bytes in use
    heard_messages: int = 0
    ons: int = 0
    offs: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    beat_error: float = 0.0  # seconds, of the beginnings of answers
    bar_error: float = 0.0  # seconds, of the bar lines of answers
    note_error: float = 0.0  # seconds, of what was sent
    improviser: Improviser | None = None
    steps: int = 0
    _sounding: Counter[tuple[int, int]] = field(default_factory=Counter)
    _expected: list[float] = field(default_factory=list)
    _last: float = 0.0

    def heard(self, seconds: float, message: Any) -> None:
        self.heard_messages += 1
        while seconds >= 3600 * (len(self.hours) + 1):
            self.hours.append((round(seconds), tracemalloc.get_traced_memory()[0]))

    def sent(self, seconds: float, message: Any) -> None:
        assert seconds >= self._last, "moments went back"
        self._last = seconds
        if message.type not in ("note_on", "note_off"):
            return
        key = message.channel, message.note
        if message.type == "note_on" and message.velocity:
            self._sounding[key] += 1
            assert self._sounding[key] == 1, f"{key} was struck while it sounded"
            self.ons += 1
            at = bisect_left(self._expected, seconds)
            self.note_error = max(
                self.note_error, min(abs(k - seconds) for k in self._expected[max(at - 1, 0) : at + 1])
            )
        else:
            self._sounding[key] -= 1
            assert self._sounding[key] == 0, f"{key} ended and did not sound"
            del self._sounding[key]
            self.offs += 1

    def noted(self, seconds: float, kind: str, **facts: Any) -> None:
        self.kinds[kind] += 1
        if kind != "answer" or self.improviser is None or self.improviser.last is None:
            return
        answer, meter = self.improviser.last, GRID.meter
        begins = GRID.quarters(answer.request.begins)
        self._expected = [GRID.seconds(begins + note.onset) for note in answer.notes]
        self.beat_error = max(self.beat_error, off_by(begins, meter.beat / Q) * GRID.quarter)
        for line in answer.page.barlines.tolist():
            if line >= answer.start:
                place = begins + (line - answer.start) / Q
                self.bar_error = max(self.bar_error, off_by(place, meter.bar / Q) * GRID.quarter)

    def answered(self, call: Any, answer: Any) -> None:
        self.kinds["page"] += 1

    @property
    def hanging(self) -> int:
        return len(self._sounding)


def off_by(place: float, unit: float) -> float:
    """How far a place lies from the nearest multiple of a unit."""
    return abs(place - round(place / unit) * unit)


class Counted(Improviser):
    """An improviser that knows how often it was stepped."""

    steps = 0

    def step(self, now: float, inputs: Any = ()) -> Any:
        self.steps += 1
        return super().step(now, inputs)


def soak(tunes: Sequence[Tune], answering: Answering, hours: float, *, fresh: int = 25, seed: int = 0) -> Judge:
    """So many simulated hours on a steady grid of 120; raises AssertionError for what must not be."""
    judge = Judge()
    improviser = Counted(Repertoire(answering, fresh), Settings(meter=GRID.meter), grid=GRID)
    judge.improviser = improviser
    tracemalloc.start()
    try:
        Rehearsal(improviser, judge, turns=False).run(player(tunes, 3600 * hours, seed))  # type: ignore[arg-type]
    finally:
        tracemalloc.stop()
    judge.steps = improviser.steps
    return judge


class Worker(Partner):
    """A thinker in a process of its own, as far as time goes: real answers, there after the processor's time that they
    took, so that what else runs on the machine does not count.
    """

    def __init__(self, answering: Answering) -> None:
        super().__init__()
        self.answering, self.took = answering, list[float]()
        self._next: Request | None = None
        self._at_work: tuple[float, Outcome] | None = None
        self._learning = 0.0

    def ask(self, request: Request) -> None:
        self._next = request
        self._begin()

    def keep(self, answer: Answer) -> None:
        began = time.process_time()
        self.answering.keep(answer)
        self._learning += time.process_time() - began

    @property
    def ready(self) -> float:
        return float("inf") if self._at_work is None else self._at_work[0]

    def outcome(self) -> Outcome | None:
        if self._at_work is None or self.now < self._at_work[0]:
            return None
        found, self._at_work = self._at_work[1], None
        self._begin()
        return found

    def _begin(self) -> None:
        if self._at_work is None and self._next is not None:
            request, self._next = self._next, None
            began = time.process_time()
            found = answered(self.answering, request)
            self.took.append(time.process_time() - began)
            self._at_work = self.now + self.took[-1] + self._learning, found
            self._learning = 0.0
