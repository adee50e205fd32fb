"""Variants of a tune stay on one side of the split, whatever key, title or ornament they come in."""

import hashlib
import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.corpora import kin
from composer.corpora.kin import COMMON, connected
from composer.corpora.splits import melody, melody_links, moves, split_of, title_links
from composer.score import Part, Score


def variants(scores: list[Score]) -> list[int]:
    """For each score the first of its group, as :mod:`composer.corpora.build` has it."""
    links = [melody_links([moves(melody(score)) for score in scores]), title_links([score.title for score in scores])]
    groups: list[int] = connected(len(scores), np.concatenate(links)).tolist()
    return groups


def tune(pitches: list[int], title: str = "") -> Score:
    onsets = np.arange(len(pitches)) * 5_040
    return Score.of([Part.of(onsets, pitches, np.full(len(pitches), 5_040))], metadata={"title": title})


def walk(seed: int, length: int = 64) -> list[int]:
    """A melody of its own: steps of up to seven semitones, the seventeenth of a kind."""
    steps = np.random.default_rng(seed).choice([-7, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 7], length)
    pitches = [66]
    for step in steps.tolist():
        pitches.append(pitches[-1] + (step if 48 <= pitches[-1] + step <= 84 else -step))
    return pitches


def test_unrelated_melodies_stay_apart() -> None:
    assert variants([tune(walk(seed)) for seed in range(20)]) == list(range(20))


def test_transposed_copies_are_found() -> None:
    original = walk(1)
    assert variants([tune(walk(0)), tune(original), tune([p + 5 for p in original])]) == [0, 1, 1]


def test_longer_notes_cut_up_and_a_new_ending_make_a_variant() -> None:
    original = walk(1)
    ornamented = [pitch for pitch in original[:40] for _ in range(2)] + walk(2)[:24]
    assert variants([tune(original), tune(ornamented)]) == [0, 0]


def test_links_chain() -> None:
    first, second, third = walk(1), walk(2), walk(3)
    both = first[:32] + second[:32]
    others = second[32:] + third
    assert variants([tune(both), tune(others), tune(first), tune(second), tune(third)]) == [0, 0, 0, 0, 0]


def test_a_passing_likeness_is_none() -> None:
    """Sixteen notes in a row give seven common runs of nine: less than is asked for."""
    first, second = walk(1), walk(2)
    assert variants([tune(first), tune(first[:16] + second[:60])]) == [0, 1]
    assert variants([tune(first), tune(first[:18] + second[:20])]) == [0, 0]


def test_names_join_different_melodies() -> None:
    names = ["The Boyne Hunt", "BOYNE HUNT -- REEL", "Boyne Hunt, The", "A Jig", "A Jig", ""]
    assert variants([tune(walk(seed), name) for seed, name in enumerate(names)]) == [0, 0, 0, 3, 4, 5]


def test_a_name_of_many_pieces_is_no_name() -> None:
    assert variants([tune(walk(seed), "Strathspey") for seed in range(9)]) == list(range(9))


def test_very_many_copies_are_still_copies() -> None:
    """More copies than a run may have bearers before it counts as common stock."""
    original = walk(1)
    copies = [tune([pitch + shift % 12 for pitch in original]) for shift in range(2 * COMMON)]
    assert set(variants([tune(walk(0)), *copies])) == {0, 1}


def test_short_and_empty_melodies_do_no_harm() -> None:
    assert variants([]) == []
    assert variants([Score.of([]), tune([60]), tune([60]), Score.of([Part.of()])]) == [0, 1, 2, 3]


def test_the_melody_is_the_top_line_of_the_first_part_with_notes() -> None:
    drums = Part.of([0], [36], [10], drums=True)
    chords = Part.of([0, 0, 10, 20, 20], [60, 64, 62, 55, 67], [10] * 5)
    assert melody(Score.of([Part.of(), drums, chords])).tolist() == [64, 62, 67]
    assert moves(np.array([60, 60, 62, 100, 62])).tolist() == [2, 15, -15]


@given(st.lists(st.lists(st.integers(40, 90), max_size=40), max_size=6))
def test_groups_name_their_first_piece(melodies: list[list[int]]) -> None:
    groups = variants([tune(pitches) for pitches in melodies])
    assert all(group <= index and groups[group] == group for index, group in enumerate(groups))


def test_the_split_is_the_hash_of_the_id() -> None:
    share = int(hashlib.sha256(b"oneills1850/0001-0050:1").hexdigest()[:16], 16) / 2**64
    assert split_of("oneills1850/0001-0050:1") == ("train" if share < 0.8 else "validation" if share < 0.9 else "test")
    splits = [split_of(f"piece {number}") for number in range(10_000)]
    assert splits.count("train") == pytest.approx(8_000, abs=150)
    assert splits.count("validation") == pytest.approx(1_000, abs=120)


def plainly(lines: list[list[int]]) -> list[int]:
    """The groups by sets of runs, every pair compared."""
    runs = [{tuple(line[at : at + kin.RUN]) for at in range(len(line) - kin.RUN + 1)} for line in lines]
    bearers = Counter(run for found in runs for run in found)
    telling = [{run for run in found if bearers[run] <= COMMON} for found in runs]
    label = list(range(len(lines)))
    for one, other in itertools.combinations(range(len(lines)), 2):
        shorter, shared = min(len(runs[one]), len(runs[other])), len(telling[one] & telling[other])
        if shared and shared >= kin.SHARE * shorter and shared >= min(kin.ENOUGH, shorter):
            low, high = sorted((label[one], label[other]))
            label = [low if name == high else name for name in label]
    return label


@pytest.mark.parametrize("size", [1, 64, 2**20])
def test_kin_are_those_of_a_plain_comparison(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few runs are sorted and counted at a time, and however small the table of the first count."""
    for name in ("PART", "BLOCK", "PENDING"):
        monkeypatch.setattr(kin, name, size)
    monkeypatch.setattr(kin, "TABLE", size)
    chance = np.random.default_rng(3)
    stock = [chance.choice([-4, -2, -1, 1, 2, 3], 12).tolist() for _ in range(30)]
    picks = [chance.integers(0, 30, chance.integers(0, 6)) for _ in range(30)]
    whole = [[step for k in pick for step in stock[k]] for pick in picks]
    short = [line[at : at + length] for line in whole[::3] for at, length in [(0, 9), (1, 8), (3, 8), (2, 7)]]
    lines = [list(line) for line in dict.fromkeys(map(tuple, whole + short))]
    groups = kin.connected(len(lines), kin.near_links([np.array(line, np.int8) for line in lines])).tolist()
    assert groups == plainly(lines)
    assert 1 < len(set(groups)) < len(lines)


def test_kinship_by_melody_knows_no_titles() -> None:
    lines = [moves(np.array(walk(seed))) for seed in (1, 2, 1)]
    assert kin.connected(3, melody_links(lines)).tolist() == [0, 1, 0]
