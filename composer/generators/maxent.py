"""Maximum entropy on a grid of voices: a pairwise exponential family, trained by pseudo-likelihood, drawn by Gibbs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import ComposerError, Infeasible, ReadError, UsageError
from composer.generators.base import Generator, Progress
from composer.generators.coloured import Coloured, allowed_nats
from composer.generators.gibbs import Chains
from composer.generators.minimise import Fitted, minimise
from composer.generators.potentials import Labels, Potentials, State
from composer.generators.pseudolikelihood import Cells, Grid
from composer.generators.refine import Matched, refine
from composer.inference.automata import Lattice
from composer.inference.masks import ColumnMasks
from composer.inference.sequence import Constraints, Events, Sequence

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_TRIES = 100  # sweeps more, where voices break what may not be between them
TOGETHER = 16  # chains that are drawn side by side
MOST_VOICES, MOST_VALUES, MOST_PERIOD = 16, 512, 16


@dataclass
class Maxent(Generator):
    """The family of :class:`Potentials` over the values of each voice, one integer each.

    ``hold`` is the integer that goes on with what sounded in the step before, None where there is none and every cell
    stands for itself; ``silence`` the one that has no pitch. Features of the context are joined by ``+``: ``fields``
    say what may be struck where, ``rhythms`` when, and ``harmony`` which simultaneities are told apart. ``l1`` and
    ``l2`` are the weights of the penalties, in nats per cell. After at most ``iterations`` on the pseudo-likelihood,
    ``rounds`` match moments (:mod:`composer.generators.refine`). Draws take ``sweeps`` over all voices.
    """

    name: ClassVar[str] = "maxent"
    hold: int | None = 140
    silence: int | None = 0
    fields: tuple[str, ...] = ("meter+position", "weight", "mode", "tonic", "cadence", "bars_left+cadence")
    rhythms: tuple[str, ...] = ("meter+position", "weight", "cadence")
    harmony: str = "beat"
    lags: tuple[int, ...] = (1,)
    period: int = 12
    l1: float = 0.0
    l2: float = 1e-5
    iterations: int = 100
    rounds: int = 0
    sweeps: int = 30
    family_: Potentials = field(init=False, repr=False)
    labels_: dict[str, Labels] = field(init=False, repr=False)
    theta_: NDArray[np.float32] = field(init=False, repr=False)  # (family_.size + 1,), the last 0
    fitted_: Fitted = field(init=False, repr=False)  # how it was trained; not saved
    matched_: Matched | None = field(init=False, repr=False)  # None: moments were not matched

    @property
    def width_(self) -> int:
        return self.family_.voices

    def fit(
        self,
        sequences: list[Sequence],
        *,
        validation: list[Sequence] | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Find the parameters at which the regularised pseudo-likelihood is best; ``validation`` is not needed.

        Raises :class:`UsageError` for settings that make no sense, and for events that are no columns of a grid.
        """
        heard = [sequence for sequence in sequences if len(sequence)]
        if not heard:
            raise UsageError("there is nothing to learn from: every sequence is empty")
        if reason := self._refusal() or self._unlike(heard):
            raise UsageError(reason)
        events = np.concatenate([sequence.events for sequence in heard])
        self.labels_ = {name: Labels.seen(name, [s.context for s in heard]) for name in self._features}
        self.family_ = self._family([np.unique(column[column != self.hold]).astype(np.int64) for column in events.T])
        grids = [self._grid(sequence) for sequence in heard]
        cells = [Cells(self.family_, voice, grids) for voice in range(self.width_)]
        shares = _halves(progress) if self.rounds else (progress, None)
        l1, l2 = (penalty / self.family_.looseness for penalty in (self.l1, self.l2))
        self.fitted_ = minimise(cells, self.family_.size, l1, l2, self.iterations, shares[0])
        self.matched_ = None
        theta = np.append(self.fitted_.theta, 0.0)
        if self.rounds:
            penalties = np.append(l1, 0.0), np.append(l2, 0.0)
            self.matched_ = refine(self.family_, theta, grids, self._open, penalties, self.rounds, shares[1])
            theta = self.matched_.theta
        self.theta_ = theta.astype(np.float32)
        return self

    def _open(self, steps: int) -> list[Lattice]:
        """Of each voice so many steps in which everything is allowed that training showed."""
        most = max(int(alphabet[-1]) for alphabet in self.family_.alphabets)
        allowed = np.zeros((self.width_, max(most, self.hold or 0) + 1), dtype=bool)
        for voice, alphabet in enumerate(self.family_.alphabets):
            allowed[voice, np.append(alphabet, [] if self.hold is None else self.hold).astype(np.int64)] = True
        return self._lattices(ColumnMasks(np.broadcast_to(allowed, (steps, *allowed.shape))))

    def _refusal(self) -> str | None:
        """Why these settings make no sense, or None."""
        if 1 not in self.lags or not all(1 <= lag <= MOST_VALUES for lag in self.lags):
            return f"lags {self.lags}: they are steps from 1 to {MOST_VALUES}, and 1 is one of them"
        if self.hold is not None and not self.rhythms:
            return "rhythms: where values are held, name one feature or more that says when, such as position"
        if not 1 <= self.period <= MOST_PERIOD:
            return f"period {self.period}: octaves have 1 to {MOST_PERIOD} values"
        if (
            not 0 <= self.sweeps <= MOST_VALUES
            or not (self.iterations >= 1 and self.rounds >= 0)
            or not all(0 <= x < 1e9 for x in (self.l1, self.l2))
        ):
            return f"sweeps are 0 to {MOST_VALUES}, iterations 1 or more, rounds, l1 and l2 nothing below 0"
        return None

    def _unlike(self, sequences: list[Sequence]) -> str | None:
        """Why sequences are not such as this family knows, or None."""
        events = np.concatenate([sequence.events for sequence in sequences])
        if any((np.diff(sequence.steps) != 1).any() for sequence in sequences):
            return "maxent learns columns of a grid, and these are events one after another; take the encoding voices"
        if events.shape[1] > MOST_VOICES or events.min() < -1 or events.max() >= MOST_VALUES:
            return (
                f"maxent learns up to {MOST_VOICES} voices, and these have {events.shape[1]}; take the encoding voices"
            )
        known = sequences[0].context
        missing = [name for feature in self._features for name in feature.split("+") if name not in known]
        return f"there is no feature {missing[0]!r}; the encoding gives {', '.join(known)}" if missing else None

    @property
    def _features(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.fields, *self._timed, *([self.harmony] if self.harmony else []))))

    @property
    def _timed(self) -> tuple[str, ...]:
        """The ``rhythms``, none where everything is struck."""
        return self.rhythms if self.hold is not None else ()

    def _family(self, alphabets: list[Ints]) -> Potentials:
        sizes = {name: len(labels.rows) for name, labels in self.labels_.items()}
        return Potentials(
            tuple(alphabets),
            self.silence,
            tuple(sizes[name] for name in self.fields),
            tuple(sizes[name] for name in self._timed),
            sizes[self.harmony] if self.harmony else 1,
            self.lags,
            self.period,
        )

    def report(self) -> dict[str, Any]:
        """How the training went."""
        found = self.fitted_._asdict()
        del found["theta"]
        return found | ({"off_moments": self.matched_.off} if self.matched_ else {})

    def pseudo_log_prob(self, sequence: Sequence) -> Floats:
        """(T,) nats: of each event the sum over its cells of the logarithm of each cell's probability given all others.

        A cell is what sounds and whether it is struck; what is held behind it goes with it. Values that training never
        showed count as the nearest known.
        """
        if not len(sequence):
            return np.zeros(0)
        grid = self._grid(sequence)
        cells = (Cells(self.family_, voice, [grid]) for voice in range(self.width_))
        return np.asarray(sum(cell.log_prob(self.theta_) for cell in cells))

    def _grid(self, sequence: Sequence) -> Grid:
        if sequence.events.shape[1] != self.width_:
            raise ComposerError(f"events have {sequence.events.shape[1]} integers; this model knows {self.width_}")
        return Grid(self._state(sequence.events), *self._labels(sequence.context, len(sequence)))

    def _labels(self, context: Mapping[str, NDArray[np.int32]], steps: int) -> tuple[list[Ints], list[Ints], Ints]:
        """(T,) each: the labels of fields, rhythms and harmony."""
        found = {name: labels.of(context) for name, labels in self.labels_.items()}
        harmony = found[self.harmony] if self.harmony else np.zeros(steps, dtype=np.int64)
        return [found[name] for name in self.fields], [found[name] for name in self._timed], harmony

    def _state(self, events: Events) -> State:
        """Events (T, V) as one grid, where a silence goes on as a note does. A hold with nothing before it is the value
        nearest to it.
        """
        held = events == self.hold if self.hold is not None else np.zeros(events.shape, dtype=bool)
        held[:1] = False
        sounds = np.zeros(events.shape, dtype=np.int64)
        for voice in range(self.width_):
            start = np.maximum.accumulate(np.where(held[:, voice], 0, np.arange(len(events))))
            sounds[:, voice] = self.family_.nearest(voice, events[start, voice])
        if self.hold is not None and self.silence is not None:
            silent = np.stack([a[sounds[:, v]] == self.silence for v, a in enumerate(self.family_.alphabets)], axis=1)
            held[1:] |= silent[1:] & silent[:-1]
        return State(sounds[None], ~held[None])

    # --- sampling -------------------------------------------------------------------------------------------------

    def sample(
        self, constraints: Constraints, *, n: int = 1, temperature: float = 1.0, rng: np.random.Generator
    ) -> list[Sequence]:
        """``n`` grids that keep the constraints. Independent and exact where one voice is free and there are no lags
        beyond 1; else each is the state of a chain of its own after ``sweeps`` over all voices.
        """
        found: list[Sequence] = []
        while len(found) < n:
            chains = self._chains(constraints, min(n - len(found), TOGETHER), temperature, rng)
            self._mix(chains)
            found += [self._sequence(constraints, chains, number) for number in range(chains.n)]
        return found

    def _mix(self, chains: Chains | Coloured) -> None:
        """Sweep, and go on while something is broken that may not be between voices."""
        for sweep in range(self.sweeps + MOST_TRIES):
            if (chains.exact or sweep >= self.sweeps) and not chains.broken().any():
                return
            chains.sweep()
        raise Infeasible(
            f"after {self.sweeps + MOST_TRIES} sweeps something that is forbidden between voices is still there; "
            "forbid less, or leave more free"
        )

    def check(self, constraints: Constraints) -> None:
        self._lattices(constraints)

    def _chains(
        self, constraints: Constraints, n: int, temperature: float, rng: np.random.Generator
    ) -> Chains | Coloured:
        labels = self._labels(constraints.context, constraints.end)
        if self.hold is None and self.width_ == 1 and max(self.lags) > 1 and constraints.machine is None:
            theta = self.theta_ / np.float32(temperature)
            return Coloured(self.family_, theta, self._field(labels[0], theta, constraints), n, rng)
        chains = Chains(self.family_, self._lattices(constraints), constraints, n, rng)
        chains.tune(self.theta_.astype(np.float64) / temperature, labels)
        chains.start()
        return chains

    def _field(self, labels: list[Ints], theta: NDArray[np.float32], constraints: Constraints) -> NDArray[np.float32]:
        """(T, K) nats of each value of a single voice by itself."""
        found = allowed_nats(constraints.alone(0), self.family_.alphabets[0])
        for f, label in enumerate(labels):
            found += theta[self.family_.labelled(("field", f, 0))[label]]
        return found

    def _lattices(self, constraints: Constraints) -> list[Lattice]:
        """Of each voice what its own constraints leave of its values, and of a hold, which is the last."""
        hold = [] if self.hold is None else [self.hold]
        alphabets = [np.append(alphabet, hold).astype(np.int32)[:, None] for alphabet in self.family_.alphabets]
        return [Lattice(constraints.alone(voice), [alphabet]) for voice, alphabet in enumerate(alphabets)]

    def _sequence(self, constraints: Constraints, chains: Chains | Coloured, number: int) -> Sequence:
        sounds, struck = (table[number] for table in chains.state)
        columns = [alphabet[sounds[:, voice]] for voice, alphabet in enumerate(self.family_.alphabets)]
        events = np.stack(columns, axis=1).astype(np.int32)
        if self.hold is not None:
            events[~struck & (events != self.silence)] = self.hold
        for step, given in constraints.given.items():
            events[step] = np.where(given < 0, events[step], given)
        steps = np.arange(constraints.end, dtype=np.int32)
        return Sequence(events, steps, dict(constraints.context))

    # --- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        alphabets = {f"alphabet.{voice}": alphabet for voice, alphabet in enumerate(self.family_.alphabets)}
        labels = {f"labels.{name}": labels.rows for name, labels in self.labels_.items()}
        metadata = {name: getattr(self, name) for name in self.settings()}
        return {"theta": self.theta_[:-1], **alphabets, **labels}, metadata

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> Self:
        try:
            model = cls(**{name: _setting(getattr(cls, name), metadata[name]) for name in cls.settings()})
            model.labels_ = {name: Labels(name, arrays[f"labels.{name}"]) for name in model._features}
            voices = sum(name.startswith("alphabet.") for name in arrays)
            alphabets = [arrays[f"alphabet.{voice}"] for voice in range(voices)]
            theta = arrays["theta"]
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(f"its settings are not those of a maxent model ({error})") from None
        if not model._plausible(alphabets):
            raise ReadError("its values and labels are not those of a maxent model")
        model.family_ = model._family(alphabets)  # nothing of it is laid out before its size is known
        if theta.shape != (model.family_.size,) or theta.dtype != np.float32 or not (np.abs(theta) < 1e3).all():
            raise ReadError("its parameters are not those of a maxent model")
        model.theta_ = np.append(theta, np.float32(0.0))
        return model

    def _plausible(self, alphabets: list[NDArray[Any]]) -> bool:
        """Whether loaded values, labels and settings are such as training makes."""
        tables = [labels.rows for labels in self.labels_.values()]
        return bool(
            1 <= len(alphabets) <= MOST_VOICES
            and all(a.dtype == np.int64 and a.ndim == 1 and 1 <= len(a) <= MOST_VALUES for a in alphabets)
            and all((np.diff(a) > 0).all() and a[0] + 1 >= 0 and a[-1] < MOST_VALUES for a in alphabets)
            and all(rows.dtype == np.int64 and rows.ndim == 2 and 1 <= len(rows) <= MOST_VALUES for rows in tables)
            and all(labels.rows.shape[1] == len(labels.names) for labels in self.labels_.values())
            and self._refusal() is None
        )


def _halves(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """What reports two pieces of work, of equal length, as one."""
    if progress is None:
        return None, None
    return lambda share: progress(share / 2), lambda share: progress((1 + share) / 2)


def _setting(usual: Any, value: Any) -> Any:
    """A setting as JSON has it, of the type that it should have; raises :class:`TypeError`."""
    found = tuple(value) if isinstance(usual, tuple) else value
    if usual is not None and value is not None and not isinstance(found, (type(usual), int)):
        raise TypeError(f"{value!r} is no {type(usual).__name__}")
    return found
