"""A jam on the ports of other programs, over JACK: they vanish in the middle of a phrase, come back, or it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from composer.live.ports import open_output
from duet import JAM_PERIOD, PATIENCE, SILENCE, TUNE, Keys, Program, Stage, joined, unmatched
from midi_programs import Listener, wait_for

pytestmark = [pytest.mark.realtime, pytest.mark.slow]

JACK_PERIOD = JAM_PERIOD


@pytest.fixture
def plugged(own_jack: None, tmp_path: Path) -> Iterator[tuple[Stage, ExitStack]]:
    """A jam on the ports of other programs, and what holds the keyboard's port open."""
    with ExitStack() as stack:
        keyboard = stack.enter_context(ExitStack())
        keys = Keys(keyboard.enter_context(open_output("some-keys", "jack", virtual=True)))
        ear = Listener("some-synth")
        stack.callback(ear.close)
        jam = Program(
            tmp_path / "session", "--in", "some-keys", "--out", ear.name, "--silence", str(SILENCE), "--seed", "1"
        )
        stack.callback(lambda: print(*jam.said))  # shown if the test fails
        stack.callback(jam.close)
        for name in ("some-keys:out", "some-synth:in"):
            wait_for(lambda port=name: joined(port), PATIENCE)
        yield Stage(jam, keys, ear), keyboard


def vanished(one: Stage, port: str) -> None:
    """Wait until the jam says that a port has gone."""
    wait_for(lambda: f"{port} has gone" in "".join(one.jam.said), PATIENCE)


def goes_on(one: Stage, port: str) -> None:
    """The port is back, the next call is answered, and no note hangs."""
    wait_for(lambda: f"{port} is back" in "".join(one.jam.said) and joined(port), PATIENCE)
    one.answer(one.keys.play())
    one.silence()
    assert unmatched(one.ear.messages) == 0


def test_a_port_that_goes_in_mid_answer_is_taken_up_again(plugged: tuple[Stage, ExitStack]) -> None:
    one, _ = plugged
    one.answer(one.keys.play(TUNE * 2), notes=2)
    gone = one.ear
    gone.close()
    vanished(one, "some-synth:in")
    one.ear = Listener(gone.name)
    goes_on(one, "some-synth:in")


def test_a_keyboard_that_goes_with_keys_down_holds_nothing(plugged: tuple[Stage, ExitStack]) -> None:
    one, keyboard = plugged
    one.keys.play(TUNE[:3])
    one.keys.send("note_on", note=60)
    keyboard.close()
    vanished(one, "some-keys:out")
    one.keys.port = keyboard.enter_context(open_output("some-keys", "jack", virtual=True))
    goes_on(one, "some-keys:out")


def test_a_closed_terminal_in_mid_answer_leaves_no_note_hanging(plugged: tuple[Stage, ExitStack]) -> None:
    one, _ = plugged
    last = one.keys.play(TUNE * 2)
    one.answer(last, notes=2)
    assert one.jam.end(signal.SIGHUP) == 129
    wait_for(lambda: one.hushed(last))
    assert unmatched(one.ear.messages) == 0
    assert "Traceback" not in "".join(one.jam.said)
    assert {path.name for path in one.jam.folder.iterdir()} == {"session.mid", "session.abc", "session.json"}
