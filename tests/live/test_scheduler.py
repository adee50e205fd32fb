"""The scheduler's thread: in time, in order, silent at once, and alive whatever the port does."""

import sys
import threading
import time
from collections.abc import Iterator

import pytest
from mido import Message

from composer.live.outbox import Timed
from composer.live.scheduler import LATE, Scheduler


class Kept:
    """A port that keeps what it gets, and fails while ``broken``."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.broken = False

    def send(self, message: Message) -> None:
        if self.broken:
            raise OSError("gone")
        self.messages.append(message)


def note(moment: float, length: float, pitch: int, channel: int = 0) -> list[Timed]:
    return [
        Timed(moment, Message("note_on", channel=channel, note=pitch)),
        Timed(moment + length, Message("note_off", channel=channel, note=pitch)),
    ]


def wait_until_idle(scheduler: Scheduler) -> None:
    deadline = time.monotonic() + 10
    while not scheduler.idle:
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def port() -> Kept:
    return Kept()


@pytest.fixture
def failures() -> list[Exception]:
    return []


@pytest.fixture
def scheduler(port: Kept, failures: list[Exception]) -> Iterator[Scheduler]:
    with Scheduler(port, failures.append) as made:
        yield made


def test_messages_go_out_in_order_and_never_before_their_moment(scheduler: Scheduler, port: Kept) -> None:
    start = time.monotonic() + 0.01
    rows = [note(start + k * 0.004, 0.003, 40 + k) for k in range(50)]
    for row in reversed(rows):  # whatever the order they are added in
        scheduler.add(row)
    wait_until_idle(scheduler)
    assert port.messages == [timed.message for row in rows for timed in row]
    assert [kept.message for kept in scheduler.sent] == port.messages
    assert all(kept.sent >= kept.due for kept in scheduler.sent)


def test_what_is_added_for_sooner_is_not_held_up_by_what_waits(scheduler: Scheduler, port: Kept) -> None:
    scheduler.add(note(time.monotonic() + 3600, 1, 60))
    time.sleep(0.02)  # the thread sleeps for an hour now
    scheduler.add(note(time.monotonic(), 0, 61)[:1])
    deadline = time.monotonic() + 5
    while not port.messages:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert port.messages == [Message("note_on", note=61)]


def test_a_hush_is_sent_by_the_caller_before_it_returns(scheduler: Scheduler, port: Kept) -> None:
    now = time.monotonic()
    scheduler.add([*note(now, 3600, 60), *note(now, 3600, 64, channel=2), *note(now + 0.5, 1, 67)])
    while len(port.messages) < 2:
        time.sleep(0.001)
    scheduler.hush()
    assert port.messages[2:] == [
        Message("note_off", note=60),
        Message("note_off", channel=2, note=64),
        Message("control_change", control=64, value=0),
        Message("control_change", control=123, value=0),
        Message("control_change", channel=2, control=64, value=0),
        Message("control_change", channel=2, control=123, value=0),
    ]
    assert scheduler.idle


def test_closing_hushes_and_ends_the_thread(port: Kept) -> None:
    before = threading.active_count(), sys.getswitchinterval()
    with Scheduler(port) as scheduler:
        scheduler.add(note(time.monotonic(), 3600, 60))
        while not port.messages:
            time.sleep(0.001)
    assert (threading.active_count(), sys.getswitchinterval()) == before
    assert port.messages[1] == Message("note_off", note=60)
    count = len(port.messages)
    scheduler.add(note(time.monotonic(), 1, 60))
    scheduler.close()
    assert len(port.messages) == count


def test_a_port_that_fails_is_reported_once_and_another_takes_its_place(
    scheduler: Scheduler, port: Kept, failures: list[Exception]
) -> None:
    port.broken = True
    scheduler.add([row for k in range(5) for row in note(time.monotonic() + k / 100, 0.005, 60 + k)])
    wait_until_idle(scheduler)
    scheduler.add(note(time.monotonic(), 0.01, 60))
    scheduler.hush()
    assert [str(error) for error in failures] == ["gone"]
    another = Kept()
    scheduler.connect(another)
    scheduler.add(note(time.monotonic(), 0.01, 60))
    wait_until_idle(scheduler)
    assert [message.type for message in another.messages] == ["note_on", "note_off"]


def test_one_message_that_fails_still_leaves_no_note_hanging(
    scheduler: Scheduler, port: Kept, failures: list[Exception]
) -> None:
    real = port.send

    def send(message: Message) -> None:
        if message.type == "program_change":
            raise ValueError("not this")
        real(message)

    port.send = send  # type: ignore[method-assign]
    now = time.monotonic()
    scheduler.add([*note(now, 3600, 60), Timed(now + 0.01, Message("program_change"))])
    while not failures:
        time.sleep(0.001)
    assert port.messages[:2] == [Message("note_on", note=60), Message("note_off", note=60)]


def test_a_port_that_is_taken_away_gets_the_ends_of_its_notes(scheduler: Scheduler, port: Kept) -> None:
    scheduler.add(note(time.monotonic(), 3600, 60))
    while not port.messages:
        time.sleep(0.001)
    scheduler.connect(None)
    assert port.messages[1] == Message("note_off", note=60)
    scheduler.add(note(time.monotonic(), 0, 61))
    assert scheduler.idle


def test_late_messages_are_counted(scheduler: Scheduler) -> None:
    scheduler.add(note(time.monotonic() - 10 * LATE, 10, 60))
    while not scheduler.sent:
        time.sleep(0.001)
    assert scheduler.late == 1
    assert scheduler.sent[0].sent - scheduler.sent[0].due > LATE


def test_hushes_from_many_threads_amid_a_stream_leave_every_strike_with_its_end(
    scheduler: Scheduler, port: Kept
) -> None:
    stop = time.monotonic() + 0.5

    def bark() -> None:
        while time.monotonic() < stop:
            scheduler.hush()
            time.sleep(0.003)

    def play() -> None:
        while time.monotonic() < stop:
            now = time.monotonic()
            scheduler.add([row for k in range(4) for row in note(now + k / 1000, 0.002, 60 + k)])
            time.sleep(0.001)

    threads = [threading.Thread(target=work) for work in (bark, bark, play, play)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until_idle(scheduler)
    sounding: set[int] = set()
    for message in port.messages:
        if message.type == "note_on":
            assert message.note not in sounding
            sounding.add(message.note)
        elif message.type == "note_off":
            sounding.remove(message.note)
    assert sounding == set()
    assert sum(message.type == "note_on" for message in port.messages) > 20
