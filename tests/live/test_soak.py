"""A short soak; ``benchmarks/rehearsal.py soak`` is the long one."""

import random

import pytest

from composer.live.answering import Answering, Settings
from composer.live.improviser import Improviser
from composer.live.memory import Memory
from composer.pipeline import Composer
from jamming import Stage, sounding
from soaking import Worker, phrase, soak

TUNES = [
    [(k / 2, 0.5, pitch) for k, pitch in enumerate((62, 66, 69, 66, 62, 66, 69, 71, 67, 71, 74, 71, 69, 66, 64, 64))],
    [(k, 1.0, pitch) for k, pitch in enumerate((67, 69, 71, 67, 72, 71, 69, 67))],
    [(0.0, 1.5, 60), (1.5, 0.5, 62), (2.0, 1.0, 64), (3.0, 1.0, 60), (4.0, 2.0, 67), (6.0, 1.0, 65)],
]


@pytest.fixture(scope="module")
def answering() -> Answering:
    return Answering(Composer.load("folk-markov"), Memory(0.0))


def test_half_an_hour_leaves_no_note_and_no_bar_off_the_grid(answering: Answering) -> None:
    judge = soak(TUNES, answering, 0.5, fresh=2)
    assert judge.ons == judge.offs > 500
    assert judge.hanging == 0
    assert judge.kinds["answer"] > 100
    assert min(judge.kinds[kind] for kind in ("cut", "goes on", "done", "call")) > 0
    assert max(judge.beat_error, judge.bar_error, judge.note_error) < 1e-6
    assert judge.steps < 4 * judge.heard_messages + 4 * judge.ons


def test_answers_are_there_when_the_silence_is_over(answering: Answering) -> None:
    dice, worker = random.Random(1), Worker(answering)
    calls = [event for number in range(4) for event in phrase(TUNES[number % 3], 12.0 * number, dice)]
    stage = Stage(Improviser(worker, Settings()), worker).run(calls)
    assert len(stage.told("answer")) == 4
    assert not sounding(stage.sent)
    assert len(worker.took) >= 4
