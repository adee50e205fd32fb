"""What the maximum-entropy chorale model expects against what Bach writes: the moments that training matches.

Chains begin at random on the frames of the training chorales (meter, key, fermatas) and sweep; nothing is given, and no
range of a choir holds. Then: the correlation of how often chains and chorales choose each parameter, by kind of table,
and of how often each pair of cells has each pair of values, on 16ths in normal key. Seed 0.

    python benchmarks/moments.py --model chorales-maxent --sweeps 20 50 100 --plot moments.png
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from composer import Composer, corpora
from composer.evaluation.chords import SILENT, pair_counts, pair_kinds
from composer.evaluation.chords import moments as paired
from composer.generators.gibbs import Chains
from composer.generators.maxent import Maxent
from composer.generators.potentials import State
from composer.generators.pseudolikelihood import Grid
from composer.generators.refine import laid_out

BATCHES = 4
PAIRS = pair_kinds(4, (1, 4))


def chain_on(model: Maxent, grid: Grid, seed: int) -> Chains:
    lattices = model._open(grid.steps)
    chain = Chains(model.family_, lattices, lattices[0].constraints, 1, np.random.default_rng(seed))
    chain.tune(model.theta_.astype(np.float64), grid.labels)
    chain.start()
    return chain


def pitches(model: Maxent, state: State) -> np.ndarray:
    """(T, V) what sounds, as :func:`composer.evaluation.chords.sixteenths` writes it."""
    columns = [a[state.sounds[0, :, v]] for v, a in enumerate(model.family_.alphabets)]
    values = np.stack(columns, axis=1)
    return np.where(values == model.silence, SILENT, values - 12)


def counts(model: Maxent, grids: list[Grid], states: list[State]) -> np.ndarray:
    """How often each parameter is chosen in states on the frames of grids."""
    pairs = zip(grids, states, strict=True)
    return np.sum([model.family_.counts(state, *grid.labels) for grid, state in pairs], axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="chorales-maxent")
    parser.add_argument("--sweeps", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    composer = Composer.load(options.model)
    model = composer.generator
    assert isinstance(model, Maxent)
    grids = [model._grid(composer.encoding.encode(score)) for score in corpora.load("chorales").train]
    batches = [laid_out(grids[number::BATCHES]) for number in range(BATCHES)]
    chains = [chain_on(model, batch, seed) for seed, batch in enumerate(batches)]
    kinds = defaultdict(list)
    for name, places in model.family_.places.items():
        kinds[str(name[0])].append(places.ravel())
    wanted = counts(model, batches, [batch.state for batch in batches])
    heard = pair_counts([pitches(model, batch.state) for batch in batches], PAIRS)
    print(f"| sweeps | {' | '.join(kinds)} | pairs of cells: all | horizontal | vertical | diagonal |")
    print("|---" * (len(kinds) + 5) + "|")
    done = 0
    for sweeps in options.sweeps:
        for chain in chains:
            for _ in range(sweeps - done):
                chain.sweep()
        done = sweeps
        drawn = counts(model, batches, [chain.state for chain in chains])
        own = [
            np.corrcoef(*(side[np.concatenate(places)] for side in (wanted, drawn)))[0, 1] for places in kinds.values()
        ]
        found = pair_counts([pitches(model, chain.state) for chain in chains], PAIRS)
        kept = {"": PAIRS} | {
            kind: [p for p in PAIRS if p.kind == kind] for kind in ("horizontal", "vertical", "diagonal")
        }
        cells = [paired({p: heard[p] for p in pairs}, found).correlation for pairs in kept.values()]
        print(f"| {sweeps} | {' | '.join(f'{value:.4f}' for value in (*own, *cells))} |", flush=True)
    if options.plot:
        plot(options.plot, wanted, drawn, {kind: np.concatenate(places) for kind, places in kinds.items()})


def plot(path: Path, wanted: np.ndarray, drawn: np.ndarray, kinds: dict[str, np.ndarray]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7))
    axes = figure.subplots()
    for kind, places in kinds.items():
        axes.scatter(wanted[places] + 0.5, drawn[places] + 0.5, s=3, alpha=0.3, label=kind)
    axes.set(
        xscale="log", yscale="log", xlabel="times in the training chorales + 1/2", ylabel="times in the chains + 1/2"
    )
    axes.axline((1, 1), slope=1, color="black", linewidth=0.5)
    axes.legend(markerscale=4)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
