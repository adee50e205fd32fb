"""Real MIDI: a JACK server without a sound card, our player on one side, another process listening on the other."""

import builtins
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mido import Message

from composer.errors import ComposerError, UsageError
from composer.io import read
from composer.live import player, ports
from composer.live.player import performance, play
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from system import require, require_program

pytestmark = pytest.mark.xdist_group("jack")

LISTENER = """
import json, sys, time, mido
backend = mido.Backend("mido.backends.rtmidi/UNIX_JACK", use_environ=False)
def take(message):
    print(json.dumps([time.monotonic(), message.hex()]), flush=True)
with backend.open_input("in", virtual=True, client_name=sys.argv[1], callback=take):
    print("ready", flush=True)
    sys.stdin.read()
"""


def wait_for(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def jack() -> Iterator[str]:
    """A JACK server of our own with the dummy driver; every client of this process and its children uses it."""
    jackd = require_program("jackd", "jackd2")
    lister = require_program("jack_lsp", "jackd2")
    try:
        import rtmidi
    except ImportError as error:
        require(False, f"python-rtmidi ({error})", "libasound2, then pip install 'composer-engine[live]'")
    require(rtmidi.API_UNIX_JACK in rtmidi.get_compiled_api(), "python-rtmidi's JACK", "libjack-jackd2-dev")
    name = f"composer-{os.getpid()}-{time.monotonic_ns() % 10**6}"
    options = [
        "--no-realtime",
        "--sync",
        "--port-max",
        "256",
        "--name",
        name,
        "-d",
        "dummy",
        "-r",
        "48000",
        "-p",
        "128",
    ]
    turn = Path(tempfile.gettempdir()) / "composer-tests-jack.lock"
    with turn.open("w") as held, pytest.MonkeyPatch.context() as patch:
        fcntl.flock(held, fcntl.LOCK_EX)  # two servers at once, of two workers, lose each other's clients
        server = subprocess.Popen([jackd, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        patch.setenv("JACK_DEFAULT_SERVER", name)
        patch.setenv("JACK_NO_START_SERVER", "1")
        try:
            wait_for(lambda: subprocess.run([lister], capture_output=True, check=False).returncode == 0)
            yield name
        finally:
            server.terminate()
            server.wait()


class Listener:
    """A virtual MIDI input in a process of its own, and what it hears."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[tuple[float, Message]] = []
        command = [sys.executable, "-c", LISTENER, name]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            moment, message = json.loads(line)
            self.heard.append((moment, Message.from_hex(message)))

    @property
    def messages(self) -> list[Message]:
        return [message for _, message in self.heard]

    def hanging(self) -> set[tuple[int, int]]:
        sounding: set[tuple[int, int]] = set()
        for message in self.messages:
            if message.type == "note_on" and message.velocity:
                sounding.add((message.channel, message.note))
            elif message.type in {"note_on", "note_off"}:
                sounding.discard((message.channel, message.note))
        return sounding

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()


@pytest.fixture
def listener(jack: str) -> Iterator[Listener]:
    found = Listener(f"listener-{time.monotonic_ns() % 10**9}")
    yield found
    found.close()


def chorale() -> Score:
    """The first line of the Old Hundredth in four parts, with a drum on each beat."""
    rhythm = np.array([0, 2, 3, 4, 5, 6, 8, 10]) * Q
    lengths = np.diff([*rhythm, 12 * Q])
    voices = {
        52: [67, 67, 66, 64, 62, 67, 69, 71],
        53: [62, 62, 62, 60, 59, 62, 66, 67],
        54: [59, 59, 57, 55, 55, 59, 62, 62],
        42: [55, 55, 50, 52, 43, 55, 50, 43],
    }
    parts = [Part.of(rhythm, pitches, lengths, program=program) for program, pitches in voices.items()]
    beat = Part.of(np.arange(12) * Q, [42, 38] * 6, [Q // 4] * 12, drums=True)
    return Score.of([*parts, beat], tempo=480)


def tune() -> Score:
    """A hornpipe of 64 eighths, swung and leant on, some of them struck again without a rest."""
    pitches = [62, 66, 69, 74, 73, 69, 69, 66] * 8
    part = Part.of(np.arange(64) * Q // 2, pitches, [Q // 2] * 64, program=73)
    return Score.of([part], tempo=900).with_metadata(rhythm="hornpipe")


@pytest.mark.parametrize("score", [chorale(), tune()], ids=["chorale", "tune"])
def test_every_message_of_a_real_score_arrives_once_and_in_order(score: Score, listener: Listener) -> None:
    play(score, port=listener.name, backend="jack")
    sent = [message for _, message in performance(score)]
    wait_for(lambda: len(listener.heard) >= len(sent))
    assert listener.messages == sent
    assert listener.hanging() == set()


def test_the_time_played_is_the_time_written(listener: Listener) -> None:
    """Loosely, as other work may share the machine; order and losses are judged above."""
    score = chorale()
    play(score, port=listener.name, backend="jack")
    wait_for(lambda: len(listener.heard) >= len(performance(score)))
    first, last = (next(t for t, m in rows if m.type == "note_on") for rows in (listener.heard, listener.heard[::-1]))
    written = [seconds for seconds, message in performance(score) if message.type == "note_on"]
    assert last - first == pytest.approx(written[-1] - written[0], abs=0.25)


def test_a_port_is_found_by_a_part_of_its_name_in_any_case(listener: Listener) -> None:
    assert f"{listener.name}:in" in ports.output_names("jack")
    with ports.open_output(listener.name.upper(), "jack") as port:
        port.send(Message("note_on", note=60))
        port.send(Message("note_off", note=60))
    wait_for(lambda: len(listener.heard) == 2)


def test_auto_takes_the_system_that_answers(listener: Listener) -> None:
    if Path("/dev/snd/seq").exists():
        assert ports.output_names() == ports.output_names("alsa")
    else:
        assert f"{listener.name}:in" in ports.output_names()


def test_an_unknown_port_lists_the_ports_there_are(listener: Listener) -> None:
    with pytest.raises(UsageError, match=rf"^no MIDI port 'nowhere'; the ports are: .*{listener.name}:in"):
        play(chorale(), port="nowhere", backend="jack")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_being_stopped_leaves_no_note_hanging(
    listener: Listener, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    """The command itself, stopped in the middle of a chord."""
    long = Score.of([Part.of([0, 0, 0], [60, 64, 67], [64 * Q] * 3), Part.of([0], [48], [64 * Q], program=42)])
    path = long.write(tmp_path / "chord.mid")
    assert len(read(path).parts) == 2
    command = [sys.executable, "-m", "composer.cli", "play", str(path), "--port", listener.name, "--backend", "jack"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: len(listener.hanging()) == 4)
        process.send_signal(sent)
        _, said = process.communicate(timeout=15)
    finally:
        process.kill()
    wait_for(lambda: sum(m.type == "control_change" for m in listener.messages) == 4)
    assert listener.hanging() == set()
    controls = {(m.channel, m.control, m.value) for m in listener.messages if m.type == "control_change"}
    assert controls == {(channel, control, 0) for channel in (0, 1) for control in (64, 123)}
    assert process.returncode == code
    assert len(said.splitlines()) <= 1


def test_sound_plays_to_the_end_on_a_real_audio_system(jack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_program("fluidsynth", "fluidsynth")
    monkeypatch.setattr(player, "LINUX_DRIVERS", ("none such", "jack"))  # not on the loudspeakers of whoever tests
    shares: list[float] = []
    start = time.monotonic()
    play(chorale(), progress=shares.append)
    assert time.monotonic() - start > 1.5
    assert shares[-1] == 1.0


def test_one_message_per_missing_server(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rtmidi", reason="live MIDI is an extra on Python 3.13: pip install '.[live]'")
    require_program("jackd", "jackd2")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "composer-nobody")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with pytest.raises(ComposerError, match=r"^no JACK server answers; start one \("):
        ports.output_names("jack")
    assert capfd.readouterr().err == ""  # libjack's own lines are kept back


# --- without any MIDI system: what each missing piece says ---------------------------------------------------------


def fake_rtmidi(monkeypatch: pytest.MonkeyPatch, *compiled: str) -> None:
    """A python-rtmidi built with these APIs."""
    numbers = {f"API_{name}": number for number, name in enumerate(ports.BACKENDS.values())}
    built = [numbers[f"API_{ports.BACKENDS[name]}"] for name in compiled]
    monkeypatch.setitem(sys.modules, "rtmidi", SimpleNamespace(**numbers, get_compiled_api=lambda: built))  # type: ignore[arg-type]


def fake_backend(monkeypatch: pytest.MonkeyPatch, answering: dict[str, list[str]]) -> None:
    """Mido back ends, by RtMidi's name; those not listed fail as RtMidi does, with an OSError."""

    def backend(name: str, **_: Any) -> Any:
        def names() -> list[str]:
            try:
                return answering[name.rpartition("/")[2]]
            except KeyError:
                raise OSError("MidiOutAlsa::initialize: error creating ALSA sequencer client object.") from None

        def opened(_: str) -> Any:
            raise OSError("MidiOutWinMM::openPort: error creating Windows MM MIDI output port.")

        return SimpleNamespace(get_output_names=names, open_output=opened)

    monkeypatch.setattr("mido.Backend", backend)


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
    fake_rtmidi(monkeypatch, "alsa", "jack")
    fake_backend(monkeypatch, {})
    with pytest.raises(ComposerError, match=message):
        ports.output_names(backend)


def test_auto_goes_on_to_jack_where_alsa_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rtmidi(monkeypatch, "alsa", "jack")
    fake_backend(monkeypatch, {"UNIX_JACK": ["synth:in"]})
    assert ports.output_names() == ["synth:in"]


def test_a_port_that_is_taken_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rtmidi(monkeypatch, "winmm")
    fake_backend(monkeypatch, {"WINDOWS_MM": ["Synth 1"]})
    with pytest.raises(ComposerError, match=r"^Synth 1: the port cannot be opened .*; is another program using it\?$"):
        play(chorale(), port="synth")


def test_ports_match_exactly_first_and_ambiguity_is_an_error() -> None:
    names = ["Keys 1", "Keys 10", "Through"]
    assert ports.match("Keys 1", names) == "Keys 1"
    assert ports.match("through", names) == "Through"
    with pytest.raises(UsageError, match="'keys' fits several MIDI ports; name one of: Keys 1, Keys 10"):
        ports.match("keys", names)
    with pytest.raises(UsageError, match="there are no output ports; connect a device or start a synthesizer"):
        ports.match("keys", [])
