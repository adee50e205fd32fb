"""Random windows of many sequences, from arrays in memory or from memory-mapped shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from composer.disk import make_folder, write_bytes
from composer.errors import ReadError, UsageError, WriteError

Arrays = Mapping[str, NDArray[Any]]
INDEX = "index.json"
SHARDS = "shards"  # the folder
SHARD = 2**28  # bytes of a shard, if no sequence is longer
MEMORY = 2**31  # bytes of sequences that are kept in memory
MAX_INDEX = 2**28  # bytes


class Windows:
    """Windows of ``length`` steps, ``batch`` at a time, of sequences that lie end to end in shards.

    ``shards`` hold arrays by name, each (N, ...); ``starts`` say where in each its sequences begin, and (last) end.
    What comes at a step depends on ``seed`` and the step alone, so a training that was broken off goes on as if
    nothing had been. Every step of time is as likely as any other, but for those near an end of their sequence.
    """

    def __init__(
        self,
        shards: Sequence[Arrays],
        starts: Sequence[NDArray[np.int64]],
        *,
        length: int,
        batch: int,
        seed: int,
        digest: str = "",
    ) -> None:
        self.shards = list(shards)
        self.length, self.batch, self.seed = length, batch, seed
        sizes = [np.diff(edges) for edges in starts]
        self._shard = np.repeat(np.arange(len(sizes)), [len(size) for size in sizes])
        self._first = np.concatenate([np.asarray(edges[:-1]) for edges in starts] or [np.zeros(0, int)])
        self._size = np.concatenate([*sizes, np.zeros(0, int)]).astype(np.int64)
        self.frames = int(self._size.sum())  # steps of time in all sequences
        if not self.frames:
            raise UsageError("there is nothing to train on: no sequence has a step")
        self._ends = np.cumsum(np.maximum(self._size, length))
        self.digest = digest or _digest(self.shards, starts)

    @classmethod
    def of(cls, sequences: Iterable[Arrays], *, length: int, batch: int, seed: int, folder: Path | None = None) -> Self:
        """Of sequences whose arrays (T, ...) have the same names; raises :class:`UsageError` where none has a step.

        They are taken one after another. If they are larger than :data:`MEMORY` together, and there is a ``folder``,
        they are written to shards in it, and not kept in memory.
        """
        rest, kept, size = iter(sequences), [], 0
        for sequence in rest:
            kept.append(sequence)
            size += sum(array.nbytes for array in sequence.values())
            if folder is not None and size > MEMORY:
                write_shards(chain(_emptied(kept), rest), folder / SHARDS)
                return cls.open(folder / SHARDS, length=length, batch=batch, seed=seed)
        packed = list(_packed(kept, None))
        shards, starts = [shard for shard, _ in packed], [starts for _, starts in packed]
        return cls(shards, starts, length=length, batch=batch, seed=seed)

    @classmethod
    def open(cls, folder: Path, *, length: int, batch: int, seed: int) -> Self:
        """Of the folder that :func:`write_shards` wrote, mapped, not read; raises :class:`ReadError`."""
        index = folder / INDEX
        try:
            if index.stat().st_size > MAX_INDEX:
                raise ValueError("it is too large")
            found = json.loads(index.read_bytes())
            shards = [_mapped(folder, number, entry["names"]) for number, entry in enumerate(found["shards"])]
            starts = [np.array(entry["starts"], dtype=np.int64) for entry in found["shards"]]
            _check(shards, starts)
            digest = str(found["digest"])
        except (OSError, EOFError, OverflowError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ReadError(f"{index}: is not an index of shards ({reason}); write them again") from None
        return cls(shards, starts, length=length, batch=batch, seed=seed, digest=digest)

    def at(self, step: int, rank: int = 0, world: int = 1) -> dict[str, NDArray[Any]]:
        """The windows of a step that fall to process ``rank`` of ``world``: arrays (B, W, ...) by name, and ``mask``
        (B, W), which is False (and everything else 0) past the end of a sequence.
        """
        shards, begins, sizes = (drawn[rank::world] for drawn in self._drawn(step))
        return self._read(shards, begins, sizes)

    def frames_at(self, step: int) -> int:
        """Steps of time in the windows of a step, of all processes together."""
        return int(self._drawn(step)[2].sum())

    def _drawn(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Of every window of a step its shard, where in it the window begins, and how many steps it has."""
        rng = np.random.default_rng((self.seed, step))
        # one draw from each of equal strips of the data: a batch is spread over it
        places = (rng.permutation(self.batch) + rng.random(self.batch)) * (self._ends[-1] / self.batch)
        places = np.minimum(places.astype(np.int64), self._ends[-1] - 1)
        chosen = np.searchsorted(self._ends, places, side="right")
        sizes = self._size[chosen]
        offsets = places - (self._ends[chosen] - np.maximum(sizes, self.length)) - self.length // 2
        begins = self._first[chosen] + np.clip(offsets, 0, np.maximum(sizes - self.length, 0))
        return self._shard[chosen], begins, np.minimum(sizes, self.length)

    def _read(
        self, shards: NDArray[np.int64], begins: NDArray[np.int64], sizes: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        batch: dict[str, NDArray[Any]] = {"mask": np.arange(self.length) < sizes[:, None]}
        for name, like in self.shards[0].items():
            batch[name] = np.zeros((len(begins), self.length, *like.shape[1:]), like.dtype)
            for row, shard, begin, size in zip(batch[name], shards, begins, sizes, strict=True):
                row[:size] = self.shards[shard][name][begin : begin + size]
        return batch


def write_shards(sequences: Iterable[Arrays], folder: Path, *, size: int = SHARD) -> None:
    """Write sequences to a folder as ``.npy`` files, shards of about ``size`` bytes, one in memory at a time.

    The index comes last: a folder that has one is whole. Raises :class:`WriteError`.
    """
    make_folder(folder)
    entries, digest = [], hashlib.sha256()
    for number, (shard, starts) in enumerate(_packed(sequences, size)):
        for name, array in shard.items():
            try:
                np.save(folder / _file(number, name), array, allow_pickle=False)
            except OSError as error:
                raise WriteError(f"{folder}: cannot be written ({error.strerror or error})") from None
        entries.append({"names": sorted(shard), "starts": starts.tolist()})
        digest.update(_digest([shard], [starts]).encode())
    write_bytes(json.dumps({"digest": digest.hexdigest(), "shards": entries}).encode(), folder / INDEX)


def _file(number: int, name: str) -> str:
    return f"{number:05d}.{Path(name).name}.npy"


def _mapped(folder: Path, number: int, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    return {name: np.lib.format.open_memmap(folder / _file(number, name), mode="r") for name in names}


def _check(shards: Sequence[Arrays], starts: Sequence[NDArray[np.int64]]) -> None:
    """Raise :class:`ValueError` for shards that do not belong together, or to where their sequences start."""
    kinds = [{name: (array.dtype, array.shape[1:]) for name, array in shard.items()} for shard in shards]
    for number, (shard, edges) in enumerate(zip(shards, starts, strict=True)):
        whole = edges.ndim == 1 and len(edges) > 0 and edges[0] == 0 and bool(np.all(np.diff(edges) > 0))
        if not (whole and shard and all(len(array) == edges[-1] for array in shard.values())):
            raise ValueError(f"shard {number} does not fit it")
        if kinds[number] != kinds[0]:
            raise ValueError(f"shard {number} holds other arrays than shard 0")


def _emptied(sequences: list[Arrays]) -> Iterator[Arrays]:
    """Each in turn, and no longer in the list."""
    sequences.reverse()
    while sequences:
        yield sequences.pop()


def _packed(
    sequences: Iterable[Arrays], most: int | None
) -> Iterator[tuple[dict[str, NDArray[Any]], NDArray[np.int64]]]:
    """Sequences end to end, in shards that end when they have ``most`` bytes (all in one if None), and where each of
    them begins.
    """
    waiting: list[Arrays] = []
    size = 0
    for sequence in sequences:
        if len(next(iter(sequence.values()))):
            waiting.append(sequence)
            size += sum(array.nbytes for array in sequence.values())
        if most is not None and size >= most:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(sequences: Sequence[Arrays]) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    sizes = [len(next(iter(sequence.values()))) for sequence in sequences]
    joined = {name: np.concatenate([sequence[name] for sequence in sequences]) for name in sequences[0]}
    return joined, np.cumsum([0, *sizes])


def _digest(shards: Sequence[Arrays], starts: Sequence[NDArray[np.int64]]) -> str:
    found = hashlib.sha256()
    for shard, edges in zip(shards, starts, strict=True):
        found.update(np.ascontiguousarray(edges, dtype=np.int64).tobytes())
        for name in sorted(shard):
            found.update(f"{name} {shard[name].dtype} {shard[name].shape}".encode())
            if shard[name].size:  # no memory can be seen of nothing
                found.update(np.ascontiguousarray(shard[name]).data.cast("B"))
    return found.hexdigest()
