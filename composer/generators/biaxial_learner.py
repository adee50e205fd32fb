"""The biaxial network as the training loop wants it: what every step of a batch of windows costs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from composer.generators.biaxial_net import Net

UNKNOWN = 0.03  # of the labels in training are taken for such as it has never seen


class Learner(nn.Module):
    """``net`` trained on windows of frames."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def nats(self, batch: dict[str, Tensor]) -> Tensor:
        """(B, W) of ``frames`` and ``before`` (B, W, P, V), ``labels`` (B, W, F), ``begins`` and ``mask`` (B, W)."""
        frames, before, labels = batch["frames"], batch["before"][:, 0], batch["labels"]
        if self.training:
            labels = self._forgotten(labels)
        found, _ = self.net.nats(frames, labels, batch["begins"], before=before)
        return found * batch["mask"]

    def _forgotten(self, labels: Tensor) -> Tensor:
        """Some features of some windows as if their labels were unknown, which are the last of each."""
        unknown = labels.new_tensor(self.net.shape.labels) - 1
        some = torch.rand(len(labels), 1, labels.shape[2], device=labels.device) < UNKNOWN
        return torch.where(some, unknown, labels)
