"""A jam on real ports: one short loop joins clock, ports, improviser and scheduler."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from composer.errors import ComposerError
from composer.live.controls import Control
from composer.live.improviser import Improviser, News
from composer.live.metronome import Metronome
from composer.live.midi_clock import Follower, Sender
from composer.live.outbox import Timed
from composer.live.record import Saver
from composer.live.scheduler import Scheduler
from composer.live.session import keep, state_of
from composer.live.state import State
from composer.live.thinker import Process
from composer.live.watch import Watch

CLOCK = frozenset({"clock", "start", "continue", "stop", "songpos"})
LOOK = 0.1  # seconds between two looks at what does not announce itself: the screen, ports, the process that answers
PULSE_AHEAD = 0.3  # seconds that clicks and clock messages wait for their moment
AT_ONCE = 256  # messages taken in one step: a flood is heard, and does not hold up the time


Inbox = SimpleQueue[tuple[float, Any] | None]


@dataclass
class Cable:
    """A port by name, that may vanish and come back: ``connect`` opens it, and is undone when it is lost."""

    connect: Callable[[str], AbstractContextManager[Any]]
    name: str
    watch: Watch | None = None  # None: a port of our own, which stays
    port: Any = None
    release: Callable[[], None] = lambda: None  # by those who send; called before it is closed
    _held: ExitStack = field(default_factory=ExitStack)
    _problem: str | None = field(default=None, init=False)  # why it could not be opened again

    def open(self) -> None:
        self.port = self._held.enter_context(self.connect(self.name))

    def close(self) -> None:
        self.release()
        self.port = None
        with suppress(ComposerError, OSError):  # what is closed is gone already
            self._held.close()

    def look(self, now: float) -> str | None:
        """What has become of the port, in a line; None if nothing has."""
        change = None if self.watch is None else self.watch.poll(now)
        if change == "lost":
            self.close()
            return f"{self.name} has gone; it is taken up again when it comes back"
        if change == "back" and self.watch is not None:
            self.name = self.watch.name
            known, self._problem = self._problem, None
            try:
                self.open()
            except ComposerError as error:
                self._problem = str(error)
                self.watch.missed()
                return self._problem if self._problem != known else None
            return f"{self.name} is back"
        return None


class Jam:
    """Runs until ``quit`` comes or it is interrupted; however it ends, no note hangs.

    Whatever thread has something for it puts it into ``inbox`` with its moment (seconds, monotonic): mido messages and
    :class:`Control`s; None only wakes it. ``show`` gets a state ten times a second. ``ahead`` are messages to send in
    any case.
    """

    def __init__(
        self,
        inbox: Inbox,
        improviser: Improviser,
        thinker: Process,
        saver: Saver,
        show: Callable[[State], None],
        *,
        follower: Follower | None = None,
        sender: Sender | None = None,
        metronome: Metronome | None = None,
        ahead: Iterable[Timed] = (),
    ) -> None:
        self.inbox = inbox
        self.improviser, self.thinker, self.saver, self.record = improviser, thinker, saver, saver.record
        self.follower, self.sender, self.metronome, self.ahead = follower, sender, metronome, ahead
        self.show = show
        self.notice = ""
        self._quits = False
        self._pulsed = 0.0  # until when clicks and clock messages have been scheduled
        self._next_look = 0.0
        self._clock_problem: str | None = None

    def run(self, source: Cable, sink: Cable) -> None:
        """Play on these cables, which are open, until it is over; then they are closed."""
        gc.collect()
        gc.freeze()  # what is there now stays: to look through it again would take tens of milliseconds
        cables = (source, sink)
        try:
            notes, pulse = Scheduler(sink.port, self._lost), Scheduler(sink.port, self._lost)
            sink.release = partial(_let_go, notes, pulse)
            try:
                with notes, pulse:
                    pulse.add(self.ahead)
                    try:
                        while not self._quits:
                            self._turn(notes, pulse, cables)
                    finally:
                        notes.hush()
                        self.improviser.leave()
            finally:
                self._keep_sent(notes)
        finally:
            for cable in reversed(cables):
                cable.close()
            gc.unfreeze()

    def _turn(self, notes: Scheduler, pulse: Scheduler, cables: tuple[Cable, Cable]) -> None:
        now = time.monotonic()
        wake = min(self._next_look, self.improviser.wake or self._next_look)
        items = self._waiting(max(wake - now, 0.0))
        now = time.monotonic()
        heard = [self._heard(moment, item) for moment, item in items]
        step = self.improviser.step(now, [item for item in heard if item is not None])
        if step.hush:
            notes.hush()
        if step.events:
            notes.add(step.events)
        if self.improviser.news:
            self._tell(keep(self.record, self.improviser))
        self._keep_time(pulse, now)
        if now >= self._next_look:
            self._next_look = now + LOOK
            self._look(now, notes, pulse, cables)

    def _waiting(self, seconds: float) -> list[tuple[float, Any]]:
        """What has come, or comes within so many seconds."""
        found = list[tuple[float, Any] | None]()
        with suppress(Empty):
            found.append(self.inbox.get(timeout=seconds))
            while len(found) < AT_ONCE:
                found.append(self.inbox.get_nowait())
        return [item for item in found if item is not None]

    def _heard(self, moment: float, item: Any) -> Any:
        """Keep it, and give back what the improviser should hear."""
        if isinstance(item, Control):
            self._quits = self._quits or item.name == "quit"
            self.record.heard(moment, item)
            return None if item.name == "quit" else item
        if item.type in CLOCK:
            if self.follower is not None:
                self.follower.push(item, moment)
                self.improviser.grid = self.follower if self.follower.running else None
                return None if item.type == "clock" else Control("hush")  # the music is elsewhere now
            return None
        self.record.heard(moment, item)
        return item

    def _keep_time(self, pulse: Scheduler, now: float) -> None:
        """Clicks and clock messages, a little ahead of their time."""
        grid = self.improviser.grid
        if grid is None or now < self._pulsed - PULSE_AHEAD / 2:
            return
        since, self._pulsed = max(self._pulsed, now), now + PULSE_AHEAD
        events: list[Timed] = []
        for source in (self.metronome, self.sender):
            events += source.due(grid, since, self._pulsed) if source is not None else []
        pulse.add(events)

    def _look(self, now: float, notes: Scheduler, pulse: Scheduler, cables: tuple[Cable, Cable]) -> None:
        source, sink = cables
        for cable in cables:
            if (words := cable.look(now)) is not None:
                self._notice(now, "port", words)
                if cable is sink:
                    for scheduler in (notes, pulse):
                        scheduler.connect(sink.port)
                else:
                    self.improviser.segmenter.forget()  # a keyboard that is gone holds nothing down
        if (words := self.thinker.look()) is not None:
            self._notice(now, "process", words)
        if self.follower is not None and self.follower.stalled(now):
            self.improviser.grid = None
        if self.follower is not None and _kind(words := self.follower.problem(now)) != self._clock_problem:
            self._clock_problem = _kind(words)
            self._notice(now, "clock", words or "the MIDI clock is back")
        self._keep_sent(notes)
        self.show(state_of(self.improviser, now, ports=f"{source.name} → {sink.name}", notice=self.notice))

    def _keep_sent(self, notes: Scheduler) -> None:
        while notes.sent:
            sent = notes.sent.popleft()
            self.record.sent(sent.sent, sent.message)

    def _tell(self, news: list[News]) -> None:
        for item in news:
            if item.kind in ("silent", "refused"):
                self.notice = str(item.facts["why"])
            elif item.kind in ("done", "cut"):  # the engine's turn is over: now saving disturbs least
                self.saver.soon()

    def _notice(self, now: float, kind: str, words: str) -> None:
        self.notice = words
        self.record.noted(now, kind, words=words)

    def _lost(self, error: Exception) -> None:
        self._notice(time.monotonic(), "port", f"the output failed ({error}); it is taken up again when it comes back")


def _let_go(*schedulers: Scheduler) -> None:
    for scheduler in schedulers:
        scheduler.connect(None)


def _kind(words: str | None) -> str | None:
    """What stays of a problem while its figures change."""
    return None if words is None else words.partition(":")[0]
