"""What was played: notes in seconds, and the phrases that silence makes of them.

>>> from mido import Message
>>> segmenter = Segmenter()
>>> for key, moment in ((60, 0.0), (62, 0.5), (64, 1.0)):
...     _ = segmenter.push(Message("note_on", note=key), moment)
...     _ = segmenter.push(Message("note_off", note=key), moment + 0.4)
>>> segmenter.ends  # 0.7 s after the last key went up, a little more as these notes come slowly
2.275
>>> [note.pitch for note in segmenter.push(None, 2.275).notes]
[60, 62, 64]
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from composer.io.midi import DRUM_CHANNEL
from composer.live.grid import Grid
from composer.theory import TICKS_PER_QUARTER

SUSTAIN, SOFT = 64, 67
MOST_NOTES = 400  # of a phrase
FASTEST = 150  # notes a second that hands can play; what comes faster is no music
BRIEF = 0.3  # seconds: a lone note that is shorter was an accident
QUIET = 0.2  # seconds, or half a beat, of silence before a beat on which a phrase may end
SLOWEST = 2.5  # times the silence, for the slowest player
USUAL_PACE = 0.4  # seconds between notes, of a player whom the silence suits


class Heard(NamedTuple):
    """A note as it was played. Times are seconds on the clock."""

    onset: float
    released: float  # when its key went up
    offset: float  # when it stopped sounding: the key, and the pedal if it was down
    pitch: int
    velocity: int = 64
    channel: int = 0


class Phrase(NamedTuple):
    """Notes by onset, then pitch; ``end`` is when the last key and the pedal had gone up."""

    notes: tuple[Heard, ...]
    end: float


class _Key(NamedTuple):
    channel: int
    pitch: int


@dataclass
class _Down:
    """A note that still sounds."""

    onset: float
    velocity: int
    released: float | None = None  # None: its key is down; else only the pedal holds it


@dataclass
class Segmenter:
    """Cuts what is played into phrases. Knows no clock: moments are seconds, and never go back.

    A phrase is over when nothing has sounded for ``silence`` seconds, counted from the last key *and pedal* up, and up
    to 2.5 times as long where notes come slowly; with a ``grid``, on the first bar line after a short silence, or on
    the first beat after the whole of it; on a pedal or control change of the number ``ending``, pressed; after
    ``longest`` seconds or 400 notes. A lone note shorter than 0.3 s is taken for an accident.

    Repeated note-ons strike anew, velocity 0 lifts, drum pads are passed over, and so is what no hands can play.
    """

    silence: float = 0.7
    longest: float = 30.0
    ending: int = SOFT
    grid: Grid | None = None
    ignored: int = 0  # notes that came too fast
    _notes: list[Heard] = field(default_factory=list)
    _down: dict[_Key, _Down] = field(default_factory=dict)
    _pedals: set[int] = field(default_factory=set)  # channels whose sustain pedal is down
    _begun: float = 0.0
    _last: float = 0.0  # when something last stopped
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=FASTEST))

    def push(self, message: Any, now: float) -> Phrase | None:
        """Take a mido message, or None if only time has passed; returns the phrase that is over by ``now``."""
        found = self._over(now)
        if message is not None:
            found = self._take(message, now) or found
        return found

    @property
    def playing(self) -> bool:
        """Whether a phrase has begun."""
        return bool(self._notes or self._down)

    @property
    def so_far(self) -> Phrase | None:
        """The phrase as it is if nothing more comes; None while something sounds, or nothing was played."""
        return Phrase(tuple(sorted(self._notes)), self._last) if self._notes and not self._down else None

    @property
    def ends(self) -> float | None:
        """When the phrase is over, if nothing more is played; None where nothing was."""
        if not self.playing:
            return None
        latest = self._begun + self.longest
        if self._down:
            return latest
        wait = self._last + self._wait()
        return min(wait if self.grid is None else self._beat(self.grid, wait), max(latest, self._last))

    def reopen(self, phrase: Phrase) -> bool:
        """Go on with a phrase that was taken for over, as its player has struck a key again; not if it is full."""
        notes = len(phrase.notes) + len(self._notes) + len(self._down)
        if notes >= MOST_NOTES or self._begun - phrase.notes[0].onset >= self.longest:
            return False
        self._notes = [*phrase.notes, *self._notes]
        self._begun, self._last = phrase.notes[0].onset, max(self._last, phrase.end)
        return True

    def forget(self) -> None:
        """Nothing was played, and nothing is down."""
        self._notes, self._pedals = [], set()
        self._down.clear()

    def finish(self, now: float) -> Phrase | None:
        """The phrase is over now, its player says."""
        return self._ended(now) if self.playing else None

    def _take(self, message: Any, now: float) -> Phrase | None:
        kind = message.type
        if kind not in ("note_on", "note_off", "control_change") or message.channel == DRUM_CHANNEL:
            return None
        if kind == "control_change":
            return self._control(message, now)
        key = _Key(message.channel, message.note)
        if kind == "note_off" or message.velocity == 0:
            self._lift(key, now)
        elif len(self._recent) == FASTEST and now - self._recent[0] < 1.0:
            self.ignored += 1
        else:
            self._recent.append(now)
            self._begun = self._begun if self.playing else now
            self._stop(key, now)
            self._down[key] = _Down(now, message.velocity)
            if len(self._notes) + len(self._down) >= MOST_NOTES:
                return self._ended(now)
        return None

    def _control(self, message: Any, now: float) -> Phrase | None:
        pressed = message.value >= 64
        if message.control == SUSTAIN and pressed:
            self._pedals.add(message.channel)
        elif message.control == SUSTAIN and message.channel in self._pedals:
            self._pedals.discard(message.channel)
            for key in [key for key, note in self._down.items() if key.channel == message.channel and note.released]:
                self._stop(key, now)
        elif message.control == self.ending and pressed:
            return self.finish(now)
        elif message.control in (120, 123):  # all sound, all notes off
            for key in [key for key in self._down if key.channel == message.channel]:
                self._stop(key, now)
        return None

    def _lift(self, key: _Key, now: float) -> None:
        note = self._down.get(key)
        if note is None:
            return
        if key.channel in self._pedals:
            note.released = now if note.released is None else note.released
        else:
            self._stop(key, now)

    def _stop(self, key: _Key, now: float) -> None:
        note = self._down.pop(key, None)
        if note is not None:
            released = now if note.released is None else note.released
            self._notes.append(Heard(note.onset, released, now, key.pitch, note.velocity, key.channel))
            self._last = now

    def _over(self, now: float) -> Phrase | None:
        ends = self.ends
        return self._ended(ends) if ends is not None and now >= ends else None

    def _ended(self, now: float) -> Phrase | None:
        """The phrase, and silence after it; None if it was an accident. What still sounds ends now."""
        last = now if self._down else self._last
        for key in list(self._down):
            self._stop(key, now)
        notes, self._notes = tuple(sorted(self._notes)), []
        if len(notes) == 1 and notes[0].released - notes[0].onset < BRIEF:
            return None
        return Phrase(notes, last)

    def _wait(self) -> float:
        """Seconds of silence that end a phrase, by the pace of its notes: half of them come faster."""
        onsets = sorted(note.onset for note in self._notes)
        steps = sorted(b - a for a, b in pairwise(onsets) if b - a > 0.04)  # less is a chord
        pace = steps[len(steps) // 2] / USUAL_PACE if steps else 1.0
        return self.silence * min(max(pace, 1.0), SLOWEST)

    def _beat(self, grid: Grid, wait: float) -> float:
        """The first bar line after a short silence, or the first beat at ``wait`` or later, whichever comes first."""
        beat, bar = grid.meter.beat / TICKS_PER_QUARTER, grid.meter.bar / TICKS_PER_QUARTER
        length = grid.seconds(beat) - grid.seconds(0.0)
        quiet = grid.quarters(self._last + min(QUIET, length / 2))
        line = math.ceil(quiet / bar - 1e-6) * bar
        felt = math.ceil(grid.quarters(wait) / beat - 1e-6) * beat
        return grid.seconds(min(line, felt))
