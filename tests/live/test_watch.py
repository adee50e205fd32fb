"""Ports that vanish and come back, without any MIDI system."""

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


def test_a_server_that_only_stood_still_has_its_ports_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A JACK server may stop for many seconds as a client comes or goes."""
    now, sent = [0.0], []
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: now[0]))
    beat = watch._Beat()
    beat._out = SimpleNamespace(send_message=sent.append)

    def goes_on(moment: float) -> bool:
        now[0] = moment
        return beat.goes_on()

    assert [goes_on(moment) for moment in (0.0, 1.0, 1.6, 14.0)] == [True, True, False, False]
    assert len(sent) == 1
    beat._came()
    assert [goes_on(moment) for moment in (14.5, 15.0, 16.5)] == [True, True, False]
    assert len(sent) == 2
