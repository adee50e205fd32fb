"""The bundled corpora are what their cards say: every tune accounted for, variants together, notes as they stand."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from composer import corpora
from composer.corpora.base import SPLITS, Reading, read_card
from composer.corpora.bundled import music21_corpus
from composer.corpora.cache import checksum
from composer.corpora.chorales import Chorales
from composer.corpora.splits import RULE, melody, split_of
from composer.errors import ReadError
from composer.registry import CORPORA, resolve

slow = pytest.mark.slow
of_chorales = pytest.mark.xdist_group("chorales")  # music21 takes half a minute to read them: in one worker, once
CHORALES = [slow, of_chorales]
NAMES = ["folk", pytest.param("chorales", marks=CHORALES), pytest.param("essen", marks=slow)]


def chorales(first: str, others: list[str]):
    return pytest.param("chorales", first, others, marks=CHORALES)


@pytest.mark.parametrize("name", CORPORA)
def test_cards_say_what_must_be_known(name: str) -> None:
    card = read_card(name)
    assert card.name == name
    assert min(len(text) for text in (card.title, card.licence, card.source, card.citation)) > 15
    assert card.split == RULE
    assert set(card.counts) == {"pieces", "groups", *SPLITS, "rejected"}


def test_the_licence_of_essen_is_stated() -> None:
    assert "non-commercial" in read_card("essen").licence.lower()


@pytest.mark.parametrize("name", CORPORA)
def test_the_sources_are_those_of_the_card(name: str) -> None:
    """If this fails, music21 brought other music: count again, and write the new figures on the card."""
    source = resolve(CORPORA[name])()
    assert checksum(source.files()) == source.card.checksum


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_those_of_the_card(name: str) -> None:
    corpus = corpora.load(name)
    assert corpus.counts == corpus.card.counts


@pytest.mark.parametrize(("name", "count"), [("folk", 4_248), pytest.param("essen", 8_514, marks=slow)])
def test_every_tune_is_a_piece_or_among_the_rejected(name: str, count: int) -> None:
    corpus = corpora.load(name)
    written = [
        f"{path.parent.name}/{path.stem}:{int(number)}"
        for path in resolve(CORPORA[name])().files()
        for number in re.findall(rb"(?m)^X: *(\d+)", path.read_bytes().replace(b"\r", b"\n"))
    ]
    ids = [piece.id for piece in corpus] + [entry.id for entry in corpus.rejected]
    assert len(written) == count
    assert sorted(ids) == sorted(written)


@slow
@of_chorales
def test_every_chorale_of_the_edition_is_accounted_for() -> None:
    corpus = corpora.load("chorales")
    ids = [piece.id for piece in corpus] + [entry.id for entry in corpus.rejected]
    assert sorted(int(id[:3]) for id in ids) == list(range(1, 372))
    assert [piece.id for piece in corpus] == sorted(piece.id for piece in corpus)
    assert all("parts, not four" in reason for _, reason in corpus.rejected)
    assert all([part.name for part in score.parts] == ["Soprano", "Alto", "Tenor", "Bass"] for score in corpus.scores)


@pytest.mark.parametrize("name", NAMES)
def test_groups_are_whole_and_splits_follow_the_rule(name: str) -> None:
    groups = defaultdict(list)
    for piece in corpora.load(name):
        groups[piece.group].append(piece)
    for smallest, pieces in groups.items():
        assert smallest == min(piece.id for piece in pieces)
        assert {piece.split for piece in pieces} == {split_of(smallest)}


@pytest.mark.parametrize(
    ("name", "first", "others"),
    [
        ("folk", "The Boyne Hunt", ["Niel Gow's Reel", "Perth=Shire Hunt.", "Molly McGuire's -- Reel"]),
        ("folk", "The Peeler's Jacket", ["Merry Blacksmith, The", "PADDY ON THE RAILROAD -- REEL"]),
        ("folk", "Fisher's Hornpipe (2nd Setting)", ["FISHER'S -- HORNPIPE"]),
        ("folk", "Come ashore Jolly Tar & your Trousers on.", ["THE CUCKOO'S NEST", "All Aboard"]),
        chorales("Herzlich tut mich verlangen", ["Befiehl du deine Wege", "O Haupt voll Blut und Wunden"]),
        chorales("Nun ruhen alle Wälder", ["In allen meinen Taten", "O Welt, sieh' hier dein Leben"]),
        chorales("Was mein Gott will, das g'scheh' allzeit", ["Ich hab' in Gottes Herz und Sinn"]),
    ],
)
def test_tunes_that_musicians_know_under_several_names_are_one_group(name, first, others) -> None:
    corpus = corpora.load(name)
    assert {corpus.find(other).group for other in others} == {corpus.find(first).group}


def test_no_test_tune_has_a_near_copy_in_training() -> None:
    """Plain sets of note names' intervals, without the split's own arithmetic, for every tenth tune of the test set."""
    corpus = corpora.load("folk")

    def runs(score) -> set[tuple[int, ...]]:
        steps = [step for step in np.diff(melody(score)).tolist() if step]
        return {tuple(steps[i : i + 8]) for i in range(len(steps) - 7)}

    training = [(piece.id, runs(piece.score)) for piece in corpus if piece.split == "train"]
    for piece in [piece for piece in corpus if piece.split == "test"][::10]:
        own = runs(piece.score)
        for id, other in training:
            shared, shorter = len(own & other), min(len(own), len(other))
            assert not (shared >= 12 and shared >= 0.3 * shorter), (piece.id, id, shared, shorter)


@slow
@of_chorales
def test_chorales_have_the_notes_that_music21_counts() -> None:
    """music21's own flat parse, tied notes joined; a plain one, one with a pickup, and one printed twice."""
    from music21 import converter

    corpus = corpora.load("chorales")
    for id in ("001-bwv269", "005-bwv267", "050-bwv244.37"):
        score = corpus.find(id).score
        (path,) = music21_corpus("bach", id.partition("-")[2] + ".mxl")
        parsed = converter.parse(path, forceSource=True)
        theirs = [[note.pitch.midi for note in part.stripTies().flatten().notes] for part in parsed.parts]
        assert [part.pitch.tolist() for part in score.parts] == theirs


@slow
@of_chorales
def test_a_chorale_as_a_musician_knows_it() -> None:
    score = corpora.load("chorales").find("Aus meines Herzens Grunde").score
    assert (str(score.key), str(score.meter), score.pickup) == ("G major", "3/4", 10_080)
    assert score.end / score.meter.bar == 21
    assert [part.pitch[0] for part in score.parts] == [67, 62, 59, 43]


def test_a_folk_tune_as_a_musician_knows_it() -> None:
    piece = corpora.load("folk").find("drowsy maggie")
    assert piece.id.endswith(":1425")
    score = piece.score
    assert (score.meter.bar, score.bars, score.pickup, score.key.signature) == (40_320, 16, 0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_cached_load_needs_no_heavy_library_and_makes_no_score(name: str) -> None:
    corpora.load(name)
    program = (
        "import sys; from composer import corpora;"
        f"music = corpora.load({name!r}); assert len(music) > 300;"
        "heavy = {'torch', 'music21', 'safetensors', 'composer.io.abc', 'composer.io.musicxml'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_one_file_may_be_two_chorales_or_none() -> None:
    source = Chorales()
    paths = {path.stem: path for path in source.files()}
    twice = source.read(paths["bwv267"])
    assert [id for id, _ in twice.scores] == ["005-bwv267", "309-bwv267"]
    assert [score.title for _, score in twice.scores] == [
        "An Wasserflüssen Babylon",
        "Ein Lämmlein geht und trägt die Schuld",
    ]
    assert source.read(paths["bwv846"]) == Reading([], [])  # the first prelude, no chorale
    (rejected,) = source.read(paths["bwv8.6"]).rejected
    assert rejected == ("043-bwv8.6", "is in 5 parts, not four: Soprano, Alto, Tenor, Bass, Continuo")


def test_a_chorale_that_cannot_be_read_is_rejected_under_each_of_its_numbers(tmp_path: Path) -> None:
    broken = tmp_path / "bwv267.mxl"
    broken.write_bytes(b"PK nothing")
    reading = Chorales().read(broken)
    assert [entry.id for entry in reading.rejected] == ["005-bwv267", "309-bwv267"]
    assert all("bwv267.mxl" in entry.reason for entry in reading.rejected)


def test_a_missing_music21_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.corpora.bundled.find_spec", lambda name: None)
    with pytest.raises(ReadError, match="pip install music21"):
        resolve(CORPORA["folk"])().files()


def test_a_music21_without_its_corpus_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = type("Spec", (), {"submodule_search_locations": [str(tmp_path)]})
    monkeypatch.setattr("composer.corpora.bundled.find_spec", lambda name: spec)
    with pytest.raises(ReadError, match="without its corpus"):
        resolve(CORPORA["chorales"])().files()
