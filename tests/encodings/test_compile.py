"""What is known beforehand of every step."""

from __future__ import annotations

import numpy as np

from composer.encodings.compile import metric_context
from composer.io.abc import loads

GRID = 5040  # an eighth


def known(tune: str, name: str) -> list[int]:
    score = loads(f"X:1\nT:a\nL:1/8\n{tune}\n".encode(), "a.abc")
    return metric_context(score, np.arange(0, score.end, GRID, dtype=np.int32), GRID)[name].tolist()


def test_a_phrase_closes_in_two_beats() -> None:
    assert known("M:4/4\nK:G\nGABc dedB|G8|]", "closing") == [4] * 12 + [4, 3, 2, 1]
    assert known("M:6/8\nK:G\nGAB cde|G6|]", "closing") == [6] * 6 + [6, 5, 4, 3, 2, 1]


def test_parts_and_every_eight_bars_end_a_phrase() -> None:
    bar = "GABc|"
    assert known(f"M:2/4\nK:G\n{bar * 8}", "phrase")[::4] == [7, 6, 5, 4, 3, 2, 1, 0]
    assert known(f"M:2/4\nK:G\n{bar * 20}", "phrase")[::4] == [*range(7, -1, -1), *range(7, -1, -1), 3, 2, 1, 0]
    assert known(f"M:2/4\nK:G\n|:{bar * 4}:|{bar * 2}||{bar}", "phrase")[::4] == [3, 2, 1, 0, 1, 0, 0]
    assert known(f"M:2/4\nK:G\n{bar * 16}", "closing")[28:33] == [4, 3, 2, 1, 4]


def test_what_is_left_of_less_than_a_bar_belongs_to_its_phrase() -> None:
    bar = "GABc|"
    assert known(f"M:2/4\nK:G\nD|{bar * 8}", "closing")[-5:] == [4, 4, 3, 2, 1]


def test_an_upbeat_belongs_to_the_part_that_it_opens() -> None:
    bar = "GABc|"
    assert known(f"M:2/4\nK:G\n{bar * 3}GAB||D|{bar * 4}", "closing")[11:18] == [4, 3, 2, 1, 4, 4, 4]
    assert known(f"M:2/4\nK:G\nD|:{bar * 3}1GAB:|D|2GAB|]", "closing")[-5:] == [1, 4, 3, 2, 1]


def test_eight_bars_are_counted_where_the_meter_changes() -> None:
    tune = f"M:2/4\nK:G\n{'GABc|' * 4}\nM:3/4\n{'GABcde|' * 8}"
    phrase = known(tune, "phrase")
    assert phrase[: 4 * 4] == np.repeat([7, 6, 5, 4], 4).tolist()
    assert phrase[4 * 4 :] == np.repeat([3, 2, 1, 0, 3, 2, 1, 0], 6).tolist()


def test_a_first_ending_belongs_to_its_phrase() -> None:
    phrase = known("M:2/4\nK:G\n|:GABc|GABc|GABc|1GABc:|2GABc|]", "phrase")
    assert phrase[::4] == [3, 2, 1, 0, 0]


def test_before_eight_bars_comes_their_pickup() -> None:
    bar = "GABc|"
    tune = f"M:2/4\nK:G\nD|{bar * 8}{bar * 7}GAB|]"
    assert known(tune, "phrase") == [8, *np.repeat(range(7, 0, -1), 4), *[0] * 3] * 2
    assert known(tune, "closing")[-4:] == [4, 3, 2, 1]


def test_of_no_step_nothing_is_known() -> None:
    score = loads(b"X:1\nT:a\nM:2/4\nL:1/8\nK:G\nGABc|GABc|]\n", "a.abc")
    found = metric_context(score, np.zeros(0, dtype=np.int32), GRID)
    assert {column.shape for column in found.values()} == {(0,)}
