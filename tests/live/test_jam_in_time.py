"""The jam on the beat, over JACK: with a MIDI clock that others send, with our own, and for a minute of playing."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from mido import Message

from composer.live.outbox import Timed
from composer.live.ports import open_input, open_output
from composer.live.scheduler import Scheduler
from duet import (
    ANSWER,
    JAM_PERIOD,
    PATIENCE,
    TUNE,
    Stage,
    comes,
    connect,
    running,
    sleep_until,
    stage,
    strikes,
    unmatched,
)
from midi_programs import wait_for
from system import require_program

pytestmark = [pytest.mark.realtime, pytest.mark.slow]

JACK_PERIOD = JAM_PERIOD

PULSES = 24
NEAR = 0.08  # seconds from its place at which a note is on it: the path through JACK, and a machine that is busy


@pytest.fixture(scope="module")
def following(jack: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    options = ("--tempo", "clock", "--silence", "1.5", "--seed", "1")
    with stage(tmp_path_factory.mktemp("clock") / "session", *options) as made:
        yield made


def off_the_grid(moments: Sequence[float], pulses: Sequence[float], step: float) -> list[float]:
    """How many seconds each moment is from the next multiple of ``step`` quarters, by the pulses from the start on."""
    places = np.arange(len(pulses)) / PULSES
    near = np.round(np.interp(moments, pulses, places) / step) * step
    return np.abs(np.array(moments) - np.interp(near, places, pulses)).tolist()


def test_answers_are_on_the_beats_of_a_clock_that_speeds_up(following: Stage) -> None:
    """From 60 to 200 quarters a minute within 16 quarters; a call and an answer in that, and at the end of it."""
    places = np.arange(44 * PULSES) / PULSES
    tempo = np.clip(60 + 140 * (places - 4) / 16, 60, 200)
    start = time.monotonic() + 0.5
    moments = start + np.concatenate([[0], np.cumsum(60 / tempo[:-1] / PULSES)])
    with open_output("composer-in:in", "jack") as port, Scheduler(port) as clock:
        clock.add([Timed(start - 0.005, Message("start"))])
        clock.add(Timed(moment, Message("clock")) for moment in moments.tolist())
        away: list[float] = []
        for first in (4, 28):
            for k, pitch in enumerate(TUNE):
                at, end = np.interp([first + k / 2, first + k / 2 + 0.4], places, moments)
                sleep_until(at)
                following.keys.send("note_on", note=pitch, velocity=80)
                sleep_until(end)
                last = following.keys.send("note_off", note=pitch)
            if not comes(lambda since=last: bool(following.melody(since)), ANSWER):
                continue
            following.silence()
            onsets = [t for t, _ in strikes(following.since(last))]
            begins, goes_on = off_the_grid(onsets[:1], moments, 1.0), off_the_grid(onsets, moments, 0.5)
            away.append(max(begins[0], statistics.median(goes_on)))
        clock.hush()
        port.send(Message("stop"))
    assert min(away) < NEAR  # a busy machine may hold up one; test_improviser.py follows ramps exactly
    assert unmatched(following.ear.messages) == 0


def test_answers_are_on_the_beats_of_jack_midi_clock(following: Stage) -> None:
    for program in ("jack_midi_clock", "jack_transport"):
        require_program(program, "jack-midi-clock")
    heard: list[tuple[float, Message]] = []
    with (
        running("jack_midi_clock", "-b", "150", "-P"),
        open_input("beats", "jack", lambda *row: heard.append(row), virtual=True),
    ):
        wait_for(lambda: "jack_midi_clock:mclk_out" in ports(), PATIENCE)
        for sink in ("beats:in", "composer-in:in"):
            connect("jack_midi_clock:mclk_out", sink)
        transport("locate 0\nplay")
        wait_for(lambda: any(m.type in {"start", "continue"} for _, m in heard), PATIENCE)
        sleep_until(time.monotonic() + 1.0)
        firsts = []
        for _ in range(3):  # a busy machine may hold up one answer, and JACK with it
            last = following.keys.play(step=0.2)
            if comes(lambda since=last: bool(following.melody(since)), ANSWER):
                firsts.append(following.melody(last)[0][0])
            following.silence(1.0)
        transport("stop")
    began = next(k for k, (_, m) in enumerate(heard) if m.type in {"start", "continue"})
    pulses = [t for t, m in heard[began:] if m.type == "clock"]
    assert len(firsts) >= 2
    assert statistics.median(off_the_grid(firsts, pulses, 1.0)) < NEAR
    assert unmatched(following.ear.messages) == 0


def ports() -> str:
    return subprocess.run(["jack_lsp"], capture_output=True, text=True, check=False).stdout


def transport(commands: str) -> None:
    subprocess.run(["jack_transport"], input=f"{commands}\nquit\n", text=True, capture_output=True, check=False)
