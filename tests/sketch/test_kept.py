"""What a finished score keeps of its sketch is what a musician sees in its notes."""

from dataclasses import replace

import numpy as np
import pytest
from sketch.accept import Heard, voices
from sketch.said import SAID, SIXTEENTHS, C, D, E, G, View
from world import wishing

from composer.score import Part, Score
from composer.sketch import REST, Breaths, Copy, Hole, Pin, Range, Sketch
from composer.sketch.kept import broken_in
from composer.sketch.wishes import from_text
from composer.theory import TICKS_PER_QUARTER as Q

SEEN = 60  # voices of each frame


def filled(score: Score, notes: list[Heard]) -> Score:
    rows = np.array(notes, dtype=np.int64).reshape(-1, 3)
    return replace(score, parts=(Part.of(*rows.T),))


def seen(score: Score, view: View) -> list[list[Heard]]:
    """Notes that fill a frame in every way, some of those that a musician lets pass, and some of the others."""
    unit = E // 2 if score is SIXTEENTHS else E
    every = [
        [note for note in voice if note.pitch != REST] for voice in voices(min(score.end // unit, 6), unit, (C, D, G))
    ]
    order = np.random.default_rng(1).permutation(len(every)).tolist()
    kept = [every[k] for k in order if view(every[k])]
    return kept[: SEEN // 2] + [every[k] for k in order if not view(every[k])][: SEEN // 2]


@pytest.mark.parametrize(("text", "score", "view"), SAID, ids=[f"{text} in {s.meter}" for text, s, _ in SAID])
def test_a_wish_is_kept_where_a_musician_says_so(text: str, score: Score, view: View) -> None:
    sketch = wishing(score, from_text(text, score))
    for notes in seen(score, view):
        assert (broken_in(sketch, filled(score, notes)) == []) == view(notes), notes


def tune(*pitches: int) -> Score:
    return Score.of([Part.of(np.arange(len(pitches)) * Q, list(pitches), np.full(len(pitches), Q))], meter="4/4")


def changed(score: Score, number: int, pitch: int = 0, duration: int = 0) -> Score:
    """The score with one note higher, or longer."""
    part = score.parts[0]
    here = np.arange(len(part)) == number
    return replace(score, parts=(Part.of(part.onset, part.pitch + pitch * here, part.duration + duration * here),))


GIVEN = tune(*range(60, 76))


def test_what_is_whole_is_kept() -> None:
    assert broken_in(Sketch.of(GIVEN, "bars 2-3"), GIVEN) == []


def test_a_given_note_that_is_changed_is_named() -> None:
    assert broken_in(Sketch.of(GIVEN, "bars 2-3"), changed(GIVEN, 13, pitch=1)) == [
        "bar 4, beat 2: a given note of voice 1 is gone or changed",
        "bar 4, beat 2: a note of voice 1 was composed where nothing was free",
    ]


def test_a_note_that_reaches_over_what_is_given_is_named() -> None:
    assert broken_in(Sketch.of(GIVEN, "bars 1"), changed(GIVEN, 3, duration=Q)) == [
        "bar 1, beat 4: a note of voice 1 was composed where nothing was free"
    ]


def test_two_notes_at_once_are_named() -> None:
    assert broken_in(Sketch.of(GIVEN, "bars 1"), changed(GIVEN, 1, duration=Q)) == [
        "bar 1, beat 3: two notes of voice 1 sound at once"
    ]


def test_a_page_that_is_changed_is_named() -> None:
    sketch = Sketch.of(GIVEN, "bars 2-3")
    assert broken_in(sketch, replace(GIVEN, keys=tune(60).transpose(2).keys)) == ["the keys of the page changed"]


def test_bars_that_come_again_otherwise_are_named() -> None:
    score = tune(60, 62, 64, 65, 60, 62, 64, 65)
    again = Copy(0, 4 * Q, 8 * Q)
    sketch = Sketch(score.frame(), (Hole(0, 0, 8 * Q),), (Breaths((4 * Q,), "form"),), (again,))
    assert broken_in(sketch, score) == []
    wrong = tune(60, 62, 64, 65, 60, 62, 64, 67)
    assert broken_in(sketch, wrong) == ["form: bar 2, beat 1 does not copy bar 1, beat 1"]


def test_wishes_are_read_only_where_something_is_free() -> None:
    sketch = Sketch.of(GIVEN, "bars 2", [Range(64, 67)])
    assert broken_in(sketch, GIVEN) == []
    sketch = Sketch.of(GIVEN, "bars 2", [Range(64, 66), Pin(4 * Q, 65)])
    assert broken_in(sketch, GIVEN) == ["range E4:F#4", f"pin {4 * Q}=F4"]
