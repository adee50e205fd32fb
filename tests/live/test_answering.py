"""Answers as completions: how long they are, where they begin and end, and in whose voice."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.errors import UsageError
from composer.generators.base import Online
from composer.live.answering import MOST_BARS, Answer, Answering, Request, Settings
from composer.live.grid import Steady, snapshot
from composer.live.memory import Memory
from composer.live.midi_clock import Follower
from composer.live.phrase import Heard, Phrase
from composer.pipeline import Composer
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Key, Meter

TUNE = (62, 66, 69, 66, 62, 66, 69, 71, 67, 71, 74, 71, 69, 66, 64, 62)  # two bars of D major, ending on the tonic
OPEN = (*TUNE[:-1], 64)  # and ending on its second degree


@cache
def folk() -> Composer:
    return Composer.load("folk-markov")


@pytest.fixture
def model() -> Composer:
    return folk()


@pytest.fixture
def answering(model: Composer) -> Answering:
    return Answering(model, Memory(0.0))


def phrase(pitches: tuple[int, ...] = TUNE, step: float = 0.25, start: float = 0.0, velocity: int = 64) -> Phrase:
    notes = tuple(
        Heard(start + k * step, start + (k + 0.8) * step, start + (k + 0.8) * step, p, velocity)
        for k, p in enumerate(pitches)
    )
    return Phrase(notes, notes[-1].offset)


def asked(pitches: tuple[int, ...] = TUNE, number: int = 1, step: float = 0.25, **chosen: object) -> Request:
    chosen = {"tempo": 120.0, "meter": Meter(4, 4), "key": Key.parse("D"), **chosen}
    return Request(number, phrase(pitches, step), replace(Settings(), **chosen))


def sounds_at_the_end(answer: Answer) -> int:
    return max(answer.notes, key=lambda note: note.offset).pitch % 12


def test_an_answer_is_as_long_as_the_call_or_as_was_asked(answering: Answering) -> None:
    assert answering.answer(asked()).length == 8.0
    assert answering.answer(asked(bars=4)).length == 16.0
    assert answering.answer(asked(bars=1)).length == 4.0
    assert answering.answer(asked(bars=1_000)).length == 4.0 * MOST_BARS


def test_its_notes_lie_in_it_in_order_and_the_first_at_once(answering: Answering) -> None:
    for number in range(5):
        answer = answering.answer(asked(number=number))
        assert list(answer.notes) == sorted(answer.notes)
        assert answer.notes[0].onset < 0.1
        assert all(0 <= note.onset < note.released <= note.offset for note in answer.notes)
        assert max(note.onset for note in answer.notes) < answer.length
        assert answer.took > 0


@pytest.mark.parametrize("number", range(6))
def test_a_question_is_answered_on_the_tonic_and_a_statement_on_its_triad(answering: Answering, number: int) -> None:
    assert sounds_at_the_end(answering.answer(asked(OPEN, number))) == 2
    assert sounds_at_the_end(answering.answer(asked(TUNE, number))) in (2, 6, 9)


def test_it_keeps_to_the_key_the_compass_and_the_register_of_the_call(answering: Answering) -> None:
    for moved in (-24, 0, 12, 24):
        call = tuple(pitch + moved for pitch in TUNE)
        for number in range(3):
            pitches = [note.pitch for note in answering.answer(asked(call, number)).notes]
            assert {pitch % 12 for pitch in pitches} <= set(Key.parse("D").scale)
            assert min(call) - 9 <= min(pitches)
            assert max(pitches) <= max(call) + 9


def test_it_moves_as_the_call_did(answering: Answering) -> None:
    slow = answering.answer(asked((62, 66, 69, 66, 62, 66, 69, 62), step=0.5, meter=Meter(4, 4)))
    assert all(note.onset % 1.0 == pytest.approx(0.0, abs=0.05) for note in slow.notes)


def test_it_is_as_loud_as_the_call(answering: Answering) -> None:
    for velocity in (30, 110):
        request = Request(1, phrase(velocity=velocity), Settings())
        found = [note.velocity for note in answering.answer(request).notes]
        assert sum(found) / len(found) == pytest.approx(velocity, abs=6)


def test_it_is_played_on_the_channel_of_the_call(answering: Answering) -> None:
    request = asked()
    request = replace(request, phrase=Phrase(tuple(n._replace(channel=5) for n in request.phrase.notes), 4.0))
    assert {note.channel for note in answering.answer(request).notes} == {5}


def test_denser_answers_have_more_notes(answering: Answering) -> None:
    counts = [
        sum(len(answering.answer(asked(number=number, density=density)).notes) for number in range(4))
        for density in (1.0, 2.0)
    ]
    assert counts[1] > 1.3 * counts[0]


def test_a_variation_keeps_the_calls_notes_on_the_beats(answering: Answering) -> None:
    answer = answering.answer(asked(mode="vary"))
    heard = {round(note.onset * 2): note.pitch for note in answer.notes}
    kept = [k for k in range(2, 14, 2) if heard.get(k) == TUNE[k]]
    assert len(kept) == 6


@pytest.mark.slow
def test_a_contrast_goes_the_other_way_more_often(answering: Answering) -> None:
    def rises(mode: str, call: tuple[int, ...]) -> int:
        answers = [answering.answer(asked(call, number, mode=mode)).notes for number in range(5)]
        return sum(notes[-1].pitch - notes[0].pitch for notes in answers)

    rising = (62, 64, 66, 67, 69, 71, 73, 74)
    assert rises("contrast", rising) < rises("contrast", rising[::-1])


def test_a_choir_accompanies_the_call_itself(answering: Answering) -> None:
    call = (69, 71, 73, 74, 74, 73, 71, 69)
    answer = answering.answer(asked(call, step=0.5, mode="accompany"))
    assert {note.pitch for note in answer.notes} >= set(call)
    starts = [note for note in answer.notes if note.onset < 0.05]
    assert len(starts) == 4
    assert len(answer.page.parts) == 4


@pytest.mark.slow
def test_chords_are_gone_round(answering: Answering) -> None:
    def on_chord(chords: str) -> float:
        found = [note for k in range(4) for note in answering.answer(asked(number=k, chords=chords)).notes]
        return sum(note.pitch % 12 in (7, 11, 2) for note in found) / len(found)

    assert on_chord("G | G") > on_chord("") + 0.1


def test_on_a_grid_it_begins_where_it_was_asked_to(answering: Answering) -> None:
    grid = Steady(Meter(4, 4), 0.0, 0.5)
    for begins in (4.0, 4.5, 5.0):
        answer = answering.answer(replace(asked(tempo=None), grid=grid, begins=begins))
        assert answer.call.zero + answer.start / Q * answer.call.quarter == pytest.approx(begins)
        end = begins + answer.length * 0.5
        assert end % 2.0 == pytest.approx(0.0)  # it ends with a bar
        assert answer.notes[0].onset < 0.1


def test_a_pickup_of_half_a_beat_does_not_shift_the_bars(answering: Answering) -> None:
    grid = Steady(Meter(6, 8), 0.0, 1 / 3)
    jig = (69, 74, 69, 66, 62, 66, 69, 71, 69, 67, 66, 64, 62)
    notes = phrase(jig, step=1 / 6, start=5 / 6)
    answer = answering.answer(Request(1, notes, Settings(key=Key.parse("D")), grid, 3.0))
    assert answer.call.score.pickup == Q // 2
    assert answer.call.zero + answer.start / Q / 3 == pytest.approx(3.0, abs=0.01)
    assert int(answer.page.bar_numbers[-1]) + 1 == pytest.approx(3.0 + answer.length / 3)  # a bar lasts a second


def test_the_same_request_gets_the_same_answer_and_another_seed_another(model: Composer) -> None:
    one, other = Answering(model, Memory(8.0)), Answering(model, Memory(8.0))
    first = [one.answer(asked()).notes, one.answer(asked(number=2)).notes]
    assert [other.answer(asked()).notes, other.answer(asked(number=2)).notes] == first
    assert first[0] != first[1]
    assert one.answer(asked(seed=5)).notes != first[0]


def test_what_is_kept_is_learned_and_saved(model: Composer) -> None:
    assert isinstance(model.generator, Online)
    answering = Answering(model, Memory(8.0))
    with pytest.raises(UsageError, match="nothing was heard"):
        answering.saved()
    answering.keep(answering.answer(asked()))
    assert len(answering.memory.phrases) == 1
    assert Composer.loads(answering.saved(), "mine", "mine").supports


def test_a_memory_of_nothing_changes_no_answer(model: Composer) -> None:
    answering = Answering(model, Memory(0.0))
    before = answering.answer(asked(OPEN, 7)).notes
    answering.keep(answering.answer(asked(TUNE, 1)))
    assert answering.answer(asked(OPEN, 7)).notes == before


def test_a_pulse_is_taken_as_it_is_now() -> None:
    grid = Steady(Meter(3, 4), 2.0, 0.4)
    assert snapshot(grid, 7.3).seconds(9.0) == pytest.approx(grid.seconds(9.0))
    assert snapshot(Follower(tempo=90.0), 3.0).quarter == pytest.approx(60 / 90)


NOTES = st.lists(
    st.tuples(st.floats(0.0, 1.5), st.floats(0.01, 2.0), st.integers(0, 127), st.integers(1, 127)),
    min_size=1,
    max_size=24,
)
ANY: list[Callable[[Settings], Settings]] = [
    lambda s: s,
    lambda s: replace(s, mode="vary"),
    lambda s: replace(s, mode="contrast", density=12.0),
    lambda s: replace(s, left_hand=True, tempo=400.0),
    lambda s: replace(s, bars=1, meter=Meter(7, 8), temperature=20.0),
    lambda s: replace(s, tempo=20.0, chords="Am | Dm G7"),
]


@pytest.mark.slow
@given(NOTES, st.sampled_from(ANY), st.sampled_from([None, Steady(Meter(6, 8), 0.1, 0.33)]))
@settings(max_examples=25)
def test_whatever_was_played_is_answered(
    played: list[tuple[float, float, int, int]],
    chosen: Callable[[Settings], Settings],
    grid: Steady | None,
) -> None:
    now, notes = 0.0, list[Heard]()
    for gap, length, pitch, velocity in played:
        now += gap
        notes.append(Heard(now, now + length, now + length, pitch, velocity))
    end = max(note.offset for note in notes)
    begins = 0.0 if grid is None else grid.seconds(-(-grid.quarters(end) // 1.5) * 1.5)
    request = Request(1, Phrase(tuple(sorted(notes)), end), chosen(Settings()), grid, begins)
    answer = Answering(folk(), Memory(0.0)).answer(request)
    assert answer.notes
    assert answer.length > 0
    assert all(0 <= note.pitch <= 127 and 1 <= note.velocity <= 127 for note in answer.notes)
    assert all(0 <= note.onset < note.released for note in answer.notes)
    if grid is not None:
        place = answer.call.zero + answer.start / Q * answer.call.quarter
        assert place == pytest.approx(begins, abs=0.02)


def test_a_rhythm_that_the_model_has_no_words_for_is_answered_all_the_same(answering: Answering) -> None:
    """Eighths at 120 told to be at 100: sixteenths and triplets in turn."""
    page = answering.answer(asked(step=0.25, tempo=100.0, number=3))
    assert [note.pitch for note in page.page.parts[0]][: len(page.call.score.parts[0])] == list(TUNE)
    assert page.notes


def test_the_left_hand_comes_again_on_the_page_too(answering: Answering) -> None:
    bass = tuple(Heard(k * 0.5, k * 0.5 + 0.45, k * 0.5 + 0.45, 38 + 7 * (k % 2)) for k in range(8))
    both = Phrase(tuple(sorted((*phrase().notes, *bass))), 4.0)
    request = replace(asked(left_hand=True), phrase=both)
    answer = answering.answer(request)
    left = answer.page.parts[-1]
    assert left.name == "left hand"
    assert left.pitch.tolist() == [note.pitch for note in bass] * 2
    assert sum(note.pitch < 50 for note in answer.notes) == 8
