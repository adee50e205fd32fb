"""Benchmarks are the user's files: read as published, and refused in one line where they are something else."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from composer.corpora import benchmark
from composer.corpora.benchmark import jsb_json, poly_mat
from composer.errors import ReadError

KEYS = ("traindata", "validdata", "testdata")
CHORALE = [[60, 55, 52, 48], [62, 55, 53, -1]]


def roll(length: int, *notes: int) -> np.ndarray:
    events = np.zeros((length, 88))
    events[:, list(notes)] = 1
    return events


def cells(*pieces: np.ndarray) -> np.ndarray:
    column = np.empty((len(pieces), 1), dtype=object)
    column[:, 0] = pieces
    return column


def written(folder: Path, **changed: object) -> Path:
    splits = {key: cells(roll(3 + k, 0, 40 + k), roll(2, 87)) for k, key in enumerate(KEYS)} | changed
    path = folder / "set.mat"
    savemat(path, {key: value for key, value in splits.items() if value is not None}, do_compression=True)
    return path


def test_piano_rolls_keep_splits_order_and_notes(tmp_path: Path) -> None:
    found = poly_mat(written(tmp_path))
    assert [[len(piece) for piece in split] for split in found] == [[3, 2], [4, 2], [5, 2]]
    assert np.flatnonzero(found.validation[0].events[1]).tolist() == [0, 41]
    assert found.test[1].events.dtype == np.int32
    assert found.train[0].steps.tolist() == [0, 1, 2]


def test_frames_know_their_number_modulo_16(tmp_path: Path) -> None:
    (piece,) = poly_mat(written(tmp_path, traindata=cells(roll(18, 3)))).train
    assert piece.context["phase"].tolist() == [*range(16), 0, 1]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"testdata": None}, "testdata"),
        ({"testdata": cells(roll(3, 1)[:, :80])}, "88 numbers"),
        ({"testdata": cells(roll(3, 1) * 2)}, "other values"),
        ({"testdata": cells(roll(3, 1) * np.nan)}, "other values"),
        ({"testdata": cells(roll(0, 1))}, "88 numbers"),
        ({"testdata": "words"}, "88 numbers"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, changed: dict[str, object], words: str) -> None:
    with pytest.raises(ReadError, match=words) as caught:
        poly_mat(written(tmp_path, **changed))
    assert "set.mat" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(30))
def test_damaged_files_are_read_errors(tmp_path: Path, seed: int) -> None:
    path, rng = written(tmp_path), np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for place in rng.integers(0, len(data), 8):
        data[place] = rng.integers(256)
    path.write_bytes(data[: rng.integers(100, len(data) + 1)])
    with pytest.raises(ReadError) as caught:
        poly_mat(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "MAX_UNPACKED", 10_000)
    bomb = zlib.compress(bytes(100_000))
    path = tmp_path / "bomb.mat"
    path.write_bytes(written(tmp_path).read_bytes()[:128] + struct.pack("<II", 15, len(bomb)) + bomb)
    with pytest.raises(ReadError, match="unpacks to more"):
        poly_mat(path)


def test_chorales_keep_voices_and_silence(tmp_path: Path) -> None:
    path = tmp_path / "chorales.json"
    path.write_text(json.dumps({"train": [CHORALE, CHORALE[:1]], "valid": [CHORALE], "test": [CHORALE]}))
    found = jsb_json(path)
    assert [len(split) for split in found] == [2, 1, 1]
    assert found.train[0].events.tolist() == CHORALE


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[" * 100_000,
        "[]",
        "7",
        '{"train": [], "valid": []}',
        '{"train": [[[60, 55, 52]]], "valid": [], "test": []}',
        '{"train": [[[60, 55, 52, 1e400]]], "valid": [], "test": []}',
        '{"train": [[[60, 55, 52, 128]]], "valid": [], "test": []}',
        '{"train": [[[60, 55, 52, 40.5]]], "valid": [], "test": []}',
        '{"train": [[[60, 55, 52, "a"]]], "valid": [], "test": []}',
        '{"train": [[[60, 55, 52, 48], [60]]], "valid": [], "test": []}',
        '{"train": [[]], "valid": [], "test": []}',
        '{"train": 5, "valid": [], "test": []}',
    ],
)
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "chorales.json"
    path.write_text(text)
    with pytest.raises(ReadError, match=r"chorales\.json") as caught:
        jsb_json(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for reader in (poly_mat, jsb_json):
        with pytest.raises(ReadError, match="cannot be read"):
            reader(tmp_path / "nothing")
    monkeypatch.setattr(benchmark, "MAX_FILE", 10)
    for reader in (poly_mat, jsb_json):
        with pytest.raises(ReadError, match="larger than"):
            reader(written(tmp_path))
