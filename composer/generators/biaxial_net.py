"""The biaxial network: recurrent along time with weights shared over pitches, then autoregressive along pitch.

After Johnson, *Generating polyphonic music using tied parallel networks* (EvoMUSART 2017). A frame is a table of
pitches and lines, (P, V), of 0 silent, 1 sounding on, 2 struck; a roll has one line, in which any number of pitches
sound. Every pitch sees the music relative to itself alone: what sounds so many semitones away, and which pitch classes
sound so many semitones above its own. So transposing the input transposes the output, away from the borders. Only the
first frame of a piece, before which there is nothing to be relative to, has a register of its own. (Where pitches are
counted from the tonic, each also knows its degree: there the same music in another key is the same input.)

The two axes are those of 2017; what runs along them is a setting. Along time: a gated linear recurrence, whose gates
see the input alone (as in Bradbury et al., *Quasi-recurrent neural networks*, 2017), so that all steps of a layer are
one product of matrices; or the LSTM of the original. Along pitch: what lies below a pitch in the frame, by interval and
by pitch class, through a perceptron; or the LSTM of the original.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from composer.generators.biaxial_layers import (
    COUNTED,
    STEERED,
    Ascent,
    Gated,
    Recall,
    Recurrent,
    RecurrentAscent,
    Relative,
    Shape,
)

State = tuple[Tensor, ...]  # batch first

SELDOM = -3.5  # logit that a pitch sounds, before anything is learned


class Net(nn.Module):
    """``listen`` runs along time, ``logits`` along pitch, ``nats`` is both over whole windows."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        aspects = 1 + int(shape.articulated)
        channels = shape.lines + aspects - 1 + len(shape.decays) + aspects * len(shape.recalls)
        self.heard = Relative(channels, shape.hidden, shape.reach, shape.reach)
        self.recall = Recall(shape.recalls, shape.periods)
        self.sure = nn.Parameter(torch.zeros(len(shape.recalls), shape.hidden))
        labels = [nn.Embedding(size, shape.hidden) for size in shape.labels]
        for table in labels:
            nn.init.zeros_(table.weight[-1])  # what training never shows says nothing
        self.labels = nn.ModuleList(labels)
        width = len(shape.recalls) * self.recall.steerable
        self.steers = nn.ModuleList(_unmoved(size, width) for size in shape.labels if shape.steered)
        self.many = nn.Embedding(2 * COUNTED, shape.hidden)
        self.degrees = nn.Embedding(12, shape.hidden) if shape.tonic is not None else nn.Identity()
        self.register = nn.Parameter(torch.zeros(shape.pitches, shape.hidden))
        cell = {"gated": Gated, "lstm": Recurrent}[shape.time]
        cells = nn.ModuleList(cell(shape) for _ in range(shape.layers))
        self.cells: Iterable[Gated | Recurrent] = cells  # type: ignore[assignment]
        ascents: dict[str, type[Ascent | RecurrentAscent]] = {"window": Ascent, "lstm": RecurrentAscent}
        self.ascent: Ascent | RecurrentAscent = ascents[shape.along](shape)
        self.out = nn.Linear(shape.width, shape.lines * aspects)
        self.same = nn.Parameter(torch.zeros(shape.lines, shape.lines))  # of lines at one pitch: of each to later ones
        nn.init.zeros_(self.out.weight)
        nn.init.constant_(self.out.bias, SELDOM)

    # --- time ------------------------------------------------------------------------------------------------------

    def listen(
        self, before: Tensor, labels: Tensor, begins: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(B, T, P, V), (B, T, F), (B, T) -> (B, T, P, A): what is known of every pitch before each step.

        ``before`` is the frame before each step, silence before the first; ``labels`` are of the step itself;
        ``begins`` is true at the first step of a piece.
        """
        state = state or self._silence(len(before), before.shape[2])
        before, labels, begins = before.transpose(0, 1), labels.transpose(0, 1), begins.transpose(0, 1)
        h, state = self._listen(before, labels, begins, state)
        return h.transpose(0, 1), state

    def _silence(self, batch: int, pitches: int) -> State:
        """The state before anything was heard."""
        shape, zeros = self.shape, partial(torch.zeros, device=self.out.weight.device)
        faded = zeros(batch, pitches, len(shape.decays))
        past = zeros(batch, 0, pitches, 1 + int(shape.articulated))
        like = zeros(batch, len(shape.recalls), 0)
        cells = zeros(batch, pitches, shape.hidden)
        return faded, past, like, *(cell.silence(cells) for cell in self.cells)

    def _listen(self, before: Tensor, labels: Tensor, begins: Tensor, state: State) -> tuple[Tensor, State]:
        """The same with time before the batch, as the products of matrices want it."""
        sounding = (before > 0).to(self.out.weight.dtype)
        merged = sounding.amax(-1, keepdim=True)
        struck = [(before == 2).any(-1, keepdim=True).to(merged.dtype)] if self.shape.articulated else []
        faded, ends = self._faded(merged, state[0])
        recalled, surely, past, like = self.recall(
            torch.cat([merged, *struck], -1), state[1], state[2], self._steer(labels)
        )
        h = self.heard(torch.cat([sounding, *struck, faded, recalled], dim=-1))  # (T, B, P, H)
        whole = self.many(sounding.sum((2, 3)).long().clamp(max=2 * COUNTED - 1)) + surely @ self.sure
        for number, table in enumerate(self.labels):
            whole = whole + table(labels[..., number])
        h = h + whole[:, :, None].to(h.dtype)
        if self.shape.tonic is not None:
            degree = (torch.arange(self.shape.pitches, device=h.device) - self.shape.tonic) % 12
            h = h + self.degrees(degree).to(h.dtype)
        after = [ends, past, like]
        for cell, kept in zip(self.cells, state[3:], strict=True):
            h, last = cell(h, kept)
            after.append(last)
        if bool(begins.any()):  # added behind the recurrence, which knows no register
            h = h + (begins[:, :, None, None] * self.register).to(h.dtype)
        return self.ascent.known(h), tuple(after)

    def _steer(self, labels: Tensor) -> Tensor | None:
        """(T, B, F) -> (T, B, K, steerable) how it recalls; None: as ever."""
        if not self.steers:
            return None
        found: Tensor = sum(table(labels[..., number]) for number, table in enumerate(self.steers))
        return STEERED * found.view(*labels.shape[:2], len(self.shape.recalls), self.recall.steerable)

    def _faded(self, merged: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, P, 1) -> (T, B, P, D) what sounded, fading at each of the decays, and how it ends (B, P, D)."""
        decays = merged.new_tensor(self.shape.decays)
        sounds = merged * (1 - decays)
        rows = []
        for sound in sounds:
            kept = kept * decays + sound
            rows.append(kept)
        return torch.stack(rows), kept

    # --- pitch -----------------------------------------------------------------------------------------------------

    def logits(self, tops: Tensor, before: Tensor, now: Tensor, start: int | None = None) -> Tensor:
        """(..., B, P, A), (..., B, P, V), (..., B, P, V) -> (..., B, P, V, 2): the logits that a line sounds at a
        pitch, and that it is struck there if it also sounded there before.

        Each depends only on what comes before it in ``now``, in the order of pitch and then of line. With ``start``
        those of the pitches from it on alone, (B, P - start, V, 2), sooner where few notes are placed.
        """
        placed = (now > 0).to(tops.dtype)
        out = self.out(self.ascent(tops, (before > 0).to(tops.dtype), placed, start)).float()
        lines = self.shape.lines
        play = out[..., :lines] + placed[..., slice(start, None), :].float() @ torch.triu(self.same, diagonal=1)
        struck = out[..., lines:] if self.shape.articulated else torch.full_like(play, torch.inf)
        return torch.stack([play, struck], dim=-1)

    # --- both ------------------------------------------------------------------------------------------------------

    def nats(
        self,
        frames: Tensor,
        labels: Tensor,
        begins: Tensor,
        state: State | None = None,
        before: Tensor | None = None,
    ) -> tuple[Tensor, State]:
        """(B, T, P, V) -> (B, T) minus the log probability of every frame, and the state after the last but one.

        ``before`` (B, P, V) is the frame before the first, which a ``state`` also knows.
        """
        frames, labels, begins = (x.transpose(0, 1) for x in (frames, labels, begins))
        earlier = torch.cat([torch.zeros_like(frames[:1]) if before is None else before[None], frames[:-1]])
        tops, state = self._listen(earlier, labels, begins, state or self._silence(*earlier.shape[1:3]))
        logits = self.logits(tops, earlier, frames)
        sounds = (frames > 0).float()
        nats = functional.binary_cross_entropy_with_logits(logits[..., 0], sounds, reduction="none")
        if not self.shape.polyphonic:
            nats = nats * (1 - (sounds.cumsum(2) - sounds))  # a line that was placed has no choice above
        total = nats.sum((2, 3))
        if self.shape.articulated:
            held = sounds * (earlier > 0)
            struck = functional.binary_cross_entropy_with_logits(
                logits[..., 1], (frames == 2).float(), reduction="none"
            )
            total = total + (held * struck).sum((2, 3))
        return total.transpose(0, 1), state


def _unmoved(size: int, width: int) -> nn.Embedding:
    table = nn.Embedding(size, width)
    nn.init.zeros_(table.weight)
    return table
