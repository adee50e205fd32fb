"""Pages carry nothing but what a composer is told: no repeats, no wishes; their bars add up, and no note is lost."""

import numpy as np
import pytest

from composer.analysis import uneven_bars
from composer.encodings.melody import Melody
from composer.encodings.voices import Voices
from composer.errors import UsageError
from composer.evaluation.pages import blank, blank_pages, plain, seen
from composer.io import abc
from composer.score import Part, Score
from composer.theory import Meter

TUNE = b"""X:1
T:Split bars
M:6/8
L:1/8
K:D
A|:dAF DFA|d3 c2 d:|
|:e|dcd efg|1f3 e2:|2f3 d2|]
"""


def chorale() -> Score:
    parts = [Part.of([0, 10080, 20160], [p, p + 2, p], [10080] * 3) for p in (67, 60, 55, 48)]
    return Score.of(parts, meter="3/4", key="G", fermatas=[20160], barlines=[0, 30240], metadata={"title": "Psalm"})


def test_a_plain_page_has_the_notes_and_whole_bars() -> None:
    tune = abc.loads(TUNE, "tune.abc")
    page = plain(tune)
    assert tune.repeats
    assert not page.repeats
    assert not page.sections
    assert not page.metadata
    for column, kept in zip(tune.parts[0].columns, page.parts[0].columns, strict=True):
        np.testing.assert_array_equal(column, kept)
    assert page.pickup == tune.pickup == 5040
    assert list(uneven_bars(page)) == []
    lengths = np.diff(page.barlines)
    assert (lengths[1:-1] == page.meter.bar).all()
    assert lengths[-1] + lengths[0] == page.meter.bar


def test_a_choir_keeps_its_fermatas() -> None:
    assert plain(chorale()).fermatas == (20160,)
    assert blank(chorale()).score.fermatas == (20160,)


def test_a_blank_page_wishes_nothing_and_gives_no_note() -> None:
    for score in (abc.loads(TUNE, "tune.abc"), chorale()):
        sketch = blank(score)
        assert not sketch.constraints
        assert not sketch.copies
        assert not any(map(len, sketch.score.parts))
        ticks = np.arange(sketch.score.end)
        assert all(sketch.free(voice, ticks).all() for voice in range(len(sketch.score.parts)))
        assert (sketch.score.key, sketch.score.meter) == (score.key, score.meter)


def test_blank_pages_are_drawn_by_seed() -> None:
    scores = [plain(abc.loads(TUNE, "tune.abc")), Score.of([Part.of([0], [60], [40320])])]
    drawn = [[page.score.meter for page in blank_pages(scores, 20, seed)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert set(drawn[0]) == {score.meter for score in scores}


def test_what_is_silent_in_a_view_is_left_out() -> None:
    drums = Score.of([Part.of([0], [38], [10080], drums=True)])
    assert len(seen([drums, Score.of([Part.of([0], [60], [40320])])], Melody())) == 1
    assert len(seen([chorale()], Voices())[0].parts) == 4


def test_what_would_stand_beside_its_bar_lines_is_left_out() -> None:
    """A part may begin with its pickup in the bar before, but a first ending short of it moves all that follows."""
    parts = abc.loads(b"X:1\nM:6/8\nL:1/8\nK:D\nA|:dAF DFA|d3 c2:|:e|dcd efg|f3 d2|]\n", "tune.abc")
    (page,) = seen([parts], Melody())
    assert page.barlines.tolist() == [0, 5040, 35280, 65520, 95760, 120960]
    endings = abc.loads(b"X:1\nM:6/8\nL:1/8\nK:D\nA|:dAF DFA|1d3 c2:|2d3 c3|dcd efg|f3 d2|]\n", "tune.abc")
    assert seen([endings], Melody()) == []


def test_pages_that_cannot_be_filled_are_passed_over() -> None:
    """One has a bar of an eighth triplet, one changes meter inside a bar."""
    triplet = Score.of([Part.of([0, 3360], [60, 62], [3360, 40320])], barlines=[0, 3360, 43680])
    changing = Score.of(
        [Part.of([0], [60], [60480])], meter=[Meter(4, 4), Meter(3, 4, onset=60480)], barlines=[0, 100800]
    )
    good = Score.of([Part.of([0], [60], [40320])])
    assert len(blank_pages([triplet, changing, good], 5, 0)) == 5
    with pytest.raises(UsageError, match="16ths"):
        blank_pages([triplet], 2, 0)
