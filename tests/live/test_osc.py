"""OSC between our server and independent programs, and what it does with what is no music."""

import math
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from composer.errors import ComposerError, ReadError, UsageError
from composer.live.controls import MODES, Control
from composer.live.osc import APART, LARGEST, MOST, Gate, OscServer, messages
from composer.live.osc_mapping import MOMENTS, Output, Outputs, control, read_mapping
from system import require_program

MAPPING = """
[[output]]
number = 1
control = "temperature"
to = [0.5, 2.5]

[[output]]
number = 2
control = "mode"
from = [1, 4]

[[output]]
number = 3
control = "end"
"""


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


class Jam:
    """A server on a free port, and what it was asked for."""

    def __init__(self, mapping: tuple[Output, ...] = (), target: tuple[str, int] | None = None) -> None:
        self.controls: list[Control] = []
        self.server = OscServer(0, mapping, self.controls.append, target=target)
        self.socket = udp()

    def raw(self, sent: bytes) -> None:
        self.socket.sendto(sent, ("127.0.0.1", self.server.port))

    def send(self, address: str, values: Any = ()) -> None:
        self.raw(packet(address, *(values if isinstance(values, list | tuple) else [values])))

    def close(self) -> None:
        self.server.close()
        self.socket.close()

    def settle(self) -> list[Control]:
        """What has been asked for, once all that was sent has been looked at."""
        self.send("/composer/density", 7.5)
        wait_for(lambda: Control("density", 7.5) in self.controls)
        self.controls.remove(Control("density", 7.5))
        return self.controls


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {seconds} s"
        time.sleep(0.002)


@pytest.fixture
def jam() -> Iterator[Jam]:
    made = Jam()
    yield made
    made.close()


def packet(address: str, *values: Any) -> bytes:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return bytes(builder.build().dgram)


@pytest.mark.parametrize(
    ("name", "sent", "value"),
    [
        ("temperature", 1.5, 1.5),
        ("temperature", 2, 2.0),
        ("temperature", 0.0, 0.05),
        ("temperature", 1e30, 20.0),
        ("density", 4.0, 4.0),
        ("tempo", 96.0, 96.0),
        ("tempo", 1000.0, 400.0),
        ("mode", "Vary", "vary"),
        ("key", "auto", "auto"),
        ("key", "Ador", "A dorian"),
        ("panic", [], 0.0),
        ("panic", 1, 0.0),
        ("tap", True, 0.0),
        ("end", 1.0, 0.0),
    ],
)
def test_each_address_is_a_control(jam: Jam, name: str, sent: Any, value: float | str) -> None:
    jam.send(f"/composer/{name}", sent)
    wait_for(lambda: bool(jam.controls))
    assert jam.controls == [Control(name, pytest.approx(value) if isinstance(value, float) else value)]
    assert not +jam.server.ignored


@pytest.mark.parametrize(
    ("address", "sent", "why"),
    [
        ("/composer/temperature", math.nan, "wrong value"),
        ("/composer/temperature", math.inf, "wrong value"),
        ("/composer/temperature", "hot", "wrong value"),
        ("/composer/temperature", True, "wrong value"),
        ("/composer/temperature", None, "wrong value"),
        ("/composer/temperature", [], "wrong value"),
        ("/composer/temperature", [1.0, 2.0], "wrong value"),
        ("/composer/mode", "sideways", "wrong value"),
        ("/composer/mode", 3, "wrong value"),
        ("/composer/key", "H minor", "wrong value"),
        ("/composer/key", "C" * 1000, "wrong value"),
        ("/composer/panic", "now", "wrong value"),
        ("/wek/outputs", [0.5, math.nan], "wrong value"),
        ("/wek/outputs", ["a"], "wrong value"),
        ("/composer/*", 1.0, "unknown address"),
        ("/composer", 1.0, "unknown address"),
        ("/composer/tempo", b"blob", "not OSC"),
    ],
)
def test_what_makes_no_sense_is_counted_and_ignored(jam: Jam, address: str, sent: Any, why: str) -> None:
    jam.send(address, sent)
    assert jam.settle() == []
    assert +jam.server.ignored == {why: 1}


@pytest.mark.parametrize("name", MOMENTS)
def test_a_button_let_go_is_nothing(jam: Jam, name: str) -> None:
    jam.send(f"/composer/{name}", 0.0)
    assert jam.settle() == []
    assert not +jam.server.ignored


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not OSC"),
        (b"GET / HTTP/1.1\r\n", "not OSC"),
        (b"/composer/panic", "not OSC"),
        (b"#bundle\0", ""),
        (b"#bundle\0" + bytes(8) + b"\xff\xff\xff\xfc" + bytes(4), "not OSC"),
        (b"#bundle\0" + bytes(8) + b"\0\0\0\0" + bytes(4), "not OSC"),
        (b"/composer/tempo\0,f\0\0", "not OSC"),
        (b"/composer/key\0\0\0,s\0\0\xff\xfe\0\0", "not OSC"),
        (b"/composer/tempo\0,d\0\0\0\0\0\0", "not OSC"),
        (b"/composer/tempo\0,[[[\0\0\0\0", "not OSC"),
        (b"/composer/tempo\0" * 1000, "too large"),
    ],
)
def test_bytes_that_are_no_osc_are_counted_and_ignored(jam: Jam, raw: bytes, why: str) -> None:
    jam.raw(raw)
    assert jam.settle() == []
    assert +jam.server.ignored == ({why: 1} if why else {})


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: b"/composer/tempo\0," + tail))
def test_any_bytes_are_messages_or_a_value_error(raw: bytes) -> None:
    for prefix in (b"", b"#bundle\0" + bytes(8)):
        try:
            found = messages(prefix + raw)
        except ValueError:
            continue
        assert all(isinstance(address, str) and isinstance(arguments, list) for address, arguments in found)


def test_bundles_are_opened_in_order_and_their_time_is_now(jam: Jam) -> None:
    inner, outer = OscBundleBuilder(time.time() + 3600), OscBundleBuilder(time.time() + 3600)
    for builder, name in ((inner, "tap"), (outer, "panic")):
        builder.add_content(OscMessageBuilder(f"/composer/{name}").build())
    outer.add_content(inner.build())
    jam.raw(outer.build().dgram)
    wait_for(lambda: len(jam.controls) == 2)
    assert jam.controls == [Control("panic"), Control("tap")]


def test_a_deep_or_crowded_bundle_is_bounded() -> None:
    message = packet("/composer/panic")

    def bundle(*elements: bytes) -> bytes:
        return b"#bundle\0" + bytes(8) + b"".join(len(e).to_bytes(4, "big") + e for e in elements)

    deep = message
    while len(deep) < LARGEST - 20:
        deep = bundle(deep)
    assert messages(deep) == [("/composer/panic", [])]
    assert len(messages(bundle(*[message] * MOST))) == MOST
    with pytest.raises(ValueError, match="more than"):
        messages(bundle(*[message] * (MOST + 1)))


def test_a_flood_is_bounded_the_last_value_counts_and_panic_gets_through(jam: Jam) -> None:
    start = time.monotonic()
    for number in range(5000):
        jam.send("/composer/tempo", 100 + number / 100)
        if number == 2500:
            jam.send("/composer/panic", [])
    seconds = time.monotonic() - start
    time.sleep(0.3)  # what the system kept back of it
    jam.send("/composer/tempo", 99.0)
    jam.send("/composer/panic", [])
    wait_for(
        lambda: (
            jam.controls[-2:]
            in ([Control("tempo", 99.0), Control("panic")], [Control("panic"), Control("tempo", 99.0)])
        )
    )
    tempos = [wish for wish in jam.controls if wish.name == "tempo"]
    assert len(tempos) <= (seconds + 0.5) / APART + 2


def test_the_gate_lets_the_first_through_at_once_and_then_the_last() -> None:
    gate = Gate()
    gate.push(Control("tempo", 1.0))
    assert gate.due(0.0) == [Control("tempo", 1.0)]
    assert [gate.push(Control("tempo", value)) for value in (2.0, 3.0)] == [False, True]
    gate.push(Control("panic"))
    assert gate.due(APART / 2) == [Control("panic")]
    assert gate.waits
    assert gate.due(APART) == [Control("tempo", 3.0)]
    assert not gate.waits


# --- independent programs -------------------------------------------------------------------------------------------


def test_oscsend_steers_and_plays_wekinator(tmp_path: Path) -> None:
    oscsend = require_program("oscsend", "liblo-tools")
    (tmp_path / "wek.toml").write_text(MAPPING)
    jam = Jam(read_mapping(tmp_path / "wek.toml"))

    def send(*words: str) -> None:
        subprocess.run([oscsend, "localhost", str(jam.server.port), *words], check=True, timeout=10)

    try:
        send("/wek/outputs", "fff", ".25", "3", ".75")
        wait_for(lambda: len(jam.controls) == 3)
        assert set(jam.controls) == {Control("temperature", 1.0), Control("mode", MODES[2]), Control("end")}
        send("/composer/key", "s", "D dorian")
        send("/composer/panic")
        wait_for(lambda: len(jam.controls) == 5)
        assert jam.controls[3:] == [Control("key", "D dorian"), Control("panic")]
        assert not +jam.server.ignored
    finally:
        jam.close()


def test_oscdump_shows_the_state() -> None:
    oscdump = require_program("oscdump", "liblo-tools")
    port = free_port()
    dump = subprocess.Popen([oscdump, "-L", str(port)], stdout=subprocess.PIPE, text=True)
    jam = Jam(target=("localhost", port))
    try:
        state = {"phase": "listening", "bar": 7, "beat": 2.5, "key": "D dorian", "tempo": 96.0, "late": 0}
        time.sleep(0.3)  # until it listens
        jam.server.publish(state)
        assert dump.stdout is not None
        lines = [dump.stdout.readline().split(maxsplit=1)[1].strip() for _ in state]
        assert lines == [
            '/composer/state/phase s "listening"',
            "/composer/state/bar i 7",
            "/composer/state/beat f 2.500000",
            '/composer/state/key s "D dorian"',
            "/composer/state/tempo f 96.000000",
            "/composer/state/late i 0",
        ]
    finally:
        jam.close()
        dump.terminate()
        dump.wait()
        dump.stdout.close()


def test_state_goes_to_whoever_last_sent_what_made_sense(jam: Jam) -> None:
    with udp() as known, udp() as stray:
        for peer, sent in ((known, packet("/composer/tap")), (stray, b"hello")):
            peer.bind(("127.0.0.1", 0))
            peer.settimeout(0.3)
            peer.sendto(sent, ("127.0.0.1", jam.server.port))
        wait_for(lambda: jam.server.ignored["not OSC"] == 1 and bool(jam.controls))
        jam.server.publish({"bar": 3})
        assert messages(known.recv(1000)) == [("/composer/state/bar", [3])]
        with pytest.raises(TimeoutError):
            stray.recv(1000)


def test_nobody_listening_to_the_state_is_no_trouble() -> None:
    jam = Jam(target=("127.0.0.1", free_port()))
    try:
        for bar in range(50):
            jam.server.publish({"bar": bar})
        jam.send("/composer/tap", [])
        wait_for(lambda: jam.controls == [Control("tap")])
    finally:
        jam.close()


# --- ports ----------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with udp() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_in_use_is_one_line_and_a_closed_one_is_free(jam: Jam) -> None:
    with pytest.raises(ComposerError, match=rf"^OSC port {jam.server.port} is in use by another program; close it or"):
        OscServer(jam.server.port, (), print)
    jam.server.close()
    jam.server.close()
    jam.server.publish({"bar": 1})
    with OscServer(jam.server.port, (), print) as again:
        assert again.port == jam.server.port


def test_ports_and_hosts_that_cannot_be() -> None:
    with pytest.raises(UsageError, match=r"^70000 is not an OSC port"):
        OscServer(70000, (), print)
    with pytest.raises(ComposerError, match=r"^no machine is called 'nowhere\.invalid'"):
        OscServer(0, (), print, target=("nowhere.invalid", 9000))
    with pytest.raises(ComposerError, match=r"^OSC port 0 of 192\.0\.2\.1 cannot be opened"):
        OscServer(0, (), print, host="192.0.2.1")
    if os.geteuid() != 0:
        with pytest.raises(ComposerError, match=r"^OSC port 1 of 127\.0\.0\.1 cannot be opened"):
            OscServer(1, (), print)


# --- Wekinator's outputs --------------------------------------------------------------------------------------------


def test_outputs_ask_when_they_change(tmp_path: Path) -> None:
    (tmp_path / "wek.toml").write_text(MAPPING)
    outputs = Outputs(read_mapping(tmp_path / "wek.toml"))
    assert outputs.controls([0.0, 1, 0.2]) == [Control("temperature", 0.5), Control("mode", "continue")]
    assert outputs.controls([0.0, 1, 0.6]) == [Control("end")]
    assert outputs.controls([0.0, 1, 0.9]) == []
    assert outputs.controls([9.0, 4, 0.1]) == [Control("temperature", 2.5), Control("mode", "accompany")]
    assert outputs.controls([9.0]) == []
    assert [outputs.controls([9.0, k])[0].value for k in (1, 2, 3)] == list(MODES[:3])


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([(0.0, 1.0), (1.0, -1.0), (-5.0, 100.0)]))
def test_any_number_stays_in_the_range_of_its_control(value: float, bounds: tuple[float, float]) -> None:
    wish = Output(1, "tempo", *bounds, (60.0, 180.0)).wish(value)
    assert wish is not None
    assert 60 <= float(wish.value) <= 180
    assert control("tempo", [value]) == Control("tempo", min(max(value, 20.0), 400.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[output]\n", r": is not TOML \(.*line 1"),
        ("", r": write 1 to 128 \[\[output\]\] tables"),
        ("output = 3", r": write 1 to 128 \[\[output\]\] tables"),
        ("inputs = 1\n", r": 'inputs' is not known; write \[\[output\]\] tables"),
        ("\n[[output]]\n", ": line 2: 'number' must say which output, 1 to 128"),
        ("[[output]]\nnumber = 0", ": line 1: 'number' must say which output"),
        (
            "[[output]]\nnumber = 1\ncontrol = 'volume'",
            ": line 1: 'control' must be one of temperature, density,",
        ),
        (
            MAPPING + "[[output]]\nnumber = 4\ncontrol = 'tempo'\nto = [10, 90]",
            ": line 15: 'to' must lie within 20",
        ),
        ("[[output]]\nnumber = 1\ncontrol = 'tempo'\nfrom = [1, 1]", ": line 1: 'from' must be two different numbers"),
        ("[[output]]\nnumber = 1\ncontrol = 'tempo'\nfrom = [nan, 1]", ": line 1: 'from' must be two numbers, as in"),
        ("[[output]]\nnumber = 1\ncontrol = 'tempo'\nto = 3", ": line 1: 'to' must be two numbers, as in"),
        ("[[output]]\nnumber = 1\ncontrol = 'key'", ": line 1: 'to' must be a list of two words or more for key"),
        ("[[output]]\nnumber = 1\ncontrol = 'key'\nto = ['G', 'H']", ": line 1: 'to': 'H' is not a key"),
        ("[[output]]\nnumber = 1\ncontrol = 'tap'\nto = [0, 1]", ": line 1: 'to' has no meaning for tap"),
        (
            "[[output]]\nnumber = 1\ncontrol = 'tap'\nnote = 1",
            ": line 1: 'note' is not a field; the fields are number,",
        ),
        ("#" * 70_000, ": is larger than 64 KB"),
    ],
)
def test_a_wrong_mapping_says_where_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "wek.toml"
    path.write_text(text)
    with pytest.raises(ReadError, match=rf"^{re.escape(str(path))}{message}") as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)
