"""Records of jams: what comes back from their three files, their bounds, and hostile logs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from composer.errors import ReadError, WriteError
from composer.io import MAX_FILE, abc, read
from composer.live import record as recording
from composer.live.controls import Control
from composer.live.record import Record, Saver, read_session
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter
from strategies import scores


def begun(start: float = 100.0, **options: Any) -> Record:
    options = {"settings": {"mode": "vary"}, "model": "folk-markov", "digest": "abc1", "seed": 7} | options
    return Record(start=start, **options)


def played(data: bytes) -> list[list[tuple[float, Message]]]:
    """For each track of a MIDI file, its messages and their seconds from the start, by mido."""
    file = mido.MidiFile(file=BytesIO(data))
    tempo = next(m.tempo for m in file.tracks[0] if m.type == "set_tempo")
    found = []
    for track in file.tracks:
        at, rows = 0, []
        for message in track:
            at += message.time
            if not message.is_meta:
                rows.append((mido.tick2second(at, file.ticks_per_beat, tempo), message.copy(time=0)))
        found.append(rows)
    return found


MESSAGES = st.one_of(
    st.builds(
        Message,
        st.sampled_from(["note_on", "note_off"]),
        channel=st.integers(0, 2),
        note=st.integers(60, 63),
        velocity=st.sampled_from([0, 1, 64, 127]),
    ),
    st.builds(Message, st.just("control_change"), control=st.sampled_from([1, 64]), value=st.integers(0, 127)),
    st.builds(Message, st.just("pitchwheel"), pitch=st.integers(-8192, 8191)),
    st.builds(Message, st.just("program_change"), program=st.integers(0, 127)),
    st.builds(Message, st.just("sysex"), data=st.lists(st.integers(0, 127), max_size=5)),
    st.builds(Message, st.sampled_from(["clock", "start", "stop", "continue"])),
)
CONTROLS = st.builds(Control, st.sampled_from(["temperature", "mode"]), st.one_of(st.floats(0, 9), st.text(max_size=9)))
TIMES = st.floats(-1.0, 10_000.0)


@given(st.lists(st.tuples(TIMES, MESSAGES | CONTROLS)), st.lists(st.tuples(TIMES, MESSAGES)), st.floats(20, 400))
def test_what_was_heard_and_sent_comes_back_from_the_log(
    tmp_path_factory: pytest.TempPathFactory, heard: list[Any], sent: list[Any], tempo: float
) -> None:
    record = begun(tempo=tempo, meter=Meter(6, 8))
    for moment, message in heard:
        record.heard(moment, message)
    for moment, message in sent:
        record.sent(moment, message)
    file = tmp_path_factory.mktemp("jam") / "session.json"
    file.write_bytes(record.files()["session.json"])
    session = read_session(file)
    assert session.heard == tuple(heard)
    assert session.sent == tuple(sent)
    assert (session.settings, session.model, session.digest, session.seed) == (
        {"mode": "vary"},
        "folk-markov",
        "abc1",
        7,
    )
    assert (session.start, session.left_out) == (100.0, 0)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), MESSAGES)), st.lists(st.tuples(st.floats(0.0, 100.0), MESSAGES)))
def test_in_the_midi_file_every_note_struck_is_released(heard: list[Any], sent: list[Any]) -> None:
    record = begun(0.0)
    for moment, message in heard:
        record.heard(moment, message)
    for moment, message in sent:
        record.sent(moment, message)
    for rows, given_rows in zip(played(record.files()["session.mid"]), (heard, sent), strict=True):
        sounding: set[tuple[int, int]] = set()
        struck = 0
        for _, message in rows:
            if message.type == "note_on":
                assert (message.channel, message.note) not in sounding
                assert message.velocity > 0
                sounding.add((message.channel, message.note))
                struck += 1
            elif message.type == "note_off":
                sounding.remove((message.channel, message.note))
        assert sounding == set()
        assert struck == sum(m.type == "note_on" and m.velocity > 0 for _, m in given_rows)


def test_the_midi_file_has_two_tracks_in_real_seconds(tmp_path: Path) -> None:
    record = begun(100.0, tempo=96.0, meter=Meter(3, 4))
    heard = [
        (100.5, Message("control_change", control=64, value=127)),
        (100.5031, Message("note_on", note=60, velocity=33)),
        (101.25, Message("note_off", note=60)),
        (101.7, Message("control_change", control=64, value=0)),
        (4000.0, Message("note_on", note=61, velocity=34, channel=3)),
    ]
    sent = [(102.0, Message("note_on", note=72, velocity=90)), (102.1, Message("note_on", note=72, velocity=91))]
    for row in heard:
        record.heard(*row)
    for row in sent:
        record.sent(*row)
    data = record.files()["session.mid"]
    names = [track.name for track in mido.MidiFile(file=BytesIO(data)).tracks]
    assert names == ["you", "composer"]
    you, composer = played(data)
    assert [m.type for _, m in composer] == ["note_on", "note_off", "note_on", "note_off"]
    assert [s for s, _ in composer] == pytest.approx([2.0, 2.1, 2.1, 3900.0], abs=2e-4)
    assert [m for _, m in you[: len(heard)]] == [m.copy(velocity=0) if m.type == "note_off" else m for _, m in heard]
    assert [s for s, _ in you[: len(heard)]] == pytest.approx([s - 100.0 for s, _ in heard], abs=2e-4)
    (tmp_path / "session.mid").write_bytes(data)
    score = read(tmp_path / "session.mid", sustain=True)
    assert [(part.name, len(part)) for part in score.parts] == [("you", 1), ("you", 1), ("composer", 2)]
    assert str(score.meter) == "3/4"
    assert score.seconds(score.parts[0].offset)[0] == pytest.approx(1.7, abs=2e-4)  # held by the pedal


def page(pitch: int, bars: int = 2) -> Score:
    return Score.of([Part.of([k * Q for k in range(4 * bars)], [pitch] * 4 * bars, [Q] * 4 * bars)])


def test_calls_and_answers_are_a_book_of_tunes() -> None:
    record = begun()
    assert "session.abc" not in record.files()
    record.answered(page(60), page(62))
    record.files()
    record.answered(page(64), None)
    record.answered(page(65), page(67))
    book = list(abc.tunes(record.files()["session.abc"], "session.abc"))
    assert [tune.number for tune in book] == ["1", "2", "3", "4", "5"]
    titles = [tune.score.title for tune in book if tune.score]
    assert titles == ["Call 1", "Answer 1", "Call 2", "Call 3", "Answer 3"]
    assert [tune.score.parts[0].pitch[0] for tune in book if tune.score] == [60, 62, 64, 65, 67]
    assert all(not tune.notices for tune in book)


@given(st.lists(scores(), max_size=3))
def test_every_page_is_read_back_whatever_stands_on_it(pages: list[Score]) -> None:
    record = begun()
    for score in pages:
        record.answered(score, score)
    book = list(abc.tunes(record.files().get("session.abc", b""), "session.abc"))
    assert [tune.score is not None for tune in book] == [True] * 2 * len(pages)


def test_events_keep_their_figures(tmp_path: Path) -> None:
    record = begun()
    record.noted(101.0, "answer", latency=0.004, notes=12, late=False, path=tmp_path)
    record.noted(102.0, "strange", figure=float("nan"))
    record.save(tmp_path)
    first, second = read_session(tmp_path).events
    assert first == {"at": 101.0, "kind": "answer", "latency": 0.004, "notes": 12, "late": False, "path": str(tmp_path)}
    assert second == {"at": 102.0, "kind": "strange", "facts": "{'figure': nan}"}


def test_memory_is_bounded_and_the_log_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_MESSAGES", 10)
    record = begun()
    for k in range(25):
        record.heard(100.0 + k, Message("note_on", note=60 + k))
    record.heard(130.0, Message("sysex", data=[1] * 5000))
    record.save(tmp_path)
    session = read_session(tmp_path)
    assert len(session.heard) == 10
    assert session.left_out == record.left_out == 16
    assert len(played((tmp_path / "session.mid").read_bytes())[0]) == 20
    monkeypatch.setattr(recording, "MAX_BYTES", 200)
    record = begun()
    for _ in range(5):
        record.noted(100.0, "call", text="x" * 50)
        record.answered(page(60, 20), None)
    files = record.files()
    assert len(json.loads(files["session.json"])["events"]) == 2
    assert "session.abc" not in files
    assert record.left_out == 8


def test_the_largest_log_is_one_that_is_read() -> None:
    assert 3 * recording.MAX_BYTES < 0.9 * MAX_FILE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not a log of a jam"),
        ("[" + "[]," * 4_000_000 + "[]]", "holds more values than a log of a jam can"),
        ("[" * 100_000, "is not a log of a jam"),
        ("[1]", "its schema should be 'composer jam 1'"),
        ('{"schema": "composer jam 2"}', "its schema should be 'composer jam 1'"),
        ('{"schema": "composer jam 1", "seed": NaN}', "NaN is not a number"),
        ('{"schema": "composer jam 1"}', "settings is missing or damaged"),
    ],
)
def test_what_is_not_a_log_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "session.json"
    file.write_text(text)
    with pytest.raises(ReadError, match=reason) as caught:
        read_session(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start": "now"}, "'now' is not a time in seconds"),
        ({"start": 10**400}, "is not a time in seconds"),
        ({"seed": True}, "seed is missing or damaged"),
        ({"heard": [[1.0, "903c40"], [1.0, "903c"]]}, "row 2 of heard cannot be read"),
        ({"heard": [[1.0, "zz"]]}, "row 1 of heard cannot be read"),
        ({"heard": [[1.0, ""]]}, "row 1 of heard cannot be read"),
        ({"heard": [[1.0, "f0" + "01" * 2000 + "f7"]]}, "row 1 of heard cannot be read"),
        ({"heard": [[None, "903c40"]]}, "row 1 of heard cannot be read"),
        ({"heard": [[1.0, "mode", None]]}, "row 1 of heard cannot be read"),
        ({"heard": [[1.0, "tempo", 10**400]]}, "row 1 of heard cannot be read"),
        ({"sent": [[1.0]]}, "row 1 of sent cannot be read"),
        ({"sent": {}}, "sent is missing or damaged"),
        ({"events": [[]]}, "row 1 of events cannot be read"),
        ({"events": [{}] * 500_001}, "events has 500,001 rows"),
    ],
)
def test_a_damaged_log_says_where(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    log = json.loads(begun().files()["session.json"]) | change
    file = tmp_path / "session.json"
    file.write_text(json.dumps(log))
    with pytest.raises(ReadError, match=reason):
        read_session(file)


ROWS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(ROWS, max_size=3), st.text(alphabet="0123456789abcdef ", max_size=10))
def test_no_row_does_worse_than_a_read_error(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], text: str
) -> None:
    log = json.loads(begun().files()["session.json"]) | {"heard": [*rows, [1.0, text]]}
    file = tmp_path_factory.mktemp("jam") / "session.json"
    file.write_text(json.dumps(log))
    with contextlib.suppress(ReadError):
        read_session(file)


def test_threads_may_record_while_another_saves(tmp_path: Path) -> None:
    record = begun(0.0)
    saver = Saver(record, tmp_path / "jam")

    def play(track: Any, note: int) -> None:
        for k in range(2000):
            track(k / 100, Message("note_on" if k % 2 == 0 else "note_off", note=note))

    threads = [threading.Thread(target=play, args=args) for args in ((record.heard, 60), (record.sent, 62))]
    for thread in threads:
        thread.start()
    for _ in range(20):
        saver.soon()
        record.answered(page(60), page(62))
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    assert {path.name for path in saver.close()} == {"session.mid", "session.abc", "session.json"}
    session = read_session(tmp_path / "jam")
    assert (len(session.heard), len(session.sent)) == (2000, 2000)
    assert len(list(abc.tunes((tmp_path / "jam/session.abc").read_bytes(), ""))) == 40
    assert sorted(path.name for path in (tmp_path / "jam").iterdir()) == ["session.abc", "session.json", "session.mid"]


def test_a_folder_that_cannot_be_made_or_is_gone_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be made"):
        Saver(begun(), tmp_path / "file" / "jam")
    saver = Saver(begun(), tmp_path / "jam")
    (tmp_path / "jam").rmdir()
    saver.soon()
    deadline = time.monotonic() + 10
    while saver.error is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert saver.error is not None
    with pytest.raises(WriteError, match="cannot be written"):
        saver.close()


KILLED = """
import sys, time
from mido import Message
from composer.live.record import Record, Saver
from composer.score import Part, Score
record = Record(start=0.0, settings={}, model="m", digest="d", seed=1)
saver = Saver(record, sys.argv[1])
page = Score.of([Part.of([0], [60], [10080])])
k = 0
while True:
    k += 1
    record.heard(k, Message("note_on", note=60))
    record.answered(page, page)
    saver.soon()
    time.sleep(0.001)
    if k == 50:
        print("playing", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_jam_leaves_what_was_saved_last(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "playing\n"
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(read_session(tmp_path).heard) > 0
    assert len(read(tmp_path / "session.mid").parts[0]) > 0
    assert read(tmp_path / "session.abc").title == "Call 1"
