"""``composer jam``, offline and refused: what it writes, prints and says."""

import json
from pathlib import Path
from types import SimpleNamespace

import mido
import pytest

import composer
from composer.cli.jam_asked import Asked
from composer.errors import ComposerError
from composer.live.answering import Settings
from jamming import off, on

CALLS = """X:1
T:Calls
M:4/4
L:1/8
Q:1/4=120
K:D
DFAF DFAB|GBdB AFE2|z8|z8|
"""


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "calls.abc"
    path.write_text(CALLS)
    return path


def hanging(path: Path) -> set[tuple[int, int]]:
    down: set[tuple[int, int]] = set()
    for track in mido.MidiFile(path).tracks:
        if track.name == "composer":
            for message in track:
                if message.type == "note_on" and message.velocity:
                    assert (message.channel, message.note) not in down
                    down.add((message.channel, message.note))
                elif message.type in ("note_on", "note_off"):
                    down.discard((message.channel, message.note))
    return down


def test_a_file_is_answered_into_a_folder_and_printed(run, calls: Path) -> None:
    result = run("jam", "--file", calls)
    assert result.code == 0
    folder = Path("calls-jam")
    assert sorted(path.name for path in folder.iterdir()) == ["session.abc", "session.json", "session.mid"]
    assert result.out == (folder / "session.abc").read_text()
    assert [line for line in result.out.splitlines() if line.startswith("T:")] == ["T:Call 1", "T:Answer 1"]
    assert [line.split()[0] for line in result.err.splitlines()] == ["wrote"] * 3
    assert not hanging(folder / "session.mid")
    session = composer.read(folder / "session.mid")
    assert len(session.parts) == 2


def test_the_same_file_and_seed_give_the_same_session(run, calls: Path) -> None:
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run("jam", "--file", calls, "--seed", seed, "-o", folder).code == 0
    for name in ("session.mid", "session.abc"):
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes()
    assert Path("a", "session.mid").read_bytes() != Path("c", "session.mid").read_bytes()


def test_json_counts_and_names_the_files(run, calls: Path) -> None:
    result = run("jam", "--file", calls, "--json")
    told = json.loads(result.out)
    assert (told["calls"], told["late"]) == (1, 0)
    assert all(Path(name).is_file() for name in told["files"])


def test_with_a_tempo_answers_begin_on_its_beats(run, calls: Path) -> None:
    assert run("jam", "--file", calls, "--tempo", 100, "-o", "out").code == 0
    log = json.loads(Path("out/session.json").read_text())
    [begun] = [event["at"] for event in log["events"] if event["kind"] == "answer"]
    assert begun / 0.6 == pytest.approx(round(begun / 0.6), abs=1e-3)


def test_a_tempo_of_a_file_that_is_not_shared_is_the_players(run, calls: Path) -> None:
    assert run("jam", "--file", calls, "--tempo", "auto", "--bars", 1, "--meter", "4/4", "-o", "out").code == 0
    log = json.loads(Path("out/session.json").read_text())
    assert [event["kind"] for event in log["events"]] == ["call", "answer", "done"]


@pytest.mark.parametrize("mode", ["vary", "contrast", "accompany"])
def test_every_mode_answers(run, calls: Path, mode: str) -> None:
    assert run("jam", "--file", calls, "--mode", mode, "-o", "out").code == 0
    log = json.loads(Path("out/session.json").read_text())
    assert [event["kind"] for event in log["events"]] == ["call", "answer", "done"]


def test_a_log_is_played_again(run, calls: Path) -> None:
    assert run("jam", "--file", calls, "-o", "first", "--seed", 9).code == 0
    assert run("jam", "--replay", "first", "-o", "again").code == 0
    assert Path("again/session.mid").read_bytes() == Path("first/session.mid").read_bytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("density", "[1]"),
        ("tempo", "{}"),
        ("temperature", "[]"),
        ("end", "1e999"),
        ("silence", "null"),
        ("seed", "0.5"),
    ],
)
def test_a_log_whose_settings_make_no_sense_is_not_played(run, calls: Path, name: str, value: str) -> None:
    assert run("jam", "--file", calls, "-o", "first").code == 0
    log = json.loads(Path("first/session.json").read_text())
    log["settings"][name] = "HERE"
    Path("first/session.json").write_text(json.dumps(log).replace('"HERE"', value))
    result = run("jam", "--replay", "first", "-o", "again")
    assert result.code == 2
    assert "it cannot be played again" in result.err
    assert not Path("again").exists()


def test_what_was_learned_is_a_model_that_writes_tunes(run, calls: Path) -> None:
    assert run("jam", "--file", calls, "--save-model", "mine.safetensors").code == 0
    assert run("tune", "--model", "mine.safetensors", "--seed", 1).code == 0


def test_a_wild_file_is_played_without_a_hanging_note(run, tmp_path: Path) -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    for k in range(3000):
        make = on if k % 3 else off
        track.append(make(40 + k * 7 % 50, channel=k % 5).copy(time=k % 4 * 7 if k % 500 else 2400))
    track.append(mido.Message("sysex", data=[1, 2, 3]))
    file.tracks = [track]
    file.save(tmp_path / "wild.mid")
    assert run("jam", "--file", tmp_path / "wild.mid", "-o", "out").code == 0
    assert not hanging(Path("out/session.mid"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--mode", "loud"], "'loud' is not a mode"),
        (["--key", "H"], "key"),
        (["--bars", "²"], "--bars '²': write auto, or a number from 1 to 16"),
        (["--meter", "64/1"], "a meter of 64/1: its bars are longer than"),
        (["--bars", "0"], "--bars '0': write auto, or a number from 1 to 16"),
        (["--tempo", "1000000"], "tempo '1000000': write a number from 20 to 400"),
        (["--tempo", "nan"], "tempo 'nan'"),
        (["--tempo", "clock"], "a file brings no MIDI clock"),
        (["--temperature", "-1"], "temperature"),
        (["--density", "99"], "density"),
        (["--silence", "0"], "a silence of 0 s: take 0.2 to 10"),
        (["--end-cc", "128"], "0 to 119"),
        (["--memory", "-1"], "take 0 to 1000"),
        (["--chords", "no.txt"], "no.txt"),
        (["--model", "nobody"], "there is no model of this name"),
        (["--osc", "9000"], "--osc is for a jam on ports"),
        (["--tempo", "100", "--count-in"], "--count-in is for a jam on ports"),
        (["--replay", "first"], "--file and --replay are two jams"),
        (["--save-model", "."], "--save-model .: give the name of a file"),
        (["--save-model", "nowhere/mine.safetensors"], "in a folder that there is"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(run, calls: Path, options: list[str], words: str) -> None:
    result = run("jam", "--file", calls, *options)
    assert result.code != 0
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not Path("calls-jam").exists()


@pytest.mark.parametrize("option", ["--metronome", "--count-in", "--clock-out"])
def test_what_is_heard_of_the_tempo_needs_one(run, option: str) -> None:
    result = run("jam", option)
    assert result.code == 2
    assert "need a --tempo" in result.err


def test_calls_without_an_answer_are_told_and_why(run, calls: Path) -> None:
    result = run("jam", "--file", calls, "--meter", "1/64", "-o", "out")
    assert result.code == 0
    assert "no answer to call 1: folk-markov cannot complete this sketch" in result.err
    [silent] = json.loads(run("jam", "--file", calls, "--meter", "1/64", "--json").out)["silent"]
    assert silent["call"] == 1


def test_a_file_in_place_of_the_folder_stays(run, calls: Path) -> None:
    result = run("jam", "--file", calls, "-o", calls)
    assert result.code == 1
    assert f"{calls}: is a file; give the name of a folder" in result.err
    assert calls.read_text() == CALLS


@pytest.mark.parametrize("name", ["missing.mid", "damaged.mid", "empty.mid"])
def test_a_file_that_cannot_be_read_is_told_in_a_line(run, name: str, tmp_path: Path) -> None:
    if name == "damaged.mid":
        (tmp_path / name).write_bytes(b"MThd\x00\x00\x00\x06\x00\x01garbage")
    if name == "empty.mid":
        mido.MidiFile().save(tmp_path / name)
    result = run("jam", "--file", tmp_path / name)
    assert result.code != 0
    assert name in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_a_model_that_is_too_slow_is_refused_with_its_figure() -> None:
    from composer.cli.jam_live import _in_time

    asked = Asked("slowpoke", Settings(), "auto", 0.7, 67, None, 8.0, None, None, False)
    _in_time(SimpleNamespace(seconds=lambda request: 0.5), asked)
    with pytest.raises(ComposerError, match=r"slowpoke: needs 0\.90 s .* take a faster --model, or --silence 1\.1"):
        _in_time(SimpleNamespace(seconds=lambda request: 0.9), asked)


def test_the_example_of_calls_is_answered(run) -> None:
    path = Path(__file__).parent.parent / "examples" / "calls.abc"
    result = run("jam", "--file", path, "-o", "out", "--json")
    assert result.code == 0
    assert json.loads(result.out)["calls"] >= 1
