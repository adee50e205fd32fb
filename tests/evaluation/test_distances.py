"""Distances are what can be worked out by hand; the floor is what samples of that size show of real music."""

import numpy as np
import pytest
from evaluation.tiny import CHOIR, TUNE, A, B, C, D, doubled, inverted, out_of_key, tune
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from composer.evaluation.distances import SHOWN, compared, distance, distances, tally
from composer.evaluation.judgement import Distance
from composer.evaluation.statistics import statistics
from composer.score import Part, Score

REAL = [TUNE, tune(A, C, A, B), tune(B, D, A, C), tune(C, C, D, A)]


def by_name(found: list[Distance]) -> dict[str, Distance]:
    return {each["name"]: each for each in found}


def values(found: list[Distance], side: str = "distance") -> dict[str, float]:
    return {each["name"]: each[side]["value"] for each in found}  # type: ignore[literal-required]


def test_total_variation_and_mean_difference_by_hand() -> None:
    first, second = np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]])
    assert distance(first, second, curve=False).tolist() == [0.5, 0.0]
    assert distance(first, second, curve=True).tolist() == pytest.approx([1 / 3, 0.0])


def test_points_that_one_curve_lacks_are_left_out_and_nothing_is_far_from_something() -> None:
    nothing = np.full((1, 2), np.nan)
    some = np.array([[0.5, 0.5]])
    for curve in (False, True):
        assert distance(nothing, some, curve=curve).tolist() == [1.0]
        assert distance(nothing, nothing, curve=curve).tolist() == [0.0]
    assert distance(np.array([[0.5, np.nan]]), some + 0.25, curve=True).tolist() == [0.25]


SHARES = arrays(np.float64, (2, 5), elements=st.floats(0.01, 1.0)).map(lambda rows: rows / rows.sum(axis=1)[:, None])


@given(SHARES, st.booleans())
def test_a_distance_is_symmetric_within_0_and_1_and_0_to_itself(rows: np.ndarray, curve: bool) -> None:
    first, second = rows[:1], rows[1:]
    there, back = distance(first, second, curve=curve), distance(second, first, curve=curve)
    assert there == back
    assert 0 <= there <= 1
    assert distance(first, first, curve=curve) == 0


@pytest.mark.parametrize("score", [TUNE, CHOIR])
def test_music_is_no_distance_from_itself_and_shares_add_up(score: Score) -> None:
    found = distances([score], [score], [score], len(score.parts), seed=1)
    assert [each["name"] for each in found] == [each.name for each in statistics(len(score.parts))]
    for each in found:
        assert each["distance"] == {"value": 0, "low": 0, "high": 0}
        assert each["floor"] == {"value": 0, "low": 0, "high": 0}
        assert each["real"] == each["composed"]
        if each["name"] != "self_similarity" and len(each["real"]) < SHOWN:
            assert sum(each["real"].values()) == pytest.approx(1)


def test_degrees_by_hand() -> None:
    real, composed = tune(((67, 8),), ((69, 8),)), tune(((67, 8),), ((71, 4), (69, 4)))
    found = by_name(distances([real], [composed], [real], 1, seed=1))["pitch_classes"]
    assert found["distance"]["value"] == 0.25
    assert found["real"] == {"1": 0.5, "2": 0.5, "3": 0.0}
    assert found["composed"] == {"1": 0.5, "2": 0.25, "3": 0.25}


def test_pieces_are_pooled() -> None:
    long, short = tune(((67, 8),), ((67, 8),), ((67, 8),)), tune(((69, 8),))
    found = by_name(distances([long], [long, short], [long], 1, seed=1))["pitch_classes"]
    assert found["distance"]["value"] == 0.25


def test_what_is_broken_is_far_and_only_in_what_is_broken() -> None:
    broken = values(distances(REAL, [out_of_key(score) for score in REAL], REAL, 1, seed=1))
    assert broken["pitch_classes"] > 0.5
    assert broken["intervals"] == broken["durations"] == broken["self_similarity"] == 0
    slow = values(distances(REAL, [doubled(score) for score in REAL], REAL, 1, seed=1))
    assert slow["pitch_classes"] == slow["intervals"] == 0
    assert slow["durations"] > 0.5


def test_the_interval_is_about_the_value_and_narrower_with_more_pieces() -> None:
    mixed = [TUNE, inverted(TUNE), tune(D, D), tune(B, C, B)]
    few = by_name(distances(REAL, mixed, REAL, 1, seed=1))["intervals"]["distance"]
    many = by_name(distances(REAL * 25, mixed * 25, REAL, 1, seed=1))["intervals"]["distance"]
    assert few["low"] < few["value"] < few["high"]
    assert many["value"] == pytest.approx(few["value"])
    assert many["high"] - many["low"] < 0.5 * (few["high"] - few["low"])


def random_tunes(number: int, seed: int) -> list[Score]:
    rng = np.random.default_rng(seed)
    return [tune(*(([A, B, C, D][bar]) for bar in rng.integers(0, 4, 8))) for _ in range(number)]


def test_the_floor_is_what_as_many_real_pieces_show() -> None:
    """Composed music that is as real as training: its distance lies within the floor, whatever the sample's size."""
    real, training = random_tunes(80, 1), random_tunes(200, 2)
    small, large = (by_name(distances(real, random_tunes(n, 3), training, 1, seed=1)) for n in (5, 80))
    for found in (small, large):
        floor, value = found["intervals"]["floor"], found["intervals"]["distance"]["value"]
        assert floor["low"] / 2 < value < 2 * floor["high"]
    assert small["intervals"]["floor"]["value"] > 2 * large["intervals"]["floor"]["value"]


def test_pieces_of_one_page_count_as_one_draw() -> None:
    """Four pieces on each of a few pages are no larger a sample of pages than these are."""
    real, training = random_tunes(80, 1), random_tunes(200, 2)
    kinds = [[A, A], [B, C, B], [D, D, D, D], [C, A, B, D, D]]
    composed = [tune(*bars) for bars in kinds for _ in range(4)]
    crowded, apart = np.arange(16) // 4, None
    few, many = (
        by_name(distances(real, composed, training, 1, seed=1, pages=pages))["durations"] for pages in (crowded, apart)
    )
    assert few["distance"]["value"] == pytest.approx(many["distance"]["value"])
    assert few["distance"]["high"] - few["distance"]["low"] > 1.5 * (many["distance"]["high"] - many["distance"]["low"])
    assert few["floor"]["value"] > 1.5 * many["floor"]["value"]


def test_variants_count_as_one_draw() -> None:
    kinds = [random_tunes(1, seed)[0] for seed in range(5)]
    real = [score for score in kinds for _ in range(4)]
    made, training = tally(random_tunes(60, 9), 1), tally(random_tunes(60, 8), 1)
    apart, together = (
        by_name(compared(tally(real, 1, groups), made, training, 1))["intervals"]["distance"]
        for groups in (None, np.arange(20) // 4)
    )
    assert apart["value"] == together["value"]
    assert together["high"] - together["low"] > 1.3 * (apart["high"] - apart["low"])


def test_a_tally_may_be_used_again_and_a_seed_says_what_is_drawn() -> None:
    real, composed = tally(REAL, 1), tally([TUNE, tune(D, D, B)], 1)
    assert compared(real, composed, real, 1) == compared(real, composed, real, 1)
    assert compared(real, composed, real, 1) == distances(REAL, [TUNE, tune(D, D, B)], REAL, 1, seed=1)
    assert compared(real, composed, real, 1) != compared(real, composed, real, 2)


def test_values_are_those_most_frequent_in_real_music_in_their_natural_order() -> None:
    chromatic = tune(*(((60 + step, 8 - step % 3), (60, step % 3 + 1)) for step in range(20)))
    found = by_name(distances([chromatic], [TUNE], [TUNE], 1, seed=1))["intervals"]
    assert len(found["real"]) == SHOWN
    moves = [int(name.strip("<>")) for name in found["real"]]
    assert moves == sorted(moves)
    assert list(found["composed"]) == list(found["real"])


@pytest.mark.parametrize("voices", [1, 4])
def test_no_pieces_and_no_notes_have_defined_distances(voices: int) -> None:
    music, silence = (TUNE if voices == 1 else CHOIR), Score.of([Part.of()] * voices)
    for real, composed, training in (
        ([music], [], [music]), ([], [music], []), ([], [], []), ([music], [silence], [silence]), ([silence],) * 3,
    ):  # fmt: skip
        for each in distances(real, composed, training, voices, seed=1):
            for span in (each["distance"], each["floor"]):
                assert 0 <= span["low"] <= span["value"] <= span["high"] <= 1
    lost = values(distances([music], [silence], [music], voices, seed=1))
    assert lost["pitch_classes"] == lost["intervals"] == 1
