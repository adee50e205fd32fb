"""Call and response, as a machine that is stepped: messages and moments in, timed messages out. It knows no clock,
thread or port, so that an hour of it is tested in a second.

It listens until a phrase is over, has an answer found meanwhile, plays it on the beat, and stops the moment that its
partner plays. What it decides depends only on what it is given, but for how soon answers are found.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from composer.errors import UsageError
from composer.io.midi import DRUM_CHANNEL
from composer.live.answering import Answer, Request, Settings
from composer.live.controls import MODES, RANGES, Control
from composer.live.grid import Grid, Steady, snapshot
from composer.live.metronome import tapped
from composer.live.outbox import Step, Timed
from composer.live.phrase import Heard, Phrase, Segmenter
from composer.live.state import Doing
from composer.live.thinker import Failed, Outcome, Thinker
from composer.theory import TICKS_PER_QUARTER, Key, Meter

AHEAD = 0.03  # seconds before the beat at which a phrase ends that its answer is sent to wait for it
HORIZON = 0.25  # seconds that notes of an answer wait for their moment, in music whose tempo may change
PAUSE = 0.05  # seconds of silence after which an answer is looked for, should the phrase end here
AT_ONCE = 0.005  # seconds after the end of a phrase, without a beat to wait for
SLIP = 0.15  # seconds into an answer in which a note means that the phrase goes on
ECHO = 0.15  # seconds in which a note that comes back as it was sent is our own
SAME_BEAT = 0.1  # seconds by which two forecasts of one beat may differ
TOO_LATE = 0.03  # seconds after its moment that an answer may begin, without a beat
PANIC, ALL_OFF = 120, 123  # the control changes that mean all sound off, and all notes
BACK = 0.5  # quarters by which a pulse may be set right; one that goes back further has begun anew


@dataclass(frozen=True)
class News:
    """Something that happened, for the log and the screen."""

    moment: float
    kind: str  # call, answer, cut, goes on, silent, done, changed, refused, hush, panic
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Playing:
    """An answer on its way: it began at ``origin``, in quarters of its ``grid``."""

    answer: Answer
    grid: Grid
    origin: float
    waiting: deque[Heard]
    starts: float  # seconds, of its first note
    until: float  # seconds, of the end of its last

    def moment(self, quarters: float) -> float:
        """When a place of the answer comes, in seconds."""
        return self.grid.seconds(self.origin + quarters)


class Improviser:
    """A partner for one player. ``grid`` is the pulse that both follow; None: the player's own. The key (MIDI pitch)
    ``panic`` and control change 120 silence everything.
    """

    def __init__(
        self,
        thinker: Thinker,
        settings: Settings,
        *,
        segmenter: Segmenter | None = None,
        grid: Grid | None = None,
        panic: int | None = None,
    ) -> None:
        self.thinker, self.settings, self.grid, self.panic = thinker, settings, grid, panic
        self.segmenter = segmenter or Segmenter()
        self.calls = self.late = self.bars = 0
        self.news: deque[News] = deque(maxlen=1000)
        self.latency: float | None = None  # seconds from the end of the last phrase to its answer, beyond the silence
        self.last: Answer | None = None
        self._asked: Request | None = None
        self._found: Outcome | None = None  # to the request that was asked last
        self._call: Request | None = None  # over, and not yet answered
        self._due = 0.0
        self._playing: _Playing | None = None
        self._sent: deque[tuple[float, int, int]] = deque(maxlen=256)
        self._silenced = -math.inf  # when what sounded was last silenced
        self._place = -math.inf  # quarters, how far the grid of an answer had come at the last step
        self._taps: list[float] = []
        self._hush, self._out = False, list[Timed]()

    @property
    def phase(self) -> Doing:
        return "playing" if self._playing else "thinking" if self._call else "listening"

    @property
    def wake(self) -> float | None:
        """The next moment at which there is something to do, if nothing is played meanwhile."""
        moments, playing = list[float](), self._playing
        if playing is not None:
            coming = playing.waiting
            moments.append(playing.moment(coming[0].onset) - HORIZON / 2 if coming else playing.until)
        if (ends := self.segmenter.ends) is not None:
            moments.append(ends - (AHEAD if self.segmenter.grid else 0.0))
            phrase = self.segmenter.so_far
            if phrase is not None and not self._is_asked(phrase):
                moments.append(phrase.end + PAUSE)
        return min(moments, default=None)

    def step(self, now: float, inputs: Iterable[Any] = ()) -> Step:
        """Take messages (mido's) and :class:`Control`s that came at ``now``, seconds; returns what to send."""
        self._hush, self._out = False, []
        self.segmenter.grid = self.grid
        self._follow(now)
        self._listen(None, now)
        for item in inputs:
            if isinstance(item, Control):
                self._obey(item, now)
            elif not self._is_echo(item, now):
                self._hear(item, now)
        self._think(now)
        self._play(now)
        return Step(self._hush, tuple(self._out))

    # --- listening ------------------------------------------------------------------------------------------------

    def _hear(self, message: Any, now: float) -> None:
        if message.type == "control_change" and message.control == PANIC:
            self._panic(now)
        if message.type in ("note_on", "note_off") and message.note == self.panic:
            if message.type == "note_on" and message.velocity:
                self._panic(now)
            return
        strikes = message.type == "note_on" and message.velocity > 0 and message.channel != DRUM_CHANNEL
        interrupts = strikes and (self._playing or self._call)
        self._listen(message, now)
        if interrupts:
            self._interrupted(now)

    def _listen(self, message: Any, now: float) -> None:
        ahead = AHEAD + 1e-6 if message is None and self.grid else 0.0  # as a sum may round to just before
        phrase = self.segmenter.push(message, now + ahead)
        if phrase is not None:
            self._over(phrase, now)

    def _interrupted(self, now: float) -> None:
        """The player plays: silence, at once. Where the answer had hardly begun, the phrase goes on."""
        playing, call = self._playing, self._call
        answered = playing.answer.request if playing else call
        assert answered is not None
        if playing is not None:
            self._silence(now)
        self._playing = self._call = self._found = None
        slip = playing is None or now < playing.starts + SLIP
        if slip and self.segmenter.reopen(answered.phrase):
            self.calls, self.bars = self.calls - 1, answered.bar
            self._tell(now, "goes on", number=answered.number)
        elif playing is None:
            self._tell(now, "silent", number=answered.number, why="it was played on")
        else:
            self.thinker.keep(playing.answer)
            self._tell(now, "cut", number=answered.number, after=round(now - playing.starts, 3))

    def leave(self) -> None:
        """The jam is over: what was being answered is learned, too."""
        if self._playing is not None:
            self.thinker.keep(self._playing.answer)
            self._playing = None

    def _over(self, phrase: Phrase, now: float) -> None:
        """A phrase is over: its answer is due on the next beat, or without a grid now."""
        request = self._request(phrase, now)
        self.calls += 1
        self._due = request.begins
        self._call = request
        self._tell(now, "call", number=request.number, notes=len(phrase.notes))
        asked = self._asked
        if (
            asked is None
            or not self._is_asked(phrase)
            or (self.grid and abs(asked.begins - request.begins) > SAME_BEAT)
        ):
            self._ask(request)

    def _request(self, phrase: Phrase, now: float) -> Request:
        grid = None if self.grid is None else snapshot(self.grid, now)
        begins = now if grid is None else _next_beat(grid, now)
        return Request(self.calls + 1, phrase, self.settings, grid, begins, self.bars)

    def _silence(self, now: float) -> None:
        """What waits is not sent, and so cannot come back."""
        self._hush, self._silenced = True, now
        self._sent = deque((sent for sent in self._sent if sent[0] <= now), self._sent.maxlen)

    # --- thinking -------------------------------------------------------------------------------------------------

    def _is_asked(self, phrase: Phrase) -> bool:
        asked = self._asked
        return asked is not None and asked.phrase == phrase and asked.settings == self.settings

    def _ask(self, request: Request) -> None:
        self._asked, self._found = request, None
        self.thinker.ask(request)

    def _think(self, now: float) -> None:
        """Have an answer looked for as soon as the phrase may be over, and take what was found."""
        phrase, ends = self.segmenter.so_far, self.segmenter.ends
        if phrase is not None and ends is not None and now >= phrase.end + PAUSE and not self._is_asked(phrase):
            self._ask(self._request(phrase, ends - AHEAD / 2 if self.grid else now))
        while (found := self.thinker.outcome()) is not None:
            if found.request == self._asked:
                self._found = found
        call, found = self._call, self._found
        if call is None or found is None or found.request.phrase != call.phrase:
            return
        if isinstance(found, Failed):
            self._call = self._asked = self._found = None
            self._tell(now, "silent", number=call.number, why=found.why)
        else:
            self._begin(found, call, now)

    def _begin(self, answer: Answer, call: Request, now: float) -> None:
        """Send an answer on its way: at its moment, or from the next beat on if that has passed."""
        self._call = self._asked = self._found = None
        self.bars += 2 * max(round(answer.length * TICKS_PER_QUARTER / answer.page.meter.bar), 1)
        notes, grid = answer.notes, self.grid
        if grid is None:
            beat = answer.page.meter.beat / TICKS_PER_QUARTER * answer.call.quarter
            if self.settings.tempo is not None:  # the player's next beat
                self._due = answer.call.zero + math.ceil((self._due - answer.call.zero) / beat) * beat
            late = now > self._due + TOO_LATE
            start = self._due + math.ceil((now - self._due) / beat) * beat if late else max(now + AT_ONCE, self._due)
            own = Steady(answer.page.meter, start, answer.call.quarter)
            playing = _Playing(answer, own, 0.0, deque(notes), start, start)
        else:
            late = now > self._due
            origin = grid.quarters(self._due)
            if late:
                origin, notes = _entering(answer, origin, grid.quarters(_next_beat(snapshot(grid, now), now)))
            first = notes[0].onset if notes else 0.0
            playing = _Playing(answer, grid, origin, deque(notes), grid.seconds(origin + first), now)
        self.late += late
        self.latency = playing.starts - self._due
        self._playing, self.last = playing, answer
        self._tell(now, "answer", number=call.number, at=playing.starts, late=late, latency=self.latency,
                   took=round(answer.took, 4), notes=len(notes))  # fmt: skip

    # --- playing --------------------------------------------------------------------------------------------------

    def _follow(self, now: float) -> None:
        """An answer whose pulse begins anew falls silent: its notes would wait for their place to come again."""
        playing, place = self._playing, self._place
        self._place = -math.inf if playing is None else playing.grid.quarters(now)
        if playing is not None and self._place < place - BACK:
            self._silence(now)
            self._playing = None
            self._tell(now, "cut", number=playing.answer.request.number, after=round(now - playing.starts, 3))

    def _play(self, now: float) -> None:
        """Send the notes whose moment is near; those whose moment has passed, as where a clock leapt, are left out."""
        from mido import Message

        playing = self._playing
        if playing is None:
            return
        while playing.waiting and (start := playing.moment(playing.waiting[0].onset)) <= now + HORIZON:
            note = playing.waiting.popleft()
            stop = playing.moment(note.released)
            if start < now - TOO_LATE:
                continue
            strike = Message("note_on", channel=note.channel, note=note.pitch, velocity=note.velocity)
            self._out.append(Timed(start, strike))
            self._out.append(Timed(max(stop, start + 0.01), Message("note_off", channel=note.channel, note=note.pitch)))
            self._sent.append((start, note.pitch, note.velocity))
            playing.until = max(playing.until, stop)
        if not playing.waiting and now >= playing.until:
            self._playing = None
            self.thinker.keep(playing.answer)
            self._tell(now, "done", number=playing.answer.request.number)

    def _is_echo(self, message: Any, now: float) -> bool:
        """Whether a note is our own, come back: each of ours comes back at most once. So does a silence."""
        if message.type == "control_change" and message.control in (PANIC, ALL_OFF):
            return now <= self._silenced + ECHO
        if message.type != "note_on" or message.velocity == 0:
            return False
        for sent in self._sent:
            moment, pitch, velocity = sent
            if (pitch, velocity) == (message.note, message.velocity) and moment - 0.01 <= now <= moment + ECHO:
                self._sent.remove(sent)
                return True
        return False

    # --- controls -------------------------------------------------------------------------------------------------

    def _obey(self, control: Control, now: float) -> None:
        """A wish that makes no sense is told, and passed over."""
        try:
            if control.name == "panic":
                self._panic(now)
            elif control.name == "end":
                phrase = self.segmenter.finish(now)
                if phrase is not None:
                    self._over(phrase, now)
            elif control.name == "hush":
                self._silence(now)
                self._playing = self._call = None
                self._tell(now, "hush")
            elif control.name == "tap":
                self._tap(now)
            else:
                self.settings = changed(self.settings, control)
                if control.name == "tempo" and isinstance(self.grid, Steady):
                    self._hasten(self.grid, 60 / float(control.value), now)
                self._tell(now, "changed", name=control.name, value=control.value)
        except UsageError as error:
            self._tell(now, "refused", why=str(error))

    def _panic(self, now: float) -> None:
        """Silence on every channel, and a fresh start."""
        from mido import Message

        self._silence(now)
        self._playing = self._call = self._asked = self._found = None
        self.segmenter.forget()
        for channel in range(16):
            for number in (64, 123, 120):
                self._out.append(Timed(now, Message("control_change", channel=channel, control=number, value=0)))
        self._tell(now, "panic")

    def _hasten(self, grid: Steady, quarter: float, now: float) -> None:
        """A new tempo, from this place of the music on; an answer follows it."""
        faster = replace(grid, origin=now - grid.quarters(now) * quarter, quarter=quarter)
        if self._playing is not None and self._playing.grid is grid:
            self._playing.grid = faster
        self.grid = faster

    def _tap(self, now: float) -> None:
        """Taps set the tempo, and where its beats are."""
        self._taps = [*self._taps[-31:], now]
        found = tapped(self._taps)
        if found is not None and (self.grid is None or isinstance(self.grid, Steady)):
            self.grid = Steady(self.settings.meter or Meter(4, 4), found.beat, found.quarter)
            self._tell(now, "changed", name="tempo", value=round(60 / found.quarter, 1))

    def _tell(self, now: float, kind: str, **facts: Any) -> None:
        self.news.append(News(now, kind, facts))


def changed(settings: Settings, control: Control) -> Settings:
    """The settings with one of them changed; raises :class:`UsageError` for what makes no sense."""
    name, value = control
    if name == "mode":
        if value not in MODES:
            raise UsageError(f"{value!r} is not a mode; there are {', '.join(MODES)}")
        return replace(settings, mode=str(value))
    if name == "key":
        return replace(settings, key=None if value == "auto" else Key.parse(str(value)))
    if name not in RANGES:
        raise UsageError(f"{name!r} is nothing that a jam can be asked; there are {', '.join(RANGES)}, mode, key")
    low, high = RANGES[name]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise UsageError(f"{name} {value!r}: write a number from {low:g} to {high:g}")
    if name == "temperature":
        return replace(settings, temperature=number)
    return replace(settings, density=number) if name == "density" else replace(settings, tempo=number)


def _entering(answer: Answer, origin: float, place: float) -> tuple[float, tuple[Heard, ...]]:
    """Where an answer that was due at ``origin`` begins (quarters), and the notes to play, from ``place`` on.

    It comes in as if it had begun in time; if nothing of it is left by then, it comes whole, in a later bar over the
    same chords.
    """
    left = tuple(note for note in answer.notes if origin + note.onset >= place - 1e-6)
    if left:
        return origin, left
    again = len(answer.request.settings.chart) * answer.page.meter.bar / TICKS_PER_QUARTER
    return origin + math.ceil((place - origin) / again - 1e-6) * again, answer.notes


def _next_beat(grid: Grid, now: float) -> float:
    """The moment of the first beat at ``now`` or later."""
    beat = grid.meter.beat / TICKS_PER_QUARTER
    return grid.seconds(math.ceil(grid.quarters(now) / beat - 1e-6) * beat)
