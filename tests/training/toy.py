"""A small net over frames of bits, and what it learns from; run as a program, it trains in a process of its own."""

import sys
from pathlib import Path

import numpy as np

WIDTH = 5


def sequences(count=12, seed=3):
    """Bits that mostly follow from the bits before."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rows = [rng.random(WIDTH) < 0.5]
        for _ in range(int(rng.integers(3, 60))):
            rows.append(np.roll(rows[-1], 1) ^ (rng.random(WIDTH) < 0.1))
        found.append({"frame": np.array(rows, dtype=np.uint8)})
    return found


def net(dropout=0.0, hidden=8):
    import torch
    from torch import nn
    from torch.nn import functional

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.time = nn.GRU(WIDTH, hidden, batch_first=True)
            self.drop = nn.Dropout(dropout)
            self.top = nn.Linear(hidden, WIDTH)

        def nats(self, batch):
            frames = batch["frame"].float()
            before = functional.pad(frames[:, :-1], (0, 0, 1, 0))
            logits = self.top(self.drop(self.time(before)[0]))
            each = functional.binary_cross_entropy_with_logits(logits, frames, reduction="none").sum(-1)
            return each * batch["mask"]

    torch.manual_seed(0)
    return Net()


def windows(course, data=None):
    from composer.training import Windows

    return Windows.of(data or sequences(), length=course.window, batch=course.batch, seed=course.seed)


def validation(learner):
    import torch

    held_out = sequences(4, seed=4)

    def measure():
        pieces = [
            {"frame": torch.from_numpy(s["frame"])[None], "mask": torch.ones(1, len(s["frame"]))} for s in held_out
        ]
        return sum(float(learner.nats(piece).sum()) for piece in pieces) / sum(len(s["frame"]) for s in held_out)

    return measure


def run(course, folder=None, dropout=0.3, **options):
    """The trained net, and how it went."""
    from composer.training import Run, train

    learner = net(dropout)
    options.setdefault("device", "cpu")
    return learner, train(learner, windows(course), validation(learner), course, Run(folder=folder, **options))


COURSE = {"steps": 60, "batch": 4, "window": 16, "rate": 0.02, "every": 10, "average": 0.9, "seed": 5}

if __name__ == "__main__":  # a folder, and seconds to sleep at each report
    import time

    import torch

    from composer.training import Course

    torch.set_num_threads(1)
    run(
        Course(**COURSE),
        Path(sys.argv[1]),
        report=lambda status: (print(status.step, flush=True), time.sleep(float(sys.argv[2]))),
    )
