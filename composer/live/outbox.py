"""Messages that wait for their moment, and the notes that sound: whatever is dropped, no note hangs."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, NamedTuple


class Timed(NamedTuple):
    """A mido message, and the moment (seconds on the clock) to send it."""

    moment: float
    message: Any


class Step(NamedTuple):
    """What an improviser wants sent: with ``hush``, first all that waits is dropped and what sounds ends."""

    hush: bool
    events: tuple[Timed, ...]


Key = tuple[int, int]  # channel, pitch


class Outbox:
    """What is still to be sent, in order, and what sounds.

    At one moment note-offs come first, then the rest as it was added. A pitch struck again while it sounds on its
    channel is switched off first, and sounds until its own end; a note without length is left out, and so is the end
    of a note that does not sound. Not for several threads at once: :class:`~composer.live.scheduler.Scheduler` is.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[float, bool, int, Any]] = []  # a heap: moment, not a note's end, order added
        self._added = count()
        self._ends: Counter[Key] = Counter()  # ends that wait
        self._struck: Counter[Key] = Counter()  # of what sounds: strikes that have not had their end
        self._channels: set[int] = set()

    @property
    def next(self) -> float | None:
        """The moment (seconds) of the first message that waits."""
        return self._waiting[0][0] if self._waiting else None

    @property
    def sounding(self) -> frozenset[Key]:
        """The notes that sound, as (channel, pitch)."""
        return frozenset(self._struck)

    def add(self, events: Iterable[Timed]) -> None:
        """Messages to send; a moment that has passed means as soon as possible."""
        for moment, message in events:
            ends = _ends(message)
            if ends:
                self._ends[_key(message)] += 1
            if (channel := getattr(message, "channel", None)) is not None:
                self._channels.add(channel)
            heapq.heappush(self._waiting, (moment, not ends, next(self._added), message))

    def due(self, now: float) -> Iterator[Timed]:
        """What is to be sent by ``now`` (seconds), in order, each taken out as it is asked for.

        Send each before asking for the next: a note counts as sounding from before it is handed over until after its
        end was, so that whatever interrupts the sender, :meth:`hush` ends it.
        """
        without_length: Counter[tuple[float, Key]] = Counter()  # notes whose end, sorted before them, has gone by
        while self._waiting and self._waiting[0][0] <= now:
            moment, _, _, message = heapq.heappop(self._waiting)
            if message.type not in {"note_on", "note_off"}:
                yield Timed(moment, message)
            elif _ends(message):
                without_length[moment, _key(message)] += not self._struck[_key(message)]
                yield from self._end(moment, message)
            elif without_length[moment, _key(message)]:
                without_length[moment, _key(message)] -= 1
            else:
                yield from self._strike(moment, message)

    def _strike(self, moment: float, message: Any) -> Iterator[Timed]:
        key = _key(message)
        self._struck[key] += 1
        if self._struck[key] > 1:
            yield Timed(moment, _off(key))
        yield Timed(moment, message)

    def _end(self, moment: float, message: Any) -> Iterator[Timed]:
        key = _key(message)
        self._ends[key] -= 1
        if self._struck[key] > 1 and self._ends[key]:  # of a note that was struck again: the last one's is to come
            self._struck[key] -= 1
        elif self._struck[key]:
            yield Timed(moment, message)
            del self._struck[key]

    def hush(self) -> Iterator[Any]:
        """Drop all that waits, at once, and hand over, one by one as :meth:`due` does, what ends all that sounds.

        After the note-offs come sustain off and all notes off on every channel that was used.
        """
        self._waiting.clear()
        self._ends.clear()
        return self._silence()

    def _silence(self) -> Iterator[Any]:
        from mido import Message

        for key in sorted(self._struck):
            yield _off(key)
            del self._struck[key]
        for channel in sorted(self._channels):
            yield Message("control_change", channel=channel, control=64, value=0)
            yield Message("control_change", channel=channel, control=123, value=0)


def _ends(message: Any) -> bool:
    """Whether it ends a note: a note-off, or a note-on of velocity 0."""
    return bool(message.type == "note_off" or (message.type == "note_on" and message.velocity == 0))


def _key(message: Any) -> Key:
    return message.channel, message.note


def _off(key: Key) -> Any:
    from mido import Message

    return Message("note_off", channel=key[0], note=key[1])
