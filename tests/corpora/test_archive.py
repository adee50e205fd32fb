"""Archives are read in memory, a member at a time, and cannot do harm."""

import contextlib
import io
import os
import struct
import zipfile
from pathlib import Path

import pytest

from composer import corpora
from composer.corpora import archive
from composer.corpora.archive import Archive
from composer.errors import ReadError
from composer.score import Part, Score

TUNE = b"X:7\nT:Seven\nM:2/4\nL:1/8\nK:C\nCDEF|G4|\n"
MIDI = Score.of([Part.of([0, 10_080], [60, 64], [10_080, 10_080])])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    (tmp_path / "music").mkdir()
    return tmp_path / "music"


def packed(members: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return data.getvalue()


def midi(place: Path) -> bytes:
    path = MIDI.write(place.parent / "x.mid")
    return path.read_bytes()


def test_members_are_pieces_and_nothing_is_unpacked(place: Path) -> None:
    members = {
        "deep/a.mid": midi(place),
        "tunes.abc": TUNE,
        "bad.mid": b"no music",
        "readme.txt": b"",
        "deep/cover.jpg": b"",
        ".hidden.mid": b"",
        "__MACOSX/a.mid": b"",
        "inner.zip": packed({"b.mid": midi(place)}),
        "../../escape.mid": midi(place),
    }
    (place / "All.ZIP").write_bytes(packed(members))
    (place / "beside.abc").write_bytes(TUNE)
    before = sorted(path for path in place.parent.rglob("*") if "cache" not in path.parts)
    corpus = corpora.load(place)
    assert sorted(piece.id for piece in corpus) == [
        "All.ZIP/../../escape.mid",
        "All.ZIP/deep/a.mid",
        "All.ZIP/tunes.abc:7",
        "beside.abc:7",
    ]
    assert corpus.find("All.ZIP/deep/a.mid").score == MIDI.respelled()
    rejected = dict(corpus.rejected)
    assert set(rejected) == {"All.ZIP/bad.mid", "All.ZIP/inner.zip"}
    assert "archive inside an archive" in rejected["All.ZIP/inner.zip"]
    assert corpus.skipped == {".txt": 1, ".jpg": 1}
    assert sorted(path for path in place.parent.rglob("*") if "cache" not in path.parts) == before
    again = corpora.load(place)
    assert [piece.id for piece in again] == [piece.id for piece in corpus]
    assert again.skipped == corpus.skipped


def test_an_archive_alone_is_a_corpus_in_chunks(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.corpora.chunks.MOST", 2)
    (place / "all.zip").write_bytes(packed({f"{number}.abc": TUNE for number in range(5)}))
    assert [piece.id for piece in corpora.load(place / "all.zip")] == [f"all.zip/{n}.abc:7" for n in range(5)]


def test_members_of_one_name_are_told_apart(place: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("a.abc", TUNE)
        with pytest.warns(UserWarning, match="Duplicate"):
            made.writestr("a.abc", TUNE.replace(b"Seven", b"Eight"))
    (place / "all.zip").write_bytes(data.getvalue())
    corpus = corpora.load(place)
    assert [(piece.id, piece.title) for piece in corpus] == [
        ("all.zip/a.abc.2:7", "Eight"),
        ("all.zip/a.abc:7", "Seven"),
    ]


def encrypted() -> bytes:
    data = bytearray(packed({"a.abc": TUNE}))
    for sign, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.find(sign) + flags] |= 1
    return bytes(data)


def miscounted() -> bytes:
    """A member whose bytes do not have the checksum that its entry says."""
    data = bytearray(packed({"a.abc": TUNE}))
    data[data.find(b"PK\1\2") + 16] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "id", "reason"),
    [
        (b"", "bad.zip", "damaged .zip"),
        (b"PK\3\4 and then nothing", "bad.zip", "damaged .zip"),
        (packed({}), "bad.zip", "holds no files"),
        (encrypted(), "bad.zip/a.abc", "is encrypted; unpack"),
        (miscounted(), "bad.zip/a.abc", "damaged in its archive"),
    ],
    ids=["empty", "no list", "no files", "encrypted", "miscounted"],
)
def test_what_cannot_be_read_is_rejected_with_a_reason(place: Path, data: bytes, id: str, reason: str) -> None:
    (place / "bad.zip").write_bytes(data)
    (place / "good.abc").write_bytes(TUNE)
    corpus = corpora.load(place)
    ((found, said),) = corpus.rejected
    assert found == id
    assert reason in said
    assert [piece.id for piece in corpus] == ["good.abc:7"]


def test_a_member_that_crashes_its_reader_costs_itself_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers begin with a reader that dies over one tune."""
    (place.parent / "sitecustomize.py").write_text(
        "import os, composer.corpora.tunes as module\n"
        "real = module.read_tunes\n"
        "module.read_tunes = lambda data, *names: os.abort() if b'T:Eight' in data else real(data, *names)\n"
    )
    members = {"a.abc": TUNE, "b.abc": TUNE.replace(b"Seven", b"Eight"), "c.abc": TUNE}
    (place / "all.zip").write_bytes(packed(members))
    package = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place.parent), package]))
    corpus = corpora.load(place)
    assert [piece.id for piece in corpus] == ["all.zip/a.abc:7", "all.zip/c.abc:7"]
    assert corpus.rejected == (("all.zip/b.abc", "crashed its reader"),)


def test_bombs_are_not_lit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "bomb.zip"
    path.write_bytes(packed({f"{number}.mid": bytes(2**25) for number in range(4)}))
    with pytest.raises(ReadError, match="unpacks to 128 MB"):
        Archive(path)
    monkeypatch.setattr(archive, "MAX_FILE", 2**24)
    path.write_bytes(packed({"noise.mid": os.urandom(2**19), "large.mid": bytes(2**24 + 1)}))
    opened = Archive(path)
    with pytest.raises(ReadError, match="is larger than 16 MB"):
        opened.read(1)
    opened.close()
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1)
    with pytest.raises(ReadError, match="more than 1 files"):
        Archive(path)
    monkeypatch.setattr(archive, "MAX_DIRECTORY", 50)
    with pytest.raises(ReadError, match="list of members is too long"):
        Archive(path)


def test_a_member_that_says_it_is_small_is_read_no_further(place: Path) -> None:
    data = bytearray(packed({"lie.mid": bytes(2**20)}))
    at = data.find(b"PK\1\2") + 24
    data[at : at + 4] = struct.pack("<I", 100)
    (place / "lie.zip").write_bytes(data)
    opened = Archive(place / "lie.zip")
    with pytest.raises(ReadError, match="damaged in its archive"):
        opened.read(0)
    opened.close()


def test_damaged_archives_never_stop_a_corpus(place: Path) -> None:
    """One byte turned anywhere, or an end cut off: read or rejected, without another error."""
    good = packed({"a.mid": midi(place), "b.abc": TUNE})
    for at in range(0, len(good), 7):
        for data in (good[:at], bytes([*good[:at], good[at] ^ 0xFF, *good[at + 1 :]])):
            (place / "x.zip").write_bytes(data)
            try:
                opened = Archive(place / "x.zip")
            except ReadError:
                continue
            for number in range(len(opened.members)):
                with contextlib.suppress(ReadError):
                    opened.read(number)
            opened.close()


def test_an_unreadable_archive_alone(place: Path) -> None:
    (place / "bad.zip").write_bytes(b"nothing")
    corpus = corpora.load(place / "bad.zip")
    assert len(corpus) == 0
    assert "damaged" in corpus.rejected[0].reason
