"""Playing against the offline clock: every message at its moment, in order, and silence however it ends."""

import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from mido import Message

from composer.errors import ComposerError
from composer.live import player
from composer.live.clock import ManualClock, MonotonicClock
from composer.live.player import LEAD, performance, send
from composer.live.ports import MemoryPort
from composer.score import Part, Score
from composer.styles import perform
from composer.theory import TICKS_PER_QUARTER as Q
from midi_programs import hanging
from strategies import scores


class Listener(MemoryPort):
    """A port that fails with ``error`` at message number ``fails_at``."""

    def __init__(self, clock: ManualClock, fails_at: int | None = None, error: BaseException | None = None) -> None:
        super().__init__(clock)
        self.clock, self.fails_at, self.error = clock, fails_at, error

    def send(self, message: Any) -> None:
        if len(self.heard) == self.fails_at and self.error is not None:
            error, self.error = self.error, None
            raise error
        super().send(message)


def scale(count: int = 16) -> Score:
    parts = [Part.of(np.arange(count) * Q, np.arange(count) + low, [2 * Q] * count, program=low) for low in (48, 60)]
    return Score.of(parts, tempo=90)


@given(scores())
def test_every_note_is_struck_at_its_moment_and_released(score: Score) -> None:
    events = performance(score)
    heard = perform(score)
    struck = {(e.seconds, e.message.note) for e in events if e.message.type == "note_on"}
    expected = {(float(heard.seconds(note.onset)), note.pitch) for part in heard.parts for note in part}
    assert struck == expected
    assert hanging([event.message for event in events]) == set()
    assert [e.seconds for e in events] == sorted(e.seconds for e in events)


@given(scores())
def test_a_note_is_never_struck_while_it_sounds_and_never_released_twice(score: Score) -> None:
    sounding: set[tuple[int, int]] = set()
    for _, message in performance(score):
        if message.type == "note_on":
            assert (message.channel, message.note) not in sounding
            sounding.add((message.channel, message.note))
        elif message.type == "note_off":
            sounding.remove((message.channel, message.note))


@given(scores())
def test_at_one_moment_notes_end_before_programs_and_programs_before_notes(score: Score) -> None:
    order = {"note_off": 0, "program_change": 1, "note_on": 2}
    for before, after in pairwise(performance(score)):
        assert (before.seconds, order[before.message.type]) <= (after.seconds, order[after.message.type])


def test_messages_carry_program_velocity_and_channel() -> None:
    melody = Part.of([0], [60], [Q], 101, program=73)
    drums = Part.of([0], [38], [Q], 99, drums=True)
    bass = Part.of([0], [36], [2 * Q], 55, program=32)
    messages = [message for _, message in performance(Score.of([melody, drums, bass]))]
    assert messages == [
        Message("program_change", channel=0, program=73),
        Message("program_change", channel=9, program=0),
        Message("program_change", channel=1, program=32),
        Message("note_on", channel=0, note=60, velocity=101),
        Message("note_on", channel=9, note=38, velocity=99),
        Message("note_on", channel=1, note=36, velocity=55),
        Message("note_off", channel=0, note=60),
        Message("note_off", channel=9, note=38),
        Message("note_off", channel=1, note=36),
    ]


def test_the_tenth_channel_is_for_drums_alone_and_many_parts_share_the_others() -> None:
    score = Score.of([Part.of([0], [60 + k], [Q]) for k in range(20)])
    channels = [message.channel for _, message in performance(score) if message.type == "note_on"]
    assert sorted(channels) == sorted([c for c in range(16) if c != 9] + [0, 1, 2, 3, 4])


def test_a_dance_is_played_with_its_lilt() -> None:
    part = Part.of(np.arange(8) * Q // 2, [60] * 8, [Q // 2] * 8)
    score = Score.of([part], tempo=60).with_metadata(rhythm="hornpipe")
    struck = [(seconds, m.velocity) for seconds, m in performance(score) if m.type == "note_on"]
    assert struck[0] == (0.0, 100)
    assert struck[1] == (pytest.approx(0.62, abs=1e-3), 72)


def test_sending_keeps_to_absolute_deadlines() -> None:
    """An hour of quarters: the last comes at its time to the nanosecond, though every message makes us late."""
    count = 7200
    score = Score.of([Part.of(np.arange(count) * Q, [60] * count, [Q // 2] * count)], tempo=120)

    class Slow(Listener):
        def send(self, message: Any) -> None:
            super().send(message)
            self.clock.sleep_until(self.clock.now() + 0.003)

    clock = ManualClock(1000.0)
    port = Slow(clock)
    send(score, port, clock)
    onsets = [moment for moment, message in port.heard if message.type == "note_on"]
    expected = 1000.0 + LEAD + np.arange(count) / 2
    assert np.abs(np.array(onsets) - expected)[1:].max() < 1e-9  # the first comes after its program


def test_progress_rises_to_one() -> None:
    clock, shares = ManualClock(), []
    send(scale(), Listener(clock), clock, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_score_without_notes_ends_at_once() -> None:
    clock = ManualClock()
    port = Listener(clock)
    send(Score.of([]), port, clock)
    assert port.messages == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), RuntimeError("unplugged")], ids=repr)
@pytest.mark.parametrize("fails_at", range(0, 66, 3))
def test_whatever_stops_it_no_note_hangs(error: BaseException, fails_at: int) -> None:
    clock = ManualClock()
    port = Listener(clock, fails_at, error)
    with pytest.raises(type(error)):
        send(scale(), port, clock)
    assert hanging(port.messages) == set()
    for channel in (0, 1):
        last = [message for message in port.messages if message.channel == channel][-2:]
        assert last == [
            Message("control_change", channel=channel, control=64, value=0),
            Message("control_change", channel=channel, control=123, value=0),
        ]


def test_an_interrupt_just_after_a_note_was_sent_still_switches_it_off() -> None:
    class Interrupted(Listener):
        def send(self, message: Any) -> None:
            super().send(message)
            if len(self.heard) == 4:
                raise KeyboardInterrupt

    clock = ManualClock()
    port = Interrupted(clock)
    with pytest.raises(KeyboardInterrupt):
        send(scale(), port, clock)
    assert hanging(port.messages[:4]) != set()
    assert hanging(port.messages) == set()


def test_clocks_reach_the_moment_they_sleep_for() -> None:
    for clock in (ManualClock(5.0), MonotonicClock()):
        moment = clock.now() + 0.02
        clock.sleep_until(moment)
        assert clock.now() >= moment
        before = clock.now()
        clock.sleep_until(before - 1)
        assert clock.now() - before < 1


def test_sound_without_fluidsynth_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ComposerError, match=r"^no MIDI port was named and there is no fluidsynth; .*--port, or install"
    ):
        player.play(scale())


@pytest.fixture
def fluidsynth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program named fluidsynth that notes how it was called, then does what ``behaviour`` beside it says."""
    program = tmp_path / "fluidsynth"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {tmp_path}/calls\n. {tmp_path}/behaviour\n')
    program.chmod(0o755)
    sh = shutil.which("sh")
    assert sh is not None
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(sh).parent}")
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell, which Windows does not have")
@pytest.mark.parametrize(
    ("behaviour", "calls", "message"),
    [
        ("exit 0", 1, None),
        ("echo 'Failed to create the audio driver. Giving up.' >&2; exit 255", 4, r"^no audio system answers \(tried "),
        ("echo 'out of cheese' >&2; exit 1", 1, r"^fluidsynth failed \(out of cheese\)$"),
    ],
    ids=["plays", "no audio", "fails"],
)
def test_sound_tries_one_audio_system_after_another(
    behaviour: str, calls: int, message: str | None, fluidsynth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    (fluidsynth / "behaviour").write_text(behaviour)
    if message is None:
        player.play(scale())
    else:
        with pytest.raises(ComposerError, match=message):
            player.play(scale())
    assert len((fluidsynth / "calls").read_text().splitlines()) == calls


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell, which Windows does not have")
def test_stopping_sound_ends_the_program(fluidsynth: Path) -> None:
    (fluidsynth / "behaviour").write_text(f"echo $$ > {fluidsynth}/pid; exec sleep 60")

    def stop(share: float) -> None:
        if (fluidsynth / "pid").exists() and (fluidsynth / "pid").read_text().strip():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        player.play(scale(), progress=stop)
    pid = int((fluidsynth / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists() or sys.platform != "linux"
