"""How exactly live MIDI keeps time, and how soon it is silent.

python benchmarks/live.py deadlines                    # the scheduler alone, then with two busy processes beside it
python benchmarks/live.py deadlines --jack --period 32 # through a JACK server to another process
python benchmarks/live.py barge-in
python benchmarks/live.py soak                         # 24 simulated hours of jam on the virtual clock
python benchmarks/live.py answers                      # how many would miss their beat, by the time that each took
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from threading import Event, Thread

import numpy as np
from mido import Message

from composer import corpora
from composer.live.answering import Answering, Settings
from composer.live.clock import MonotonicClock
from composer.live.improviser import Improviser
from composer.live.memory import Memory
from composer.live.outbox import Timed
from composer.live.ports import MemoryPort, Port, open_output
from composer.live.scheduler import LATE, Scheduler, Sent
from composer.pipeline import Composer
from composer.theory import TICKS_PER_QUARTER

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from jamming import Stage
from soaking import GRID, Worker, phrase, soak

from midi_programs import Listener, jack_server

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


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def header(*cells: str) -> None:
    row(*cells)
    print("|" + "---|" * len(cells), flush=True)


def spread(seconds: Sequence[float] | np.ndarray) -> tuple[str, str, str]:
    """Median, 99th percentile and maximum, in milliseconds."""
    found = 1000 * np.percentile(seconds, [50, 99, 100])
    return f"{found[0]:.2f}", f"{found[1]:.2f}", f"{found[2]:.2f}"


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


def phrases(count: int = 200) -> list[list[tuple[float, float, int]]]:
    """The first two bars of folk tunes nobody has trained on."""
    found = []
    for tune in corpora.load("folk").test:
        end = tune.pickup + 2 * tune.meter.bar
        notes = [
            (n.onset / TICKS_PER_QUARTER, n.duration / TICKS_PER_QUARTER, n.pitch)
            for n in tune.parts[0]
            if n.onset < end
        ]
        if len(tune.meters) == 1 and str(tune.meter) == "4/4" and len(notes) >= 4:
            found.append(notes)
    return found[:: max(len(found) // count, 1)][:count]


def soaked(arguments: argparse.Namespace) -> None:
    """Hours of jam; notes, memory at the end of each hour, and how far answers were from the grid."""
    answering = Answering(Composer.load(arguments.model), Memory(0.0))
    began = time.perf_counter()
    judge = soak(phrases(), answering, arguments.hours, fresh=arguments.fresh)
    header("hours", "heard", "steps", "calls", "answers", "cut", "gone on", "notes on", "notes off", "hanging")
    kinds = judge.kinds
    row(arguments.hours, judge.heard_messages, judge.steps, kinds["call"], kinds["answer"], kinds["cut"],
        kinds["goes on"], judge.ons, judge.offs, judge.hanging)  # fmt: skip
    print()
    header("deviation of", "at most, ms")
    for of, error in (("beats", judge.beat_error), ("bar lines", judge.bar_error), ("notes", judge.note_error)):
        row(of, f"{1000 * error:.6f}")
    print()
    header("after hour", "MB in use")
    for hour in sorted({1, 2, 6, 12, 18, len(judge.hours)} & set(range(1, len(judge.hours) + 1))):
        row(hour, f"{judge.hours[hour - 1][1] / 1e6:.2f}")
    print(f"\nin {time.perf_counter() - began:.0f} s")


def answers(arguments: argparse.Namespace) -> None:
    """Phrases of folk tunes, one at a time; each answer comes on the virtual clock after the processor time it took."""
    header("grid", "answers", "late", "took, median ms", "p99 ms", "max ms", "begins after its due, p99 ms", "max ms")
    dice, tunes = random.Random(1), phrases()
    for name, grid in (("none", None), ("120", GRID)):
        worker = Worker(Answering(Composer.load(arguments.model), Memory(8.0)))
        improviser = Improviser(worker, Settings(), grid=grid)
        calls = [event for k in range(arguments.times) for event in phrase(tunes[k % len(tunes)], 16.0 * k, dice)]
        stage = Stage(improviser, worker).run(calls)
        told = stage.told("answer")
        late = [max(news.facts["latency"], 0.0) for news in told]
        row(name, len(told), improviser.late, *spread(worker.took), *spread(late)[1:])


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

    command = commands.add_parser("soak", help=soaked.__doc__)
    command.add_argument("--hours", type=float, default=24)
    command.add_argument("--model", default="folk-markov")
    command.add_argument("--fresh", type=int, default=100, help="answers of the model from each place in a bar")
    command.set_defaults(run=soaked)

    command = commands.add_parser("answers", help=answers.__doc__)
    command.add_argument("--times", type=int, default=1000)
    command.add_argument("--model", default="folk-markov")
    command.set_defaults(run=answers)

    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
