"""Where answers are found: a process that is killed, hangs or is too slow is no reason for the jam to stop."""

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from composer.errors import ComposerError
from composer.live import thinker as thinking
from composer.live.answering import Answer, Request, Settings
from composer.live.phrase import Heard, Phrase
from composer.live.thinker import Failed, Inline, Outcome, Process, answered, loaded

MODEL = "folk-markov"
TUNE = (62, 66, 69, 66, 62, 66, 69, 71, 67, 71, 74, 71, 69, 66, 64, 66)


def request(number: int = 1, pitches: tuple[int, ...] = TUNE, settings: Settings | None = None) -> Request:
    notes = tuple(Heard(k / 4, k / 4 + 0.2, k / 4 + 0.2, pitch) for k, pitch in enumerate(pitches))
    return Request(number, Phrase(notes, notes[-1].offset), settings or Settings())


@pytest.fixture
def process() -> Iterator[Process]:
    found = Process(MODEL, 8.0)
    yield found
    found.close()


def soon(process: Process, seconds: float = 30.0) -> Outcome:
    """What is found, while somebody looks after the process as a jam does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (found := process.outcome()) is not None:
            return found
        process.look()
        time.sleep(0.01)
    raise AssertionError("no outcome")


def pid(process: Process) -> int:
    worker = process._process
    assert worker is not None
    assert worker.pid is not None
    return worker.pid


def replaced(process: Process, before: int, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while process._process is None or pid(process) == before:
        assert time.monotonic() < until, "no other process took its place"
        process.look()
        time.sleep(0.02)


def test_a_process_answers_as_this_one_does_learns_and_wakes(process: Process) -> None:
    woken = threading.Event()
    process.wake = woken.set
    inline = Inline(loaded(MODEL, 8.0))
    for number in (1, 2):
        process.ask(request(number))
        inline.ask(request(number))
        assert woken.wait(30)
        theirs, ours = soon(process), inline.outcome()
        assert isinstance(theirs, Answer)
        assert isinstance(ours, Answer)
        assert theirs.notes == ours.notes
        process.keep(theirs)
        inline.keep(ours)
    assert process.learned() == inline.answering.saved()
    assert process.outcome() is None
    assert inline.outcome() is None


def test_only_the_newest_of_many_requests_needs_an_answer(process: Process) -> None:
    for number in range(1, 30):
        process.ask(request(number))
    found = soon(process)
    while found.request.number != 29:
        found = soon(process)
    assert process.outcome() is None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_process_killed_in_an_answer_is_replaced_learns_again_and_answers(process: Process) -> None:
    process.ask(request(1))
    first = soon(process)
    assert isinstance(first, Answer)
    process.keep(first)
    before, learned = pid(process), process.learned()
    os.kill(before, signal.SIGSTOP)
    process.ask(request(2))
    os.kill(before, signal.SIGKILL)
    until, words = time.monotonic() + 10, None
    while words is None and time.monotonic() < until:
        words = process.look()
    assert words == f"the process that answers ended (exit code {-signal.SIGKILL}); another takes its place"
    second = soon(process)
    assert isinstance(second, Answer)
    assert second.request.number == 2
    assert pid(process) != before
    assert process.learned() == learned


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no SIGSTOP")
def test_a_process_that_hangs_is_replaced_and_its_request_fails(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thinking, "PATIENCE", 0.3)
    before = pid(process)
    os.kill(before, signal.SIGSTOP)
    process.ask(request(1))
    found = soon(process)
    assert found == Failed(request(1), "the process that answers took more than 0.3 s")
    replaced(process, before)
    monkeypatch.setattr(thinking, "PATIENCE", 10.0)
    process.ask(request(2))
    assert isinstance(soon(process), Answer)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no SIGSTOP")
def test_asking_never_waits_for_a_process_that_does_not_listen(process: Process) -> None:
    os.kill(pid(process), signal.SIGSTOP)
    long = request(1, TUNE * 20)
    began = time.monotonic()
    for number in range(500):
        process.ask(Request(number, long.phrase, long.settings))
    assert time.monotonic() - began < 2.0
    os.kill(pid(process), signal.SIGCONT)
    while soon(process).request.number != 499:
        pass


def test_who_has_nothing_to_answer_does_not_hang(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < process.seconds(request(0)) < 5
    monkeypatch.setattr(thinking, "PATIENCE", 0.05)
    time.sleep(0.1)
    assert process.look() is None


def test_a_model_that_cannot_jam_is_refused_with_why(process: Process) -> None:
    empty = Request(1, Phrase((), 0.0), Settings())
    with pytest.raises(ComposerError, match=f"{MODEL}: cannot jam"):
        process.seconds(empty)


def test_a_request_that_fails_is_told_in_a_line_and_the_next_is_answered() -> None:
    inline = Inline(loaded(MODEL, 8.0))
    failed = answered(inline.answering, Request(1, Phrase((), 0.0), Settings()))
    assert isinstance(failed, Failed)
    assert failed.why
    assert "\n" not in failed.why
    assert isinstance(answered(inline.answering, request(2)), Answer)


def test_a_model_that_is_not_there_is_told_as_elsewhere() -> None:
    with pytest.raises(ComposerError, match="there is no model of this name"):
        Process("no-such-model", 8.0)


def test_a_process_that_does_not_get_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinking, "START", 0.0)
    with pytest.raises(ComposerError, match="did not get ready"):
        Process(MODEL, 8.0)


def test_without_another_process_requests_fail_at_once(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinking, "START", 0.0)
    process.ask(request(1))
    assert process._process is not None
    process._process.kill()
    while not isinstance(soon(process), Failed):  # it may have answered before
        process.ask(request(2))
    process.ask(request(3))
    found = soon(process, 1.0)
    assert isinstance(found, Failed)
    assert "did not get ready" in found.why


def test_a_closed_process_is_gone_and_not_replaced(process: Process) -> None:
    process.close()
    assert process.look() is None
    process.ask(request(1))
    time.sleep(0.05)
    assert process.look() is None
    assert process.outcome() is None
