"""What a jam shows of itself, on the screen and to other programs: one immutable value, replaced as time goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from composer.live.controls import MODES
from composer.theory import Key, Meter

Doing = Literal["listening", "thinking", "playing"]


class Drawn(NamedTuple):
    """A note to be drawn: quarters from the first bar line of the call, for calls and answers alike."""

    onset: float
    duration: float
    pitch: int


@dataclass(frozen=True)
class State:
    """What is going on now. What is None is not known, or there is none."""

    phase: Doing = "listening"
    bar: int | None = None  # of the pulse, counted from 1, as is the beat
    beat: int | None = None
    meter: Meter | None = None
    key: Key | None = None
    tempo: float | None = None  # quarters a minute
    mode: str = MODES[0]
    temperature: float = 1.0
    heard: tuple[Drawn, ...] = ()  # the last call
    answered: tuple[Drawn, ...] = ()  # the last answer
    latency_ms: float | None = None  # from where the last answer was due to its first note
    late: int = 0  # answers that missed their beat
    calls: int = 0
    ports: str = ""  # where the music comes from and goes to
    notice: str = ""  # one line: what was lost, found, saved
    keys: str = ""  # what the keyboard's keys do; empty where nobody can press them
