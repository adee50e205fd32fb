"""What the biaxial network is made of; sizes are those of its :class:`Shape`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

COUNTED = 8  # notes of a frame that are told apart by number
STEERED = 10.0  # by this much the embeddings that steer recall count: their weights move by 1 or 2 in a training


@dataclass(frozen=True)
class Shape:
    """Sizes of a network. ``labels`` are how many labels each feature of the context has."""

    pitches: int = 88
    lines: int = 1
    polyphonic: bool = True  # any number of pitches sound in a line; else one at most
    articulated: bool = False
    labels: tuple[int, ...] = ()
    tonic: int | None = None  # the row, modulo 12, that pitches are counted from; None: rows are not told apart
    time: str = "gated"  # or "lstm"
    along: str = "window"  # the pitch axis; or "lstm"
    hidden: int = 128
    layers: int = 2
    width: int = 128
    depth: int = 2
    reach: int = 24  # semitones around a pitch that it sees of the frame before
    below: int = 36  # semitones under a pitch that it sees of the frame being written
    decays: tuple[float, ...] = (0.5, 0.85, 0.96)  # of what sounded, a step
    dropout: float = 0.3
    recalls: tuple[float, ...] = (0.5, 0.8, 0.9)  # each way to recall: how long it compares, as a decay a step
    periods: tuple[int, ...] = (16, 12)  # steps, modulo which a distance in time is liked or not
    steered: bool = False  # the labels say how it recalls


class Relative(nn.Module):
    """A linear map of what lies around each pitch, the same for all: by interval up to a reach, and by pitch class.

    With ``above`` -1 it sees what lies below each pitch alone. (..., P, C) -> (..., P, H)
    """

    def __init__(self, channels: int, hidden: int, below: int, above: int) -> None:
        super().__init__()
        self.below, self.above = below, above
        self.near = nn.Parameter(torch.randn(channels, below + above + 1, hidden) * 0.1)
        self.octaves = nn.Parameter(torch.randn(channels, 12, hidden) * 0.1)
        self.bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor) -> Tensor:
        around = functional.pad(x, (0, 0, self.below, self.above)).unfold(-2, self.below + self.above + 1, 1)
        near = functional.linear(around.flatten(-2), self.near.flatten(0, 1).T, self.bias)
        return near + functional.linear(self._classes(x).flatten(-2), self.octaves.flatten(0, 1).T)

    def sparse(self, x: Tensor, start: int) -> Tensor:
        """The same of few notes (B, P, C) of 0 and 1, and none above, from a row on: (B, P - start, H)."""
        pitches = x.shape[-2]
        distance = torch.arange(pitches, device=x.device)
        near = functional.pad(self.near[:, : self.below].flip(1), (0, 0, 1, pitches))[:, :pitches]
        table = near + self.octaves[:, -distance % 12]  # (C, P, H) by how far below
        table = table * (distance > 0)[:, None]
        found = self.bias.expand(len(x), pitches - start, -1).clone()
        piece, pitch, channel = torch.nonzero(x, as_tuple=True)
        above = (distance[start:] - pitch[:, None]).clamp(min=0)
        return found.index_add_(0, piece, table[channel[:, None], above])

    def _classes(self, x: Tensor) -> Tensor:
        """(..., P, C, 12) how much sounds so many semitones above each pitch, octaves taken together."""
        pitches = x.shape[-2]
        octaves = -(-pitches // 12)
        found = functional.pad(x, (0, 0, 0, 12 * octaves - pitches)).reshape(*x.shape[:-2], octaves, 12, x.shape[-1])
        classes = torch.arange(12, device=x.device)
        above = (classes[:, None] + classes) % 12
        if self.above >= 0:
            found = found.sum(-3)[..., above, :].transpose(-1, -2)  # (..., 12, C, 12)
            return found.repeat(*[1] * (x.dim() - 2), octaves, 1, 1)[..., :pitches, :, :]
        lower = (found.cumsum(-3) - found)[..., above, :]  # in lower octaves
        inside = found[..., above, :] * (above < classes[:, None])[..., None]  # in the same octave, below
        return (lower + inside).transpose(-1, -2).flatten(-4, -3)[..., :pitches, :, :]


class Recall(nn.Module):
    """What came next where the music went before as it goes now: attention over all that was heard, by likeness.

    The likeness of two places is that of their frames (shared pitches, as Dice's coefficient, and whether they are
    equal), and, fading at a decay a step, that of the frames before them. Each decay is one way to recall, with its own
    sharpness, its own liking for some distances in time, and its own readiness to recall nothing. Each of these may be
    steered, step by step, by what is known beforehand. Transposing all that was heard changes nothing about it.
    """

    def __init__(self, decays: tuple[float, ...], periods: tuple[int, ...]) -> None:
        super().__init__()
        self.decays = decays
        self.sharpness = nn.Parameter(torch.full((len(decays),), 3.0))
        self.distance = nn.ParameterList(torch.zeros(len(decays), period) for period in periods)
        self.nothing = nn.Parameter(torch.full((len(decays),), 6.0))

    @property
    def steerable(self) -> int:
        """How many numbers steer each way to recall: its sharpness, its readiness for nothing, each of its tables."""
        return 2 + len(self.distance)

    def forward(
        self, x: Tensor, past: Tensor, like: Tensor, steer: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(T, B, P, C) the frames before each step, (B, S, P, C) those before them, (B, K, S) the likeness of each with
        the last, (T, B, K, steerable) how it is steered, None where it is not -> (T, B, P, K C) what is recalled, (T,
        B, K) how surely, and both behind the last step.
        """
        now = x.transpose(0, 1)
        past = torch.cat([past, now], dim=1)
        frames = _likeness(now.flatten(2), past.flatten(2))  # (B, T, S + T)
        steps, first = now.shape[1], past.shape[1] - now.shape[1]
        decays = like.new_tensor(self.decays)[:, None]
        like, rows = functional.pad(like, (0, steps)), []
        for t in range(steps):
            like = decays * functional.pad(like, (1, 0))[..., :-1] + (1 - decays) * frames[:, t, None]
            rows.append(like)
        at, places = torch.arange(steps, device=x.device) + first, torch.arange(past.shape[1], device=x.device)
        lag = at[:, None] - places
        sharpness, nothing = self.sharpness[:, None, None], self.nothing[:, None, None]
        tables = [table[:, lag % table.shape[1]] for table in self.distance]
        if steer is not None:
            sharper, idler, *heeded = steer.permute(3, 1, 2, 0)[..., None].unbind(0)  # each (B, K, T, 1)
            sharpness, nothing = sharpness + sharper, nothing + idler
            tables = [table * (1 + more) for table, more in zip(tables, heeded, strict=True)]
        score = torch.stack(rows, dim=2) * (10 * functional.softplus(sharpness))  # (B, K, T, S + T)
        for table in tables:
            score = score + table
        score = score.masked_fill(lag <= 0, -torch.inf)  # what comes now is not known
        none = nothing.expand(len(score), -1, steps, 1)
        weights = torch.cat([score, none], dim=-1).softmax(-1)[..., :-1]
        following = functional.pad(past, (0, 0, 0, 0, 0, 1))[:, 1:].flatten(2)  # what came at each place
        found = torch.matmul(weights.to(x.dtype), following[:, None])  # (B, K, T, P C)
        found = found.view(*found.shape[:3], *x.shape[2:]).permute(2, 0, 3, 1, 4).flatten(3)
        return found, weights.sum(-1).permute(2, 0, 1), past, like


def _likeness(now: Tensor, past: Tensor) -> Tensor:
    """(B, T, N), (B, S, N) -> (B, T, S), from zeros and ones: the mean of Dice's coefficient and of being equal."""
    shared = torch.matmul(now, past.transpose(1, 2)).float()
    mine, theirs = now.sum(-1).float()[:, :, None], past.sum(-1).float()[:, None]
    both = mine + theirs
    dice = torch.where(both > 0, 2 * shared / both.clamp(min=1), 1.0)
    return 0.5 * (dice + ((shared == mine) & (shared == theirs)))


class Gated(nn.Module):
    """A residual layer along time: c = f c + (1 - f) z, and c times a gate; f, z and the gate see the input alone."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        hidden = shape.hidden
        self.norm = nn.LayerNorm(hidden)
        self.inputs = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.dropout = Alike(shape.dropout)
        with torch.no_grad():
            self.inputs.bias[:hidden] = torch.linspace(-2, 4, hidden)  # memories from one step to fifty

    def silence(self, zeros: Tensor) -> Tensor:
        return zeros

    def forward(self, h: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        t, b, p, hidden = h.shape
        rows = self.inputs(self.norm(h)).view(t, b * p, 3 * hidden)
        out, last = Scan.apply(rows, kept.reshape(b * p, hidden))  # type: ignore[no-untyped-call]
        return h + self.out(self.dropout(out.view(t, b, p, hidden))), last.view(b, p, hidden)


class Scan(torch.autograd.Function):
    """(T, N, 3H), (N, H) -> (T, N, H), (N, H): the recurrence of :class:`Gated`, a step at a time so that what is
    read and written stays near.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        steps, n, width = rows.shape
        hidden = width // 3
        out = rows.new_empty(steps, n, hidden)
        cells = torch.empty(steps + 1, n, hidden, dtype=torch.float32, device=rows.device)
        cells[0] = start
        for t in range(steps):
            f, z, o = rows[t].float().chunk(3, -1)
            torch.lerp(z, cells[t], torch.sigmoid(f), out=cells[t + 1])
            out[t] = cells[t + 1] * functional.silu(o)
        ctx.save_for_backward(rows, cells)
        return out, cells[-1].clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        grad, grad_last = grads
        rows, cells = ctx.saved_tensors
        steps, _, width = rows.shape
        hidden = width // 3
        back = torch.empty_like(rows)
        carried = torch.zeros_like(cells[0]) if grad_last is None else grad_last.float().clone()
        for t in range(steps - 1, -1, -1):
            f, z, o = rows[t].float().chunk(3, -1)
            f, s = torch.sigmoid(f), torch.sigmoid(o)
            g = grad[t].float()
            gate = o * s
            back[t, :, 2 * hidden :] = g * cells[t + 1] * (s + gate * (1 - s))
            carried.addcmul_(g, gate)
            keep = carried * f
            back[t, :, hidden : 2 * hidden] = carried - keep
            back[t, :, :hidden] = keep * (1 - f) * (cells[t] - z)
            carried = keep
        return back, carried


class Recurrent(nn.Module):
    """A layer of the original: an LSTM along time."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.lstm = nn.LSTM(shape.hidden, shape.hidden)
        self.dropout = nn.Dropout(shape.dropout)

    def silence(self, zeros: Tensor) -> Tensor:
        return torch.stack([zeros, zeros], -1)

    def forward(self, h: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        t, b, p, hidden = h.shape
        rows = h.reshape(t, b * p, hidden)
        start = tuple(part.reshape(1, b * p, hidden).contiguous() for part in kept.unbind(-1))
        out, last = self.lstm(rows, start)
        return self.dropout(out.view(t, b, p, hidden)), torch.stack(last, -1).view(b, p, hidden, 2)


class Ascent(nn.Module):
    """What is known at each pitch of those below it in the frame: intervals, pitch classes, how many there are."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tops = nn.Linear(shape.hidden, shape.width)
        self.now = Relative(shape.lines, shape.width, shape.below, -1)
        self.counts = nn.Embedding(COUNTED * COUNTED, shape.width)
        self.left = nn.Embedding(COUNTED, shape.width)
        self.norm = nn.LayerNorm(shape.width)
        self.layers = nn.ModuleList(nn.Linear(shape.width, shape.width) for _ in range(shape.depth))
        self.dropout = Alike(shape.dropout)

    def known(self, h: Tensor) -> Tensor:
        """(..., P, H) -> (..., P, width): what the time axis says, once for all that is asked about a frame."""
        known: Tensor = self.tops(self.dropout(h))
        return known

    def forward(self, tops: Tensor, before: Tensor, now: Tensor, start: int | None = None) -> Tensor:
        """(..., P, width); from the row ``start`` on, if few notes are placed and nothing is learned."""
        placed, sounded = now.sum(-1), before.sum(-1)  # (..., P)
        rows = slice(start, None)
        under = (placed.cumsum(-1) - placed).long()[..., rows]
        was = (sounded.cumsum(-1) - sounded).long().clamp(max=COUNTED - 1)[..., rows]
        left = (sounded.sum(-1, keepdim=True).long() - under).clamp(0, COUNTED - 1)
        under = under.clamp(max=COUNTED - 1)
        a = functional.silu(
            tops[..., rows, :]
            + (self.now(now) if start is None else self.now.sparse(now, start))
            + functional.embedding(under * COUNTED + was, self.counts.weight.to(tops.dtype))
            + functional.embedding(left, self.left.weight.to(tops.dtype))
        )
        found: Tensor = self.norm(a)
        for layer in self.layers:
            found = found + functional.silu(layer(self.dropout(found)))
        return found


class RecurrentAscent(nn.Module):
    """The original: two LSTMs along pitch, over what is known of each pitch and whether the one below sounds."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.lstm = nn.LSTM(shape.hidden + shape.lines, shape.width, num_layers=2, dropout=shape.dropout)

    def known(self, h: Tensor) -> Tensor:
        return h

    def forward(self, tops: Tensor, before: Tensor, now: Tensor, start: int | None = None) -> Tensor:
        lower = functional.pad(now, (0, 0, 1, 0))[..., :-1, :]
        x = torch.cat([tops, lower], -1)
        out: Tensor = self.lstm(x.flatten(0, -3).transpose(0, 1))[0]
        return out.transpose(0, 1).reshape(*x.shape[:-1], -1)[..., slice(start, None), :]


class Alike(nn.Module):
    """Dropout of the same units at all times and pitches of a piece (Gal and Ghahramani 2016): (T, B, P, H)."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.share:
            return x
        mask = torch.rand(x.shape[1], 1, x.shape[-1], device=x.device) >= self.share
        return x * (mask / (1 - self.share)).to(x.dtype)
