"""What a session remembers, forgets, and saves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from composer import Composer, Sketch
from composer.errors import Unsupported, UsageError
from composer.inference.sequence import Sequence
from composer.live.memory import FADED, MOST, Memory
from composer.score import Part, Score

PHRASES = [[60, 62, 64, 65, 67, 65, 64, 62], [67, 65, 64, 62, 60, 62, 64, 60], [60, 64, 67, 64, 60, 64, 67, 64]]


def page(pitches: list[int]) -> Score:
    """Quarters, from the beginning of a bar."""
    onset = np.arange(len(pitches)) * 10_080
    return Score.of([Part.of(onset, pitches, np.full(len(pitches), 10_080))])


@pytest.fixture(scope="module")
def composer() -> Composer:
    trained = Composer.untrained("melody", "markov").fit([page(pitches * 2) for pitches in PHRASES[:2]] * 3)
    info = {"corpus": "two phrases", "test": {"nats_per_event": 1.0}}
    return Composer.loads(trained.dumps(info), "small", "small.safetensors")


def phrase(composer: Composer, number: int = 2) -> Sequence:
    return composer.encoding.encode(page(PHRASES[number]))


def nats(composer: Composer, sequence: Sequence) -> float:
    return float(composer.generator.log_prob(sequence).sum())  # type: ignore[attr-defined]


def test_what_was_heard_is_expected(composer: Composer) -> None:
    heard = phrase(composer)
    once = Memory(4).heard(heard)
    twice = once.heard(heard)
    assert nats(composer, heard) < nats(once.model(composer), heard) < nats(twice.model(composer), heard)


def test_weights_halve_with_age(composer: Composer) -> None:
    memory = Memory(2)
    for _ in range(5):
        memory = memory.heard(phrase(composer))
    assert memory.weights == pytest.approx([0.25, 0.5**1.5, 0.5, 0.5**0.5, 1.0])


def test_what_is_forgotten_leaves_no_trace(composer: Composer) -> None:
    memory = Memory(1).heard(phrase(composer, 2))
    for _ in range(FADED):
        memory = memory.heard(phrase(composer, 0))
    only = Memory(1, tuple(phrase(composer, 0) for _ in range(FADED)))
    assert nats(memory.model(composer), phrase(composer)) == nats(only.model(composer), phrase(composer))
    assert len(memory.phrases) == FADED


def test_it_is_bounded(composer: Composer) -> None:
    memory = Memory(1_000)
    for _ in range(MOST + 10):
        memory = memory.heard(phrase(composer))
    assert len(memory.phrases) == MOST


def test_a_memory_of_nothing_learns_nothing(composer: Composer) -> None:
    memory = Memory(0).heard(phrase(composer))
    assert memory.phrases == ()
    assert memory.model(composer) is composer
    assert Memory().heard(phrase(composer)).model(composer) is not composer
    empty = replace(phrase(composer), events=phrase(composer).events[:0])
    assert Memory().heard(empty).phrases == ()


@pytest.mark.parametrize("half_life", [-1.0, float("nan"), float("inf")])
def test_absurd_memories_are_refused(half_life: float) -> None:
    with pytest.raises(UsageError, match="0 \\(learn nothing\\) to 1000"):
        Memory(half_life)


def test_completions_say_what_the_model_heard(composer: Composer) -> None:
    model = Memory().heard(phrase(composer)).model(composer)
    score = model.complete(Sketch.continuing(page(PHRASES[2]), 2), seed=1)
    assert score.metadata["model"] == f"small {composer.digest}, adapted to 1 phrase"
    assert score.metadata["corpus"] == "two phrases"
    assert "longest run shared with the corpus" in score.metadata["copied"]


def test_what_was_learned_is_saved_and_loads_as_any_model(composer: Composer, tmp_path: Path) -> None:
    memory = Memory(4).heard(phrase(composer)).heard(phrase(composer, 0))
    path = tmp_path / "session.safetensors"
    path.write_bytes(memory.saved(composer))
    loaded, model = Composer.load(path), memory.model(composer)
    assert loaded.info["adapted"] == {
        "model": f"small {composer.digest}",
        "phrases": 2,
        "events": 16,
        "half_life": 4,
    }
    assert "test" not in loaded.info  # measured of another model
    sketch = Sketch.blank(bars=4, key="C", ends_on_tonic=True)
    drawn, again = (part.complete(sketch, seed=3).parts[0].pitch for part in (model, loaded))
    assert (drawn == again).all()
    further = Memory().heard(phrase(composer)).model(loaded)  # the next session goes on from it
    assert nats(further, phrase(composer)) > nats(loaded, phrase(composer))


def test_what_cannot_learn_says_so() -> None:
    other = Composer.untrained("voices", "maxent", encoding_options={"voices": 1})
    memory = Memory().heard(Sequence(np.zeros((1, 1), np.int32), np.zeros(1, np.int32)))
    assert memory.model(other) is other
    assert "learns nothing while it plays: maxent" in str(memory.refusal(other))
    with pytest.raises(Unsupported, match="learns nothing"):
        memory.saved(other)


def test_nothing_heard_is_not_saved(composer: Composer) -> None:
    assert Memory().refusal(composer) is None
    with pytest.raises(UsageError, match="play a phrase first"):
        Memory().saved(composer)
