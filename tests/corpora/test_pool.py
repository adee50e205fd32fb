"""A file that breaks its reader costs itself alone, and a build that is broken off goes on where it was."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from composer import corpora
from composer.corpora import cache, chunks, pool
from composer.corpora.base import Corpus
from composer.errors import ReadError, WriteError
from frail import Frail

TESTS = Path(__file__).parents[1]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Frail:
    """Twelve files, in chunks of four."""
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr(chunks, "MOST", 4)
    monkeypatch.setattr(chunks, "EVERY", 10**9)
    (tmp_path / "music").mkdir()
    (tmp_path / "log").touch()
    for number in range(12):
        (tmp_path / "music" / f"n{number:02}").write_text("fine")
    return Frail(str(tmp_path / "music"), str(tmp_path / "log"))


def say(source: Frail, **words: str) -> Corpus:
    for name, word in words.items():
        (Path(source.folder) / name).write_text(word)
    return corpora.load_source(source)


@pytest.mark.parametrize("word", ["abort", "exit"])
def test_a_file_that_kills_its_reader_costs_itself_alone(source: Frail, word: str) -> None:
    corpus = say(source, n01=word, n06=word, n07=word)
    assert corpus.rejected == tuple((name, "crashed its reader") for name in ("n01", "n06", "n07"))
    assert [piece.id for piece in corpus] == [f"n{number:02}" for number in (0, 2, 3, 4, 5, 8, 9, 10, 11)]


def test_a_single_death_may_be_bad_luck(source: Frail) -> None:
    corpus = say(source, n01="abort once")
    assert corpus.rejected == ()
    assert len(corpus) == 12


def test_a_file_that_takes_too_long_is_left_out(source: Frail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PATIENCE", 1.0)
    began = time.monotonic()
    corpus = say(source, n02="sleep 100", n03="sleep 0.3")
    assert corpus.rejected == (("n02", "takes longer than 1 s to read"),)
    assert len(corpus) == 11
    assert time.monotonic() - began < 30


def test_a_large_tunebook_has_more_time(tmp_path: Path) -> None:
    path = tmp_path / "tunes.abc"
    path.write_bytes(b"x")
    assert pool.patience(chunks.Item(path)) == 60
    os.truncate(path, 9 * 2**20)
    assert pool.patience(chunks.Item(path)) == 180
    assert pool.patience(chunks.Item(path, 3)) == 60
    assert pool.patience(chunks.Item(tmp_path / "gone.abc")) == 60


def test_a_file_that_takes_too_much_memory_or_finds_a_fault_is_left_out(source: Frail) -> None:
    corpus = say(source, n00="gobble", n01="fail", n02="refuse")
    assert dict(corpus.rejected) == {
        "n00": "needs more memory than a score should",
        "n01": "made its reader fail (KeyError: 'nothing here\\nat all')",
        "n02": f"{source.folder}/n02: is no music",
    }
    assert len(corpus) == 9
    assert len(source.reads()) == 12  # no worker had to be started anew


def test_what_readers_print_is_for_nobody(source: Frail, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(say(source, n00="shout")) == 12
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_any_number_of_workers_makes_the_same_file(source: Frail, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    say(source, n03="refuse")
    path = cache.folder() / "frail.corpus"
    expected = path.read_bytes()
    path.unlink()
    monkeypatch.setattr(pool, "_cores", lambda: cores)
    shares: list[float] = []
    corpora.load_source(source, shares.append)
    assert path.read_bytes() == expected
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_worker_that_cannot_begin_is_an_error_that_shows_its_last_words(
    source: Frail, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Frail):
        """A class that no other process can import."""

    with pytest.raises(RuntimeError, match=r"stopped with code 1:\n(.|\n)*Elsewhere"):
        corpora.load_source(Elsewhere(source.folder, source.log))


def test_a_room_that_cannot_be_written_is_named(source: Frail, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    plan = chunks.plan(source, cache.stamp(source.files()))
    with pytest.raises(WriteError, match="COMPOSER_CACHE"):
        pool.read_chunks(source, plan, tmp_path / "file" / "room", lambda count: None)


PROGRAM = """
import sys
from frail import Frail
from composer import corpora
from composer.corpora import chunks, pool
chunks.MOST, chunks.EVERY = 4, 10**9
pool._cores = lambda: 1
corpora.load_source(Frail(*sys.argv[1:]))
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_a_build_that_is_broken_off_goes_on_where_it_was(source: Frail, sign: signal.Signals) -> None:
    """Two chunks are read, and the first file of the third takes its time."""
    (Path(source.folder) / "n08").write_text("sleep 100")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])}
    command = [sys.executable, "-c", PROGRAM, source.folder, source.log]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while "n08" not in source.reads() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(sign)
    process.communicate(timeout=10)
    assert process.returncode != 0
    assert [path.name for path in cache.folder().iterdir()] == ["frail.parts"]
    assert len(list((cache.folder() / "frail.parts").glob("*.chunk"))) == 2
    before = len(source.reads())
    corpus = say(source, n08="fine")
    assert sorted(source.reads()[before:]) == ["n08", "n09", "n10", "n11"]
    assert len(corpus) == 12
    assert [path.name for path in cache.folder().iterdir()] == ["frail.corpus"]


def test_chunks_that_did_not_change_are_not_read_again(source: Frail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "EVERY", 3)
    before = say(source)
    held = before[0].score
    log = len(source.reads())
    corpus = say(source, n99="fine")
    assert 1 <= len(source.reads()) - log <= 5
    assert [piece.id for piece in corpus] == [*(piece.id for piece in before), "n99"]
    log = len(source.reads())
    (Path(source.folder) / "n00").unlink()
    assert [piece.id for piece in say(source)] == [piece.id for piece in corpus][1:]
    assert len(source.reads()) - log <= 4
    assert before[0].score == held  # a corpus that is open does not mind
    assert len(before[11].score.parts[0]) == 3


def test_a_chunk_that_was_damaged_in_the_room_is_read_again(source: Frail) -> None:
    place = cache.folder() / "frail.parts"
    plan = chunks.plan(source, cache.stamp(source.files()))
    pool.read_chunks(source, plan, place, lambda count: None)
    good = (place / f"{plan[1].key}.chunk").read_bytes()
    (place / f"{plan[1].key}.chunk").write_bytes(good[:-1])
    before = len(source.reads())
    assert len(corpora.load_source(source)) == 12
    assert sorted(source.reads()[before:]) == ["n04", "n05", "n06", "n07"]


def test_a_large_file_is_checked_where_it_is_used(source: Frail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CHECKED", 0)
    corpus = corpora.load_source(source)
    path = cache.folder() / "frail.corpus"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    corpus = corpora.load_source(source)
    assert len(corpus[0].score.parts) == 1
    with pytest.raises(ReadError, match="was damaged, and is removed; load the corpus again"):
        _ = corpus[11].score
    assert len(corpora.load_source(source)[11].score.parts) == 1
