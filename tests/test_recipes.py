"""Training by command: what a generator learns from, and its settings as text."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from composer.pipeline import Composer
from composer.recipes import set_values
from composer.registry import GENERATORS, resolve
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q

SCALE = np.array([0, 2, 4, 5, 7, 9, 11])
QUICK = ("--set", "iterations=3", "--set", "sweeps=2")


def hymn(seed: int, voices: int = 4, bars: int = 4) -> Score:
    """Quarters and halves in as many voices, an octave apart at the most."""
    rng, parts = np.random.default_rng(seed), []
    for voice in range(voices):
        lengths = rng.permutation([1] * bars * 2 + [2] * bars) * Q
        pitches = 72 - 7 * voice - 7 * voice % 12 + SCALE[rng.integers(0, 7, len(lengths))]
        parts.append(Part.of(np.cumsum(lengths) - lengths, pitches, lengths))
    return Score.of(parts, key="C")


@pytest.fixture
def hymns(tmp_path: Path) -> Path:
    return _written(tmp_path / "hymns", [hymn(seed) for seed in range(10)])


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    return _written(tmp_path / "tunes", [hymn(seed, voices=1) for seed in range(10)])


def _written(folder: Path, scores: list[Score]) -> Path:
    folder.mkdir()
    for number, score in enumerate(scores):
        score.write(folder / f"{number}.mid")
    return folder


def test_maxent_learns_the_voices_there_are(run, hymns: Path, tunes: Path) -> None:
    for folder, voices in ((hymns, 4), (tunes, 1)):
        result = run("train", "maxent", "--corpus", folder, "-o", "m.safetensors", *QUICK, "--json")
        assert result.code == 0, result.err
        answer = json.loads(result.out, parse_constant=pytest.fail)
        assert answer["encoding"] == "voices"
        assert answer["settings"]["iterations"] == 3
        assert answer["test"]["pseudo_nats_per_cell"] > 0
        model = Composer.load("m.safetensors")
        assert model.encoding.width == model.generator.width_ == voices
        sketch = Sketch.blank(bars=2, voices=voices) if voices > 1 else Sketch.blank(bars=2)
        score = model.complete(sketch, seed=1)
        assert len(score.parts) == voices
        assert score.metadata["copied"].startswith("longest run shared with the corpus")


def test_the_voices_are_what_most_pieces_have(run, tmp_path: Path) -> None:
    drums = Part.of([0], [40], [Q], drums=True)
    scores = [hymn(seed, voices=2 if seed else 5) for seed in range(12)]
    folder = _written(tmp_path / "mixed", [Score.of([*score.parts, drums], key="C") for score in scores])
    assert (
        run(
            "train", "markov", "--corpus", folder, "-o", "m.safetensors", "--encoding", "voices", "--set", "order=2"
        ).code
        == 0
    )
    assert Composer.load("m.safetensors").encoding.width == 2


def test_other_generators_still_learn_melodies_of_a_folder(run, hymns: Path) -> None:
    assert run("train", "markov", "--corpus", hymns, "-o", "m.safetensors").code == 0
    assert Composer.load("m.safetensors").encoding.name == "melody"


def test_a_grid_can_be_asked_for(run, tunes: Path) -> None:
    options = ["--encoding", "voices", "--steps-per-quarter", 12, "--set", "order=2", "--json"]
    result = run("train", "markov", "--corpus", tunes, "-o", "m.safetensors", *options)
    assert result.code == 0, result.err
    assert json.loads(result.out)["encoding_options"] == {"per_quarter": 12, "voices": 1}
    assert "`voices`: per quarter 12, voices 1 |" in Path("m.md").read_text()
    model = Composer.load("m.safetensors")
    assert model.encoding.grid == Q // 12
    assert model.complete(Sketch.blank(bars=2, meter="6/8"), seed=1).end == 6 * Q


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--steps-per-quarter", "11", "--encoding", "voices"], "11 steps a quarter: take 4 (16ths), 12"),
        (["--steps-per-quarter", "12"], "melody has a grid of its own; take voices or pianoroll"),
    ],
)
def test_grids_that_are_none_are_refused_in_one_line(run, tunes: Path, options: list[str], told: str) -> None:
    result = run("train", "markov", "--corpus", tunes, "-o", "m.safetensors", *options)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert told in result.err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["--encoding", "melody"], "take the encoding voices"),
        (["--encoding", "pianoroll"], "up to 16 voices, and these have 88; take the encoding voices"),
        (["--set", "order=3"], "maxent has the settings hold, silence, fields"),
        (["--set", "lags=2,3"], "lags (2, 3)"),
        (["--set", "lags=one"], "'one' is not a value like 1"),
        (["--set", "fields=position,moon"], "there is no feature 'moon'; the encoding gives meter"),
        (["--set", "rhythms="], "name one feature or more"),
        (["--set", "period=60"], "octaves have 1 to 16 values"),
        (["--set", "iterations=0"], "iterations 1 or more"),
        (["--set", "l2=-1"], "nothing below 0"),
        (["--set", "sweeps=none"], "'none' is not a value like 30"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(run, tunes: Path, settings: list[str], told: str) -> None:
    result = run("train", "maxent", "--corpus", tunes, "-o", "m.safetensors", *settings)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert told in result.err
    assert not Path("m.safetensors").exists()


@pytest.mark.parametrize(
    "settings",
    [
        ["hold=null"],
        ["silence=none"],
        ["fields=", "harmony="],
        ["lags=1,2,4"],
        ["l1=1e-4"],
        ["rhythms=beat,position+mode"],
    ],
)
def test_settings_as_text_train_and_load(run, tunes: Path, settings: list[str]) -> None:
    chosen = [text for setting in settings for text in ("--set", setting)]
    result = run("train", "maxent", "--corpus", tunes, "-o", "m.safetensors", *QUICK, *chosen)
    assert result.code == 0, result.err
    model = Composer.load("m.safetensors")
    expected = set_values(model.generator, settings)
    assert {name: getattr(model.generator, name) for name in expected} == expected
    assert model.complete(Sketch.blank(bars=2), seed=1) == model.complete(Sketch.blank(bars=2), seed=1)


@pytest.mark.parametrize("name", GENERATORS)
def test_settings_have_the_types_of_their_fields(name: str) -> None:
    made = resolve(GENERATORS[name])()
    for field in (field for field in dataclasses.fields(made) if field.init):
        usual = getattr(made, field.name)
        text = ",".join(map(str, usual)) if isinstance(usual, tuple) else str(usual)
        assert set_values(made, [f"{field.name}={text}"]) == {field.name: usual}


def test_a_card_stands_beside_every_model_and_its_words_survive(run, tunes: Path) -> None:
    command = ("train", "markov", "--corpus", tunes, "-o", "m.safetensors", "--set", "order=2")
    answer = json.loads(run(*command, "--json").out)
    assert answer["beside"] == ["m.md"]
    card = Path("m.md").read_text()
    for text in ("`markov`: order 2", " pieces |", "| split | ", "| licence", "nats per event", "| machine | device "):
        assert text in card
    assert f"`composer train markov --corpus {tunes} -o m.safetensors --set order=2 --json`" in card
    Path("m.md").write_text(card.replace("# m\n", "# m\n\nMine.\n") + "\nKnown limits: none.\n")
    assert run(*command[:-1], "order=3").code == 0
    again = Path("m.md").read_text()
    assert ("order 3" in again, "order 2" in again, again.count("| encoding |")) == (True, False, 1)
    assert again.startswith("# m\n\nMine.\n")
    assert again.endswith("\n\nKnown limits: none.\n")


def test_a_page_that_is_no_card_is_not_written_over(run, tunes: Path) -> None:
    Path("m.md").write_text("| my | notes |\n")
    result = run("train", "markov", "--corpus", tunes, "-o", "m.safetensors")
    assert (result.code, "m.md: stands where the model card goes" in result.err) == (2, True)
    assert Path("m.md").read_text() == "| my | notes |\n"
    assert not Path("m.safetensors").exists()


def test_what_is_trained_by_gradient_has_a_curve_and_goes_on_from_its_folder(run, tunes: Path, monkeypatch) -> None:
    monkeypatch.setitem(GENERATORS, "toy", "toy_net:Toy")
    command = ("train", "toy", "--corpus", tunes, "-o", "m.safetensors", "--device", "cpu")
    result = run(*command)
    assert result.code == 0, result.err
    assert "step 60 of 60" in result.err
    assert sorted(path.name for path in Path().glob("m*")) == ["m.curve.png", "m.md", "m.safetensors"]
    assert "steps 60, best step " in Path("m.md").read_text()
    assert run(*command, "--folder", "kept").code == 0
    again = run(*command, "--folder", "kept")
    assert (again.code, "step " in again.err) == (0, False)  # there was nothing left to do
    Path("kept/checkpoint.safetensors").write_bytes(b"nothing")
    broken = run(*command, "--folder", "kept")
    assert (broken.code, broken.err.count("\n")) == (1, 1)
    assert "kept/checkpoint.safetensors: is not a whole checkpoint" in broken.err


TINY = [option for sets in ("hidden=4", "width=4", "steps=2", "window=16", "every=1") for option in ("--set", sets)]


def test_the_biaxial_network_is_trained_as_the_command_says(run, hymns: Path) -> None:
    command = ("train", "biaxial", "--corpus", hymns, "-o", "m.safetensors", *TINY)
    result = run(*command, "--folder", "kept")
    assert result.code == 0, result.err
    assert "step 1 of 2" in result.err
    assert sorted(path.name for path in Path().glob("m*")) == ["m.curve.png", "m.md", "m.safetensors"]
    assert Path("kept/checkpoint.safetensors").exists()
    assert run(*command, "--set", "features=").code == 0
    for asked in (["--device", "cuda:77"], ["--device", "nonsense"], ["--precision", "float16"]):
        refused = run(*command, *asked)
        assert (refused.code, refused.err.count("\n"), asked[0] in refused.err) == (2, 1, True)


def test_what_is_not_trained_by_gradient_takes_no_device(run, tunes: Path) -> None:
    result = run("train", "markov", "--corpus", tunes, "-o", "m.safetensors", "--device", "cpu", "--tensorboard")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "--device, --tensorboard: markov is not trained by gradient" in result.err


def test_processes_but_the_first_neither_write_nor_talk(run, tunes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    result = run("train", "markov", "--corpus", tunes, "-o", "m.safetensors")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert not list(Path().glob("m.*"))


def test_a_configuration_that_there_is_not_is_told(run, hymns: Path) -> None:
    said = run("train", "biaxial", "--corpus", hymns, "--configuration", "grand", "-o", "x.safetensors")
    assert said.code
    assert "--configuration grand: biaxial has original" in said.err


def test_the_original_network_can_be_trained(run, hymns: Path) -> None:
    small = [item for text in ("hidden=8", "width=8", "steps=2", "window=16") for item in ("--set", text)]
    said = run("train", "biaxial", "--corpus", hymns, "--configuration", "original", *small, "-o", "old.safetensors")
    assert said.code == 0, said.err
    assert Composer.load("old.safetensors").generator.time == "lstm"
    assert Path("old.curve.png").exists()
    assert "best step 2" in Path("old.md").read_text()


def test_the_original_network_learns_lines(run, tunes: Path) -> None:
    """Whose recipe says what the original knows nothing of."""
    small = [item for text in ("hidden=8", "width=8", "steps=2", "window=16") for item in ("--set", text)]
    said = run("train", "biaxial", "--corpus", tunes, "--configuration", "original", *small, "-o", "old.safetensors")
    assert said.code == 0, said.err
    assert Composer.load("old.safetensors").generator.recalls == ()


def test_of_a_split_without_pieces_the_card_says_so(run, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "tune.abc").write_text("X:1\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cBAG|FEDC|]\n")
    assert run("train", "markov", "--corpus", tmp_path / "one", "-o", "m.safetensors").code == 0
    card = Path("m.md").read_text()
    assert "| validation | no pieces |" in card
    assert "None" not in card
