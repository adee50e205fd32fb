"""Which bars add up: pickups and the bars they are taken out of do, nothing else does."""

import pytest

from composer.analysis import uneven_bars
from composer.score import Ending, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter


def uneven(lengths: list[float], **options: object) -> list[str]:
    """The notices for bars of these lengths, in quarters, of 3/4."""
    lines = [0]
    for length in lengths:
        lines.append(lines[-1] + round(length * Q))
    score = Score.of([], **({"meter": "3/4", "barlines": lines} | options))
    return [f"{notice.place}: {notice.text}" for _, notice in uneven_bars(score)]


@pytest.mark.parametrize(
    "lengths",
    [
        [3, 3, 3],
        [1, 3, 3, 2],  # a pickup, taken out of the last bar
        [1, 3, 3, 3],
    ],
)
def test_bars_that_add_up(lengths: list[float]) -> None:
    assert uneven(lengths) == []


def test_a_bar_that_a_double_bar_divides_adds_up() -> None:
    assert uneven([3, 2, 1, 3, 3], sections=[5 * Q]) == []
    assert uneven([3, 2, 1, 3, 3]) == ["bar 2: has 2/4, not 3/4", "bar 3: has 1/4, not 3/4"]


def test_a_last_bar_is_filled_up_or_completes_a_pickup() -> None:
    assert uneven([3, 3, 1]) == ["bar 3: has 1/4, not 3/4"]


def test_bars_that_do_not() -> None:
    assert uneven([3, 2, 3, 4, 3, 2.5, 3]) == [
        "bar 2: has 2/4, not 3/4",
        "bar 4: has 4/4, not 3/4",
        "bar 6: has 5/8, not 3/4",
    ]
    assert uneven([3, 3.3, 3]) == ["bar 2: has 3.3000 quarters, not 3/4"]


def test_a_long_first_bar_is_no_pickup_and_a_pickup_is_bar_0() -> None:
    assert uneven([4, 3, 3]) == ["bar 1: has 4/4, not 3/4"]
    assert uneven([1, 3, 2.5, 3]) == ["bar 2: has 5/8, not 3/4"]


def test_what_leads_to_a_pickup_may_be_short_where_a_section_ends() -> None:
    assert uneven([1, 3, 2, 3, 3, 2], repeats=[Repeat(0, 6 * Q)]) == []
    assert uneven([1, 3, 2, 3, 3, 2], repeats=[Repeat(Q, 6 * Q)]) == []
    assert uneven([1, 3, 1.5, 3, 3, 2], repeats=[Repeat(0, int(5.5 * Q))]) == ["bar 2: has 3/8, not 3/4"]
    endings = (Ending(4 * Q, 6 * Q, (1,)), Ending(6 * Q, 9 * Q, (2,)))
    assert uneven([1, 3, 2, 3, 3], repeats=[Repeat(Q, 9 * Q, 2, endings)]) == []


def test_each_bar_has_the_meter_in_force() -> None:
    meters = [Meter(3, 4), Meter(2, 4, 6 * Q)]
    assert uneven([3, 3, 2, 2], meter=meters) == []
    assert uneven([3, 3, 3, 2], meter=meters) == ["bar 3: has 3/4, not 2/4"]
