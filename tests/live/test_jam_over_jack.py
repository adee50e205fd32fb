"""The jam from end to end, over JACK: the command in its process, a keyboard, and a listener in another process.

Whatever happens, every note-on that the listener hears has its note-off.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mido import Message, MidiFile

from composer.live.ports import Port, open_input, open_output
from duet import (
    JAM_PERIOD,
    PATIENCE,
    SILENCE,
    TUNE,
    Keys,
    Program,
    Stage,
    running,
    sleep_until,
    stage,
    strikes,
    unmatched,
)
from midi_programs import once_more, wait_for
from system import require_program

pytestmark = [pytest.mark.realtime, pytest.mark.slow]

JACK_PERIOD = JAM_PERIOD

OSC = 19_000 + os.getpid() % 500 * 2


@pytest.fixture(scope="module")
def jam(jack: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One jam for many tests, each of which leaves it silent and listening."""
    options = (
        "--memory",
        "0",
        "--silence",
        str(SILENCE),
        "--seed",
        "1",
        "--osc",
        str(OSC),
        "--osc-to",
        f"127.0.0.1:{OSC + 1}",
    )
    with stage(tmp_path_factory.mktemp("jam") / "session", *options) as made:
        yield made


@pytest.fixture(autouse=True)
def silent(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test on the shared jam nothing sounds, and every note has had its end."""
    yield
    if "jam" in request.fixturenames:
        found: Stage = request.getfixturevalue("jam")
        found.silence()
        assert unmatched(found.ear.messages) == 0


def test_an_answer_comes_when_the_silence_is_over(jam: Stage) -> None:
    last = jam.keys.play()
    first = jam.answer(last)
    assert first - last >= SILENCE
    jam.silence()
    heard = jam.since(last)
    assert len(strikes(heard)) >= 4
    assert {m.type for _, m in heard} == {"note_on", "note_off"}


def test_a_played_note_silences_the_answer(jam: Stage) -> None:
    def seconds() -> float:
        last = jam.keys.play(TUNE * 2)
        jam.answer(last, notes=3)
        struck = jam.keys.send("note_on", note=50)
        wait_for(lambda: jam.hushed(struck), PATIENCE)
        time.sleep(0.5)
        jam.keys.send("note_off", note=50)
        assert not jam.ear.hanging()
        assert jam.hushed(struck)
        return jam.since(struck)[-1][0] - struck

    assert once_more(seconds, lambda took: took < 0.25) < 0.25  # the benchmark measures it; JACK may stop for once


def test_a_phrase_is_not_over_while_the_pedal_is_down(jam: Stage) -> None:
    jam.keys.pedal(True)
    keys_up = jam.keys.play()
    sleep_until(keys_up + SILENCE + 0.8)
    assert jam.since(keys_up) == []
    pedal_up = jam.keys.pedal(False)
    assert jam.answer(keys_up) >= pedal_up + SILENCE


def test_a_flood_is_survived_and_the_next_call_answered(jam: Stage) -> None:
    """JACK itself drops what is more than some 2,000 messages in one period, so not all of the 10,128 need arrive."""
    began = time.monotonic()
    for k in range(5000):
        jam.keys.send("note_on", note=k % 128, velocity=1 + k % 127)
        jam.keys.send(*FLOOD[k % len(FLOOD)][:1], **FLOOD[k % len(FLOOD)][1])
        if k % 100 == 99:
            time.sleep(0.005)
    for pitch in range(128):
        jam.keys.send("note_off", note=pitch)
    time.sleep(2.5 * SILENCE)  # or it would be part of the call
    jam.answer(jam.keys.play())
    wait_for(lambda: sum(began <= t for t, _ in jam.jam.session().heard) >= 2_000 + 2 * len(TUNE), PATIENCE)


FLOOD: list[tuple[str, dict[str, int]]] = [
    ("control_change", {"control": 1, "value": 3}),
    ("pitchwheel", {"pitch": 200}),
    ("note_on", {"note": 9, "velocity": 0}),
    ("aftertouch", {"value": 9}),
    ("program_change", {"program": 5}),
    ("note_off", {"note": 70}),
]


def panic_by_control_change(jam: Stage) -> None:
    jam.keys.send("control_change", control=120, value=0)


def panic_by_osc(jam: Stage) -> None:
    require_program("oscsend", "liblo-tools")
    subprocess.run(["oscsend", "localhost", str(OSC), "/composer/panic"], check=True)


@pytest.mark.parametrize("panic", [panic_by_control_change, panic_by_osc])
def test_panic_silences_every_channel(jam: Stage, panic: Callable[[Stage], None]) -> None:
    last = jam.keys.play()
    jam.answer(last, notes=2)
    before = time.monotonic()
    panic(jam)
    wait_for(lambda: sum(m.is_cc(120) for _, m in jam.since(before)) == 16, PATIENCE)
    assert not jam.ear.hanging()
    stopped = time.monotonic()
    sleep_until(stopped + 0.6)
    assert strikes(jam.since(stopped)) == []
    silenced = {(m.channel, m.control) for _, m in jam.since(before) if m.type == "control_change"}
    assert silenced == {(channel, number) for channel in range(16) for number in (64, 120, 123)}


def test_osc_steers_and_its_state_is_seen(jam: Stage) -> None:
    for program in ("oscsend", "oscdump"):
        require_program(program, "liblo-tools")
    lines: list[str] = []
    with running("oscdump", "-L", str(OSC + 1)) as dump:
        assert dump.stdout is not None
        reader = threading.Thread(target=lambda out=dump.stdout: lines.extend(out), daemon=True)
        reader.start()
        steer(jam, "temperature", "f", "0.5")
        steer(jam, "mode", "s", "contrast")
        wait_for(lambda: any('/state/mode s "contrast"' in line for line in lines), PATIENCE)

        def seconds() -> float:
            last = jam.keys.play()
            steer(jam, "end", "f", "1")
            return jam.answer(last) - last

        assert once_more(seconds, lambda took: took < SILENCE) < SILENCE + 0.5
        wait_for(lambda: any('/state/phase s "playing"' in line for line in lines), PATIENCE)
    reader.join(5)
    assert any("/composer/state/temperature f 0.5" in line for line in lines)


def steer(jam: Stage, name: str, kind: str, value: str) -> None:
    subprocess.run(["oscsend", "localhost", str(OSC), f"/composer/{name}", kind, value], check=True)


def ends(jam: Stage) -> list[dict[str, Any]]:
    """The answers, and those that have come to their end, as the session saved last has them."""
    saved = (jam.jam.folder / "session.json").exists()
    return [event for event in jam.jam.session().events if event["kind"] in {"answer", "done"}] if saved else []


def test_the_answering_process_is_killed_and_replaced(jam: Stage) -> None:
    last = jam.keys.play(TUNE * 2)
    jam.answer(last, notes=2)
    dead = jam.jam.answering()
    os.kill(dead, signal.SIGKILL)
    wait_for(lambda: "".join(jam.jam.said).count("another takes its place") == 1, PATIENCE)
    wait_for(lambda: [event["kind"] for event in ends(jam) if event["at"] > last][-1:] == ["done"], PATIENCE)
    told = [event for event in ends(jam) if event["kind"] == "answer"][-1]
    assert len(strikes(jam.since(last))) == told["notes"]  # it went on to its end
    jam.answer(jam.keys.play())
    assert jam.jam.answering() != dead


def test_two_jams_at_once_are_each_their_own(jam: Stage, tmp_path: Path) -> None:
    """The second, ended by Ctrl-C in mid-answer, leaves the first alone."""
    options = ("--silence", str(SILENCE), "--seed", "2")
    with stage(tmp_path / "session", *options, client="-01") as other:
        both = Keys(Both(jam.keys.port, other.keys.port))
        last = both.play(TUNE * 2)
        jam.answer(last, notes=2)
        other.answer(last, notes=2)
        assert other.jam.end(signal.SIGINT) == 0  # the usual way to end one
        wait_for(lambda: other.hushed(last))
        assert unmatched(other.ear.messages) == 0
    jam.keys.played += both.played
    jam.silence()
    assert not any(m.is_cc(123) for _, m in jam.since(last))  # it played to its end


class Both:
    """Two ports that get the same."""

    def __init__(self, *ports: Port) -> None:
        self._ports = ports

    def send(self, message: Message, /) -> None:
        for port in self._ports:
            port.send(message)


def test_one_call_ended_by_sigterm_and_the_log_of_all_that_was_heard(jam: Stage) -> None:
    """The last test of this jam, whose whole session is compared with what the listener heard."""
    last = jam.keys.play(TUNE * 2)
    jam.answer(last, notes=2)
    assert jam.jam.end() == 143
    wait_for(lambda: jam.hushed(last))
    session = jam.jam.session()
    assert [m for _, m in session.sent] == jam.ear.messages
    path = [came - went for (went, _), (came, _) in zip(session.sent, jam.ear.heard, strict=True)]
    usual = statistics.median(path)
    assert 0 < usual < 0.05
    assert statistics.median(abs(k - usual) for k in path) < 0.01  # half the messages, within a period
    assert [m for _, m in session.heard if isinstance(m, Message)] == [m for _, m in jam.keys.played]
    written = in_file(jam.jam)
    assert [str(plain(m)) for _, m in written] == [str(plain(m)) for _, m in session.sent]
    assert [t for t, _ in written] == pytest.approx([t - session.start for t, _ in session.sent], abs=0.001)


def in_file(jam: Program) -> list[tuple[float, Message]]:
    """What composer's track of the MIDI file holds, in seconds from the session's beginning: it is written at 120."""
    file = MidiFile(jam.folder / "session.mid")
    tick, found = 0, []
    for message in file.tracks[1]:
        tick += message.time
        if not message.is_meta:
            found.append((tick / file.ticks_per_beat / 2, message.copy(time=0)))
    return found


def plain(message: Message) -> Message:
    """Without the velocity of a release, which no file of ours has."""
    return message.copy(velocity=0) if message.type == "note_off" else message


def test_without_the_port_or_any_midi_it_says_so_in_a_line(
    jack: None, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    with (
        open_input("synth-a", "jack", ignore, virtual=True),
        open_input("synth-b", "jack", ignore, virtual=True),
        open_output("keyboard", "jack", virtual=True),
    ):
        unknown = run("jam", "--backend", "jack", "--in", "nowhere", "--out", "synth-a")
        assert_refused(unknown, "no MIDI port 'nowhere'; the input ports are: ", "keyboard:out")
        ambiguous = run("jam", "--backend", "jack", "--in", "keyboard", "--out", "synth")
        assert_refused(ambiguous, "'synth' fits several MIDI ports; name one of: ", "synth-a:in", "synth-b:in")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "composer-nobody")
    for ports in (["--virtual"], ["--in", "keyboard", "--out", "synth"], []):
        assert_refused(run("jam", "--backend", "jack", *ports), "no JACK server answers; start one (")


def ignore(moment: float, message: Message) -> None:
    pass


def assert_refused(asked: Any, *words: str) -> None:
    assert asked.code in {1, 2}
    assert asked.out == ""
    assert len(asked.err.splitlines()) == 1
    for each in words:
        assert each in asked.err
