"""Grids and how notes move to them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.errors import UsageError
from composer.io.quantize import grid_points, quantize
from composer.score import Annotation, Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from strategies import scores

GRIDS = st.sampled_from(["1/4", "1/8", "1/16", "1/8t", "1/16t", "1/16+1/8t", "1/32+1/16t", "1/2t"])


def is_on(tick: int, score: Score, grid: str) -> bool:
    """Whether a tick is a bar line or a whole number of some cell after one."""
    line = max(line for line in score.barlines.tolist() if line <= tick)
    cells = [Fraction(2, 3) if name.endswith("t") else Fraction(1) for name in grid.split("+")]
    lengths = [
        4 * Q * cell / int(n.strip("t").partition("/")[2]) for cell, n in zip(cells, grid.split("+"), strict=True)
    ]
    return any((tick - line) % length == 0 for length in lengths)


@given(scores(), GRIDS)
def test_notes_lie_on_the_grid_and_stay_there(score: Score, grid: str) -> None:
    snapped, report = quantize(score, grid)
    for part in snapped.parts:
        assert all(is_on(tick, snapped, grid) for tick in (*part.onset.tolist(), *part.offset.tolist()))
    again, nothing = quantize(snapped, grid)
    assert again == snapped
    assert nothing == (0.0, 0.0, 0)
    assert 0 <= report.mean_ms <= report.max_ms
    assert report.moved <= sum(map(len, score.parts))


@given(scores(voices=1), GRIDS)
def test_onsets_move_to_the_nearest_point(score: Score, grid: str) -> None:
    snapped, report = quantize(score, grid)
    points = [t for t in range(0, int(snapped.barlines[-1]) + 1, Q // 24) if is_on(t, snapped, grid)]
    points = sorted({*points, *score.barlines.tolist()})
    old, new = sorted(score.parts[0].onset.tolist()), sorted(snapped.parts[0].onset.tolist())
    for before, after in zip(old, new, strict=True):
        assert abs(after - before) <= min(abs(point - before) for point in points)
    distances = np.abs(score.seconds(new) - score.seconds(old)) * 1000
    assert report.max_ms == pytest.approx(float(distances.max(initial=0.0)))


def test_a_note_just_before_the_end_moves_to_a_new_bar() -> None:
    score = Score.of([Part.of([4 * Q - 10], [60], [10])])
    snapped, report = quantize(score, "1/16")
    assert snapped.barlines.tolist() == [0, 4 * Q, 8 * Q]
    assert (snapped.parts[0].onset.tolist(), snapped.parts[0].duration.tolist()) == ([4 * Q], [Q // 4])
    assert report.max_ms == pytest.approx(10 / Q * 500)


def test_bars_that_the_grid_does_not_divide() -> None:
    score = Score.of([Part.of([0, 6 * Q // 4 + 2000], [60, 62], [Q, Q])], meter="7/16")
    snapped, _ = quantize(score, "1/8")
    assert snapped.parts[0].onset.tolist() == [0, 7 * Q // 4]


def test_marks_move_with_their_notes() -> None:
    marks = [Annotation("slur", 100, end=Q + 50), Annotation("lyric", Q + 50, "la")]
    snapped, _ = quantize(Score.of([Part.of([100, Q + 50], [60, 62], [Q - 50, Q], annotations=marks)]), "1/8")
    assert snapped.parts[0].annotations == (Annotation("slur", 0, end=Q), Annotation("lyric", Q, "la"))


def test_triplets_are_kept_beside_sixteenths() -> None:
    onsets = [0, Q // 3, 2 * Q // 3, Q, 5 * Q // 4]
    shaken = np.array(onsets) + np.array([90, -80, 70, 60, -50])
    snapped, _ = quantize(Score.of([Part.of(shaken, [60] * 5, [Q // 4] * 5)]), "1/16+1/8t")
    assert snapped.parts[0].onset.tolist() == onsets


@pytest.mark.parametrize("grid", ["", "16", "1/3", "1/16q", "1/16+", "1/256", "1/16t+x"])
def test_what_is_not_a_grid(grid: str) -> None:
    with pytest.raises(UsageError, match="is not a grid; write one such as 1/16"):
        grid_points(grid)
