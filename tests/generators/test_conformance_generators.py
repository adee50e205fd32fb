"""What is asked of every registered generator: a new one is tested by its line in the registry."""

import dataclasses
import functools
import itertools
import json
from collections import Counter
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from composer.errors import ComposerError, Infeasible, ReadError, Unsupported, UsageError
from composer.generators.base import Exact, Generator, Online, Pseudo
from composer.generators.markov import Markov
from composer.inference.masks import ColumnMasks, RunMasks
from composer.inference.sequence import Constraints, Sequence
from composer.registry import GENERATORS, resolve

CLASSES = [resolve(path) for path in GENERATORS.values()]
STEPS = 4
COLUMNS_LONG = 3  # steps of columns, all 729 of which are enumerated


def context(steps: np.ndarray, end: int = STEPS) -> dict[str, np.ndarray]:
    """Bars of two steps, the last of which is a cadence."""
    position, cadence = (steps % 2).astype(np.int32), (steps == end - 1).astype(np.int32)
    constant = {name: np.full(len(steps), 3, np.int32) for name in ("meter", "mode", "tonic")}
    left = (steps < STEPS // 2).astype(np.int32)
    return constant | dict.fromkeys(("position", "beat", "weight"), position) | {"cadence": cadence, "bars_left": left}


def runs(rng: np.random.Generator, count: int) -> list[Sequence]:
    """Sequences of (symbol 0..2, duration 1..2) that fill four steps."""
    sequences = []
    for _ in range(count):
        durations = [
            int(d) for d in rng.permutation([[1, 1, 2], [2, 2, 0], [1, 2, 1], [1, 1, 1]][rng.integers(4)]) if d
        ]
        durations += [1] * (STEPS - sum(durations))
        steps = np.cumsum([0, *durations[:-1]]).astype(np.int32)
        events = np.stack([rng.integers(0, 3, len(durations)), durations], axis=1).astype(np.int32)
        sequences.append(Sequence(events, steps, context(steps)))
    return sequences


def columns(rng: np.random.Generator, count: int) -> list[Sequence]:
    """Sequences of two voices of three values each, the second leaning on the first."""
    steps = np.arange(COLUMNS_LONG, dtype=np.int32)
    sequences = []
    for _ in range(count):
        top = rng.integers(0, 3, COLUMNS_LONG)
        events = np.stack([top, (top + rng.integers(0, 2, COLUMNS_LONG)) % 3], axis=1).astype(np.int32)
        sequences.append(Sequence(events, steps, context(steps, COLUMNS_LONG)))
    return sequences


def held(rng: np.random.Generator, count: int) -> list[Sequence]:
    """The same with 2 for a hold, and 0 for a silence, which is not held."""
    found = columns(rng, count)
    for sequence in found:
        events = sequence.events
        events[0] %= 2
        for step in range(1, COLUMNS_LONG):
            silent = np.array([column[column < 2][-1] == 0 for column in events[:step].T])
            events[step] = np.where(silent & (events[step] == 2), 1, events[step])
    return found


def run_masks(*, masked: bool) -> RunMasks:
    starts, holds = np.ones((STEPS, 3), dtype=bool), np.ones((STEPS, 3), dtype=bool)
    if masked:
        starts[0, 0] = holds[3, 1] = starts[3, 2] = False
    lengths = np.ones((STEPS, 3), dtype=bool)
    return RunMasks(starts, holds, lengths, lengths, context(np.arange(STEPS)))


def column_masks(*, masked: bool) -> ColumnMasks:
    allowed = np.ones((COLUMNS_LONG, 2, 3), dtype=bool)
    if masked:
        allowed[0, 0, 0] = allowed[2, 1, 1] = allowed[1, 0, 2] = False
    return ColumnMasks(allowed, context(np.arange(COLUMNS_LONG), COLUMNS_LONG))


def held_masks(*, masked: bool) -> ColumnMasks:
    """Nothing is held at the start."""
    constraints = column_masks(masked=masked)
    constraints.allowed[0, :, 2] = False
    return constraints


def everything(constraints: Constraints) -> list[Sequence]:
    """Every sequence of the tiny world that keeps the constraints."""
    alphabet = np.array(list(itertools.product(range(3), range(3))), dtype=np.int32)
    found: list[Sequence] = []

    def grow(step: int, chosen: list[int], places: list[int]) -> None:
        if step == constraints.end:
            steps = np.array(places, dtype=np.int32)
            columns = {name: column[steps] for name, column in constraints.context.items()}
            found.append(Sequence(alphabet[chosen], steps, columns))
            return
        allowed = constraints.allows(step, alphabet)
        lengths = constraints.advance(alphabet)
        for k in np.flatnonzero(allowed & (lengths > 0) & (step + lengths <= constraints.end)):
            grow(step + int(lengths[k]), [*chosen, int(k)], [*places, step])

    grow(0, [], [])
    return found


def made(cls: type[Generator], data: list[Sequence], **options: object) -> Generator:
    names = {field.name for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
    return cls(**{name: value for name, value in options.items() if name in names}).fit(data)


TINY = {  # a network for three values, and as many particles as make its approximation look exact
    **dict.fromkeys(("hidden", "width"), 8),
    **dict.fromkeys(("layers", "depth"), 1),
    **dict.fromkeys(("reach", "below"), 2),
    **{"steps": 10, "every": 10, "batch": 8, "window": 3, "widen": 0, "particles": 32},
    "features": ("position", "cadence"),
}
WORLDS = {
    "runs": (runs, run_masks, {}),
    "columns": (columns, column_masks, {}),
    "columns, serial": (columns, column_masks, {"serial": True}),
    "no features": (runs, run_masks, {"features": ()}),
    "order 1": (runs, run_masks, {"order": 1}),
    "order 2": (columns, column_masks, {"order": 2, "serial": True}),
    "order 5": (runs, run_masks, {"order": 5}),
    "features first": (runs, run_masks, {"nearest": 0}),
    "open": (columns, column_masks, {"base": "unigram"}),
    "features last": (columns, column_masks, {"order": 5, "nearest": 4, "serial": True}),
    "adapted": (runs, run_masks, {"order": 3}),
    "adapted, serial": (columns, column_masks, {"order": 3, "serial": True}),
    "held": (held, held_masks, {"hold": 2, "silence": 0, "sweeps": 10}),
    "held, longer lags": (held, held_masks, {"hold": 2, "silence": 0, "sweeps": 10, "lags": (1, 2)}),
    "frames": (columns, column_masks, TINY | {"hold": None}),
    "frames, held": (held, held_masks, TINY | {"hold": 2}),
    "nothing held": (columns, column_masks, {"hold": None, "silence": None, "harmony": "", "sweeps": 10}),
}
COLUMNS = {"maxent": "held", "biaxial": "frames, held"}  # what writes columns of a grid alone, and a world of it
LARGE = {"biaxial"}  # what is too large for these worlds unless they say its size
APPROXIMATE = {"biaxial"}  # inside constraints: what has no probability there, but samples
each_class = pytest.mark.parametrize("cls", CLASSES)
each_world = pytest.mark.parametrize("world", WORLDS)
in_one_worker = pytest.mark.xdist_group("conditioned")  # which enumerates each world once


@functools.cache
def build(cls: type[Generator], world: str) -> tuple[Generator, object, list[Sequence]]:
    data, masks, options = WORLDS[world]
    names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if (data is runs and cls.name in COLUMNS) or not options.keys() <= names or (cls.name in LARGE and not options):
        pytest.skip("another generator's world")
    sequences = data(np.random.default_rng(0), 60)
    if world.startswith("adapted"):
        known = [sequence for sequence in sequences if (sequence.events[:, 0] < 2).all()]
        generator = made(cls, known, **options)
        if not isinstance(generator, Online):
            pytest.skip("does not learn while it plays")
        return generator.adapted(sequences, np.linspace(0.0, 2.0, 60).tolist()), masks, sequences
    return made(cls, sequences, **options), masks, sequences


@functools.cache
def conditioned(cls: type[Generator], world: str, masked: bool) -> tuple[list[Sequence], np.ndarray]:
    """Every sequence that keeps the constraints, and the logarithm of its probability inside them."""
    generator, masks, _ = build(cls, world)
    if not isinstance(generator, Exact):
        pytest.skip("has no exact likelihood")
    constraints = masks(masked=masked)
    worlds = everything(constraints)
    if cls.name in APPROXIMATE:
        with pytest.raises(Unsupported):
            generator.log_prob(worlds[0], constraints)
        free = np.array([generator.log_prob(sequence).sum() for sequence in worlds])
        return worlds, free - np.logaddexp.reduce(free)
    with pytest.MonkeyPatch.context() as patch:
        if isinstance(generator, Markov):
            walk = generator.walk(constraints)
            patch.setattr(generator, "walk", lambda _: walk)  # the same for all sequences
        return worlds, np.array([generator.log_prob(sequence, constraints).sum() for sequence in worlds])


@each_class
def test_hyperparameters_are_fields_and_init_only_stores(cls: type[Generator]) -> None:
    assert dataclasses.is_dataclass(cls)
    generator = cls()
    learned = [field.name for field in dataclasses.fields(cls) if not field.init]
    assert all(name.endswith("_") and getattr(generator, name, None) is None for name in learned)
    assert generator.name in GENERATORS


@each_class
@each_world
def test_fit_returns_itself_and_sampling_is_seeded(cls: type[Generator], world: str) -> None:
    built, masks, sequences = build(cls, world)
    generator = copy(built)
    assert generator.fit(sequences) is generator
    constraints = masks(masked=True)
    draw = [generator.sample(constraints, n=20, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert draw[0] == draw[1]
    assert draw[0] != draw[2]


@each_class
@each_world
def test_saved_and_loaded_it_answers_bit_for_bit(cls: type[Generator], world: str) -> None:
    generator, masks, sequences = build(cls, world)
    arrays, metadata = generator.arrays()
    loaded = cls.from_arrays(load(save(arrays)), json.loads(json.dumps(metadata)))
    assert save(loaded.arrays()[0]) == save(arrays)
    assert loaded.arrays()[1] == metadata
    constraints = masks(masked=True)
    pair = [g.sample(constraints, n=5, rng=np.random.default_rng(3)) for g in (generator, loaded)]
    assert pair[0] == pair[1]
    if isinstance(generator, Exact):
        assert (loaded.log_prob(sequences[0]) == generator.log_prob(sequences[0])).all()
    if isinstance(generator, Pseudo):
        assert (loaded.pseudo_log_prob(sequences[0]) == generator.pseudo_log_prob(sequences[0])).all()


@each_class
@each_world
@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_constraints_hold_in_every_sample(cls: type[Generator], world: str, temperature: float) -> None:
    generator, masks, _ = build(cls, world)
    constraints = masks(masked=True)
    for sequence in generator.sample(constraints, n=100, temperature=temperature, rng=np.random.default_rng(4)):
        lengths = constraints.advance(sequence.events)
        assert sequence.steps[0] == 0
        assert (sequence.steps[1:] == (sequence.steps + lengths)[:-1]).all()
        assert sequence.steps[-1] + lengths[-1] == constraints.end
        for step, event in zip(sequence.steps.tolist(), sequence.events, strict=True):
            assert constraints.allows(step, event[None]).all()


@each_class
@each_world
def test_probabilities_of_all_columns_sum_to_one(cls: type[Generator], world: str) -> None:
    """Every sequence of a fixed number of events, enumerated over the alphabet."""
    generator, _, _ = build(cls, world)
    if not isinstance(generator, Exact):
        pytest.skip("has no exact likelihood")
    alphabet = np.array(list(itertools.product(range(3), range(3))), dtype=np.int32)
    steps = np.arange(3, dtype=np.int32)
    total = sum(
        np.exp(generator.log_prob(Sequence(alphabet[list(chosen)], steps, context(steps))).sum())
        for chosen in itertools.product(range(len(alphabet)), repeat=3)
    )
    assert total == pytest.approx(1.0, abs=1e-9)


@each_class
@each_world
@pytest.mark.parametrize("masked", [False, True])
@in_one_worker
def test_sampler_agrees_with_its_log_prob(cls: type[Generator], world: str, masked: bool) -> None:
    """Chi-square of 5,000 samples against the enumerated probabilities, which sum to 1."""
    worlds, inside = conditioned(cls, world, masked)
    generator, masks, _ = build(cls, world)
    p, constraints = np.exp(inside), masks(masked=masked)
    assert p.sum() == pytest.approx(1.0, abs=1e-9)
    n = 5_000
    drawn = Counter(s.events.tobytes() for s in generator.sample(constraints, n=n, rng=np.random.default_rng(5)))
    observed = np.array([drawn.pop(sequence.events.tobytes(), 0) for sequence in worlds])
    assert not drawn
    assert (observed[p == 0] == 0).all()
    common = p * n >= 5
    expected = np.append(p[common], p[~common].sum()) * n
    counted = np.append(observed[common], observed[~common].sum())
    kept = expected > 0
    statistic = ((counted[kept] - expected[kept]) ** 2 / expected[kept]).sum()
    freedom = kept.sum() - 1
    assert statistic < freedom + 4 * np.sqrt(2 * freedom) + 4


@each_class
@each_world
@pytest.mark.parametrize("masked", [False, True])
@in_one_worker
def test_conditioning_is_exact(cls: type[Generator], world: str, masked: bool) -> None:
    """p(sequence | constraints) is p(sequence) over the sum of all that keep them, at every order."""
    if cls.name in APPROXIMATE:
        pytest.skip("samples inside constraints, approximately")
    worlds, inside = conditioned(cls, world, masked)
    generator, _, _ = build(cls, world)
    free = np.array([generator.log_prob(sequence).sum() for sequence in worlds])
    assert np.allclose(inside, free - np.log(np.exp(free).sum()), rtol=0, atol=1e-9)


def begins(column: np.ndarray, hold: int | None) -> np.ndarray:
    """(T,) where something begins: where values are held, not at a hold, nor at a silence, 0, after a silence."""
    silent = column == 0
    return (column != hold) & ~(silent & np.append(False, silent[:-1])) | (hold is None)


@each_class
@each_world
def test_cells_given_all_others_are_those_that_are_drawn(cls: type[Generator], world: str) -> None:
    """With all but one cell given, and where others begin, samples of it are as often what the sequence has as its
    pseudo-likelihood says.
    """
    generator, masks, sequences = build(cls, world)
    if not isinstance(generator, Pseudo):
        pytest.skip("has no pseudo-likelihood")
    sequence, constraints = sequences[0], masks(masked=False)
    expected, hold = generator.pseudo_log_prob(sequence), getattr(generator, "hold", None)
    for step in (0, 2):
        nats = 0.0
        for voice in range(2):
            allowed = constraints.allowed & (np.arange(3) == sequence.events[:, :, None])
            allowed[step, voice] = constraints.allowed[step, voice]
            drawn = generator.sample(replace(constraints, allowed=allowed), n=800, rng=np.random.default_rng(6))
            elsewhere = np.arange(COLUMNS_LONG) != step
            begun = begins(sequence.events[:, voice], hold)[elsewhere]
            alike = [s for s in drawn if (begins(s.events[:, voice], hold)[elsewhere] == begun).all()]
            nats += np.log(np.mean([s.events[step, voice] == sequence.events[step, voice] for s in alike]))
        assert nats == pytest.approx(expected[step], abs=0.3)


@each_class
def test_sequences_of_another_shape_are_refused_in_one_line(cls: type[Generator]) -> None:
    if cls.name not in COLUMNS:
        pytest.skip("writes any events")
    wide = [replace(s, events=np.tile(s.events, 60)) for s in columns(np.random.default_rng(0), 3)]
    for data in (runs(np.random.default_rng(0), 5), wide):
        with pytest.raises(UsageError, match="voices") as error:
            cls().fit(data)
        assert "\n" not in str(error.value)


@each_class
@each_world
def test_what_nothing_can_satisfy_is_infeasible_and_says_where(cls: type[Generator], world: str) -> None:
    generator, masks, _ = build(cls, world)
    constraints = masks(masked=False)
    name = "starts" if isinstance(constraints, RunMasks) else "allowed"
    table = getattr(constraints, name).copy()
    table[2] = False
    extra = {"holds": np.zeros((STEPS, 3), dtype=bool)} if name == "starts" else {}
    blocked = replace(constraints, **{name: table}, **extra, place=lambda step: f"the spot {step}")
    with pytest.raises(Infeasible, match="the spot 2"):
        generator.sample(blocked, rng=np.random.default_rng(0))


@each_class
def test_events_never_seen_have_no_probability(cls: type[Generator]) -> None:
    generator, _, sequences = build(cls, COLUMNS.get(cls.name, "runs"))
    if not isinstance(generator, Exact):
        pytest.skip("has no exact likelihood")
    events = sequences[0].events.copy()
    events[0, 0] = 99
    log_prob = generator.log_prob(replace(sequences[0], events=events))
    assert log_prob[0] == -np.inf
    assert np.isfinite(log_prob[1:]).all()


@each_class
@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_foreign_arrays_are_read_errors(cls: type[Generator], data: st.DataObject) -> None:
    """Arrays of the wrong shape, type or content give a ReadError, or a generator that samples."""
    worlds = [COLUMNS[cls.name]] if cls.name in COLUMNS else ["columns, serial", "adapted, serial"]
    generator, masks, _ = build(cls, data.draw(st.sampled_from(worlds)))
    arrays, metadata = generator.arrays()
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = np.array(arrays[name])
    kind = data.draw(st.sampled_from(["drop", "value", "shape", "type", "cut"]))
    if kind == "value":
        array.flat[data.draw(st.integers(0, array.size - 1))] = data.draw(st.integers(0, 127))
    elif kind == "shape":
        array = array[None]
    elif kind == "type":
        array = array.astype(data.draw(st.sampled_from([np.float32, np.int8, np.bool_, np.int64])))
    elif kind == "cut":
        array = array[: data.draw(st.integers(0, len(array) - 1))]
    changed = {key: value for key, value in {**arrays, name: array}.items() if kind != "drop" or key != name}
    try:
        loaded = cls.from_arrays(changed, metadata)
    except ReadError:
        return
    try:
        loaded.sample(masks(masked=True), rng=np.random.default_rng(0))
    except ComposerError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right, a traceback is not
