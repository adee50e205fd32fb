"""Which processes train together, and on what: torchrun says so in the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import distributed

from composer.errors import ComposerError, UsageError
from composer.machine import processor


@dataclass
class Ranks:
    """This process's number among ``world``, and its device; raises :class:`UsageError` for one that is not there."""

    device: torch.device
    rank: int = 0
    world: int = 1
    own: bool = False  # the group was made here, and is taken apart here

    @classmethod
    def join(cls, device: str) -> Ranks:
        """The processes that torchrun started, or this one alone."""
        world = int(os.environ.get("WORLD_SIZE", "1"))
        if world == 1:
            return cls(_device(device, 0))
        found = _device(device, int(os.environ.get("LOCAL_RANK", "0")))
        own = not distributed.is_initialized()
        if own:
            import_module("torch.distributed.nn.functional")  # after the group, its defaults would keep that for ever
            distributed.init_process_group("nccl" if found.type == "cuda" else "gloo")
        return cls(found, distributed.get_rank(), world, own)

    def leave(self) -> None:
        """Take apart what was made here; its threads must end before Python does, which they could abort."""
        if self.own:
            distributed.destroy_process_group()

    def told(self, what: Any) -> Any:
        """What the first process has, in all of them; an error of it is raised in all of them."""
        if self.world > 1:
            box = [what]
            distributed.broadcast_object_list(box, src=0)
            what = box[0]
        if isinstance(what, ComposerError):
            raise what
        return what

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        if self.world > 1:
            distributed.all_reduce(value)
        return value

    @property
    def machine(self) -> dict[str, Any]:
        """What it runs on, in words."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else processor()
        threads = torch.get_num_threads() if self.device.type == "cpu" else 0
        return {"device": name, **({"threads": threads} if threads else {}), "processes": self.world}


def _device(name: str, local: int) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return _device("cuda", local)
        return torch.device("mps" if torch.backends.mps.is_available() and local == 0 else "cpu")
    try:
        found = torch.device(f"cuda:{local}" if name == "cuda" else name)
        torch.zeros(1, device=found).item()
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(f"--device {name}: there is none here; take auto or cpu") from None
    return found
