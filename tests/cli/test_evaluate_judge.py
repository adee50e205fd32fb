"""``composer evaluate`` judges: one run on a small corpus from the model to the page, and one line for bad requests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from composer.io import abc
from composer.score import Part, Score

SCALE = np.array([62, 64, 66, 67, 69, 71, 73, 74, 76])
QUARTER = 10080


def tune(number: int) -> Score:
    """Eight bars that walk about a scale and end on the tonic."""
    rng = np.random.default_rng(number)
    steps = np.clip(np.cumsum(rng.integers(-2, 3, size=31)) + 4, 0, len(SCALE) - 1)
    pitch = np.append(SCALE[steps], 62)
    onset = np.arange(32) * QUARTER
    title = f"Walk {number}"
    return Score.of([Part.of(onset, pitch, [QUARTER] * 32)], key="D", metadata={"title": title})


@pytest.fixture
def walks(tmp_path: Path) -> Path:
    (tmp_path / "walks").mkdir()
    for number in range(120):
        (tmp_path / "walks" / f"{number}.abc").write_bytes(abc.dumps(tune(number)))
    return tmp_path / "walks"


@pytest.mark.slow
def test_a_model_of_ones_own_is_judged(
    run: Callable[..., Any], walks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    assert run("train", "markov", "--corpus", walks, "-o", "walks.safetensors", "--set", "order=3").code == 0
    lost = run("evaluate", "--model", "walks.safetensors")
    assert (lost.code, lost.out) == (2, "")
    assert "walks (walks): not judged; say with --corpus in which folder the music is" in lost.err
    ask = ("evaluate", *("--model", "walks.safetensors") * 2, *("--corpus", walks) * 2, "-n", 25)
    result = run(*ask, "--json", "-o", "report.html", "-o", "report.json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert report == json.loads(Path("report.json").read_text())
    (verdict,) = report["verdicts"]
    (judgement,) = verdict["judgements"]
    assert judgement["model"] == "walks"
    assert judgement["samples"] == 25
    assert judgement["tunes"]["bars_add_up"] == 1
    for job in judgement["flexibility"]:
        assert job["asked"] == {"tune": 200, "vary": 150}[job["job"]]
        assert job["satisfied"] == job["completed"]
    assert 0 < judgement["held_out"]["nats_per_quarter"] == judgement["held_out"]["common"]
    assert "walks" in Path("report.html").read_text()
    refused = run(*ask, "--foils", tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "js_fakes are chorales, and none of these models sings in four voices" in refused.err
    again = run(*ask)
    assert again.code == 0, again.err
    assert "walks" in again.out
    kept = list((tmp_path / "cache" / "judged").iterdir())
    assert len(kept) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--generators", "markov,lstm"], "--generators lstm: there are markov, maxent, biaxial"),
        (["--dataset", "JSB_Chorales"], "belongs to --benchmark"),
        (["-n", 24], "-n 24: take 25 to 10000 pieces"),
        (["--seed", -1], "--seed -1"),
        (["-o", "report.pdf"], "report.pdf: a report is .html or .json"),
        (["-o", "nowhere/report.html"], "-o nowhere/report.html: give the name of a file, in a folder that is there"),
        (["--model", "nothing-here"], "there is no model of this name"),
        (
            ["--generators", "markov", "--foils", "nowhere"],
            "--foils nowhere: there is no js-fakes-16thSeparated.npz in it",
        ),
        (["--corpus", "nowhere", "--generators", "maxent"], "'nowhere' is neither a corpus"),
    ],
)
def test_what_cannot_be_asked_is_one_line(run: Callable[..., Any], arguments: list[object], told: str) -> None:
    result = run("evaluate", *arguments)
    assert result.code == 2
    assert told in result.err
    assert result.err.count("\n") == 1
