"""Likelihood floors: what the Markov generator gives on the public benchmarks, with the settings chosen on validation.

FOLDER holds the benchmarks as published: poly_mat/JSB_Chorales.mat, Nottingham.mat, MuseData.mat and Piano_midi.mat
(nats per quarter frame, an exactly normalised joint over all 2^88 frames), and jsb_json/Jsb16thSeparated.json (nats per
note on the 16th grid: total nats / (4 x frames), rests and first frame counted). No randomness: there is no seed.
At the end exact conditioning over whole frames: 64 of them, one of them pinned that training never showed (seed 0).

First the independent-note 1-gram must give the published figures; else nothing is measured and the exit code is 1.

    python benchmarks/floors.py --data FOLDER            # the chosen settings, on validation and test
    python benchmarks/floors.py --data FOLDER --choose   # all settings that were tried, on validation alone
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save

from composer.corpora.benchmark import SILENCE, Benchmark, jsb_json, poly_mat
from composer.evaluation.benchmark import (
    MARKOV,
    PUBLISHED,
    Setting,
    known_beforehand,
    on_keyboard,
    one_gram,
    transposed,
)
from composer.evaluation.likelihood import likelihood
from composer.generators.markov import Markov
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Events

MB = 2**20
CHORALES = "chorales, 16ths"
ANCHORS = {
    "JSB_Chorales": "asked 6.05; bigram 6.12, RNN-NADE 5.56, BALSTM 5.05",
    "Nottingham": "asked 2.60; bigram 2.65, RNN-NADE 2.31, BALSTM 1.55",
    "MuseData": "bigram 8.23, RNN-NADE 5.60, BALSTM 3.90",
    "Piano_midi": "bigram 9.56, RNN-NADE 7.05, BALSTM 4.90",
    CHORALES: "asked 0.64; without position 0.652, GRU 0.390",
}
CHOSEN = {name: [setting._replace(base="unigram"), setting] for name, setting in MARKOV.items()} | {
    CHORALES: [Setting(12, 12, 4, ("mod4",))]
}
TRIED = {
    "JSB_Chorales": [
        Setting(*setting, "previous")
        for setting in (
            (0, 2, 1, ()),
            (0, 6, 2, ()),
            (6, 6, 2, ()),
            (6, 6, 0, ("shift",)),
            (6, 6, 1, ("shift",)),
            (6, 6, 2, ("shift",)),
            (6, 6, 2, ("mod4", "shift")),
            (12, 4, 2, ("shift",)),
            (12, 6, 2, ("mod4", "shift")),
            (24, 6, 2, ("mod4", "shift")),
        )
    ],
    "Nottingham": [
        Setting(*setting, "previous")
        for setting in (
            (0, 2, 1, ()),
            (0, 3, 1, ()),
            (0, 6, 1, ()),
            (0, 12, 2, ("mod4",)),
            (0, 12, 1, ("phase",)),
            (0, 12, 2, ("phase",)),
            (0, 16, 2, ("phase",)),
            (0, 16, 3, ("phase",)),
            (2, 12, 2, ("phase", "shift")),
        )
    ],
    "MuseData": [
        Setting(*setting, "previous")
        for setting in (
            (0, 4, 1, ()),
            (0, 6, 2, ("phase",)),
            (2, 4, 2, ("shift",)),
            (2, 6, 2, ("phase", "shift")),
        )
    ],
    "Piano_midi": [
        Setting(*setting, "previous")
        for setting in (
            (0, 4, 1, ()),
            (6, 4, 2, ("shift",)),
            (6, 4, 2, ("phase", "shift")),
            (12, 4, 2, ("shift",)),
        )
    ],
    CHORALES: [
        Setting(12, 12, 4, ()),
        Setting(12, 12, 3, ("mod4",)),
        Setting(12, 12, 5, ("mod4",)),
        Setting(12, 12, 8, ("mod4",)),
        Setting(12, 12, 4, ("phase",)),
        Setting(12, 12, 4, ("mod4",)),
        Setting(12, 16, 4, ("mod4",)),
    ],
}


class Measured(NamedTuple):
    validation: float
    test: float
    fit_seconds: float
    frames_per_second: float  # scored, one sequence after another
    file_mb: float
    memory_mb: float
    peak_mb: float


def moved_voices(low: Events, high: Events) -> Callable[[Events, int], Events | None]:
    """Voices ``shift`` semitones higher; None if one would leave the range that it has in training."""

    def moved(events: Events, shift: int) -> Events | None:
        sounding = events != SILENCE
        found = np.where(sounding, events + np.int32(shift), events)
        return found if bool((((low <= found) & (found <= high)) | ~sounding).all()) else None

    return moved


def measure(data: Path, name: str, setting: Setting, *, test: bool) -> Measured:
    benchmark = loaded(data, name)
    serial = name == CHORALES
    move = on_keyboard
    if serial:
        events = np.concatenate([sequence.events for sequence in benchmark.train])
        low = np.where(events == SILENCE, 127, events).min(axis=0)
        move = moved_voices(low, events.max(axis=0))
    started = time.perf_counter()
    train = list(transposed(benchmark.train, setting.shifts, move))
    model = Markov(setting.order, setting.features, serial, setting.nearest, setting.base).fit(train)
    fitted = time.perf_counter()
    splits = [benchmark.validation, benchmark.test] if test else [benchmark.validation]
    nats = []
    for split in splits:
        found = likelihood(model, [known_beforehand(sequence.events) for sequence in split])
        assert not found.unknown, f"{found.unknown} events of {name} have no probability"
        nats.append(found.nats_per_event / (benchmark.train[0].events.shape[1] if serial else 1))
    scored = sum(len(sequence) for split in splits for sequence in split) / (time.perf_counter() - fitted)
    arrays = [*model.alphabets_, *(a for a in vars(model.trie_).values() if isinstance(a, np.ndarray))]
    return Measured(
        nats[0],
        nats[1] if test else float("nan"),
        fitted - started,
        scored,
        len(save(model.arrays()[0])) / MB,
        sum(array.nbytes for array in arrays) / MB,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


class Composed(NamedTuple):
    known: int
    preparation_seconds: float
    each_ms: float
    messages_mb: float


def compose(data: Path, name: str, setting: Setting) -> Composed:
    """Samples of 64 frames: no note above index 75, and frame 32 an unknown cluster."""
    train = list(transposed(loaded(data, name).train, setting.shifts))
    model = Markov(setting.order, setting.features, False, setting.nearest, setting.base).fit(train)
    frames = np.zeros((64, 88), dtype=np.int32)
    frames[:, [30, 31, 32, 50]] = 1
    allowed = np.ones((64, 88, 2), dtype=bool)
    allowed[:, 76:, 1] = False
    allowed[32] = frames[32, :, None] == [0, 1]
    constraints = ColumnMasks(allowed, known_beforehand(frames).context)
    started = time.perf_counter()
    belief = model.belief(constraints)
    prepared = time.perf_counter()
    samples, rng = 50, np.random.default_rng(0)
    first = model.sample(constraints, rng=rng)
    single = time.perf_counter()
    drawn = model.sample(constraints, n=1 + samples, rng=rng)
    each = (time.perf_counter() - single - (single - prepared)) / samples
    assert all((sample.events[32] == frames[32]).all() for sample in first + drawn)
    return Composed(len(model.alphabets_[0]), prepared - started, 1000 * each, belief.megabytes)


def loaded(data: Path, name: str) -> Benchmark:
    if name != CHORALES:
        return poly_mat(data / "poly_mat" / f"{name}.mat")
    return jsb_json(data / "jsb_json" / "Jsb16thSeparated.json")


def independent(data: Path, name: str) -> float:
    return one_gram(loaded(data, name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as alone:  # for the peaks

        def row(work: Callable[..., Any], *arguments: object, **more: object) -> Any:
            return alone.submit(work, options.data, *arguments, **more).result()

        print("| set | independent-note 1-gram, test nats per frame | published |\n|---|---|---|")
        for name, published in PUBLISHED.items():
            found = row(independent, name)
            print(f"| {name} | {-found:.4f} | {-published.one_gram} |", flush=True)
            if round(found, 2) != published.one_gram:
                sys.exit("the 1-gram row is not the published one: the evaluator is wrong")
        print(
            "\n| set | setting | validation | test | beside it | fit s | frames/s | file MB | in memory MB | peak MB |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        for name, settings in (TRIED if options.choose else CHOSEN).items():
            for setting in settings:
                m = row(measure, name, setting, test=not options.choose)
                nats = f"{m.validation:.4f} | {m.test:.4f} | {ANCHORS[name]}"
                size = f"{m.file_mb:.1f} | {m.memory_mb:.0f} | {m.peak_mb:.0f}"
                print(f"| {name} | {setting} | {nats} | {m.fit_seconds:.1f} | {m.frames_per_second:,.0f} | {size} |")
                sys.stdout.flush()
        if options.choose:
            return
        print("\n| set | known frames | preparation s | each 64 frames, ms | messages MB |\n|---|---|---|---|---|")
        for name in ("JSB_Chorales", "Nottingham"):
            c = row(compose, name, CHOSEN[name][0])
            print(f"| {name} | {c.known:,} | {c.preparation_seconds:.2f} | {c.each_ms:.1f} | {c.messages_mb:.0f} |")


if __name__ == "__main__":
    main()
