"""Clicks on the beats, a bar counted in, and tapped beats."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.io.midi import DRUM_CHANNEL
from composer.live.grid import Steady
from composer.live.metronome import BEAT, DOWNBEAT, Metronome, count_in, tapped
from composer.live.outbox import Timed
from composer.theory import Meter


def clicks(events: list[Timed]) -> list[tuple[float, bool]]:
    """When, and whether it is a bar's first; every click has its end."""
    on = [event for event in events if event.message.type == "note_on"]
    off = [event for event in events if event.message.type == "note_off"]
    assert [event.message.note for event in on] == [event.message.note for event in off]
    assert all(event.message.channel == DRUM_CHANNEL for event in events)
    assert [event.moment for event in events] == sorted(event.moment for event in events)
    assert {(event.message.note, event.message.velocity) for event in on} <= {DOWNBEAT, BEAT}
    return [(round(event.moment, 9), event.message.note == DOWNBEAT[0]) for event in on]


@pytest.mark.parametrize(
    ("meter", "beats", "apart"),
    [("4/4", 4, 1.0), ("3/4", 3, 1.0), ("6/8", 2, 1.5), ("2/2", 2, 2.0), ("7/8", 7, 0.5), ("9/8", 3, 1.5)],
)
def test_a_click_on_each_beat_and_a_high_one_on_the_first(meter: str, beats: int, apart: float) -> None:
    grid = Steady(Meter.parse(meter), origin=10.0, quarter=0.5)
    bar = beats * apart * 0.5
    expected = [(round(10 + k * apart * 0.5, 9), k % beats == 0) for k in range(3 * beats)]
    assert clicks(Metronome().due(grid, 10.0, 10 + 3 * bar - 1e-6)) == expected
    counted = [(round(moment - bar, 9), first) for moment, first in expected[:beats]]
    assert clicks(count_in(grid)) == counted
    assert clicks(count_in(grid, beats * apart)) == expected[:beats]


@given(st.lists(st.floats(0.001, 1.5), min_size=1, max_size=30), st.floats(0.15, 3))
def test_time_may_be_cut_anywhere(stretches: list[float], quarter: float) -> None:
    grid, now = Steady(Meter(4, 4), 0.0, quarter), 0.0
    metronome, cut = Metronome(), []
    for stretch in stretches:
        cut += metronome.due(grid, now, now + stretch)
        now += stretch
    assert sorted(cut, key=lambda event: event.moment) == Metronome().due(grid, 0.0, now)


def test_a_grid_that_is_corrected_clicks_once_a_beat_and_one_that_jumps_at_once() -> None:
    metronome, heard = Metronome(), []
    for number in range(395):
        wobble = 0.004 * (-1) ** number
        heard += metronome.due(Steady(Meter(4, 4), wobble, 0.5), number / 50, (number + 1) / 50)
    assert len(clicks(heard)) == 16
    assert clicks(metronome.due(Steady(Meter(4, 4), -100.25, 0.5), 7.9, 8.4)) == [(8.25, False)]


# --- taps -----------------------------------------------------------------------------------------------------------


@given(st.floats(30, 300), st.integers(3, 20), st.floats(0, 0.03), st.integers(0, 999))
def test_taps_tell_the_beat_and_its_phase(tempo: float, count: int, shake: float, seed: int) -> None:
    quarter = 60 / tempo
    jitter = shake * quarter * np.random.default_rng(seed).uniform(-1, 1, count)
    found = tapped(list(5 + quarter * np.arange(count) + jitter))
    assert found is not None
    assert found.quarter == pytest.approx(quarter, rel=0.04)
    assert found.beat == pytest.approx(5 + quarter * (count - 1), abs=0.04 * quarter)


TAPS = [10.0, 10.5, 11.0, 11.5, 12.0, 12.5, 13.0]


@pytest.mark.parametrize(
    "taps",
    [
        TAPS,
        [*TAPS[:3], *TAPS[4:]],
        [*TAPS[:3], 11.2, *TAPS[4:]],
        sorted([*TAPS, 11.05, 12.03]),
        [1.0, 2.0, 3.0, *TAPS],
        [*TAPS[:5], 12.25, *TAPS[5:]],
    ],
    ids=["all", "one left out", "one out of time", "bounced", "after a pause", "one too many"],
)
def test_a_tap_gone_wrong_spoils_nothing(taps: list[float]) -> None:
    found = tapped(taps)
    assert found is not None
    assert found.quarter == pytest.approx(0.5, abs=0.005)
    assert found.beat == pytest.approx(13.0, abs=0.01)


@pytest.mark.parametrize(
    "taps",
    [[], [1.0], [1.0, 1.5], [1.0, 1.01, 1.02, 1.03], [0.0, 9.0, 18.0], [0, 0.3, 1.1, 1.3, 3]],
)
def test_no_beat_is_none(taps: list[float]) -> None:
    assert tapped(taps) is None


def test_a_million_taps_are_no_work() -> None:
    found = tapped(np.arange(1_000_000) * 0.5)  # type: ignore[arg-type]
    assert found is not None
    assert found.quarter == pytest.approx(0.5)
