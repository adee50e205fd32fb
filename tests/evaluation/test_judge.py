"""Which corpora the judge looks for by itself."""

import pytest

from composer.corpora.base import Corpus
from composer.errors import UsageError
from composer.evaluation import judge as module
from composer.evaluation.judge import Candidate, judge

MODELS = [Candidate(name, name, "", corpus, "markov", "melody", 1) for name, corpus in (("a", "folk"), ("b", "reels"))]


def test_a_model_of_ones_own_music_does_not_keep_others_from_being_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(name: str) -> Corpus:
        asked.append(name)
        raise UsageError("far enough")

    monkeypatch.setattr(module, "load", load)
    with pytest.warns(UserWarning, match=r"^b \(reels\): not judged; say with --corpus"), pytest.raises(UsageError):
        judge(MODELS)
    assert asked == ["folk"]
    with pytest.raises(UsageError, match=r"^b "):
        judge(MODELS[1:])
    with pytest.raises(UsageError, match="far enough"):
        judge(MODELS, ["reels"])
    assert asked == ["folk", "reels"]
