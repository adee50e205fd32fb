"""Calls from a file: what somebody played, as messages and their moments."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from composer.errors import ReadError, brief
from composer.io import read, read_bytes
from composer.live.player import performance
from composer.registry import MIDI

MOST = 200_000  # messages
OURS = "composer"  # the track of a recorded session that is not the player's


def read_calls(path: Path) -> list[tuple[float, Any]]:
    """Seconds and messages of a MIDI file, pedals and all; of other music what would be heard. Of a recorded session
    the player's part alone. Raises :class:`ReadError`.
    """
    if path.suffix.lower() not in MIDI:
        return [(event.seconds, event.message) for event in performance(read(path))]
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
