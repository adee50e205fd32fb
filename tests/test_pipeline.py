"""Composers: completing sketches, and model files that nothing can break."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from composer.errors import ComposerError, Infeasible, ReadError, Unsupported, UsageError
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.shipped import model_names
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q


def scale_tune(start: int, bars: int = 4) -> Score:
    """Quarters and eighths up and down the C major scale."""
    scale = np.array([60, 62, 64, 65, 67, 69, 71, 72])
    walk = np.abs((np.arange(start, start + bars * 4) % 14) - 7)
    return Score.of([Part.of(np.arange(bars * 4) * Q, scale[walk], np.full(bars * 4, Q))])


@pytest.fixture(scope="module")
def composer() -> Composer:
    trained = Composer.untrained("melody", "markov").fit([scale_tune(start) for start in range(14)])
    return Composer(trained.encoding, trained.generator, "scales", {"corpus": "scales"})


def test_completions_keep_every_wish(composer: Composer) -> None:
    sketch = Sketch.blank(bars=4, range="C4:C5", starts_on_tonic=True, ends_on_tonic=True, pins={"2.1": "G4"})
    for score in composer.completions(sketch, 20, seed=1):
        notes = list(score.parts[0])
        assert all(60 <= note.pitch <= 72 and note.pitch % 12 in score.key.scale for note in notes)
        assert notes[0].pitch % 12 == notes[-1].pitch % 12 == 0
        assert notes[-1].onset + notes[-1].duration == score.end
        assert any(note.onset == 4 * Q and note.pitch == 67 for note in notes)
        assert score.barlines.tolist() == sketch.score.barlines.tolist()


def test_the_same_seed_gives_the_same_notes(composer: Composer) -> None:
    sketch = Sketch.blank(bars=8)
    assert composer.complete(sketch, seed=3) == composer.complete(sketch, seed=3)
    assert composer.complete(sketch, seed=3) != composer.complete(sketch, seed=4)


def test_given_notes_come_back_note_for_note(composer: Composer) -> None:
    score = scale_tune(0, bars=8)
    loud = Part.of(*score.parts[0].columns[:3], velocity=101, name="Flute", program=73)
    score = Score.of([loud]).with_metadata(title="Given")
    completed = composer.complete(Sketch.of(score, "bars 3-4"), seed=5)
    before, after = score.parts[0], completed.parts[0]
    outside = (after.onset < 8 * Q) | (after.onset >= 16 * Q)
    given_before = before.select((before.onset < 8 * Q) | (before.onset >= 16 * Q))
    assert after.select(outside) == given_before
    assert (after.name, completed.title) == ("Flute", "Given")
    assert len(after.select(~outside)) > 0


def test_a_fermata_stands_over_the_beginning_of_the_note_that_it_holds() -> None:
    halves = Score.of([Part.of(np.arange(8) * 2 * Q, [60, 62, 64, 62, 60, 62, 64, 62], [2 * Q] * 8)])
    composer = Composer.untrained("melody", "markov").fit([halves])
    score = composer.complete(Sketch.blank(bars=2, fermatas="1.2 2.3"), seed=1)
    assert score.parts[0].onset.tolist() == [0, 2 * Q, 4 * Q, 6 * Q]
    assert score.fermatas == (0, 6 * Q)


def test_scores_say_how_they_were_made(composer: Composer) -> None:
    metadata = composer.complete(Sketch.blank(bars=4, range="C4:C5"), seed=9).metadata
    assert (metadata["seed"], metadata["corpus"]) == ("9", "scales")
    assert "range C4:C5" in metadata["sketch"]


def test_impossible_sketches_say_where(composer: Composer) -> None:
    sketch = Sketch.blank(bars=4, range="C4:D4", pins={"3.1": "G4"})
    with pytest.raises(Infeasible, match="bar 3, beat 1"):
        composer.complete(sketch)


def test_what_a_model_cannot_write_names_those_that_can(composer: Composer) -> None:
    with pytest.raises(Unsupported, match=r"has 4 voices.*chorales-markov"):
        composer.complete(Sketch.blank(bars=4, voices=4))


@pytest.mark.parametrize(("n", "temperature"), [(0, 1.0), (10**6, 1.0), (1, 0.0), (1, float("nan")), (1, -1.0)])
def test_absurd_requests_are_refused(composer: Composer, n: int, temperature: float) -> None:
    with pytest.raises(UsageError):
        composer.completions(Sketch.blank(bars=4), n, temperature=temperature)


def test_saved_models_answer_as_before(composer: Composer, tmp_path: Path) -> None:
    path = tmp_path / "scales.safetensors"
    path.write_bytes(composer.dumps({"corpus": "scales"}))
    loaded = Composer.load(path)
    sketch = Sketch.blank(bars=8)
    assert loaded.complete(sketch, seed=2).parts == composer.complete(sketch, seed=2).parts
    assert loaded.dumps({"corpus": "scales"}) == path.read_bytes()
    assert len(loaded.digest) == 12


@pytest.mark.parametrize("name", ["nonsense", "../../etc/passwd", ""])
def test_unknown_models_get_one_line(name: str) -> None:
    with pytest.raises((UsageError, ReadError), match=r"folk-markov|cannot be read|is not a composer model"):
        Composer.load(name)


def test_shipped_models_load_and_compose() -> None:
    assert {"folk-markov", "chorales-markov"} <= set(model_names())
    tune = Composer.load("folk-markov").complete(Sketch.styled("reel", key="A dorian", range="D4:B5"), seed=1)
    assert tune.unfold().bars == 32
    chorale = Composer.load("chorales-markov").complete(
        Sketch.blank(bars=4, voices=4, key="G", ends_on_tonic=True), seed=1
    )
    assert all(len(part) > 0 for part in chorale.parts)
    assert chorale.parts[3].pitch[-1] % 12 == 7


@pytest.fixture(scope="module")
def model_bytes(composer: Composer) -> bytes:
    return composer.dumps({"corpus": "scales"})


@settings(max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_models_are_read_errors_and_nothing_else(model_bytes: bytes, data: st.DataObject) -> None:
    """Truncated, mutated, spliced: either a model that works or one ReadError line."""
    damaged = bytearray(model_bytes)
    kind = data.draw(st.sampled_from(["truncate", "flip", "header", "random"]))
    if kind == "truncate":
        del damaged[data.draw(st.integers(0, len(damaged) - 1)) :]
    elif kind == "random":
        damaged = bytearray(data.draw(st.binary(max_size=200)))
    else:
        header = 8 + int.from_bytes(model_bytes[:8], "little")
        low, high = (0, header) if kind == "header" else (header, len(damaged))
        for _ in range(data.draw(st.integers(1, 4))):
            damaged[data.draw(st.integers(low, high - 1))] = data.draw(st.integers(0, 255))
    try:
        loaded = Composer.loads(bytes(damaged), "x", "x.safetensors")
        loaded.complete(Sketch.blank(bars=1), seed=0)
    except ComposerError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


def test_damage_is_named_with_the_file(model_bytes: bytes) -> None:
    with pytest.raises(ReadError, match=r"^x.safetensors: is not a composer model, or is damaged"):
        Composer.loads(model_bytes[:-1], "x", "x.safetensors")


def test_a_model_with_a_foreign_header_is_refused(model_bytes: bytes) -> None:
    from safetensors.numpy import load, save

    arrays = load(model_bytes)
    for header in ({}, {"composer": "[]"}, {"composer": json.dumps({"format": "composer model 1"})}):
        with pytest.raises(ReadError):
            Composer.loads(save(arrays, metadata=header), "x", "x")


@pytest.mark.parametrize(
    ("encoding", "options"),
    [("melody", {}), ("abc_tokens", {}), ("voices", {}), ("melody", {"form": "A B A", "bars": 3})],
)
def test_marginals_are_the_frequencies_of_completions(encoding: str, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    scores = [tune_of(rng.integers(60, 65, 8)) for _ in range(30)]
    views = {"voices": 1} if encoding == "voices" else {}
    composer = Composer.untrained(encoding, "markov", encoding_options=views).fit(scores)
    sketch = Sketch.blank(**{"bars": 2, "meter": "2/4", "scale": "chromatic", "range": "C4:E4", **options})
    chances, grid, n = composer.marginals(sketch), composer.encoding.grid, 2_000
    assert chances.shape == (1, sketch.score.end // grid, 130)
    assert np.allclose(chances.sum(axis=2), 1.0)
    starts = np.zeros(chances.shape)
    for score in composer.completions(sketch, n, seed=1):
        starts[0, score.parts[0].onset // grid, score.parts[0].pitch] += 1 / n
    assert np.abs(starts[:, :, :128] - chances[:, :, :128]).max() < 5 * np.sqrt(0.25 / n)


def test_what_no_model_foresees_is_said() -> None:
    composer = Composer.untrained("pianoroll", "markov").fit([tune_of(np.array([60, 62, 64, 62]))])
    with pytest.raises(Unsupported, match="use a view of voices"):
        composer.marginals(Sketch.blank(bars=1, meter="2/4", scale="chromatic"))


def tune_of(pitches: np.ndarray) -> Score:
    """Eighths in bars of 2/4."""
    part = Part.of(np.arange(len(pitches)) * Q // 2, pitches, np.full(len(pitches), Q // 2))
    return Score.of([part], meter="2/4", barlines=np.arange(0, len(pitches) * Q // 2 + 1, 2 * Q))


def test_given_notes_that_a_model_never_saw_stay_and_end_its_context() -> None:
    """A quintuplet, a note too low and one too long: around them it composes as if it began anew."""
    composer = Composer.untrained("melody", "markov").fit([tune_of(np.array([60, 62, 64, 62]))] * 3)
    odd = Part.of([0, 2 * Q // 5, 2 * Q, 6 * Q], [60, 62, 24, 60], [2 * Q // 5, 8 * Q // 5, 2 * Q, 2 * Q])
    tune = Score.of([odd], meter="2/4", barlines=np.arange(5) * 2 * Q)
    sketch = Sketch.of(tune, "bar 3", scale="chromatic")
    varied = composer.complete(sketch, seed=1)
    kept = varied.parts[0].select((varied.parts[0].onset < 4 * Q) | (varied.parts[0].onset >= 6 * Q))
    assert kept == odd
    composed = varied.parts[0].select((varied.parts[0].onset >= 4 * Q) & (varied.parts[0].onset < 6 * Q))
    assert set(composed.pitch.tolist()) <= {60, 62, 64}
    assert np.allclose(composer.marginals(sketch).sum(axis=2), 1.0)
    constraints = composer.encoding.compile(sketch)
    sequence = composer.encoding.encode(varied)
    assert np.isfinite(composer.generator.log_prob(sequence, constraints)).all()


def test_given_voices_that_a_model_never_saw_stay() -> None:
    options = {"encoding_options": {"voices": 2}, "generator_options": {"serial": True}}
    pair = replace(tune_of(np.array([60, 62, 64, 62])), parts=(tune_of(np.array([60, 62, 64, 62])).parts[0],) * 2)
    composer = Composer.untrained("voices", "markov", **options).fit([pair] * 3)
    low = Part.of([0], [24], [2 * Q])
    sketch = Sketch.of(replace(pair, parts=(pair.parts[0], low), barlines=pair.barlines), "voice 1", scale="chromatic")
    assert composer.complete(sketch, seed=1).parts[1] == low
