"""How fast exact conditioning is, how much memory it takes, and what the guard against copies adds.

python benchmarks/conditioning.py prelude_c.mid [--samples 50]

The prelude: its notes' pitches in order, order 4, the first and the last note given, 20 to 10,000 notes.
The folk corpus: a 32-bar AABB tune of 6/8 with key, range and cadence, orders 4 to 6, with and without a guard.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from composer import Composer, Score, Sketch, corpora, read
from composer.errors import Infeasible
from composer.generators.markov import Markov
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Sequence
from composer.score import Part
from composer.theory import TICKS_PER_QUARTER

LENGTHS = (20, 40, 80, 200, 2_000, 10_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prelude", type=Path)
    parser.add_argument("--samples", type=int, default=50)
    asked = parser.parse_args()
    parts = [part for part in read(asked.prelude).parts if not part.drums]
    onset, pitch = (np.concatenate([getattr(part, name) for part in parts]) for name in ("onset", "pitch"))
    pitches = pitch[np.lexsort((pitch, onset))].astype(np.int32)
    prelude(pitches, asked.samples)
    guarded_prelude(pitches, asked.samples)
    folk(asked.samples)
    conflicts()


def prelude(pitches: np.ndarray, samples: int) -> None:
    model = Markov(4, features=()).fit([notes(pitches[:, None])])
    print(f"\nThe prelude's {len(pitches)} notes, order 4; fitted: {megabytes(model):.2f} MB\n")
    print("| notes | preparation ms | a sample ms, the first | the next | per note us | messages MB |")
    print("|---|---|---|---|---|---|")
    for length in LENGTHS:
        constraints = pinned(length, int(pitches[0]), int(pitches[-1]))
        walk, preparation = timed(lambda c=constraints: model.walk(c))
        rng = np.random.default_rng(0)
        _, first = timed(lambda w=walk, r=rng: w.draw(r))
        _, more = timed(lambda w=walk, r=rng, n=samples: [w.draw(r) for _ in range(n)])
        each = more / samples
        print(
            f"| {length} | {1e3 * preparation:.1f} | {1e3 * first:.2f} | {1e3 * each:.2f} | {1e6 * each / length:.1f} "
            f"| {walk.belief.megabytes:.1f} |"
        )


def guarded_prelude(pitches: np.ndarray, samples: int) -> None:
    """The same notes as a tune of 16ths, copies of more than 12 and 8 notes forbidden exactly, in any key."""
    grid = TICKS_PER_QUARTER // 4
    line = Part.of(np.arange(len(pitches)) * grid, pitches, np.full(len(pitches), grid))
    score = Score.of([line], barlines=np.arange(-(-len(pitches) // 16) + 1) * 16 * grid)
    print("\n| 80 notes, copies | drawn by | first s | each further ms | longest run, notes: median | most |")
    print("|---|---|---|---|---|---|")
    composer = Composer.untrained("melody", "markov", generator_options={"order": 4, "features": ()}).fit([score])
    for limit in (None, "12 notes", "8 notes"):
        wish = {} if limit is None else {"max_copy": limit}
        sketch = Sketch.blank(bars=5, scale="chromatic", shortest="1/16", longest="1/16", **wish)
        scores, first, each = completing(composer, sketch, samples)
        runs = [copied.notes if (copied := composer.copied(score)) else 0 for score in scores]
        way = scores[0].metadata.get("guard", "exact")
        print(f"| {limit or 'free'} | {way} | {first:.2f} | {1e3 * each:.1f} | {np.median(runs):.0f} | {max(runs)} |")


def folk(samples: int) -> None:
    train = list(corpora.load("folk").train)
    print("\n| folk, order | copies | drawn by | fit s | model MB | first s | each further ms | peak MB |")
    print("|---|---|---|---|---|---|---|---|")
    for order in (4, 5, 6):
        options = {"order": order, "features": ("meter", "position", "mode")}
        composer, fitting = timed(
            lambda o=options: Composer.untrained("melody", "markov", generator_options=o).fit(train)
        )
        for limit in (None, "2 bars"):
            wish = {} if limit is None else {"max_copy": limit}
            sketch = Sketch.blank(
                bars=32, meter="6/8", key="G", form="AABB", range="D4:B5", ends_on_tonic=True, half_cadence="8", **wish
            )
            scores, first, each = completing(composer, sketch, samples)
            way = scores[0].metadata.get("guard", "exact")
            print(
                f"| {order} | {limit or 'free'} | {way} | {fitting:.1f} | {megabytes(composer.generator):.1f} "
                f"| {first:.2f} | {1e3 * each:.1f} | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} |"
            )


def conflicts() -> None:
    """How soon a contradictory sketch is told, from the call on, of 32 bars for the shipped folk model."""
    composer = Composer.load("folk-markov")
    wishes: list[dict[str, Any]] = [
        {"range": "D4:F#4", "ends_on": "G"},
        {"pins": {"1.1": "C6"}},
        {"density": "9-12", "shortest": "1/8"},
        {"leap": 2, "pins": {"1.1": "D4", "1.1.5": "B5"}, "longest": "1/2", "syncopation": False},
    ]
    print("\n| told | s |\n|---|---|")
    for wish in wishes:
        sketch = Sketch.blank(bars=32, meter="6/8", key="G", form="AABB", **{"range": "D4:B5", **wish})
        told, seconds = timed(lambda s=sketch: refused(composer, s))
        print(f"| {told} | {seconds:.2f} |")


def refused(composer: Composer, sketch: Sketch) -> str:
    try:
        composer.complete(sketch)
    except Infeasible as error:
        return str(error)
    return "nothing: it was completed"


def completing(composer: Composer, sketch: Sketch, samples: int) -> tuple[list[Score], float, float]:
    """Completions, seconds for the first with all preparation, and for each one more."""
    _, first = timed(lambda: composer.complete(sketch, seed=0))
    scores, whole = timed(lambda: composer.completions(sketch, samples + 1, seed=0))
    return scores, first, (whole - first) / samples


def notes(pitches: np.ndarray) -> Sequence:
    return Sequence(pitches, np.arange(len(pitches), dtype=np.int32))


def pinned(length: int, first: int, last: int) -> ColumnMasks:
    """So many notes, the first and the last given."""
    allowed = np.ones((length, 1, 128), dtype=bool)
    allowed[[0, -1]] = False
    allowed[0, 0, first] = allowed[-1, 0, last] = True
    return ColumnMasks(allowed)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    found = work()
    return found, time.perf_counter() - started


def megabytes(model: Any) -> float:
    """In memory, as numbers: what is saved, in the types it is used in."""
    trie = model.trie_
    return sum(value.nbytes for value in vars(trie).values() if isinstance(value, np.ndarray)) / 2**20


if __name__ == "__main__":
    main()
