"""The segmenter: where one phrase ends and the next begins, whatever is played."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from composer.live.grid import Steady
from composer.live.phrase import BRIEF, MOST_NOTES, Phrase, Segmenter
from composer.theory import Meter
from jamming import Inputs, control, off, on, played

PEDAL, END = 64, 67


def phrases(segmenter: Segmenter, inputs: Inputs, until: float = 1000.0) -> list[tuple[float, Phrase]]:
    """The phrases, and when each was told, if somebody looks whenever one may be over."""
    found = []
    for moment, message in [*inputs, (until, None)]:
        while (ends := segmenter.ends) is not None and ends <= moment:
            phrase = segmenter.push(None, ends)
            assert segmenter.ends is None or segmenter.ends > ends
            found += [(ends, phrase)] if phrase else []
        phrase = segmenter.push(message, moment)
        found += [(moment, phrase)] if phrase else []
    return found


def test_a_phrase_is_over_after_silence_from_the_last_key_up() -> None:
    [(moment, phrase)] = phrases(Segmenter(), played([60, 62, 64]))
    assert moment == pytest.approx(0.5 + 0.2 + 0.7)
    assert phrase.end == pytest.approx(0.7)
    assert [(note.pitch, note.onset) for note in phrase.notes] == [(60, 0.0), (62, 0.25), (64, 0.5)]


def test_two_phrases_are_cut_where_the_silence_was() -> None:
    found = phrases(Segmenter(), played([60, 62, 64]) + played([65, 67], start=2.0))
    assert [[note.pitch for note in phrase.notes] for _, phrase in found] == [[60, 62, 64], [65, 67]]


def test_a_slow_player_is_given_more_time_up_to_two_and_a_half_times_the_silence() -> None:
    waits = []
    for step in (0.25, 0.4, 0.8, 5.0):
        [(moment, phrase)] = phrases(Segmenter(), played([60, 62, 64], step=step, touch=0.99))
        waits.append(moment - phrase.end)
    assert waits == pytest.approx([0.7, 0.7, 1.4, 1.75])


def test_the_notes_of_a_chord_do_not_make_a_slow_player_fast() -> None:
    chords = [(k * 0.8 + j * 0.01, on(60 + 4 * j)) for k in range(3) for j in range(3)]
    ends = [(k * 0.8 + 0.7, off(60 + 4 * j)) for k in range(3) for j in range(3)]
    [(moment, phrase)] = phrases(Segmenter(), sorted(chords + ends, key=lambda item: item[0]))
    assert moment - phrase.end == pytest.approx(1.4, rel=0.05)


def test_silence_begins_when_the_pedal_is_up() -> None:
    inputs = [(0.0, control(PEDAL, 127)), *played([60, 62, 64]), (3.0, control(PEDAL, 0))]
    [(moment, phrase)] = phrases(Segmenter(), inputs)
    assert moment == pytest.approx(3.7)
    assert {note.offset for note in phrase.notes} == {3.0}
    assert [note.released for note in phrase.notes] == pytest.approx([0.2, 0.45, 0.7])


def test_the_pedal_of_one_channel_holds_no_note_of_another() -> None:
    inputs = [(0.0, control(PEDAL, 127, channel=1)), *played([60, 62]), (3.0, control(PEDAL, 0, channel=1))]
    [(moment, _)] = phrases(Segmenter(), inputs)
    assert moment == pytest.approx(0.45 + 0.7)


def test_a_key_that_is_still_down_is_held_by_itself_when_the_pedal_goes_up() -> None:
    inputs = [(0.0, control(PEDAL, 127)), (0.1, on(60)), (0.2, control(PEDAL, 0)), (1.0, off(60))]
    [(moment, phrase)] = phrases(Segmenter(), inputs)
    assert (moment, phrase.notes[0].offset) == (1.7, 1.0)


def test_a_held_pedal_ends_with_the_longest_phrase() -> None:
    [(moment, phrase)] = phrases(Segmenter(), [(0.0, control(PEDAL, 127)), *played([60, 62])])
    assert moment == phrase.end == 30.0


@pytest.mark.parametrize("ending", [END, 20])
def test_a_control_change_ends_a_phrase_at_once(ending: int) -> None:
    inputs = [*played([60, 62, 64]), (0.75, control(ending, 127)), (0.8, control(ending, 0))]
    [(moment, phrase)] = phrases(Segmenter(ending=ending), inputs)
    assert (moment, len(phrase.notes)) == (0.75, 3)


def test_the_ending_control_ends_what_is_still_held() -> None:
    segmenter = Segmenter()
    [(moment, phrase)] = phrases(segmenter, [(0.0, on(60)), (0.5, on(64)), (1.0, control(END, 64)), (1.2, off(60))])
    assert (moment, phrase.end, [note.offset for note in phrase.notes]) == (1.0, 1.0, [1.0, 1.0])
    assert not segmenter.playing


def test_the_ending_control_without_a_phrase_is_nothing() -> None:
    assert phrases(Segmenter(), [(0.0, control(END, 127)), (1.0, control(END, 0))]) == []


def test_a_lone_short_note_is_an_accident_and_a_long_one_a_phrase() -> None:
    assert phrases(Segmenter(), [(0.0, on(60)), (BRIEF - 0.01, off(60))]) == []
    assert len(phrases(Segmenter(), [(0.0, on(60)), (BRIEF + 0.01, off(60))])) == 1
    pedalled = [(0.0, control(PEDAL, 127)), (0.0, on(60)), (0.1, off(60)), (2.0, control(PEDAL, 0))]
    assert phrases(Segmenter(), pedalled) == []


def test_drums_are_no_melody() -> None:
    assert phrases(Segmenter(), [(0.0, on(36, channel=9)), (0.5, off(36, channel=9)), (0.6, on(38, channel=9))]) == []


def test_velocity_zero_lifts_a_key() -> None:
    [(_, phrase)] = phrases(Segmenter(), [(0.0, on(60)), (0.5, on(60, velocity=0))])
    assert phrase.notes[0][:3] == (0.0, 0.5, 0.5)


def test_a_key_struck_again_ends_its_note_and_begins_another() -> None:
    [(_, phrase)] = phrases(Segmenter(), [(0.0, on(60)), (0.5, on(60)), (1.0, off(60)), (1.1, off(60))])
    assert [note[:3] for note in phrase.notes] == [(0.0, 0.5, 0.5), (0.5, 1.0, 1.0)]


def test_all_notes_off_lifts_the_keys_of_its_channel() -> None:
    inputs = [(0.0, on(60)), (0.1, on(62, channel=1)), (0.5, control(123, 0)), (0.9, off(62, channel=1))]
    [(moment, phrase)] = phrases(Segmenter(), inputs)
    assert moment == pytest.approx(1.6)
    assert [note.offset for note in phrase.notes] == [0.5, 0.9]


def test_the_longest_phrase_ends_though_its_player_goes_on() -> None:
    found = phrases(Segmenter(longest=2.0), played([60, 62, 64, 65] * 5))
    assert found[0][0] == 2.0
    assert sum(len(phrase.notes) for _, phrase in found) == 20


def test_a_phrase_has_at_most_so_many_notes_and_none_comes_faster_than_hands_play() -> None:
    segmenter = Segmenter()
    flood = [(k / 5000, on(k % 128, channel=k // 128 % 8)) for k in range(10_000)]
    found = phrases(segmenter, flood, until=100.0)
    assert all(len(phrase.notes) <= MOST_NOTES for _, phrase in found)
    assert segmenter.ignored >= 9_500
    assert not segmenter.playing


GRID = Steady(Meter(4, 4), origin=0.0, quarter=0.5)


def test_with_a_grid_a_phrase_ends_on_the_first_bar_line_after_a_short_silence() -> None:
    [(moment, _)] = phrases(Segmenter(grid=GRID), played([60, 62, 64, 65, 67]))  # until 1.2
    assert moment == 2.0
    [(moment, _)] = phrases(Segmenter(grid=GRID), played([60] * 7))  # until 1.7: a tenth of a second is left
    assert moment == pytest.approx(2.0)


def test_with_a_grid_a_long_silence_ends_it_on_a_beat() -> None:
    [(moment, _)] = phrases(Segmenter(grid=GRID), played([60, 62]))  # until 0.45; 0.7 later is 1.15
    assert moment == pytest.approx(1.5)


def test_a_bar_line_that_comes_too_soon_is_let_go_by() -> None:
    [(moment, _)] = phrases(Segmenter(grid=GRID), played([60] * 8, touch=0.9))  # until 1.975
    assert moment == pytest.approx(3.0)  # 0.7 s of silence, and the next beat


def test_reopened_phrases_go_on() -> None:
    segmenter = Segmenter()
    [(_, first)] = phrases(segmenter, played([60, 62]), until=1.2)
    segmenter.push(on(64), 1.25)
    assert segmenter.reopen(first)
    assert segmenter.ends == 30.0  # the key is down
    [(_, whole)] = phrases(segmenter, [(1.5, off(64))])
    assert [note.pitch for note in whole.notes] == [60, 62, 64]


def test_a_full_phrase_is_not_reopened() -> None:
    segmenter = Segmenter(longest=2.0)
    [(_, first)] = phrases(segmenter, [(0.0, on(60))], until=2.1)
    segmenter.push(on(64), 2.2)
    assert not segmenter.reopen(first)
    [(_, then)] = phrases(segmenter, [(2.8, off(64))])
    assert [note.pitch for note in then.notes] == [64]


def test_what_is_forgotten_is_not_in_the_next_phrase() -> None:
    segmenter = Segmenter()
    for moment, message in [(0.0, control(PEDAL, 127)), (0.1, on(60)), (0.2, on(64))]:
        segmenter.push(message, moment)
    segmenter.forget()
    assert not segmenter.playing
    assert segmenter.ends is None
    [(moment, phrase)] = phrases(segmenter, played([70, 71], start=1.0))
    assert [note.pitch for note in phrase.notes] == [70, 71]
    assert moment == pytest.approx(1.45 + 0.7)


MESSAGES: st.SearchStrategy[Any] = st.one_of(
    st.builds(on, st.integers(59, 63), st.sampled_from([0, 1, 80]), st.integers(0, 1)),
    st.builds(off, st.integers(59, 63), st.integers(0, 1)),
    st.builds(control, st.sampled_from([PEDAL, END, 123, 120, 1]), st.sampled_from([0, 127]), st.integers(0, 1)),
    st.sampled_from([
        Message("program_change", program=3), Message("pitchwheel", pitch=100), Message("clock"),
        Message("aftertouch", value=3), Message("sysex", data=(1, 2)), on(36, channel=9), None,
    ]),
)  # fmt: skip
STREAMS = st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.1, 0.35, 0.7, 2.0, 31.0]), MESSAGES), max_size=60)
GRIDS = st.one_of(
    st.none(),
    st.builds(Steady, st.sampled_from([Meter(4, 4), Meter(6, 8), Meter(3, 4)]), st.floats(-5, 5), st.floats(0.15, 3.0)),
)


@given(STREAMS, GRIDS)
def test_whatever_is_played_phrases_are_of_notes_that_were_played_in_order(
    stream: list[tuple[float, Any]], grid: Steady | None
) -> None:
    now, inputs = 0.0, []
    for gap, message in stream:
        now += gap
        inputs.append((now, message))
    found = phrases(Segmenter(grid=grid), inputs, until=now + 100)
    struck = [(at, m.note, m.channel) for at, m in inputs if m is not None and m.type == "note_on" and m.velocity]
    seen = [note for _, phrase in found for note in phrase.notes]
    assert not Counter((note.onset, note.pitch, note.channel) for note in seen) - Counter(struck)
    for moment, phrase in found:
        assert phrase.notes
        assert phrase.notes == tuple(sorted(phrase.notes))
        assert all(note.onset <= note.released <= note.offset <= phrase.end for note in phrase.notes)
        assert phrase.end <= moment + 1e-9
    ends = [phrase.notes[-1].onset for _, phrase in found]
    assert ends == sorted(ends)
