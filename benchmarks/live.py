"""How exactly live MIDI keeps time, and how soon it is silent.

python benchmarks/live.py deadlines                    # the scheduler alone, then with two busy processes beside it
python benchmarks/live.py deadlines --jack --period 32 # through a JACK server to another process
python benchmarks/live.py barge-in
python benchmarks/live.py answers --calls 100          # the command itself over JACK, in real time: minutes
python benchmarks/live.py answers --calls 100 --tempo 120
python benchmarks/live.py soak --minutes 10
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import numpy as np
from mido import Message

from composer.live.clock import MonotonicClock
from composer.live.outbox import Timed
from composer.live.ports import MemoryPort, Port, open_output
from composer.live.scheduler import LATE, Scheduler, Sent
from tables import header, row, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from duet import TUNE, Stage, off_beat, play_for, stage, strikes, unmatched
from midi_programs import Listener, jack_server, wait_for

LENGTH = 0.02  # seconds of a note


@contextmanager
def busy_processes(count: int = 2) -> Iterator[None]:
    """As many processes as there may be cores, each working without a pause."""
    workers = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


@contextmanager
def busy_thread() -> Iterator[None]:
    """A thread of this process that computes in Python without a pause: the interpreter has to be waited for."""
    over = Event()

    def work() -> None:
        while not over.is_set():
            sum(range(1000))

    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


BESIDE: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "nothing": nullcontext,
    "2 processes": busy_processes,
    "a thread": busy_thread,
}


def deadlines(arguments: argparse.Namespace) -> None:
    """Error of every message of many notes at random moments, as sent; through JACK also as received.

    Received, what the path through JACK costs by itself, the median from sent to received, is subtracted.
    """
    header("beside", "of", "messages", "median ms", "p99 ms", "max ms", "lost", "over 5 ms")
    for beside in arguments.beside:
        with ExitStack() as opened:
            listener, port = None, MemoryPort(MonotonicClock())
            if arguments.jack:
                os.environ |= opened.enter_context(jack_server(arguments.period))
                listener = Listener("benchmark")
                opened.callback(listener.close)
                port = opened.enter_context(open_output(listener.name, "jack"))
            opened.enter_context(BESIDE[beside]())
            sent = send_notes(port, arguments.notes, arguments.rate)
            time.sleep(1)
            told(beside, "sent", [kept.sent - kept.due for kept in sent], 2 * arguments.notes - len(sent))
            if listener is not None:
                received(beside, sent, listener.heard[: len(sent)])


def received(beside: str, sent: list[Sent], heard: list[tuple[float, Message]]) -> None:
    """The rows of what came through JACK, each message received paired with the same one sent."""
    if [kept.message for kept in sent] != [message for _, message in heard]:
        row(beside, "received: not what was sent", len(heard), "", "", "", len(sent) - len(heard), "")
        return
    path = [came - kept.sent for (came, _), kept in zip(heard, sent, strict=True)]
    whole = [came - kept.due for (came, _), kept in zip(heard, sent, strict=True)]
    told(beside, "the path alone", path, 0)
    told(beside, "received, less the path's median", np.abs(np.array(whole) - np.median(path)), 0)


def told(beside: str, of: str, seconds: Sequence[float], lost: int) -> None:
    row(beside, of, len(seconds), *spread(seconds), lost, sum(k > LATE for k in seconds))


def send_notes(port: Port, count: int, rate: float) -> list[Sent]:
    """Notes at random moments, ``rate`` a second on average, added a second ahead as a player would."""
    random = np.random.default_rng(1)
    onsets = time.monotonic() + 1 + np.cumsum(random.exponential(1 / rate, count))
    with Scheduler(port) as scheduler:
        for k, onset in enumerate(onsets.tolist()):
            while onset - time.monotonic() > 1:
                time.sleep(0.05)
            pitch = k % 128
            scheduler.add([Timed(onset, Message("note_on", channel=k // 128 % 16, note=pitch))])
            scheduler.add([Timed(onset + LENGTH, Message("note_off", channel=k // 128 % 16, note=pitch))])
        while not scheduler.idle:
            time.sleep(0.05)
        return list(scheduler.sent)


def barge_in(arguments: argparse.Namespace) -> None:
    """From the call of ``hush`` to the last note-off and to its return, with eight notes sounding amid a stream."""
    header("beside", "of", "times", "median ms", "p99 ms", "max ms", "hanging")
    for beside in arguments.beside:
        silent, returned, hanging = [], [], 0
        with BESIDE[beside](), Scheduler(port := MemoryPort(MonotonicClock())) as scheduler:
            for _ in range(arguments.times):
                now = time.monotonic()
                for k in range(8):
                    scheduler.add([Timed(now, Message("note_on", note=40 + k)), Timed(now + 9, Message("clock"))])
                scheduler.add([Timed(now + k / 1000, Message("note_on", channel=1, note=k)) for k in range(100)])
                time.sleep(0.02 + 0.001 * np.random.default_rng(len(silent)).random())
                start = time.monotonic()
                scheduler.hush()
                returned.append(time.monotonic() - start)
                silent.append(max(moment for moment, message in port.heard if message.type == "note_off") - start)
                hanging += sum((m.type == "note_on") - (m.type == "note_off") for m in port.messages)
                port.heard.clear()
        row(beside, "the last note-off", len(silent), *spread(silent), hanging)
        row(beside, "the return", len(returned), *spread(returned), "")


def answers(arguments: argparse.Namespace) -> None:
    """The command over JACK: from the last key-up to an answer beyond the silence, missed beats, barge-in to silence.

    As a listener in another process hears it, the path through JACK there and back included; "inside" is what the log
    of the jam says. Every second answer is cut short by a note; of the others two notes are heard first.
    """
    os.environ |= {"PYTHONPATH": str(Path(__file__).parents[1])}
    header("model", "of", "times", "median ms", "p99 ms", "max ms", "missed", "hanging")
    with jack_server(arguments.period) as clients, TemporaryDirectory() as folder:
        os.environ |= clients
        for model in arguments.models:
            options = ["--model", model, "--silence", str(arguments.silence), "--seed", "1", "--memory", "0"]
            options += [] if arguments.tempo is None else ["--tempo", str(arguments.tempo)]
            options += [] if arguments.tempo is None else ["--metronome"]
            with stage(Path(folder) / model, *options) as jam:
                beyond, silent = play_calls(jam, arguments)
                jam.jam.end()
                told_answers(model, jam, beyond, silent)


def play_calls(jam: Stage, arguments: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Seconds from the last key-up to each answer, beyond the silence; and from each barge-in to the last note-off."""
    beyond, silent = [], []
    step = 0.125 if arguments.tempo is None else 30 / arguments.tempo
    for number in range(arguments.calls):
        last = jam.keys.play(TUNE, step)
        beyond.append(jam.answer(last, notes=1) - last - arguments.silence)
        jam.answer(last, notes=2)
        if number % 2:
            cut = jam.keys.send("note_on", note=50)
            time.sleep(0.3)
            jam.keys.send("note_off", note=50)
            offs = [t for t, m in jam.since(cut) if m.type == "note_off" and m.channel != 9]
            silent += [max(offs) - cut] if offs else []
            time.sleep(3 * arguments.silence)  # the accident is over
        else:
            wait_for(lambda since=last: no_melody(jam, since, 2 * arguments.silence), 60)
    return beyond, silent


def no_melody(jam: Stage, since: float, seconds: float) -> bool:
    """Whether no note of an answer was heard for so long."""
    heard = [t for t, m in jam.since(since) if m.channel != 9 and m.type in {"note_on", "note_off"}]
    return time.monotonic() - heard[-1] > seconds


def told_answers(model: str, jam: Stage, beyond: list[float], silent: list[float]) -> None:
    found = [event for event in jam.jam.session().events if event["kind"] == "answer"]
    late, hanging = sum(event["late"] for event in found), unmatched(jam.ear.messages)
    row(model, "phrase end to answer, over JACK", len(beyond), *spread(beyond), late, hanging)
    row(model, "the same, inside", len(found), *spread([event["latency"] for event in found]), "", "")
    row(model, "finding it", len(found), *spread([event["took"] for event in found]), "", "")
    row(model, "barge-in to silence, over JACK", len(silent), *spread(silent), "", "")


def soak(arguments: argparse.Namespace) -> None:
    """The command over JACK, in real time: calls, slips, pedal and barge-ins, as another process hears it."""
    os.environ |= {"PYTHONPATH": str(Path(__file__).parents[1])}
    beat = 0.5
    with jack_server(arguments.period) as clients, TemporaryDirectory() as folder:
        os.environ |= clients
        with stage(Path(folder) / "soak", "--tempo", "120", "--metronome", "--seed", "1") as jam:
            play_for(jam, 60 * arguments.minutes, beat)
            jam.jam.end()
            time.sleep(1.0)
            heard, session = list(jam.ear.heard), jam.jam.session()
    found = [event for event in session.events if event["kind"] == "answer"]
    ons = len(strikes(heard))
    header(
        "minutes",
        "answers",
        "missed their beat",
        "notes on",
        "without an end",
        "off the beat, median ms",
        "p99 ms",
        "max ms",
    )
    away = off_beat(heard, [event["at"] for event in found], beat)
    row(arguments.minutes, len(found), sum(event["late"] for event in found), ons,
        unmatched([message for _, message in heard]), *spread(away))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("deadlines", help=deadlines.__doc__)
    command.add_argument("--notes", type=int, default=10_000)
    command.add_argument("--rate", type=float, default=250, help="notes a second")
    command.add_argument("--jack", action="store_true", help="through a JACK server (jackd) to another process")
    command.add_argument("--period", type=int, default=32, help="frames of JACK's period, 48,000 a second")
    command.add_argument("--beside", nargs="+", choices=BESIDE, default=["nothing", "2 processes"])
    command.set_defaults(run=deadlines)

    command = commands.add_parser("barge-in", help=barge_in.__doc__)
    command.add_argument("--times", type=int, default=1000)
    command.add_argument("--beside", nargs="+", choices=BESIDE, default=["nothing", "2 processes"])
    command.set_defaults(run=barge_in)

    command = commands.add_parser("answers", help=answers.__doc__)
    command.add_argument("--models", nargs="+", default=["folk-markov", "folk-maxent", "chorales-maxent"])
    command.add_argument("--calls", type=int, default=100)
    command.add_argument("--silence", type=float, default=0.7)
    command.add_argument("--tempo", type=float, help="quarters a minute of a metronome; free time if not given")
    command.add_argument("--period", type=int, default=32, help="frames of JACK's period, 48,000 a second")
    command.set_defaults(run=answers)

    command = commands.add_parser("soak", help=soak.__doc__)
    command.add_argument("--minutes", type=float, default=10)
    command.add_argument("--period", type=int, default=128, help="frames of JACK's period, 48,000 a second")
    command.set_defaults(run=soak)

    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
