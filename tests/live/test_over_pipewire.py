"""MIDI with programs that are not ours: PipeWire's recorder hears what we play, we hear what its player plays."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mido import Message

from composer.live.player import performance
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from midi_programs import Listener, Player, Recorder, hanging, once_more, wait_for

pytestmark = pytest.mark.realtime

TIMING = 0.1  # seconds: PipeWire's graph runs in periods of some 20 ms, and a test machine is busy


def duet() -> Score:
    """Two parts, one with chords, one with a pitch struck again and again, after a rest in which ports are joined."""
    pitches = [62, 66, 69, 69, 69, 66, 62, 57]
    melody = Part.of(Q + np.arange(8) * Q // 2, pitches, [Q // 2] * 8, program=73)
    chords = Part.of([Q, Q, Q, 3 * Q, 3 * Q], [50, 54, 57, 50, 55], [2 * Q] * 5, program=42)
    return Score.of([melody, chords], tempo=160)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return duet().write(tmp_path / "duet.mid")


def notes(rows: list[tuple[float, Message]]) -> list[tuple[float, float, int, int, int]]:
    """Onset and length in seconds, channel, pitch and velocity, in order; onsets from the first."""
    found, open_ = [], {}
    for seconds, message in rows:
        key = (message.channel, message.note) if message.type in {"note_on", "note_off"} else None
        if message.type == "note_on" and message.velocity:
            open_[key] = seconds, message.velocity
        elif key in open_:
            onset, velocity = open_.pop(key)
            found.append((onset, seconds - onset, *key, velocity))
    start = min((row[0] for row in found), default=0.0)
    return sorted((onset - start, *rest) for onset, *rest in found)


def same(heard: list[tuple[float, Message]], written: list[tuple[float, Message]]) -> bool:
    """Every program set, and every note where and as long as it is written, once; releases have no velocity."""
    programs = [{str(message) for _, message in rows if message.type == "program_change"} for rows in (heard, written)]
    mine, theirs = (sorted(notes(rows), key=lambda row: (row[2:4], row[0])) for rows in (heard, written))
    return (
        programs[0] == programs[1]
        and [row[2:] for row in mine] == [row[2:] for row in theirs]
        and np.allclose([row[:2] for row in mine], [row[:2] for row in theirs], rtol=0, atol=TIMING)
    )


def test_pipewire_records_what_we_play(pipewire: dict[str, str], file: Path, tmp_path: Path) -> None:
    def attempt() -> list[tuple[float, Message]]:
        recorder = Recorder(pipewire, tmp_path / "recorded.mid")
        play = [sys.executable, "-m", "composer.cli", "play", str(file), "--backend", "jack", "--port", recorder.name]
        try:
            subprocess.run(play, env=os.environ | pipewire, check=True, timeout=30)
        finally:
            recorded = recorder.recorded()
        return recorded

    written = [(event.seconds, event.message) for event in performance(duet())]
    recorded = once_more(attempt, lambda rows: same(rows, written))
    assert same(recorded, written)
    assert hanging([message for _, message in recorded]) == set()


def test_we_hear_what_pipewire_plays(pipewire: dict[str, str], file: Path) -> None:
    def attempt() -> list[tuple[float, Message]]:
        listener = Listener("composer-keys", pipewire)
        try:
            Player(pipewire, file, "composer-keys:in").finish()
            wait_for(lambda: listener.hanging() == set())
        finally:
            listener.close()
        return listener.heard

    written = [(event.seconds, event.message) for event in performance(duet())]
    heard = once_more(attempt, lambda rows: same(rows, written))
    assert same(heard, written)
