"""What the doctor finds: with a loop in memory, with nothing there at all, on other systems, and over JACK."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from mido import Message

from composer.errors import ComposerError, UsageError
from composer.live import doctor
from composer.live.clock import MonotonicClock
from composer.live.doctor import Finding, can_jam, examine
from composer.live.ports import MemoryPort

Lose = Callable[[Message], bool]


class Lossy(MemoryPort):
    """A loop in memory that loses some messages."""

    def __init__(self, take: Any, lose: Lose) -> None:
        super().__init__(MonotonicClock(), take)
        self.lose = lose

    def send(self, message: Any, /) -> None:
        if not self.lose(message):
            super().send(message)


def no_port(*_: object, **__: object) -> Any:
    raise ComposerError("no such port")


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Finding]]:
    """Examines a system made up of a back end, its ports and a loop; gives the findings by name."""

    def examined(
        backend: str = "alsa",
        inputs: tuple[str, ...] = ("Launchkey:1",),
        outputs: tuple[str, ...] = ("Midi Through:0", "FLUID Synth:2"),
        lose: Lose | None = lambda message: False,
        platform: str = "linux",
    ) -> dict[str, Finding]:
        def answering(wanted: str) -> str:
            if wanted in ("auto", backend):
                return backend
            raise ComposerError(f"no {wanted} server answers")

        @contextmanager
        def looped(backend: str, take: Any) -> Iterator[Any]:
            if lose is None:
                raise ComposerError("no such port")
            yield Lossy(take, lose)

        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(doctor, "PATIENCE", 0.05)
        monkeypatch.setattr(doctor, "_answering", answering)
        monkeypatch.setattr(doctor, "input_names", lambda backend: list(inputs))
        monkeypatch.setattr(doctor, "output_names", lambda backend: list(outputs))
        monkeypatch.setattr(doctor, "looped", looped)
        return {finding.name: finding for finding in examine()}

    return examined


def test_where_all_is_well_a_jam_can_run(system: Callable[..., dict[str, Finding]]) -> None:
    found = system()
    assert can_jam(list(found.values()))
    wanted = ["Python", "python-rtmidi", "back end", "another", "ports in", "ports out", "virtual ports"]
    assert list(found) == [*wanted, "round trip", "stuck notes", "timer", "soundfont", "fluidsynth", "terminal"]
    assert found["ports out"].text == "FLUID Synth:2 is taken; also: Midi Through:0"
    assert found["round trip"].verdict == found["stuck notes"].verdict == "ok"
    assert found["round trip"].figures["messages"] == doctor.MESSAGES
    assert found["stuck notes"].figures == {"struck": 32, "hanging": []}


def test_a_lost_message_is_counted(system: Callable[..., dict[str, Finding]]) -> None:
    found = system(lose=lambda message: message == Message("control_change", control=20, value=100))
    assert found["round trip"].verdict == "warn"
    assert found["round trip"].figures["lost"] == 1
    assert can_jam(list(found.values()))


def test_where_nothing_comes_back_no_jam_can_run(system: Callable[..., dict[str, Finding]]) -> None:
    found = system(lose=lambda message: True)
    assert found["round trip"].verdict == "missing"
    assert found["stuck notes"].text == "not tested: no note came back"
    assert not can_jam(list(found.values()))


def test_notes_that_hang_are_counted(system: Callable[..., dict[str, Finding]]) -> None:
    found = system(lose=lambda message: message.type == "note_off" and message.note < 43)
    assert found["stuck notes"] == Finding(
        "stuck notes", "missing", "3 of 32 notes hang", figures={"struck": 32, "hanging": [40, 41, 42]}
    )
    assert not can_jam(list(found.values()))


@pytest.mark.parametrize(
    ("platform", "backend", "loop", "ports", "able"),
    [
        ("linux", "jack", True, False, True),
        ("darwin", "coremidi", True, False, True),
        ("linux", "alsa", False, True, False),
        ("win32", "winmm", False, True, True),
        ("win32", "winmm", False, False, False),
    ],
)
def test_without_ports_virtual_ones_will_do_where_they_exist(
    system: Callable[..., dict[str, Finding]], platform: str, backend: str, loop: bool, ports: bool, able: bool
) -> None:
    options: dict[str, Any] = {} if loop else {"lose": None}
    options |= {} if ports else {"inputs": (), "outputs": ("Midi Through:0",)}
    found = system(backend, platform=platform, **options)
    assert can_jam(list(found.values())) == able
    assert found["ports in"].verdict == ("ok" if ports else "missing" if platform == "win32" else "warn")
    assert ("loopMIDI" in found["virtual ports"].remedy) == (platform == "win32")
    if not ports:
        assert found["ports out"].text == "none to play on: Midi Through:0"
        assert found["ports in"].remedy


def test_without_a_back_end_the_rest_is_still_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_answering", no_port)
    found = {finding.name: finding for finding in examine()}
    assert found["back end"] == Finding("back end", "missing", "no such port")
    assert {"timer", "soundfont", "terminal"} < set(found)
    assert "round trip" not in found
    assert not can_jam(list(found.values()))


def test_an_unknown_back_end_is_a_wrong_request() -> None:
    with pytest.raises(UsageError, match="'oss' is not a MIDI back end"):
        list(examine("oss"))


def test_a_virtual_port_that_does_not_appear_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(*_: object, **__: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(doctor, "PATIENCE", 0.05)
    monkeypatch.setattr(doctor, "open_input", opened)
    monkeypatch.setattr(doctor, "output_names", lambda backend: ["composer doctor:in"])
    with pytest.raises(ComposerError, match="does not appear"), doctor.looped("alsa", print):
        pass


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "composer.cli", "doctor", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.realtime
@pytest.mark.usefixtures("jack")
def test_over_jack_the_loop_is_measured() -> None:
    said = run("--backend", "jack", "--json")
    found = json.loads(said.stdout)
    findings = {finding["name"]: finding for finding in found["findings"]}
    assert (said.returncode, found["can_jam"]) == (0, True)
    assert findings["round trip"]["figures"]["lost"] == 0
    assert 0 < findings["round trip"]["figures"]["p50_ms"] < 200
    assert findings["stuck notes"]["figures"] == {"struck": 32, "hanging": []}


def test_without_a_server_the_command_fails_and_says_what_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "there-is-no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    said = run("--backend", "jack")
    assert said.returncode == 1
    assert re.search(r"^missing back end\s+no JACK server answers; start one", said.stdout, re.MULTILINE)
    assert said.stdout.splitlines()[-1].endswith("composer jam --file CALLS.mid needs none")
    assert said.stderr == ""
