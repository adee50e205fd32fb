"""A small net over frames of bits, and what it learns from; run as a program, it trains in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from composer.generators.markov import Markov
from composer.training import Course, Run, Trained, Windows, train

WIDTH = 5
COURSE = Course(steps=60, batch=4, window=16, rate=0.02, every=10, average=0.9, seed=5)


class Net(nn.Module):
    def __init__(self, dropout: float = 0.3, hidden: int = 8) -> None:
        super().__init__()
        self.time = nn.GRU(WIDTH, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.top = nn.Linear(hidden, WIDTH)
        self.full = nn.Parameter(torch.zeros(WIDTH))  # for windows without a gap, which some batches have not

    def nats(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        frames = batch["frame"].float()
        before = functional.pad(frames[:, :-1], (0, 0, 1, 0))
        logits = self.top(self.dropout(self.time(before)[0]))
        whole = batch["mask"].all(dim=1)
        if bool(whole.any()):
            logits = logits + whole[:, None, None] * self.full
        each = functional.binary_cross_entropy_with_logits(logits, frames, reduction="none")
        return each.sum(-1) * batch["mask"]


def net(**options: Any) -> Net:
    torch.manual_seed(0)
    return Net(**options)


def sequences(count: int = 12, seed: int = 3) -> list[dict[str, np.ndarray]]:
    """Bits that mostly follow from the bits before, in sequences of 1 to 60 steps."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rows = [rng.random(WIDTH) < 0.5]
        for _ in range(int(rng.integers(0, 60))):
            rows.append(np.roll(rows[-1], 1) ^ (rng.random(WIDTH) < 0.1))
        found.append({"frame": np.array(rows, dtype=np.uint8)})
    return found


def windows(course: Course) -> Windows:
    return Windows.of(sequences(), length=course.window, batch=course.batch, seed=course.seed)


def validation(learner: Net) -> Callable[[], float]:
    whole = Windows.of(sequences(4, seed=4), length=64, batch=4, seed=0)
    batch = {name: torch.from_numpy(array) for name, array in whole.at(0).items()}
    return lambda: float(learner.nats(batch).sum().detach()) / int(batch["mask"].sum())


def run(course: Course, learner: Net | None = None, **options: Any) -> tuple[Net, Trained]:
    """The trained net, and how it went."""
    learner = learner or net()
    settings = {"device": "cpu", **options}
    return learner, train(learner, windows(course), validation(learner), course, Run(**settings))


class Toy(Markov):
    """A generator that is trained by gradient, as far as anybody can see."""

    name = "toy"
    trained_: Trained | None = None

    @property
    def course(self) -> Course:
        return COURSE

    def fit(self, sequences: Any, *, validation: Any = None, progress: Any = None, run: Run | None = None) -> Toy:
        learner = net()
        self.trained_ = train(learner, windows(COURSE), globals()["validation"](learner), COURSE, run)
        super().fit(sequences, validation=validation, progress=progress)
        return self


if __name__ == "__main__":  # JSON: a folder, seconds to sleep at each report, what is different in course and net
    asked = json.loads(sys.argv[1])
    torch.set_num_threads(1)

    def report(status: Any) -> None:
        if status.validated:
            print(status.step, flush=True)
            time.sleep(asked.get("sleep", 0))

    course = Course(**{**vars(COURSE), **asked.get("course", {})})
    run(course, net(**asked.get("net", {})), folder=Path(asked["folder"]), report=report)
    if "threads" in asked:  # of this process, by their names
        print(*(path.read_text() for path in Path("/proc/self/task").glob("*/comm")), flush=True)
