"""Playing a score: on a MIDI port in time, or as sound through fluidsynth.

Deadlines are absolute, so lateness never adds up; a player that is stopped leaves no note hanging.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import IO, Any, NamedTuple

from composer.errors import ComposerError
from composer.io import midi
from composer.io.audio import INSTALL, find_soundfont
from composer.live.clock import Clock, MonotonicClock
from composer.live.outbox import Outbox, Timed
from composer.live.ports import Port, open_output
from composer.score import Part, Score
from composer.styles import perform

LEAD = 0.1  # seconds before the first note, for synthesizers to change their programs
AUDIO_DRIVERS = {"darwin": ("coreaudio",), "win32": ("wasapi", "dsound")}
LINUX_DRIVERS = ("pipewire", "pulseaudio", "alsa", "jack")

Progress = Callable[[float], None]


class Event(NamedTuple):
    """A MIDI message, ``seconds`` after the music's start."""

    seconds: float
    message: Any  # mido.Message


class _Strike(NamedTuple):
    onset: int
    offset: int
    velocity: int


def play(
    score: Score,
    *,
    port: str | None = None,
    backend: str = "auto",
    soundfont: str | Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Play on the MIDI port whose name contains ``port``, or without one as sound through fluidsynth.

    Returns when the music has ended. ``backend`` is as for :func:`composer.live.ports.output_names`; ``progress`` is
    called with the share played, 0 to 1. Raises :class:`ComposerError` in one line if something is missing.
    """
    if port is None:
        play_audio(score, soundfont, progress)
        return
    with open_output(port, backend) as output:
        send(score, output, MonotonicClock(), progress)


def send(score: Score, port: Port, clock: Clock, progress: Progress | None = None) -> None:
    """Send the performed score to ``port`` in ``clock``'s time, from :data:`LEAD` seconds after now.

    Whatever ends it early, Ctrl-C too, all sounding notes are switched off first.
    """
    events = performance(score)
    outbox = Outbox()
    start = clock.now() + LEAD
    outbox.add(Timed(start + seconds, message) for seconds, message in events)
    try:
        while (moment := outbox.next) is not None:
            clock.sleep_until(moment)
            for _, message in outbox.due(moment):
                port.send(message)
            if progress is not None:
                progress((moment - start) / max(events[-1].seconds, 1e-9))
    except BaseException:
        for message in outbox.hush():
            port.send(message)
        raise


def performance(score: Score) -> list[Event]:
    """What is heard as timed MIDI messages: at one moment note-offs come first, then programs, then note-ons.

    Where a pitch is struck again on a channel while it sounds, it is switched off first.
    """
    from mido import Message

    heard = perform(score)
    rows: list[tuple[int, int, Any]] = []  # tick, order at that tick, message
    strikes: dict[tuple[int, int], list[_Strike]] = defaultdict(list)
    for part, channel in zip(heard.parts, _channels(heard.parts), strict=True):
        rows.append((0, 1, Message("program_change", channel=channel, program=part.program)))
        for note in part:
            strikes[channel, note.pitch].append(_Strike(note.onset, note.onset + note.duration, note.velocity))
    for (channel, pitch), notes in strikes.items():
        for onset, offset, velocity in _struck_again(notes):
            rows.append((onset, 2, Message("note_on", channel=channel, note=pitch, velocity=velocity)))
            rows.append((offset, 0, Message("note_off", channel=channel, note=pitch)))
    rows.sort(key=lambda row: row[:2])
    seconds = heard.seconds([tick for tick, _, _ in rows]).tolist()
    return [Event(time, message) for time, (_, _, message) in zip(seconds, rows, strict=True)]


def _channels(parts: Sequence[Part]) -> Iterator[int]:
    """A MIDI channel for each part, as in the MIDI file: drums on the tenth, the others in turn on the rest."""
    melodic = cycle(midi.CHANNELS)
    return (midi.DRUM_CHANNEL if part.drums else next(melodic) for part in parts)


def _struck_again(notes: list[_Strike]) -> Iterator[_Strike]:
    """Notes of one pitch, each cut where the next begins; of notes that begin together the longest stays."""
    notes.sort()
    for note, following in zip(notes, [*notes[1:], None], strict=True):
        offset = note.offset if following is None else min(note.offset, following.onset)
        if offset > note.onset:
            yield note._replace(offset=offset)


def play_audio(score: Score, soundfont: str | Path | None = None, progress: Progress | None = None) -> None:
    """Play through the ``fluidsynth`` program on the first audio system that answers; returns at the end.

    Raises :class:`ComposerError` that says what to do where there is no program or no audio system, and
    :class:`ReadError` if the soundfont is missing or damaged.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise ComposerError(f"no MIDI port was named and there is no fluidsynth; name one with --port, or {INSTALL}")
    font = find_soundfont(soundfont).resolve()
    drivers = AUDIO_DRIVERS.get(sys.platform, LINUX_DRIVERS)
    length = max((event.seconds for event in performance(score)), default=0.0)
    with tempfile.TemporaryDirectory(prefix="composer-") as folder:
        file = Path(folder) / "score.mid"
        file.write_bytes(midi.dumps(score))
        for driver in drivers:
            connect = ["-j"] if driver == "jack" else []
            command = [program, "-n", "-i", "-q", "-g", "1", "-a", driver, *connect, str(font), str(file)]
            if _finishes(command, length, progress):
                return
    raise ComposerError(
        f"no audio system answers (tried {', '.join(drivers)}); name a MIDI port with --port, "
        "or write a file: composer render FILE -o FILE.wav"
    )


def _finishes(command: list[str], length: float, progress: Progress | None) -> bool:
    """Run fluidsynth to its end, about ``length`` seconds; False if it could not open its audio driver."""
    environment = {"JACK_NO_START_SERVER": "1", **os.environ}  # else JACK tries for seconds to start a server
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=environment
        )
        try:
            _watch(process, length, progress)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        return _played(process.returncode, said)


def _watch(process: subprocess.Popen[bytes], length: float, progress: Progress | None) -> None:
    clock = MonotonicClock()
    start = clock.now()
    while process.poll() is None:
        clock.sleep_until(clock.now() + 0.05)
        if progress is not None:
            progress(min((clock.now() - start) / max(length, 1e-9), 1.0))


def _played(code: int, said: IO[bytes]) -> bool:
    """Whether fluidsynth played; raises :class:`ComposerError` if it failed for another reason than its driver."""
    said.seek(0)
    text = said.read(100_000).decode(errors="replace")
    if code == 0:
        return True
    if "audio driver" in text:
        return False
    raise ComposerError(f"fluidsynth failed ({(text.strip() or f'exit code {code}').splitlines()[-1]})")
