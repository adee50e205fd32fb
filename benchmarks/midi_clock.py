"""How well a MIDI clock is followed: error of the tempo and of the bar's phase at every pulse from the fifth bar on.

    python benchmarks/midi_clock.py          # clocks made by the rule: steady and ramping, jittered, with odd pulses
    python benchmarks/midi_clock.py --jack   # jack_midi_clock through JACK and our input, four seconds each

Over JACK nobody knows the true moments: the errors are from the straight line through all of the pulses that came, so
they hold the wander of JACK's dummy clock too, whose spread around that line stands beside them.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mido import Message
from numpy.typing import NDArray

from composer.live.midi_clock import PULSES, Follower

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "live")]

SEEDS = 20
LEAD = 16  # quarters before anything changes or counts


def moments(tempo: Callable[[float], float], quarters: float) -> NDArray[np.float64]:
    fine = 20 * PULSES
    middles = (np.arange(round(quarters * fine)) + 0.5) / fine
    return np.concatenate([[0], np.cumsum([60 / tempo(place) / fine for place in middles])])[::20]


def errors(true: NDArray[np.float64], heard: NDArray[np.float64], tempos: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quarters a minute and milliseconds at each pulse after the lead, (n, 2)."""
    follower, rows = Follower(), []
    follower.push(Message("start"), heard[0])
    for pulse, moment in enumerate(heard):
        follower.push(Message("clock"), moment)
        if pulse >= LEAD * PULSES:
            late = follower.seconds(pulse / PULSES) - true[pulse]
            rows.append((follower.tempo - tempos[pulse], 1e3 * late))
    return np.abs(rows)


def shown(name: str, rows: NDArray[np.float64]) -> None:
    (tempo, phase), (worst_tempo, worst_phase) = np.median(rows, axis=0), np.quantile(rows, 0.99, axis=0)
    print(f"{name:36} tempo {tempo:6.3f} {worst_tempo:7.3f}   phase {phase:6.2f} {worst_phase:7.2f} ms", flush=True)


def made_by_the_rule() -> None:
    ramps = [(60, 200, 32), (60, 200, 16), (60, 200, 8), (200, 60, 8), (120, 132, 16)]
    print(f"{'':36} error: median and 99th percentile")
    for jitter in (0.0, 0.001, 0.005):
        for first, last, over in [(60, 60, 1), (120, 120, 1), (200, 200, 1), *ramps]:

            def tempo(quarter: float, first: int = first, last: int = last, over: int = over) -> float:
                return first + (last - first) * min(max((quarter - LEAD) / over, 0), 1)

            true = moments(tempo, LEAD + over + 16)
            tempos = np.array([tempo(pulse / PULSES) for pulse in range(len(true))])
            rows = []
            for seed in range(SEEDS if jitter else 1):
                shake = np.random.default_rng(seed).uniform(-jitter, jitter, len(true))
                rows.append(errors(true, np.sort(true + shake), tempos))
            what = f"{first}" if first == last else f"{first} to {last} in {over} quarters"
            shown(f"{what}, +-{1e3 * jitter:.0f} ms", np.concatenate(rows))
    odd_pulses()


def odd_pulses() -> None:
    """Whether the bar is still where it was after a hundred quarters of which one pulse in a hundred is odd."""
    for tempo in (60, 120, 200):
        for jitter in (0.0005, 0.002, 0.005):
            for what in ("lost", "doubled"):
                kept = 0
                for seed in range(SEEDS):
                    random = np.random.default_rng(seed)
                    true = moments(lambda _, tempo=tempo: tempo, 100)
                    heard = true + random.uniform(-jitter, jitter, len(true))
                    odd = np.flatnonzero(random.random(len(true) - 4 * PULSES) < 0.01) + 3 * PULSES
                    heard = np.delete(heard, odd) if what == "lost" else np.concatenate([heard, heard[odd] + 0.0005])
                    follower = Follower()
                    follower.push(Message("start"), true[0] - 0.01)
                    for moment in np.sort(heard):
                        follower.push(Message("clock"), moment)
                    kept += abs(follower.seconds(100) - true[-1]) < 0.5 * 60 / tempo / PULSES
                print(f"{tempo}, +-{1e3 * jitter:g} ms, 1 % {what}: the bar is kept in {kept} of {SEEDS}", flush=True)


def over_jack() -> None:
    from test_clock_over_jack import master

    from midi_programs import jack_server, wait_for

    with jack_server() as clients:
        os.environ.update(clients)
        for tempo in (60, 120, 200):
            quarters = LEAD + 4 * tempo / 60
            with master(tempo) as sender:
                sender.say("play")
                wait_for(lambda: sender.pulses() > quarters * PULSES, 60)  # noqa: B023
                heard = np.array([moment for moment, message in sender.heard if message.type == "clock"])
            number = np.arange(len(heard))
            line = np.polyfit(number, heard, 1)
            straight = np.polyval(line, number)
            came = 60 / PULSES / line[0]
            print(f"{tempo}: came at {came:.2f}, {1e3 * np.std(heard - straight):.2f} ms around its line")
            shown(f"{tempo} over JACK", errors(straight, heard, np.full(len(heard), came)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jack", action="store_true")
    if parser.parse_args().jack:
        over_jack()
    else:
        made_by_the_rule()
