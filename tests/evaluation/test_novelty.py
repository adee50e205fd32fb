"""What is new beside a library, and what a library remembers."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.corpora import load
from composer.corpora.base import Corpus
from composer.errors import UsageError
from composer.evaluation.library import Library, library_of, longest
from composer.evaluation.melodies import Lines
from composer.evaluation.novelty import nearness, novelty
from composer.inference.suffix_array import END
from composer.score import Part, Score, frozen

QUARTER = 10080
BARS = 16


def tune(seed: int, bars: int = BARS, pickup: int = 0) -> Score:
    """Quarters and eighths at random, in 4/4."""
    rng = np.random.default_rng(seed)
    halves = rng.choice([[5040, 5040, 10080], [10080, 5040, 5040]], bars * 2).ravel()
    lengths = np.concatenate([[pickup] if pickup else [], halves])
    onsets = np.cumsum(lengths) - lengths
    part = Part.of(onsets, rng.integers(60, 80, len(onsets)), lengths)
    return Score.of([part], pickup=pickup, metadata={"title": f"Tune {seed}"})


def library(*scores: Score) -> Library:
    return Library.of("mine", [f"id{n}" for n in range(len(scores))], [score.title for score in scores], scores)


def with_pitch(score: Score, note: int, step: int) -> Score:
    part = score.parts[0]
    pitch = part.pitch.copy()
    pitch[note] += step
    return replace(score, parts=(Part.of(part.onset, pitch, part.duration),))


def stretched(score: Score) -> Score:
    part = score.parts[0]
    twice = replace(part, onset=frozen(2 * part.onset), duration=frozen(2 * part.duration))
    return Score.of([twice])


def shuffled(score: Score, seed: int) -> Score:
    """The same bars in another order."""
    order = np.random.default_rng(seed).permutation(BARS)
    return score.rearranged([(int(score.barlines[bar]), int(score.barlines[bar + 1])) for bar in order])


# --- lines ------------------------------------------------------------------------------------------------------------


def test_a_line_is_the_highest_note_and_drums_have_none() -> None:
    chords = Part.of([0, 0, QUARTER, 2 * QUARTER], [60, 64, 62, 65], [QUARTER] * 4)
    drums = Part.of([0], [35], [QUARTER], drums=True)
    lines = Lines.of([Score.of([drums, chords, Part.of()]), Score.of([])])
    assert lines.pitch.tolist() == [64, 62, 65]
    assert [(line.piece, line.part, line.notes) for line in lines.lines] == [(0, 1, 3)]
    assert lines.scores == 2


def test_symbols_tell_intervals_and_times_apart() -> None:
    notes = [(0, 60), (1, 62), (2, 64), (4, 66), (5, 64)]
    part = Part.of([QUARTER * at for at, _ in notes], [pitch for _, pitch in notes], [QUARTER] * 5)
    lines = Lines.of([Score.of([part])])
    free, exact = lines.symbols(rhythm=False).tolist(), lines.symbols().tolist()
    assert free[0] == free[1] == free[2] != free[3]
    assert exact[0] == exact[1] != exact[2]
    assert free[4] == exact[4] == END


# --- matches ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 50), st.integers(-12, 12))
def test_transposing_changes_no_match(seed: int, semitones: int) -> None:
    books = library(tune(1), tune(2), tune(3))
    score = with_pitch(tune(2), seed, 1)
    assert books.match(score.transpose(semitones)) == books.match(score)


def test_a_known_piece_is_found_whole() -> None:
    found = library(tune(1), tune(2, pickup=QUARTER)).match(tune(2, pickup=QUARTER).transpose(5))
    assert found == {
        "notes": 6 * BARS + 1,
        "bars": BARS + 0.25,
        "first": "bar 0",
        "last": f"bar {BARS}",
        "corpus": "mine",
        "title": "Tune 2",
        "source_first": "bar 0",
        "source_last": f"bar {BARS}",
        "whole": True,
    }


def test_changing_one_note_in_the_middle_shortens_the_run() -> None:
    books, middle = library(tune(1)), 3 * BARS
    found = books.match(with_pitch(tune(1), middle, 1))
    assert found is not None
    assert not found["whole"]
    assert found["notes"] == middle
    assert (found["source_first"], found["source_last"]) == ("bar 1", f"bar {BARS // 2}")


def test_stretching_is_a_match_without_rhythm_alone() -> None:
    books = library(tune(1))
    exact, free = (books.match(stretched(tune(1)), rhythm) for rhythm in (True, False))
    assert exact is not None
    assert exact["notes"] < 8
    assert free is not None
    assert free["whole"]
    assert free["last"] == f"bar {2 * BARS}"
    assert free["source_last"] == f"bar {BARS}"


def test_each_line_has_its_own_run_and_place() -> None:
    voices = [tune(seed).parts[0] for seed in (1, 2, 3)]
    books = library(tune(9), Score.of(voices[:2]))
    found = books.passages(Lines.of([tune(9), Score.of(voices[::-1])]))
    places = [(p.here.piece, p.here.part, p.there.piece, p.there.part, p.whole) for p in found if p is not None]
    assert places[0] == (0, 0, 0, 0, True)
    assert not places[1][-1]
    assert places[2:] == [(1, 1, 1, 1, True), (1, 2, 1, 0, True)]


def test_single_notes_share_nothing() -> None:
    one = Score.of([Part.of([0], [60], [QUARTER])])
    assert library(tune(1)).match(one) is None
    assert library(one).match(tune(1)) is None
    with pytest.raises(UsageError, match="no notes"):
        library(Score.of([Part.of()]))


def test_the_longest_of_several_libraries() -> None:
    lines = Lines.of([tune(2), tune(1)])
    found = longest([library(tune(1)), library(tune(3), tune(2))], lines)
    assert [(p.title, p.whole) for p in found if p] == [("Tune 2", True), ("Tune 1", True)]


def test_titles_are_safe_to_print() -> None:
    books = Library.of("mine", ["a"], ["Red\x1b[31m\n" + "x" * 200], [tune(1)])
    found = books.match(tune(1))
    assert found is not None
    assert found["title"] == "Red [31m " + "x" * 70 + "…"


# --- novelty ----------------------------------------------------------------------------------------------------------


def test_what_is_known_has_no_novelty_and_what_is_not_has_all() -> None:
    books = library(*map(tune, range(5)))
    known, new = novelty([tune(1), tune(3).transpose(2)], books), novelty([tune(8), tune(9)], books)
    assert [span["value"] for span in known["curve"]] == [0.0] * 8
    assert [span["value"] for span in new["curve"]] == [1.0] * 8
    assert known["rhythm_free"] == [0.0] * 8
    assert (known["near_duplicates"], new["near_duplicates"]) == (1.0, 0.0)
    assert (known["longest_notes"], known["longest_bars"], known["most_bars"]) == (6 * BARS, BARS, BARS)
    assert new["longest_notes"] < 8


def test_shuffling_bars_raises_novelty() -> None:
    books = library(*map(tune, range(4)))
    before = novelty([tune(n) for n in range(4)], books)
    after = novelty([shuffled(tune(n), n) for n in range(4)], books)
    assert after["curve"][0]["value"] == 0.0  # the bars are the same
    assert after["curve"][3]["value"] > 0.9 > before["curve"][3]["value"]
    assert after["longest_notes"] < before["longest_notes"]


def test_windows_by_hand() -> None:
    """Three bars, the second with another note: of 3 single bars 1 is new, of 2 pairs both."""
    score = tune(1, bars=3)
    changed = with_pitch(score, 8, 1)
    found = novelty([changed], library(score))
    assert [span["value"] for span in found["curve"]] == [pytest.approx(1 / 3), 1.0, 1.0]
    assert all(span["low"] == span["value"] == span["high"] for span in found["curve"])  # one piece


def test_a_window_without_notes_is_none_and_one_note_is_known() -> None:
    bar = 4 * QUARTER
    score = Score.of([Part.of([0, 3 * bar, 3 * bar + QUARTER], [60, 62, 67], [QUARTER] * 3)])
    found = novelty([score], library(tune(1)))
    assert [span["value"] for span in found["curve"]] == [0.5, 0.5, 0.5, 1.0]


def test_a_pickup_is_no_whole_bar() -> None:
    score = tune(1, bars=2, pickup=QUARTER)
    found = novelty([with_pitch(score, 0, 1)], library(score))
    assert [span["value"] for span in found["curve"]] == [0.0, 0.0]


def test_intervals_hold_the_share_and_are_the_same_again() -> None:
    books = library(*map(tune, range(3)))
    scores = [tune(n) for n in range(6)]
    first, again = novelty(scores, books, seed=3), novelty(scores, books, seed=3)
    assert first == again
    assert all(0 <= span["low"] < span["value"] < span["high"] <= 1 for span in first["curve"])
    assert first["curve"][0]["value"] == pytest.approx(0.5)


def test_scores_of_one_group_are_no_more_than_one() -> None:
    books = library(*map(tune, range(3)))
    scores = [tune(n) for n in range(6) for _ in range(4)]
    apart, together = (
        novelty(scores, books, groups=owners)["curve"][0] for owners in (None, [n for n in "abcdef" for _ in range(4)])
    )
    assert apart["value"] == together["value"]
    assert together["high"] - together["low"] > 1.5 * (apart["high"] - apart["low"])


def test_near_duplicates_by_hand() -> None:
    """96 notes: of another piece the first 30; of a third the next 60, but in two runs."""
    first, second = tune(1).parts[0].pitch, tune(2).parts[0].pitch
    part = replace(tune(1).parts[0], onset=frozen(np.arange(96) * QUARTER), duration=frozen(np.full(96, QUARTER)))

    def even(pitch: np.ndarray) -> Score:
        return Score.of([Part.of(part.onset, pitch, part.duration)])

    books = library(even(first), even(second))
    mixed = even(np.concatenate([first[:30], second[50:80], second[10:40], [60, 79, 60, 79, 60, 79]]))
    assert nearness(Lines.of([mixed, even(first)]), books).tolist() == [60 / 96, 1.0]


def test_a_run_that_is_everywhere_is_no_kinship() -> None:
    drone = Score.of([Part.of(np.arange(200) * QUARTER, [60] * 200, [QUARTER] * 200)])
    assert nearness(Lines.of([drone]), library(drone)).tolist() == [0.0]


def test_no_notes_have_no_novelty() -> None:
    with pytest.raises(UsageError, match="no notes"):
        novelty([Score.of([Part.of()])], library(tune(1)))


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    """A corpus of two tunes, with a cache of its own."""
    monkeypatch.setenv("COMPOSER_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "tunes"
    folder.mkdir()
    for seed in (1, 2):
        tune(seed).write(folder / f"tune{seed}.abc")
    return load(folder)


def kept(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "cache").glob("*.library")
    return path


def no_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Library, "of", lambda *_: pytest.fail("the library was made again"))


def test_a_library_is_made_once(music: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    made = library_of(music, shares.append)
    no_scores(monkeypatch)
    again = library_of(music)
    assert shares == [0.0, 0.5, 1.0]
    assert again.match(tune(2)) == made.match(tune(2))
    assert again.match(tune(2), rhythm=False) == made.match(tune(2), rhythm=False)
    assert (again.corpus, list(again.ids), list(again.titles)) == (made.corpus, list(made.ids), list(made.titles))


@pytest.mark.parametrize("damage", ["cut", "empty", "random", "flipped", "other version", "folder"])
def test_a_damaged_library_is_made_again(music: Corpus, tmp_path: Path, damage: str) -> None:
    made = library_of(music)
    path = kept(tmp_path)
    whole = path.read_bytes()
    data = {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "random": os.urandom(5_000),
        "flipped": whole[:-1] + bytes([whole[-1] ^ 1]),
        "other version": whole.replace(b"library 1", b"library 0"),
    }.get(damage)
    path.unlink()
    if data is None:
        path.mkdir()
        with pytest.warns(UserWarning, match="not kept"):
            again = library_of(music)
    else:
        path.write_bytes(data)
        again = library_of(music)
        assert path.read_bytes() == whole
    assert again.match(tune(1)) == made.match(tune(1))


def test_other_music_makes_another_library(music: Corpus, tmp_path: Path) -> None:
    library_of(music)
    folder = tmp_path / "tunes"
    changed = (folder / "tune2.abc").read_bytes().replace(b"T:Tune 2", b"T:Tune 3")
    (folder / "tune2.abc").write_bytes(changed)
    found = library_of(load(folder)).match(tune(2))
    assert found is not None
    assert found["title"] == "Tune 3"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_what_is_no_file_is_no_library(music: Corpus, tmp_path: Path) -> None:
    library_of(music)
    place = kept(tmp_path)
    place.unlink()
    os.mkfifo(place)
    with pytest.warns(UserWarning, match="is not a file"):
        assert library_of(music).match(tune(2))


def test_a_corpus_put_together_by_hand_is_not_kept(music: Corpus, tmp_path: Path) -> None:
    found = library_of(Corpus(music.card, music.pieces[:1])).match(tune(1))
    assert found is not None
    assert found["whole"]
    assert not list((tmp_path / "cache").glob("*.library"))
