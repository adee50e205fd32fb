"""What is made of pages that models wrote on."""

import pytest

from composer.errors import UsageError
from composer.evaluation import judging
from composer.evaluation.judging import Music, Question, measure
from composer.evaluation.library import Library
from composer.score import Part, Score


def test_a_model_that_writes_rests_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Music(
        [], [], [], [], "test", Library.of("walks", ["a"], ["a"], [Score.of([Part.of([0], [60], [10080])])])
    )
    monkeypatch.setattr(judging, "music", lambda corpus, voices: nothing)
    with pytest.raises(UsageError, match=r"^silent: wrote notes on 0 of its pages, too few to judge; leave it out"):
        measure(Question("walks", 1, 25, 0, ""), "silent", [Score.of([], barlines=[0, 40320])] * 25)
