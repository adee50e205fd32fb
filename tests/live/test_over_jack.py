"""Real MIDI: a JACK server without a sound card, our player on one side, another process listening on the other."""

import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mido import Message

from composer.errors import ComposerError, UsageError
from composer.io import read
from composer.live import player, ports, watch
from composer.live.outbox import Timed
from composer.live.player import performance, play
from composer.live.scheduler import Scheduler
from composer.live.watch import EVERY, Listing, Watch
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from midi_programs import Listener, wait_for
from system import require_program

pytestmark = pytest.mark.realtime


def chorale() -> Score:
    """The first line of the Old Hundredth in four parts, with a drum on each beat."""
    rhythm = np.array([0, 2, 3, 4, 5, 6, 8, 10]) * Q
    lengths = np.diff([*rhythm, 12 * Q])
    voices = {
        52: [67, 67, 66, 64, 62, 67, 69, 71],
        53: [62, 62, 62, 60, 59, 62, 66, 67],
        54: [59, 59, 57, 55, 55, 59, 62, 62],
        42: [55, 55, 50, 52, 43, 55, 50, 43],
    }
    parts = [Part.of(rhythm, pitches, lengths, program=program) for program, pitches in voices.items()]
    beat = Part.of(np.arange(12) * Q, [42, 38] * 6, [Q // 4] * 12, drums=True)
    return Score.of([*parts, beat], tempo=480)


def tune() -> Score:
    """A hornpipe of 64 eighths, swung and leant on, some of them struck again without a rest."""
    pitches = [62, 66, 69, 74, 73, 69, 69, 66] * 8
    part = Part.of(np.arange(64) * Q // 2, pitches, [Q // 2] * 64, program=73)
    return Score.of([part], tempo=900).with_metadata(rhythm="hornpipe")


@pytest.mark.parametrize("score", [chorale(), tune()], ids=["chorale", "tune"])
def test_every_message_of_a_real_score_arrives_once_and_in_order(score: Score, listener: Listener) -> None:
    play(score, port=listener.name, backend="jack")
    sent = [message for _, message in performance(score)]
    wait_for(lambda: len(listener.heard) >= len(sent))
    assert listener.messages == sent
    assert listener.hanging() == set()


def test_the_time_played_is_the_time_written(listener: Listener) -> None:
    """Loosely, as other work may share the machine; order and losses are judged above."""
    score = chorale()
    play(score, port=listener.name, backend="jack")
    wait_for(lambda: len(listener.heard) >= len(performance(score)))
    first, last = (next(t for t, m in rows if m.type == "note_on") for rows in (listener.heard, listener.heard[::-1]))
    written = [seconds for seconds, message in performance(score) if message.type == "note_on"]
    assert last - first == pytest.approx(written[-1] - written[0], abs=0.25)


def test_a_port_is_found_by_a_part_of_its_name_in_any_case(listener: Listener) -> None:
    assert f"{listener.name}:in" in ports.output_names("jack")
    with ports.open_output(listener.name.upper(), "jack") as port:
        port.send(Message("note_on", note=60))
        port.send(Message("note_off", note=60))
    wait_for(lambda: len(listener.heard) == 2)


def test_auto_takes_the_system_that_answers(listener: Listener) -> None:
    if Path("/dev/snd/seq").exists():
        assert ports.output_names() == ports.output_names("alsa")
    else:
        assert f"{listener.name}:in" in ports.output_names()


def test_an_unknown_port_lists_the_ports_there_are(listener: Listener) -> None:
    with pytest.raises(UsageError, match=rf"^no MIDI port 'nowhere'; the output ports are: .*{listener.name}:in"):
        play(chorale(), port="nowhere", backend="jack")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_being_stopped_leaves_no_note_hanging(
    listener: Listener, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    """The command itself, stopped in the middle of a chord."""
    long = Score.of([Part.of([0, 0, 0], [60, 64, 67], [64 * Q] * 3), Part.of([0], [48], [64 * Q], program=42)])
    path = long.write(tmp_path / "chord.mid")
    assert len(read(path).parts) == 2
    command = [sys.executable, "-m", "composer.cli", "play", str(path), "--port", listener.name, "--backend", "jack"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: len(listener.hanging()) == 4)
        process.send_signal(sent)
        _, said = process.communicate(timeout=15)
    finally:
        process.kill()
    wait_for(lambda: sum(m.type == "control_change" for m in listener.messages) == 4)
    assert listener.hanging() == set()
    controls = {(m.channel, m.control, m.value) for m in listener.messages if m.type == "control_change"}
    assert controls == {(channel, control, 0) for channel in (0, 1) for control in (64, 123)}
    assert process.returncode == code
    assert len(said.splitlines()) <= 1


def test_sound_plays_to_the_end_on_a_real_audio_system(jack: None, monkeypatch: pytest.MonkeyPatch) -> None:
    require_program("fluidsynth", "fluidsynth")
    monkeypatch.setattr(player, "LINUX_DRIVERS", ("none such", "jack"))  # not on the loudspeakers of whoever tests
    shares: list[float] = []
    start = time.monotonic()
    play(chorale(), progress=shares.append)
    assert time.monotonic() - start > 1.5
    assert shares[-1] == 1.0


def test_a_flood_with_exclusive_messages_and_garbage_arrives_whole_and_in_order(listener: Listener) -> None:
    """10,000 messages as fast as they go; JACK itself drops what is more than some 2,000 in one period."""
    notes = [Message("note_on", note=k % 128, velocity=k // 128 % 127 + 1) for k in range(10_000)]
    exclusive = SimpleNamespace(bytes=lambda: [0xF0, *[1] * 200, 0xF7])
    garbage = SimpleNamespace(bytes=lambda: [0xF5])
    with ports.open_output(listener.name, "jack") as port:
        for k, message in enumerate(notes):
            port.send(message)
            if k % 500 == 0:
                port.send(exclusive)
                port.send(garbage)
                wait_for(lambda sent=k: len(listener.heard) >= sent - 1000)
        wait_for(lambda: len(listener.heard) >= len(notes))
    listener.close()
    assert listener.messages == notes
    assert listener.counts == {"exclusive": 20, "garbage": 20}


def test_virtual_ports_are_found_and_joined_by_name(jack: None) -> None:
    got: list[tuple[float, Message]] = []
    before = time.monotonic()
    with (
        ports.open_output("jam", "jack", virtual=True) as port,
        ports.open_input("jam:out", "jack", lambda seconds, message: got.append((seconds, message))),
    ):
        assert "jam:out" in ports.input_names("jack")
        port.send(Message("note_on", note=60))
        port.send(Message("clock"))
        wait_for(lambda: len(got) == 2)
    assert [message for _, message in got] == [Message("note_on", note=60), Message("clock")]
    assert before < got[0][0] <= got[1][0] < time.monotonic()
    assert "jam:out" not in ports.input_names("jack")


def test_a_port_that_vanishes_and_comes_back_is_told_and_reopened(listener: Listener) -> None:
    name = f"{listener.name}:in"
    names = Listing("output", "jack")
    seen = Watch(name, names)
    with ports.open_output(name, "jack"):
        assert seen.poll(0) is None
        listener.close()
        assert seen.poll(EVERY) == "lost"
        assert seen.poll(2 * EVERY) is None
        again = Listener(listener.name)
        assert seen.poll(3 * EVERY) == "back"
    with ports.open_output(seen.name, "jack") as port:
        port.send(Message("note_on", note=60))
        wait_for(lambda: again.messages == [Message("note_on", note=60)])
    again.close()
    names.close()


def test_a_server_that_stands_still_has_no_ports_any_more(jack: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent to a dead server fills a buffer, and the process stands when that is full."""
    names = Listing("output", "jack")
    with ports.open_input("jam", "jack", lambda *_: None, virtual=True):
        for _ in range(20):
            assert "jam:in" in names()
            time.sleep(0.01)
        monkeypatch.setattr(watch, "SILENCE", 0.02)
        monkeypatch.setattr(names._beat, "_out", SimpleNamespace(send_message=lambda _: None))  # it takes no more
        wait_for(lambda: names() == [])
    names.close()


def test_each_listing_hears_its_own_beat(jack: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though others were begun between, and have gone."""
    heard: Counter[int] = Counter()
    monkeypatch.setattr(watch._Beat, "_came", lambda beat, *_: heard.update([id(beat)]))
    listings = [Listing("input", "jack") for _ in range(3)]
    listings.pop(1).close()
    listings.append(Listing("output", "jack"))
    for count in (1, 2):
        for listing in listings:
            assert listing()
            wait_for(partial(heard_often, heard, listing, count))
            listing._beat._out_since = None
    for listing in listings:
        listing.close()
    assert sum(heard.values()) == 2 * len(listings)


def heard_often(heard: Counter[int], listing: Listing, count: int) -> bool:
    return heard[id(listing._beat)] == count


def test_a_hushed_stream_leaves_no_note_hanging(listener: Listener) -> None:
    with ports.open_output(listener.name, "jack") as port, Scheduler(port) as scheduler:
        for round_ in range(5):
            now = time.monotonic()
            for k in range(40):
                scheduler.add([Timed(now + k * 0.005, Message("note_on", note=40 + k, channel=round_ % 2))])
                scheduler.add([Timed(now + k * 0.005 + 0.04, Message("note_off", note=40 + k, channel=round_ % 2))])
            time.sleep(0.06)
            scheduler.hush()
        sent = len(scheduler.sent)
        wait_for(lambda: len(listener.heard) >= sent)
        assert listener.messages == [kept.message for kept in scheduler.sent]
        assert sum(message.type == "note_on" for message in listener.messages) >= 25
        assert listener.hanging() == set()


def test_one_message_per_missing_server(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rtmidi", reason="live MIDI is an extra on Python 3.13: pip install '.[live]'")
    require_program("jackd", "jackd2")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "composer-nobody")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with pytest.raises(ComposerError, match=r"^no JACK server answers; start one \("):
        ports.output_names("jack")
    assert capfd.readouterr().err == ""  # libjack's own lines are kept back
