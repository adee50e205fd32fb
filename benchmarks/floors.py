"""Likelihood floors: what the Markov generator gives on the public benchmarks, with the settings chosen on validation.

FOLDER holds the benchmarks as published: poly_mat/JSB_Chorales.mat, Nottingham.mat, MuseData.mat and Piano_midi.mat
(nats per quarter frame, an exactly normalised joint over all 2^88 frames), and jsb_json/Jsb16thSeparated.json (nats per
note on the 16th grid: total nats / (4 x frames), rests and first frame counted). No randomness: there is no seed.

First the independent-note 1-gram must give the published figures; else nothing is measured and the exit code is 1.

    python benchmarks/floors.py --data FOLDER            # the chosen settings, on validation and test
    python benchmarks/floors.py --data FOLDER --choose   # all settings that were tried, on validation alone
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save

from composer.corpora.benchmark import SILENCE, Benchmark, jsb_json, poly_mat
from composer.evaluation.likelihood import likelihood
from composer.generators.factorised import Factorised
from composer.generators.markov import Markov
from composer.inference.sequence import Events, Sequence

MB = 2**20
ONE_GRAM = {"JSB_Chorales": 11.06, "Nottingham": 10.25, "MuseData": 11.51, "Piano_midi": 11.05}
ANCHORS = {
    "JSB_Chorales": "asked 6.05; bigram 6.12, RNN-NADE 5.56, BALSTM 5.05",
    "Nottingham": "asked 2.60; bigram 2.65, RNN-NADE 2.31, BALSTM 1.55",
    "MuseData": "bigram 8.23, RNN-NADE 5.60, BALSTM 3.90",
    "Piano_midi": "bigram 9.56, RNN-NADE 7.05, BALSTM 4.90",
    "chorales, 16ths": "asked 0.64; without position 0.652, GRU 0.390",
}


class Setting(NamedTuple):
    """Transposition of training by up to ``shifts`` semitones, where that is legal, and the model's options.

    Features: ``shift`` is the transposition, ``mod4`` and ``mod16`` the frame's number modulo 4 and 16.
    """

    shifts: int
    order: int
    nearest: int
    features: tuple[str, ...]
    base: str = "uniform"

    def __str__(self) -> str:
        after = f"{', '.join(self.features) or 'nothing'} after {self.nearest}"
        return f"order {self.order}, {after}, ±{self.shifts}, {self.base}"


def both(*setting: object) -> list[Setting]:
    return [Setting(*setting, base) for base in ("unigram", "previous")]  # type: ignore[arg-type]


CHOSEN = {
    "JSB_Chorales": both(12, 6, 2, ("mod4", "shift")),
    "Nottingham": both(0, 12, 2, ("mod16",)),
    "MuseData": both(0, 6, 2, ("mod16",)),
    "Piano_midi": both(12, 4, 2, ("shift",)),
    "chorales, 16ths": [Setting(12, 12, 4, ("mod4",))],
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
            (0, 12, 1, ("mod16",)),
            (0, 12, 2, ("mod16",)),
            (0, 16, 2, ("mod16",)),
            (0, 16, 3, ("mod16",)),
            (2, 12, 2, ("mod16", "shift")),
        )
    ],
    "MuseData": [
        Setting(*setting, "previous")
        for setting in (
            (0, 4, 1, ()),
            (0, 6, 2, ("mod16",)),
            (2, 4, 2, ("shift",)),
            (2, 6, 2, ("mod16", "shift")),
        )
    ],
    "Piano_midi": [
        Setting(*setting, "previous")
        for setting in (
            (0, 4, 1, ()),
            (6, 4, 2, ("shift",)),
            (6, 4, 2, ("mod16", "shift")),
            (12, 4, 2, ("shift",)),
        )
    ],
    "chorales, 16ths": [
        Setting(12, 12, 4, ()),
        Setting(12, 12, 3, ("mod4",)),
        Setting(12, 12, 5, ("mod4",)),
        Setting(12, 12, 8, ("mod4",)),
        Setting(12, 12, 4, ("mod16",)),
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


def known_beforehand(events: Events, shift: int = 0) -> Sequence:
    steps = np.arange(len(events), dtype=np.int32)
    context = {"mod4": steps % 4, "mod16": steps % 16, "shift": np.full(len(steps), shift, np.int32)}
    return Sequence(events, steps, context)


def moved_notes(events: Events, shift: int) -> Events | None:
    """A roll ``shift`` semitones higher; None if a note would fall off the keyboard."""
    moved = np.roll(events, shift, axis=1)
    lost = moved[:, :shift] if shift > 0 else moved[:, shift:] if shift < 0 else moved[:, :0]
    return None if lost.any() else moved


def moved_voices(low: Events, high: Events) -> Callable[[Events, int], Events | None]:
    """Voices ``shift`` semitones higher; None if one would leave the range that it has in training."""

    def moved(events: Events, shift: int) -> Events | None:
        sounding = events != SILENCE
        found = np.where(sounding, events + np.int32(shift), events)
        return found if bool((((low <= found) & (found <= high)) | ~sounding).all()) else None

    return moved


def transposed(
    sequences: list[Sequence], shifts: int, move: Callable[[Events, int], Events | None]
) -> Iterator[Sequence]:
    for sequence in sequences:
        for shift in range(-shifts, shifts + 1):
            events = move(sequence.events, shift)
            if events is not None:
                yield known_beforehand(events, shift)


def measure(data: Path, name: str, setting: Setting, *, test: bool) -> Measured:
    benchmark = loaded(data, name)
    serial = name not in ONE_GRAM
    move = moved_notes
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


def loaded(data: Path, name: str) -> Benchmark:
    if name in ONE_GRAM:
        return poly_mat(data / "poly_mat" / f"{name}.mat")
    return jsb_json(data / "jsb_json" / "Jsb16thSeparated.json")


def one_gram(data: Path, name: str) -> float:
    """Independent notes, by the same evaluator: nats per frame of test, all frames pooled."""
    benchmark = loaded(data, name)
    notes = Factorised.count_up([sequence.events for sequence in benchmark.train], previous=False)
    return likelihood(notes, benchmark.test).nats_per_event


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as alone:  # for the peaks

        def row(work: Callable[..., Any], *arguments: object, **more: object) -> Any:
            return alone.submit(work, options.data, *arguments, **more).result()

        print("| set | independent-note 1-gram, test nats per frame | published |\n|---|---|---|")
        for name, published in ONE_GRAM.items():
            found = row(one_gram, name)
            print(f"| {name} | {found:.4f} | {published} |", flush=True)
            if round(found, 2) != published:
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


if __name__ == "__main__":
    main()
