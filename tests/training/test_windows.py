"""Windows: which steps of which sequences, from memory and from shards."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from composer.errors import ComposerError, ReadError, UsageError
from composer.training import Windows, write_shards
from toy_net import sequences


def numbered(*lengths: int) -> list[dict[str, np.ndarray]]:
    """Sequences whose steps say which they are: from 1 on, and twice as two columns."""
    starts = np.cumsum([1, *lengths])
    steps = [np.arange(start, start + length, dtype=np.int32) for start, length in zip(starts, lengths, strict=False)]
    return [{"n": step, "pair": np.stack([step, step], axis=1)} for step in steps]


def test_windows_are_runs_of_one_sequence_and_nothing_beyond_its_end() -> None:
    data = numbered(40, 3, 9, 1, 17)
    whole = [set(sequence["n"].tolist()) for sequence in data]
    windows = Windows.of(data, length=8, batch=6, seed=1)
    for step in range(50):
        batch = windows.at(step)
        assert batch["n"].shape == batch["mask"].shape == (6, 8)
        assert batch["pair"].shape == (6, 8, 2)
        assert windows.frames_at(step) == batch["mask"].sum()
        for row, pair, mask in zip(batch["n"], batch["pair"], batch["mask"], strict=True):
            kept = row[mask]
            assert np.array_equal(pair, np.stack([row, row], axis=1))
            assert np.all(np.diff(kept) == 1)
            assert any(set(kept.tolist()) <= steps for steps in whole)
            assert not row[~mask].any()
            assert len(kept) == 8 or set(kept.tolist()) in whole


def test_a_step_has_the_same_windows_whenever_it_comes_and_processes_share_them() -> None:
    windows, again = (Windows.of(sequences(), length=16, batch=7, seed=2) for _ in range(2))
    windows.at(1)
    whole = windows.at(5)
    assert np.array_equal(whole["frame"], again.at(5)["frame"])
    assert not np.array_equal(whole["frame"], again.at(6)["frame"])
    shares = [again.at(5, rank, 3)["frame"] for rank in range(3)]
    assert sorted(len(share) for share in shares) == [2, 2, 3]
    rows = {row.tobytes() for share in shares for row in share}
    assert rows == {row.tobytes() for row in whole["frame"]}


def test_every_step_is_as_likely_as_any_other_but_near_the_ends() -> None:
    windows = Windows.of(numbered(100, 5, 60), length=10, batch=20, seed=0)
    counts = np.zeros(166)
    rounds = 2_000
    for step in range(rounds):
        batch = windows.at(step)
        np.add.at(counts, batch["n"][batch["mask"]], 1)
    usual = rounds * 20 * 10 / (100 + 10 + 60)
    inner = np.r_[counts[11:91], counts[101:106], counts[116:156]]
    assert np.all(np.abs(inner / usual - 1) < 0.12)
    assert counts[1:].min() > usual / 3


def test_shards_give_the_windows_that_memory_gives(tmp_path: Path) -> None:
    data = sequences(30)
    write_shards(iter(data), tmp_path / "shards", size=500)
    assert len(list((tmp_path / "shards").glob("*.npy"))) > 5
    memory = Windows.of(data, length=16, batch=5, seed=3)
    mapped = Windows.open(tmp_path / "shards", length=16, batch=5, seed=3)
    assert all(isinstance(shard["frame"], np.memmap) for shard in mapped.shards)
    assert mapped.frames == memory.frames
    for step in range(40):
        one, other = memory.at(step), mapped.at(step)
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_what_is_too_large_for_memory_goes_to_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def one_by_one():
        for sequence in sequences(30):
            taken.append(len(sequence["frame"]))
            yield sequence

    monkeypatch.setattr("composer.training.windows.MEMORY", 2_000)
    whole = Windows.of(sequences(30), length=16, batch=5, seed=3)
    streamed = Windows.of(one_by_one(), length=16, batch=5, seed=3, folder=tmp_path)
    assert len(taken) == 30
    assert (tmp_path / "shards" / "index.json").exists()
    assert isinstance(streamed.shards[0]["frame"], np.memmap)
    assert all(np.array_equal(whole.at(step)["frame"], streamed.at(step)["frame"]) for step in range(20))
    small = Windows.of(sequences(2), length=16, batch=5, seed=3, folder=tmp_path / "small")
    assert not isinstance(small.shards[0]["frame"], np.memmap)
    assert not (tmp_path / "small").exists()


def test_a_small_process_reads_from_shards_larger_than_it(tmp_path: Path) -> None:
    steps = 20_000_000  # of 100 bytes: 2 GB, of which the disk holds nothing
    np.lib.format.open_memmap(tmp_path / "00000.frame.npy", "w+", np.uint8, (steps, 100)).flush()
    starts = list(range(0, steps + 1, 10_000))
    (tmp_path / "index.json").write_text(
        json.dumps({"digest": "", "shards": [{"names": ["frame"], "starts": starts}]}).replace('""', '"zeros"')
    )
    code = (
        "import re, sys; from pathlib import Path; from composer.training import Windows\n"
        "windows = Windows.open(Path(sys.argv[1]), length=96, batch=16, seed=0)\n"
        "print(sum(windows.at(step)['mask'].sum() for step in range(100)))\n"
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    frames, megabytes = map(int, done.stdout.split())
    assert frames == 100 * 16 * 96
    assert megabytes < 300


def test_nothing_to_learn_from_is_one_line(tmp_path: Path) -> None:
    nothing = [{"frame": np.zeros((0, 5), np.uint8)}]
    for data in ([], nothing):
        with pytest.raises(UsageError, match="nothing to train on"):
            Windows.of(data, length=4, batch=2, seed=0)
        write_shards(data, tmp_path)
        with pytest.raises(UsageError, match="nothing to train on"):
            Windows.open(tmp_path, length=4, batch=2, seed=0)


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b'{"shards": []',
        b'{"digest": "x"}',
        b'{"digest": "x", "shards": [{"names": ["frame"], "starts": [0, 7]}]}',
        b'{"digest": "x", "shards": [{"names": ["frame"], "starts": [0, 9, 5]}]}',
        b'{"digest": "x", "shards": [{"names": ["frame"], "starts": []}]}',
        b'{"digest": "x", "shards": [{"names": ["other"], "starts": [0, 5]}]}',
        b'{"digest": "x", "shards": [{"names": ["frame"], "starts": "0"}]}',
        b'{"digest": "x", "shards": [{"names": ["frame"], "starts": [0, 1e300]}]}',
        b'{"digest": "x", "shards": [{"names": [], "starts": [0, 5]}]}',
        b'{"digest": "x", "shards": [{"names": ["frame"], "starts": [0, 5]}, {"names": ["n"], "starts": [0, 5]}]}',
    ],
)
def test_an_index_that_does_not_fit_is_one_line(tmp_path: Path, index: bytes) -> None:
    write_shards([{"frame": np.zeros((5, 2), np.uint8)}, {"frame": np.zeros((5, 2), np.uint8)}], tmp_path, size=10)
    np.save(tmp_path / "00001.n.npy", np.zeros((5, 2), np.uint8))
    (tmp_path / "index.json").write_bytes(index)
    with pytest.raises(ReadError, match=r"index\.json: is not an index"):
        Windows.open(tmp_path, length=4, batch=2, seed=0)


def test_shards_that_were_cut_off_or_hold_objects_are_one_line(tmp_path: Path) -> None:
    write_shards([{"frame": np.zeros((500, 2), np.uint8)}], tmp_path)
    path = tmp_path / "00000.frame.npy"
    data = path.read_bytes()
    for cut in (0, 5, 60, 128, 700):
        path.write_bytes(data[:cut])
        with pytest.raises(ComposerError):
            Windows.open(tmp_path, length=4, batch=2, seed=0)
    np.save(path, np.array([{}] * 500), allow_pickle=True)
    with pytest.raises(ReadError):
        Windows.open(tmp_path, length=4, batch=2, seed=0)
