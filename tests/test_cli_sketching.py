"""complete, vary and continue, and what tune asks for: end to end."""

import json
from pathlib import Path

import numpy as np
import pytest

from composer import read
from composer.io.abc import loads
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

BAR = 4 * Q
TUNE = "X:1\nT:Mine\nM:4/4\nL:1/8\nK:D\nDEFG ABcd|dcBA GFED|DEFG ABcd|d4 D4|]\n"


@pytest.fixture
def tune(run, tmp_path: Path) -> Path:
    path = tmp_path / "mine.abc"
    path.write_text(TUNE)
    return path


def notes(text: str) -> list[tuple[int, int]]:
    part = loads(text.encode(), "printed").parts[0]
    return list(zip(part.onset.tolist(), part.pitch.tolist(), strict=True))


def outside(found: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    return [(onset, pitch) for onset, pitch in found if not start <= onset < end]


def test_complete_a_sketch_file(run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'title = "Small"\nmeter = "6/8"\nkey = "G"\nform = "ABA"\nbars = 12\nrange = "D4:B5"\n'
    )
    result = run("complete", "s.toml", "--seed", 3, "-o", "small.musicxml")
    assert (result.code, "seed 3" in result.err) == (0, True)
    found = notes(result.out)
    turn = 4 * 3 * Q
    assert [n for n in found if n[0] < turn] == [
        (onset - 2 * turn, pitch) for onset, pitch in found if onset >= 2 * turn
    ]
    assert read("small.musicxml").title == "Small"
    assert run("complete", "s.toml", "--seed", 3).out == result.out


def test_complete_a_marked_score(run, tune: Path) -> None:
    tune.write_text(TUNE.replace("dcBA", '"^free"dcBA').replace("d4", '"^/free"d4'))
    result = run("complete", "mine.abc", "--seed", 1, "--json")
    row = json.loads(result.out)["tunes"][0]
    assert outside(notes(row["abc"]), BAR, 3 * BAR) == outside(notes(TUNE), BAR, 3 * BAR)
    assert notes(row["abc"]) != notes(TUNE)
    assert "free" not in row["abc"].partition("K:")[2]


def test_the_schema_is_printed(run) -> None:
    assert "meter" in json.loads(run("complete", "--schema").out)["properties"]


def test_vary_keeps_everything_else(run, tune: Path) -> None:
    result = run("vary", "mine.abc", "--bars", "2", "--bars", "4", "-n", 3, "--seed", 1, "-o", "new.abc")
    assert result.code == 0
    given = [n for n in notes(TUNE) if n[0] // BAR in (0, 2)]
    variants = [read(f"new-{number}.abc") for number in (1, 2, 3)]
    for score in variants:
        found = notes(score.write("x.abc").read_text())
        assert [n for n in found if n[0] // BAR in (0, 2)] == given
    assert len({tuple(score.parts[0].pitch.tolist()) for score in variants}) == 3
    assert tune.read_text() == TUNE


def test_vary_says_where_nothing_became_new(run, tune: Path) -> None:
    same = run("vary", "mine.abc", "--bars", "4", "--wish", "melody=D5 D4", "--wish", "rhythm=1/2", "--seed", 1)
    assert (same.code, notes(same.out)) == (0, notes(TUNE))
    assert "the same notes as before" in same.err
    assert "as before" not in run("vary", "mine.abc", "--bars", "4", "--wish", "avoid=D5", "--seed", 1).err


def test_vary_a_voice_of_a_chorale(run, tmp_path: Path) -> None:
    rows = [[67, 69, 71, 72], [62, 64, 67, 67], [59, 60, 62, 64], [43, 48, 43, 48]]
    score = Score.of([Part.of(np.arange(4) * Q, row, [Q] * 4, name=f"V{n}") for n, row in enumerate(rows, 1)], key="G")
    score.write(tmp_path / "four.musicxml")
    assert run("vary", "four.musicxml", "--voice", "v2", "--seed", 1, "-o", "out.musicxml").code == 0
    again = read("out.musicxml")
    assert [again.parts[v].pitch.tolist() for v in (0, 2, 3)] == [rows[v] for v in (0, 2, 3)]
    assert again.metadata["model"].startswith("chorales-markov")


@pytest.mark.parametrize("suffix", ["abc", "mid", "musicxml"])
def test_continue_adds_bars(run, tune: Path, suffix: str) -> None:
    read(tune).write(f"in.{suffix}")
    result = run("continue", f"in.{suffix}", "--bars", 4, "--seed", 1)
    assert result.code == 0
    found = notes(result.out)
    assert [n for n in found if n[0] < 4 * BAR] == notes(TUNE)
    assert any(onset >= 4 * BAR for onset, _ in found)
    assert all(62 <= pitch <= 74 for _, pitch in found)


def test_tune_has_forms_pickups_and_phrases(run) -> None:
    result = run("tune", "--form", "A A' B A'", "--bars", 16, "--pickup", "1/8", "--phrases", 2, "--seed", 1)
    assert result.code == 0
    score = loads(result.out.encode(), "printed")
    assert (score.pickup, score.end) == (Q // 2, 16 * BAR)
    part = score.parts[0]
    phrase = np.arange(2, 16, 2) * BAR
    assert not any(((part.onset < tick) & (part.offset > tick)).any() for tick in phrase.tolist())


def test_what_is_wished_takes_the_place_of_what_is_usual(run) -> None:
    usual = json.loads(run("tune", "--bars", 4, "--form", "A", "--seed", 1, "--json").out)["tunes"][0]["made"]["sketch"]
    assert "range D4:B5" in usual
    assert "ends on the tonic" in usual
    wished = run(
        "tune", "--bars", 4, "--form", "A", "--seed", 1, "--json", "--for", "fiddle", "--wish", "ends_on=A",
        "--scale", "D pentatonic", "--prefer", "shortest=1/8", "--chords", "D | A | D | A",
        "--wish", "bars 2: longest=1/2",
    )  # fmt: skip
    row = json.loads(wished.out)["tunes"][0]
    assert row["made"]["sketch"].split("; ")[1:] == [
        "range G3:B5 (fiddle)", "scale D pentatonic", "chords D | A | D | A", "ends on A", "bar 2: longest 1/2",
        "rather shortest 1/8 (weight 1)",
    ]  # fmt: skip
    part = loads(row["abc"].encode(), "printed").parts[0]
    assert set(part.pitch % 12) <= {2, 4, 6, 9, 11}
    assert part.pitch[-1] % 12 == 9


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["complete"], 2, "say which sketch"),
        (["complete", "nowhere.toml"], 1, "nowhere.toml: cannot be read"),
        (["complete", "bad.toml"], 1, "bad.toml: is not TOML"),
        (["complete", "odd.toml"], 2, "is it 'meter'?"),
        (["complete", "."], 1, "is a folder"),
        (["complete", "mine.abc"], 2, "nothing in it is marked as free"),
        (["complete", "huge.toml"], 1, "too large"),
        (["vary", "mine.abc"], 2, "say what to compose anew"),
        (["vary", "mine.abc", "--bars", "9"], 2, "outside the 4 written bars"),
        (["vary", "mine.abc", "--bars", "x"], 2, "'bars x'"),
        (["vary", "mine.abc", "--bars", "1", "--voice", "2"], 2, "there is one voice"),
        (["vary", "mine.abc", "--bars", "1", "-o", "mine.abc"], 2, "would be written over"),
        (["vary", "nowhere.abc", "--bars", "1"], 1, "nowhere.abc"),
        (["vary", "mine.abc", "--bars", "1", "--model", "chorales-markov"], 2, "folk-markov"),
        (["vary", "two.abc", "--bars", "1"], 2, "2 voices"),
        (["continue", "mine.abc", "--bars", "0"], 2, "0 bars"),
        (["continue", "mine.abc", "--bars", "1000000"], 2, "1000000 bars"),
        (["tune", "--form", "A B!"], 2, "not a form"),
        (["tune", "--pickup", "7/8", "--meter", "3/4"], 2, "shorter than a bar"),
        (["tune", "--phrases", "0"], 2, "phrases of 0 bars"),
        (["tune", "--wish", "foo=3"], 2, "'foo' is not a wish"),
        (["tune", "--for", "fidle"], 2, "try fiddle"),
        (["tune", "--chords", "H7"], 2, "'H7' is not a chord"),
        (["tune", "--pin", "1.1=D4", "--pin", "1.1=E4"], 2, "pin 1.1=D4 and pin 1.1=E4"),
        (["tune", "--max-copy", "a lot"], 2, "2 bars"),
        (["tune", "--key", "C" * 90_000], 2, "CCC ... CCC"),
        (["tune", "--wish", " " * 90_000 + "x: leap=5"], 2, "'x' says neither bars nor a voice"),
        (
            ["tune", "--bars", "1000", "--form", "A", *["--wish", "leap=5"] * 120],
            2,
            "wishes for 1000 bars are too many",
        ),
        (["tune", *["--prefer", "leap=5"] * 40], 2, "too much to keep apart"),
        (["vary", "a" * 5_000 + ".abc", "--bars", "1"], 1, "cannot be read"),
        (["tune", "--model", "a" * 5_000], 2, "there is no model of this name"),
        (["vary", "mine.abc", "--bars", "1", "--wish", "bars 9: leap=2"], 2, "outside the 4 written bars"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_requests_get_one_line(run, tune: Path, arguments: list[str], code: int, words: str) -> None:
    Path("bad.toml").write_text("bars = = 3")
    Path("odd.toml").write_text('metre = "3/4"')
    Path("two.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nV:1\nCDEF|\nV:2\nCDEF|\n")
    with open("huge.toml", "wb") as file:
        file.truncate(100 * 2**20)
    result = run(*arguments)
    assert (result.code, result.err.count("\n")) == (code, 1), result.err
    assert words in result.err
    assert result.err.startswith("composer: ")
    assert tune.read_text() == TUNE
