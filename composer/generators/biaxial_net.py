"""The biaxial network: recurrent along time with weights shared over pitches, then autoregressive along pitch.

After Johnson, *Generating polyphonic music using tied parallel networks* (EvoMUSART 2017). A frame is a table of pitches
and lines, (P, V), of 0 silent, 1 sounding on, 2 struck; a roll has one line, in which any number of pitches sound. Every
pitch sees the music relative to itself alone: what sounds so many semitones away, and which pitch classes sound so many
semitones above its own. So transposing the input transposes the output, away from the borders. Only the first frame of
a piece, before which there is nothing to be relative to, has a register of its own.

The two axes are those of 2017; what runs along them is a setting. Along time: a gated linear recurrence, whose gates
see the input alone (as in Bradbury et al., *Quasi-recurrent neural networks*, 2017), so that all steps of a layer are
one product of matrices; or the LSTM of the original. Along pitch: what lies below a pitch in the frame, by interval and
by pitch class, through a perceptron; or the LSTM of the original.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, ...]  # batch first

COUNTED = 8  # notes of a frame that are told apart by number
SELDOM = -3.5  # logit that a pitch sounds, before anything is learned


@dataclass(frozen=True)
class Shape:
    """Sizes of a network. ``labels`` are how many labels each feature of the context has."""

    pitches: int = 88
    lines: int = 1
    polyphonic: bool = True  # any number of pitches sound in a line; else one at most
    articulated: bool = False
    labels: tuple[int, ...] = ()
    time: str = "gated"  # or "lstm"
    along: str = "window"  # the pitch axis; or "lstm"
    hidden: int = 128
    layers: int = 2
    width: int = 128
    depth: int = 2
    mixed: int = 0  # width of attention between pitches
    reach: int = 24  # semitones around a pitch that it sees of the frame before
    below: int = 36  # semitones under a pitch that it sees of the frame being written
    decays: tuple[float, ...] = (0.5, 0.85, 0.96)  # of what sounded, a step
    dropout: float = 0.3


class Net(nn.Module):
    """``listen`` runs along time, ``logits`` along pitch, ``nats`` is both over whole windows."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        channels = shape.lines + int(shape.articulated) + len(shape.decays)
        self.heard = Relative(channels, shape.hidden, shape.reach, shape.reach)
        self.labels = nn.ModuleList(nn.Embedding(size, shape.hidden) for size in shape.labels)
        self.many = nn.Embedding(2 * COUNTED, shape.hidden)
        self.register = nn.Parameter(torch.zeros(shape.pitches, shape.hidden))
        cell = {"gated": Gated, "lstm": Recurrent}[shape.time]
        self.cells = nn.ModuleList(cell(shape, first=k == 0) for k in range(shape.layers))
        self.ascent = {"window": Ascent, "lstm": RecurrentAscent}[shape.along](shape)
        outputs = shape.lines * (1 + int(shape.articulated))
        self.out = nn.Linear(shape.width, outputs)
        self.same = nn.Parameter(
            torch.zeros(shape.lines, shape.lines)
        )  # what a line at a pitch says of later ones there
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, SELDOM)

    # --- time ------------------------------------------------------------------------------------------------------

    def listen(
        self, before: Tensor, labels: Tensor, begins: Tensor, state: State | None = None, base: int = 0
    ) -> tuple[Tensor, State]:
        """(B, T, P, V), (B, T, F), (B, T) -> (B, T, P, H): what is known of every pitch before each step.

        ``before`` is the frame before each step, silence before the first; ``labels`` are of the step itself;
        ``begins`` is true at the first step of a piece. Row 0 is the pitch ``base`` of the network's.
        """
        h, state = self._listen(*(x.transpose(0, 1) for x in (before, labels, begins)), state, base)
        return h.transpose(0, 1), state

    def _listen(
        self, before: Tensor, labels: Tensor, begins: Tensor, state: State | None, base: int
    ) -> tuple[Tensor, State]:
        """The same with time before the batch, as the products of matrices want it."""
        sounding = (before > 0).to(self.out.weight.dtype)
        faded, ends = self._faded(sounding.amax(-1), None if state is None else state[0])
        struck = [(before == 2).any(-1, keepdim=True).to(sounding.dtype)] if self.shape.articulated else []
        h = self.heard(torch.cat([sounding, *struck, faded], dim=-1))  # (T, B, P, H)
        whole = self.many(sounding.sum((2, 3)).long().clamp(max=2 * COUNTED - 1))
        for number, table in enumerate(self.labels):
            whole = whole + table(labels[..., number])
        h = h + whole[:, :, None].to(h.dtype)
        if bool(begins.any()):
            rows = self.register[base : base + before.shape[2]]
            h = h + (begins[:, :, None, None] * rows).to(h.dtype)
        after = [ends]
        for number, cell in enumerate(self.cells):
            h, kept = cell(h, None if state is None else state[number + 1])
            after.append(kept)
        return h, tuple(after)

    def _faded(self, merged: Tensor, faded: Tensor | None) -> tuple[Tensor, Tensor]:
        """(T, B, P) -> (T, B, P, D) what sounded, fading at each of the decays, and how it ends (B, P, D)."""
        decays = merged.new_tensor(self.shape.decays)
        sounds = merged[..., None] * (1 - decays)
        kept = torch.zeros_like(sounds[0]) if faded is None else faded
        rows = []
        for sound in sounds:
            kept = kept * decays + sound
            rows.append(kept)
        return torch.stack(rows), kept

    # --- pitch -----------------------------------------------------------------------------------------------------

    def logits(self, tops: Tensor, before: Tensor, now: Tensor) -> Tensor:
        """(..., B, P, H), (..., B, P, V), (..., B, P, V) -> (..., B, P, V, 2): the logits that a line sounds at a pitch, and that
        it is struck there if it also sounded there before.

        Each depends only on what comes before it in ``now``, in the order of pitch and then of line.
        """
        placed = (now > 0).to(tops.dtype)
        out = self.out(self.ascent(tops, (before > 0).to(tops.dtype), placed)).float()
        lines = self.shape.lines
        play = out[..., :lines] + placed.float() @ torch.triu(self.same, diagonal=1)
        struck = out[..., lines:] if self.shape.articulated else torch.full_like(play, torch.inf)
        return torch.stack([play, struck], dim=-1)

    # --- both ------------------------------------------------------------------------------------------------------

    def nats(
        self,
        frames: Tensor,
        labels: Tensor,
        begins: Tensor,
        base: int = 0,
        state: State | None = None,
        before: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """(B, T, P, V) -> (B, T) minus the log probability of every frame, and the state after the last but one.

        ``before`` (B, P, V) is the frame before the first, which a ``state`` also knows.
        """
        frames, labels, begins = (x.transpose(0, 1) for x in (frames, labels, begins))
        earlier = torch.cat([torch.zeros_like(frames[:1]) if before is None else before[None], frames[:-1]])
        tops, state = self._listen(earlier, labels, begins, state, base)
        logits = self.logits(tops, earlier, frames)
        sounds = (frames > 0).float()
        nats = F.binary_cross_entropy_with_logits(logits[..., 0], sounds, reduction="none")
        if not self.shape.polyphonic:
            nats = nats * (1 - (sounds.cumsum(2) - sounds))  # a line that was placed has no choice above
        total = nats.sum((2, 3))
        if self.shape.articulated:
            held = sounds * (earlier > 0)
            struck = F.binary_cross_entropy_with_logits(logits[..., 1], (frames == 2).float(), reduction="none")
            total = total + (held * struck).sum((2, 3))
        return total.transpose(0, 1), state


class Relative(nn.Module):
    """A linear map of what lies around each pitch, the same for all: by interval up to a reach, and by pitch class.

    It is one product with a Toeplitz matrix. (B, T, P, C) -> (B, T, P, H)
    """

    def __init__(self, channels: int, hidden: int, below: int, above: int) -> None:
        super().__init__()
        self.below, self.above = below, above
        self.near = nn.Parameter(torch.randn(channels, below + above + 1, hidden) * 0.1)
        self.octaves = nn.Parameter(torch.randn(channels, 12, hidden) * 0.1)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self._kept: tuple[object, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        pitches = x.shape[-2]
        out = torch.matmul(x.flatten(-2), self._toeplitz(pitches)).unflatten(-1, (pitches, -1))
        return out + self.bias.to(out.dtype)

    def _toeplitz(self, pitches: int) -> Tensor:
        """(P C, P H), kept from one call to the next while nothing is learned."""
        if torch.is_grad_enabled():
            return self._matrix(pitches)
        version = pitches, id(self.near), self.near.device, self.near._version, self.octaves._version
        if self._kept is None or self._kept[0] != version:
            self._kept = version, self._matrix(pitches)
        return self._kept[1]

    def _matrix(self, pitches: int) -> Tensor:
        rows = torch.arange(pitches, device=self.near.device)
        apart = rows[:, None] - rows[None, :]  # (from, to)
        inside = (apart >= -self.below) & (apart <= self.above)
        near = self.near[:, (apart + self.below).clamp(0, self.below + self.above)]  # (C, P, P, H)
        matrix = near * inside[..., None] + self.octaves[:, apart % 12]
        if self.above < 0:
            matrix = matrix * (apart < 0)[..., None]  # only what lies below
        return matrix.permute(1, 0, 2, 3).reshape(pitches * len(self.near), -1)


class Gated(nn.Module):
    """A residual layer along time: c = f c + (1 - f) z, and c times a gate; f, z and the gate see the input alone."""

    def __init__(self, shape: Shape, *, first: bool) -> None:
        super().__init__()
        hidden = shape.hidden
        self.norm = nn.LayerNorm(hidden)
        self.mix = Mixed(hidden, shape.mixed, hidden) if shape.mixed and not first else None
        self.inputs = nn.Linear(hidden, 3 * hidden)
        self.out = nn.Linear(hidden, hidden)
        self.dropout = Alike(shape.dropout)
        with torch.no_grad():
            self.inputs.bias[:hidden] = torch.linspace(-2, 4, hidden)  # memories from one step to fifty

    def forward(self, h: Tensor, kept: Tensor | None) -> tuple[Tensor, Tensor]:
        t, b, p, hidden = h.shape
        x = self.norm(h)
        if self.mix is not None:
            x = x + self.mix(x)
        rows = self.inputs(x).view(t, b * p, 3 * hidden)
        start = rows.new_zeros(b * p, hidden, dtype=torch.float32) if kept is None else kept.reshape(b * p, hidden)
        out, last = Scan.apply(rows, start)
        return h + self.out(self.dropout(out.view(t, b, p, hidden))), last.view(b, p, hidden)


class Scan(torch.autograd.Function):
    """(T, N, 3H), (N, H) -> (T, N, H), (N, H): the recurrence of :class:`Gated`, a step at a time so that what is
    read and written stays near.
    """

    @staticmethod
    def forward(ctx, rows, start):
        steps, n, width = rows.shape
        hidden = width // 3
        out = rows.new_empty(steps, n, hidden)
        cells = torch.empty(steps + 1, n, hidden, dtype=torch.float32)
        cells[0] = start
        for t in range(steps):
            f, z, o = rows[t].float().split(hidden, -1)
            torch.lerp(z, cells[t], torch.sigmoid(f), out=cells[t + 1])
            out[t] = cells[t + 1] * F.silu(o)
        ctx.save_for_backward(rows, cells)
        return out, cells[-1].clone()

    @staticmethod
    def backward(ctx, grad, grad_last):
        rows, cells = ctx.saved_tensors
        steps, n, width = rows.shape
        hidden = width // 3
        back = torch.empty_like(rows)
        carried = torch.zeros_like(cells[0]) if grad_last is None else grad_last.float().clone()
        for t in range(steps - 1, -1, -1):
            f, z, o = rows[t].float().split(hidden, -1)
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

    def __init__(self, shape: Shape, *, first: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(shape.hidden, shape.hidden)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, h: Tensor, kept: Tensor | None) -> tuple[Tensor, Tensor]:
        t, b, p, hidden = h.shape
        rows = h.reshape(t, b * p, hidden)
        start = None if kept is None else tuple(part.reshape(1, b * p, hidden).contiguous() for part in kept.unbind(-1))
        out, last = self.lstm(rows, start)
        return self.dropout(out.view(t, b, p, hidden)), torch.stack(last, -1).view(b, p, hidden, 2)


class Ascent(nn.Module):
    """What is known at each pitch of those below it in the frame: intervals, pitch classes, how many there are."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.tops = nn.Linear(shape.hidden, shape.width)
        self.mix = Mixed(shape.hidden, shape.mixed, shape.width) if shape.mixed else None
        self.now = Relative(shape.lines, shape.width, shape.below, -1)
        self.counts = nn.Embedding(COUNTED * COUNTED, shape.width)
        self.left = nn.Embedding(COUNTED, shape.width)
        self.norm = nn.LayerNorm(shape.width)
        self.layers = nn.ModuleList(nn.Linear(shape.width, shape.width) for _ in range(shape.depth))
        self.dropout = Alike(shape.dropout)

    def forward(self, tops: Tensor, before: Tensor, now: Tensor) -> Tensor:
        placed, sounded = now.sum(-1), before.sum(-1)  # (..., P)
        under = (placed.cumsum(-1) - placed).long().clamp(max=COUNTED - 1)
        was = (sounded.cumsum(-1) - sounded).long().clamp(max=COUNTED - 1)
        left = (sounded.sum(-1, keepdim=True) - (placed.cumsum(-1) - placed)).long().clamp(0, COUNTED - 1)
        a = self.tops(self.dropout(tops)) + self.now(now)
        if self.mix is not None:
            a = a + self.mix(tops)
        a = F.silu(
            a
            + F.embedding(under * COUNTED + was, self.counts.weight.to(a.dtype))
            + F.embedding(left, self.left.weight.to(a.dtype))
        )
        a = self.norm(a)
        for layer in self.layers:
            a = a + F.silu(layer(self.dropout(a)))
        return a


class RecurrentAscent(nn.Module):
    """The original: two LSTMs along pitch, over what is known of each pitch and whether the one below sounds."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.lstm = nn.LSTM(shape.hidden + shape.lines, shape.width, num_layers=2, dropout=shape.dropout)

    def forward(self, tops: Tensor, before: Tensor, now: Tensor) -> Tensor:
        lower = F.pad(now, (0, 0, 1, 0))[..., :-1, :]
        x = torch.cat([tops, lower], -1)
        out, _ = self.lstm(x.flatten(0, -3).transpose(0, 1))
        return out.transpose(0, 1).unflatten(0, x.shape[:-2])


class Mixed(nn.Module):
    """Attention between the pitches of a frame, which knows how far apart they are and not where they are."""

    heads, reach = 4, 48

    def __init__(self, hidden: int, width: int, out: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(hidden, 3 * width)
        self.apart = nn.Parameter(torch.zeros(self.heads, 2 * self.reach + 1))
        self.out = nn.Linear(width, out)

    def forward(self, x: Tensor) -> Tensor:
        pitches = x.shape[-2]
        query, key, value = self.inputs(x).flatten(0, -3).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        rows = torch.arange(pitches, device=x.device)
        apart = (rows[None] - rows[:, None]).clamp(-self.reach, self.reach) + self.reach
        y = F.scaled_dot_product_attention(query, key, value, attn_mask=self.apart[:, apart].to(query.dtype))
        return self.out(y.transpose(1, 2).flatten(-2)).unflatten(0, x.shape[:-2])


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
