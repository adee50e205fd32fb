"""Held-out likelihood and copying of the folk model by order: what the shipped order was chosen by.

Copying is the longest run of notes and rests that a sampled tune shares with the training split in any key; samples are
32-bar reels in G at temperature 0.7, seed 0.

    python benchmarks/order_choice.py --tunes 40
"""

import argparse

import numpy as np

from composer import Sketch, corpora
from composer.encodings.melody import Melody
from composer.evaluation.likelihood import likelihood
from composer.generators.markov import Markov
from composer.inference.suffixes import CopyIndex
from composer.recipes import LINE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunes", type=int, default=40)
    tunes = parser.parse_args().tunes
    corpus, view, features = corpora.load("folk"), Melody(), LINE["features"]
    train = [view.encode(score) for score in corpus.train]
    validation = [view.encode(score) for score in corpus.validation]
    index = CopyIndex.of([view.moves(sequence.events) for sequence in train])
    sketch = Sketch.styled("reel", key="G", range="D4:B5", ends_on_tonic=True)
    constraints = view.compile(sketch)
    print("| order | validation, nats per event | longest copied run, notes: median | maximum |\n|---|---|---|---|")
    for order in (3, 4, 5, 6, 8):
        model = Markov(order, features).fit(train)
        samples = model.sample(constraints, n=tunes, temperature=0.7, rng=np.random.default_rng(0))
        copied = [int(index.longest(view.moves(sample.events)).max()) for sample in samples]
        nats = likelihood(model, validation).nats_per_event
        print(f"| {order} | {nats:.4f} | {np.median(copied):g} | {max(copied)} |", flush=True)


if __name__ == "__main__":
    main()
