"""Anything a user has: every readable file of a folder, and a reason for each that was left out."""

import dataclasses
import os
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest

from composer import corpora
from composer.errors import Notice, UsageError
from composer.io import read
from composer.score import Score


def test_every_tune_of_every_file(fixtures: Path) -> None:
    corpus = corpora.load(fixtures)
    assert [piece.title for piece in corpus] == [
        "Good",
        "Drowsy Maggie",
        "The Irish Washerwoman",
        "The Kid on the Mountain",
        "The Boys of Bluehill",
        "The Banshee",
        "Dorian Scale with Graces",
        "Drowsy Maggie (in A)",
        "The Scolding Wife",
    ]
    assert [piece.id for piece in corpus][:2] == ["broken.abc:1", "session.abc:1"]
    assert corpus.name == "fixtures"


def test_what_cannot_be_read_is_listed_with_place_and_reason(fixtures: Path) -> None:
    rejected = dict(corpora.load(fixtures).rejected)
    assert set(rejected) == {"broken.abc:2", "broken.abc:3"}
    assert "K:" in rejected["broken.abc:2"]
    assert "line 18" in rejected["broken.abc:3"]
    assert all("\n" not in reason and "broken.abc" in reason for reason in rejected.values())


def test_tunes_are_as_written(fixtures: Path) -> None:
    corpus = corpora.load(fixtures)
    written = {
        piece.title: (str(s.key), str(s.meter), s.pickup, len(s.repeats), s.unfold().end / s.meter.bar)
        for piece in corpus
        for s in [piece.score]
    }
    assert written["Drowsy Maggie"] == ("E dorian", "2/2", 0, 0, 16)
    assert written["The Irish Washerwoman"] == ("G major", "6/8", 5_040, 2, 32)
    assert written["The Kid on the Mountain"] == ("E minor", "9/8", 0, 2, 16)
    assert written["The Boys of Bluehill"] == ("D major", "4/4", 10_080, 2, 32)
    assert written["The Banshee"] == ("G major", "4/4", 0, 1, 16)


def test_variants_fall_on_one_side(fixtures: Path) -> None:
    corpus = corpora.load(fixtures)
    washerwoman, wife = corpus.find("irish washerwoman"), corpus.find("scolding wife")
    maggie, transposed = corpus.find("Drowsy Maggie"), corpus.find("drowsy maggie in a")
    assert washerwoman.group == wife.group == "session.abc:2"
    assert maggie.group == transposed.group == "session.abc:1"
    assert (washerwoman.split, maggie.split) == (wife.split, transposed.split)


def test_folders_in_folders_and_every_format(fixtures: Path, tmp_path: Path) -> None:
    place = tmp_path / "music"
    (place / "Deep Ä" / "deeper").mkdir(parents=True)
    tune = corpora.load(fixtures).find("Drowsy Maggie").score
    tune.write(place / "a.mid")
    tune.write(place / "Deep Ä" / "b.MUSICXML")
    shutil.copy(fixtures / "session.abc", place / "Deep Ä" / "deeper" / "c.Abc")
    (place / "notes.txt").write_text("not music")
    (place / ".hidden.mid").write_bytes(b"")
    (place / ".git").mkdir()
    (place / ".git" / "x.mid").write_bytes(b"")
    (place / "folder.mid").mkdir()
    os.mkfifo(place / "pipe.mid")
    (place / "loop").symlink_to(place)
    (place / "knot.mid").symlink_to(place / "knot.mid")
    (place / "empty.mid").write_bytes(b"")
    (place / "page.xml").write_text("<html/>")
    corpus = corpora.load(str(place))
    assert [piece.id for piece in corpus][-2:] == ["Deep Ä/deeper/c.Abc:6", "a.mid"]
    assert corpus[-1].score == read(place / "a.mid")
    assert corpus.find("Deep Ä/b.MUSICXML").score.parts[0].pitch.tolist() == tune.parts[0].pitch.tolist()
    assert sorted(id for id, _ in corpus.rejected) == ["empty.mid", "page.xml"]


def test_a_mix_of_paths_is_one_corpus(fixtures: Path, tmp_path: Path) -> None:
    place = tmp_path / "some" / "music"
    place.mkdir(parents=True)
    tune = corpora.load(fixtures).find("Drowsy Maggie").score
    tune.write(place / "a.mid")
    tune.write(tmp_path / "b.mid")
    (tmp_path / "notes.txt").write_text("not music")
    (place / "chant.krn").write_text("!!!OTL: Chant\n**kern\n*M4/4\n=1\n4c\n4d\n2e\n==\n*-\n")
    (place / "cover.JPG").touch()
    (place / "README").touch()
    corpus = corpora.load([place, str(tmp_path / "b.mid"), tmp_path / "notes.txt", place / "a.mid"])
    assert [piece.id for piece in corpus] == ["b.mid", "some/music/a.mid", "some/music/chant.krn"]
    assert corpus.find("chant").score.parts[0].pitch.tolist() == [60, 62, 64]
    ((id, reason),) = corpus.rejected
    assert id == "notes.txt"
    assert "is no music that can be read" in reason
    assert corpus.skipped == {".jpg": 1, "none": 1}
    assert corpus.name == "music and 3 more"
    assert corpus.summary()["skipped"] == {".jpg": 1, "none": 1}


def test_the_same_notes_in_another_key_are_a_duplicate_and_nearly_the_same_are_kin(
    fixtures: Path, tmp_path: Path
) -> None:
    place = tmp_path / "music"
    place.mkdir()
    tune = corpora.load(fixtures).find("Drowsy Maggie").score
    other = corpora.load(fixtures).find("The Banshee").score
    tune.write(place / "a.mid")
    tune.transpose(3).with_metadata(title="Another").write(place / "b.mid")
    lead = tune.parts[0]
    dataclasses.replace(tune, parts=(lead.select(np.arange(len(lead)) != 5),)).write(place / "c.mid")
    other.write(place / "d.mid")
    corpus = corpora.load(place)
    assert [piece.duplicate_of for piece in corpus] == ["", "a.mid", "", ""]
    assert [piece.kin for piece in corpus] == ["a.mid", "a.mid", "a.mid", ""]


def test_facts_and_notices_come_with_each_piece(fixtures: Path, tmp_path: Path, monkeypatch) -> None:
    from composer.corpora import chunks
    from composer.io import midi

    def loads(data: bytes, name: str, notices: list[Notice] | None = None) -> Score:
        assert notices is not None
        notices.append(Notice("ignored", "bar 3", "a lyric"))
        return tune

    tune = corpora.load(fixtures).find("The Banshee").score
    (tmp_path / "music").mkdir()
    tune.write(tmp_path / "music" / "a.mid")
    monkeypatch.setattr(midi, "loads", loads)
    monkeypatch.setattr(chunks, "facts", lambda score, notices: {"title": score.title, "said": list(map(str, notices))})
    (piece,) = corpora.load(tmp_path / "music")
    assert piece.facts == {"title": "The Banshee", "said": ["bar 3: a lyric"]}


def test_names_that_are_no_text(fixtures: Path, tmp_path: Path) -> None:
    place = tmp_path / "music"
    place.mkdir()
    name = os.fsencode(place) + b"/t\xfcne\n.abc"
    with open(name, "wb") as file:
        file.write((fixtures / "session.abc").read_bytes())
    (place / "bad\udcff.krn").touch()
    for _ in range(2):
        corpus = corpora.load(place)
        assert corpus[0].id == "t\udcfcne\n.abc:1"
        assert [id for id, _ in corpus.rejected] == ["bad\udcff.krn"]


def test_no_path_is_no_corpus(fixtures: Path) -> None:
    with pytest.raises(UsageError, match="chorales, folk, essen"):
        corpora.load([])
    with pytest.raises(UsageError, match="nowhere"):
        corpora.load([fixtures, "nowhere"])


def test_scores_are_forgotten_when_nobody_holds_them(fixtures: Path) -> None:
    piece = corpora.load(fixtures)[0]
    score = piece.score
    assert piece.score is score
    held = weakref.ref(score)
    del score
    assert held() is None


def test_one_file_is_a_corpus(fixtures: Path) -> None:
    assert len(corpora.load(fixtures / "session.abc")) == 6


def test_a_file_of_tunes_that_share_a_number(fixtures: Path, tmp_path: Path) -> None:
    tune = "X:1\nT:{}\nM:2/4\nL:1/8\nK:C\nCDEF|G4|\n\n"
    (tmp_path / "same.abc").write_text(tune.format("One") + tune.format("Two"))
    corpus = corpora.load(tmp_path / "same.abc")
    assert [(piece.id, piece.title) for piece in corpus] == [("same.abc:1", "One"), ("same.abc:1.2", "Two")]


@pytest.mark.parametrize("name", ["nowhere", "no/such/folder", "", "a\0b"])
def test_what_is_not_there_is_named_with_the_corpora_that_are(name: str, fixtures: Path, monkeypatch) -> None:
    with pytest.raises(UsageError, match="chorales, folk, essen"):
        corpora.load(name)


def test_a_folder_without_music_says_what_it_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"\.abc"):
        corpora.load(tmp_path)


def test_a_file_that_is_no_music_is_refused(tmp_path: Path, fixtures: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"notes\.txt.*\.abc"):
        corpora.load(tmp_path / "notes.txt")


def test_pieces_are_found_by_id_title_and_part_of_a_title(fixtures: Path) -> None:
    corpus = corpora.load(fixtures)
    assert corpus.find("session.abc:5").title == "The Banshee"
    assert corpus.find("THE BANSHEE").id == "session.abc:5"
    assert corpus.find("washerwoman").id == "session.abc:2"
    for nothing in ("nothing of the kind", "", "---"):
        with pytest.raises(UsageError, match="no piece"):
            corpus.find(nothing)


def test_a_corpus_is_a_sequence_of_pieces_and_its_splits_of_scores(fixtures: Path) -> None:
    corpus = corpora.load(fixtures)
    assert len(list(corpus)) == len(corpus) == 9
    assert corpus[1:3][0].title == "Drowsy Maggie"
    assert len(corpus.train) + len(corpus.validation) + len(corpus.test) == 9
    assert corpus.train[0] is corpus.train[:2][0]
    assert corpus.scores[1].title == "Drowsy Maggie"
    assert corpus.summary()["pieces"] == 9
    assert [id for id, _ in corpus.summary()["rejected"]] == ["broken.abc:2", "broken.abc:3"]
