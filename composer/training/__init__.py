"""The loop that every neural generator shares: arrays in, weights out, no music.

A generator gives a torch module that says what every step of a batch of windows costs (:class:`Learner`), the
:class:`Windows` to learn from, and how it is validated; :func:`train` does the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from composer.training.course import Course, Learner, Row, Run, Status, Trained
from composer.training.windows import Windows, write_shards

__all__ = ["Course", "Learner", "Row", "Run", "Status", "Trained", "Windows", "train", "write_shards"]


def train(
    learner: Learner, windows: Windows, validation: Callable[[], float], course: Course, run: Run | None = None
) -> Trained:
    """Train a learner, and leave in it the weights (averaged, if the course says so) with the best validation.

    ``validation()`` gives nats a step of time, lower is better; it is asked every ``course.every`` steps and at the
    end, with the learner in evaluation mode and without gradients. Under ``torchrun`` every process calls this with
    the same arguments: they share each batch, the first of them validates, reports and writes.

    Raises :class:`UsageError` for a device that is not there and for a folder that holds another training,
    :class:`ReadError` for a checkpoint that cannot be read, :class:`Diverged` where a number is not finite: the last
    checkpoint is of a time when all of them were.
    """
    from composer.training.loop import Training

    return Training(learner, windows, validation, course, run or Run()).run()
