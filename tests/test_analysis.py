"""Keys from notes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.analysis import PROFILES, find_key, plain_key
from composer.theory import MODES, Key

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


@pytest.mark.parametrize("mode", MODES)
def test_plain_keys_have_few_accidentals(mode: str) -> None:
    keys = [plain_key(tonic, mode) for tonic in range(12)]
    assert [key.tonic_class for key in keys] == list(range(12))
    assert {key.signature for key in keys} == set(range(-5, 7))
