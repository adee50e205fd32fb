"""The commands, end to end: what they print, write, refuse, and with which exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import composer
from composer import cli

FIXTURES = Path(__file__).parent.parent / "corpora" / "fixtures"


class Run:
    """One call of the command in this process."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["composer", *map(str, arguments)])
        code: object = 0
        try:
            cli.main()
        except SystemExit as stopped:
            code = stopped.code
        captured = capfd.readouterr()
        return Run(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


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
    result = run("train", FIXTURES, "-o", "mine.safetensors", "--set", "order=3", "--json")
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
        (["tune", "--pin", "1.1"], 2, "BAR.BEAT=NOTE"),
        (["tune", "--tempo", "0"], 2, "tempo"),
        (["tune", "--model", "nonsense"], 2, "folk-markov"),
        (["tune", "--model", "chorales-markov"], 2, "folk-markov"),
        (["tune", "--range", "C4:D4", "--pin", "2.1=G5"], 1, "bar 2, beat 1"),
        (["tune", "-o", "tune.docx"], 2, ".abc"),
        (["tune", "-o", "/proc/nowhere/tune.abc"], 1, "/proc/nowhere"),
        (["tune", "-o", "/dev/null/tune.abc"], 1, "cannot be made"),
        (["render", "missing.mid", "-o", "x.abc"], 1, "missing.mid"),
        (["render", "."], 2, "say where"),
        (["render", ".", "-o", "x.abc"], 2, "suffix"),
        (["render", "a-folder.mid", "-o", "x.abc"], 1, "is a folder"),
        (["render", "empty.mid", "-o", "x.abc"], 1, "empty.mid"),
        (["render", "empty.abc", "-o", "x.mid"], 1, "empty.abc"),
        (["render", "empty.musicxml", "-o", "x.mid"], 1, "empty.musicxml"),
        (["render", "empty.mxl", "-o", "x.mid"], 1, "empty.mxl"),
        (["train", "empty.d", "-o", "x.safetensors"], 2, "holds no music"),
        (["train", "nowhere", "-o", "x.safetensors"], 2, "nowhere"),
        (["train", "folk", "-o", "x.bin"], 2, ".safetensors"),
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


@pytest.mark.parametrize("command", ["tune", "train", "corpora", "render", "play"])
def test_every_command_explains_itself_with_an_example(run, command: str) -> None:
    result = run(command, "--help")
    assert result.code == 0
    assert f"composer {command}" in result.out


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; from composer import cli; print(sorted({'numpy', 'torch', 'music21'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


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
