"""The biaxial generator at random weights, in worlds so small that every sequence is enumerated."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from biaxial_world import (
    HOLD,
    LINES,
    SMALL,
    WORLDS,
    each_world,
    everything,
    everywhere,
    masks,
    model,
    sequence,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.errors import Infeasible, ReadError, UsageError
from composer.generators import biaxial
from composer.generators.biaxial import Biaxial
from composer.generators.entries import Entries
from composer.generators.frames import Frames
from composer.inference.sequence import Sequence
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q
from composer.training import Run
from composer.training.windows import SHARDS


@each_world
def test_all_there_is_sums_to_one(name: str) -> None:
    frames, steps = WORLDS[name]
    made = model(frames)
    every, nats = everywhere(made, steps)
    assert np.exp(nats).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.ptp(nats) > 1.5  # not all alike
    for k in range(0, len(every), 40):
        assert made.log_prob(every[k]).sum() == pytest.approx(nats[k], abs=1e-5)
    for other in everything(frames, steps):
        if not frames.of(other.events)[1].all():
            assert made.log_prob(other).sum() == -np.inf
            break


def test_pieces_of_time_are_as_good_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model(LINES)
    long = made.sample(masks(LINES, 40), rng=np.random.default_rng(0))[0]
    whole = made.log_prob(long)
    monkeypatch.setattr(biaxial, "PIECE", 7)
    assert np.allclose(made.log_prob(long), whole, rtol=0, atol=1e-4)
    assert np.isfinite(whole).all()


def test_transposing_what_went_before_transposes_what_comes() -> None:
    """Away from the borders, and after the first step, which has a register."""
    frames = Frames(20, 40, 2, hold=HOLD)
    made = model(frames, reach=6, below=6)
    music = sequence([(45, 40), (44, HOLD), (HOLD, 38), (46, 41), (45, 40)])
    other = sequence([(48, 43), (47, HOLD), (HOLD, 41), (49, 44), (48, 43)])
    pair = [made.log_prob(each) for each in (music, other)]
    lower = np.array([_above(made, each) for each in (music, other)])
    assert np.ptp(lower[:, 1:], axis=0) == pytest.approx(0.0, abs=1e-3)
    assert np.isfinite(pair).all()


def _above(made: Biaxial, music: Sequence) -> np.ndarray:
    """(T,) the logits of the entries that sound."""
    arrays = {name: torch.from_numpy(array) for name, array in made._arrays(music).items()}
    with torch.inference_mode():
        tops, _ = made.net_.listen(arrays["before"][None], arrays["labels"][None], arrays["begins"][None], None)
        logits = made.net_.logits(tops[0], arrays["before"], arrays["frames"])[..., 0]
    return (logits * (arrays["frames"] > 0)).sum((1, 2)).numpy()


def test_conservativity_is_a_power_of_the_probability_to_sound() -> None:
    logits = np.linspace(-3, 3, 7)[:, None].repeat(2, axis=1)
    plain, fewer = Entries(LINES).nats(logits), Entries(LINES, conservativity=2.5).nats(logits)
    assert fewer[0] == pytest.approx(2.5 * plain[0])
    assert np.exp(fewer[0]) + np.exp(fewer[1]) == pytest.approx(1.0)
    wide, notes = Frames(0, 20, roll=True), []
    for power in (0.5, 1.0, 3.0):
        drawn = model(wide, conservativity=power).sample(masks(wide, 20), n=8, rng=np.random.default_rng(0))
        notes.append(sum(each.events.sum() for each in drawn))
    assert notes[0] > notes[1] > notes[2]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_constraints_allow_is_found_or_nothing_is_there(data: st.DataObject) -> None:
    """Random masks, and given cells: what is drawn keeps them; where it says that nothing can, nothing does."""
    frames, steps = WORLDS[data.draw(st.sampled_from(["a line", "a roll", "cells"]))]
    made = model(frames, particles=3)
    constraints = masks(frames, steps)
    seed, share = data.draw(st.integers(0, 999)), data.draw(st.sampled_from([0.2, 0.35, 0.6]))
    constraints.allowed[:] = np.random.default_rng(seed).random(constraints.allowed.shape) < share
    try:
        drawn = made.sample(constraints, n=3, rng=np.random.default_rng(0))
    except Infeasible:
        every = (each for each in everything(frames, steps) if frames.of(each.events)[1].all())
        assert not any(all(constraints.allows(t, each.events[[t]])[0] for t in range(steps)) for each in every)
        return
    for each in drawn:
        assert frames.of(each.events)[1].all()
        assert all(constraints.allows(t, each.events[[t]])[0] for t in range(steps))


# --- frames -----------------------------------------------------------------------------------------------------------


def test_frames_of_columns() -> None:
    frames, known = LINES.of(np.array([[5, HOLD], [HOLD, 0], [0, 4], [17, HOLD], [HOLD, 99]], dtype=np.int32))
    assert known.tolist() == [False, True, True, False, False]
    assert [int(x) for x in frames[:3].max(axis=(1, 2))] == [2, 1, 2]


def test_what_lies_beyond_the_range_sounds_an_octave_inside() -> None:
    wide = Frames(30, 24)
    assert wide.place(np.array([30, 53, 54, 29, 66, 5])).tolist() == [0, 23, 12, 11, 12, 11]


def test_the_range_is_widened_up_to_what_is_reserved() -> None:
    events = np.array([[60, 70], [0, 140]], dtype=np.int32)
    assert Frames.of_columns(events, 0, 140, 12) == Frames(48, 35, 2, hold=140)
    assert Frames.of_columns(events[:1], 0, 75, 12) == Frames(48, 27, 2, hold=75)
    assert isinstance(Frames.of_columns(events, 65, None, 12), str)
    assert isinstance(Frames.of_columns(events[1:], 0, 140, 12), str)


# --- files and settings -----------------------------------------------------------------------------------------------


def test_lines_are_composed_less_plainly_than_all_else() -> None:
    usual = {name: model(frames).usual_temperature for name, (frames, _) in WORLDS.items()}
    assert usual == {"lines": 0.7, "a line": 0.9, "cells": 0.7, "a roll": 0.7, "bits": 0.7}


WEIGHTS = "net.out.weight"
BROKEN_ARRAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "not a number": lambda array: np.full_like(array, np.nan),
    "another shape": lambda array: array[:, :-1],
    "another type": lambda array: array.astype(np.float64),
}
BROKEN_METADATA: list[dict[str, object]] = [
    {"version": 2},
    {"hidden": 10**9},
    {"frames": {"lowest": 0, "pitches": 10**9, "lines": 2}},
    {"frames": {"lowest": 3, "pitches": 3, "lines": 3}},
    {"hidden": "8"},
    {"hidden": True},
    {"conservativity": None},
    {"decays": ["a"]},
    {"periods": [0]},
    {"periods": [10**9]},
    {"steered": 1},
    {"steered": True},
    {"rate": -1.0},
    {"silence": 4},
]


@pytest.mark.parametrize("change", BROKEN_ARRAYS)
def test_weights_that_are_not_of_the_model_are_read_errors(change: str) -> None:
    arrays, metadata = model(LINES).arrays()
    with pytest.raises(ReadError):
        Biaxial.from_arrays(arrays | {WEIGHTS: BROKEN_ARRAYS[change](arrays[WEIGHTS])}, metadata)
    del arrays[WEIGHTS]
    with pytest.raises(ReadError):
        Biaxial.from_arrays(arrays, metadata)


def test_files_older_than_a_setting_are_as_they_were() -> None:
    made = model(LINES)
    arrays, metadata = made.arrays()
    del metadata["periods"], metadata["steered"]
    found = Biaxial.from_arrays(arrays, metadata)
    assert found.periods == (16, 12)
    assert not found.steered
    assert_same_likelihood(made, found)


def test_a_steered_model_is_saved_and_loaded() -> None:
    made = model(LINES, steered=True)
    assert_same_likelihood(made, Biaxial.from_arrays(*made.arrays()))
    made.net_.steers[0].weight.data.zero_()
    with pytest.raises(AssertionError):
        assert_same_likelihood(made, model(LINES, steered=True))


def assert_same_likelihood(first: Biaxial, second: Biaxial) -> None:
    heard = first.sample(masks(LINES, 40), rng=np.random.default_rng(0))[0]
    np.testing.assert_array_equal(first.log_prob(heard), second.log_prob(heard))


@pytest.mark.parametrize("change", BROKEN_METADATA, ids=str)
def test_files_that_do_not_belong_together_are_read_errors(change: dict[str, object]) -> None:
    arrays, metadata = model(LINES).arrays()
    metadata = json.loads(json.dumps(metadata))
    assert Biaxial.from_arrays(dict(arrays), metadata).arrays()[1] == model(LINES).arrays()[1]
    with pytest.raises(ReadError) as error:
        Biaxial.from_arrays(arrays, metadata | change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "options",
    [
        {"time": "gru"},
        {"hidden": 0},
        {"layers": 99},
        {"hidden": 4096, "layers": 64},  # more weights than a file holds
        {"steps": 10**23},
        {"dropout": 1.0},
        {"particles": 0},
        {"conservativity": 0.0},
        {"features": ("tide",)},
        {"steered": True, "recalls": ()},
        {"steered": True, "features": ()},
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError) as error:
        Biaxial(**{"features": (), **options}).fit([sequence([(60,), (62,)])])  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_a_soprano_is_harmonised_and_the_file_says_how_it_was_drawn() -> None:
    rng = np.random.default_rng(0)
    pieces = [Score.of([_line(low + rng.integers(0, 9, 16)) for low in (67, 60, 53, 46)], key="C") for _ in range(3)]
    options = SMALL | {"steps": 2, "every": 2, "batch": 2, "window": 16, "particles": 4}
    made = Composer.untrained("voices", "biaxial", generator_options=options).fit(pieces)
    bars = np.arange(3) * 4 * Q
    soprano = _line([96, 72, 74, 76, 77, 30, 72, 71])  # some beyond its range
    sketch = Sketch.of(Score.of([soprano, Part.of(), Part.of(), Part.of()], key="C", barlines=bars), "voices 2-4")
    score = made.complete(sketch, seed=3)
    assert score.parts[0] == soprano
    assert all(len(part) for part in score.parts)
    assert score.metadata["drawn"].startswith("sequential Monte Carlo of 4 particles, effective size ")
    assert made.complete(sketch, seed=3) == score


def test_within_limits_the_file_says_both_how_it_was_sifted_and_how_it_was_drawn() -> None:
    rng = np.random.default_rng(0)
    pieces = [Score.of([_line(60 + rng.integers(0, 9, 16))], key="C") for _ in range(3)]
    options = SMALL | {"steps": 2, "every": 2, "batch": 2, "window": 16, "particles": 4}
    made = Composer.untrained("voices", "biaxial", encoding_options={"voices": 1}, generator_options=options).fit(
        pieces
    )
    sketch = Sketch.blank(bars=2, range="C4:C5", ends_on_tonic=True, max_copy="5 notes")
    score = made.complete(sketch, seed=3)
    assert score.metadata["guard"].startswith("rejection, which accepts ")
    assert score.metadata["drawn"].startswith("sequential Monte Carlo of 4 particles, effective size ")
    assert made.complete(sketch, seed=3) == score


def _line(pitches: Iterable[int]) -> Part:
    found = list(map(int, pitches))
    return Part.of(np.arange(len(found)) * Q, found, np.full(len(found), Q))


def test_what_is_too_large_for_memory_is_streamed_from_the_run_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = [Sequence(np.arange(8, dtype=np.int32)[:, None] % 3 + 1, np.arange(8, dtype=np.int32))]
    course = {"steps": 2, "every": 1, "window": 4, "batch": 2, "hold": None, "features": ()}
    whole = Biaxial(**SMALL | course).fit(heard)  # type: ignore[arg-type]
    monkeypatch.setattr("composer.training.windows.MEMORY", 0)
    streamed = Biaxial(**SMALL | course).fit(heard, run=Run(folder=tmp_path))  # type: ignore[arg-type]
    assert list((tmp_path / SHARDS).glob("*.npy"))
    for name, weights in whole.arrays()[0].items():
        assert np.array_equal(weights, streamed.arrays()[0][name])
