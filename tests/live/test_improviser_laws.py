"""Laws of the improviser, whatever is played in whatever order, and how much at once."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from composer.live.answering import Settings
from composer.live.controls import Control
from composer.live.grid import Grid, Steady
from composer.live.improviser import AT_ONCE, ECHO, Improviser
from composer.live.phrase import Segmenter
from composer.theory import Meter
from jamming import Inputs, Partner, Stage, control, off, on, played, sounding, stage

GRID = Steady(Meter(4, 4), origin=0.25, quarter=0.5)
CALL = [60, 62, 64, 65, 67]


def strikes(found: Stage) -> list[float]:
    return [event.moment for event in found.strikes]


PLAYED: st.SearchStrategy[Any] = st.one_of(
    st.builds(on, st.integers(58, 62), st.sampled_from([0, 60, 80]), st.integers(0, 1)),
    st.builds(on, st.sampled_from([70, 71, 72, 73, 74]), st.just(70)),  # as answers are
    st.builds(off, st.integers(58, 62), st.integers(0, 1)),
    st.builds(control, st.sampled_from([64, 67, 123, 120, 7]), st.sampled_from([0, 127]), st.integers(0, 1)),
    st.builds(Control, st.sampled_from(["tap", "end", "panic", "temperature", "tempo", "mode", "key"]),
              st.sampled_from([0.5, 120.0, "vary", "auto", "x"])),
    st.sampled_from([Message("program_change", program=3), Message("pitchwheel", pitch=9), Message("clock"),
                     on(36, channel=9), Message("sysex", data=(1, 2, 3))]),
)  # fmt: skip
STREAMS = st.lists(st.tuples(st.sampled_from([0.0, 0.001, 0.06, 0.2, 0.36, 0.8, 1.5, 4.0]), PLAYED), max_size=60)
GRIDS = st.sampled_from([None, GRID, Steady(Meter(6, 8), -3.0, 0.3), Steady(Meter(3, 4), 1.0, 1.2)])


def timed(stream: list[tuple[float, Any]]) -> Inputs:
    now, found = 0.0, Inputs()
    for gap, item in stream:
        now += gap
        found.append((now, item))
    return found


@given(STREAMS, GRIDS, st.sampled_from([0.0, 0.01, 0.3, 1.7]))
def test_every_note_that_is_sent_ends_whatever_is_played(
    stream: list[tuple[float, Any]], grid: Grid | None, delay: float
) -> None:
    inputs = timed(stream)
    found = stage(Partner(delay=delay), grid=grid).run(inputs)
    assert not sounding(found.sent)
    assert not found.outbox.sounding
    assert found.improviser.phase == "listening"
    moments = [event.moment for event in found.sent]
    assert moments == sorted(moments)
    assert all(event.moment >= at - 1e-6 for at, event in found.scheduled)  # nothing is to be caught up with
    seconds = max(found.now, 1.0)
    assert found.steps < 60 + len(inputs) + 30 * seconds


@given(STREAMS, GRIDS, st.sampled_from([0.0, 1.7]))
def test_the_same_music_is_answered_the_same(stream: list[tuple[float, Any]], grid: Grid | None, delay: float) -> None:
    first, second = (stage(Partner(delay=delay), grid=grid).run(timed(stream)) for _ in range(2))
    assert first.sent == second.sent
    assert first.news == second.news


@given(STREAMS, GRIDS)
def test_a_strike_silences_what_sounds_unless_it_is_an_echo(stream: list[tuple[float, Any]], grid: Grid | None) -> None:
    found = stage(grid=grid)
    for moment, item in timed(stream):
        found.run([], until=moment)
        found.now, before = moment, found.improviser.phase
        found.step([item])
        struck = isinstance(item, Message) and item.type == "note_on" and item.velocity and item.channel != 9
        if struck and before == "playing" and not (item.velocity == 70 and item.note >= 70):
            assert found.hushed[-1] == moment
            assert found.improviser.phase != "playing"
            assert not found.outbox.sounding


@pytest.mark.parametrize("grid", [None, GRID], ids=["free", "grid"])
def test_ten_thousand_messages_in_a_second_are_taken_and_the_next_phrase_answered(grid: Grid | None) -> None:
    flood: Inputs = [(k / 10_000, on(k % 128, 1 + k % 2 * 99, k % 7)) for k in range(10_000)]
    lifted: Inputs = [(1.1, off(pitch, channel)) for pitch in range(128) for channel in range(7)]
    found = stage(grid=grid).run([*flood, *lifted, *played(CALL, start=20.0)])
    assert [news.facts["notes"] for news in found.told("call")][-1] == 5
    assert found.told("done")
    assert not sounding(found.sent)
    assert len(found.partner.asked) < 200


def test_a_flood_at_the_pace_of_hands_makes_phrases_with_a_bound() -> None:
    flood: Inputs = [(k / 100, on(40 + k % 40) if k % 2 == 0 else off(40 + (k - 1) % 40)) for k in range(10_000)]
    found = stage().run(flood)
    assert max(news.facts["notes"] for news in found.told("call")) <= 400
    assert len(found.told("call")) < 100
    assert not sounding(found.sent)


def test_steps_are_few() -> None:
    check: list[tuple[Callable[[], Stage], float]] = [
        (lambda: stage().run(played(CALL)), 10.0),
        (lambda: stage(grid=GRID).run(played(CALL)), 10.0),
        (lambda: stage(grid=GRID).run(played(CALL * 10)), 30.0),
        (lambda: stage().run([(0.0, control(64, 127)), *played(CALL)]), 40.0),
    ]
    for make, most in check:
        found = make()
        assert found.steps < 20 + 6 * len(found.sent) + most


def test_an_echo_is_ours_for_a_short_time_only() -> None:
    first = stage().run(played(CALL)).strikes[0]
    found = stage().run([*played(CALL), (first.moment + ECHO + 0.05, first.message)])
    assert found.hushed


def test_moments_before_the_clock_began_are_moments() -> None:
    found = stage(grid=Steady(Meter(4, 4), -100.0, 0.5))
    found.now = -50.0
    found.run(played(CALL, start=-50.0))
    assert len(found.told("done")) == 1
    assert not sounding(found.sent)


def test_the_segmenter_given_is_used() -> None:
    partner = Partner()
    found = Stage(Improviser(partner, Settings(), segmenter=Segmenter(silence=2.0)), partner).run(played(CALL))
    assert strikes(found)[0] == pytest.approx(1.2 + 2.0 + AT_ONCE)
