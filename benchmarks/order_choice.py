"""Held-out likelihood and copying of the folk model by order: what the shipped order was chosen by.

Copying is the longest run of (interval, duration) that a sampled tune shares with the training split, in notes; samples
are 32-bar reels in G at temperature 0.7, seed 0.

    python benchmarks/order_choice.py --tunes 40
"""

import argparse

import numpy as np

from composer import Sketch, corpora
from composer.encodings.melody import Melody
from composer.evaluation.likelihood import likelihood
from composer.generators.markov import Markov
from composer.inference.sequence import Sequence

LONGEST = 40


def steps(sequence: Sequence) -> list[tuple[int, int]]:
    """(interval to the next event, duration) of each event but the last."""
    symbol, duration = sequence.events.T
    return list(zip(np.diff(symbol).tolist(), duration[:-1].tolist(), strict=True))


def longest_run(wanted: list[tuple[int, int]], runs: list[set[tuple[tuple[int, int], ...]]]) -> int:
    """Notes in the longest run that training has too; ``runs[k]`` holds its runs of k + 1 steps."""
    best = 0
    for start in range(len(wanted)):
        while best < len(runs) and tuple(wanted[start : start + best + 1]) in runs[best] and start + best < len(wanted):
            best += 1
    return best + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunes", type=int, default=40)
    tunes = parser.parse_args().tunes
    corpus, view = corpora.load("folk"), Melody()
    train = [view.encode(score) for score in corpus.train]
    validation = [view.encode(score) for score in corpus.validation]
    lines = [steps(sequence) for sequence in train]
    runs = [
        {tuple(line[i : i + size]) for line in lines for i in range(len(line) - size + 1)}
        for size in range(1, LONGEST + 1)
    ]
    sketch = Sketch.styled("reel", key="G", range="D4:B5", ends_on_tonic=True)
    constraints = view.compile(sketch)
    print("| order | validation, nats per event | longest copied run, notes: median | maximum |\n|---|---|---|---|")
    for order in (3, 4, 5, 6, 8):
        model = Markov(order, ("meter", "position", "mode")).fit(train)
        samples = model.sample(constraints, n=tunes, temperature=0.7, rng=np.random.default_rng(0))
        copied = [longest_run(steps(sample), runs) for sample in samples]
        nats = likelihood(model, validation).nats_per_event
        print(f"| {order} | {nats:.4f} | {np.median(copied):g} | {max(copied)} |", flush=True)


if __name__ == "__main__":
    main()
