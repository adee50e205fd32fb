"""Reading and writing files: whole or not at all, and one clear line where it cannot be."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from composer import Score, read
from composer.errors import ReadError, UsageError, WriteError
from composer.io import read_bytes, suffix_of, write, write_bytes
from composer.registry import FORMATS
from composer.score import Part
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Tempo

TUNE = Score.of([Part.of([0, Q], [62, 65], [Q, Q])], meter="6/8", tempo=Tempo(80, 3 * Q // 2), key="D minor")


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_and_back(tmp_path: Path) -> None:
    for name in ("tune.mid", "Tune.MIDI"):
        assert TUNE.write(tmp_path / name) == tmp_path / name
        assert read(tmp_path / name) == TUNE.respelled()
        assert read(str(tmp_path / name), grid="1/4").metadata["quantization"].startswith("1/4: ")


def test_the_longest_suffix_counts() -> None:
    assert suffix_of("a/b.roll.png") == ".roll.png"
    assert suffix_of(Path("B.PNG")) == ".png"
    for name in ("tune", "tune.doc", "mid"):
        with pytest.raises(UsageError, match=r"no format has this suffix; use one of \.mid"):
            suffix_of(name)


def test_formats_for_one_direction_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tune\.wav: cannot be read as music"):
        read(tmp_path / "tune.wav")
    assert {".mid", ".abc", ".musicxml"} <= set(FORMATS)


def test_a_file_that_is_replaced_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "tune.mid"
    path.write_bytes(b"x" * 100_000)
    write(TUNE, path)
    assert read(path) == TUNE.respelled()
    assert left_in(tmp_path) == ["tune.mid"]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_bytes(b"x", tmp_path / "a")
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "is a folder; give a file"),
        (lambda path: None, r"cannot be read \(No such file"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: path.touch(), "not a MIDI file"),
    ],
    ids=["folder", "missing", "loop", "empty"],
)
def test_what_cannot_be_read(tmp_path: Path, make: object, words: str) -> None:
    path = tmp_path / "tune.mid"
    make(path)  # type: ignore[operator]
    with pytest.raises(ReadError, match=words) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_names_that_no_file_can_have() -> None:
    with pytest.raises(ReadError, match="cannot be read"):
        read("a\0b.mid")
    with pytest.raises(WriteError, match="cannot be written"):
        write(TUNE, "a\0b.mid")


def test_files_that_never_end_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.io.MAX_FILE", 2**20)
    with pytest.raises(ReadError, match="is larger than 1 MB"):
        read_bytes("/dev/zero")


@pytest.mark.parametrize("name", ["folder", "folder/none/tune.mid", "file/tune.mid"])
def test_what_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(WriteError) as caught:
        write_bytes(b"x", tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert left_in(tmp_path) == ["file", "folder"]
    assert left_in(tmp_path / "folder") == []


def test_what_is_no_file_stays_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WriteError, match="pipe: is not a file"):
        write_bytes(b"x", tmp_path / "pipe")
    assert (tmp_path / "pipe").is_fifo()
    assert left_in(tmp_path) == ["pipe"]


def test_nothing_is_left_where_writing_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(b"x", tmp_path / "a")
    assert left_in(tmp_path) == []


def test_a_place_that_takes_no_files() -> None:
    with pytest.raises(WriteError, match=r"^/proc/tune\.mid: cannot be written"):
        write(TUNE, "/proc/tune.mid")


@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "os.chmod"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "tune.mid"
    path.write_bytes(b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(step, full)
    with pytest.raises(WriteError, match=r"cannot be written \(No space left on device"):
        write(TUNE, path)
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["tune.mid"]


LIMITED = """
import resource, sys
from composer.errors import WriteError
from composer.io import write_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_bytes(b"new" * 1000, sys.argv[1])
except WriteError as error:
    sys.exit(str(error))
"""


def test_a_disk_that_fills_up_while_writing(tmp_path: Path) -> None:
    path = tmp_path / "tune.mid"
    path.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"{path}: cannot be written (File too large)\n")
    assert path.read_bytes() == b"old"
    assert left_in(tmp_path) == ["tune.mid"]


WRITER = """
import os, sys
from composer.io import write_bytes
real = os.fsync
def slow(fd):
    real(fd); print("written", flush=True); sys.stdin.read()
os.fsync = slow
write_bytes(b"new" * 100_000, sys.argv[1])
"""


def test_killed_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "tune.mid"
    path.write_bytes(b"old")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"old"
