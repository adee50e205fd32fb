"""The benchmark of Boulanger-Lewandowski, Bengio and Vincent (ICML 2012): four sets of piano rolls on quarter frames.

A figure is a test log-likelihood: nats a frame, of the exact joint over its 88 notes, the mean over all test frames
pooled. (The mean of the pieces' means is another figure.) Nothing is measured on data that are not the published ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from composer.corpora.benchmark import NOTES, PHASES, Benchmark, poly_mat
from composer.errors import ComposerError, ReadError
from composer.evaluation.likelihood import likelihood
from composer.generators.base import Exact, Progress
from composer.generators.factorised import Factorised
from composer.generators.markov import Markov
from composer.inference.sequence import Events, Sequence
from composer.pipeline import BENCHMARK, Composer

WHOLE_TONE = 2  # every published piece has the tonic C
IN_D = ", in D"
NEURAL = ("biaxial",)  # reported as missing where there is no model


class Published(NamedTuple):
    """What tells a set: the figure of independent notes, as published, and frames of train, validation and test."""

    one_gram: float
    frames: tuple[int, int, int]


PUBLISHED = {
    "JSB_Chorales": Published(-11.06, (13_807, 4_602, 4_725)),
    "Nottingham": Published(-10.25, (176_561, 45_513, 44_463)),
    "MuseData": Published(-11.51, (245_202, 82_755, 64_339)),
    "Piano_midi": Published(-11.05, (75_911, 8_540, 19_036)),
}


class Setting(NamedTuple):
    """Transposition of training by up to ``shifts`` semitones, where that is legal, and the Markov model's options.

    Features: ``shift`` is the transposition, ``mod4`` and ``phase`` the frame's number modulo 4 and 16.
    """

    shifts: int
    order: int
    nearest: int
    features: tuple[str, ...]
    base: str = "uniform"

    def __str__(self) -> str:
        after = f"{', '.join(self.features) or 'nothing'} after {self.nearest}"
        return f"order {self.order}, {after}, ±{self.shifts}, {self.base}"


MARKOV = {  # chosen on validation by benchmarks/floors.py
    "JSB_Chorales": Setting(12, 6, 2, ("mod4", "shift"), "previous"),
    "Nottingham": Setting(0, 12, 2, ("phase",), "previous"),
    "MuseData": Setting(0, 6, 2, ("phase",), "previous"),
    "Piano_midi": Setting(12, 4, 2, ("shift",), "previous"),
}

Table = dict[str, dict[str, float | None]]  # by generator and data set; None is explained in a note


class Evaluated(NamedTuple):
    """Test log-likelihoods, and in words how they came about and what is missing."""

    table: Table
    notes: list[str]


def read_set(path: Path, name: str) -> Benchmark:
    """The data set ``name``; raises :class:`ReadError` if the file is damaged, or not the published one."""
    found, published = poly_mat(path), PUBLISHED[name]
    frames = tuple(sum(map(len, split)) for split in found)
    if frames != published.frames:
        raise ReadError(f"{path}: is not {name} as published: it has {frames} frames, and that {published.frames}")
    figure = one_gram(found)
    if round(figure, 2) != published.one_gram:
        raise ReadError(
            f"{path}: is not {name} as published: independent notes give {figure:.2f} nats a frame, "
            f"and there {published.one_gram:.2f}; nothing is measured"
        )
    return found


def one_gram(benchmark: Benchmark) -> float:
    """The test log-likelihood of independent notes, counted in train."""
    notes = Factorised.count_up([sequence.events for sequence in benchmark.train], previous=False)
    return -likelihood(notes, benchmark.test).nats_per_event


def known_beforehand(events: Events, shift: int = 0) -> Sequence:
    """Frames with the context that a Markov model may read: ``phase``, ``mod4`` and ``shift``."""
    steps = np.arange(len(events), dtype=np.int32)
    context = {"phase": steps % PHASES, "mod4": steps % 4, "shift": np.full(len(steps), shift, np.int32)}
    return Sequence(events, steps, context)


def moved_notes(events: Events, shift: int) -> tuple[Events, int]:
    """A roll ``shift`` semitones higher, and how many notes fall off the keyboard."""
    moved = np.roll(events, shift, axis=1)
    lost = moved[:, :shift] if shift > 0 else moved[:, shift:] if shift < 0 else moved[:, :0]
    count = int(lost.sum())
    lost[:] = 0
    return moved, count


def on_keyboard(events: Events, shift: int) -> Events | None:
    """A roll ``shift`` semitones higher; None if a note would fall off the keyboard."""
    moved, lost = moved_notes(events, shift)
    return None if lost else moved


def transposed(
    sequences: list[Sequence], shifts: int, move: Callable[[Events, int], Events | None] = on_keyboard
) -> Iterator[Sequence]:
    """Every sequence in all transpositions by up to ``shifts`` semitones that ``move`` allows."""
    for sequence in sequences:
        for shift in range(-shifts, shifts + 1):
            events = move(sequence.events, shift)
            if events is not None:
                yield known_beforehand(events, shift)


def in_d(test: list[Sequence]) -> tuple[list[Sequence], int]:
    """Test pieces moved to D, after Johnson (2017), and how many notes that takes off the keyboard.

    The sets are published with the tonic C, major or minor, so each piece goes up a whole tone: what a model learned in
    C it must know in D. Nothing tells the model of it.
    """
    moved = [moved_notes(sequence.events, WHOLE_TONE) for sequence in test]
    pieces = [replace(sequence, events=events) for sequence, (events, _) in zip(test, moved, strict=True)]
    return pieces, sum(lost for _, lost in moved)


def benchmark_models(folders: Iterable[Path]) -> dict[tuple[str, str], Composer]:
    """The models of these folders, by label and data set; raises :class:`ReadError` for what is not one.

    A label is the generator's name; with the file's name, for further models of a generator.
    """
    found: dict[tuple[str, str], Composer] = {}
    for path in sorted(path for folder in folders for path in folder.glob("*.safetensors")):
        model = Composer.load(path)
        dataset = model.info.get("dataset")
        if model.info.get("use") != BENCHMARK or not isinstance(dataset, str) or dataset not in PUBLISHED:
            raise ReadError(f"{path}: is no model of a benchmark: it names none of the sets {', '.join(PUBLISHED)}")
        if model.generator.width_ != NOTES or not isinstance(model.generator, Exact):
            raise ReadError(f"{path}: has no exact likelihood of frames of {NOTES} notes")
        name = model.generator.name
        taken = name == Markov.name or (name, dataset) in found
        found[f"{name} ({path.stem})" if taken else name, dataset] = model
    return found


def evaluate(
    data: Mapping[str, Benchmark], models: Mapping[tuple[str, str], Composer], progress: Progress
) -> Evaluated:
    """Measure the Markov generator, fitted here, and the models, on test as it is and moved to D."""
    table: Table = {"1-gram": {name: one_gram(benchmark) for name, benchmark in data.items()}}
    notes: list[str] = []
    labels = [Markov.name, *NEURAL, *(label for label, _ in models)]
    for label in labels:
        table |= {label: dict.fromkeys(data), label + IN_D: dict.fromkeys(data)}
    done, total = 0, sum(1 + 2 * (1 + sum(dataset == name for _, dataset in models)) for name in data)

    def step(share: float = 1.0) -> None:
        progress((done + share) / total)

    for name, benchmark in data.items():
        setting = MARKOV[name]
        markov = fitted(setting, benchmark)
        notes.append(f"{Markov.name}, {name}: fitted just now ({setting}; chosen on validation)")
        step()
        done += 1
        generators: dict[str, Exact] = {Markov.name: markov}
        generators |= {label: model.generator for (label, dataset), model in models.items() if dataset == name}  # type: ignore[misc]
        notes += [f"{label}, {name}: missing, there is no model" for label in NEURAL if label not in generators]
        moved, lost = in_d(benchmark.test)
        if lost:
            notes.append(f"{name}{IN_D}: {lost} notes of test fall off the keyboard, and are left out")
        for label, generator in generators.items():
            for row, test in ((label, benchmark.test), (label + IN_D, moved)):
                try:
                    table[row][name], unknown = _measured(generator, test, step)
                except ComposerError as error:
                    raise ReadError(f"{row}, {name}: cannot be measured: {error}") from None
                done += 1
                if unknown:
                    notes.append(f"{row}, {name}: {unknown} frames of test have no probability")
    return Evaluated(table, notes)


def fitted(setting: Setting, benchmark: Benchmark) -> Markov:
    model = Markov(setting.order, setting.features, nearest=setting.nearest, base=setting.base)
    return model.fit(list(transposed(benchmark.train, setting.shifts)))


def _measured(generator: Exact, test: list[Sequence], step: Progress) -> tuple[float | None, int]:
    """The log-likelihood, and how many frames have no probability: if any, there is no figure."""

    def told() -> Iterator[Sequence]:
        for number, sequence in enumerate(test):
            step(number / len(test))
            yield known_beforehand(sequence.events)

    found = likelihood(generator, told())
    return (None if found.unknown else -found.nats_per_event), found.unknown
