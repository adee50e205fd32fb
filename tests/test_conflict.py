"""What excludes each other is told as a smallest set, in the user's words."""

import pytest

from composer import Composer, Sketch
from composer.errors import Infeasible

TUNE = {"bars": 8, "meter": "6/8", "key": "G", "form": "AB", "range": "D4:B5"}


@pytest.fixture(scope="module")
def model() -> Composer:
    return Composer.load("folk-markov")


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        ({"pins": {"1.1": "C6"}}, "bar 1, beat 1: range D4:B5 and pin 1.1=C6 exclude each other"),
        ({"pins": {"2.1": "F4"}}, "bar 2, beat 1: notes of the key and pin 2.1=F4 exclude each other"),
        ({"density": "9-12", "shortest": "1/8"}, "bar 2, beat 1: density 9-12 and shortest 1/8 exclude each other"),
        (
            {"leap": 2, "pins": {"1.1": "D4", "1.1.5": "B5"}, "longest": "1/2", "syncopation": False},
            "leap 2, pin 1.1=D4 and pin 1.1.5=B5 exclude each other",
        ),
    ],
)
def test_a_smallest_set_is_named(model: Composer, wishes: dict[str, object], told: str) -> None:
    with pytest.raises(Infeasible) as error:
        model.complete(Sketch.blank(**TUNE, **wishes))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_of_several_parts_the_one_is_named() -> None:
    sketch = Sketch.blank(bars=1, voices=4, key="G", wish=["voice 4: pins=1.1=G4"])
    with pytest.raises(Infeasible, match=r"bar 1, beat 1: bass range E2:D4 and bass pin 1\.1=G4 exclude each other"):
        Composer.load("chorales-markov").complete(sketch)
