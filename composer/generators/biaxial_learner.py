"""The biaxial network as the training loop wants it: what every step of a batch of windows costs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from composer.generators.biaxial_net import Net

UNKNOWN = 0.03  # of the labels in training are taken for such as it has never seen


class Learner(nn.Module):
    """``net`` trained on windows of frames, half of which are moved by up to ``transpose`` pitches."""

    def __init__(self, net: Net, transpose: int) -> None:
        super().__init__()
        self.net, self.transpose = net, transpose

    def nats(self, batch: dict[str, Tensor]) -> Tensor:
        """(B, W) of ``frames`` and ``before`` (B, W, P, V), ``labels`` (B, W, F), ``begins`` and ``mask`` (B, W)."""
        frames, before, labels = batch["frames"], batch["before"][:, 0], batch["labels"]
        if self.training:
            labels = self._forgotten(labels)
            if self.transpose:
                frames, before = self._moved(frames, before)
        found, _ = self.net.nats(frames, labels, batch["begins"], before=before)
        return found * batch["mask"]

    def _forgotten(self, labels: Tensor) -> Tensor:
        """Some features of some windows as if their labels were unknown, which are the last of each."""
        unknown = labels.new_tensor(self.net.shape.labels) - 1
        some = torch.rand(len(labels), 1, labels.shape[2], device=labels.device) < UNKNOWN
        return torch.where(some, unknown, labels)

    def _moved(self, *frames: Tensor) -> tuple[Tensor, ...]:
        """(B, ..., P, V) with each window up or down; what leaves the range is silent."""
        pitches, device = frames[0].shape[-2], frames[0].device
        by = torch.randint(-self.transpose, self.transpose + 1, (len(frames[0]),), device=device)
        by = by * (torch.rand(len(by), device=device) < 0.5)
        rows = torch.arange(pitches, device=device) - by[:, None]  # (B, P) from where each comes
        inside, rows = (rows >= 0) & (rows < pitches), rows.clamp(0, pitches - 1)
        found = []
        for table in frames:
            shape = (len(by), *[1] * (table.dim() - 3), pitches, 1)
            found.append(table.gather(-2, rows.view(shape).expand_as(table)) * inside.view(shape))
        return tuple(found)
