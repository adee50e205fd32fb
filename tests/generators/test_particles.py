"""Drawing inside constraints: the weights exactly, without any chance, and then what is drawn, by counting."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from biaxial_world import (
    BITS,
    CELLS,
    HOLD,
    LINE,
    LINES,
    ROLL,
    WORLDS,
    apart,
    context,
    each_world,
    everything,
    everywhere,
    inside,
    masks,
    model,
    nats_of,
    sequence,
)
from numpy.typing import NDArray
from world import chi_square

from composer.errors import Infeasible
from composer.generators import entries
from composer.generators.biaxial import Biaxial
from composer.generators.entries import Entries
from composer.generators.frames import HELD, SILENT, Frame, Frames
from composer.generators.lookahead import Lines
from composer.generators.particles import Cloud, Particles
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Between, Machine, Sequence

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


# --- weights ----------------------------------------------------------------------------------------------------------


VALUE = 50  # what is said of how an entry sounds begins here; below, which does


class Followed(Particles):
    """A particle for each of some frames (N, T, P, V), made to draw it; ``q`` is the chance of that, in nats."""

    def aim(self, frames: Frame) -> None:
        self.frames, self.q = frames, np.zeros(len(frames))

    def advance(self, cloud: Cloud, step: int) -> None:
        self.asked = np.zeros(len(self.frames), dtype=np.int64)
        flat = self.frames[:, step].reshape(len(self.frames), -1)
        sounding = np.argsort(flat == SILENT, axis=1, kind="stable")
        at = np.arange(flat.shape[1])
        self.entry = np.where(at < (flat != SILENT).sum(axis=1)[:, None], sounding, flat.shape[1])
        self.entry = np.column_stack([self.entry, np.full(len(flat), flat.shape[1])])
        self.value = np.column_stack([flat, np.zeros(len(flat), dtype=np.uint8)])
        super().advance(cloud, step)

    def _uniform(self, cloud: Cloud, active: Ints) -> Floats:
        entry = self.entry[active, self.asked[active]]
        self.asked[active] += 1
        value = VALUE + (self.value[active, entry] != HELD)
        return (active[:, None] * 100 + np.column_stack([entry, value])).astype(float)

    def drawn(self, mass: Floats, said: Floats) -> tuple[Ints, Floats]:
        """In the place of a chance draw: what was said, and the whole, unless it cannot be drawn."""
        rows, column = np.divmod(said.astype(np.int64), 100)
        column -= VALUE if (column >= VALUE).any() else self.frames[0, 0].size + 1 - mass.shape[1]
        share, total = mass[np.arange(len(mass)), column], np.logaddexp.reduce(mass, axis=1)
        self.q[rows] += np.where(np.isneginf(share), -np.inf, share - np.where(np.isneginf(total), 0.0, total))
        return column, np.where(np.isneginf(share), -np.inf, total)

    def _chosen(self, cloud: Cloud) -> Ints:
        self.w = cloud.weights[:, 0]
        return super()._chosen(cloud)

    def _revive(self, cloud: Cloud, saved: object, lost: Ints, step: int, place: object) -> None:
        for way in cloud.ways:
            way[lost] = 0


def weigh(
    made: Biaxial,
    constraints: ColumnMasks,
    every: list[Sequence],
    nats: Floats,
    kept: Bools,
    temperature: float = 1.0,
    whole: bool = True,
) -> None:
    """The chance of drawing each sequence, times the weight that it then has, is its probability."""
    ahead = made._ahead(constraints)
    lines = ahead if isinstance(ahead, Lines) else None
    how = Entries(made.frames_, temperature, made.conservativity, constraints.between, lines)
    labels = made._labels(constraints.context, constraints.end)
    particles = Followed(made.net_, ahead, how, labels, made.width_, 1)
    particles.aim(np.stack([made.frames_.of(each.events)[0] for each in every]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "_drawn", particles.drawn)
        events = particles.draw([np.random.default_rng(0)] * len(every), str)
    found = particles.q + particles.w
    assert ((found > -np.inf) == kept).all()
    assert found[kept] == pytest.approx(nats[kept], abs=1e-4)
    assert (events[kept] == np.stack([each.events for each in every])[kept]).all()
    if whole and not constraints.between:
        assert np.logaddexp.reduce(particles.q[kept]) == pytest.approx(0.0, abs=1e-6)  # it draws nothing else


def some(frames: Frames, steps: int, seed: int, share: float = 0.75, **said: object) -> ColumnMasks:
    """Constraints that forbid what chance says, and prefer something."""
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 3, (steps, frames.width, HOLD + 1)) * 0.7
    found = masks(frames, steps, costs=costs, **said)
    found.allowed[:] = rng.random(found.allowed.shape) < share
    return found


@pytest.mark.parametrize("seed", range(3))
@each_world
def test_weights_of_masks_and_preferences(name: str, seed: int) -> None:
    frames, steps = WORLDS[name]
    made = model(frames, seed)
    every, nats = everywhere(made, steps)
    done = 0
    for number in range(4):
        constraints = some(frames, steps, 10 * seed + number, share=(0.5, 0.65, 0.8, 1.0)[number])
        kept, preferred = inside(constraints, every)
        if kept.any():
            weigh(made, constraints, every, nats + preferred, kept)
            done += 1
    assert done


@pytest.mark.parametrize(("temperature", "conservativity"), [(0.6, 1.0), (1.7, 1.0), (1.0, 2.5), (0.8, 0.5)])
@each_world
def test_weights_at_other_temperatures(name: str, temperature: float, conservativity: float) -> None:
    frames, steps = WORLDS[name]
    made = model(frames, conservativity=conservativity)
    every, nats = everywhere(made, steps, temperature)
    constraints = some(frames, steps, 3)
    kept, preferred = inside(constraints, every)
    weigh(made, constraints, every, nats + preferred, kept, temperature)


def rests(constraints: ColumnMasks) -> None:
    constraints.allowed[1, 0] = False
    constraints.allowed[1, 0, 0] = True


def never_rests(constraints: ColumnMasks) -> None:
    constraints.allowed[..., 0] = False


def goes_on(constraints: ColumnMasks) -> None:
    constraints.allowed[1, -1] = False
    constraints.allowed[1, -1, HOLD] = True


def sounds_one_pitch(constraints: ColumnMasks) -> None:
    constraints.allowed[:, 0, :5] = False
    constraints.allowed[:, 0, 6:HOLD] = False


def must_sound(constraints: ColumnMasks) -> None:
    constraints.allowed[1, [0, -1], 0] = False


def never_struck(constraints: ColumnMasks) -> None:
    constraints.allowed[1, :, 2] = False


FORCED = [(frames, how) for frames in (LINES, LINE, CELLS) for how in (rests, never_rests, sounds_one_pitch)]
FORCED += [(LINES, goes_on), (LINE, goes_on), (ROLL, must_sound), (BITS, must_sound), (ROLL, never_struck)]


@pytest.mark.parametrize(("frames", "force"), FORCED)
def test_weights_of_what_is_forced(frames: Frames, force: Callable[[ColumnMasks], None]) -> None:
    made = model(frames, seed=5)
    every, nats = everywhere(made, 2)
    constraints = some(frames, 2, 0, share=1.0)
    force(constraints)
    kept, preferred = inside(constraints, every)
    assert 0 < kept.sum() < len(every)
    weigh(made, constraints, every, nats + preferred, kept)


RULES = {
    "beside": [apart(0, 1, 1, 2)],
    "alone": [apart(1, 1, 0, 2)],
    "all": [apart(0, 1, 1, 2), apart(1, 1, 1, 2), apart(0, 0, 1, 2)],
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("frames", [LINES, CELLS])
def test_weights_of_rules_between_lines(frames: Frames, name: str, seed: int) -> None:
    made = model(frames, seed)
    every, nats = everywhere(made, 2)
    constraints = some(frames, 2, seed, share=(0.6, 0.75, 0.9, 1.0)[seed], between=tuple(RULES[name]))
    kept, preferred = inside(constraints, every)
    assert 0 < kept.sum() < len(every)
    weigh(made, constraints, every, nats + preferred, kept)


def test_weights_of_what_is_given_beyond_the_range() -> None:
    """It sounds inside, and rules hear what it is."""
    made = model(LINES, seed=2)
    given = {0: np.array([17, -1], np.int32)}
    constraints = ColumnMasks(np.ones((2, 2, 18), dtype=bool), context(2), between=(apart(0, 1, 13, 2),), given=given)
    constraints.allowed[0, 0, :17] = False
    every = [each for each in everything(LINES, 2) if each.events[0, 0] == 5]
    every = [sequence([(17, each.events[0, 1]), each.events[1]]) for each in every]
    every = [each for each in every if not (each.events[0, 1] == HOLD or list(each.events[:, 1]) == [0, HOLD])]
    kept = inside(constraints, every)[0]
    assert 0 < kept.sum() < len(every)
    weigh(made, constraints, every, nats_of(made, every), kept)


@dataclass(frozen=True)
class Strikes:
    """Each line is struck so many times at the most, likes every one, and likes it that the last is no rest."""

    most: int
    lines: list[int] = field(default_factory=lambda: [0, 1])

    def follow(self, step: int, states: Ints, events: Ints, part: int | None) -> tuple[Ints, Floats]:
        struck = ~np.isin(events[:, 0], [0, HOLD])
        after = states[:, None] + struck
        return np.where(after > self.most, -1, after), np.broadcast_to(0.4 * struck, after.shape)

    def at_end(self, states: Ints) -> Floats:
        return 0.9 * (states == self.most)

    def alone(self, dim: int) -> Machine:
        return self

    def judge(self, events: Ints) -> float:
        struck = (~np.isin(events, [0, HOLD])).sum(axis=0)
        return float((0.4 * struck + 0.9 * (struck == self.most)).sum()) if (struck <= self.most).all() else -np.inf


@pytest.mark.parametrize("frames", [LINES, CELLS, LINE])
def test_weights_of_a_machine(frames: Frames) -> None:
    made, machine = model(frames, seed=3), Strikes(1)
    every, nats = everywhere(made, 2)
    constraints = some(frames, 2, 4, share=0.9, machine=machine)
    kept, preferred = inside(constraints, every)
    judged = np.array([machine.judge(each.events) for each in every])
    assert 0 < (kept & (judged > -np.inf)).sum() < kept.sum()
    weigh(made, constraints, every, nats + preferred + judged, kept & (judged > -np.inf))


def test_drawn_step_by_step_it_says_what_the_likelihood_says() -> None:
    """The state that is kept from step to step is that of the whole."""
    made = model(LINES, seed=4)
    long = made.sample(masks(LINES, 30), rng=np.random.default_rng(2))[0]
    weigh(made, masks(LINES, 30), [long], np.array([made.log_prob(long).sum()]), np.array([True]), whole=False)


# --- samples ----------------------------------------------------------------------------------------------------------


def compare(made: Biaxial, constraints: ColumnMasks, wanted: list[Sequence], nats: Floats, n: int = 400) -> None:
    drawn = Counter(each.events.tobytes() for each in made.sample(constraints, n=n, rng=np.random.default_rng(1)))
    counts = np.array([drawn.pop(each.events.tobytes(), 0) for each in wanted])
    assert not drawn
    assert abs(chi_square(counts, np.exp(nats - np.logaddexp.reduce(nats)))) < 4.5


@each_world
def test_unbound_it_draws_exactly(name: str) -> None:
    frames, steps = WORLDS[name]
    made = model(frames)
    compare(made, masks(frames, steps), *everywhere(made, steps), n=2000)
    assert made.drawn(masks(frames, steps), rng=np.random.default_rng(0))[1] == ""


@each_world
def test_inside_masks_and_preferences_many_particles_are_as_good_as_exact(name: str) -> None:
    frames, steps = WORLDS[name]
    made = model(frames, seed=1, scale=0.3, particles=64)
    constraints = some(frames, steps, 3)
    every, nats = everywhere(made, steps)
    kept, preferred = inside(constraints, every)
    assert 5 < kept.sum() < len(every)
    compare(made, constraints, [s for s, k in zip(every, kept, strict=True) if k], (nats + preferred)[kept])
    assert "effective size" in made.drawn(constraints, rng=np.random.default_rng(0))[1]


@each_world
def test_on_average_particles_weigh_what_all_that_is_allowed_weighs(name: str) -> None:
    frames, steps = WORLDS[name]
    constraints = some(frames, steps, 3)
    every, nats = everywhere(model(frames, seed=1, scale=0.3), steps)
    kept, preferred = inside(constraints, every)
    whole = np.logaddexp.reduce((nats + preferred)[kept])
    made = model(frames, seed=1, scale=0.3, particles=8)
    particles = made._particles(constraints, 1.0)
    particles.draw(np.random.default_rng(1).spawn(200), constraints.where)
    shares = np.exp(particles.masses[0] - whole)
    assert 0.001 < shares.std() < 2
    assert abs(shares.mean() - 1) < 4 * shares.std() / np.sqrt(len(shares))


def test_inside_rules_many_particles_are_as_good_as_exact() -> None:
    made = model(LINES, seed=2, scale=0.3, particles=64)
    constraints = masks(LINES, 2, between=tuple(RULES["all"]))
    every, nats = everywhere(made, 2)
    kept, _ = inside(constraints, every)
    compare(made, constraints, [s for s, k in zip(every, kept, strict=True) if k], nats[kept])


@pytest.mark.parametrize("particles", [4, 8])
def test_where_no_particle_goes_on_it_goes_back(particles: int) -> None:
    """In the seventh step nothing may stand unless the upper line was at its highest before."""

    def breaks(step: int, a: Ints, b: Ints, c: Ints, d: Ints) -> NDArray[np.bool_]:
        return np.broadcast_to((step == 6) & (a != 5), np.broadcast_shapes(a.shape, c.shape, d.shape))

    made = model(LINES, seed=3, particles=particles)
    constraints = masks(LINES, 8, between=(Between(0, 1, breaks, np.arange(8), HOLD),))
    for each in made.sample(constraints, n=6, rng=np.random.default_rng(0)):
        sounding = np.frompyfunc(lambda a, b: a if b == HOLD else b, 2, 1).accumulate(each.events, axis=0)
        assert sounding[5][0] == 5


def test_where_nothing_can_stand_it_says_where() -> None:
    never = Between(0, 1, lambda *_: np.array([True]), np.arange(8), HOLD)
    constraints = replace(masks(LINES, 8, between=(never,)), place=lambda step: f"the spot {step}")
    with pytest.raises(Infeasible, match="the spot 0"):
        model(LINES).sample(constraints, rng=np.random.default_rng(0))


def test_a_sample_does_not_depend_on_those_beside_it() -> None:
    made = model(LINES, particles=4)
    constraints = masks(LINES, 12, between=(apart(0, 1, 0, 12),))
    alone = made.sample(constraints, n=1, rng=np.random.default_rng(5))
    assert made.sample(constraints, n=7, rng=np.random.default_rng(5))[0] == alone[0]
