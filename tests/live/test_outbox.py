"""The outbox: whatever waits, is dropped or is struck again, every note that was sent gets its end."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from composer.live.outbox import Outbox, Timed

MOMENTS = st.integers(0, 8).map(lambda eighth: eighth / 8)
KEYS = st.tuples(st.integers(0, 1), st.integers(60, 62))


def on(channel: int, pitch: int, velocity: int = 64) -> Message:
    return Message("note_on", channel=channel, note=pitch, velocity=velocity)


def off(channel: int, pitch: int) -> Message:
    return Message("note_off", channel=channel, note=pitch)


@st.composite
def notes(draw: st.DrawFn) -> list[Timed]:
    """Notes, each with its end, which may come at once; of one pitch they may overlap."""
    events: list[Timed] = []
    for _ in range(draw(st.integers(0, 6))):
        key, onset, length = draw(KEYS), draw(MOMENTS), draw(MOMENTS)
        end = off(*key) if draw(st.booleans()) else on(*key, velocity=0)
        events += [Timed(onset, on(*key)), Timed(onset + length, end)]
    return events


messages = st.one_of(
    KEYS.map(lambda key: on(*key)),
    KEYS.map(lambda key: off(*key)),
    KEYS.map(lambda key: on(*key, velocity=0)),
    st.integers(0, 1).map(lambda channel: Message("control_change", channel=channel, control=64, value=127)),
    st.just(Message("clock")),
)
streams = st.lists(st.builds(Timed, MOMENTS, messages), max_size=12)


def strikes(message: Message) -> bool:
    return message.type == "note_on" and message.velocity > 0


def sounding(sent: Iterable[Message]) -> set[tuple[int, int]]:
    """What sounds at the end; a note must not be struck while it sounds, nor ended while it does not."""
    found: set[tuple[int, int]] = set()
    for message in sent:
        if strikes(message):
            assert (message.channel, message.note) not in found
            found.add((message.channel, message.note))
        elif message.type in {"note_on", "note_off"}:
            found.remove((message.channel, message.note))
    return found


def everything(outbox: Outbox) -> Iterator[Message]:
    while (moment := outbox.next) is not None:
        for timed in outbox.due(moment):
            assert timed.moment == moment
            yield timed.message


@given(notes())
def test_notes_with_their_ends_all_end(events: list[Timed]) -> None:
    outbox = Outbox()
    outbox.add(events)
    assert sounding(everything(outbox)) == set()
    assert outbox.sounding == frozenset()


@given(notes())
def test_every_note_that_has_length_is_struck_at_its_moment(events: list[Timed]) -> None:
    outbox = Outbox()
    outbox.add(events)
    written = [(on.moment, on.message.channel, on.message.note) for on in events[::2]]
    long = {
        note for note, start, end in zip(written, events[::2], events[1::2], strict=True) if end.moment > start.moment
    }
    struck = {(t.moment, t.message.channel, t.message.note) for t in outbox.due(20.0) if strikes(t.message)}
    assert long <= struck <= set(written)


@given(streams, st.lists(MOMENTS, max_size=4))
def test_whatever_comes_a_hush_ends_all_that_sounds(events: list[Timed], moments: list[float]) -> None:
    outbox, sent = Outbox(), []
    outbox.add(events)
    for now in sorted(moments):
        sent += [message for _, message in outbox.due(now)]
        assert outbox.sounding == sounding(sent)
        assert outbox.next is None or outbox.next > now
    hushed = list(outbox.hush())
    assert sounding([*sent, *hushed]) == set()
    assert outbox.next is None
    used = sorted({timed.message.channel for timed in events if timed.message.type != "clock"})
    assert hushed[len(hushed) - 2 * len(used) :] == [
        Message("control_change", channel=channel, control=control, value=0)
        for channel in used
        for control in (64, 123)
    ]


@given(streams, st.integers(0, 12), st.booleans())
def test_a_sender_interrupted_before_or_after_any_message_leaves_nothing_hanging(
    events: list[Timed], at: int, reached: bool
) -> None:
    outbox, heard = Outbox(), []
    outbox.add(events)
    for place, timed in enumerate(outbox.due(20.0)):
        if place < at or reached:
            heard.append(timed.message)
        if place == at:
            break
    heard += outbox.hush()
    held: set[tuple[int, int]] = set()
    for message in heard:
        if strikes(message):
            held.add((message.channel, message.note))
        elif message.type in {"note_on", "note_off"}:
            held.discard((message.channel, message.note))
    assert held == set()


@given(streams)
def test_the_order_is_of_moments_and_else_as_added(events: list[Timed]) -> None:
    outbox = Outbox()
    outbox.add(events[: len(events) // 2])
    outbox.add(events[len(events) // 2 :])
    sent = list(outbox.due(20.0))
    assert [t.moment for t in sent] == sorted(t.moment for t in sent)
    others = [t for t in events if not t.message.type.startswith("note")]
    assert [t for t in sent if not t.message.type.startswith("note")] == sorted(others, key=lambda t: t.moment)


def test_at_one_moment_notes_end_before_all_else() -> None:
    outbox = Outbox()
    program = Message("program_change", program=5)
    outbox.add([Timed(0.0, on(0, 60)), Timed(1.0, on(0, 62)), Timed(1.0, program), Timed(1.0, off(0, 60))])
    assert [message for _, message in outbox.due(1.0)] == [on(0, 60), off(0, 60), on(0, 62), program]


def test_a_pitch_struck_again_is_switched_off_first_and_keeps_its_own_end() -> None:
    outbox = Outbox()
    outbox.add([Timed(0.0, on(0, 60)), Timed(2.0, off(0, 60)), Timed(1.0, on(0, 60, 99)), Timed(3.0, off(0, 60))])
    assert list(outbox.due(20.0)) == [
        (0.0, on(0, 60)),
        (1.0, off(0, 60)),
        (1.0, on(0, 60, 99)),
        (3.0, off(0, 60)),
    ]


def test_ends_that_are_missing_or_too_many_do_no_harm() -> None:
    outbox = Outbox()
    outbox.add([Timed(0.0, off(0, 60)), Timed(1.0, on(0, 60)), Timed(2.0, on(0, 60)), Timed(3.0, off(0, 60))])
    assert sounding(message for _, message in outbox.due(20.0)) == set()


def test_added_late_is_sent_as_soon_as_possible_and_what_hush_dropped_never_comes() -> None:
    outbox = Outbox()
    outbox.add([Timed(5.0, on(0, 60)), Timed(6.0, off(0, 60))])
    assert list(outbox.due(4.9)) == []
    outbox.add([Timed(1.0, on(1, 62))])
    assert outbox.next == 1.0
    assert list(outbox.due(4.9)) == [(1.0, on(1, 62))]
    assert next(outbox.hush()) == off(1, 62)
    assert list(outbox.due(20.0)) == []


@pytest.mark.parametrize("taken", [False, True])
def test_a_hush_drops_what_waits_even_if_nobody_takes_its_messages(taken: bool) -> None:
    outbox = Outbox()
    outbox.add([Timed(0.0, on(0, 60)), Timed(1.0, off(0, 60))])
    list(outbox.due(0.0))
    ends = outbox.hush()
    if taken:
        list(ends)
    assert outbox.next is None
    assert outbox.sounding == (frozenset() if taken else {(0, 60)})
