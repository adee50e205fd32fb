"""The maximum-entropy family against its energy, written out, and every grid of a tiny world, enumerated."""

from dataclasses import replace

import numpy as np
import pytest
from generators.grids import (
    HELD,
    HOLD,
    MODELS,
    PLAIN,
    SILENCE,
    VALUES,
    Grid,
    distribution,
    energy,
    grids,
    heard,
    kept,
    masks,
    model,
    sequence,
    some,
)

from composer.errors import Infeasible
from composer.generators.gibbs import Chains
from composer.generators.maxent import Maxent
from composer.generators.pseudolikelihood import Cells
from composer.generators.voice import Voice
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Between

# --- pseudo-likelihood --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_each_cell_given_all_others_is_what_the_energy_says(name: str) -> None:
    voices, options = MODELS[name]
    made = model(voices, **options)
    for grid in some(made, 4):
        expected = np.zeros(len(grid))
        for step, voice in np.ndindex(len(grid), voices):
            others = {_with(made, grid, step, voice, value) for value in (*VALUES, made.hold)} - {None}
            nats = np.array([energy(made, other) for other in others if other is not None])
            expected[step] += energy(made, grid) - np.log(np.exp(nats - nats.max()).sum()) - nats.max()
        assert np.allclose(made.pseudo_log_prob(sequence(grid)), expected, atol=1e-4)


def _with(made: Maxent, grid: Grid, step: int, voice: int, value: int | None) -> Grid | None:
    """The grid in which a value is struck in a cell, or ``hold`` goes on there, and so through all that is held behind
    it; None if that is no grid, or a silence would be struck after a silence.
    """
    line = heard(grid, made.hold, made.silence)
    assert line is not None
    own = line[voice]
    end = next((later for later in range(step + 1, len(grid)) if own[later][1]), len(grid))
    if value == made.hold and (made.hold is None or step == 0):
        return None
    before = own[step - 1][0] if step else None
    value, strikes = (before, False) if value == made.hold else (value, True)
    after = own[end][0] if end < len(grid) else None
    twice = value == made.silence is not None and (after == value or (strikes and before == value))
    if made.hold is not None and twice:
        return None
    rest = [value if value == made.silence else made.hold] * (end - step - strikes)
    column = [
        *(line[voice] for line in grid[:step]),
        *([value] * strikes),
        *rest,
        *(line[voice] for line in grid[end:]),
    ]
    return tuple((*at[:voice], new, *at[voice + 1 :]) for at, new in zip(grid, column, strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_is_that_of_the_cost(name: str) -> None:
    voices, options = MODELS[name]
    made = model(voices, scale=0.3, **options)
    pieces = [made._grid(sequence(grid)) for grid in some(made, 8)]
    rng = np.random.default_rng(2)
    for voice in range(voices):
        cells = Cells(made.family_, voice, pieces)
        gradient = cells.cost(made.theta_)[1][:-1]
        for direction in rng.normal(size=(5, made.family_.size)):
            ahead, back = (made.theta_ + sign * 1e-3 * np.append(direction, 0) for sign in (1, -1))
            slope = (cells.cost(ahead)[0] - cells.cost(back)[0]) / 2e-3  # theta of 64 bits
            assert slope == pytest.approx(gradient @ direction, rel=2e-3, abs=2e-3)


def test_training_finds_what_the_data_lean_on() -> None:
    """Two voices, of which the second is always the first's third value up: the cells come close to certain."""
    rng = np.random.default_rng(3)
    heard = []
    for _ in range(40):
        top = rng.integers(0, 2, 8)
        heard.append(sequence(tuple((VALUES[1 + k], VALUES[2 - k]) for k in top.tolist())))
    made = Maxent(hold=None, fields=("a",), harmony="", iterations=60).fit(heard)
    untrained = 2 * np.log(0.5)
    assert np.mean([made.pseudo_log_prob(piece).mean() for piece in heard]) > untrained / 20
    assert made.fitted_.converged or made.fitted_.iterations == 60


# --- sampling -----------------------------------------------------------------------------------------------------


class EvenStrikes:
    """Voice ``dim`` is struck an even number of times, and its preferences lean against value 5."""

    def __init__(self, dim: int = 0) -> None:
        self.dim = dim

    def follow(self, step: int, states: np.ndarray, events: np.ndarray, part: int | None) -> tuple:
        values = events[:, 0 if events.shape[1] == 1 else self.dim]
        return (states[:, None] + (values != HOLD)) % 2, np.broadcast_to(
            -0.7 * (values == 5), (len(states), len(values))
        )

    def at_end(self, states: np.ndarray) -> np.ndarray:
        return np.where(states == 0, 0.0, -np.inf)

    def alone(self, dim: int) -> "EvenStrikes | None":
        return EvenStrikes() if dim == self.dim else None


class Fading:
    """A 5 in voice ``dim`` may not be held from step 2 on: what may come, what sounds says."""

    def __init__(self, dim: int = 0) -> None:
        self.dim = dim

    def follow(self, step: int, states: np.ndarray, events: np.ndarray, part: int | None) -> tuple:
        values = np.broadcast_to(events[:, 0 if events.shape[1] == 1 else self.dim], (len(states), len(events)))
        held = np.where((states[:, None] == 1) & (step > 1), -1, states[:, None])
        return np.where(values == HOLD, held, values == 5).astype(np.int64), None

    def at_end(self, states: np.ndarray) -> np.ndarray:
        return np.zeros(len(states))

    def alone(self, dim: int) -> "Fading | None":
        return Fading() if dim == self.dim else None


def masked(steps: int, voices: int, **said: object) -> ColumnMasks:
    constraints = masks(steps, voices, **said)
    constraints.allowed[1, 0, 3] = constraints.allowed[-1, -1, SILENCE] = False
    return constraints


def preferring(steps: int, voices: int) -> ColumnMasks:
    return masks(steps, voices, costs=np.random.default_rng(4).exponential(size=(steps, voices, HOLD + 1)))


def given(steps: int, voices: int, value: int, step: int = 1) -> ColumnMasks:
    column = np.full(voices, -1, dtype=np.int32)
    column[0] = value
    constraints = masks(steps, voices, given={step: column})
    constraints.allowed[step, 0] = np.arange(HOLD + 1) == value
    return constraints


def half_given(steps: int, **said: object) -> ColumnMasks:
    """One voice, of which only the last steps are free."""
    column = [3, HOLD, 5, *[-1] * (steps - 3)]
    constraints = masks(
        steps, 1, given={step: np.array([value], np.int32) for step, value in enumerate(column[:3])}, **said
    )
    for step, value in enumerate(column[:3]):
        constraints.allowed[step, 0] = np.arange(HOLD + 1) == value
    return constraints


def no_parallels(steps: int, voices: int, upper: int = 0, lower: int = 1) -> ColumnMasks:
    """Voices may not make a third upside down, nor move together from and to the same interval."""

    def breaks(step: int, upper0: np.ndarray, lower0: np.ndarray, upper1: np.ndarray, lower1: np.ndarray) -> np.ndarray:
        moved = (upper0 != upper1) & (lower0 != lower1) & (upper1 - lower1 == upper0 - lower0)
        return (upper1 == 3) & (lower1 == 5) | moved & (step > 0)

    kinds = np.minimum(np.arange(steps), 1)
    return masks(steps, voices, between=(Between(upper, lower, breaks, kinds, HOLD),))


def no_thirds(steps: int, voices: int, voice: int) -> ColumnMasks:
    """A voice may not go from 3 to 5, but at the second step."""

    def breaks(step: int, upper0: np.ndarray, lower0: np.ndarray, upper1: np.ndarray, lower1: np.ndarray) -> np.ndarray:
        return (upper0 == 3) & (lower1 == 5) & (step != 1)

    kinds = (np.arange(steps) == 1).astype(np.int64)
    return masks(steps, voices, between=(Between(voice, voice, breaks, kinds, HOLD),))


EVEN = {"scale": 0.4, "sweeps": 25}  # what chains find their way about in, though much is forbidden
WORLDS = {
    "one voice": (1, masks(5, 1), {}),
    "one voice, an automaton": (1, masked(5, 1, machine=EvenStrikes()), {}),
    "one voice, longer lags": (1, masked(5, 1), {"lags": (1, 3)}),
    "one voice, longer lags and an automaton": (1, masked(5, 1, machine=EvenStrikes()), {"lags": (1, 2)} | EVEN),
    "one voice, longer lags, what is held": (1, masked(5, 1, machine=Fading()), {"lags": (1, 2)} | EVEN),
    "one voice, longer lags, half given": (1, half_given(7, machine=Fading()), {"lags": (1, 2)} | EVEN),
    "one voice, no holds": (1, masked(6, 1), {"hold": None, "lags": (1, 2)}),
    "one voice, preferences": (1, preferring(4, 1), {}),
    "one voice, given": (1, given(4, 1, 5, step=2), {}),
    "one voice, a given hold": (1, given(4, 1, HOLD, step=2), {}),
    "two voices": (2, masked(3, 2), {}),
    "two voices, an automaton": (2, masked(3, 2, machine=EvenStrikes(1)), {}),
    "two voices, what is held": (2, masked(3, 2, machine=Fading(1)), {}),
    "two voices, preferences": (2, preferring(3, 2), {}),
    "two voices, given": (2, given(3, 2, 3), {}),
    "two voices, a rule": (2, no_parallels(3, 2), EVEN),
    "two voices, no holds": (2, masked(3, 2), {"hold": None, "lags": (1, 2)}),
    "two voices, no holds, a rule": (2, no_parallels(3, 2), {"hold": None} | EVEN),
    "one voice, a rule of its own": (1, no_thirds(5, 1, 0), {}),
    "one voice, longer lags, a rule of its own": (1, no_thirds(5, 1, 0), {"lags": (1, 2)} | EVEN),
    "one voice, no holds, a rule of its own": (1, no_thirds(6, 1, 0), {"hold": None}),
    "two voices, a rule of one": (2, no_thirds(3, 2, 1), EVEN),
    "three voices": (3, masked(2, 3), {"sweeps": 60}),
    "three voices, no holds": (3, masked(2, 3), {"hold": None}),
    "three voices, a rule": (3, no_parallels(2, 3, 1, 2), EVEN),
}


@pytest.mark.parametrize("temperature", [0.7, 2.0])
@pytest.mark.parametrize("name", WORLDS)
def test_samples_are_those_of_the_enumerated_distribution(
    name: str, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("composer.generators.maxent.TOGETHER", 1_000)
    voices, constraints, options = WORLDS[name]
    made = model(voices, **options)
    hot = replace_theta(made, temperature)
    expected = distribution(hot, constraints, PLAIN if made.hold is None else HELD)
    drawn = made.sample(constraints, n=4_000, temperature=temperature, rng=np.random.default_rng(5))
    assert_drawn_from(expected, [tuple(map(tuple, found.events.tolist())) for found in drawn])


def test_many_voices_are_drawn_a_stretch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stretch ends with is held on behind it, and the other voices hear that."""
    monkeypatch.setattr("composer.generators.gibbs.STRETCH", 1)
    monkeypatch.setattr("composer.generators.maxent.TOGETHER", 1_000)
    made, constraints = model(2, scale=1.2, sweeps=80), masks(3, 2)
    drawn = made.sample(constraints, n=4_000, rng=np.random.default_rng(5))
    found = [tuple(map(tuple, sequence.events.tolist())) for sequence in drawn]
    assert_drawn_from(distribution(made, constraints, HELD), found)


def replace_theta(made: Maxent, temperature: float) -> Maxent:
    """The same model with every energy divided; what preferences add stays as it is."""
    arrays, metadata = made.arrays()
    return Maxent.from_arrays(arrays | {"theta": (arrays["theta"] / temperature).astype(np.float32)}, metadata)


def assert_drawn_from(expected: dict[Grid, float], drawn: list[Grid]) -> None:
    """Chi-square over the grids that are common, and all others together."""
    counted = dict.fromkeys(expected, 0)
    for grid in drawn:
        assert grid in counted
        counted[grid] += 1
    p, observed = np.array(list(expected.values())) * len(drawn), np.array(list(counted.values()))
    common = p >= 5
    wanted, found = (np.append(table[common], table[~common].sum()) for table in (p, observed))
    wanted, found = wanted[wanted > 0], found[wanted > 0]
    freedom = len(wanted) - 1
    assert freedom > 3
    assert ((found - wanted) ** 2 / wanted).sum() < freedom + 4 * np.sqrt(2 * freedom) + 4


def test_one_voice_is_drawn_without_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.generators.gibbs.Chains.sweep", lambda self: pytest.fail("swept"))
    model(1).sample(masks(5, 1), n=20, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("machine", "plain"), [(None, True), (Fading(), True), (EvenStrikes(), False)])
def test_a_machine_that_what_sounds_can_tell_needs_no_classes(machine: object, plain: bool) -> None:
    chains = model(1)._chains(masked(5, 1, machine=machine), 1, 1.0, np.random.default_rng(0))
    assert [voice.plain for voice in chains.voices] == [plain]


def test_what_is_given_is_not_drawn() -> None:
    chains = model(1, lags=(1, 2))._chains(half_given(9), 1, 1.0, np.random.default_rng(0))
    stretches = [chains.stretches(chains.voices[0]) for _ in range(20)]
    drawn = [set((starts[:, None] + np.arange(length)).ravel()) for sweep in stretches for starts, length in sweep]
    assert set.union(*drawn) >= set(range(3, 9))
    assert not set.union(*drawn) & {0, 1}


def test_what_stands_behind_a_stretch_is_as_if_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept from stretch to stretch of a draw, which change what it was read from."""
    kept_tail, asked = Chains.tail, []

    def tail(chains: Chains, voice: Voice, step: int) -> np.ndarray:
        found = kept_tail(chains, voice, step)
        tails, chains._tails = chains._tails, [np.ones((chains.n, 1))]
        np.testing.assert_array_equal(found, kept_tail(chains, voice, step))
        chains._tails = tails
        asked.append(step)
        return found

    monkeypatch.setattr(Chains, "tail", tail)
    made = model(1, lags=(1, 2), scale=0.4, sweeps=25)
    made.sample(masked(8, 1, machine=EvenStrikes()), n=30, rng=np.random.default_rng(0))
    assert len(set(asked)) > 3


def test_draws_do_not_lean_on_each_other() -> None:
    """Of two grids drawn side by side, and one after another, the sounds agree as often as those of far ones."""
    made, constraints = model(2), masks(4, 2)
    drawn = np.array([found.events for found in made.sample(constraints, n=1_600, rng=np.random.default_rng(6))])
    agree = [(drawn == np.roll(drawn, shift, axis=0)).mean(axis=(1, 2)) for shift in (1, 16, 800)]
    error = np.std(agree[2]) * np.sqrt(2 / len(drawn))
    assert abs(agree[0].mean() - agree[2].mean()) < 4 * error
    assert abs(agree[1].mean() - agree[2].mean()) < 4 * error


# --- what training never showed -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1, 7, 8])
def test_given_values_that_it_never_saw_stand_and_the_rest_follows_the_nearest(value: int) -> None:
    """8 sounds like 5 here, if nothing of its class modulo 12 is known."""
    made = model(2)
    near = min((k for k in VALUES if k != SILENCE), key=lambda k: abs(k - value))
    unknown, known = (made.sample(given(4, 2, v), n=40, rng=np.random.default_rng(7)) for v in (value, near))
    assert all(found.events[1, 0] == value for found in unknown)
    for one, other in zip(unknown, known, strict=True):
        assert (np.delete(one.events, 1, axis=0) == np.delete(other.events, 1, axis=0)).all()


def test_given_values_of_a_known_class_sound_like_it() -> None:
    heard = [sequence(((1, 1), (4, 4), (13, 13))) for _ in range(5)]
    made = Maxent(hold=HOLD, fields=("a",), rhythms=("b",), harmony="a", iterations=1).fit(heard)
    made.theta_ = np.append(np.random.default_rng(0).normal(size=made.family_.size), 0).astype(np.float32)
    wide = masks(3, 2)
    allowed = np.concatenate([wide.allowed, np.ones((3, 2, 40), dtype=bool)], axis=2)
    drawn = {}
    for value in (16, 4, 13):
        column = np.array([value, -1], dtype=np.int32)
        allowed[1, 0] = np.arange(50) == value
        constraints = replace(wide, allowed=allowed.copy(), given={1: column})
        found = made.sample(constraints, n=30, rng=np.random.default_rng(8))
        assert all(one.events[1, 0] == value for one in found)
        drawn[value] = [one.events[:, 1].tolist() for one in found]
    assert drawn[16] == drawn[4] != drawn[13]


def test_unknown_labels_say_nothing() -> None:
    made = model(2)
    strange = replace(masks(4, 2), context={name: np.full(4, 77, np.int32) for name in ("a", "b")})
    assert len(made.sample(strange, n=3, rng=np.random.default_rng(0))) == 3


# --- what nothing can keep ----------------------------------------------------------------------------------------


def test_rules_that_nothing_keeps_are_infeasible_in_one_line() -> None:
    def breaks(step: int, *values: np.ndarray) -> np.ndarray:
        return np.ones(np.broadcast_shapes(*(value.shape for value in values)), dtype=bool)

    rule = Between(0, 1, breaks, np.zeros(4, dtype=np.int64), HOLD)
    with pytest.raises(Infeasible, match=r"forbidden between voices is still there.*forbid less") as error:
        model(2).sample(masks(4, 2, between=(rule,)), rng=np.random.default_rng(0))
    assert "\n" not in str(error.value)


def test_an_automaton_that_nothing_passes_says_where() -> None:
    constraints = masks(3, 1, machine=EvenStrikes())
    constraints.allowed[:, 0, HOLD] = False
    with pytest.raises(Infeasible):
        model(1).check(constraints)


@pytest.mark.parametrize("temperature", [0.05, 20.0])
def test_extreme_temperatures_neither_underflow_nor_break_constraints(temperature: float) -> None:
    made = model(2, scale=6.0)
    constraints = masked(40, 2, machine=EvenStrikes(1))
    for found in made.sample(constraints, n=5, temperature=temperature, rng=np.random.default_rng(0)):
        assert kept(constraints, tuple(map(tuple, found.events.tolist()))) > -np.inf


def test_the_enumeration_counts_what_there_is() -> None:
    """Of one voice of two steps: a value, and one of all or, after a note, a hold."""
    made, constraints = model(1), masks(2, 1)
    assert len(distribution(made, constraints, HELD)) == 3 * 3 + 2
    assert len(list(grids(2, 1, HELD))) == 16
