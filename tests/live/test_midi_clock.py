"""MIDI clock against clocks made by the rule, against jack_midi_clock and against jack_mclk_dump."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message
from numpy.typing import NDArray

from composer.live.grid import Steady
from composer.live.midi_clock import PULSES, STALL, Follower, Sender
from composer.theory import Meter

CLOCK, START, CONTINUE, STOP = (Message(name) for name in ("clock", "start", "continue", "stop"))
Tempo = Callable[[float], float]  # quarters a minute, by the quarter


def pulses(tempo: Tempo, quarters: float, begin: float = 10.0) -> NDArray[np.float64]:
    """The moments of a clock's pulses: the integral of the tempo's inverse."""
    fine = 20 * PULSES
    middles = (np.arange(round(quarters * fine)) + 0.5) / fine
    lengths = 60 / np.array([tempo(place) for place in middles]) / fine
    return begin + np.concatenate([[0], np.cumsum(lengths)])[::20]


def shaken(moments: NDArray[np.float64], jitter: float, seed: int) -> NDArray[np.float64]:
    return np.sort(moments + np.random.default_rng(seed).uniform(-jitter, jitter, len(moments)))


def follow(moments: NDArray[np.float64], follower: Follower | None = None) -> Follower:
    if follower is None:
        follower = Follower()
        follower.push(START, moments[0] - 0.001)
    for moment in moments:
        follower.push(CLOCK, moment)
    return follower


@given(st.floats(20, 400))
def test_a_steady_clock_is_known_exactly(tempo: float) -> None:
    moments = pulses(lambda _: tempo, 8)
    follower = follow(moments)
    assert follower.tempo == pytest.approx(tempo)
    assert follower.quarters(moments[-1]) == pytest.approx(8)
    assert follower.running
    assert follower.locked
    assert follower.problem(moments[-1]) is None


@given(st.floats(60, 200), st.integers(0, 999))
def test_five_milliseconds_of_jitter_hardly_move_it(tempo: float, seed: int) -> None:
    moments = pulses(lambda _: tempo, 24)
    follower = follow(shaken(moments, 0.005, seed))
    assert follower.tempo == pytest.approx(tempo, rel=0.02)
    assert follower.seconds(24) == pytest.approx(moments[-1], abs=0.004)


@given(st.floats(60, 200), st.floats(60, 200), st.integers(8, 32), st.sampled_from([0.0, 0.001, 0.002]))
def test_ramps_are_followed_without_losing_the_bar(first: float, last: float, over: int, jitter: float) -> None:
    def tempo(quarter: float) -> float:
        return first + (last - first) * min(max((quarter - 8) / over, 0), 1)

    moments = pulses(tempo, 8 + over + 8)
    follower = Follower()
    follower.push(START, moments[0] - 0.001)
    for pulse, (true, heard) in enumerate(zip(moments, shaken(moments, jitter, over), strict=True)):
        follower.push(CLOCK, heard)
        if pulse > 4 * PULSES:
            assert follower.seconds(pulse / PULSES) == pytest.approx(true, abs=0.012)
            assert follower.tempo == pytest.approx(tempo(pulse / PULSES), rel=0.06)
    assert follower.tempo == pytest.approx(last, rel=0.01)


@given(st.sampled_from([60, 120, 200]), st.floats(0, 0.002), st.integers(0, 99), st.data())
def test_lost_and_doubled_pulses_do_not_shift_the_bar(
    tempo: int, jitter: float, seed: int, data: st.DataObject
) -> None:
    moments = pulses(lambda _: tempo, 20)
    odd = st.lists(st.integers(0, 12), min_size=3, max_size=12)
    places = 4 * PULSES + np.cumsum(data.draw(odd)) * 2
    heard = shaken(moments, jitter, seed)
    if data.draw(st.booleans()):
        heard = np.delete(heard, np.unique(places))
    else:
        heard = np.sort(np.concatenate([heard, heard[np.unique(places)] + 0.0005]))
    follower = follow(heard)
    assert follower.seconds(20) == pytest.approx(moments[-1], abs=0.004)


@pytest.mark.parametrize(("first", "last"), [(60, 200), (200, 60), (120, 60), (60, 120), (90, 60), (120, 180)])
def test_a_jump_of_the_tempo_keeps_the_count(first: int, last: int) -> None:
    moments = pulses(lambda quarter: first if quarter < 10 else last, 20)
    follower = follow(moments)
    assert follower.tempo == pytest.approx(last, rel=1e-3)
    assert follower.quarters(moments[-1]) == pytest.approx(20, abs=0.01)


def test_a_thread_that_hung_and_then_gets_all_pulses_at_once_keeps_the_count() -> None:
    moments = pulses(lambda _: 120, 20)
    hung = (moments > 14) & (moments < 14.2)
    heard = np.where(hung, 14.2, moments) + np.cumsum(hung) * 1e-5
    assert follow(heard).seconds(20) == pytest.approx(moments[-1], abs=0.005)


def test_pulses_before_the_start_tell_the_tempo_and_do_not_advance_the_bar() -> None:
    moments = pulses(lambda _: 90, 6)
    follower = follow(moments[:96], Follower())
    assert follower.tempo == pytest.approx(90)
    assert not follower.running
    assert follower.quarters(moments[96]) == pytest.approx(0)  # where it starts, if it starts now
    follower.push(START, moments[96] - 0.001)
    follow(moments[96:], follower)
    assert follower.quarters(moments[-1]) == pytest.approx(2)


@given(st.integers(0, 16383), st.integers(1, 100))
def test_it_goes_on_from_the_song_position_not_from_the_pulses_before(sixteenth: int, before: int) -> None:
    moments = pulses(lambda _: 100, 8)
    follower = Follower(Meter(3, 4))
    follower.push(Message("songpos", pos=sixteenth), moments[0] - 0.01)
    follow(moments[:before], follower)
    assert follower.position == max(sixteenth - 1, 0) if sixteenth else follower.position == 0
    follower.push(CONTINUE, moments[before])
    follow(moments[before:], follower)
    assert follower.quarters(moments[before]) == pytest.approx(sixteenth / 4, abs=1e-6)
    assert follower.meter == Meter(3, 4)


def test_stopping_and_continuing_lets_no_time_pass_in_the_music() -> None:
    moments = pulses(lambda _: 120, 16)
    follower = follow(moments[: 4 * PULSES])
    follower.push(STOP, moments[4 * PULSES] - 0.001)
    assert not follower.running
    follow(moments[4 * PULSES : 8 * PULSES], follower)
    follower.push(CONTINUE, moments[8 * PULSES] - 0.001)
    follow(moments[8 * PULSES : 10 * PULSES + 1], follower)
    assert follower.quarters(moments[10 * PULSES]) == pytest.approx(6)


def test_a_start_out_of_step_with_the_pulses_before_it_is_where_the_bar_begins() -> None:
    follower = follow(pulses(lambda _: 120, 4, begin=0.0), Follower())
    follower.push(START, 2.012)
    moments = pulses(lambda _: 120, 4, begin=2.013)
    follow(moments, follower)
    assert follower.quarters(moments[-1]) == pytest.approx(4, abs=0.005)


@given(st.floats(60, 200), st.floats(60, 200), st.lists(st.floats(0, 40), min_size=2, max_size=20))
def test_seconds_and_quarters_are_each_others_inverse_and_rise(first: float, last: float, at: list[float]) -> None:
    moments = pulses(lambda quarter: first + (last - first) * quarter / 16, 16)
    follower = follow(shaken(moments, 0.002, 1))
    places = np.unique(np.round(at, 6))
    when = [follower.seconds(place) for place in places]
    assert [follower.quarters(moment) for moment in when] == pytest.approx(list(places), abs=1e-6)
    assert (np.diff(when) > 0).all()


def test_the_past_is_told_as_it_was() -> None:
    moments = pulses(lambda quarter: 60 + 5 * quarter, 16)
    follower = follow(moments)
    told = [follower.seconds(pulse / PULSES) for pulse in range(PULSES, len(moments))]
    assert told == pytest.approx(moments[PULSES:], abs=0.01)


def test_a_clock_that_stalls_says_so() -> None:
    follower = Follower()
    assert follower.problem(0.0) == "no MIDI clock has come; let the other program send one to this port"
    moments = pulses(lambda _: 120, 4)
    follow(moments, follower)
    assert not follower.stalled(moments[-1] + STALL)
    assert follower.stalled(moments[-1] + 1)
    assert follower.problem(moments[-1] + 1) == "the MIDI clock has stalled: no pulse for 1.0 s"


@pytest.mark.parametrize("absurd", [8, 500, 900])
def test_an_absurd_tempo_is_refused_and_not_followed(absurd: int) -> None:
    moments = pulses(lambda _: 120, 8)
    follower = follow(moments)
    wild = pulses(lambda _: absurd, 8, begin=moments[-1] + 0.02)
    follow(wild, follower)
    assert follower.problem(wild[-1]) == (
        f"a MIDI clock of {absurd} quarters a minute is not followed; send one of 20 to 400"
    )
    assert 20 <= follower.tempo <= 400
    tame = pulses(lambda _: 100, 8, begin=wild[-1] + 0.02)
    follow(tame, follower)
    assert follower.problem(tame[-1]) is None
    assert follower.tempo == pytest.approx(100, rel=1e-3)


@given(
    st.lists(
        st.tuples(st.sampled_from(["clock", "start", "continue", "stop", "songpos", "note_on"]), st.floats(0, 0.6))
    )
)
def test_whatever_comes_the_grid_stays_a_grid(rows: list[tuple[str, float]]) -> None:
    follower, now = Follower(), 5.0
    for name, wait in rows:
        now += wait
        follower.push(Message(name), now)
        place = follower.quarters(now)
        assert follower.seconds(place) == pytest.approx(now, abs=1e-6)
        assert follower.quarters(now + 1) > place
        assert 20 <= round(follower.tempo, 6) <= 400


def test_a_flood_is_taken_in_its_stride() -> None:
    moments = pulses(lambda _: 120, 8)
    follower = follow(moments)
    follow(np.linspace(moments[-1], moments[-1] + 0.0009, 10_000), follower)
    assert follower.quarters(moments[-1]) == pytest.approx(8)


# --- sending --------------------------------------------------------------------------------------------------------


@given(st.floats(40, 300), st.lists(st.floats(0.001, 0.7), min_size=1, max_size=30))
def test_each_pulse_is_due_once_and_in_its_place_however_time_is_cut(tempo: float, stretches: list[float]) -> None:
    grid, sender, now = Steady(Meter(4, 4), 3.0, 60 / tempo), Sender(), 3.0
    sent = []
    for stretch in stretches:
        due = sender.due(grid, now, now + stretch)
        assert all(now <= event.moment < now + stretch for event in due)
        sent += due
        now += stretch
    assert [event.moment for event in sent] == pytest.approx([grid.seconds(n / PULSES) for n in range(len(sent))])
    assert len(sent) == pytest.approx((now - 3.0) * tempo / 60 * PULSES, abs=1)


@pytest.mark.parametrize(
    ("quarters", "begins"),
    [(0, ["start"]), (6.25, ["songpos", "continue"]), (6.2, ["songpos", "continue"])],
)
def test_who_follows_is_where_the_sender_is(quarters: float, begins: list[str]) -> None:
    grid, sender, follower = Steady(Meter(4, 4), 3.0, 0.5), Sender(), Follower()
    sender.start(quarters)
    sent = sender.due(grid, 1.0, 9.0)
    assert [event.moment for event in sent] == sorted(event.moment for event in sent)
    assert [event.message.type for event in sent if event.message.type != "clock"] == begins
    for moment, message in sent:
        follower.push(message, moment)
    assert follower.quarters(9.0) == pytest.approx(grid.quarters(9.0))
    for moment, message in sender.stop(9.0):
        follower.push(message, moment)
    assert not follower.running


def test_a_corrected_grid_neither_repeats_a_pulse_nor_leaves_one_out() -> None:
    sender, sent = Sender(), []
    for number in range(400):
        wobble = 0.004 * (-1) ** number
        sent += sender.due(Steady(Meter(4, 4), wobble, 0.5), number / 50, (number + 1) / 50)
    assert len(sent) == pytest.approx(8 / 0.5 * PULSES, abs=1)


def test_what_was_before_the_first_pulse_has_a_place() -> None:
    follower = Follower()
    for number in range(48):
        follower.push(Message("clock"), number / 48)
    follower.push(Message("start"), 1.0)
    follower.push(Message("clock"), 1.0)
    assert follower.quarters(0.75) == pytest.approx(-0.5, abs=0.01)
    assert follower.seconds(-0.5) == pytest.approx(0.75, abs=0.01)
