"""The commands, end to end: what they print, write, refuse, and with which exit code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import composer
from composer import read
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

FIXTURES = Path(__file__).parent.parent / "corpora" / "fixtures"


def test_tune_prints_abc_that_reads_back(run, tmp_path: Path) -> None:
    result = run("tune", "--style", "jig", "--key", "D dorian", "--seed", 7)
    assert result.code == 0
    path = tmp_path / "back.abc"
    path.write_text(result.out)
    score = composer.read(path)
    assert (str(score.key), str(score.meter), score.unfold().bars) == ("D dorian", "6/8", 32)
    assert all(note.pitch % 12 in score.key.scale for note in score.parts[0])
    assert score.parts[0].pitch[-1] % 12 == 2


def test_the_same_seed_gives_the_same_files(run) -> None:
    for name in ("a", "b"):
        assert run("tune", "--seed", 5, "-o", f"{name}.abc", "-o", f"{name}.mid", "-o", f"{name}.musicxml").code == 0
    for suffix in ("abc", "mid", "musicxml"):
        assert Path(f"a.{suffix}").read_bytes() == Path(f"b.{suffix}").read_bytes()


@pytest.mark.slow
def test_a_folder_gets_every_format(run) -> None:
    result = run("tune", "--style", "slip-jig", "--key", "G", "--seed", 1, "-o", "out")
    assert result.code == 0
    names = {path.name.partition(".")[2] for path in Path("out").iterdir()}
    assert names == {"abc", "mid", "musicxml", "svg", "png", "roll.png", "wav"}
    assert all(path.stat().st_size > 100 for path in Path("out").iterdir())
    assert all(f"wrote {path}" in result.err for path in Path("out").iterdir())


def test_several_tunes_are_numbered_and_differ(run) -> None:
    assert run("tune", "-n", 3, "--seed", 2, "--bars", 8, "--form", "A", "-o", "set.abc").code == 0
    texts = [Path(f"set-{number}.abc").read_text() for number in (1, 2, 3)]
    assert len({text.partition("K:")[2] for text in texts}) == 3


def test_json_tells_everything(run) -> None:
    result = run("tune", "--seed", 3, "--bars", 4, "--form", "A", "--pin", "1.1=D4", "-o", "t.mid", "--json")
    answer = json.loads(result.out)
    assert answer["seed"] == 3
    assert answer["tunes"][0]["files"] == ["t.mid"]
    assert "pin 1.1=D4" in answer["tunes"][0]["made"]["sketch"]


@pytest.mark.parametrize(
    ("options", "temperature"),
    [((), "0.7"), (("--model", "folk-biaxial"), "0.9"), (("--model", "folk-biaxial", "--temperature", "1.1"), "1.1")],
)
def test_the_temperature_is_the_model_s_own_unless_it_is_said(run, options: tuple[str, ...], temperature: str) -> None:
    told = json.loads(run("tune", "--bars", "4", "--seed", "1", "--json", *options).out)
    assert told["tunes"][0]["made"]["temperature"] == temperature


def test_provenance_travels_in_the_files(run) -> None:
    run("tune", "--seed", 11, "--bars", 8, "--form", "AB", "-o", "t.abc", "-o", "t.mid", "-o", "t.musicxml")
    for suffix in ("abc", "mid", "musicxml"):
        metadata = composer.read(f"t.{suffix}").metadata
        assert metadata["seed"] == "11"
        assert metadata["model"].startswith("folk-markov ")
        assert metadata["corpus"] == "folk"


def test_render_turns_any_format_into_any(run) -> None:
    run("tune", "--seed", 4, "--bars", 4, "--form", "A", "-o", "t.abc")
    result = run("render", "t.abc", "-o", "t.mid", "-o", "t.musicxml", "--json")
    assert json.loads(result.out)["bars"] == 4
    for suffix in ("mid", "musicxml"):
        assert composer.read(f"t.{suffix}").parts[0].pitch.tolist() == composer.read("t.abc").parts[0].pitch.tolist()


def test_train_writes_a_model_that_composes(run) -> None:
    result = run("train", "markov", "--corpus", FIXTURES, "-o", "mine.safetensors", "--set", "order=3", "--json")
    report = json.loads(result.out)
    assert report["pieces"] > 0
    assert run("tune", "--model", "mine.safetensors", "--seed", 1, "--range", "C2:C8").code == 0


def test_corpora_are_listed_and_shown(run) -> None:
    assert "public domain" in run("corpora").out.lower()
    names = [row["name"] for row in json.loads(run("corpora", "--json").out)]
    assert names == ["chorales", "folk", "essen"]
    shown = json.loads(run("corpora", "show", FIXTURES, "--json").out)
    assert shown["pieces"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["tune", "--key", "H"], 2, "not a key"),
        (["tune", "--style", "gavotte"], 2, "jig"),
        (["tune", "--meter", "4/5"], 2, "meter"),
        (["tune", "--bars", "33"], 2, "do not divide"),
        (["tune", "--bars", "0"], 2, "0 bars"),
        (["tune", "--range", "B5:D4"], 2, "empty range"),
        (["tune", "--pin", "1.1"], 2, "bar.beat=note"),
        (["tune", "--tempo", "0"], 2, "tempo"),
        (["tune", "--model", "nonsense"], 2, "folk-markov"),
        (["tune", "--model", "chorales-markov"], 2, "folk-markov"),
        (["tune", "--range", "C4:D4", "--pin", "2.1=G5"], 1, "bar 2, beat 1: range C4:D4 and pin 2.1=G5 exclude"),
        (["tune", "-o", "tune.docx"], 2, ".abc"),
        (["tune", "-o", "/proc/nowhere/tune.abc"], 1, "/proc/nowhere"),
        (["tune", "-o", "/dev/null/tune.abc"], 1, "cannot be made"),
        (["render", "missing.mid", "-o", "x.abc"], 1, "missing.mid"),
        (["render", "."], 2, "say where"),
        (["render", ".", "-o", "x.abc"], 1, "is a folder"),
        (["render", "a-folder.mid", "-o", "x.abc"], 1, "is a folder"),
        (["render", "empty.mid", "-o", "x.abc"], 1, "empty.mid"),
        (["render", "empty.abc", "-o", "x.mid"], 1, "empty.abc"),
        (["render", "empty.musicxml", "-o", "x.mid"], 1, "empty.musicxml"),
        (["render", "empty.mxl", "-o", "x.mid"], 1, "empty.mxl"),
        (["train", "markov", "--corpus", "empty.d", "-o", "x.safetensors"], 2, "holds no music"),
        (["train", "markov", "--corpus", "nowhere", "-o", "x.safetensors"], 2, "nowhere"),
        (["train", "markov", "--corpus", "folk", "-o", "x.bin"], 2, ".safetensors"),
        (["corpora", "show", "nowhere"], 2, "nowhere"),
        (["play", "missing.mid"], 1, "missing.mid"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_requests_get_one_line_and_an_exit_code(run, arguments: list[str], code: int, words: str) -> None:
    Path("a-folder.mid").mkdir()
    Path("empty.d").mkdir()
    for suffix in ("mid", "abc", "musicxml", "mxl"):
        Path(f"empty.{suffix}").touch()
    before = sorted(os.listdir())
    result = run(*arguments)
    assert result.code == code, result.err
    assert words in result.err
    assert result.err.count("\n") == 1
    assert result.err.startswith("composer: ")
    assert sorted(os.listdir()) == before


def test_usage_errors_of_the_parser_exit_with_2(run) -> None:
    assert run("tune", "--no-such-option").code == 2
    assert run("nonsense").code == 2


@pytest.mark.parametrize("command", ["tune", "complete", "vary", "continue", "train", "corpora", "render", "play"])
def test_every_command_explains_itself_with_an_example(run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert f"composer {command}" in result.out


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; from composer import cli; print(sorted({'numpy', 'torch', 'music21'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(tmp_path: Path, closed: str) -> None:
    program = f"exec {sys.executable} -m composer.cli tune --seed 1 -o t.abc {closed}"
    result = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, check=False)
    assert result.returncode == 0
    assert (tmp_path / "t.abc").exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """Files are limited to 64 KB by the system; a WAV does not fit."""
    program = "ulimit -f 64; exec {} -m composer.cli render t.mid -o t.wav"
    Path(tmp_path / "t.abc").write_text("X:1\nK:C\n" + "CDEF GABc|" * 16)
    composer.read(tmp_path / "t.abc").write(tmp_path / "t.mid")
    result = subprocess.run(
        ["bash", "-c", program.format(sys.executable)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"t.abc", "t.mid"}


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder with good, broken, copied, transposed and badly barred files."""
    folder = tmp_path / "music"
    folder.mkdir()
    score = composer.read(FIXTURES / "session.abc")
    score.write(folder / "tune.mid")
    score.transpose(3).write(folder / "higher.mid")
    (folder / "broken.mid").write_bytes((folder / "tune.mid").read_bytes()[:100])
    (folder / "book.abc").write_text("X:1\nT:A\nM:2/4\nL:1/8\nK:C\nCDEF|G4|\n\nX:2\nM:2/5\nK:C\nC|\n")
    measures = [
        f'<measure number="{n}"><note><pitch><step>C</step><octave>4</octave></pitch><duration>{length}</duration>'
        "</note></measure>"
        for n, length in enumerate([4, 3, 4, 4], 1)
    ]
    part = '<part-list><score-part id="P"><part-name>p</part-name></score-part></part-list><part id="P">'
    text = f"<score-partwise>{part}{''.join(measures)}</part></score-partwise>"
    (folder / "uneven.musicxml").write_text(
        text.replace("<note>", "<attributes><divisions>1</divisions></attributes><note>", 1)
    )
    return folder


def test_inspect_shows_every_file_and_what_is_wrong_with_it(run, music: Path) -> None:
    result = run("corpora", "inspect", music)
    assert result.code == 0
    rows = {line.split()[0]: line for line in result.out.split("\n\n")[0].splitlines()}
    assert {"book.abc", "broken.mid", "higher.mid", "tune.mid", "uneven.musicxml"} < set(rows)
    assert "left out: is a damaged MIDI file" in rows["broken.mid"]
    assert "1 left out" in rows["book.abc"]
    assert "copy of higher.mid" in result.out
    assert "uneven.musicxml, bar 2: has 3/4, not 4/4" in result.out
    assert "expected a meter such as 6/8" in result.out
    for heading in ("Summary", "Keys", "Meters", "Lengths", "Pitches", "Intervals"):
        assert f"\n{heading}" in result.out
    assert "█" in result.out
    assert "\x1b" not in result.out
    assert max(map(len, result.out.split("\n\n")[0].splitlines())) <= 112


def test_inspect_as_json_and_as_a_page(run, music: Path) -> None:
    result = run("corpora", "inspect", music, "--json", "--html", "report.html")
    told = json.loads(result.out)
    files = {file["file"]: file for file in told["files"]}
    assert files["tune.mid"]["pieces"][0]["duplicate_of"] == "higher.mid"
    assert files["tune.mid"]["pieces"][0]["kin"] == "higher.mid"
    assert files["uneven.musicxml"]["pieces"][0]["bad_bars"] == [{"place": "bar 2", "text": "has 3/4, not 4/4"}]
    assert not files["broken.mid"]["accepted"]
    assert (told["summary"]["files"], told["summary"]["files_accepted"], told["summary"]["rejected"]) == (5, 4, 2)
    page = Path("report.html").read_text()
    assert all(name in page for name in files)
    assert page.count("<svg") == 5
    assert "wrote report.html" in result.err


def test_inspect_fails_where_nothing_can_be_used(run, tmp_path: Path) -> None:
    (tmp_path / "bad.mid").write_bytes(b"nothing")
    result = run("corpora", "inspect", "bad.mid")
    assert result.code == 1
    assert "is not a MIDI file" in result.out
    assert run("corpora", "inspect", "nowhere").code == 2
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").touch()
    result = run("corpora", "inspect", "texts")
    assert (result.code, result.err.count("\n")) == (1, 1)


def test_train_ends_with_what_it_learned_from(run, music: Path) -> None:
    plain = run("train", "markov", "--corpus", music, "-o", "m.safetensors")
    assert "5 files, 4 with music" in plain.err
    assert "Keys" in plain.err
    answer = json.loads(
        run("train", "markov", "--corpus", music, "-o", "m.safetensors", "--json").out, parse_constant=pytest.fail
    )
    assert answer["corpus_summary"]["rejected"] == 2


def test_train_says_why_there_is_nothing_to_learn_from(run, tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.mid").write_bytes(b"nothing")
    (folder / "c.abc").write_text("no tune")
    result = run("train", "markov", "--corpus", folder, "-o", "m.safetensors")
    assert result.code == 2
    assert "2 left out: is not a MIDI file" in result.err
    assert "1 left out: holds no ABC tune" in result.err
    assert result.err.count("\n") == 1


def test_train_says_what_its_encoding_cannot_hear(run, tmp_path: Path) -> None:
    folder = tmp_path / "drums"
    folder.mkdir()
    for pitch in range(35, 47):
        part = composer.Part.of([0, 10080], [pitch, 50], [5040, 5040], drums=True)
        composer.Score.of([part]).write(folder / f"{pitch}.mid")
    result = run("train", "markov", "--corpus", folder, "-o", "m.safetensors")
    assert result.code == 2
    assert "the encoding melody keeps none of the" in result.err
    assert "drums in" in result.err
    assert len(re.findall(r"\d\d\.mid [^;]*drums", result.err)) > 5
    assert result.err.count("\n") == 1
    assert not Path("m.safetensors").exists()


def test_a_file_is_never_written_over_by_what_is_made_of_it(run, tmp_path: Path) -> None:
    tune, page = tmp_path / "tune.abc", tmp_path / "tune.mid"
    tune.write_text("X:1\nL:1/4\nK:C\nCDEF|\n")
    before = tune.read_bytes()
    assert run("render", tune, "-o", tune).code == 2
    assert run("render", tune, "-o", page).code == 0
    assert run("corpora", "inspect", page, "--html", page).code == 2
    assert tune.read_bytes() == before
    assert page.read_bytes().startswith(b"MThd")


def test_a_performance_is_quantised_where_it_becomes_a_page(run, tmp_path: Path) -> None:
    late = Score.of([Part.of([130, Q + 200, 2 * Q - 150], [60, 62, 64], [Q, Q - 300, Q])])
    late.write(tmp_path / "late.mid")
    result = run("render", tmp_path / "late.mid", "-o", tmp_path / "page.abc", "-o", tmp_path / "again.mid")
    assert "1/16+1/8t: onsets moved by" in result.err
    assert read(tmp_path / "page.abc").parts[0].onset.tolist() == [0, Q, 2 * Q]
    assert (read(tmp_path / "again.mid").parts[0].onset % (Q // 4)).any()
    run("render", tmp_path / "late.mid", "--grid", "none", "-o", tmp_path / "page.abc")
    assert (read(tmp_path / "page.abc").parts[0].onset % (Q // 4)).any()
