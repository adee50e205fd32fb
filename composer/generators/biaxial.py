"""The biaxial network as a generator: frames of voices or of a roll, one after another, each note by note upwards."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import ComposerError, ReadError, Unsupported, UsageError
from composer.generators.base import Generator, Progress
from composer.generators.entries import Entries
from composer.generators.frames import Frames
from composer.generators.lookahead import Ahead, Lines, Roll
from composer.generators.particles import Particles
from composer.generators.potentials import Labels
from composer.inference.sequence import Constraints, Sequence
from composer.training import Course, Run, Trained, Windows, train

if TYPE_CHECKING:
    from composer.generators.biaxial_layers import Shape
    from composer.generators.biaxial_net import Net

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

VERSION = 1
PIECE = 128  # frames whose likelihood is found at once
TOGETHER = 2**14  # entries of all particles that are drawn side by side
MOST_VOICES, MOST_PITCHES, MOST_SYMBOL, MOST_LABELS = 16, 256, 2**16, 512
MOST_SIZE, MOST_LAYERS, MOST_PARTICLES, MOST_PERIOD = 4096, 64, 4096, 4096
MOST_WEIGHTS = 2**27  # of a network that is trained: half of what a model file may hold


@dataclass
class Biaxial(Generator):
    """A network along time and along pitch (Johnson 2017); :class:`composer.generators.biaxial_net.Net`.

    Events are columns, a symbol a voice: ``silence``, ``hold``, else a pitch; or, for a ``roll``, an integer a pitch, 0
    silent, 1 sounding on, 2 struck. A ``hold`` of None says that nothing is told apart from being struck: every cell
    stands for itself, and a roll has bits. Voices are given ``widen`` pitches beyond those of the training.

    ``features`` of the context, joined by ``+``, are what it knows beforehand, and the ``degrees`` of symbols, if these
    are counted from a tonic that is a multiple of 12. Then the sizes of the network, its training
    (:class:`composer.training.Course`), and how it is sampled: ``particles`` for each sample where constraints bind
    (the bias of m particles falls as 1 / m: 1 keeps constraints, but does not weigh at all), and ``conservativity``,
    the power to which the probability that a note sounds is raised (Johnson 2015: above 1, fewer notes).
    """

    name: ClassVar[str] = "biaxial"
    roll: bool = False
    hold: int | None = 140
    silence: int = 0
    features: tuple[str, ...] = ("meter+position", "weight", "mode", "cadence", "bars_left+cadence")
    widen: int = 12
    degrees: bool = False
    time: str = "gated"
    along: str = "window"
    hidden: int = 128
    layers: int = 2
    width: int = 128
    depth: int = 2
    reach: int = 24
    below: int = 36
    decays: tuple[float, ...] = (0.5, 0.85, 0.96)
    recalls: tuple[float, ...] = (0.5, 0.8, 0.9)
    periods: tuple[int, ...] = (16, 12)
    steered: bool = False
    dropout: float = 0.3
    steps: int = 3000
    batch: int = 16
    window: int = 96
    rate: float = 3e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    every: int = 250
    patience: int = 0
    average: float = 0.0
    seed: int = 0
    particles: int = 8
    conservativity: float = 1.0
    frames_: Frames = field(init=False, repr=False)
    labels_: dict[str, Labels] = field(init=False, repr=False)
    net_: Net = field(init=False, repr=False)
    trained_: Trained | None = field(default=None, init=False, repr=False)  # None: not yet, or it was loaded

    @property
    def width_(self) -> int:
        return self.frames_.width

    @property
    def usual_temperature(self) -> float:
        """Of a line, 0.9: its bars then return as often as real ones do, and at 0.7 it goes round in them."""
        return super().usual_temperature if self.roll or self.frames_.lines > 1 else 0.9

    # --- training -------------------------------------------------------------------------------------------------

    def fit(
        self,
        sequences: list[Sequence],
        *,
        validation: list[Sequence] | None = None,
        progress: Progress | None = None,
        run: Run | None = None,
    ) -> Self:
        """Train on sequences; what is kept is what is best on ``validation``, or on the training itself.

        Raises :class:`UsageError` for settings that make no sense, and for events that are no columns of a grid.
        """
        from composer.generators.biaxial_learner import Learner

        heard = [sequence for sequence in sequences if len(sequence)]
        if not heard:
            raise UsageError("there is nothing to learn from: every sequence is empty")
        if reason := self._refusal() or self._unlike(heard):
            raise UsageError(reason)
        frames = self._frames(np.concatenate([sequence.events for sequence in heard]))
        if isinstance(frames, str) or frames.pitches > MOST_PITCHES:
            raise UsageError(f"nothing to learn from: {frames}" if isinstance(frames, str) else "too many pitches")
        self.frames_ = frames
        self.labels_ = {name: Labels.seen(name, [s.context for s in heard]) for name in self.features}
        if any(len(labels.rows) > MOST_LABELS for labels in self.labels_.values()):
            raise UsageError(
                f"a feature of more than {MOST_LABELS} labels; take others than {', '.join(self.features)}"
            )
        self.net_ = self._built()
        run = run or Run()
        arrays = map(self._arrays, heard)
        windows = Windows.of(arrays, length=self.window, batch=self.batch, seed=self.seed, folder=run.folder)
        judged = [sequence for sequence in validation or () if len(sequence)] or heard
        if progress is not None and run.report is None:
            run = dataclasses.replace(run, report=lambda status: progress(status.step / status.steps))
        self.trained_ = train(Learner(self.net_), windows, lambda: self._nats(judged), self.course, run)
        self.net_ = self.net_.cpu().eval()
        return self

    @property
    def course(self) -> Course:
        return Course(**{each.name: getattr(self, each.name) for each in dataclasses.fields(Course)})

    def _frames(self, events: NDArray[np.int32]) -> Frames | str:
        if self.roll:
            return Frames(0, events.shape[1], roll=True, hold=self.hold)
        return Frames.of_columns(events, self.silence, self.hold, self.widen)

    @property
    def _shape(self) -> Shape:
        from composer.generators.biaxial_layers import Shape

        sizes = {each.name for each in dataclasses.fields(Shape)}.intersection(self.settings())
        return Shape(
            *self.frames_.shape,
            polyphonic=self.roll,
            articulated=self.frames_.articulated,
            tonic=-self.frames_.lowest % 12 if self.degrees else None,
            labels=tuple(len(labels.rows) + 1 for labels in self.labels_.values()),
            **{name: getattr(self, name) for name in sizes},
        )

    def _built(self) -> Net:
        """The network as it begins."""
        import torch

        from composer.generators.biaxial_net import Net

        with torch.device("meta"):
            weights = sum(value.numel() for value in Net(self._shape).parameters())
        if weights > MOST_WEIGHTS:
            raise UsageError(f"a network of {weights:,} weights: take sizes for {MOST_WEIGHTS:,} or fewer")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return Net(self._shape)

    def _arrays(self, sequence: Sequence) -> dict[str, NDArray[Any]]:
        """What the network learns from a sequence: arrays (T, ...)."""
        frames, _ = self.frames_.of(sequence.events)
        begins = np.arange(len(sequence)) == 0
        labels = self._labels(sequence.context, len(sequence))
        return {"frames": frames, "before": self.frames_.before(frames), "labels": labels, "begins": begins}

    def _labels(self, context: Mapping[str, NDArray[np.int32]], steps: int) -> Ints:
        """(T, F)"""
        found = [labels.of(context) for labels in self.labels_.values()]
        return np.stack(found, axis=1) if found else np.zeros((steps, 0), dtype=np.int64)

    def _nats(self, sequences: list[Sequence]) -> float:
        """A step, on the average of those that it can write."""
        found = np.concatenate([self.log_prob(sequence) for sequence in sequences])
        return -float(found[np.isfinite(found)].mean())

    def _refusal(self) -> str | None:
        """Why these settings make no sense, or None."""
        sizes = {name: getattr(self, name) for name in ("hidden", "layers", "width", "depth", "reach", "below")}
        if self.time not in ("gated", "lstm") or self.along not in ("window", "lstm"):
            return f"time {self.time!r}, along {self.along!r}: a network is gated or lstm in time, window or lstm along"
        for name, size in sizes.items():
            most, least = (MOST_LAYERS if name in ("layers", "depth") else MOST_SIZE), int(name in ("hidden", "width"))
            if not least <= size <= most:
                return f"{name} {size}: take {least} to {most}"
        shares = (self.dropout, *self.decays, *self.recalls)
        if len(shares) > MOST_LAYERS or not all(0 <= share < 1 for share in shares):
            return "dropout, decays and recalls are from 0 on, and below 1"
        if len(self.periods) > MOST_LAYERS or not all(1 <= period <= MOST_PERIOD for period in self.periods):
            return f"periods are 1 to {MOST_PERIOD} steps"
        if self.steered and not (self.features and self.recalls):
            return "what is known beforehand steers how it recalls: steered needs features and recalls"
        if not (1 <= self.particles <= MOST_PARTICLES and 0 < self.conservativity < 1e3):
            return f"particles are 1 to {MOST_PARTICLES}, conservativity is above 0"
        if not 0 <= self.widen <= MOST_PITCHES:
            return f"widen is 0 to {MOST_PITCHES}"
        return None

    def _unlike(self, sequences: list[Sequence]) -> str | None:
        """Why sequences are not such as it knows, or None."""
        events = np.concatenate([sequence.events for sequence in sequences])
        take = "take the encoding voices, or, for a roll, pianoroll"
        if any((np.diff(sequence.steps) != 1).any() for sequence in sequences):
            return f"biaxial learns columns of a grid, and these are events one after another; {take}"
        if events.min() < 0 or events.max() >= (3 if self.roll else MOST_SYMBOL):
            return f"biaxial learns pitches of voices, or, for a roll, 0 to 2, and these are others; {take}"
        most = MOST_PITCHES if self.roll else MOST_VOICES
        if events.shape[1] > most:
            return f"biaxial learns up to {most} voices, or pitches of a roll, not {events.shape[1]}; {take}"
        known = sequences[0].context
        missing = [name for feature in self.features for name in feature.split("+") if name not in known]
        return f"there is no feature {missing[0]!r}; the encoding gives {', '.join(known)}" if missing else None

    # --- likelihood -----------------------------------------------------------------------------------------------

    def log_prob(self, sequence: Sequence, constraints: Constraints | None = None) -> Floats:
        """(T,) nats per event, exact; -inf for what it cannot write: pitches outside its range, and a hold with nothing
        before it, which is said otherwise.

        Raises :class:`Unsupported` for ``constraints``: what is probable inside them is known by sampling alone.
        """
        if constraints is not None:
            raise Unsupported("biaxial knows no exact probability inside constraints; draw samples")
        if sequence.events.shape[1] != self.width_:
            raise ComposerError(f"events have {sequence.events.shape[1]} integers; this model knows {self.width_}")
        import torch

        found, known = np.zeros(len(sequence)), self.frames_.of(sequence.events)[1]
        arrays, entries, state = self._arrays(sequence), Entries(self.frames_), None
        for start in range(0, len(sequence), PIECE):
            piece = {name: array[start : start + PIECE] for name, array in arrays.items()}
            with torch.inference_mode():
                tensors = {name: torch.from_numpy(array).to(self._device) for name, array in piece.items()}
                before, labels, begins = (tensors[name] for name in ("before", "labels", "begins"))
                tops, state = self.net_.listen(before[None], labels[None], begins[None], state)
                logits = self.net_.logits(tops[0], before, tensors["frames"]).double().cpu().numpy()
            found[start : start + PIECE] = entries.log_prob(logits, piece["before"], piece["frames"])
        found[~known] = -np.inf
        return found

    @property
    def _device(self) -> Any:
        return next(self.net_.parameters()).device

    # --- sampling -------------------------------------------------------------------------------------------------

    def sample(
        self, constraints: Constraints, *, n: int = 1, temperature: float = 1.0, rng: np.random.Generator
    ) -> list[Sequence]:
        """``n`` sequences that keep the constraints: independent and exact where these forbid and prefer nothing, else
        by sequential Monte Carlo, approximate (:mod:`composer.generators.particles`). The ``temperature`` is of each
        decision (:class:`composer.generators.entries.Entries`), not of sequences as a whole.
        """
        return self.drawn(constraints, n=n, temperature=temperature, rng=rng)[0]

    def drawn(
        self, constraints: Constraints, *, n: int = 1, temperature: float = 1.0, rng: np.random.Generator
    ) -> tuple[list[Sequence], str]:
        """As :meth:`sample`, and in words how they were drawn, and the effective sample size; nothing if exactly."""
        particles = self._particles(constraints, temperature)
        streams, at_once = rng.spawn(n), max(1, TOGETHER // (particles.m * self.frames_.pitches * self.frames_.lines))
        events = np.concatenate(
            [particles.draw(streams[k : k + at_once], constraints.where) for k in range(0, n, at_once)]
        )
        for step, given in constraints.given.items():
            events[:, step] = np.where(given < 0, events[:, step], given)
        steps = np.arange(constraints.end, dtype=np.int32)
        return [Sequence(each, steps, dict(constraints.context)) for each in events], str(particles.effective or "")

    def mass(self, constraints: Constraints, rng: np.random.Generator) -> float:
        """The logarithm of the probability of all that keeps the constraints, estimated by as many particles as draw a
        sample: too low on average, as the logarithm of what is right on average. Raises as :meth:`sample`.
        """
        particles = self._particles(constraints, 1.0)
        particles.draw([rng], constraints.where)
        return float(particles.masses[0][0])

    def _particles(self, constraints: Constraints, temperature: float) -> Particles:
        ahead = self._ahead(constraints)
        lines = ahead if isinstance(ahead, Lines) else None
        entries = Entries(self.frames_, temperature, self.conservativity, constraints.between, lines)
        labels = self._labels(constraints.context, constraints.end)
        return Particles(self.net_, ahead, entries, labels, self.width_, self.particles)

    def check(self, constraints: Constraints) -> None:
        self._ahead(constraints)

    def _ahead(self, constraints: Constraints) -> Ahead:
        return (Roll if self.roll else Lines)(self.frames_, constraints)

    # --- saving ---------------------------------------------------------------------------------------------------

    def arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        weights = {f"net.{name}": value.cpu().numpy() for name, value in self.net_.state_dict().items()}
        labels = {f"labels.{name}": labels.rows for name, labels in self.labels_.items()}
        metadata = {name: getattr(self, name) for name in self.settings()}
        frames = {name: getattr(self.frames_, name) for name in ("lowest", "pitches", "lines")}
        return weights | labels, metadata | {"version": VERSION, "frames": frames}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> Self:
        """Nothing of it is laid out before its sizes are known."""
        if metadata.get("version") != VERSION:
            raise ReadError(f"it is a biaxial model of version {metadata.get('version')!r}, and this reads {VERSION}")
        unsaid: dict[str, Any] = {"periods": cls.periods, "steered": cls.steered}  # by older files
        metadata = unsaid | metadata
        try:
            settings = {name: _setting(getattr(cls, name), metadata[name]) for name in cls.settings() if name != "hold"}
            hold = metadata["hold"]
            model = cls(**settings, hold=None if hold is None else _setting(0, hold))
            model.labels_ = {name: Labels(name, arrays[f"labels.{name}"]) for name in model.features}
            sizes = {name: _setting(0, metadata["frames"][name]) for name in ("lowest", "pitches", "lines")}
            own = {} if model.roll else {"silence": model.silence}
            model.frames_ = Frames(**sizes, roll=model.roll, hold=model.hold, **own)
            _ = model.course
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise ReadError(f"its settings are not those of a biaxial model ({error})") from None
        if not model._plausible():
            raise ReadError("its range and labels are not those of a biaxial model")
        model.net_ = model._loaded({name[4:]: array for name, array in arrays.items() if name.startswith("net.")})
        return model

    def _plausible(self) -> bool:
        """Whether loaded labels, range and settings are such as training makes."""
        tables, frames = [labels.rows for labels in self.labels_.values()], self.frames_
        reserved = () if self.roll else (self.silence, self.hold)
        return bool(
            self._refusal() is None
            and 1 <= frames.pitches <= MOST_PITCHES
            and 1 <= frames.lines <= (1 if self.roll else MOST_VOICES)
            and 0 <= frames.lowest < MOST_SYMBOL
            and not any(x is not None and frames.lowest <= x < frames.lowest + frames.pitches for x in reserved)
            and (self.roll or (0 <= self.silence < MOST_SYMBOL and self.silence != self.hold))
            and (self.hold is None or 0 <= self.hold < MOST_SYMBOL)
            and all(rows.dtype == np.int64 and rows.ndim == 2 and 1 <= len(rows) <= MOST_LABELS for rows in tables)
            and all(labels.rows.shape[1] == len(labels.names) for labels in self.labels_.values())
        )

    def _loaded(self, weights: dict[str, NDArray[Any]]) -> Net:
        """The network with these weights, which are looked at before anything is laid out."""
        import torch

        from composer.generators.biaxial_net import Net

        with torch.device("meta"):
            net = Net(self._shape)
        wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
        if {name: array.shape for name, array in weights.items()} != wanted:
            raise ReadError("its weights are not those of a biaxial model of its sizes")
        if any(array.dtype != np.float32 or not np.isfinite(array).all() for array in weights.values()):
            raise ReadError("its weights are not all numbers")
        net.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in weights.items()}, assign=True)
        return net.eval()


def _setting(usual: Any, value: Any) -> Any:
    """A setting as JSON has it, of the type that it should have; raises :class:`TypeError`."""
    if isinstance(usual, tuple):
        return tuple(_setting(usual[0], item) for item in value)
    if type(value) not in ((int, float) if isinstance(usual, float) else (type(usual),)):
        raise TypeError(f"{value!r} is no {type(usual).__name__}")
    return value
