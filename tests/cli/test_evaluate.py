"""``composer evaluate``: the table, the JSON, and one line for whatever is wrong."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save
from scipy.io import savemat

from composer.corpora.benchmark import Benchmark
from composer.encodings.pianoroll import PianoRoll
from composer.evaluation.benchmark import PUBLISHED, Published, known_beforehand, one_gram
from composer.generators.markov import Markov
from composer.pipeline import Composer

BENCHMARK = ("evaluate", "--benchmark", "boulanger-lewandowski")
NAME = "JSB_Chorales"
PIECE = np.zeros((8, 88), dtype=np.int32)
PIECE[:, 30] = PIECE[::2, 40] = 1


def cells(*pieces: np.ndarray) -> np.ndarray:
    column = np.empty((len(pieces), 1), dtype=object)
    column[:, 0] = pieces
    return column


def written(folder: Path, name: str = NAME, **more: object) -> Path:
    splits = {key: cells(PIECE, PIECE[:3]) for key in ("traindata", "validdata", "testdata")}
    savemat(folder / f"{name}.mat", splits | more)
    return folder / f"{name}.mat"


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of benchmark models; and the tiny set is as if published, of which no other is told."""
    pieces = [known_beforehand(PIECE), known_beforehand(PIECE[:3])]
    figure = round(one_gram(Benchmark(pieces, pieces, pieces)), 2)
    monkeypatch.setitem(PUBLISHED, NAME, Published(figure, (11, 11, 11)))
    monkeypatch.delenv("COMPOSER_BENCHMARKS", raising=False)
    monkeypatch.setattr("composer.shipped.folders", lambda kind: [tmp_path / "models"])
    (tmp_path / "models" / "benchmarks").mkdir(parents=True)
    return tmp_path / "models" / "benchmarks"


def model(**info: object) -> bytes:
    pieces = [known_beforehand(PIECE)]
    return Composer(PianoRoll(), Markov(2, ("phase",), base="previous").fit(pieces)).dumps(info)


def test_json_is_figures_by_generator_and_data_set(run: Callable[..., Any], models: Path, tmp_path: Path) -> None:
    written(tmp_path)
    (models / "mine.safetensors").write_bytes(model(use="benchmark", dataset=NAME))
    result = run(*BENCHMARK, "--data", tmp_path, "--json")
    assert result.code == 0, result.err
    table = json.loads(result.out)
    rows = ["1-gram", "markov", "markov, in D", "biaxial", "biaxial, in D", "markov (mine)", "markov (mine), in D"]
    assert list(table) == rows
    assert all(set(figures) == set(PUBLISHED) for figures in table.values())
    assert all(figures["MuseData"] is None for figures in table.values())
    assert table["markov (mine)"][NAME] < 0
    assert table["biaxial"][NAME] is None
    assert "markov, JSB_Chorales: fitted just now" in result.err
    assert "biaxial, JSB_Chorales: missing, there is no model" in result.err
    assert all(f"{name}: missing, " in result.err for name in PUBLISHED if name != NAME)


def test_a_table_of_what_was_asked_for(
    run: Callable[..., Any], models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSER_BENCHMARKS", str(tmp_path))
    written(tmp_path)
    result = run(*BENCHMARK, "--dataset", NAME)
    lines = [line.split() for line in result.out.splitlines()]
    assert result.code == 0, result.err
    assert lines[0] == [NAME]
    assert float(lines[1][-1]) == pytest.approx(PUBLISHED[NAME].one_gram, abs=0.005)
    assert lines[-1] == ["biaxial,", "in", "D", "missing"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--dataset", "Folk"), 2, "--dataset Folk: the sets are JSB_Chorales, Nottingham"),
        ((), 2, "ICML 2012"),
        (("--data", "nothing"), 1, "nothing/JSB_Chorales.mat: is not there"),
        (("--data", ".", "--dataset", "MuseData"), 1, "MuseData.mat: is not there"),
    ],
)
def test_what_cannot_be_found_is_told(
    run: Callable[..., Any], models: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    written(tmp_path)
    result = run(*BENCHMARK, *arguments)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert result.err.count("\n") == 1


def test_another_benchmark_is_told(run: Callable[..., Any]) -> None:
    result = run("evaluate", "--benchmark", "mine")
    assert (result.code, result.err) == (2, "composer: --benchmark mine: there is boulanger-lewandowski\n")


def test_damaged_and_other_data_are_one_line(run: Callable[..., Any], models: Path, tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    for data in (whole[: len(whole) // 2], b"", pickle.dumps({"traindata": 1})):
        path.write_bytes(data)
        assert _refused(run, tmp_path) == "is not a .mat file of piano rolls, or is damaged"
    savemat(path, {"other": np.zeros(3)})
    assert _refused(run, tmp_path) == "is not a .mat file of piano rolls, or is damaged"
    written(tmp_path, testdata=cells(PIECE))
    assert _refused(run, tmp_path) == "is not JSB_Chorales as published: it has"


def _refused(run: Callable[..., Any], folder: Path) -> str:
    result = run(*BENCHMARK, "--data", folder, "--json")
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    named = f"composer: {folder / NAME}.mat: "
    assert result.err.startswith(named)
    return result.err.removeprefix(named).partition(" (")[0]


GOOD = {"use": "benchmark", "dataset": NAME}


def _retold(**changed: object) -> bytes:
    """A model whose header says something else."""
    data = model(**GOOD)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["composer"])
    return bytes(save({"a": np.zeros(1)}, metadata={"composer": json.dumps(header | changed)}))


@pytest.mark.parametrize(
    "data",
    [
        model(**GOOD)[:-7],
        model(**GOOD)[:100],
        b"",
        pickle.dumps({"weights": [1.0]}),
        _retold(format="composer model 9"),
        _retold(generator={"name": "triaxial", "metadata": {}}),
        _retold(generator={"name": "maxent", "metadata": {}}),
        _retold(),
        bytes(save({"a": np.zeros(1)}, metadata={"composer": "[" * 100_000})),
        bytes(save({"a": np.zeros(1)})),
    ],
    ids=["cut", "header cut", "empty", "pickle", "version", "unknown", "other", "arrays", "nested", "foreign"],
)
def test_damaged_and_foreign_models_are_one_line(
    run: Callable[..., Any], models: Path, tmp_path: Path, data: bytes
) -> None:
    written(tmp_path)
    (models / "bad.safetensors").write_bytes(data)
    result = run(*BENCHMARK, "--data", tmp_path)
    assert (result.code, result.out) == (1, "")
    assert f"{models / 'bad.safetensors'}: is not a composer model, or is damaged" in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        ("tune", "--bars", 4, "--form", "A"),
        ("harmonize", "tune.abc"),
        ("complete", "tune.toml"),
        ("continue", "tune.abc", "--bars", 4),
        ("jam", "--file", "tune.abc"),
    ],
    ids=lambda command: command[0],
)
def test_no_command_composes_with_a_benchmark_model(
    run: Callable[..., Any], models: Path, tmp_path: Path, command: tuple[object, ...]
) -> None:
    (tmp_path / "tune.abc").write_text("X:1\nT:A\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|cBAG|FEDC|\n")
    (tmp_path / "tune.toml").write_text('bars = 4\nform = "A"\n')
    path = models / "mine.safetensors"
    path.write_bytes(model(**GOOD))
    result = run(*command, "--model", path, "-o", tmp_path / "out.abc" if command[0] != "jam" else tmp_path / "out")
    assert result.code == 2, result.err
    assert "it was trained on a public benchmark, which is for measuring only" in result.err
    assert result.err.count("\n") == 1
    assert not list(tmp_path.glob("out*"))
