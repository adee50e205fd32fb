"""What a training is asked to do, what it says while it runs, and what it hands back."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from composer.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

WARM_UP = 0.1  # of the steps
MOST = {"steps": 10**9, "batch": 2**16, "window": 2**16, "every": 10**9, "patience": 10**9, "seed": 2**63 - 1}


@dataclass(frozen=True)
class Course:
    """How a net is trained: hyperparameters, saved with the model. A bad value raises :class:`UsageError`."""

    steps: int = 3000
    batch: int = 16  # windows a step, of all processes together
    window: int = 96  # steps of time in a window
    rate: float = 3e-3  # the highest: a linear warm-up of a tenth of the steps, then a cosine down to 0
    weight_decay: float = 1e-4
    clip: float = 1.0  # the longest gradient
    every: int = 250  # steps between validations
    patience: int = 0  # validations without a better one before it stops; 0: it never does
    average: float = 0.0  # decay of a moving average of the weights, which is what is validated and kept; 0: none
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 1 if field.name in ("steps", "batch", "window", "every") else 0
            most = MOST.get(field.name, math.inf)
            if not (least <= value <= most and value < math.inf):
                upper = f" to {most:,}" if most < math.inf else " or more"
                raise UsageError(f"{field.name}={value}: a course takes {least}{upper}")
        if not (self.rate > 0 and self.clip > 0 and self.average < 1):
            raise UsageError(f"{self}: a course takes a rate and a clip above 0, and an average below 1")

    def rate_at(self, step: int) -> float:
        """The rate of the update that makes ``step`` of ``steps``, from 1 on."""
        warm = max(1, round(WARM_UP * self.steps))
        if step <= warm:
            return self.rate * step / warm
        return self.rate * (1 + math.cos(math.pi * (step - warm) / max(1, self.steps - warm))) / 2


class Status(NamedTuple):
    """Where a training is. Losses are nats a step of time, lower is better; not a number where not yet known."""

    step: int
    steps: int
    loss: float  # of the last steps
    validation: float
    best: float
    windows_per_second: float
    frames_per_second: float
    seconds_left: float
    validated: bool  # just now


@dataclass(frozen=True)
class Run:
    """What is of one run alone, and not saved with the model.

    In ``folder`` are checkpoints; a training that was broken off goes on from there, to the same numbers. ``device`` is
    auto, cpu, cuda, cuda:1, mps ...; ``precision`` is auto, float32 or bfloat16.
    """

    folder: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    tensorboard: bool = False
    report: Callable[[Status], None] | None = None


class Row(NamedTuple):
    """A point of the learning curve. Losses are nats a step of time: since the last row, and of the validation."""

    step: int
    loss: float
    validation: float
    rate: float
    seconds: float


class Trained(NamedTuple):
    """How a training went. ``seconds`` are of all its runs together; frames are steps of time that were learned from;
    ``machine`` says what it ran on.
    """

    curve: tuple[Row, ...]
    best_step: int
    best_validation: float
    seconds: float
    frames_per_second: float
    machine: Mapping[str, Any]

    def told(self) -> dict[str, Any]:
        """What a model card says of it."""
        return {
            "steps": self.curve[-1].step,
            "best_step": self.best_step,
            "best_validation": round(self.best_validation, 4),
        }


class Learner(Protocol):
    """A torch module that can be trained."""

    def nats(self, batch: dict[str, Tensor]) -> Tensor:
        """(B, W) minus the log-probability of every step of a batch of :class:`Windows`, 0 where ``mask`` is False."""
        ...
