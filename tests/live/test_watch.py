"""Ports that vanish and come back, without any MIDI system."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from composer.live import watch
from composer.live.watch import EVERY, Watch, returned


def test_a_port_is_lost_once_and_back_once() -> None:
    names = ["Keys"]
    ports = Watch("Keys", lambda: names)
    moments = [k * EVERY for k in range(8)]
    seen = []
    for k, now in enumerate(moments):
        names = ["Keys"] if k < 2 or k > 4 else ["Other"]
        seen.append(ports.poll(now))
    assert seen == [None, None, "lost", None, None, "back", None, None]


def test_a_port_that_got_another_number_meanwhile_is_lost_and_back() -> None:
    """Plugged out and in between two looks: the old connection is dead though the device is there."""
    names = ["Keys:Keys MIDI 1 20:0"]
    watch = Watch(names[0], lambda: names)
    assert watch.poll(0.0) is None
    names = ["Keys:Keys MIDI 1 24:0"]
    assert [watch.poll(k * EVERY) for k in (1, 2, 3)] == ["lost", "back", None]
    assert watch.name == "Keys:Keys MIDI 1 24:0"


def test_it_looks_no_more_often_than_it_may() -> None:
    looks = []
    watch = Watch("Keys", lambda: looks.append(1) or ["Keys"])
    for k in range(100):
        watch.poll(k * EVERY / 10)
    assert len(looks) == 10


@pytest.mark.parametrize(
    ("name", "names", "found"),
    [
        ("Keys 1", ["Keys 1", "Keys 2"], "Keys 1"),
        ("Keys 1", ["Pads 0", "Keys 2"], "Keys 2"),
        ("Keys:Keys MIDI 1 20:0", ["Keys:Keys MIDI 2 20:1"], None),
        ("keys:in", [], None),
    ],
)
def test_a_port_comes_back_under_its_name_or_another_number(name: str, names: list[str], found: str | None) -> None:
    assert returned(name, names) == found


@dataclass
class Server:
    """Carries what is sent, unless it is ``lost``, which is said of each beat by its number, from 1 on."""

    lost: Callable[[int], bool]
    now: float = 0.0
    sent: int = 0

    def __post_init__(self) -> None:
        self.beat = watch._Beat()
        self.beat._out = SimpleNamespace(send_message=self.send)

    def send(self, _: object) -> None:
        self.sent += 1
        if not self.lost(self.sent):
            self.beat._came()

    def looks(self, *moments: float) -> list[bool]:
        """Whether the beat goes on at each of some moments."""
        seen = []
        for self.now in moments:
            seen.append(self.beat.goes_on())
        return seen


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server(lost=lambda _: True)
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def test_a_server_that_only_stood_still_has_its_ports_again(dead: Server) -> None:
    """A JACK server may stop for many seconds as a client comes or goes."""
    assert dead.looks(0.0, 1.0, 1.6, 14.0) == [True, True, False, False]
    dead.beat._came()
    assert dead.looks(14.5, 15.0, 16.5) == [True, True, False]


def test_a_beat_that_is_lost_is_not_missed(dead: Server) -> None:
    dead.lost = lambda number: number == 3
    assert all(dead.looks(*(k * EVERY for k in range(100))))


def test_beats_lost_for_longer_bring_the_ports_back(dead: Server) -> None:
    dead.lost = lambda number: number < 4
    seen = dead.looks(*(k * EVERY for k in range(40)))
    assert False in seen
    assert all(seen[-20:])


def test_a_dead_server_is_hardly_asked(dead: Server) -> None:
    """RtMidi waits for ever to send where its buffer of 16 KiB is full."""
    assert not any(dead.looks(*range(0, 1_000_000, 10))[1:])
    assert dead.sent < 30
