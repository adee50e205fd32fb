"""MIDI clock: 24 pulses a quarter, followed as a grid, and sent from one.

>>> follower = Follower()
>>> follower.push(Message("start"), 10.0)
>>> for pulse in range(25):
...     follower.push(Message("clock"), 10.0 + pulse / 48)
>>> follower.running, round(follower.tempo, 3), round(follower.quarters(10.5), 3)
(True, 120.0, 1.0)
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from statistics import median

from mido import Message

from composer.live.grid import Grid
from composer.live.metronome import Marks
from composer.live.outbox import Timed
from composer.theory import Meter

PULSES = 24  # in a quarter
SLOWEST, FASTEST = 20.0, 400.0  # quarters a minute
SIXTEENTH = PULSES // 4
STALL = 0.5  # seconds without a pulse: four at the slowest tempo
SAME = 0.001  # seconds; pulses closer than this are one that came twice
SLIP = 0.006  # seconds; a first pulse further from its place is a new beginning, nearer it is jitter
RECENT = 12  # pulses that a tempo is first known from
ODD = 4  # pulses out of place, one after another, that mean something in any case
KEPT = 4096  # places of the past that are remembered, a sixteenth apart: 8 minutes at 120


TRACKS = ((1, 0.98), (2, 0.95), (2, 0.9), (2, 0.8))  # the degree and memory of each line that is tried


class Track:
    """Seconds as a polynomial of the pulse's number, by least squares in which the past fades as ``memory`` ** age.

    This is the fading-memory polynomial filter, begun as the expanding-memory one: Morrison, Introduction to Sequential
    Smoothing and Prediction (1969), chapters 9 and 13; the gains are those of Brookner, Tracking and Kalman Filtering
    Made Easy (1998), chapter 1. Degree 1 suits a steady tempo; degree 2 has no lag where the period ramps.
    """

    def __init__(self, degree: int, memory: float, seconds: float, period: float) -> None:
        fades = 1 - memory
        if degree == 1:
            self._least = (1 - memory**2, fades**2, 0.0)
        else:
            self._least = (1 - memory**3, 1.5 * (1 - memory**2) * fades, 0.5 * fades**3)
        self.degree = degree
        self.seconds, self.period, self.bend = seconds, period, 0.0  # at the last pulse
        self.doubt = 0.0  # how far predictions were out of late, squared
        self.pulses = 0

    def predicted(self, steps: int) -> float:
        return self.seconds + self.period * steps + self.bend * steps**2

    def push(self, seconds: float, steps: int) -> None:
        """A pulse, ``steps`` after the last one."""
        self.pulses += steps
        position, speed, bend = self._gains()
        expected = self.predicted(steps)
        error = seconds - expected
        self.seconds = expected + position * error
        self.period += 2 * self.bend * steps + speed * error
        self.bend += bend * error
        self.doubt += 0.1 * (error**2 - self.doubt)

    def coast(self, steps: int) -> None:
        """Pulses pass unheard; fewer than 0 for some that were too many."""
        self.seconds = self.predicted(steps)
        self.period += 2 * self.bend * steps

    def begin(self, seconds: float) -> None:
        """Move to a pulse that came out of step; the period is kept, but no longer trusted much."""
        self.seconds, self.bend, self.pulses = seconds, 0.0, RECENT // 2

    def _gains(self) -> tuple[float, float, float]:
        """Those of least squares over all pulses so far, until they are as small as those of the fading memory."""
        n = self.pulses
        if self.degree == 1:
            below = (n + 1) * (n + 2)
            all_alike = (2 * (2 * n + 1) / below, 6 / below, 0.0)
        else:
            below = (n + 1) * (n + 2) * (n + 3)
            all_alike = (3 * (3 * n * n + 3 * n + 2) / below, 18 * (2 * n + 1) / below, 30 / below)
        return max(all_alike, self._least)


class Follower:
    """The grid of a MIDI clock that comes in; its quarters count from the song's beginning, which is a bar line.

    It is a line through the last pulses, so it tells the future if the tempo stays, and the past as it was since it
    started. Until pulses come it has the tempo given. A pulse that is late alone is passed over; where several stay
    out of place, some were lost or came twice, the tempo jumped or the sender paused, by what fits. While the sender is
    stopped its pulses tell the tempo, and the next one is always that of the place it will go on from.
    """

    def __init__(self, meter: Meter | None = None, tempo: float = 120.0) -> None:
        self.meter = meter if meter is not None else Meter(4, 4)
        self.running = False
        self.refused: float | None = None  # a tempo that is not followed, in quarters a minute
        self._index = -1  # the number of the last pulse
        self._moment, self._period = 0.0, 60 / (PULSES * tempo)  # when that was, smoothed; seconds to the next
        self._tracks: list[Track] = []
        self._odd: list[tuple[float, float]] = []  # pulses out of place: when, and how late in periods
        self._last: float | None = None  # when the last one came
        self._begins = False
        self._past: list[tuple[float, int]] = []  # moments of pulses, a sixteenth or more apart

    @property
    def tempo(self) -> float:
        """Quarters a minute."""
        return 60 / (PULSES * self._period)

    @property
    def locked(self) -> bool:
        """Whether enough pulses have come to trust the tempo."""
        return bool(self._tracks) and self._tracks[0].pulses >= RECENT

    @property
    def position(self) -> int:
        """Sixteenths from the song's beginning: MIDI's song position."""
        return max(self._index, 0) // SIXTEENTH

    def quarters(self, seconds: float) -> float:
        at = bisect_right(self._past, seconds, key=lambda place: place[0])
        moment, pulse, period = self._line(at)
        return (pulse + (seconds - moment) / period) / PULSES

    def seconds(self, quarters: float) -> float:
        at = bisect_right(self._past, quarters * PULSES, key=lambda place: place[1])
        moment, pulse, period = self._line(at)
        return moment + (quarters * PULSES - pulse) * period

    def _line(self, at: int) -> tuple[float, int, float]:
        """A moment, its pulse and the seconds of one, for what lies before place ``at`` of the past."""
        if at == len(self._past):
            return self._moment, self._index, self._period
        at = max(at, 1)
        (start, first), (end, last) = [*self._past[at - 1 : at + 1], (self._moment, self._index)][:2]
        return start, first, (end - start) / (last - first)

    def push(self, message: Message, seconds: float) -> None:
        """A message and the moment it came; what is not about the clock is passed over."""
        if message.type == "clock":
            self._pulse(seconds)
        elif message.type == "songpos":
            self._go_on(SIXTEENTH * message.pos - 1, seconds)
        elif message.type in {"start", "continue", "stop"}:
            self._go_on(-1 if message.type == "start" else self._index, seconds)
            self.running = self._begins = message.type != "stop"

    def stalled(self, seconds: float) -> bool:
        """Whether the last pulse is longer ago than any tempo allows, or none has come."""
        return self._last is None or seconds - self._last > STALL

    def problem(self, seconds: float) -> str | None:
        """What is wrong now, in a line; None if all is well."""
        if self._last is None:
            return "no MIDI clock has come; let the other program send one to this port"
        if self.stalled(seconds):
            return f"the MIDI clock has stalled: no pulse for {seconds - self._last:.1f} s"
        if self.refused is not None:
            return (
                f"a MIDI clock of {self.refused:.0f} quarters a minute is not followed; "
                f"send one of {SLOWEST:.0f} to {FASTEST:.0f}"
            )
        return None

    def _go_on(self, index: int, seconds: float) -> None:
        """The next pulse comes after pulse ``index``; the way that led here is no longer part of the grid."""
        self._index = index
        self._past.clear()
        if self.stalled(seconds):
            self._moment = seconds - self._period

    def _pulse(self, seconds: float) -> None:
        apart = math.inf if self._last is None else seconds - self._last
        if apart < SAME and not (self._odd and self._best().predicted(1) < seconds):
            return  # it came twice; not so what follows a late one at once, as from a thread that hung
        if self.stalled(seconds):  # it paused without a word: the count goes on, the tempo may be another
            self._tracks.clear()
        self._last = seconds
        if not self._tracks:
            self._start([seconds], self._period)
            steps = 1
        elif self._begins:
            steps = self._first(seconds)
        else:
            steps = self._next(seconds, burst=apart < SAME)
        self._begins = False
        if self._followed():
            self._settle(steps)

    def _start(self, moments: list[float], period: float) -> None:
        """New tracks through pulses that follow each other."""
        self._tracks = [Track(degree, memory, moments[0], period) for degree, memory in TRACKS]
        for moment in moments[1:]:
            for track in self._tracks:
                track.push(moment, 1)
        self._odd.clear()

    def _first(self, seconds: float) -> int:
        """The first pulse after a start: in step with those before it, or a new beginning."""
        self._odd.clear()
        steps = 1 + round(self._ahead(seconds))
        for track in self._tracks:
            if steps > 0 and abs(track.predicted(steps) - seconds) < SLIP:
                track.push(seconds, steps)
            else:
                track.begin(seconds)
        return 1

    def _next(self, seconds: float, burst: bool) -> int:
        """A pulse like others; how far it moves the count. One out of place does not move the line at first."""
        ahead = self._ahead(seconds)
        if self._tracks[0].pulses < 2 * RECENT or abs(ahead) < 0.5 + min(1.5 * self._jitter, 0.35):
            self._odd.clear()
            for track in self._tracks:
                track.push(seconds, 1)
            return 1
        for track in self._tracks:
            track.coast(1)
        if not burst:
            self._odd.append((seconds, ahead))
        return 1 + self._explained()

    def _explained(self) -> int:
        """What pulses that stay out of place mean: another tempo, or as many lost or doubled, which is returned.

        Else the sender itself paused for a moment, and the line moves there.
        """
        near = min(0.12 + 1.2 * self._jitter, 0.4)
        moments, lates = [moment for moment, _ in self._odd[-ODD:]], [late for _, late in self._odd[-2:]]
        together = len(lates) == 2 and abs(lates[0] - lates[1]) < near
        if not together and len(moments) < ODD:
            return 0
        pace = median(b - a for a, b in pairwise(moments))
        if not 0.75 < pace / self._best().period < 1.33:
            if len(moments) == ODD:
                self._start(moments, pace)
            return 0
        if not together and len(self._odd) < 2 * ODD:
            return 0
        self._odd.clear()
        late = sum(lates) / 2
        whole = round(late) if abs(late - round(late)) < near else 0
        for track in self._tracks:
            if whole:
                track.coast(whole)
            else:
                track.seconds += late * track.period
        return whole

    @property
    def _jitter(self) -> float:
        """The usual error of a prediction, in periods."""
        best = self._best()
        return math.sqrt(best.doubt) / best.period

    def _ahead(self, seconds: float) -> float:
        """How late a pulse is, in periods."""
        best = self._best()
        return (seconds - best.predicted(1)) / best.period

    def _followed(self) -> bool:
        """Whether the tempo is one to follow; if not, it is heard out anew."""
        if self.locked:
            tempo = 60 / (PULSES * self._best().period) if self._best().period > 0 else math.inf
            self.refused = None if 0.98 * SLOWEST < tempo < 1.02 * FASTEST else tempo
            if self.refused is not None:
                self._tracks.clear()
        return self.refused is None

    def _settle(self, steps: int) -> None:
        """The line from now on, and the past."""
        if self.running:
            self._index += steps
        best = self._best()
        self._moment = best.seconds
        self._period = min(max(best.period, 60 / (PULSES * FASTEST)), 60 / (PULSES * SLOWEST))
        while self._past and (self._past[-1][0] >= self._moment or self._past[-1][1] >= self._index):
            self._past.pop()
        if self.running and (not self._past or self._index >= self._past[-1][1] + SIXTEENTH):
            self._past.append((self._moment, self._index))
            del self._past[:-KEPT]

    def _best(self) -> Track:
        """The track that foretold the last pulses best; at first the straight one."""
        best = self._tracks[0]
        for track in self._tracks[1:] if best.pulses >= 2 * RECENT else ():
            if track.doubt < 0.8 * best.doubt:
                best = track
        return best


class Sender:
    """The clock messages of a grid. Pulses go out all the time: who follows knows the tempo before it starts."""

    def __init__(self) -> None:
        self._marks = Marks()
        self._begin: int | None = None  # the pulse to start at

    def start(self, quarters: float = 0.0) -> None:
        """Start from this place or the next sixteenth: ``start`` at 0, else its song position and ``continue``."""
        self._begin = SIXTEENTH * max(math.ceil(quarters * 4 - 1e-6), 0)

    def stop(self, moment: float) -> list[Timed]:
        """Nothing is started any more; the pulses go on."""
        self._begin = None
        return [Timed(moment, Message("stop"))]

    def due(self, grid: Grid, since: float, until: float) -> list[Timed]:
        """What to send in ``[since, until)``, in order; ask for one stretch after another."""
        events: list[Timed] = []
        for moment, pulse in self._marks.due(grid, 1 / PULSES, since, until):
            if self._begin is not None and pulse >= self._begin and pulse % SIXTEENTH == 0:
                before = max(
                    since, grid.seconds((pulse - 0.5) / PULSES)
                )  # who follows needs a millisecond to get ready
                events += [Timed(before, message) for message in _starting(pulse // SIXTEENTH)]
                self._begin = None
            events.append(Timed(moment, Message("clock")))
        return events


def _starting(sixteenth: int) -> list[Message]:
    if sixteenth == 0:
        return [Message("start")]
    return [Message("songpos", pos=min(sixteenth, 16383)), Message("continue")]
