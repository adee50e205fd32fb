"""The cache is used when it is right, and only then."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from composer import corpora
from composer.corpora import cache
from composer.corpora.base import Card, Reading, Rejected, Source
from composer.errors import WriteError
from composer.score import Part, Score


@dataclass(frozen=True)
class Numbers(Source):
    """A file of pitches is a piece; ``reads`` counts how often files are read."""

    folder: str
    reads: list[Path] = field(default_factory=list)

    @property
    def card(self) -> Card:
        return Card("numbers", "Numbers", "none", "here")

    @property
    def cache_name(self) -> str:
        return "numbers"

    def files(self) -> list[Path]:
        return sorted(Path(self.folder).glob("*.txt"))

    def read(self, path: Path) -> Reading:
        self.reads.append(path)
        pitches = [int(word) for word in path.read_text().split() if word.isdecimal()]
        if not pitches:
            return Reading([(f"{path.stem}:silent", Score.of([Part.of()]))], [Rejected(path.stem, "no numbers")])
        part = Part.of(np.arange(len(pitches)) * 10, pitches, [10] * len(pitches))
        return Reading([(path.stem, Score.of([part], metadata={"title": path.stem.title()}))], [])


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Numbers:
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(12):
        (folder / f"n{number}.txt").write_text(" ".join(str(60 + k % (number + 2)) for k in range(20)))
    (folder / "none.txt").write_text("no music")
    return Numbers(str(folder))


def cached(source: Numbers) -> Path:
    return cache.folder() / f"{source.cache_name}.corpus"


def test_the_second_load_reads_no_music(source: Numbers) -> None:
    first = corpora.load_source(source)
    assert len(source.reads) == 13
    shares: list[float] = []
    second = corpora.load_source(source, shares.append)
    assert len(source.reads) == 13
    assert shares == [1.0]
    assert [p.id for p in second] == [p.id for p in first] == [f"n{number}" for number in range(12)]  # not n10 after n1
    assert [(p.title, p.split, p.group) for p in second] == [(p.title, p.split, p.group) for p in first]
    assert list(second.scores) == list(first.scores)
    assert second.rejected == first.rejected == (("none", "no numbers"), ("none:silent", "has no notes"))


def test_progress_rises_to_one(source: Numbers) -> None:
    shares: list[float] = []
    corpora.load_source(source, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 5


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "n3.txt").write_text("70 71 72"),
        lambda folder: (folder / "n3.txt").unlink(),
        lambda folder: (folder / "new.txt").write_text("70 71 72"),
        lambda folder: (folder / "n3.txt").rename(folder / "m3.txt"),
    ],
    ids=["changed", "gone", "added", "renamed"],
)
def test_changed_sources_are_read_again(source: Numbers, change) -> None:
    corpora.load_source(source)
    change(Path(source.folder))
    again = corpora.load_source(source)
    assert len(source.reads) > 13
    fresh = Numbers(source.folder)
    cached(source).unlink()
    assert list(again.scores) == list(corpora.load_source(fresh).scores)


def test_the_same_length_and_another_content_is_noticed(source: Numbers) -> None:
    corpora.load_source(source)
    path = Path(source.folder) / "n3.txt"
    path.write_text(path.read_text().replace("60", "50"))
    assert 50 in corpora.load_source(source).find("n3").score.parts[0].pitch


def test_a_file_that_cannot_be_read_has_no_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    files = [tmp_path / "a", tmp_path / "gone"]
    assert len({cache.checksum(some) for some in (files, files[:1], files[::-1])}) == 3


def test_files_that_were_only_touched_are_not_read_again(source: Numbers) -> None:
    """A second installation of the same music finds the first one's cache."""
    corpora.load_source(source)
    for path in source.files():
        os.utime(path, (1, 1))
    corpora.load_source(source)
    assert len(source.reads) == 13


def test_what_other_code_made_is_not_used(source: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    corpora.load_source(source)
    monkeypatch.setattr(cache, "version", lambda: "another")
    corpora.load_source(source)
    assert len(source.reads) == 26


def test_the_version_covers_the_code_that_makes_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = cache.version.__wrapped__
    original, package = fresh(), tmp_path / "composer"
    shutil.copytree(Path(cache.__file__).parents[1], package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "__file__", str(package / "corpora" / "cache.py"))
    assert fresh() == original
    for name in ("score.py", "analysis.py", "io/abc.py", "notation/abc_reader.py", "corpora/splits.py"):
        before = fresh()
        (package / name).write_text((package / name).read_text() + "\n")
        assert fresh() != before


def test_damage_is_noticed_and_repaired(source: Numbers) -> None:
    """Cut short, grown, of zeros, or with a single bit turned anywhere: read again, with the same result."""
    expected = list(corpora.load_source(source).scores)
    path = cached(source)
    good = path.read_bytes()
    damaged = [b"", b"\0", good[:20], good[:-1], good + b"x", bytes(len(good)), good[: len(good) // 2]]
    for place in np.linspace(0, len(good) - 1, 60).astype(int).tolist():
        flipped = bytearray(good)
        flipped[place] ^= 1 << place % 8
        damaged.append(bytes(flipped))
    for data in damaged:
        path.write_bytes(data)
        assert cache.load(path, source.files()) is None
    assert list(corpora.load_source(source).scores) == expected
    assert path.read_bytes() == good


def test_a_folder_in_the_cache_s_place_does_not_stop_anybody(source: Numbers) -> None:
    cached(source).mkdir(parents=True)
    with pytest.warns(UserWarning, match="not kept for next time"):
        assert len(corpora.load_source(source)) == 12


def test_where_nothing_can_be_kept_the_corpus_is_still_there(
    source: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="COMPOSER_CACHE"):
        assert len(corpora.load_source(source)) == 12


@pytest.mark.parametrize("chunks", [0, 1])
def test_a_full_disk_is_named(source: Numbers, chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """While chunks are read, and when they are put together."""

    def full(number: int) -> None:
        if len(list(cache.folder().glob("*.parts/*.chunk"))) == chunks:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("composer.corpora.chunks.EVERY", 10**9)
    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(WriteError, match=r"No space left.*COMPOSER_CACHE"):
        corpora.load_source(source)
    assert [path.name for path in cache.folder().iterdir()] == ["numbers.parts"]
    assert len(list((cache.folder() / "numbers.parts").iterdir())) == chunks


def test_nothing_but_the_cache_is_left_behind(source: Numbers) -> None:
    corpora.load_source(source)
    assert [path.name for path in cache.folder().iterdir()] == ["numbers.corpus"]


def test_without_the_variable_it_lies_in_the_user_s_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPOSER_CACHE", raising=False)
    assert cache.folder().name == "composer"


def test_processes_that_build_at_once_agree(tmp_path: Path) -> None:
    """Four at once on an empty cache, in a script without a main guard, and a damaged file between them."""
    fixtures = Path(__file__).parents[2] / "corpora" / "fixtures"
    program = tmp_path / "program.py"
    program.write_text(
        "import json, sys\nfrom composer import corpora\nmusic = corpora.load(sys.argv[1])\n"
        "print(json.dumps([(p.id, p.group, [list(map(int, part.pitch)) for part in p.score.parts]) for p in music]))\n"
    )
    environment = {**os.environ, "COMPOSER_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, str(program), str(fixtures)]
    processes = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4
    assert len(json.loads(outputs[0])) > 5
    assert outputs == outputs[:1] * 4
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".corpus"
