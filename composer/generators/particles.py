"""Frames drawn note by note inside constraints: sequential Monte Carlo.

A frame is drawn upwards: of all entries that may sound next, one, or none, each as probable as the net says that it
sounds and all before it are silent; then the net is asked again. What constraints forbid is never drawn, and what they
prefer is drawn more often; the mass of what was left is the weight of the particle (Doucet, de Freitas and Gordon 2001,
chapter 1). Where the weights of the particles of a sample fall apart, they are drawn anew among themselves, by
systematic resampling (Kitagawa 1996). One of them, by weight, is the sample.

So inside constraints samples are approximate: their bias falls as 1 / the number of particles, and with one particle
nothing is weighed. Without constraints they are exact.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from composer.errors import Infeasible
from composer.generators.entries import Drawing, Entries
from composer.generators.frames import Frame
from composer.generators.lookahead import Ahead, Ways

if TYPE_CHECKING:
    from torch import Tensor

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BACK = (4, 8, 16, 32)  # frames to go back where nothing goes on
TRIES = 16  # from each of them
PARALLEL = 4  # particles that are worth a thread: with fewer, threads wait for each other


class Net(Protocol):
    """What is asked of a net; see :class:`composer.generators.biaxial_net.Net`."""

    def listen(self, before: Tensor, labels: Tensor, begins: Tensor, state: Any) -> tuple[Tensor, Any]: ...

    def logits(self, tops: Tensor, before: Tensor, now: Tensor, start: int) -> Tensor: ...


class Effective(NamedTuple):
    """How many particles a sample was worth, of so many: 1 / the sum of their squared shares, frame by frame."""

    particles: int
    mean: float
    least: float
    resampled: int  # times, of all samples

    def __str__(self) -> str:
        times = "once" if self.resampled == 1 else f"{self.resampled} times"
        return (
            f"sequential Monte Carlo of {self.particles} particles, effective size {self.mean:.1f} on average and "
            f"{self.least:.1f} at the least, resampled {times}"
        )


@dataclass
class Cloud:
    """``n`` samples of ``m`` particles each; everything about particles is (n m, ...), a sample after another."""

    streams: list[np.random.Generator]  # of each sample
    weights: Floats  # (n, m) nats
    mass: Floats  # (n,) nats that the weights had on average, each time before they were made equal
    ways: Ways
    before: Frame  # (n m, P, V)
    state: Any  # the net's, a tuple of tensors, particles first
    events: NDArray[np.int32]  # (n m, T, width) so far

    @property
    def particles(self) -> int:
        return int(self.weights.shape[1])

    @property
    def dead(self) -> Bools:
        """(n,) whether no particle goes on."""
        return np.asarray(np.isneginf(self.weights).all(axis=1))

    def rows(self, samples: Ints) -> Ints:
        """The particles of some samples."""
        return (samples[:, None] * self.particles + np.arange(self.particles)).ravel()

    def picked(self, samples: Ints) -> Cloud:
        """A copy of some samples, which draw from the same streams."""
        rows = self.rows(samples)
        return Cloud(
            [self.streams[k] for k in samples.tolist()],
            self.weights[samples],
            self.mass[samples],
            tuple(way[rows] for way in self.ways),
            self.before[rows],
            None if self.state is None else tuple(part[rows] for part in self.state),
            self.events[rows],
        )

    def shuffle(self, rows: Ints, step: int) -> None:
        """Let each particle go on from another, ``rows``, behind a step."""
        self.ways = tuple(way[rows] for way in self.ways)
        self.before = self.before[rows]
        self.state = tuple(part[rows] for part in self.state)
        self.events[:, : step + 1] = self.events[rows, : step + 1]

    def put(self, samples: Ints, other: Cloud) -> None:
        """Replace some samples by those of another cloud."""
        rows = self.rows(samples)
        self.weights[samples], self.mass[samples] = other.weights, other.mass
        self.before[rows], self.events[rows] = other.before, other.events
        for way, way_of_other in zip(self.ways, other.ways, strict=True):
            way[rows] = way_of_other
        for mine, theirs in zip(self.state, other.state, strict=True):
            mine[rows] = theirs


class Particles:
    """How to draw samples with a net, inside what lies ahead."""

    def __init__(self, net: Net, ahead: Ahead, entries: Entries, labels: Ints, width: int, particles: int) -> None:
        """``labels`` are (T, F)."""
        self.net, self.ahead, self.entries, self.width = net, ahead, entries, width
        self.labels, self.end = labels, len(labels)
        self.m = particles if ahead.binding or entries.rules else 1
        self.sizes: list[Floats] = []  # (n,) effective, of each frame
        self.resampled = 0
        self.masses: list[Floats] = []  # (n,) nats, of each draw: what all that constraints leave weighs, estimated

    @property
    def effective(self) -> Effective | None:
        """How the draws went; None: each was exact."""
        if self.m == 1 or not self.sizes:
            return None
        found = np.concatenate(self.sizes)
        return Effective(self.m, float(found.mean()), float(found.min()), self.resampled)

    def draw(self, streams: list[np.random.Generator], place: Any) -> NDArray[np.int32]:
        """(n, T, width) a sample for each stream; ``place`` says a step in words. Raises :class:`Infeasible`."""
        import torch

        threads = torch.get_num_threads()
        torch.set_num_threads(min(threads, max(1, len(streams) * self.m // PARALLEL)))
        try:
            with torch.inference_mode():
                return self._draw(streams, place)
        finally:
            torch.set_num_threads(threads)

    def _draw(self, streams: list[np.random.Generator], place: Any) -> NDArray[np.int32]:
        n = len(streams)
        cloud = Cloud(
            streams,
            np.zeros((n, self.m)),
            np.zeros(n),
            self.ahead.open(n * self.m),
            np.zeros((n * self.m, *self.entries.shape), dtype=np.uint8),
            None,
            np.zeros((n * self.m, self.end, self.width), dtype=np.int32),
        )
        saved: deque[tuple[int, Cloud]] = deque(maxlen=BACK[-1] // BACK[0])
        for step in range(self.end):
            if self.entries.rules and step % BACK[0] == 0:
                saved.append((step, cloud.picked(np.arange(n))))
            self.advance(cloud, step)
            lost = np.flatnonzero(cloud.dead)
            if len(lost):
                self._revive(cloud, saved, lost, step, place)
        self.masses.append(cloud.mass + _mean(cloud.weights))
        return np.asarray(cloud.events[np.arange(n) * self.m + self._chosen(cloud)])

    def advance(self, cloud: Cloud, step: int) -> None:
        """Draw the frame at a step, and resample where the weights have fallen apart."""
        tops, past = self._listen(cloud, step)
        choices = self.ahead.choices(step, cloud.ways)
        drawing = Drawing(self.entries, step, cloud.before, cloud.ways, choices, cloud.weights.ravel())
        while len(active := drawing.active):
            logits = self._logits(tops, past[active], cloud.before[active], drawing.now[active], drawing.lowest)
            drawing.place(active, logits, self._uniform(cloud, active))
        drawing.judge()
        cloud.weights = drawing.weights.reshape(cloud.weights.shape)
        going = np.flatnonzero(~np.isneginf(drawing.weights))
        events, ways = self.ahead.follow(step, tuple(way[going] for way in cloud.ways), drawing.now[going])
        cloud.events[going, step] = events
        for mine, theirs in zip(cloud.ways, ways, strict=True):
            mine[going] = theirs
        cloud.before = drawing.now
        if self.m > 1:
            self._resample(cloud, step)

    def _listen(self, cloud: Cloud, step: int) -> tuple[Tensor, Ints]:
        """(U, P, A) what the net knows before a step, once for all particles that have come the same way: those of each
        of them are (n m,).
        """
        import torch

        first, past = _distinct([bytes(events) for events in cloud.events[:, :step]])
        labels = np.repeat(self.labels[None, step : step + 1], len(first), axis=0)
        begins = torch.full((len(first), 1), step == 0)
        shared = len(first) < len(past)
        state = tuple(part[first] for part in cloud.state) if shared and cloud.state is not None else cloud.state
        before = torch.from_numpy(cloud.before[first, None])
        tops, state = self.net.listen(before, torch.from_numpy(labels), begins, state)
        cloud.state = tuple(part[past] for part in state) if shared else state
        return tops[:, 0], past

    def _logits(self, tops: Tensor, past: Ints, before: Frame, now: Frame, lowest: int) -> Floats:
        """(A, P - lowest, V, 2) what the net says of the next entries, once for all frames that are the same so far."""
        import torch

        first, same = _distinct(list(zip(past.tolist(), map(bytes, now), strict=True)))
        asked = torch.from_numpy(before[first]), torch.from_numpy(now[first])
        found = self.net.logits(tops[past[first]], *asked, lowest).double().numpy()
        return np.asarray(found[same])

    def _uniform(self, cloud: Cloud, active: Ints) -> Floats:
        """(A, 2) uniform numbers: of a sample's own stream, so that it does not depend on those beside it."""
        samples = np.unique(active // self.m)
        drawn = np.concatenate([cloud.streams[k].random((self.m, 2)) for k in samples.tolist()])
        return np.asarray(drawn[np.searchsorted(samples, active // self.m) * self.m + active % self.m])

    def _resample(self, cloud: Cloud, step: int) -> None:
        alive = np.flatnonzero(~cloud.dead)
        shares = _shares(cloud.weights[alive])
        sizes = 1 / np.square(shares).sum(axis=1)
        self.sizes.append(sizes)
        apart = (sizes < self.m / 2) | np.isneginf(cloud.weights[alive]).any(axis=1)
        rows = np.arange(cloud.weights.size)
        for k, share in zip(alive[apart].tolist(), shares[apart], strict=True):
            points = (cloud.streams[k].random() + np.arange(self.m)) / self.m
            chosen = np.searchsorted(share.cumsum()[:-1], points, "right")
            rows[k * self.m : (k + 1) * self.m] = k * self.m + chosen
        if apart.any():
            cloud.shuffle(rows, step)
            cloud.mass[alive[apart]] += _mean(cloud.weights[alive[apart]])
            cloud.weights[alive[apart]] = 0.0
            self.resampled += int(apart.sum())

    def _chosen(self, cloud: Cloud) -> Ints:
        """(n,) a particle of each sample, by weight."""
        if self.m == 1:
            return np.zeros(len(cloud.streams), dtype=np.int64)
        shares = _shares(cloud.weights)
        points = np.array([stream.random() for stream in cloud.streams])
        return np.asarray((shares.cumsum(axis=1)[:, :-1] <= points[:, None]).sum(axis=1))

    def _revive(self, cloud: Cloud, saved: deque[tuple[int, Cloud]], lost: Ints, step: int, place: Any) -> None:
        """Draw samples of which no particle goes on again, from a few frames before, and then from further back."""
        for back in BACK:
            start, earlier = saved[-min(back // BACK[0], len(saved))]
            for _ in range(TRIES):
                again, found = earlier.picked(lost), lost
                for at in range(start, step + 1):
                    self.advance(again, at)
                    alive = np.flatnonzero(~again.dead)
                    again, found = again.picked(alive), found[alive]
                    if not len(found):
                        break
                cloud.put(found, again)
                lost = np.setdiff1d(lost, found)
                if not len(lost):
                    return
        raise Infeasible(
            f"{place(step)}: in {len(BACK) * TRIES} attempts something that is forbidden between voices could not be "
            "avoided; forbid less, or leave more free"
        )


def _distinct(keys: list[Any]) -> tuple[Ints, Ints]:
    """(U,) where each different key stands first, ascending, and (N,) which of these each key is."""
    places: dict[Any, int] = {}
    found = [places.setdefault(key, number) for number, key in enumerate(keys)]
    first = np.array(list(places.values()))
    return first, np.searchsorted(first, found)


def _shares(weights: Floats) -> Floats:
    """(n, m) the share of each particle; nats."""
    shares = np.exp(weights - weights.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _mean(weights: Floats) -> Floats:
    """(n,) the logarithm of the mean weight of each sample; nats."""
    return np.asarray(np.logaddexp.reduce(weights, axis=1) - np.log(weights.shape[1]))
