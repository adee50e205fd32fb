"""What a lattice, and the pairs over it, cost is bounded: too much is one line, before time and memory are gone."""

import pytest

from composer.encodings.melody import Melody
from composer.errors import Unsupported, UsageError
from composer.generators import pairs
from composer.generators.markov import Markov
from composer.inference import automata
from composer.score import Part, Score
from composer.sketch import Leap, Preference, Sketch
from composer.theory import TICKS_PER_QUARTER as Q

MELODY = Melody()
TUNE = Score.of([Part.of([n * Q for n in range(16)], [60, 62, 64, 65, 67, 65, 64, 62] * 2, [Q] * 16)])


@pytest.fixture(scope="module")
def model() -> Markov:
    return Markov(order=3).fit([MELODY.encode(TUNE)])


def wishing(*wishes: str, bars: int = 4) -> Sketch:
    return Sketch.blank(bars=bars, wish=list(wishes))


@pytest.mark.parametrize(
    ("module", "limit"),
    [
        (automata, "MAX_CELLS"),
        (automata, "MAX_STATES"),
        (pairs, "MAX_ROWS"),
        (pairs, "MAX_PAIRS"),
        (pairs, "MAX_ARRIVALS"),
    ],
)
def test_what_is_too_much_to_keep_apart_is_told(model: Markov, monkeypatch, module: object, limit: str) -> None:
    constraints = MELODY.compile(wishing("contour=arch", "density=2-4"))
    model.belief(constraints)
    monkeypatch.setattr(module, limit, 2)
    with pytest.raises(Unsupported, match="too much to keep apart; leave one out"):
        model.belief(constraints)


def test_many_wishes_about_lines_are_refused_at_once() -> None:
    with pytest.raises(Unsupported, match="too much to keep apart"):
        MELODY.compile(wishing(*(f"leap={number % 12}" for number in range(40))))


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0, 1e7])
def test_a_weight_is_a_number_that_can_be_counted_with(weight: float) -> None:
    with pytest.raises(UsageError, match="is not a weight"):
        Preference(Leap(2), weight)
