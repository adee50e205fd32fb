"""Wishes that leave nothing in a cell are found without any model, and no wish is named that is not to blame."""

from dataclasses import replace

import numpy as np
import pytest

from composer.score import Part
from composer.sketch import Sketch
from composer.sketch.clash import clash
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Ints


def ticks(sketch: Sketch) -> Ints:
    return np.arange(0, sketch.score.end, Q, dtype=np.int32)


@pytest.mark.parametrize(
    ("wishes", "tick", "names"),
    [
        ({"range": "D4:B5", "pins": "2.1=G6", "leap": 5}, 4 * Q, ["range D4:B5", "pin 2.1=G6"]),
        ({"scale": "G pentatonic", "range": "C4:C6", "pins": "1.3=C#5"}, 2 * Q, ["scale G pentatonic", "pin 1.3=C#5"]),
        ({"only": "D4", "ends_on_tonic": True}, 15 * Q, ["only D4", "ends on the tonic"]),
        (
            {"avoid": "C E", "fermatas": "4.4", "ends_on": "C", "range": "C4:C5"},
            15 * Q,
            ["avoid C E", "ends on C"],
        ),
        ({"range": "D4:B5", "pins": "2.1=G5"}, None, []),
        ({"wish": "bars 1-2: range=C4:C4", "pins": "3.1=G5"}, None, []),
        ({"prefer": "range=C4:C4", "pins": "3.1=G5"}, None, []),
    ],
)
def test_the_smallest_set_is_named(wishes: dict[str, object], tick: int | None, names: list[str]) -> None:
    sketch = Sketch.blank(bars=4, **wishes)
    found = clash(sketch, ticks(sketch))
    if tick is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0] * Q, [str(wish) for wish in found[1]]) == (tick, names)


def test_pins_in_a_bar_and_its_copy_clash() -> None:
    sketch = Sketch.blank(bars=12, form="ABA", pins={"1.1": "D4", "9.1": "E4"}).folded()
    found = clash(sketch, ticks(sketch))
    assert found is not None
    assert [str(wish) for wish in found[1]] == ["pin 1.1=D4", "pin 9.1=E4"]


def test_what_is_given_is_nobodys_wish() -> None:
    blank = Sketch.blank(bars=1, range="C4:C5")
    given = replace(blank, score=replace(blank.score, parts=(Part.of([0], [90], [Q]),)))
    assert clash(given, ticks(given)) is None
