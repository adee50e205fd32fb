"""The biaxial generator at random weights, in worlds so small that every sequence is enumerated."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from world import chi_square

from composer.errors import Infeasible, ReadError, UsageError
from composer.generators import biaxial
from composer.generators.biaxial import Biaxial
from composer.generators.entries import Entries
from composer.generators.frames import Frames
from composer.generators.potentials import Labels
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Between, Sequence
from composer.pipeline import Composer
from composer.score import Part, Score
from composer.sketch import Sketch
from composer.theory import TICKS_PER_QUARTER as Q

HOLD, LOWEST = 9, 3
SMALL = dict.fromkeys(("hidden", "width"), 8) | dict.fromkeys(("layers", "depth"), 1) | {"reach": 3, "below": 3}


def context(steps: int) -> dict[str, np.ndarray]:
    return {"a": np.arange(steps, dtype=np.int32) % 2}


def model(frames: Frames, seed: int = 0, **options: object) -> Biaxial:
    made = Biaxial(roll=frames.roll, hold=frames.hold, features=("a",), **SMALL | options)  # type: ignore[arg-type]
    made.frames_, made.labels_, made.trained_ = frames, {"a": Labels.seen("a", [context(2)])}, None
    made.net_ = made._built().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in made.net_.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator) * 0.5)
    return made


LINES = Frames(LOWEST, 3, 2, hold=HOLD)
LINE = Frames(LOWEST, 4, 1, hold=HOLD)
CELLS = Frames(LOWEST, 3, 2)
ROLL = Frames(0, 3, roll=True, hold=1)
BITS = Frames(0, 4, roll=True)
WORLDS = {"lines": (LINES, 2), "a line": (LINE, 3), "cells": (CELLS, 2), "a roll": (ROLL, 2), "bits": (BITS, 2)}
each_world = pytest.mark.parametrize("name", WORLDS)


def sequence(events: Iterable[Iterable[int]]) -> Sequence:
    rows = np.array(list(events), dtype=np.int32)
    return Sequence(rows, np.arange(len(rows), dtype=np.int32), context(len(rows)))


def symbols(frames: Frames) -> list[int]:
    if frames.roll:
        return list(range(3 if frames.articulated else 2))
    return [0, *range(LOWEST, LOWEST + frames.pitches), *([HOLD] if frames.articulated else [])]


def everything(frames: Frames, steps: int) -> Iterator[Sequence]:
    columns = itertools.product(symbols(frames), repeat=frames.width)
    return (sequence(chosen) for chosen in itertools.product(list(columns), repeat=steps))


def masks(frames: Frames, steps: int, **said: object) -> ColumnMasks:
    return ColumnMasks(np.ones((steps, frames.width, HOLD + 1), dtype=bool), context(steps), **said)  # type: ignore[arg-type]


def everywhere(made: Biaxial, steps: int) -> tuple[list[Sequence], np.ndarray]:
    """Every sequence that can be, and its nats."""
    every = list(everything(made.frames_, steps))
    arrays = [made._arrays(each) for each in every]
    before, labels, begins, frames = (
        torch.from_numpy(np.stack([each[name] for each in arrays])) for name in ("before", "labels", "begins", "frames")
    )
    with torch.inference_mode():
        logits = made.net_.logits(made.net_.listen(before, labels, begins, None)[0], before, frames).double().numpy()
    entries = Entries(made.frames_)
    nats = sum(entries.log_prob(logits[:, t], before[:, t].numpy(), frames[:, t].numpy()) for t in range(steps))
    nats[[not made.frames_.of(each.events)[1].all() for each in every]] = -np.inf
    for k in range(0, len(every), 40):
        assert made.log_prob(every[k]).sum() == pytest.approx(nats[k], abs=1e-5)
    return [each for each, x in zip(every, nats, strict=True) if x > -np.inf], nats[nats > -np.inf]


def compare(made: Biaxial, constraints: ColumnMasks, wanted: list[Sequence], nats: np.ndarray, n: int = 1500) -> None:
    drawn = Counter(each.events.tobytes() for each in made.sample(constraints, n=n, rng=np.random.default_rng(1)))
    counts = np.array([drawn.pop(each.events.tobytes(), 0) for each in wanted])
    assert not drawn
    assert abs(chi_square(counts, np.exp(nats - np.logaddexp.reduce(nats)))) < 4.5


@each_world
def test_all_there_is_sums_to_one_and_is_drawn_as_often(name: str) -> None:
    frames, steps = WORLDS[name]
    made = model(frames)
    wanted, nats = everywhere(made, steps)
    assert np.exp(nats).sum() == pytest.approx(1.0, abs=1e-5)
    assert np.ptp(nats) > 1  # not all alike
    compare(made, masks(frames, steps), wanted, nats)
    assert made.drawn(masks(frames, steps), rng=np.random.default_rng(0))[1] == ""


@each_world
def test_inside_masks_and_preferences_many_particles_are_as_good_as_exact(name: str) -> None:
    frames, steps = WORLDS[name]
    made = model(frames, seed=1, particles=32)
    rng = np.random.default_rng(3)
    constraints = masks(frames, steps, costs=rng.integers(0, 2, (steps, frames.width, HOLD + 1)) * 0.7)
    constraints.allowed[:] = rng.random(constraints.allowed.shape) < 0.75
    wanted, nats = everywhere(made, steps)
    kept = [all(constraints.allows(t, each.events[[t]]).all() for t in range(steps)) for each in wanted]
    costs = [sum(constraints.nats(t, each.events[[t]], None)[0] for t in range(steps)) for each in wanted]  # type: ignore[index]
    inside = [each for each, keep in zip(wanted, kept, strict=True) if keep]
    assert 5 < len(inside) < len(wanted)
    compare(made, constraints, inside, (nats + costs)[kept])
    assert "effective size" in made.drawn(constraints, rng=np.random.default_rng(0))[1]


def apart(upper: int, lower: int, least: int, steps: int) -> Between:
    """The upper line lies so far above the lower, where both sound, and it moves by one at the most."""

    def breaks(step: int, a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
        if upper == lower:
            return (a != 0) & (c != 0) & (np.abs(c - a) > least) & (step > 0)
        return (c != 0) & (d != 0) & (c - d < least)

    return Between(upper, lower, breaks, np.zeros(steps, dtype=np.int64), HOLD)


def keeps(rules: list[Between], events: np.ndarray) -> bool:
    sounds = np.zeros_like(events)
    for t, row in enumerate(events):
        sounds[t] = np.where(row == HOLD, sounds[t - 1], row)
    before = np.concatenate([sounds[:1], sounds[:-1]])
    return not any(
        rule.breaks(t, *before[t, [rule.upper, rule.lower]], *sounds[t, [rule.upper, rule.lower]])
        for rule in rules
        for t in range(len(events))
    )


def test_rules_between_lines_and_what_is_given() -> None:
    made = model(LINES, seed=2, particles=32)
    rules = [apart(0, 1, 1, 2), apart(1, 1, 1, 2)]
    wanted, nats = everywhere(made, 2)
    kept = np.array([keeps(rules, each.events) for each in wanted])
    assert 20 < kept.sum() < len(wanted) / 2
    compare(made, masks(LINES, 2, between=rules), [s for s, k in zip(wanted, kept, strict=True) if k], nats[kept])
    soprano = {0: np.array([5, -1], np.int32), 1: np.array([4, -1], np.int32)}
    constraints = masks(LINES, 2, between=rules, given=soprano)
    constraints.allowed[:, 0] = False
    constraints.allowed[[0, 1], 0, [5, 4]] = True
    kept &= np.array([each.events[:, 0].tolist() == [5, 4] for each in wanted])
    compare(made, constraints, [s for s, k in zip(wanted, kept, strict=True) if k], nats[kept])


@pytest.mark.parametrize("particles", [2, 4])
def test_where_no_particle_goes_on_it_goes_back(particles: int) -> None:
    """In the seventh step nothing may stand unless the upper line was at its highest before."""

    def breaks(step: int, a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
        return np.broadcast_to((step == 6) & (a != 5), np.broadcast_shapes(c.shape, d.shape))

    made = model(LINES, seed=3, particles=particles)
    constraints = masks(LINES, 8, between=[Between(0, 1, breaks, np.arange(8), HOLD)])
    for each in made.sample(constraints, n=6, rng=np.random.default_rng(0)):
        sounding = np.frompyfunc(lambda a, b: a if b == HOLD else b, 2, 1).accumulate(each.events, axis=0)
        assert sounding[5][0] == 5
    never = masks(LINES, 8, between=[Between(0, 1, lambda *_: np.array([True]), np.arange(8), HOLD)])
    with pytest.raises(Infeasible, match="the spot 0"):
        made.sample(replace(never, place=lambda t: f"the spot {t}"), rng=np.random.default_rng(0))


def test_a_sample_does_not_depend_on_those_beside_it() -> None:
    made = model(LINES, particles=4)
    constraints = masks(LINES, 12, between=[apart(0, 1, 0, 12)])
    alone = made.sample(constraints, n=1, rng=np.random.default_rng(5))
    assert made.sample(constraints, n=7, rng=np.random.default_rng(5))[0] == alone[0]


def test_pieces_of_time_are_as_good_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model(LINES)
    long = made.sample(masks(LINES, 40), rng=np.random.default_rng(0))[0]
    whole = made.log_prob(long)
    monkeypatch.setattr(biaxial, "PIECE", 7)
    assert np.allclose(made.log_prob(long), whole, rtol=0, atol=1e-4)
    assert np.isfinite(whole).all()


def test_drawn_step_by_step_it_says_what_the_likelihood_says() -> None:
    """Weights of particles of which all is given are its log-probability: the cached state is that of the whole."""
    made = model(LINES, seed=4)
    long = made.sample(masks(LINES, 30), rng=np.random.default_rng(2))[0]
    allowed = np.arange(HOLD + 1) == long.events[:, :, None]
    constraints = ColumnMasks(allowed, context(30))
    ahead = made._ahead(constraints)
    particles = biaxial.Particles(
        made.net_,
        ahead,
        Entries(LINES),
        made._labels(context(30), 30),
        2,
        2,  # type: ignore[arg-type]
    )
    found: list[np.ndarray] = []
    particles._resample = lambda cloud, step: found.append(cloud.weights[0, 0])  # type: ignore[method-assign]
    particles.draw([np.random.default_rng(0)], str)
    assert np.diff([0.0, *found]) == pytest.approx(made.log_prob(long), abs=1e-4)


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


SETTINGS: dict[str, tuple[str, object]] = {
    "version": ("version", 2),
    "vast": ("hidden", 10**9),
    "text": ("hidden", "8"),
    "truth": ("hidden", True),
    "nothing": ("conservativity", None),
    "words": ("decays", ["a"]),
    "course": ("rate", -1.0),
    "silence": ("silence", 4),
}


def broken(arrays: dict[str, np.ndarray], metadata: dict[str, object], change: str) -> None:
    name = "net.out.weight"
    if change in SETTINGS:
        setting, value = SETTINGS[change]
        metadata[setting] = value
    match change:
        case "nan":
            arrays[name] = np.full_like(arrays[name], np.nan)
        case "shape":
            arrays[name] = arrays[name][:, :-1]
        case "missing":
            del arrays[name]
        case "type":
            arrays[name] = arrays[name].astype(np.float64)
        case "wide":
            metadata["frames"] = {"lowest": 0, "pitches": 10**9, "lines": 2}
        case "lines":
            metadata["frames"] = {"lowest": 3, "pitches": 3, "lines": 3}


@pytest.mark.parametrize(
    "change",
    [
        "nan",
        "shape",
        "missing",
        "type",
        "version",
        "vast",
        "wide",
        "lines",
        "text",
        "truth",
        "nothing",
        "words",
        "course",
        "silence",
    ],
)
def test_files_that_do_not_belong_together_are_read_errors(change: str) -> None:
    arrays, metadata = model(LINES).arrays()
    metadata = json.loads(json.dumps(metadata))
    assert Biaxial.from_arrays(dict(arrays), metadata).arrays()[1] == model(LINES).arrays()[1]
    broken(arrays, metadata, change)
    with pytest.raises(ReadError) as error:
        Biaxial.from_arrays(arrays, metadata)
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


def _line(pitches: Iterable[int]) -> Part:
    found = list(map(int, pitches))
    return Part.of(np.arange(len(found)) * Q, found, np.full(len(found), Q))
