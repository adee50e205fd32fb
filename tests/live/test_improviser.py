"""The improviser, stepped: answers in time, silence at once, and no note that hangs, whatever is played."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from composer.live.answering import Settings
from composer.live.controls import Control
from composer.live.grid import Grid, Steady
from composer.live.improviser import AT_ONCE, HORIZON, SLIP
from composer.live.midi_clock import Follower
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter
from jamming import Inputs, Partner, Stage, control, off, on, played, silent, sounding, stage

GRID = Steady(Meter(4, 4), origin=0.25, quarter=0.5)
CALL = [60, 62, 64, 65, 67]
ENDS = 4 * 0.25 + 0.2 + 0.7  # where CALL is over, without a grid


def strikes(found: Stage) -> list[float]:
    return [event.moment for event in found.strikes]


# --- when an answer begins ----------------------------------------------------------------------------------------


def test_without_a_grid_an_answer_begins_where_the_phrase_ends() -> None:
    found = stage().run(played(CALL))
    assert strikes(found)[0] == pytest.approx(ENDS + AT_ONCE)
    assert [news.kind for news in found.news] == ["call", "answer", "done"]
    assert not sounding(found.sent)


def test_an_answer_is_looked_for_before_the_phrase_is_over() -> None:
    found = stage().run(played(CALL), until=ENDS - 0.1)
    assert [request.phrase.notes[0].pitch for request in found.partner.asked] == [60]
    assert not found.told("call")


def test_an_answer_to_a_phrase_that_went_on_is_not_played() -> None:
    halting = played(CALL) + played([69, 71], start=1.6)
    found = stage().run(halting)
    assert len(found.partner.asked) == 2
    assert [news.facts["notes"] for news in found.told("call")] == [7]


def test_notes_keep_their_spacing_and_are_sent_little_ahead() -> None:
    found = stage().run(played(CALL))
    gaps = [b - a for a, b in pairwise(strikes(found))]
    assert gaps == pytest.approx([0.25] * 7)
    assert all(event.moment - at <= 0.26 for at, event in found.scheduled if event.message.type == "note_on")
    assert all(event.moment >= at for at, event in found.scheduled)


@pytest.mark.parametrize("step", [0.25, 0.31, 0.5])
def test_with_a_grid_an_answer_begins_on_a_beat_and_stays_on_it(step: float) -> None:
    found = stage(grid=GRID).run(played(CALL, step=step))
    places = [GRID.quarters(moment) for moment in strikes(found)]
    assert places[0] == pytest.approx(round(places[0]), abs=1e-9)
    assert places == pytest.approx([places[0] + k / 2 for k in range(8)])
    [answer] = found.told("answer")
    assert not answer.facts["late"]
    assert answer.facts["latency"] == pytest.approx(0, abs=1e-9)
    [call] = found.told("call")
    assert 0 <= strikes(found)[0] - call.moment <= 0.031  # it was there, and waited for the beat


@given(
    st.lists(st.integers(40, 90), min_size=2, max_size=12),
    st.floats(0.11, 0.9),
    st.floats(0.1, 0.99),
    st.floats(0, 3),
    st.floats(0.15, 2.0),
    st.sampled_from([Meter(4, 4), Meter(3, 4), Meter(6, 8)]),
)
def test_with_any_grid_an_answer_in_no_time_is_never_late(
    call: list[int], step: float, touch: float, start: float, quarter: float, meter: Meter
) -> None:
    grid = Steady(meter, 0.1, quarter)
    found = stage(grid=grid).run(played(call, start, step, touch))
    assert found.improviser.late == 0
    beat = meter.beat / 10080
    for answer in found.told("answer"):
        place = grid.quarters(answer.facts["at"]) / beat
        assert place == pytest.approx(round(place), abs=1e-6)


def test_answers_follow_a_clock_whose_tempo_ramps() -> None:
    follower, place = Follower(Meter(4, 4)), list[float]()
    follower.push(Message("start"), 0.0)
    found = stage(grid=follower)
    moment, pulses, music = 0.0, list[float](), played(CALL, start=2.0)
    while moment < 12.0:  # from 100 up to 160 quarters a minute
        pulses.append(moment)
        moment += 60 / (24 * (100 + 5 * moment))
    for now in pulses:
        follower.push(Message("clock"), now)
        here = [(at, message) for at, message in music if at <= now]
        music = music[len(here) :]
        found.run(here, until=now)
    for at in strikes(found):
        number = next(k for k, pulse in enumerate(pulses) if pulse > at)
        place.append((number - 1 + (at - pulses[number - 1]) / (pulses[number] - pulses[number - 1])) / 24)
    assert place[0] == pytest.approx(round(place[0]), abs=0.02)
    assert place == pytest.approx([place[0] + k / 2 for k in range(8)], abs=0.02)
    assert not sounding(found.sent)


# --- an answer that comes late ------------------------------------------------------------------------------------


def test_a_late_answer_begins_on_the_next_beat_without_a_burst() -> None:
    found = stage(Partner(delay=1.1)).run(played(CALL))
    [answer] = found.told("answer")
    assert answer.facts["late"]
    assert (strikes(found)[0] - ENDS) / 0.5 == pytest.approx(round((strikes(found)[0] - ENDS) / 0.5))
    assert strikes(found)[0] >= answer.moment
    assert [b - a for a, b in pairwise(strikes(found))] == pytest.approx([0.25] * 7)
    assert found.improviser.late == 1


@given(st.floats(0.0, 4.0), st.floats(0.15, 1.5), st.sampled_from([Meter(4, 4), Meter(3, 4), Meter(6, 8)]))
def test_with_a_grid_a_late_answer_comes_in_on_a_beat_as_if_it_had_begun_in_time(
    delay: float, quarter: float, meter: Meter
) -> None:
    grid = Steady(meter, 0.1, quarter)
    found = stage(Partner(delay=delay), grid=grid).run(played(CALL, step=0.2))
    if not found.told("answer"):
        return
    [answer], moments = found.told("answer"), strikes(found)
    assert all(moment >= answer.moment - 1e-6 for moment in moments)
    assert all(b - a == pytest.approx(quarter / 2) for a, b in pairwise(moments))
    assert len(moments) == answer.facts["notes"] > 0
    if answer.facts["late"]:
        place = grid.quarters(moments[0]) / (meter.beat / Q)
        assert place == pytest.approx(round(place), abs=1e-6)


@pytest.mark.parametrize(("chords", "round_"), [("", 1), ("| Am | Dm | E7 |", 3)])
@given(delay=st.floats(2.6, 9.0))
def test_an_answer_that_would_be_over_comes_whole_in_a_later_bar_over_the_same_chords(
    chords: str, round_: int, delay: float
) -> None:
    """As where the machine was busy: no call goes without an answer."""
    settings = Settings(chords=chords)
    in_time, found = (stage(Partner(wait), GRID, settings).run(played(CALL)) for wait in (0.0, delay))
    [answer] = found.told("answer")
    assert answer.facts["late"]
    assert answer.facts["at"] == strikes(found)[0] >= answer.moment
    assert answer.facts["latency"] == pytest.approx(strikes(found)[0] - strikes(in_time)[0])
    again = (strikes(found)[0] - strikes(in_time)[0]) / (4 * GRID.quarter) / round_
    assert again == pytest.approx(round(again))
    assert strikes(found)[0] - answer.moment < (round_ * 4 + 1) * GRID.quarter
    assert len(strikes(found)) == len(strikes(in_time))
    assert not sounding(found.sent)


def test_a_request_without_an_answer_is_told_and_the_next_is_answered() -> None:
    found = stage(Partner(answers=silent)).run(played(CALL))
    assert [news.facts["why"] for news in found.told("silent")] == ["nothing comes to mind"]
    assert found.improviser.phase == "listening"
    found.partner.answers = Partner().answers
    found.run(played(CALL, start=10.0))
    assert found.told("answer")


# --- barging in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [None, GRID], ids=["free", "grid"])
@given(after=st.floats(SLIP + 0.01, 1.8))
def test_a_played_note_silences_the_answer_at_once(grid: Grid | None, after: float) -> None:
    begins = strikes(stage(grid=grid).run(played(CALL)))[0]
    moment = begins + after
    found = stage(grid=grid).run([*played(CALL), (moment, on(50))], until=moment)
    assert found.hushed == [moment]
    assert not sounding(found.sent)
    assert found.told("cut")
    assert [answer.request.number for answer in found.partner.kept] == [1]
    found.run([(moment + 0.5, off(50))])
    assert next(at for at in strikes(found) if at > moment) >= moment + 0.5 + (0.7 if grid is None else 0.2)


@pytest.mark.parametrize("after", [0.0, 0.05, SLIP - 0.01])
def test_a_slip_into_the_answer_goes_on_with_the_phrase(after: float) -> None:
    moment = ENDS + AT_ONCE + after
    found = stage().run([*played(CALL), (moment, on(69)), (moment + 0.2, off(69))])
    assert found.hushed == [moment]
    assert [(news.kind, news.facts.get("number")) for news in found.news] == [
        ("call", 1), ("answer", 1), ("goes on", 1), ("call", 1), ("answer", 1), ("done", 1)
    ]  # fmt: skip
    assert [news.facts["notes"] for news in found.told("call")] == [5, 6]
    assert found.improviser.bars == 2
    assert not sounding(found.sent)


def test_playing_on_while_an_answer_is_looked_for_goes_on_with_the_phrase() -> None:
    found = stage(Partner(delay=2.0)).run([*played(CALL), (ENDS + 0.3, on(69)), (ENDS + 0.5, off(69))])
    assert found.hushed == []
    assert [news.facts["notes"] for news in found.told("call")] == [5, 6]
    assert len(found.told("answer")) == 1


def test_an_accidental_note_is_not_answered() -> None:
    found = stage().run([(0.0, on(60)), (0.1, off(60))])
    assert found.news == []
    assert found.sent == []


def test_drums_do_not_silence_an_answer() -> None:
    found = stage().run([*played(CALL), (ENDS + 1, on(36, channel=9))])
    assert found.hushed == []
    assert len(found.told("done")) == 1


def test_a_player_who_never_stops_is_heard_in_phrases_and_not_spoken_over_for_long() -> None:
    music = played([60 + k % 12 for k in range(400)], step=0.25)  # 100 s
    found = stage().run(music)
    calls = [news.facts["notes"] for news in found.told("call")]
    assert len(calls) <= 6
    assert max(calls) <= 125
    assert not sounding(found.sent)


# --- echo ---------------------------------------------------------------------------------------------------------


@given(st.floats(0, 0.12))
def test_our_own_output_is_not_heard(delay: float) -> None:
    once = stage().run(played(CALL))
    echo = [(event.moment + delay, event.message) for event in once.sent]
    found = stage().run([*played(CALL), *echo])
    assert found.sent == once.sent
    assert [news.kind for news in found.news] == ["call", "answer", "done"]


def test_the_same_note_struck_by_the_player_is_heard_after_its_echo() -> None:
    first = stage().run(played(CALL)).strikes[2]
    found = stage().run([*played(CALL), (first.moment + 0.02, first.message), (first.moment + 0.04, first.message)])
    assert found.hushed == [first.moment + 0.04]


def test_a_note_of_an_answer_that_was_silenced_is_no_echo() -> None:
    strikes = stage().run(played(CALL)).strikes
    moment = strikes[3].moment - 0.1
    again = strikes[3].moment + 0.01  # that note was ready to be sent, and was not
    found = stage().run([*played(CALL), (moment, on(40)), (moment + 0.05, off(40)), (again, strikes[3].message)])
    assert [news.facts["notes"] for news in found.told("call")] == [5, 2]


def test_a_loop_of_cable_does_not_make_one_panic_many() -> None:
    found = stage()
    found.run([*played(CALL), (ENDS + 0.5, Control("panic"))], until=ENDS + 0.5)
    for _ in range(5):
        back = [(found.now + 0.001, event.message) for event in found.sent if event.moment >= ENDS + 0.5]
        found.sent.clear()
        found.run(back, until=found.now + 0.01)
    assert len(found.told("panic")) == 1


def test_all_notes_off_that_comes_back_does_not_lift_the_players_key() -> None:
    moment = ENDS + 0.6
    found = stage()
    found.run([*played(CALL), (moment, on(50))], until=moment)
    back = [(moment + 0.01, event.message) for event in found.sent if event.moment == moment]
    found.run([*back, (moment + 1.0, off(50))])
    [_, request] = found.told("call")
    assert found.partner.asked[-1].phrase.notes[0].offset == moment + 1.0
    assert request.facts["notes"] == 1


# --- controls -----------------------------------------------------------------------------------------------------


def test_a_panic_silences_every_channel_and_forgets() -> None:
    found = stage().run([*played(CALL), (ENDS + 0.5, Control("panic"))])
    assert found.hushed == [ENDS + 0.5]
    last = [event.message for event in found.sent if event.message.type == "control_change"]
    assert {(m.channel, m.control) for m in last} >= {(c, n) for c in range(16) for n in (64, 120, 123)}
    assert not sounding(found.sent)
    assert found.improviser.phase == "listening"
    assert not [at for at in strikes(found) if at > ENDS + 0.5]


def test_a_control_change_of_all_sound_off_is_a_panic() -> None:
    found = stage().run([*played(CALL), (ENDS + 0.5, control(120, 0))])
    assert len(found.told("panic")) == 1


def test_the_end_is_a_phrase_end_at_once() -> None:
    found = stage().run([*played(CALL), (1.3, Control("end"))])
    assert found.told("call")[0].moment == 1.3
    assert strikes(found)[0] == pytest.approx(1.3 + AT_ONCE)


def test_settings_change_for_the_answers_that_follow() -> None:
    found = stage().run([*played(CALL), (1.25, Control("temperature", 2.0)), (1.26, Control("mode", "vary"))])
    assert (found.partner.asked[-1].settings.temperature, found.partner.asked[-1].settings.mode) == (2.0, "vary")
    assert len(found.told("answer")) == 1


def test_a_setting_changed_in_the_silence_asks_again() -> None:
    found = stage().run([*played(CALL), (1.5, Control("density", 4.0))])
    assert [request.settings.density for request in found.partner.asked] == [0.0, 4.0]
    assert len(found.told("answer")) == 1


@pytest.mark.parametrize(
    "wish", [Control("mode", "loud"), Control("temperature", "warm"), Control("tempo", math.nan),
             Control("volume", 1.0), Control("key", "H flat"), Control("density", math.inf),
             Control("temperature", -1.0)],
)  # fmt: skip
def test_a_wish_without_sense_is_refused_in_a_line(wish: Control) -> None:
    found = stage().run([(0.0, wish), *played(CALL, start=0.5)])
    [news] = found.told("refused")
    assert "\n" not in news.facts["why"]
    assert len(found.told("done")) == 1


def test_taps_set_the_tempo_and_where_the_beat_is() -> None:
    taps: Inputs = [(k * 0.4, Control("tap")) for k in range(6)]
    found = stage().run([*taps, *played(CALL, start=4.0)])
    place = strikes(found)[0] / 0.4
    assert place == pytest.approx(round(place), abs=1e-6)


def test_a_tempo_asked_for_bends_the_grid_where_it_is() -> None:
    found = stage(grid=GRID).run([(1.25, Control("tempo", 60.0))])
    assert found.improviser.grid == Steady(Meter(4, 4), -0.75, 1.0)
    found.run(played(CALL, start=2.25))
    moments = strikes(found)
    assert (moments[0] + 0.75) % 1.0 == pytest.approx(0.0, abs=1e-9)
    assert moments[1] - moments[0] == pytest.approx(0.5)


def test_an_answer_follows_a_tempo_that_is_asked_for() -> None:
    begins = strikes(stage(grid=GRID).run(played(CALL)))[0]
    found = stage(grid=GRID).run([*played(CALL), (begins + 0.6, Control("tempo", 60.0))])
    assert found.improviser.grid is not None
    later = [at for at in strikes(found) if at > begins + 0.6 + HORIZON]
    assert len(later) >= 3
    halves = [2 * found.improviser.grid.quarters(at) for at in later]
    assert halves == pytest.approx([round(place) for place in halves], abs=1e-6)
    assert [b - a for a, b in pairwise(later)] == pytest.approx([0.5] * (len(later) - 1))


# --- a grid that changes ------------------------------------------------------------------------------------------


def clocked(stop_at: int, then: list[Message], more: int) -> Stage:
    """A jam to a clock of 120 quarters a minute that is told something in the middle of an answer."""
    follower = Follower(Meter(4, 4))
    follower.push(Message("start"), 0.0)
    found, music = stage(grid=follower), played(CALL, start=2.0)
    for number in range(stop_at + more):
        now = number / 48
        if number == stop_at:
            for message in then:
                follower.push(message, now)
        follower.push(Message("clock"), now)
        here = [(at, message) for at, message in music if at <= now]
        music = music[len(here) :]
        found.run(here, until=now)
        found.now = now
        found.step([])
    return found.run([])


@pytest.mark.parametrize(
    "song", [[Message("start")], [Message("songpos", pos=400), Message("continue")], [Message("stop")]]
)
def test_a_clock_that_jumps_or_stops_in_an_answer_leaves_neither_a_burst_nor_a_hanging_note(
    song: list[Message],
) -> None:
    usual = clocked(1000, [], 0)
    assert len(usual.strikes) == 8
    jump = strikes(usual)[3] + 0.01
    found = clocked(math.ceil(jump * 48), song, 300)
    assert strikes(found)[:4] == pytest.approx(strikes(usual)[:4])
    assert min(b - a for a, b in pairwise(strikes(found))) > 0.2
    assert all(event.moment >= at - 0.031 for at, event in found.scheduled)
    assert not sounding(found.sent)
    assert found.improviser.phase == "listening"
    assert found.now < jump + 10


def test_an_answer_goes_on_in_its_own_time_when_the_pulse_is_gone() -> None:
    found = stage(grid=GRID).run(played(CALL), until=3.0)
    found.improviser.grid = None
    found.run([])
    assert strikes(found) == strikes(stage(grid=GRID).run(played(CALL)))
