"""Sketches: the page they draw, and the cells that their constraints allow."""

import numpy as np
import pytest

from composer.errors import UsageError
from composer.score import Part, Score
from composer.sketch import REST, Hole, Sketch
from composer.styles import STYLES
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Ints

GRID = Q // 4


def ticks(sketch: Sketch) -> Ints:
    return np.arange(0, sketch.score.end, GRID, dtype=np.int32)


def pitches(row: np.ndarray) -> list[int]:
    return np.flatnonzero(row[:REST]).tolist()


def test_thirty_two_bars_of_aabb_are_sixteen_written() -> None:
    sketch = Sketch.blank(bars=32, meter="6/8", key="D dorian", form="AABB")
    assert sketch.score.bars == 16
    assert sketch.score.unfold().bars == 32
    assert [(r.start, r.end) for r in sketch.score.repeats] == [(0, 24 * Q), (24 * Q, 48 * Q)]


def test_endings_are_written_twice_and_heard_once_each() -> None:
    sketch = Sketch.blank(bars=32, form="AABB", endings=True)
    assert sketch.score.bars == 18
    assert sketch.score.unfold().bars == 32
    assert [e.passes for e in sketch.score.repeats[0].endings] == [(1,), (2,)]


@pytest.mark.parametrize(
    ("form", "bars", "written"), [("A", 8, 8), ("AB", 16, 16), ("AAB", 24, 16), ("AABBCC", 48, 24), ("AAAB", 32, 16)]
)
def test_forms(form: str, bars: int, written: int) -> None:
    score = Sketch.blank(bars=bars, form=form).score
    assert (score.bars, score.unfold().bars) == (written, bars)


@pytest.mark.parametrize("style", list(STYLES))
def test_styles_fill_a_whole_page(style: str) -> None:
    sketch = Sketch.styled(style, key="G")
    assert sketch.score.metadata["rhythm"] == style
    assert sketch.score.unfold().bars == STYLES[style].bars
    assert Sketch.styled(style, bars=8, form="A").score.bars == 8


def test_cells_of_range_scale_and_tonics() -> None:
    sketch = Sketch.blank(bars=2, key="D dorian", range="D4:A4", starts_on_tonic=True, ends_on_tonic=True)
    cells = sketch.cells(0, ticks(sketch))
    assert pitches(cells.start[0]) == [62]
    assert not cells.start[0, REST]
    assert pitches(cells.start[1]) == [62, 64, 65, 67, 69]
    assert cells.start[1, REST]
    assert pitches(cells.start[-4]) == pitches(cells.hold[-4]) == pitches(cells.hold[-1]) == [62]
    assert not cells.start[-3:].any()
    assert not cells.hold[-1, REST]


def test_minor_allows_its_raised_degrees() -> None:
    sketch = Sketch.blank(bars=1, key="A minor", range="A4:A5")
    assert pitches(sketch.cells(0, ticks(sketch)).start[1]) == [69, 71, 72, 74, 76, 77, 78, 79, 80, 81]


def test_pins_begin_there_and_nothing_is_held_into_them() -> None:
    sketch = Sketch.blank(bars=4, meter="6/8", pins={"2.1": "E4", "3.2.5": "G4"})
    cells = sketch.cells(0, ticks(sketch))
    assert pitches(cells.start[12]) == [64]
    assert not cells.hold[12].any()
    assert pitches(cells.start[24 + 9]) == [67]


def test_no_note_reaches_over_a_repeat() -> None:
    sketch = Sketch.blank(bars=8, form="AABB")
    cells = sketch.cells(0, ticks(sketch))
    assert not cells.hold[32].any()
    assert cells.hold[31].any()


def test_given_notes_stand_alone_in_their_cells() -> None:
    score = Score.of([Part.of([0, 2 * Q], [60, 64], [Q, Q]), Part.of()], barlines=[0, 4 * Q])
    sketch = Sketch(score, (Hole(1, 0, 4 * Q),))
    given = sketch.cells(0, ticks(sketch))
    assert pitches(given.start[0]) == pitches(given.hold[1]) == [60]
    assert not given.hold[0].any()
    assert not given.hold[4, 60]
    assert given.start[4, REST]
    assert pitches(given.start[8]) == [64]
    assert sketch.cells(1, ticks(sketch)).start.all()


def test_freeing_bars_of_a_score() -> None:
    score = Score.of([Part.of(np.arange(4) * 4 * Q, [60, 62, 64, 65], [4 * Q] * 4)])
    sketch = Sketch.of(score, "bars 2-3")
    assert sketch.score.parts[0].pitch.tolist() == [60, 65]
    assert sketch.holes == (Hole(0, 4 * Q, 12 * Q),)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bars": 0}, "0 bars"),
        ({"bars": 10**6}, "1000000 bars"),
        ({"bars": 33, "form": "AABB"}, "do not divide"),
        ({"form": "aabb!"}, "not a form"),
        ({"range": "B5:D4"}, "empty range"),
        ({"range": "D4"}, "not a range"),
        ({"pins": {"1.9": "D4"}}, "no beat 9"),
        ({"pins": {"99.1": "D4"}}, "lies outside"),
        ({"pins": {"x": "D4"}}, "not a place"),
        ({"key": "H major"}, "not a key"),
        ({"meter": "4/5"}, "meter"),
        ({"voices": 0}, "0 voices"),
        ({"bars": 4, "form": "AAAA", "endings": True}, "two bars"),
    ],
)
def test_absurd_sketches_get_one_line(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Sketch.blank(**options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_unknown_styles_list_the_known_ones() -> None:
    with pytest.raises(UsageError, match="jig, slip-jig, reel"):
        Sketch.styled("gavotte")
