"""Calls from a file: what somebody played, as messages and their moments."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from composer.errors import Notice, ReadError, brief
from composer.io import read, read_bytes
from composer.live.player import performance
from composer.registry import MIDI
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER, Tempo

MOST = 200_000  # messages
OURS = "composer"  # the track of a recorded session that is not the player's


class Calls(NamedTuple):
    """What was played, seconds and messages; and the page it stands on, if it is written music in one meter."""

    messages: list[tuple[float, Any]]
    page: Score | None = None


def read_calls(path: Path, tempo: float | None = None, notices: list[Notice] | None = None) -> Calls:
    """A MIDI file, pedals and all; of other music what would be heard, at its own ``tempo`` or this (quarters a
    minute), its first whole bar on a bar line from 0 on. Of a recorded session the player's part alone. Raises
    :class:`ReadError`.
    """
    if path.suffix.lower() in MIDI:
        return Calls(_played(path))
    score = read(path, notices=notices)
    if tempo is not None:
        score = replace(score, tempos=(Tempo(tempo),))
    late = (score.meter.bar - score.pickup) % score.meter.bar / TICKS_PER_QUARTER
    late *= 60 / score.tempos[0].quarters_per_minute
    messages = [(late + event.seconds, event.message) for event in performance(score)]
    return Calls(messages, score if len(score.meters) == len(score.tempos) == 1 else None)


def _played(path: Path) -> list[tuple[float, Any]]:
    import mido

    data = read_bytes(path)
    try:
        file = mido.MidiFile(file=BytesIO(data), clip=True)
        file.tracks = [track for track in file.tracks if track.name != OURS] or file.tracks
        found, now = list[tuple[float, Any]](), 0.0
        for message in file:
            now += message.time
            if not message.is_meta:
                found.append((now, message.copy(time=0)))
            if len(found) > MOST:
                raise ReadError(f"{path}: has more than {MOST:,} messages; play it in parts")
    except ReadError:
        raise
    except Exception as error:  # whatever mido raises, the bytes were at fault
        raise ReadError(f"{path}: is a damaged MIDI file ({brief(str(error)) or type(error).__name__})") from None
    if not any(message.type == "note_on" and message.velocity for _, message in found):
        raise ReadError(f"{path}: has no notes to answer")
    return found
