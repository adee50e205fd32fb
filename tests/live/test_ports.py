"""Ports without any MIDI system: what each missing piece says, which port a name means, what bytes become."""

import builtins
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mido import Message

from composer.errors import ComposerError, UsageError
from composer.live import backends, ports
from composer.live.clock import ManualClock


class Client:
    """RtMidi's client of a system with these ports, none of which can be opened by others."""

    def __init__(self, names: list[str]) -> None:
        self.names, self.opened, self.deleted = names, "", False

    def get_ports(self) -> list[str]:
        return self.names

    def open_port(self, number: int, name: str) -> None:
        raise OSError("MidiOutWinMM::openPort: error creating Windows MM MIDI output port.")

    def open_virtual_port(self, name: str) -> None:
        self.opened = name

    def set_callback(self, callback: Any) -> None: ...
    def cancel_callback(self) -> None: ...
    def ignore_types(self, **_: bool) -> None: ...
    def close_port(self) -> None: ...

    def delete(self) -> None:
        self.deleted = True


def fake_rtmidi(monkeypatch: pytest.MonkeyPatch, **compiled: list[str] | None) -> list[Client]:
    """A python-rtmidi built with these back ends, and the ports of each, None where it does not answer."""
    numbers = {f"API_{name}": number for number, name in enumerate(backends.BACKENDS.values())}
    answering = {numbers[f"API_{backends.BACKENDS[name]}"]: names for name, names in compiled.items()}
    made: list[Client] = []

    def client(number: int, name: str) -> Client:
        names = answering[number]
        if names is None:
            raise OSError("MidiOutAlsa::initialize: error creating ALSA sequencer client object.")
        made.append(Client(names))
        return made[-1]

    module = SimpleNamespace(**numbers, get_compiled_api=lambda: list(answering), MidiIn=client, MidiOut=client)
    monkeypatch.setitem(sys.modules, "rtmidi", module)  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ModuleNotFoundError("No module named 'rtmidi'"),
            r"needs python-rtmidi.*pip install 'composer-engine\[live\]'",
        ),
        (
            ImportError("libasound.so.2: cannot open shared object file"),
            r"libasound\.so\.2: apt-get install libasound2",
        ),
        (ImportError("undefined symbol: frob"), r"cannot be loaded \(undefined symbol: frob\); reinstall it"),
    ],
    ids=["no rtmidi", "no libasound", "broken"],
)
def test_a_missing_library_is_named(error: ImportError, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def fails(name: str, *rest: Any) -> Any:
        if name == "rtmidi":
            raise error
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", fails)
    with pytest.raises(ComposerError, match=message) as caught:
        ports.output_names()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("alsa", "no ALSA sequencer answers; load it"),
        ("jack", "no JACK server answers; start one"),
        ("auto", "neither an ALSA sequencer nor a JACK server answers"),
        ("coremidi", "this system's python-rtmidi has no such MIDI back end; it has alsa, jack"),
        ("midi", "'midi' is not a MIDI back end; choose auto, coremidi, winmm, alsa, jack"),
    ],
)
def test_a_back_end_that_does_not_answer_says_which(
    backend: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_rtmidi(monkeypatch, alsa=None, jack=None)
    with pytest.raises(ComposerError, match=message):
        ports.output_names(backend)
    with pytest.raises(ComposerError, match=message):
        ports.input_names(backend)


def test_auto_goes_on_to_jack_where_alsa_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = fake_rtmidi(monkeypatch, alsa=None, jack=["synth:in"])
    assert ports.output_names() == ["synth:in"]
    assert all(client.deleted for client in made)


def test_a_port_that_is_taken_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    made = fake_rtmidi(monkeypatch, winmm=["Synth 1"])
    message = r"^Synth 1: the port cannot be opened .*; is another program using it\?$"
    with pytest.raises(ComposerError, match=message), ports.open_output("synth"):
        pass
    with pytest.raises(ComposerError, match=message), ports.open_input("synth", "auto", lambda *_: None):
        pass
    assert all(client.deleted for client in made)


def test_windows_has_no_virtual_ports_and_says_what_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rtmidi(monkeypatch, winmm=[])
    with (
        pytest.raises(ComposerError, match=r"^Windows has no virtual MIDI ports; make one with loopMIDI \("),
        ports.open_output("composer", virtual=True),
    ):
        pass


@pytest.mark.parametrize(("backend", "name"), [("coremidi", "jam in"), ("alsa", "in")])
def test_a_virtual_port_is_named_so_that_it_is_recognised(
    backend: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fake_rtmidi(monkeypatch, **{backend: []})
    with ports.open_input("jam", "auto", lambda *_: None, virtual=True):
        assert made[0].opened == name
    assert made[0].deleted


def test_ports_match_exactly_first_and_ambiguity_is_an_error() -> None:
    names = ["Keys 1", "Keys 10", "Through"]
    assert ports.match("Keys 1", names) == "Keys 1"
    assert ports.match("through", names) == "Through"
    with pytest.raises(UsageError, match="'keys' fits several MIDI ports; name one of: Keys 1, Keys 10"):
        ports.match("keys", names)
    with pytest.raises(UsageError, match="there are no output ports; connect a device or start a synthesizer"):
        ports.match("keys", [])
    with pytest.raises(UsageError, match="there are no input ports; connect a keyboard"):
        ports.match("keys", [], "input")


@given(st.lists(st.lists(st.one_of(st.integers(0, 255), st.sampled_from([0x90, 0xF0, 0xF7])), max_size=9), max_size=9))
def test_whatever_bytes_come_in_none_raises_and_each_is_passed_on_or_counted(events: list[list[int]]) -> None:
    got: list[Message] = []
    port = ports.Input(lambda _, message: got.append(message))
    for data in events:
        port.take((data, 0.0))
    assert len(got) + port.exclusive + port.garbage == len(events)
    assert port.exclusive == sum(data[:1] == [0xF0] for data in events)
    rest = iter(events)
    assert all(message.bytes() in rest for message in got)  # in order


def test_a_message_comes_with_the_moment_it_came() -> None:
    got: list[tuple[float, Message]] = []
    port = ports.Input(lambda seconds, message: got.append((seconds, message)))
    before = time.monotonic()
    port.take(([0x90, 60, 0], 123.0))
    port.take(([0xF8], 0.0))
    assert [message for _, message in got] == [Message("note_on", note=60, velocity=0), Message("clock")]
    assert before <= got[0][0] <= got[1][0] <= time.monotonic()


def test_the_twin_in_memory_keeps_what_is_sent_and_passes_it_on() -> None:
    clock, got = ManualClock(2.0), []
    port = ports.MemoryPort(clock, lambda seconds, message: got.append((seconds, message)))
    port.send(Message("note_on", note=60))
    clock.sleep_until(3.0)
    port.send(Message("note_off", note=60))
    assert port.heard == got == [(2.0, Message("note_on", note=60)), (3.0, Message("note_off", note=60))]
    assert port.messages == [message for _, message in got]


@pytest.mark.parametrize(
    ("inputs", "outputs", "chosen"),
    [
        ([], [], (None, None)),
        (["Midi Through:Midi Through Port-0 14:0"], ["Midi Through:Midi Through Port-0 14:0"], (None, None)),
        (
            ["Midi Through:Midi Through Port-0 14:0", "Pads:Pads MIDI 1 20:0", "Launchkey:Launchkey MIDI 1 24:0"],
            ["Midi Through:Midi Through Port-0 14:0", "Launchkey:Launchkey MIDI 1 24:0", "FLUID Synth (99):0 128:0"],
            ("Launchkey:Launchkey MIDI 1 24:0", "FLUID Synth (99):0 128:0"),
        ),
        (["loopMIDI Port 0", "CASIO USB-MIDI 1"], ["Microsoft GS Wavetable Synth 0", "CASIO USB-MIDI 2"], (1, 0)),
        (["Roland FP-30 0", "Pads 1"], ["Pads 0", "Roland FP-30 1"], (0, 1)),  # a piano that sounds itself
        (
            ["composer:out", "RtMidiOut Client:out", "system:midi_capture_1"],
            ["composer:in", "fluidsynth-midi:midi_00"],
            (2, 1),
        ),
        (["IAC Driver Bus 1"], ["IAC Driver Bus 1"], (0, 0)),
    ],
)
def test_the_obvious_ports(inputs: list[str], outputs: list[str], chosen: tuple[Any, Any]) -> None:
    found = ports.obvious(inputs, outputs)
    assert found == tuple(
        names[one] if isinstance(one, int) else one for names, one in zip((inputs, outputs), chosen, strict=True)
    )
