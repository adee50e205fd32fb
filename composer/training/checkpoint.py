"""What a training needs to go on to the same numbers: one safetensors file, with JSON in its header, never a pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from composer.disk import make_folder, write_bytes
from composer.errors import ReadError, UsageError

FORMAT = "composer checkpoint 1"
FILE = "checkpoint.safetensors"
MAX_CHECKPOINT = 2**33  # bytes

Tensors = dict[str, torch.Tensor]


@dataclass
class Checkpoint:
    """Tensors by name (``weights/...``, ``average/...``, ``best/...``, and the moments of AdamW, ``first/...`` and
    ``second/...``), ``state`` that JSON can hold, and the ``identity`` of the training: its course, net and data.
    """

    tensors: Tensors
    state: dict[str, Any]
    identity: dict[str, Any]

    def write(self, folder: Path) -> None:
        """Completely, or not at all; raises :class:`WriteError`."""
        make_folder(folder)
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in self.tensors.items()}
        text = json.dumps({"format": FORMAT, "identity": self.identity, "state": self.state})
        write_bytes(save(tensors, {"checkpoint": text, "digest": _digest(text, tensors)}), folder / FILE)

    @classmethod
    def read(cls, folder: Path, identity: dict[str, Any]) -> Checkpoint | None:
        """The one in a folder, None if there is none.

        Raises :class:`ReadError` if it is damaged, :class:`UsageError` if it is of a training with another identity.
        """
        path = folder / FILE
        if not path.exists():
            return None
        try:
            if path.stat().st_size > MAX_CHECKPOINT:
                raise ValueError("too large")
            data = path.read_bytes()
            tensors = load(data)
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
            found = json.loads(header["checkpoint"])
            if found["format"] != FORMAT or header["digest"] != _digest(header["checkpoint"], tensors):
                raise ValueError("its content is not what was written")
            state, known = dict(found["state"]), dict(found["identity"])
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ReadError(f"{path}: is not a whole checkpoint ({reason}); remove it to start again") from None
        differs = _differences(known, identity)
        if differs:
            raise UsageError(
                f"{folder}: holds another training: {'; '.join(differs)}; give another --folder, or remove this one"
            )
        return cls(tensors, state, known)


def _digest(text: str, tensors: Tensors) -> str:
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        found.update(tensors[name].flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def _differences(known: Any, wanted: Any, place: str = "") -> list[str]:
    """What is there and what is wanted, wherever they differ; of many places the first."""
    if isinstance(known, dict) and isinstance(wanted, dict):
        both = [name for name in known if name in wanted]
        told = [text for name in both for text in _differences(known[name], wanted[name], f"{place} {name}".strip())]
        alone = [f"{place} has no {name}" for name in wanted if name not in known]
        alone += [f"{place} has {name} too" for name in known if name not in wanted]
        return [*told, *alone][:4]
    return [] if known == wanted else [f"{place} is {_short(known)}, not {_short(wanted)}"]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
