"""Keys from notes, and bars that add up."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.analysis import PROFILES, find_key, find_mode, plain_key, uneven_bars
from composer.score import Ending, Repeat, Score
from composer.theory import MODES, Key, Meter, parse_pitch
from composer.theory import TICKS_PER_QUARTER as Q
from strategies import scores

SCALES = {"major": [0, 2, 4, 5, 7, 9, 11, 12], "minor": [0, 2, 3, 5, 7, 8, 11, 12]}


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", range(12))
def test_scales_with_long_tonic_and_fifth(tonic: int, mode: str) -> None:
    key = find_key([60 + tonic + step for step in SCALES[mode]], [3, 1, 2, 1, 2, 1, 1, 3])
    assert (key.tonic_class, key.mode) == (tonic, mode)
    assert abs(key.signature) <= 6


@given(st.lists(st.tuples(st.integers(0, 116), st.integers(1, 9)), min_size=3), st.integers(0, 11))
def test_transposed_music_has_the_transposed_key(notes: list[tuple[int, int]], semitones: int) -> None:
    pitch, duration = np.array(notes).T
    weights = np.bincount(pitch % 12, duration, 12)
    fits = (
        sorted(np.corrcoef(weights, np.roll(p, k))[0, 1] for p in PROFILES.values() for k in range(12))
        if np.ptp(weights)
        else [0, 0]
    )
    key, moved = find_key(pitch, duration), find_key(pitch + semitones, duration)
    if fits[-1] - fits[-2] > 1e-9:
        assert ((key.tonic_class + semitones) % 12, key.mode) == (moved.tonic_class, moved.mode)


def test_without_evidence_it_is_c_major() -> None:
    assert find_key([], []) == find_key(range(60, 72), np.ones(12)) == Key(0)


FOLK = {
    "major": "D4 F#4 A4 D5 B4 A4 G4 F#4 E4 D4",
    "mixolydian": "D4 F#4 A4 C5 B4 A4 G4 F#4 E4 C4 D4 D4",
    "dorian": "D4 A4 B4 C5 B4 A4 F4 D4 D4 C4 E4 C4 D4",
    "minor": "D4 E4 F4 G4 A4 Bb4 A4 F4 E4 C4 D4 D4",
}


@pytest.mark.parametrize("mode", FOLK)
@pytest.mark.parametrize("up", range(12))
def test_modes_of_folk_tunes(mode: str, up: int) -> None:
    pitch = [parse_pitch(name) + up for name in FOLK[mode].split()]
    key = find_mode(pitch, [2, *[1] * (len(pitch) - 2), 3])
    assert (key.tonic_class, key.mode) == ((2 + up) % 12, mode)


@given(st.lists(st.tuples(st.integers(0, 127), st.floats(0, 1e6)), max_size=50))
def test_any_notes_have_a_mode(notes: list[tuple[int, float]]) -> None:
    key = find_mode([pitch for pitch, _ in notes], [length for _, length in notes])
    assert key.mode in FOLK
    assert abs(key.signature) <= 6


@pytest.mark.parametrize("mode", MODES)
def test_plain_keys_have_few_accidentals(mode: str) -> None:
    keys = [plain_key(tonic, mode) for tonic in range(12)]
    assert [key.tonic_class for key in keys] == list(range(12))
    assert {key.signature for key in keys} == set(range(-5, 7))


def uneven(*quarters: float, **form: Any) -> list[tuple[float, str]]:
    """What is wrong with bars of these lengths in quarters: the quarter at which each ends, and the text."""
    lines = np.cumsum([0, *(round(length * Q) for length in quarters)])
    score = Score.of([], barlines=lines, **form)
    return [(tick / Q, f"{notice.place} {notice.text}") for tick, notice in uneven_bars(score)]


def repeat(start: float, end: float, *endings: float) -> Repeat:
    """A repeat in quarters; its endings, if any, begin at these."""
    edges = [*(round(tick * Q) for tick in endings), round(end * Q)]
    spans = [Ending(a, b, (number,)) for number, (a, b) in enumerate(pairwise(edges), 1)]
    return Repeat(round(start * Q), round(end * Q), max(2, len(spans)), tuple(spans))


@pytest.mark.parametrize(
    ("quarters", "form"),
    [
        ((4, 4), {}),
        ((1, 4, 4), {}),  # a pickup
        ((1, 4, 3), {}),  # and the bar that it fills
        ((1, 4, 3, 1, 4, 3), {"repeats": [repeat(0, 8), repeat(8, 16)]}),
        ((4, 3, 1, 4), {"sections": [7 * Q]}),
        ((1, 4, 3, 3), {"repeats": [repeat(0, 11, 5, 8)]}),
        ((4, 3, 1, 1, 4), {"repeats": [repeat(0, 9, 7, 8)]}),  # endings from the middle of a bar
        ((3, 3), {"meter": "3/4"}),
        ((4, 3, 3), {"meter": [Meter(4, 4), Meter(3, 4, 4 * Q)]}),
    ],
)
def test_bars_that_add_up(quarters: tuple[float, ...], form: dict[str, Any]) -> None:
    assert uneven(*quarters, **form) == []


@pytest.mark.parametrize(
    ("quarters", "form", "found"),
    [
        ((4, 3, 4), {}, [(7, "bar 2 has 3/4, not 4/4")]),
        ((4, 5, 4), {}, [(9, "bar 2 has 5/4, not 4/4")]),
        ((5, 4), {}, [(5, "bar 1 has 5/4, not 4/4")]),
        ((1, 4, 2), {}, [(7, "bar 2 has 2/4, not 4/4")]),
        ((1, 3.75, 4), {}, [(4.75, "bar 1 has 15/16, not 4/4")]),
        ((4, 2.5, 3), {"meter": "3/4"}, [(4, "bar 1 has 4/4, not 3/4"), (6.5, "bar 2 has 5/8, not 3/4")]),
        ((4, 2, 4), {"sections": [6 * Q]}, [(6, "bar 2 has 2/4, not 4/4")]),
        ((4, 3, 4), {"repeats": [repeat(0, 11, 4, 7)]}, [(7, "bar 2 has 3/4, not 4/4")]),
        ((3, 3, 1), {"meter": "3/4"}, [(7, "bar 3 has 1/4, not 3/4")]),
        ((3, 3.3, 3), {"meter": "3/4"}, [(6.3, "bar 2 has 3.3000 quarters, not 3/4")]),
        ((4, 4), {"meter": [Meter(4, 4), Meter(3, 4, 4 * Q)]}, [(8, "bar 2 has 4/4, not 3/4")]),
    ],
)
def test_bars_that_do_not(quarters: tuple[float, ...], form: dict[str, Any], found: list[tuple[float, str]]) -> None:
    assert uneven(*quarters, **form) == found


def test_a_later_pickup_fills_no_earlier_bar() -> None:
    assert uneven(4, 3, 4, 1, 4, 3, sections=[7 * Q, 11 * Q], repeats=[repeat(11, 19)]) == [
        (7, "bar 2 has 3/4, not 4/4"),
    ]


def test_many_uneven_bars_take_time_in_proportion() -> None:
    lengths = [1, 4, 2.5] * 4000
    starts = np.cumsum([0, *lengths])[::3]
    repeats = [repeat(a, b) for a, b in pairwise(starts)]
    assert len(uneven(*lengths, repeats=repeats)) == 4000


@given(scores())
def test_only_bars_of_another_length_are_found(score: Score) -> None:
    lengths = dict(zip(score.barlines[1:].tolist(), np.diff(score.barlines).tolist(), strict=True))
    for end, _ in uneven_bars(score):
        assert lengths[end] != score.meter_at(end - lengths[end]).bar
