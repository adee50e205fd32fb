"""Real rhythms on the grids of columns: what 16ths lose, a grid that holds triplets as well keeps."""

from typing import Any

import pytest

from composer.corpora import load
from composer.encodings.gridded import Gridded
from composer.encodings.pianoroll import PianoRoll
from composer.encodings.voices import Voices
from composer.errors import UsageError
from composer.io.abc import loads
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q

HORNPIPE = (
    b"X:1\nT:Off to California\nR:hornpipe\nM:4/4\nL:1/8\nK:G\n(3DEF|GFGB AGED|GBdg e2(3def|gfed (3edB AG|E2A2 A2:|\n"
)
JIG = (
    b"X:1\nT:Haste to the Wedding\nR:jig\nM:6/8\nL:1/8\nK:D\n"
    b"|:AFA Bgf|ede fdB|AFA AFA|Bee e2B|AFA Bgf|ede fdB|Adf {g}faf|edc d3:|\n"
)
views = pytest.mark.parametrize("view", [PianoRoll, Voices])


def of(view: type[Gridded], score: Score, per_quarter: int) -> Gridded:
    parts: dict[str, Any] = {"voices": len(score.parts)} if view is Voices else {}
    return view(**parts, per_quarter=per_quarter)


@views
def test_triplets_of_a_hornpipe(view: type[Gridded]) -> None:
    hornpipe = loads(HORNPIPE, "hornpipe.abc")
    kept = of(view, hornpipe, 12).normalize(hornpipe)
    assert rhythm(kept.score) == rhythm(hornpipe)
    assert not [loss for loss in kept.losses if "grid" in loss]
    lost = of(view, hornpipe, 4).normalize(hornpipe)
    assert rhythm(lost.score) != rhythm(hornpipe)
    assert "overlaps and times off the grid" in lost.losses


@views
@pytest.mark.parametrize("per_quarter", [2, 4, 12])
def test_eighths_of_a_jig(view: type[Gridded], per_quarter: int) -> None:
    jig = loads(JIG, "jig.abc")
    kept = of(view, jig, per_quarter).normalize(jig)
    assert rhythm(kept.score) == rhythm(jig)
    assert not [loss for loss in kept.losses if "grid" in loss]
    assert "overlaps and times off the grid" in of(view, jig, 1).normalize(jig).losses


@views
@pytest.mark.parametrize("per_quarter", [4, 12])
def test_a_chorale(view: type[Gridded], per_quarter: int) -> None:
    chorale = load("chorales").test[0]
    seen = of(view, chorale, per_quarter).normalize(chorale)
    assert rhythm(seen.score) == rhythm(chorale)


def rhythm(score: Score) -> set[tuple[int, int]]:
    """When the pitches of a score are struck."""
    return {place for part in score.parts for place in zip(part.onset.tolist(), part.pitch.tolist(), strict=True)}


@views
def test_the_grid_is_told(view: type[Gridded]) -> None:
    sketch = Sketch.blank(meter="3/8", bars=1)
    assert of(view, sketch.score, 2).refusal(sketch) is None
    assert of(view, sketch.score, 1).refusal(sketch) == "the sketch's bars do not fall on quarters"
    odd = Sketch(Score.of([Part.of()], barlines=[0, Q // 32 * 7]), ())
    assert "fall on 16ths" in (of(view, sketch.score, 4).refusal(odd) or "")
    assert "fall on a grid of 12 steps a quarter" in (of(view, sketch.score, 12).refusal(odd) or "")


@views
@pytest.mark.parametrize("steps", [0, -4, 11, 13, 49, 10_080, 4.0, "4", None])
def test_grids_that_are_none(view: type[Gridded], steps: Any) -> None:
    with pytest.raises(UsageError, match=r"steps a quarter: take 4 \(16ths\), 12"):
        view(per_quarter=steps)
