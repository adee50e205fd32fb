"""What somebody played, from files."""

from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.errors import ComposerError, ReadError
from composer.live.calls import read_calls
from composer.live.record import MIDI_FILE, Record
from jamming import control, off, on, played


def midi(path: Path, *tracks: list[mido.Message]) -> Path:
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks = [mido.MidiTrack(track) for track in tracks]
    file.save(path)
    return path


def test_moments_follow_the_tempo_and_pedals_stay(tmp_path: Path) -> None:
    path = midi(
        tmp_path / "calls.mid",
        [mido.MetaMessage("set_tempo", tempo=1_000_000), mido.MetaMessage("set_tempo", tempo=500_000, time=480)],
        [control(64, 127), on(60).copy(time=480), off(60).copy(time=480), control(64, 0)],
    )
    found = [(moment, message.type) for moment, message in read_calls(path).messages]
    assert found == [(0.0, "control_change"), (1.0, "note_on"), (1.5, "note_off"), (1.5, "control_change")]


def test_of_a_session_the_players_part_is_read(tmp_path: Path) -> None:
    record = Record(start=0.0, settings={}, model="", digest="", seed=0)
    for moment, message in played([60, 62]):
        record.heard(moment, message)
        record.sent(moment + 1, message.copy(note=message.note + 20))
    path = tmp_path / MIDI_FILE
    path.write_bytes(record.files()[MIDI_FILE])
    found = [(round(at, 3), m.note) for at, m in read_calls(path).messages if m.type == "note_on" and m.velocity]
    assert found == [(0.0, 60), (0.25, 62)]


def test_written_music_is_read_as_it_would_be_heard(tmp_path: Path) -> None:
    path = tmp_path / "tune.abc"
    path.write_text("X:1\nL:1/4\nQ:1/4=120\nK:C\nCDE2|\n")
    struck = [(at, m.note) for at, m in read_calls(path).messages if m.type == "note_on" and m.velocity]
    assert [pitch for _, pitch in struck] == [60, 62, 64]
    assert [at for at, _ in struck] == pytest.approx([0.0, 0.5, 1.0])


def test_a_file_without_notes_has_nothing_to_answer(tmp_path: Path) -> None:
    path = midi(tmp_path / "calls.mid", [control(64, 127), on(60, velocity=0)])
    with pytest.raises(ReadError, match="has no notes to answer"):
        read_calls(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"no\.mid"):
        read_calls(tmp_path / "no.mid")


def test_too_many_messages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.live.calls.MOST", 10)
    path = midi(tmp_path / "calls.mid", [message for _, message in played([60] * 6)])
    with pytest.raises(ReadError, match="more than 10 messages; play it in parts"):
        read_calls(path)


def refusal(path: Path) -> str:
    try:
        read_calls(path)
    except ComposerError as error:
        return str(error)
    return ""


@given(st.binary(max_size=200), st.integers(0, 120))
def test_any_bytes_are_calls_or_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int) -> None:
    folder = tmp_path_factory.mktemp("calls")
    whole = midi(folder / "whole.mid", [message for _, message in played([60, 62, 64])]).read_bytes()
    path = folder / "calls.mid"
    for content in (data, whole[:at], whole[:at] + data[:3] + whole[at + 3 :]):
        path.write_bytes(content)
        assert "\n" not in refusal(path)


def test_a_page_is_given_with_its_music_and_its_pickup_leads_to_a_bar_line(tmp_path: Path) -> None:
    path = tmp_path / "jig.abc"
    path.write_text("X:1\nM:6/8\nL:1/8\nQ:3/8=100\nK:Edor\nB|EDE GFE|E6|\n")
    calls = read_calls(path)
    assert calls.page is not None
    assert (str(calls.page.meter), str(calls.page.key)) == ("6/8", "E dorian")
    struck = [at for at, m in calls.messages if m.type == "note_on" and m.velocity]
    assert struck[:2] == pytest.approx([1.0, 1.2])
    assert [at for at, m in read_calls(path, 75.0).messages if m.type == "note_on"][1] == pytest.approx(2.4)
