"""Regions of a score: what is freed, what is given, and what goes on after the end."""

from dataclasses import replace

import numpy as np
import pytest

from composer import read
from composer.errors import UsageError
from composer.pipeline import Composer
from composer.score import Annotation, Part, Repeat, Score
from composer.sketch import REST, Diatonic, Hole, Range, Sketch
from composer.sketch.regions import own_bounds
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Ints

BAR = 4 * Q
NAMES = ("Soprano", "Alto", "Tenor", "Bass")


def ticks(score: Score) -> Ints:
    return np.arange(0, score.end, Q, dtype=np.int32)


@pytest.fixture
def choir() -> Score:
    onset = np.arange(8) * Q
    parts = [
        Part.of(onset, [pitch] * 8, [Q] * 8, name=name) for pitch, name in zip((72, 65, 60, 48), NAMES, strict=True)
    ]
    return Score.of(parts)


@pytest.mark.parametrize(
    ("text", "holes"),
    [
        ("bars 2", [(v, 1, 2) for v in range(4)]),
        ("bar 1 of alto", [(1, 0, 1)]),
        ("bars 1-2 of Alto, 4", [(1, 0, 2), (3, 0, 2)]),
        ("voices 2-4", [(1, 0, 2), (2, 0, 2), (3, 0, 2)]),
        ("tenor", [(2, 0, 2)]),
        ("bar 2 of 1; bar 1 of bass", [(0, 1, 2), (3, 0, 1)]),
    ],
)
def test_regions_in_words(choir: Score, text: str, holes: list[tuple[int, int, int]]) -> None:
    sketch = Sketch.of(choir, text)
    assert sketch.holes == tuple(Hole(voice, start * BAR, end * BAR) for voice, start, end in holes)
    for voice, part in enumerate(sketch.score.parts):
        assert not sketch.free(voice, part.onset).any()
    freed = sum(4 * (end - start) for _, start, end in holes)
    assert sum(map(len, sketch.score.parts)) == 32 - freed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bars", "'bars' is no voice; voices have the numbers 1 to 4 and the names Soprano, Alto, Tenor, Bass"),
        ("bars 3", "outside the 2 written bars"),
        ("bars 2-1", "outside the 2 written bars"),
        ("bars 1 of descant", "'descant' is no voice"),
        ("voices 2-5", "'2-5' is no voice"),
        ("voice 0", "'0' is no voice"),
        ("", "'' is no voice"),
        ("bars 1 to 2", "is not a region"),
    ],
)
def test_what_is_no_region_gets_one_line(choir: Score, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Sketch.of(choir, text)


def test_marks_in_a_freed_region_go_with_its_notes() -> None:
    marks = [Annotation("decoration", 0, "trill"), Annotation("decoration", BAR, "roll")]
    part = Part.of([0, BAR], [60, 62], [BAR, BAR], annotations=marks)
    assert Sketch.of(Score.of([part]), "bar 2").score.parts[0].annotations == (marks[0],)


def test_wishes_judge_what_is_free_not_what_is_given(choir: Score) -> None:
    sketch = Sketch.of(choir, "bar 2 of soprano", [Range(60, 67, voice=0)])
    cells = sketch.cells(0, ticks(choir))
    assert np.flatnonzero(cells.start[0]).tolist() == [72]
    assert np.flatnonzero(cells.start[4]).tolist() == [*range(60, 68), REST]


def test_a_score_goes_on_in_its_last_meter_and_key_repeats_and_all() -> None:
    part = Part.of(np.arange(4) * 3 * Q, [62, 64, 65, 67], [3 * Q] * 4)
    score = Score.of([part], meter="3/4", key="D dorian", repeats=[Repeat(0, 6 * Q)])
    sketch = Sketch.continuing(score, 3)
    assert sketch.score.parts == score.parts
    assert sketch.score.repeats == score.repeats
    assert sketch.score.barlines.tolist() == [3 * Q * n for n in range(8)]
    assert sketch.holes == (Hole(0, 12 * Q, 21 * Q),)


def test_a_score_that_ends_short_goes_on_with_what_its_last_bar_lacks() -> None:
    sketch = Sketch.continuing(Sketch.blank(bars=4, pickup="1/8").score, 2)
    assert (np.diff(sketch.score.barlines[-4:]) / Q).tolist() == [0.5, 4, 3.5]
    assert sketch.score.end == 6 * BAR


@pytest.mark.parametrize("bars", [0, -1, 10**6])
def test_absurd_continuations_get_one_line(choir: Score, bars: int) -> None:
    with pytest.raises(UsageError, match=f"{bars} bars"):
        Sketch.continuing(choir, bars)


def test_what_is_too_long_is_refused_before_anything_is_computed() -> None:
    score = Score.of([Part.of([0], [60], [Q])], barlines=np.arange(10_001) * BAR)
    for sketch in (lambda: Sketch.of(score, "bar 1"), lambda: Sketch.blank(bars=1000, meter="128/4")):
        with pytest.raises(UsageError, match="are too long for a sketch, which has at most 8,000 quarter notes"):
            sketch()


def test_a_melody_is_given_and_voices_are_wanted_below_it(choir: Score) -> None:
    melody = Score.of([choir.parts[0]])
    sketch = Sketch.harmonizing(melody, 4)
    assert [part.name for part in sketch.score.parts] == list(NAMES)
    assert sketch.score.parts[0] == melody.parts[0]
    assert [hole.voice for hole in sketch.holes] == [1, 2, 3]
    assert [wish.voice for wish in sketch.constraints] == [1, 2, 3]
    with pytest.raises(UsageError, match="has 4 already"):
        Sketch.harmonizing(choir, 4)


def test_chords_of_what_goes_on_begin_after_its_pickup() -> None:
    page = Sketch.blank(bars=4, meter="6/8", pickup="1/8").score
    longer = Sketch.continuing(page, 4, chords="C | G | F C").score
    found = [(str(chord), longer.place(chord.onset)) for chord in longer.chords]
    assert found == [("C", "bar 5, beat 1"), ("G", "bar 6, beat 1"), ("F", "bar 7, beat 1"), ("C", "bar 7, beat 2")]


def test_what_is_varied_rather_keeps_to_the_chords_over_it() -> None:
    page = Sketch.blank(bars=4, chords="C | G | F | C").score
    score = replace(page, parts=(Part.of([0], [60], [4 * Q]),))
    wish = own_bounds(score)[-1]
    assert str(wish) == "rather the chords over the staff (weight 3)"
    starts = wish.mask(np.arange(0, score.end, Q, dtype=np.int32), score).start
    assert [bool(row[60]) for row in starts] == [True] * 4 + [False] * 4 + [True] * 8
    longer = replace(score, barlines=np.append(score.barlines, score.end + 4 * Q))
    assert wish.mask(np.arange(0, longer.end, Q, dtype=np.int32), longer).start[16:].all()


def test_a_score_s_own_bounds_are_its_compass_and_its_key(choir: Score) -> None:
    assert own_bounds(choir) == (Range(72, 72, 0), Range(65, 65, 1), Range(60, 60, 2), Range(48, 48, 3), Diatonic())
    sharp = Score.of([Part.of([0, Q], [60, 61], [Q, Q]), Part.of()])
    assert own_bounds(sharp) == (Range(60, 61, 0),)


@pytest.mark.parametrize(
    ("wishes", "left"),
    [
        ({"range": "C4:C6"}, ["notes of the key"]),
        ({"wish": ["range=C4:C6"]}, ["notes of the key"]),
        ({"wish": [{"instrument": "fiddle"}, "scale=chromatic"]}, []),
        ({"wish": ["bars 1: range=C4:C6", {"voice": 1, "scale": "chromatic"}]}, ["range F4:F4", "notes of the key"]),
    ],
)
def test_what_is_wished_of_all_of_it_takes_the_place_of_its_own_bounds(wishes, left: list[str]) -> None:
    score = Score.of([Part.of([0], [65], [Q])])
    assert [str(bound) for bound in own_bounds(score, wishes)] == left


def test_a_voice_is_composed_to_the_others(tmp_path) -> None:
    chorale = Composer.load("chorales-markov")
    melody = Score.of([Part.of(np.arange(8) * Q, [67, 69, 71, 72, 71, 69, 69, 67], [Q] * 8)], key="G")
    whole = chorale.complete(Sketch.harmonizing(melody), seed=1)
    assert whole.parts[0].pitch.tolist() == melody.parts[0].pitch.tolist()
    assert all(len(part) for part in whole.parts)
    again = chorale.complete(Sketch.of(whole, "alto"), seed=2)
    assert [again.parts[v] == whole.parts[v] for v in range(4)] == [True, False, True, True]
    again.write(tmp_path / "a.musicxml")
    assert len(read(tmp_path / "a.musicxml").parts) == 4
