"""The benchmark: data that are not the published ones are refused, figures are pooled exact joints, gaps are told."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from composer.corpora.benchmark import Benchmark
from composer.encodings.pianoroll import PianoRoll
from composer.errors import ReadError
from composer.evaluation.benchmark import (
    MARKOV,
    PUBLISHED,
    Published,
    benchmark_models,
    evaluate,
    fitted,
    in_d,
    known_beforehand,
    one_gram,
    read_set,
)
from composer.generators.markov import Markov
from composer.inference.sequence import Constraints, Sequence
from composer.pipeline import Composer

NAME = "JSB_Chorales"


def roll(frames: list[tuple[int, ...]]) -> np.ndarray:
    events = np.zeros((len(frames), 88), dtype=np.int32)
    for step, notes in enumerate(frames):
        events[step, list(notes)] = 1
    return events


TRAIN = [roll([(30, 40), (31, 41), (30, 40), ()] * 3), roll([(30, 42), (31, 41)])]
TEST = [roll([(30, 40), (31, 41), (30, 40)]), roll([(30, 86)])]
FRAMES = (14, 3, 4)


def column(*pieces: np.ndarray) -> np.ndarray:
    cells = np.empty((len(pieces), 1), dtype=object)
    cells[:, 0] = pieces
    return cells


def written(folder: Path, name: str = NAME, test: list[np.ndarray] = TEST) -> Path:
    path = folder / f"{name}.mat"
    splits = {"traindata": column(*TRAIN), "validdata": column(TEST[0]), "testdata": column(*test)}
    savemat(path, splits)
    return path


def tiny() -> Benchmark:
    return Benchmark(*(list(map(known_beforehand, pieces)) for pieces in (TRAIN, TEST[:1], TEST)))


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the tiny set were the published one."""
    monkeypatch.setitem(PUBLISHED, NAME, Published(round(one_gram(tiny()), 2), FRAMES))


class Known:
    """Frames of no note have no probability; all else is worth a nat a note."""

    def log_prob(self, sequence: Sequence, constraints: Constraints | None = None) -> np.ndarray:
        count = sequence.events.sum(axis=1)
        return np.where(count > 0, -count, -np.inf)


def saved(folder: Path, name: str, **info: object) -> Path:
    model = Composer(PianoRoll(), Markov(2, ("phase",), base="previous").fit(tiny().train))
    path = folder / f"{name}.safetensors"
    path.write_bytes(model.dumps(info))
    return path


@pytest.mark.usefixtures("published")
def test_the_published_set_is_read_with_its_phase(tmp_path: Path) -> None:
    found = read_set(written(tmp_path), NAME)
    assert found.train[0].events.tolist() == TRAIN[0].tolist()
    assert found.train[0].context["phase"].tolist() == list(range(12))


@pytest.mark.usefixtures("published")
def test_other_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"JSB_Chorales\.mat: is not JSB_Chorales as published: it has \(14, 3, 3\)"):
        read_set(written(tmp_path, test=TEST[:1]), NAME)
    moved = [np.roll(piece, 1, axis=1) for piece in TEST]
    with pytest.raises(ReadError, match=r"as published: independent notes give -\d+\.\d\d .* nothing is measured"):
        read_set(written(tmp_path, test=moved), NAME)


def test_figures_are_pooled_over_frames_and_signed() -> None:
    found = evaluate({NAME: tiny()}, {("known", NAME): _composer(Known())}, lambda share: None)
    assert found.table["known"] == {NAME: pytest.approx(-(2 + 2 + 2 + 2) / 4)}
    assert found.table["known, in D"] == {NAME: pytest.approx(-(2 + 2 + 2 + 1) / 4)}  # a note fell off
    assert found.table["1-gram"] == {NAME: one_gram(tiny())}
    markov = fitted(MARKOV[NAME], tiny())
    total = sum(float(markov.log_prob(known_beforehand(events)).sum()) for events in TEST)
    assert found.table["markov"] == {NAME: pytest.approx(total / 4)}
    assert any(note.startswith("markov, JSB_Chorales: fitted just now (order 6") for note in found.notes)
    assert "JSB_Chorales, in D: 1 notes of test fall off the keyboard, and are left out" in found.notes


def test_what_is_missing_or_impossible_is_none_and_told() -> None:
    data = tiny()
    silent = data._replace(test=[known_beforehand(roll([(30,), ()]))])
    found = evaluate({NAME: silent}, {("known", NAME): _composer(Known())}, lambda share: None)
    assert found.table["biaxial"] == found.table["biaxial, in D"] == found.table["known"] == {NAME: None}
    assert "biaxial, JSB_Chorales: missing, there is no model" in found.notes
    assert "known, JSB_Chorales: 1 frames of test have no probability" in found.notes


def test_progress_never_goes_back_and_ends_at_one() -> None:
    shares: list[float] = []
    evaluate({NAME: tiny()}, {("known", NAME): _composer(Known())}, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] < 1 <= shares[-1] + 0.2


def test_moved_to_d_is_a_whole_tone_up() -> None:
    pieces, lost = in_d(tiny().test)
    assert [np.argwhere(piece.events).tolist() for piece in pieces] == [
        [[0, 32], [0, 42], [1, 33], [1, 43], [2, 32], [2, 42]],
        [[0, 32]],
    ]
    assert lost == 1
    assert tiny().test[1].events[0, 86] == 1  # what was given stays


def test_models_are_found_by_data_set_and_told_apart(tmp_path: Path) -> None:
    saved(tmp_path, "a", use="benchmark", dataset=NAME)
    saved(tmp_path, "b", use="benchmark", dataset="MuseData")
    found = benchmark_models([tmp_path, tmp_path / "nothing"])
    assert list(found) == [("markov (a)", NAME), ("markov (b)", "MuseData")]
    table = evaluate({NAME: tiny()}, found, lambda share: None).table
    assert table["markov (a)"][NAME] == pytest.approx(
        sum(float(found["markov (a)", NAME].generator.log_prob(piece).sum()) for piece in tiny().test) / 4
    )
    assert table["markov (b)"] == {NAME: None}


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"dataset": NAME}, "is no model of a benchmark"),
        ({"use": "benchmark"}, "is no model of a benchmark"),
        ({"use": "benchmark", "dataset": "Folk"}, "is no model of a benchmark"),
        ({"use": "benchmark", "dataset": [NAME]}, "is no model of a benchmark"),
    ],
)
def test_other_models_are_refused(tmp_path: Path, info: dict[str, object], words: str) -> None:
    path = saved(tmp_path, "model", **info)
    with pytest.raises(ReadError, match=words) as caught:
        benchmark_models([tmp_path])
    assert str(caught.value).startswith(str(path))


def test_models_of_other_frames_or_without_a_likelihood_are_refused(tmp_path: Path) -> None:
    narrow = Sequence(np.ones((4, 12), dtype=np.int32), np.arange(4, dtype=np.int32))
    model = Composer(PianoRoll(60, 12), Markov(2, (), base="previous").fit([narrow]))
    (tmp_path / "x.safetensors").write_bytes(model.dumps({"use": "benchmark", "dataset": NAME}))
    with pytest.raises(ReadError, match=r"x\.safetensors: has no exact likelihood of frames of 88 notes"):
        benchmark_models([tmp_path])


def test_a_model_that_cannot_be_measured_is_named(tmp_path: Path) -> None:
    piece = known_beforehand(TRAIN[0])
    model = Markov(2, ("meter",), base="previous").fit(
        [Sequence(piece.events, piece.steps, {"meter": np.zeros(len(piece), dtype=np.int32)})]
    )
    with pytest.raises(ReadError, match=r"odd, JSB_Chorales: cannot be measured: .*'meter'"):
        evaluate({NAME: tiny()}, {("odd", NAME): _composer(model)}, lambda share: None)


def test_the_published_figures_come_out() -> None:
    """On the real data; it runs only where COMPOSER_BENCHMARKS says where they are."""
    folder = os.environ.get("COMPOSER_BENCHMARKS")
    if not folder:
        pytest.skip("NOT MEASURED: COMPOSER_BENCHMARKS does not say where the published .mat files are")
    sets = {name: read_set(Path(folder) / f"{name}.mat", name) for name in PUBLISHED}
    figures = {name: round(one_gram(benchmark), 2) for name, benchmark in sets.items()}
    assert figures == {"JSB_Chorales": -11.06, "Nottingham": -10.25, "MuseData": -11.51, "Piano_midi": -11.05}
    found = evaluate({NAME: sets[NAME]}, {}, lambda share: None)
    assert found.table["markov"][NAME] == pytest.approx(-5.4952, abs=1e-4)


def _composer(generator: object) -> Composer:
    return Composer(PianoRoll(), generator)  # type: ignore[arg-type]
