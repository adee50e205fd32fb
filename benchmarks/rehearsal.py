"""Jams on the virtual clock: a day of one, and how many answers would have missed their beat.

python benchmarks/rehearsal.py soak                # 24 simulated hours
python benchmarks/rehearsal.py answers             # 1,000 calls in free time, and 1,000 on a grid
"""

import argparse
import random
import sys
import time
from pathlib import Path

from composer import corpora
from composer.live.answering import Answering, Settings
from composer.live.improviser import Improviser
from composer.live.memory import Memory
from composer.pipeline import Composer
from composer.theory import TICKS_PER_QUARTER
from tables import header, row, spread

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from jamming import Stage
from soaking import GRID, Worker, phrase, soak


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
