"""That the habits of choirs are counted right, and move when they are broken."""

import numpy as np
import pytest
from evaluation.tiny import choir

from composer.evaluation.statistics import traits
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

TONIC, SUBDOMINANT, DOMINANT = (72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55)
SEVENTH = (74, 71, 65, 55)  # its third in the alto, its seventh in the tenor


def of(score: Score) -> dict[str, float]:
    found, names = traits([score], 4)
    return dict(zip(names, found[0].tolist(), strict=True))


def lengths(score: Score, quarters: list[int]) -> Score:
    """Chords of so many quarters."""
    ends = np.cumsum(quarters) * Q
    return Score.of([Part.of(ends - np.array(quarters) * Q, p.pitch, np.array(quarters) * Q) for p in score.parts])


def test_halts() -> None:
    chords = [TONIC, SUBDOMINANT, DOMINANT, TONIC, SUBDOMINANT, SEVENTH, TONIC]
    found = of(lengths(choir(*chords), [1, 1, 1, 3, 1, 3, 2]))
    assert found["halts a quarter"] == pytest.approx(2 / 12)  # on the tonic, and on the seventh; the end is no halt
    assert found["quarters between halts"] == 4
    assert found["halts after an even number of quarters"] == 1
    assert found["halts that a root a fifth above leads to"] == 0.5
    assert found["halts on triads in root position"] == 0.5
    assert of(choir(*chords))["halts a quarter"] == 0


def test_an_even_pulse() -> None:
    chords = [TONIC, SUBDOMINANT] * 8
    even = of(lengths(choir(*chords), [2] * 16))
    assert even["halves on the commoner of odd and even quarters"] == 1
    assert even["as many notes as 2 quarters before (correlation)"] == pytest.approx(1)
    uneven = of(lengths(choir(*chords), [2, 1, 2, 2] * 4))
    assert uneven["halves on the commoner of odd and even quarters"] < 0.7
    assert uneven["as many notes as 2 quarters before (correlation)"] < 0.5


def test_sevenths_that_resolve() -> None:
    good = of(choir(SEVENTH, (72, 72, 64, 48)))
    names = (
        "major thirds in chords of four notes that rise or stay",
        "sevenths in chords of four notes that fall or stay",
    )
    assert [good[name] for name in names] == [1, 1]
    assert good["beats with chords of four notes"] == 0.5
    bad = of(choir(SEVENTH, (72, 67, 67, 48)))
    assert [bad[name] for name in names] == [0, 0]


def test_awkward_leaps() -> None:
    chords = [TONIC, SUBDOMINANT, DOMINANT, TONIC]
    assert of(choir(*chords))["awkward leaps, upper voices"] == 0
    broken = of(choir(TONIC, (72, 69, 75, 43), DOMINANT, TONIC))
    assert broken["awkward leaps, upper voices"] == pytest.approx(2 / 9)  # 64 to 75, and 75 to 62
    assert broken["awkward leaps, bass"] == 0


def test_keys_that_are_visited() -> None:
    home = [TONIC, SUBDOMINANT, DOMINANT, TONIC] * 4
    away = [tuple(pitch + 2 for pitch in chord) for chord in home]
    assert of(choir(*home))["fifths between windows' signatures"] == 0
    assert of(choir(*home))["windows in the signature of the whole"] == 1
    assert of(choir(*home, *away))["fifths between windows' signatures"] > 0
    assert of(choir(*home, *away))["windows in the signature of the whole"] < 1


def test_a_soprano_that_returns() -> None:
    name = "soprano as some quarters before, at the best"
    rng = np.random.default_rng(1)
    chords = [(int(pitch), 67, 64, 48) for pitch in rng.integers(60, 80, 40)]
    assert of(choir(*chords[:20], *chords[:20]))[name] == 1
    assert of(choir(*chords))[name] < 0.5


def test_an_empty_choir_has_no_habits() -> None:
    assert all(np.isfinite(value) for value in of(Score.of([Part.of()] * 4)).values())
