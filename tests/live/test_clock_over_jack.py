"""MIDI clock over JACK: jack_midi_clock is followed, jack_mclk_dump follows what is sent."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from mido import Message

from composer.live.grid import Steady
from composer.live.midi_clock import PULSES, Follower, Sender
from composer.live.ports import open_input, open_output
from composer.live.scheduler import Scheduler
from composer.theory import Meter
from duet import joined
from midi_programs import once_more, wait_for
from system import require_program

pytestmark = pytest.mark.realtime
JACK_PERIOD = 128  # frames: what a clock is heard by


class Master:
    """JACK's transport, its tempo, and a jack_midi_clock that sends both to our input; what came in is kept."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Message]] = []
        self.follower = Follower()
        self._transport = subprocess.Popen(
            [require_program("jack_transport", "jackd2")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def take(self, moment: float, message: Message) -> None:
        self.heard.append((moment, message))
        self.follower.push(message, moment)

    def say(self, *commands: str) -> None:
        assert self._transport.stdin is not None
        self._transport.stdin.write("".join(f"{command}\n" for command in commands))
        self._transport.stdin.flush()

    def pulses(self) -> int:
        return sum(message.type == "clock" for _, message in self.heard)

    def close(self) -> None:
        self._transport.communicate("stop\nquit\n", timeout=10)


@contextmanager
def master(tempo: float) -> Iterator[Master]:
    program = require_program("jack_midi_clock", "jack-midi-clock")
    name = f"follower-{time.monotonic_ns() % 10**9}"
    made = Master()
    made.say("master", f"tempo {tempo}", "stop", "locate 0")
    with open_input(name, "jack", made.take, virtual=True):
        sender = subprocess.Popen([program, "-b", str(tempo), f"{name}:in"], stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: joined(f"{name}:in"))
            time.sleep(0.3)
            made.heard.clear()
            yield made
        finally:
            made.close()
            sender.send_signal(signal.SIGINT)  # it takes its leave of JACK, which else waits for it
            sender.wait()


def played(tempo: float) -> list[tuple[float, Message]]:
    """A second and a half of jack_midi_clock, from its start."""
    with master(tempo) as sender:
        sender.say("play")
        wait_for(lambda: sender.pulses() > 1.5 * tempo / 60 * PULSES)
        return sender.heard.copy()


def longest(heard: list[tuple[float, Message]]) -> float:
    """Seconds between two pulses at most."""
    return float(max(np.diff([moment for moment, message in heard if message.type == "clock"])))


def came(heard: list[tuple[float, Message]]) -> float:
    """Quarters a minute of the last quarter, by this machine's clock: JACK's may be slower."""
    moments = [moment for moment, message in heard if message.type == "clock"]
    return 60 / (moments[-1] - moments[-1 - PULSES])


@pytest.mark.parametrize("tempo", [60, 120, 200])
def test_jack_midi_clock_is_followed(jack: None, tempo: int) -> None:
    """JACK's own time stands still where other work takes the machine: then once more, and the bounds are wider."""
    period = 60 / tempo / PULSES
    heard = once_more(lambda: played(tempo), lambda heard: longest(heard) < 1.5 * period)
    calm = longest(heard) < 1.5 * period
    assert [message.type for _, message in heard[:2]] == ["start", "clock"]
    follower = Follower()
    for moment, message in heard:
        follower.push(message, moment)
    moments = [moment for moment, message in heard if message.type == "clock"]
    strays = [follower.quarters(moment) * PULSES - pulse for pulse, moment in enumerate(moments)]
    assert follower.running
    assert follower.tempo == pytest.approx(came(heard), rel=0.1 if calm else 0.3)
    assert abs(float(np.median(strays))) < (0.5 if calm else 4)


def test_a_tempo_that_ramps_in_jack_is_followed(jack: None) -> None:
    with master(80) as sender:
        sender.say("play")
        wait_for(lambda: sender.pulses() > PULSES)
        for tempo in range(80, 161, 4):
            sender.say(f"tempo {tempo}")
            time.sleep(0.06)
        before = sender.pulses()
        wait_for(lambda: sender.pulses() > before + 2 * PULSES)
        follower, (moment, _) = sender.follower, sender.heard[-1]
        assert follower.tempo == pytest.approx(came(sender.heard), rel=0.3)
        assert follower.tempo > 100
        assert follower.problem(moment) is None


def test_after_a_locate_the_bar_is_where_the_transport_is(jack: None) -> None:
    """Two seconds of pulses come before ``continue``."""
    with master(120) as sender:
        sender.say("locate 480000")
        wait_for(lambda: bool(sender.heard))
        sender.say("play")
        wait_for(lambda: any(message.type == "continue" for _, message in sender.heard))
        wait_for(lambda: sender.follower.position % 4 == 2)
        heard = sender.heard.copy()
    follower = Follower()
    place, running, before, after = 0, False, 0, 0
    for moment, message in heard:
        follower.push(message, moment)
        if message.type == "songpos":
            place = message.pos
        running |= message.type == "continue"
        before += message.type == "clock" and not running
        after += message.type == "clock" and running
        if message.type == "clock" and not running:
            assert follower.quarters(moment) == pytest.approx(place / 4, abs=0.2)
    assert before > 3 * PULSES
    assert place > 80
    assert follower.quarters(heard[-1][0]) == pytest.approx(place / 4 + (after - 1) / PULSES, abs=0.2)


@pytest.mark.parametrize("tempo", [60, 120, 200])
def test_jack_mclk_dump_shows_our_clock_and_its_tempo(jack: None, tempo: int) -> None:
    program = require_program("jack_mclk_dump", "jack-midi-clock")
    name = f"sender-{time.monotonic_ns() % 10**9}"
    with open_output(name, "jack", virtual=True) as port, Scheduler(port) as scheduler:
        dump = subprocess.Popen(["stdbuf", "-o0", program, "-n", f"{name}:out"], stdout=subprocess.PIPE, text=True)
        wait_for(lambda: joined(f"{name}:out"))
        sender, begin = Sender(), time.monotonic() + 0.05
        grid = Steady(Meter(4, 4), begin, 60 / tempo)
        sender.start(1.0)
        events = sender.due(grid, begin, begin + 2.5) + sender.stop(begin + 2.5)
        scheduler.add(events)
        time.sleep(2.8)
        dump.send_signal(signal.SIGINT)
        said = dump.communicate()[0]
    shown = re.findall(r"cur: +(\S+)\[BPM\] flt: +(\S+)\[BPM\].*@ (\d+)", said)
    assert len(shown) == sum(event.message.type == "clock" for event in events)
    frames = np.array([int(row[2]) for row in shown])
    measured = 60 * 48000 / PULSES / np.polyfit(np.arange(len(frames)), frames, 1)[0]
    assert measured == pytest.approx(tempo, rel=0.15)  # in frames, which fall behind where the machine is busy
    assert float(shown[-1][1]) == pytest.approx(tempo, rel=0.2)
    assert re.search(r"^POS .* 2\.0\[beats\] +1\|2\|0 \[BBT@4/4\]", said, re.M)
    assert re.findall(r"^EVENT \(0x(..)\)", said, re.M) == ["fb", "fc"]
