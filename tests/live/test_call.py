"""What a person played as a page, and pages played as they did."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.live.call import LEFT, MOST_BARS, Call, Feel, play_like, understand
from composer.live.grid import Steady
from composer.live.phrase import Heard, Phrase
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Key, Meter, parse_pitch

REEL = "D4 F#4 A4 F#4 D4 F#4 A4 F#4 E4 G4 B4 G4 A4 B4 A4 G4 F#4 A4 D5 A4 F#4 A4 D5 A4 B4 A4 G4 E4 D4 D4"


def phrase(
    onsets: Sequence[float], pitches: Sequence[int], *, touch: float = 0.9, velocity: Sequence[int] = (80,)
) -> Phrase:
    """Notes in seconds, each held for a share of the time to the next."""
    ends = [a + touch * (b - a) for a, b in zip(onsets, [*onsets[1:], onsets[-1] + 0.5], strict=True)]
    loud = [velocity[k % len(velocity)] for k in range(len(onsets))]
    notes = tuple(Heard(*row) for row in zip(onsets, ends, ends, pitches, loud, strict=True))
    return Phrase(notes, max(ends))


def names(text: str) -> list[int]:
    return [parse_pitch(name) for name in text.split()]


def reel(quarter: float = 0.5, swing: float = 0.5, jitter: float = 0.0, start: float = 3.0) -> Phrase:
    """Four bars of eighths that end on a half note... of the tune above: 28 eighths, a quarter, a quarter."""
    places = [*(k / 2 for k in range(28)), 14.0, 15.0]
    noise = np.random.default_rng(1).normal(0, jitter, len(places)) if jitter else np.zeros(len(places))
    onsets = [
        start + quarter * (math.floor(p) + (swing if p % 1 else 0)) + float(n)
        for p, n in zip(places, noise, strict=True)
    ]
    return phrase(onsets, names(REEL))


@pytest.mark.parametrize("jitter", [0.0, 0.01])
def test_a_reel_as_it_is_written(jitter: float) -> None:
    call = understand(reel(jitter=jitter), meter=Meter(4, 4))
    melody = call.score.parts[0]
    assert melody.pitch.tolist() == names(REEL)
    assert melody.onset.tolist() == [*range(0, 14 * Q, Q // 2), 14 * Q, 15 * Q]
    assert melody.duration.tolist() == [*[Q // 2] * 28, Q, Q]
    assert (str(call.score.meter), str(call.score.key), call.score.bars) == ("4/4", "D major", 4)
    assert call.quarter == pytest.approx(0.5, rel=0.02)
    assert call.zero == pytest.approx(3.0, abs=0.02)
    assert call.feel.touch == pytest.approx(0.9, abs=0.06)


@pytest.mark.parametrize("swing", [0.5, 0.58, 0.62, 0.66])
def test_swing_is_taken_off_the_page_and_kept_in_the_feel(swing: float) -> None:
    call = understand(reel(swing=swing), meter=Meter(4, 4))
    assert call.score.parts[0].onset.tolist() == [*range(0, 14 * Q, Q // 2), 14 * Q, 15 * Q]
    assert call.feel.swing == pytest.approx(swing, abs=0.01)


@pytest.mark.parametrize("swing", [0.5, 0.6, 0.66])
@pytest.mark.parametrize("quarter", [0.4, 0.5, 0.7])
def test_a_call_played_like_itself_is_what_was_played(swing: float, quarter: float) -> None:
    played = reel(quarter, swing)
    call = understand(played, meter=Meter(4, 4))
    again = play_like(call.score.parts[0], call)
    assert [note.pitch for note in again] == [note.pitch for note in played.notes]
    error = [call.zero + b.onset - a.onset for a, b in zip(played.notes, again, strict=True)]
    assert np.abs(error).max() < 0.005
    held = [(b.released - b.onset) / (a.released - a.onset) for a, b in zip(played.notes, again, strict=True)]
    assert np.median(held) == pytest.approx(1, abs=0.1)


def test_lateness_and_accents_are_kept() -> None:
    grid = Steady(Meter(4, 4), 0.0, 0.5)
    onsets = [8.0 + k * 0.25 + (0.02 if k % 2 else -0.01) for k in range(32)]
    call = understand(phrase(onsets, names(REEL)[:1] * 32, velocity=(100, 60, 70, 60, 80, 60, 70, 60)), grid=grid)
    assert call.feel.late[0] == pytest.approx(-0.01, abs=0.002)
    assert call.feel.late[2] == pytest.approx(0.02, abs=0.002)
    again = play_like(call.score.parts[0], call)
    loud = [note.velocity for note in again]
    assert loud[0] > loud[4] >= loud[2] > loud[1]


def test_a_grid_is_taken_and_never_estimated() -> None:
    grid = Steady(Meter(3, 4), 1.0, 0.5)
    call = understand(reel(start=4.02), grid=grid)  # bar lines at 1.0, 2.5, 4.0
    assert (str(call.score.meter), call.quarter) == ("3/4", 0.5)
    assert call.zero == pytest.approx(4.0)
    assert call.score.parts[0].onset.tolist()[:4] == [0, Q // 2, Q, 3 * Q // 2]
    late = understand(reel(start=5.48), grid=grid)  # meant on the bar line at 5.5
    assert (late.zero, late.score.parts[0].onset[0]) == (pytest.approx(5.5), 0)


def test_a_pickup_is_bar_0() -> None:
    grid = Steady(Meter(4, 4), 0.0, 0.5)
    call = understand(reel(start=9.5), grid=grid)  # a quarter before the bar line at 10
    assert call.score.pickup == Q
    assert call.zero == pytest.approx(9.5)
    assert call.score.parts[0].onset[0] == 0


def test_tempo_and_key_that_are_told_stay() -> None:
    call = understand(reel(jitter=0.01), tempo=120, key=Key.parse("B minor"))
    assert (call.quarter, str(call.score.key)) == (0.5, "B minor")


def test_chords_of_one_hand_are_their_top_note() -> None:
    notes = [Heard(k * 0.5 + d, k * 0.5 + 0.4, k * 0.5 + 0.4, p) for k in range(8) for d, p in ((0, 67), (0.02, 60))]
    call = understand(Phrase(tuple(notes), 4.0), tempo=120)
    assert len(call.score.parts) == 1
    assert call.score.parts[0].pitch.tolist() == [67] * 8


def test_two_hands_are_two_parts() -> None:
    right = reel().notes
    left = [Heard(3 + k + d, 3.9 + k, 3.9 + k, p) for k in range(8) for d, p in ((0.012, 38), (0.02, 45), (0.01, 50))]
    call = understand(Phrase((*right, *left), 12.0), meter=Meter(4, 4))
    melody, hand = call.score.parts
    assert melody.pitch.tolist() == names(REEL)
    assert hand.name == LEFT
    assert sorted(set(hand.pitch.tolist())) == [38, 45, 50]
    assert hand.onset.tolist() == [k * 2 * Q for k in range(8) for _ in range(3)]


def test_a_melody_that_leaps_is_one_hand() -> None:
    pitches = [pitch - 24 * (k % 5 == 0) for k, pitch in enumerate(names(REEL))]
    onsets = [note.onset for note in reel().notes]
    assert len(understand(phrase(onsets, pitches)).score.parts) == 1


def test_small_gaps_are_filled_and_rests_stay() -> None:
    notes = (Heard(0.0, 0.3, 0.3, 60), Heard(0.5, 0.7, 0.7, 62), Heard(1.0, 1.45, 1.45, 64), Heard(3.0, 3.9, 3.9, 65))
    call = understand(Phrase(notes, 3.9), tempo=120, meter=Meter(4, 4))
    assert call.score.parts[0].duration.tolist() == [Q, Q, Q, 2 * Q]


TIMES = st.one_of(st.just(0.0), st.floats(0, 0.01), st.floats(0, 2), st.floats(0, 1e4))


@st.composite
def phrases(draw: st.DrawFn) -> Phrase:
    now, notes = draw(st.floats(0, 1e6)), []
    for gap in draw(st.lists(TIMES, min_size=1, max_size=30)):
        now += gap
        released = now + draw(TIMES)
        note = Heard(now, released, released + draw(TIMES), draw(st.integers(0, 127)), draw(st.integers(0, 127)))
        notes.append(note)
    return Phrase(tuple(notes), max(note.offset for note in notes))


GRIDS = st.none() | st.builds(
    Steady, st.builds(Meter, st.integers(1, 12), st.sampled_from([4, 8])), st.floats(-10, 10), st.floats(0.2, 2)
)


@settings(deadline=None, max_examples=100)
@given(phrases(), GRIDS, st.none() | st.floats(20, 400), st.none() | st.builds(Meter, st.integers(1, 12), st.just(8)))
def test_whatever_is_played_is_understood(
    played: Phrase, grid: Steady | None, tempo: float | None, meter: Meter | None
) -> None:
    call = understand(played, grid=grid, tempo=tempo, meter=meter)
    assert isinstance(call.score, Score)
    assert call.score.bars <= MOST_BARS
    melody = call.score.parts[0]
    assert len(melody) >= 1
    assert (np.diff(melody.onset) > 0).all()
    assert (melody.offset[:-1] <= melody.onset[1:]).all()
    assert math.isfinite(call.zero)
    assert 0.1 <= call.quarter <= 4
    again = play_like(melody, call)
    assert all(0 <= note.onset < note.released for note in again)


@pytest.mark.parametrize("gap", [0.0, 0.001, 0.04, 0.2, 1.0, 7.2, 3600])
def test_many_notes_take_little_time(gap: float) -> None:
    played = phrase([k * gap for k in range(500)], [60 + k % 12 for k in range(500)])
    begun = time.perf_counter()
    call = understand(played)
    assert time.perf_counter() - begun < 2
    assert call.score.bars <= MOST_BARS


def test_the_last_bars_of_a_long_phrase_stay() -> None:
    onsets = [k * 0.5 for k in range(600)]
    call = understand(phrase(onsets, [60 + k % 12 for k in range(600)]), tempo=120, meter=Meter(4, 4))
    melody = call.score.parts[0]
    assert call.zero + 0.5 * int(melody.onset[-1]) / Q == pytest.approx(onsets[-1], abs=0.01)
    assert melody.pitch[-1] == 60 + 599 % 12


def test_feel_without_a_page_is_plain() -> None:
    score = Score.of([Part.of([0, Q], [60, 62], [Q, Q])])
    notes = play_like(score.parts[0], Call(score, 0.0, 0.5, Feel()))
    assert [(n.onset, n.released, n.velocity) for n in notes] == [(0.0, 0.45, 80), (0.5, 0.95, 80)]
