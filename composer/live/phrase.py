"""What was played: notes in seconds, and the phrases that silence makes of them."""

from __future__ import annotations

from typing import NamedTuple


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
