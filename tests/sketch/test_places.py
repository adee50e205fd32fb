"""Places in a score: bars, beats, and their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.analysis import beats, felt_bars
from composer.errors import UsageError
from composer.score import Score, regular_barlines
from composer.sketch.places import place
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter

E = Q // 2
JIG = Score.of([], meter="6/8", barlines=[0, E, 7 * E, 12 * E, 13 * E, 19 * E, 24 * E], sections=[12 * E])


def test_bars_are_counted_from_the_pickup() -> None:
    assert JIG.bar_span(0, 0) == (0, E)
    assert JIG.bar_span(1, 2) == (E, 12 * E)
    for wrong in ((0, 9), (5, 5), (2, 1)):
        with pytest.raises(UsageError, match="lies outside the 4 written bars"):
            JIG.bar_span(*wrong)


def test_short_bars_that_open_a_section_end_a_whole_one() -> None:
    assert felt_bars(JIG).tolist() == [-5 * E, E, 7 * E, 7 * E, 13 * E, 19 * E]
    assert beats(JIG).tolist() == [E, 4 * E, 7 * E, 10 * E, 13 * E, 16 * E, 19 * E, 22 * E]


def test_a_bar_alone_is_no_pickup() -> None:
    assert felt_bars(Score.of([], meter="4/4", barlines=[0, Q])).tolist() == [0]
    assert beats(Score.of([], meter="3/8", barlines=[0, 3 * E])).tolist() == [0]


@given(st.sampled_from(["2/4", "3/4", "4/4", "6/8", "9/8", "5/8", "2/2"]), st.integers(0, 2), st.integers(0, 10**6))
def test_places_are_read_as_scores_tell_them(meter: str, pickup: int, where: int) -> None:
    score = Score.of([], meter=meter, barlines=regular_barlines([Meter.parse(meter)], 8 * Q, pickup * E))
    tick = where % (score.end // (Q // 4)) * (Q // 4)
    assert place(score, score.place(tick).removeprefix("bar ").replace(", beat ", ".")) == tick


def test_places_in_the_pickup_of_a_later_part_are_read_as_scores_tell_them() -> None:
    for tick in range(0, JIG.end, E):
        assert place(JIG, JIG.place(tick).removeprefix("bar ").replace(", beat ", ".")) == tick


@pytest.mark.parametrize("text", ["", "1", "1.", "x.1", "1.1.1.1", "1.7", "1.0", "99999.1", "1.1e9", "-1.1"])
def test_no_places(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        place(JIG, text)
    assert "\n" not in str(caught.value)
