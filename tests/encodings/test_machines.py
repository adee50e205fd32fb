"""Wishes about lines in holes: they are kept where given music follows, and forgotten where they end."""

import numpy as np
import pytest

from composer.encodings.melody import Melody
from composer.generators.markov import Markov
from composer.inference.automata import Lattice
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q

PITCHES = [60, 62, 64, 65, 67, 65, 64, 62] * 2
TUNE = Score.of([Part.of(np.arange(16) * Q, PITCHES, [Q] * 16)])
FAST = Score.of([Part.of(np.arange(32) * Q // 2, PITCHES * 2, [Q // 2] * 32)])


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer(Melody(), Markov(order=2)).fit([TUNE, FAST])


@pytest.mark.parametrize(
    ("wish", "keeps"),
    [
        ({"density": 5}, lambda pitches: len(pitches) == 5),
        ({"melody": "C4 D4 E4 D4 C4"}, lambda pitches: pitches == [60, 62, 64, 62, 60]),
        ({"contour": "falling"}, lambda pitches: pitches == sorted(pitches)[::-1] and pitches[0] > pitches[-1]),
    ],
    ids=["density", "melody", "contour"],
)
def test_a_wish_for_a_hole_is_kept_though_given_notes_follow(composer: Composer, wish: dict, keeps) -> None:
    for score in composer.completions(Sketch.of(TUNE, "bar 2", **wish), 20, seed=1):
        part = score.parts[0]
        assert keeps(part.pitch[(part.onset >= 4 * Q) & (part.onset < 8 * Q)].tolist())


def test_a_wish_is_forgotten_after_its_bars(composer: Composer) -> None:
    """Else each would remember its last note to the end, and their product would grow with every one."""
    sketch = Sketch.blank(bars=6, wish=[f"bars {bar}: leap={bar}" for bar in range(1, 7)])
    lattice = Lattice(composer.encoding.compile(sketch), composer.generator.alphabets_)
    assert max(lattice.classes.values()) <= 40
    assert len(lattice._unroll()[5 * 96 + 24].states) <= 40
