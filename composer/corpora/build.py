"""Reading a corpus for the first time: every file, in as many processes as there are cores.

Workers are plain ``python -m composer.corpora.worker`` programs, not multiprocessing's: those import the user's main
script again, and fail where it has no ``__main__`` guard or no file. A worker leaves its scores as packed columns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from composer.corpora.base import Progress, Reading, Rejected, Source, natural
from composer.corpora.cache import Entry
from composer.corpora.columns import pack, unpack
from composer.corpora.splits import split_of, variants
from composer.score import Score

SMALL = 200_000  # bytes; less than this is read faster than a worker starts
POLL = 0.05  # seconds


def build(source: Source, files: Sequence[Path], progress: Progress | None = None) -> Entry:
    """Read all files and divide the pieces; ``progress`` hears the share that is done, 0 to 1."""
    report = progress or (lambda share: None)
    readings = _read_all(source, files, lambda share: report(0.95 * share))
    kept: list[tuple[str, Score]] = []
    rejected: list[Rejected] = []
    for reading in readings:
        silent = [id for id, score in reading.scores if not any(map(len, score.parts))]
        kept += [(id, score) for id, score in reading.scores if id not in silent]
        rejected += [*reading.rejected, *(Rejected(id, "has no notes") for id in silent)]
    kept.sort(key=lambda pair: natural(pair[0]))
    rejected.sort(key=lambda entry: natural(entry.id))
    scores = [score for _, score in kept]
    told = {id: told for reading in readings for id, told in reading.facts.items()}
    ids = [id for id, _ in kept]
    groups = variants(scores)
    smallest: dict[int, str] = {}
    for id, group in zip(ids, groups, strict=True):
        smallest[group] = min(id, smallest.get(group, id))
    entry = Entry(
        ids=ids,
        titles=[score.title for score in scores],
        groups=[smallest[group] for group in groups],
        splits=[split_of(smallest[group]) for group in groups],
        rejected=rejected,
        facts=[told.get(id, {}) for id in ids],
        copies=_copies(kept),
        columns=pack(scores),
    )
    report(1.0)
    return entry


def read_files(source: Source, files: Sequence[Path], done: Callable[[], object]) -> list[Reading]:
    """Read files one after another, and say so after each."""
    readings = []
    for path in files:
        readings.append(source.read(path))
        done()
    return readings


def _read_all(source: Source, files: Sequence[Path], report: Progress) -> list[Reading]:
    """One reading for each file, in the order of the files."""
    sizes = [path.stat().st_size for path in files]
    workers = min(_cores(), len(files), 1 + sum(sizes) // SMALL) if sys.executable else 1
    if workers == 1:
        count = iter(range(1, len(files) + 1))
        return read_files(source, files, lambda: report(next(count) / len(files)))
    largest_first = np.argsort(-np.array(sizes), kind="stable")
    shares = [largest_first[number::workers].tolist() for number in range(workers)]
    readings: dict[int, Reading] = {}
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="composer-")))
        processes = [_start(stack, room, n, source, [files[i] for i in share]) for n, share in enumerate(shares)]
        _watch(processes, room, len(files), report)
        for number, share in enumerate(shares):
            readings |= dict(zip(share, load_readings(room / f"{number}.out"), strict=True))
    return [readings[number] for number in range(len(files))]


def _start(stack: ExitStack, room: Path, number: int, source: Source, files: list[Path]) -> subprocess.Popen[bytes]:
    """A worker on a share of the files; it is killed if anything goes wrong here."""
    kind = type(source)
    order = {
        "source": f"{kind.__module__}:{kind.__qualname__}",
        "options": vars(source),
        "files": [str(f) for f in files],
    }
    (room / f"{number}.in").write_text(json.dumps(order), encoding="utf-8")
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    with (room / f"{number}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "composer.corpora.worker", str(room), str(number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path},
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def _watch(processes: Sequence[subprocess.Popen[bytes]], room: Path, total: int, report: Progress) -> None:
    """Wait for the workers; each adds one byte to its ``.done`` file per file read."""
    while True:
        states = [process.poll() for process in processes]
        report(sum(path.stat().st_size for path in room.glob("*.done")) / total)
        for number, state in enumerate(states):
            if state not in (None, 0):
                log = (room / f"{number}.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"a worker that reads the corpus stopped with code {state}:\n{log}")
        if all(state == 0 for state in states):
            return
        time.sleep(POLL)


def save_readings(readings: Sequence[Reading], path: Path) -> None:
    """A worker's readings as one file of columns."""
    from safetensors.numpy import save_file

    index = [([id for id, _ in reading.scores], reading.rejected, reading.facts) for reading in readings]
    columns = pack([score for reading in readings for _, score in reading.scores])
    columns["index"] = np.frombuffer(json.dumps(index).encode(), dtype=np.uint8)
    save_file(columns, path)


def load_readings(path: Path) -> list[Reading]:
    """What :func:`save_readings` wrote."""
    from safetensors.numpy import load

    columns = load(path.read_bytes())
    index = json.loads(columns["index"].tobytes())
    numbers = iter(range(len(columns["parts"])))
    return [
        Reading([(id, unpack(columns, next(numbers))) for id in ids], [Rejected(*row) for row in rejected], facts)
        for ids, rejected, facts in index
    ]


def _copies(kept: list[tuple[str, Score]]) -> list[str]:
    seen: dict[bytes, str] = {}
    found = []
    for id, score in kept:
        text = b"".join(
            part.onset.tobytes() + (part.pitch - score.parts[0].pitch[:1]).tobytes() + part.duration.tobytes()
            for part in score.parts
        )
        first = seen.setdefault(text, id)
        found.append("" if first == id else first)
    return found


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
