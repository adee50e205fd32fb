"""The melody model of Sakellariou et al. (2017) on Bach's violin partita: training and sampling, in CPU time.

One voice, a step for each note, a field and pairs at lags 1 to 10, L1 with weight 1 on the sum over all notes. Figures
are the least process time of several runs. `bach_partita_violin.mid` is in
github.com/fpachet/max_entropy_music.

    OPENBLAS_NUM_THREADS=1 python benchmarks/partita.py --data bach_partita_violin.mid
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from composer import read
from composer.generators.maxent import Maxent
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Sequence

LAGS = 10
NOTES = 100  # of a sample
SWEEPS = 20


def melody(pitch: NDArray[np.int32]) -> Sequence:
    steps = np.arange(len(pitch), dtype=np.int32)
    return Sequence(pitch[:, None].astype(np.int32), steps, {"everywhere": np.zeros_like(steps)})


def untrained(notes: int, iterations: int) -> Maxent:
    return Maxent(
        hold=None,
        silence=None,
        fields=("everywhere",),
        rhythms=(),
        harmony="",
        lags=tuple(range(1, LAGS + 1)),
        l1=1 / notes,
        l2=0.0,
        iterations=iterations,
        sweeps=SWEEPS,
    )


def milliseconds(run: Callable[[], object], runs: int) -> float:
    found = []
    for _ in range(runs):
        started = time.process_time()
        run()
        found.append(1000 * (time.process_time() - started))
    return min(found)


def pairs(melodies: list[NDArray[np.int32]], lag: int) -> NDArray[np.float64]:
    """(128, 128) how often each pitch follows each."""
    found = np.zeros((128, 128))
    for pitch in melodies:
        np.add.at(found, (pitch[:-lag], pitch[lag:]), 1)
    return found / found.sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--samples", type=int, default=64)
    arguments = parser.parse_args()
    partita = melody(read(arguments.data).parts[0].pitch)
    known = np.unique(partita.events)
    print(f"{len(partita)} notes, {len(known)} pitches\n")

    print("| iterations | pseudo-NLL + L1 = objective, nats per note | parameters that are not 0 | training ms |")
    print("|---|---|---|---|")
    for iterations in (5, 10, 20, 500):
        model = untrained(len(partita), iterations)
        least = milliseconds(lambda model=model: model.fit([partita]), arguments.runs)  # type: ignore[misc]
        found = model.fitted_
        done = f"{found.iterations}{', converged' if found.converged else ''}"
        print(
            f"| {done} | {found.cost:.4f} + {found.objective - found.cost:.4f} = {found.objective:.4f} "
            f"| {np.count_nonzero(found.theta)} of {len(found.theta)} | {least:.1f} |"
        )

    rng = np.random.default_rng(0)
    constraints = ColumnMasks(np.ones((NOTES, 1, 128), dtype=bool), {"everywhere": np.zeros(NOTES, dtype=np.int32)})
    print(f"\n| samples of {NOTES} notes, {SWEEPS} sweeps | ms each |\n|---|---|")
    for n in (1, 16, arguments.samples):
        least = milliseconds(lambda n=n: model.sample(constraints, n=n, rng=rng), arguments.runs)  # type: ignore[misc]
        print(f"| {n} together | {least / n:.2f} |")

    samples = [sample.events[:, 0] for sample in model.sample(constraints, n=arguments.samples, rng=rng)]
    print(
        f"\n| pairs at lag | correlation of their frequencies in {len(samples)} samples and in the partita |\n|---|---|"
    )
    for lag in (1, 2, LAGS):
        both = (pairs(melodies, lag)[np.ix_(known, known)].ravel() for melodies in ([partita.events[:, 0]], samples))
        print(f"| {lag} | {np.corrcoef(*both)[0, 1]:.3f} |")


if __name__ == "__main__":
    main()
