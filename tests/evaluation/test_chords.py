"""The paper's questions, on scores small enough to answer by hand; each answer moves when what it measures breaks."""

import numpy as np
import pytest

from composer.evaluation.chords import (
    NOTES,
    SILENT,
    Moments,
    Origins,
    Pair,
    agreement,
    beat_chords,
    in_normal_key,
    moments,
    origins,
    pair_counts,
    pair_kinds,
    shared_runs,
    sixteenths,
    sounding,
)
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

TONIC, DOMINANT, SIXTH, STRANGE = (72, 67, 64, 48), (71, 67, 62, 43), (72, 69, 64, 45), (73, 68, 62, 47)


def choir(*chords: tuple[int, ...], key: str = "C major", pickup: int = 0, length: int = Q) -> Score:
    """Chords of one length, one after another; None is silence."""
    parts = []
    for voice in zip(*chords, strict=True):
        heard = [step for step, pitch in enumerate(voice) if pitch is not None]
        parts.append(Part.of(np.array(heard) * length, [voice[step] for step in heard], np.full(len(heard), length)))
    return Score.of(parts, key=key, pickup=pickup)


def correlation(observed: dict[Pair, np.ndarray], expected: dict[Pair, np.ndarray], kind: str) -> float:
    return moments({pair: table for pair, table in observed.items() if pair.kind == kind}, expected).correlation


def chords_of(*scores: Score) -> list[np.ndarray]:
    return [beat_chords(score) for score in scores]


def test_what_sounds_is_held_until_it_ends() -> None:
    part = Part.of([0, 2 * Q], [60, 62], [Q, 2 * Q])
    ticks = np.array([0, Q - 1, Q, 2 * Q, 3 * Q, 4 * Q - 1])
    assert sounding(Score.of([part, Part.of()]), ticks).tolist() == [
        [60, SILENT], [60, SILENT], [SILENT, SILENT], [62, SILENT], [62, SILENT], [62, SILENT],
    ]  # fmt: skip


def test_chords_stand_on_beats_as_they_are_felt() -> None:
    assert beat_chords(choir(TONIC, DOMINANT, TONIC, TONIC)).tolist() == [*map(list, (TONIC, DOMINANT, TONIC, TONIC))]
    passing = choir(TONIC, STRANGE, DOMINANT, STRANGE, TONIC, STRANGE, TONIC, STRANGE, length=Q // 2)
    assert beat_chords(passing).tolist() == beat_chords(choir(TONIC, DOMINANT, TONIC, TONIC)).tolist()
    upbeat = Score.of([Part.of([0, Q // 2], [60, 64], [Q // 2, Q])], meter="6/8", pickup=Q // 2)
    assert beat_chords(upbeat).tolist() == [[64], [SILENT]]  # an eighth before the bar is no beat of 6/8


def test_in_normal_key_the_tonic_is_c() -> None:
    assert beat_chords(choir(TONIC, key="C minor"))[0].tolist() == list(TONIC)
    for key, shift in (("D major", 2), ("F# minor", 6), ("F major", 5), ("Bb major", 10)):
        moved = choir(tuple(pitch + shift for pitch in TONIC), key=key)
        assert beat_chords(moved)[0].tolist() == list(TONIC), key
        assert beat_chords(moved, normal=False)[0].tolist() == [pitch + shift for pitch in TONIC]
    ticks = np.zeros(1, dtype=np.int32)
    assert in_normal_key(choir(TONIC, key="D major"), ticks, np.array([[60, SILENT]])).tolist() == [[58, SILENT]]


def test_chords_are_cited_rediscovered_or_invented() -> None:
    training, held_out = chords_of(choir(TONIC, DOMINANT)), chords_of(choir(TONIC, SIXTH))
    made = chords_of(choir(TONIC, TONIC, DOMINANT, DOMINANT, SIXTH, STRANGE, STRANGE, STRANGE))
    tokens, types = origins(made, training, held_out)
    assert tokens == Origins(0.5, 1 / 8, 3 / 8)
    assert types == Origins(0.5, 0.25, 0.25)
    silent = chords_of(choir(TONIC, (None, None, None, None), TONIC, TONIC))  # type: ignore[arg-type]
    assert origins(silent, training, held_out)[0] == Origins(1.0, 0.0, 0.0)
    assert np.isnan(origins([], training, held_out)[0]).all()


def test_a_single_voice_off_by_a_semitone_makes_a_chord_invented() -> None:
    training = chords_of(choir(TONIC, DOMINANT))
    for voice in range(4):
        broken = tuple(pitch + (voice == k) for k, pitch in enumerate(TONIC))
        assert origins(chords_of(choir(broken)), training, [])[0].invented == 1.0


def test_shared_runs_are_exact_and_stay_in_one_piece() -> None:
    first, second = choir(TONIC, DOMINANT, TONIC, SIXTH), choir(SIXTH, TONIC, TONIC, DOMINANT)
    training = chords_of(first, second)

    def longest(*chords: tuple[int, ...]) -> int:
        return shared_runs(chords_of(choir(*chords)), training)[0]

    assert longest(STRANGE, TONIC, DOMINANT, TONIC, SIXTH, STRANGE) == 4
    assert longest(TONIC, DOMINANT, TONIC, SIXTH, SIXTH, TONIC, TONIC, DOMINANT) == 4  # not eight: two pieces
    assert longest(TONIC, DOMINANT, STRANGE, TONIC, SIXTH) == 2  # a run of four, broken in the middle
    assert longest(STRANGE, SIXTH, STRANGE) == 1
    assert longest(STRANGE, STRANGE) == 0
    assert shared_runs(training, training) == [4, 4]
    for voice in range(4):
        off = tuple(pitch - (voice == k) for k, pitch in enumerate(TONIC))
        assert longest(TONIC, DOMINANT, off, SIXTH) == 2


def test_pairs_are_horizontal_vertical_or_diagonal() -> None:
    kinds = pair_kinds(4, [1, 4])
    counted = {kind: sum(pair.kind == kind for pair in kinds) for kind in ("vertical", "horizontal", "diagonal")}
    assert counted == {"vertical": 6, "horizontal": 8, "diagonal": 24}
    assert len(set(kinds)) == len(kinds)


def test_pairs_are_counted_within_grids() -> None:
    grids = [np.array([[60, 48], [62, 48], [62, SILENT]], dtype=np.int32), np.array([[60, 50]], dtype=np.int32)]
    found = pair_counts(grids, [Pair(0, 1, 0), Pair(0, 0, 1), Pair(1, 0, 2), Pair(0, 0, 4)])

    def counts(pair: Pair) -> dict[tuple[int, int], int]:
        table = found[pair]
        assert table.shape == (NOTES, NOTES)
        return {(int(a) + SILENT, int(b) + SILENT): int(table[a, b]) for a, b in np.argwhere(table)}

    assert counts(Pair(0, 1, 0)) == {(60, 48): 1, (62, 48): 1, (62, SILENT): 1, (60, 50): 1}
    assert counts(Pair(0, 0, 1)) == {(60, 62): 1, (62, 62): 1}
    assert counts(Pair(1, 0, 2)) == {(48, 62): 1}
    assert counts(Pair(0, 0, 4)) == {}


def test_moments_of_the_same_music_correlate_and_of_shuffled_voices_do_not() -> None:
    score = choir(TONIC, DOMINANT, SIXTH, TONIC, DOMINANT, TONIC)
    kinds = pair_kinds(4, [4])
    observed = pair_counts([sixteenths(score)], kinds)
    same = moments(observed, observed)
    assert same.correlation == pytest.approx(1.0)
    assert same.observed.sum() == pytest.approx(len(kinds))  # the frequencies of each pair of cells add up to one
    grid = sixteenths(score).copy()
    grid[:, 1:] = np.roll(grid[:, 1:], 4, axis=0)  # lower voices a beat late: each as before, together wrong
    late = pair_counts([grid], kinds)
    assert correlation(observed, late, "vertical") < 0.6
    backwards = pair_counts([sixteenths(choir(TONIC, TONIC, SIXTH, SIXTH, DOMINANT, DOMINANT))], kinds)
    assert correlation(observed, backwards, "horizontal") < 0.6
    assert correlation(observed, backwards, "vertical") > correlation(observed, late, "vertical")


def test_moments_leave_out_what_the_first_set_never_has() -> None:
    pair = Pair(0, 1, 0)
    observed = pair_counts([np.array([[60, 48], [60, 48], [60, 50], [62, 50]], dtype=np.int32)], [pair])
    expected = pair_counts([np.array([[60, 48], [61, 49]], dtype=np.int32)], [pair])
    found = moments(observed, expected)
    assert found.observed.tolist() == [0.5, 0.25, 0.25]
    assert found.expected.tolist() == [0.5, 0.0, 0.0]
    assert np.isnan(Moments(np.ones(3), np.array([0.1, 0.2, 0.3])).correlation)


def test_agreement_is_told_for_each_voice_and_for_chords() -> None:
    bach = choir(TONIC, DOMINANT, SIXTH, TONIC)
    assert agreement([bach], [bach]) == ((1.0,) * 4, (1.0,) * 4, 1.0)
    octave = choir(TONIC, DOMINANT, SIXTH, (72, 67, 64, 36))  # the same classes
    assert agreement([octave], [bach]) == ((1.0, 1.0, 1.0, 0.75), (1.0,) * 4, 1.0)
    other = choir(TONIC, DOMINANT, SIXTH, (72, 69, 64, 48))  # an A for a G
    assert agreement([other], [bach]) == ((1.0, 0.75, 1.0, 1.0), (1.0, 0.75, 1.0, 1.0), 0.75)
    swapped = choir(TONIC, DOMINANT, SIXTH, (72, 64, 67, 48))  # the chord is the same, two voices are not
    assert agreement([swapped], [bach]) == ((1.0, 0.75, 0.75, 1.0), (1.0, 0.75, 0.75, 1.0), 1.0)
    silent = choir(TONIC, DOMINANT, SIXTH, (72, 67, 64, None))  # type: ignore[arg-type]
    assert agreement([silent], [bach]) == ((1.0, 1.0, 1.0, 0.75), (1.0, 1.0, 1.0, 0.75), 1.0)
    assert agreement([bach, silent], [bach, bach]).pitches[3] == pytest.approx(7 / 8)
