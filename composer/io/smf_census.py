"""What a Standard MIDI File holds besides notes: everything that reading it as a score leaves out, counted.

Symusic reads the notes and tells nothing of the rest. Python would take a hundred times as long for each event, so
runs of channel messages are found by regular expressions, and counted as columns. Time and memory are linear in the
file; what follows damage, or the hundred-thousandth meta event of a track, is not counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from composer.errors import Notice
from composer.io.smf import KEY, TEXT
from composer.theory import Ints

PEDAL = "the sustain pedal (`render --sustain` reads it)"
SUSTAIN = 64  # controller number
CONTROLLERS = {
    0: "bank changes",
    1: "modulation",
    2: "breath",
    7: "volume",
    10: "pan",
    11: "expression",
    32: "bank changes",
    66: "the sostenuto pedal",
    67: "the soft pedal",
    91: "reverb",
    93: "chorus",
    **dict.fromkeys((6, 38, *range(96, 102)), "parameter numbers (RPN, NRPN)"),
    **dict.fromkeys(range(120, 128), ""),  # all notes off and its like: nothing is lost
}
METAS = {
    TEXT: "texts",
    2: "copyright texts",
    4: "instrument names",
    5: "lyrics",
    6: "markers",
    7: "cue points",
    8: "program names",
    9: "device names",
    0x54: "a start time in film frames",
    0x7F: "data of a sequencer",
}
MAX_METAS = 100_000  # of a track
MAX_TRACKS = 2_000
MAX_NAMED = 6  # tracks listed in a place
CHUNK = 50_000  # messages looked at in one go

_DELTA = rb"[\x80-\xff]{0,3}+[\x00-\x7f]"
_TWO = rb"%s([\x80-\xbf\xe0-\xef]?)([\x00-\x7f]{2})" % _DELTA  # a message with two data bytes, or its running status
_TOKEN = re.compile(_TWO)
_TWOS = re.compile(rb"(?:%s[\x80-\xbf\xe0-\xef]?[\x00-\x7f]{2}){1,%d}+" % (_DELTA, CHUNK))
_ONE = re.compile(rb"%s([\xc0-\xdf])[\x00-\x7f]" % _DELTA)
_ONES = re.compile(rb"(?:%s[\x00-\x7f]){1,%d}+" % (_DELTA, CHUNK))
_META = re.compile(rb"%s(?:\xff([\x00-\x7f])|([\xf0\xf7]))([\x80-\xff]{0,3}+[\x00-\x7f])" % _DELTA)


class Found(NamedTuple):
    """How often each thing was found, by its name, and in which tracks; the notes struck, and if all was read."""

    counts: Counter[str]
    tracks: dict[str, list[int]]
    notes: int
    complete: bool

    def notices(self) -> Iterator[Notice]:
        for text, count in self.counts.items():
            yield Notice("ignored", _listed(self.tracks[text]), text, count)


def census(data: bytes, *, sustain: bool = False, ours: bytes = b"composer:") -> Found:
    """What the file holds besides notes; texts that begin with ``ours`` are read, and so is a pedal if ``sustain``."""
    counts: Counter[str] = Counter()
    tracks: dict[str, list[int]] = defaultdict(list)
    notes, complete, number = 0, True, 0
    for number, (start, end) in enumerate(_chunks(data), 1):
        track = _Track(data, start, end, ours)
        track.read()
        if sustain:
            track.counts.pop(PEDAL, None)
        for text, count in track.counts.items():
            counts[text] += count
            tracks[text].append(number)
        notes += track.notes
        complete &= track.complete
    return Found(counts, tracks, notes, complete and number < MAX_TRACKS)


def _listed(tracks: list[int]) -> str:
    names = ", ".join(map(str, tracks[:MAX_NAMED])) + (", ..." if len(tracks) > MAX_NAMED else "")
    return f"track {names}" if len(tracks) == 1 else f"tracks {names}"


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the bodies of the tracks begin and end."""
    at = 8 + int.from_bytes(data[4:8], "big")
    for _ in range(MAX_TRACKS):
        if at + 8 > len(data):
            return
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        if data[at : at + 4] == b"MTrk":
            yield at + 8, min(end, len(data))
        at = end


class _Track:
    """One track, from its first byte to its last."""

    def __init__(self, data: bytes, start: int, end: int, ours: bytes) -> None:
        self.data, self.at, self.end, self.ours = data, start, end, ours
        self.counts: Counter[str] = Counter()
        self.notes = 0
        self.complete = True
        self.status = 0  # the running status
        self.down = np.zeros(16, dtype=bool)  # (channels,) where the pedal is

    def read(self) -> None:
        metas = 0
        while self.at < self.end:
            if self._messages():
                continue
            found = _META.match(self.data, self.at, self.end)
            metas += 1
            if found is None or metas > MAX_METAS:
                self.complete = False
                return
            size = 0
            for byte in found[3]:
                size = size << 7 | byte & 0x7F
            self._meta(found[1], self.data[found.end() : min(found.end() + min(size, 16), self.end)])
            self.at = found.end() + size

    def _messages(self) -> bool:
        """Take a run of channel messages, if one begins here."""
        short = 0xC0 <= self.status < 0xE0
        if short and (run := _ONES.match(self.data, self.at, self.end)):
            if self.status >= 0xD0:
                self.counts["aftertouch"] += sum(1 for _ in re.finditer(_DELTA + rb"[\x00-\x7f]", run[0]))
        elif run := _TWOS.match(self.data, self.at, self.end):
            self._pairs(run[0])
        elif run := _ONE.match(self.data, self.at, self.end):
            self.status = run[1][0]
            self.counts["aftertouch"] += self.status >= 0xD0
        else:
            return False
        self.at = run.end()
        return True

    def _pairs(self, run: bytes) -> None:
        tokens = _TOKEN.findall(run)
        said = np.frombuffer(b"".join([status or b"\0" for status, _ in tokens]), dtype=np.uint8)
        first, second = np.frombuffer(b"".join([pair for _, pair in tokens]), dtype=np.uint8).reshape(-1, 2).T
        last = np.maximum.accumulate(np.where(said > 0, np.arange(len(said)), -1))
        status = np.where(last < 0, self.status, said[last])
        self.status = int(status[-1])
        kind = status & 0xF0
        self.notes += int(((kind == 0x90) & (second > 0)).sum())
        self._add("aftertouch", kind == 0xA0)
        self._add("pitch bends", (kind == 0xE0) & ((first > 0) | (second != 0x40)))
        control = kind == 0xB0
        if control.any():
            for number, count in enumerate(np.bincount(first[control]).tolist()):
                if count and number != SUSTAIN and (name := CONTROLLERS.get(number, f"controller {number}")):
                    self.counts[name] += count
            self._pedal(status[control & (first == SUSTAIN)] & 0xF, second[control & (first == SUSTAIN)] >= 64)

    def _add(self, name: str, found: Ints) -> None:
        if count := int(found.sum()):
            self.counts[name] += count

    def _pedal(self, channels: Ints, down: Ints) -> None:
        """Count how often the pedal of each channel goes down."""
        for channel in set(channels.tolist()):
            states = np.append(self.down[channel], down[channels == channel])
            self._add(PEDAL, states[1:] & ~states[:-1])
            self.down[channel] = states[-1]

    def _meta(self, kind: bytes | None, payload: bytes) -> None:
        if kind is None:
            self.counts["system exclusive messages"] += 1
        elif kind[0] == KEY:
            wrong = len(payload) >= 2 and (not -7 <= (payload[0] ^ 0x80) - 0x80 <= 7 or payload[1] > 1)
            self.counts["key signatures of more than seven accidentals"] += wrong
        elif kind[0] in METAS and not (kind[0] == TEXT and payload.startswith((self.ours, b"Made with compos"))):
            self.counts[METAS[kind[0]]] += 1
        self.counts = +self.counts
