"""A minute of playing with the jam over JACK, to a metronome."""

from __future__ import annotations

import statistics
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mido import Message

from composer.io.midi import DRUM_CHANNEL
from composer.live.record import Session
from duet import JAM_PERIOD, off_beat, play_for, running, stage, strikes, unanswered, unmatched
from midi_programs import wait_for
from system import require_program

pytestmark = [pytest.mark.realtime, pytest.mark.slow]

JACK_PERIOD = JAM_PERIOD

NEAR = 0.05  # seconds from its place at which a note is on it: the path through JACK, and a machine that is busy
SECONDS = 60.0
SILENCE = 2.0  # as a model too slow for its silence is refused; with a metronome, a bar line ends most calls before
BEAT = 0.5


def test_a_minute_of_playing(jack: None, tmp_path: Path) -> None:
    """Calls, slips, pedal and barge-ins to a metronome, while another program follows our clock.

    Asserted of what the listener, in its own process, hears: every note-on has its note-off; most answers begin on a
    beat within :data:`NEAR`; the metronome neither stops nor doubles. What a busy machine may do has a bound: of four
    calls one may go unanswered where the log says why, and of four answers one may be late that was found in half the
    time there was, as the process had another question, or ours stood still.
    """
    require_program("jack_mclk_dump", "jack-midi-clock")
    options = ("--tempo", "120", "--metronome", "--clock-out", "--silence", str(SILENCE), "--seed", "1")
    lines: list[str] = []
    with stage(tmp_path / "session", *options) as jam, running("jack_mclk_dump", "-n", "composer-out:out") as dump:
        assert dump.stdout is not None
        reader = threading.Thread(target=lambda out=dump.stdout: lines.extend(out), daemon=True)
        reader.start()
        calls = play_for(jam, SECONDS, BEAT)
        assert jam.jam.end() == 143
        wait_for(lambda: hushed(jam.ear.messages))
        session, heard = jam.jam.session(), list(jam.ear.heard)
    reader.join(5)
    clicks = [t for t, m in strikes(heard) if m.channel == DRUM_CHANNEL]
    assert unmatched([m for _, m in heard]) == 0
    assert statistics.median(np.diff(clicks)) == pytest.approx(BEAT, abs=0.005)
    assert len(clicks) == pytest.approx((clicks[-1] - clicks[0]) / BEAT + 1, abs=0.5)
    answers = [event for event in session.events if event["kind"] == "answer"]
    silent = unanswered(calls, session.events)
    assert len(silent) <= len(calls) / 4
    assert all(kinds & {"cut", "silent", "process"} for kinds in silent)
    assert len(answers) >= len(calls) - len(silent) >= 4
    assert all(event["notes"] for event in answers)
    assert statistics.median(off_beat(heard, [event["at"] for event in answers], BEAT)) < NEAR
    assert sum(event["late"] and event["took"] < time_for(event, session) / 2 for event in answers) <= len(answers) / 4
    assert any("120." in line or "119." in line for line in lines)


def time_for(answer: dict[str, Any], session: Session) -> float:
    """Seconds between what was heard last of a call and the moment at which its answer was due."""
    due = answer["at"] - answer["latency"]
    return due - max(moment for moment, _ in session.heard if moment < due)


def hushed(messages: list[Message]) -> bool:
    return any(m.is_cc(123) for m in messages[-100:])
