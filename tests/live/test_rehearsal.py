"""The jam on a virtual clock: who waits for whom, what is kept of it, and that it ends."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.live.answering import Answering, Settings
from composer.live.controls import Control
from composer.live.grid import Grid, Steady
from composer.live.improviser import AT_ONCE, Improviser
from composer.live.memory import Memory
from composer.live.outbox import Timed
from composer.live.record import ABC_FILE, LOG_FILE, MIDI_FILE, Record
from composer.live.rehearsal import Rehearsal
from composer.live.session import state_of
from composer.live.thinker import Inline
from composer.pipeline import Composer
from composer.theory import Meter
from jamming import Inputs, Partner, control, off, on, played, silent, sounding

GRID = Steady(Meter(4, 4), 0.0, 0.5)
CALL = [60, 62, 64, 65, 67]


def record() -> Record:
    return Record(start=0.0, settings={}, model="none", digest="", seed=0)


class Kept(Record):
    """A record that keeps messages as they are."""

    def __init__(self) -> None:
        super().__init__(start=0.0, settings={}, model="none", digest="", seed=0)
        self.came: Inputs = []
        self.went: list[Timed] = []

    def heard(self, seconds: float, message: Any) -> None:
        self.came.append((seconds, message))
        super().heard(seconds, message)

    def sent(self, seconds: float, message: Any) -> None:
        self.went.append(Timed(seconds, message))
        super().sent(seconds, message)


def rehearsed(inputs: Inputs, grid: Grid | None = None, turns: bool = True, partner: Partner | None = None) -> Kept:
    kept = Kept()
    Rehearsal(Improviser(partner or Partner(), Settings(), grid=grid), kept, turns).run(inputs)
    return kept


def struck(messages: list[Timed]) -> list[float]:
    return [moment for moment, message in messages if message.type == "note_on" and message.velocity]


def heard_at(kept: Kept) -> list[float]:
    return [moment for moment, item in kept.came if not isinstance(item, Control) and item.type == "note_on"]


def test_a_polite_player_waits_until_the_answer_is_over() -> None:
    kept = rehearsed(played(CALL) + played(CALL, start=2.5))
    answered, calls = struck(kept.went), heard_at(kept)
    assert len(answered) == 16
    assert calls[5] > answered[7]
    assert [b - a for a, b in pairwise(calls[5:])] == pytest.approx([0.25] * 4)
    assert answered[8] == pytest.approx(calls[9] + 0.2 + 0.7 + AT_ONCE)
    assert not sounding(kept.went)


def test_what_waits_keeps_its_place_in_the_bar() -> None:
    kept = rehearsed(played(CALL) + played(CALL, start=4.125), grid=GRID)
    calls = heard_at(kept)
    assert calls[5] > 4.125
    assert (calls[5] - 4.125) % 2.0 == pytest.approx(0.0, abs=1e-9)
    assert all(moment % 0.25 == pytest.approx(0.0, abs=1e-9) for moment in struck(kept.went))


def test_an_impolite_one_cuts_it_short() -> None:
    kept = rehearsed(played(CALL) + played(CALL, start=2.5), turns=False)
    assert heard_at(kept) == [moment for moment, m in played(CALL) + played(CALL, start=2.5) if m.type == "note_on"]
    assert len(struck(kept.went)) < 16
    assert not sounding(kept.went)


def test_without_an_answer_nobody_waits_for_ever() -> None:
    kept = rehearsed(played(CALL) + played(CALL, start=2.5), partner=Partner(answers=silent))
    assert len(heard_at(kept)) == 10
    assert struck(kept.went) == []


def test_nothing_is_played_to_nobody() -> None:
    assert Rehearsal(Improviser(Partner(), Settings()), record()).run([]) == 0.0


def test_a_loop_without_end_is_loud() -> None:
    class Impatient(Improviser):
        @property
        def wake(self) -> float | None:
            return -1.0

    with pytest.raises(AssertionError, match="a moment that has passed"):
        Rehearsal(Impatient(Partner(), Settings()), record()).run(played(CALL))


ITEMS = st.one_of(
    st.builds(on, st.integers(58, 62), st.sampled_from([0, 80]), st.integers(0, 1)),
    st.builds(off, st.integers(58, 62), st.integers(0, 1)),
    st.builds(control, st.sampled_from([64, 67, 123, 120]), st.sampled_from([0, 127])),
    st.builds(Control, st.sampled_from(["tap", "end", "panic", "hush"]), st.just(1.0)),
)
STREAMS = st.lists(st.tuples(st.sampled_from([0.0, 0.01, 0.2, 0.36, 0.8, 1.5, 35.0]), ITEMS), max_size=50)


@given(STREAMS, st.sampled_from([None, GRID, Steady(Meter(6, 8), -1.0, 0.31)]), st.booleans())
def test_it_ends_and_no_note_hangs_whatever_is_played(
    stream: list[tuple[float, Any]], grid: Grid | None, turns: bool
) -> None:
    now, inputs = 0.0, Inputs()
    for gap, item in stream:
        now += gap
        inputs.append((now, item))
    kept = rehearsed(inputs, grid, turns)
    assert [item for _, item in kept.came] == [item for _, item in inputs]
    assert not sounding(kept.went)
    for moments in ([at for at, _ in kept.came], [at for at, _ in kept.went]):
        assert moments == sorted(moments)


@pytest.fixture(scope="module")
def model() -> Composer:
    return Composer.load("folk-markov")


def test_the_same_calls_and_seed_give_the_same_session(model: Composer) -> None:
    calls = played(CALL) + played([67, 65, 64, 62, 60], start=2.5) + played(CALL, start=5.0)

    def session(seed: int) -> dict[str, bytes]:
        kept = record()
        answering = Answering(model, Memory(8.0))
        Rehearsal(Improviser(Inline(answering), Settings(seed=seed)), kept).run(calls)
        return kept.files()

    first, second, other = session(1), session(1), session(2)
    assert (first[MIDI_FILE], first[ABC_FILE]) == (second[MIDI_FILE], second[ABC_FILE])
    assert first[MIDI_FILE] != other[MIDI_FILE]
    events = [{k: v for k, v in event.items() if k != "took"} for event in json.loads(first[LOG_FILE])["events"]]
    again = [{k: v for k, v in event.items() if k != "took"} for event in json.loads(second[LOG_FILE])["events"]]
    assert events == again
    assert [event["kind"] for event in events] == ["call", "answer", "done"] * 3
    abc = first[ABC_FILE].decode()
    assert [line for line in abc.splitlines() if line.startswith("T:")] == [
        f"T:{who} {k}" for k in (1, 2, 3) for who in ("Call", "Answer")
    ]


def test_what_is_shown_is_what_is_going_on(model: Composer) -> None:
    improviser = Improviser(Inline(Answering(model, Memory(8.0))), Settings(), grid=GRID)
    assert state_of(improviser, 1.75).phase == "listening"
    assert (state_of(improviser, 2.75).bar, state_of(improviser, 2.75).beat) == (2, 2)
    Rehearsal(improviser, record()).run(played(CALL))
    state = state_of(improviser, 9.0, ports="a → b", notice="well")
    assert (state.phase, state.calls, state.late, state.ports, state.notice) == ("listening", 1, 0, "a → b", "well")
    assert state.tempo == pytest.approx(120)
    assert [note.pitch for note in state.heard] == CALL
    assert state.answered
    assert state.latency_ms == pytest.approx(0.0, abs=0.1)
