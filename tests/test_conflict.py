"""What excludes each other is told as a smallest set, in the user's words."""

import numpy as np
import pytest

from composer import Composer, Sketch
from composer.errors import Infeasible
from composer.registry import GENERATORS
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q

TUNE = {"bars": 8, "meter": "6/8", "key": "G", "form": "AB", "range": "D4:B5"}


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are the smallest however busy the machine is."""
    monkeypatch.setattr("composer.conflict.PATIENCE", 60.0)


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


@pytest.fixture(scope="module", params=GENERATORS)
def choir(request: pytest.FixtureRequest) -> Composer:
    """Four voices that know all notes of the choir's ranges."""
    spans = [range(60, 82), range(53, 75), range(48, 70), range(40, 63)]
    parts = [Part.of(np.arange(22) * Q, np.resize(list(span), 22), np.full(22, Q)) for span in spans]
    options = {
        "markov": {"order": 2, "serial": True},
        "maxent": {"iterations": 2, "sweeps": 2},
        "biaxial": {"steps": 1, "hidden": 8, "width": 8, "window": 16, "batch": 1},
    }[request.param]
    made = Composer.untrained("voices", request.param, generator_options=options)
    return made.fit([Score.of(parts, key=key) for key in ("G", "G", "C")])


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (["voice 4: pins=1.1=G4"], "bar 1, beat 1: bass range E2:D4 and bass pin 1.1=G4 exclude each other"),
        (["voice 2: pins=2.1=F4"], "bar 2, beat 1: notes of the key and alto pin 2.1=F4 exclude each other"),
        (
            ["voice 2: leap=2", "voice 2: pins=1.1=G4 1.1.5=C5", "voice 2: longest=1/2"],
            "alto leap 2, alto pin 1.1=G4 and alto pin 1.1.5=C5 exclude each other",
        ),
    ],
)
def test_of_several_parts_the_one_is_named(choir: Composer, wishes: list[str], told: str) -> None:
    with pytest.raises(Infeasible) as error:
        choir.complete(Sketch.blank(bars=2, voices=4, key="G", wish=wishes))
    assert told in str(error.value)
    assert "\n" not in str(error.value)
