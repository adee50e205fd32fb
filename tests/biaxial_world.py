"""Biaxial generators at random weights, in worlds so small that every sequence is enumerated."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import torch

from composer.generators.biaxial import Biaxial
from composer.generators.entries import Entries
from composer.generators.frames import Frames
from composer.generators.potentials import Labels
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Between, Sequence

HOLD, LOWEST = 9, 3
SMALL = dict.fromkeys(("hidden", "width"), 8) | dict.fromkeys(("layers", "depth"), 1) | {"reach": 3, "below": 3}

LINES = Frames(LOWEST, 3, 2, hold=HOLD)
LINE = Frames(LOWEST, 4, 1, hold=HOLD)
CELLS = Frames(LOWEST, 3, 2)
ROLL = Frames(0, 3, roll=True, hold=1)
BITS = Frames(0, 4, roll=True)
WORLDS = {"lines": (LINES, 2), "a line": (LINE, 3), "cells": (CELLS, 2), "a roll": (ROLL, 2), "bits": (BITS, 2)}
each_world = pytest.mark.parametrize("name", WORLDS)


def context(steps: int) -> dict[str, np.ndarray]:
    return {"a": np.arange(steps, dtype=np.int32) % 2}


def model(frames: Frames, seed: int = 0, scale: float = 0.5, **options: object) -> Biaxial:
    """Of weights so large as ``scale``."""
    made = Biaxial(roll=frames.roll, hold=frames.hold, features=("a",), **SMALL | options)  # type: ignore[arg-type]
    made.frames_, made.labels_, made.trained_ = frames, {"a": Labels.seen("a", [context(2)])}, None
    made.net_ = made._built().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in made.net_.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator) * scale)
    return made


def sequence(events: Iterable[Iterable[int]]) -> Sequence:
    rows = np.array(list(events), dtype=np.int32)
    return Sequence(rows, np.arange(len(rows), dtype=np.int32), context(len(rows)))


def symbols(frames: Frames) -> list[int]:
    if frames.roll:
        return list(range(3 if frames.articulated else 2))
    return [0, *range(LOWEST, LOWEST + frames.pitches), *([HOLD] if frames.articulated else [])]


def everything(frames: Frames, steps: int) -> Iterator[Sequence]:
    columns = itertools.product(symbols(frames), repeat=frames.width)
    return (sequence(chosen) for chosen in itertools.product(list(columns), repeat=steps))


def masks(frames: Frames, steps: int, **said: object) -> ColumnMasks:
    return ColumnMasks(np.ones((steps, frames.width, HOLD + 1), dtype=bool), context(steps), **said)  # type: ignore[arg-type]


def nats_of(made: Biaxial, every: list[Sequence], temperature: float = 1.0) -> np.ndarray:
    """(N,) of sequences of one length, inside the range or not."""
    if temperature != 1 and not made.frames_.roll:
        return np.array([tempered(made, each, temperature) for each in every])
    arrays = [made._arrays(each) for each in every]
    before, labels, begins, frames = (
        torch.from_numpy(np.stack([each[name] for each in arrays])) for name in ("before", "labels", "begins", "frames")
    )
    with torch.inference_mode():
        logits = made.net_.logits(made.net_.listen(before, labels, begins, None)[0], before, frames).double().numpy()
    entries = Entries(made.frames_, temperature, made.conservativity)
    steps = range(frames.shape[1])
    return np.sum([entries.log_prob(logits[:, t], before[:, t].numpy(), frames[:, t].numpy()) for t in steps], axis=0)


def tempered(made: Biaxial, music: Sequence, temperature: float) -> float:
    """The nats of lines, written out: which entry sounds next, or none, and whether it is struck, one after another."""
    arrays = {name: torch.from_numpy(array) for name, array in made._arrays(music).items()}
    with torch.inference_mode():
        tops = made.net_.listen(arrays["before"][None], arrays["labels"][None], arrays["begins"][None], None)[0][0]
    nats, (pitches, lines) = 0.0, made.frames_.shape
    for top, before, frame in zip(tops, arrays["before"], arrays["frames"], strict=True):
        now, last, going = torch.zeros_like(frame), -1, True
        while going:
            with torch.inference_mode():
                logits = made.net_.logits(top[None], before[None], now[None])[0].double()
            weights, silent = {}, 1.0
            for entry in range(last + 1, pitches * lines):
                place = divmod(entry, lines)
                if not now[:, place[1]].any():
                    sounds = float(torch.sigmoid(logits[place][0])) ** made.conservativity
                    weights[place], silent = silent * sounds, silent * (1 - sounds)
            weights[None] = silent
            chosen = next((place for place in weights if place is not None and frame[place]), None)
            shares = {place: weight ** (1 / temperature) for place, weight in weights.items()}
            nats += float(np.log(shares[chosen] / sum(shares.values())))
            going = chosen is not None
            if chosen is not None:
                now[chosen], last = frame[chosen], chosen[0] * lines + chosen[1]
                if made.frames_.articulated and before[chosen]:
                    struck = logits[chosen][1] / temperature * (1 if frame[chosen] == 2 else -1)
                    nats += float(torch.nn.functional.logsigmoid(struck))
                going = len(weights) > 1
    return nats


def everywhere(made: Biaxial, steps: int, temperature: float = 1.0) -> tuple[list[Sequence], np.ndarray]:
    """Every sequence that can be, and its nats."""
    every = [each for each in everything(made.frames_, steps) if made.frames_.of(each.events)[1].all()]
    return every, nats_of(made, every, temperature)


def apart(upper: int, lower: int, least: int, steps: int) -> Between:
    """The upper line lies so far above the lower, where both sound, and it moves by so much at the most."""

    def breaks(step: int, a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
        if upper == lower:
            return (a != 0) & (c != 0) & (np.abs(c - a) > least) & (step > 0)
        return (c != 0) & (d != 0) & (c - d < least)

    return Between(upper, lower, breaks, np.zeros(steps, dtype=np.int64), HOLD)


def keeps(rules: Iterable[Between], events: np.ndarray) -> bool:
    sounds = np.zeros_like(events)
    for t, row in enumerate(events):
        sounds[t] = np.where(row == HOLD, sounds[t - 1], row)
    before = np.concatenate([sounds[:1], sounds[:-1]])
    return not any(
        rule.breaks(t, *before[t, [rule.upper, rule.lower]], *sounds[t, [rule.upper, rule.lower]])
        for rule in rules
        for t in range(len(events))
    )


def inside(constraints: ColumnMasks, every: list[Sequence]) -> tuple[np.ndarray, np.ndarray]:
    """(N,) which sequences are allowed, and what preferences add to their nats; but for machines."""
    kept = [
        all(constraints.allows(t, each.events[[t]]).all() for t in range(len(each)))
        and keeps(constraints.between, each.events)
        for each in every
    ]
    if constraints.costs is None:
        return np.array(kept), np.zeros(len(every))
    return np.array(kept), np.array(
        [sum(constraints.nats(t, each.events[[t]], None)[0] for t in range(len(each))) for each in every]  # type: ignore[index]
    )
