"""The bytes of a Standard MIDI File: chunks, variable-length numbers and meta events, written and peeked at.

Symusic reads notes far faster than Python can, but keeps neither text events nor the length of a track, and cannot
write them; this module does both for the first track. Ticks here are those of the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from composer.theory import Ints

TEXT, NAME, END, TEMPO, METER, KEY = 0x01, 0x03, 0x2F, 0x51, 0x58, 0x59
LONGEST_DELTA = 2**28 - 1  # four bytes of seven bits


class Event(NamedTuple):
    """A meta event in the first track."""

    tick: int
    kind: int
    data: bytes


def number(value: int) -> bytes:
    """A variable-length number, seven bits a byte.

    >>> number(0x4000).hex()
    '818000'
    """
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def meta(tick: int, kind: int, data: bytes) -> tuple[int, bytes]:
    """A meta event as (tick, bytes)."""
    return tick, b"\xff" + bytes([kind]) + number(len(data)) + data


def track(events: Iterable[tuple[int, bytes]], end: int) -> bytes:
    """A track chunk from events in order of their ticks, ending at ``end``."""
    pieces: list[bytes] = []
    now = 0
    for tick, data in (*events, meta(end, END, b"")):
        while tick - now > LONGEST_DELTA:
            pieces.append(number(LONGEST_DELTA) + meta(0, TEXT, b"")[1])
            now += LONGEST_DELTA
        pieces += (number(tick - now), data)
        now = tick
    body = b"".join(pieces)
    return b"MTrk" + struct.pack(">I", len(body)) + body


def note_events(
    onset: Ints,
    offset: Ints,
    pitch: Ints,
    velocity: Ints,
    channel: int,
) -> Iterator[tuple[int, bytes]]:
    """Note-on and note-off events in order; at the same tick a note ends before the next begins."""
    ticks = np.concatenate([offset, onset])
    messages = np.zeros((len(ticks), 3), dtype=np.uint8)
    messages[:, 0] = np.repeat([0x80 | channel, 0x90 | channel], len(onset))
    messages[:, 1] = np.concatenate([pitch, pitch])
    messages[len(onset) :, 2] = velocity
    order = np.argsort(ticks, kind="stable")
    data = messages[order].tobytes()
    return ((tick, data[3 * k : 3 * k + 3]) for k, tick in enumerate(ticks[order].tolist()))


def file(division: int, tracks: list[bytes]) -> bytes:
    """A whole file of format 1."""
    return b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), division) + b"".join(tracks)


def first_metas(data: bytes) -> Iterator[Event]:
    """The meta events of the first track before anything else happens in it; stops at whatever is not one."""
    start = data.find(b"MTrk")
    if start < 0:
        return
    at, now = start + 8, 0
    end = min(len(data), at + int.from_bytes(data[start + 4 : at], "big"))
    while at < end:
        delta, at = _read_number(data, at)
        if at + 2 > end or data[at] != 0xFF:
            return
        now += delta
        kind = data[at + 1]
        size, at = _read_number(data, at + 2)
        if at + size > end:
            return
        yield Event(now, kind, data[at : at + size])
        at += size


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number of at most four bytes, and where it ends."""
    value = 0
    for k in range(at, min(at + 4, len(data))):
        value = value << 7 | data[k] & 0x7F
        if data[k] < 0x80:
            return value, k + 1
    return value, min(at + 4, len(data))
