"""Reading chunks in as many processes as there are cores, so that a file that breaks its reader breaks nothing else.

Workers are plain ``python -m composer.corpora.worker`` programs, not multiprocessing's: those import the user's main
script again, and fail where it has no ``__main__`` guard or no file. Each takes one chunk at a time. When one dies, or
takes longer than its :func:`patience` over one file, another takes its place and reads the chunk again; a file over
which a worker died twice is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from composer.corpora.base import Source
from composer.corpora.chunks import Chunk, Item
from composer.errors import WriteError

PATIENCE = 60.0  # seconds for one file, or for every four megabytes of a large one
LARGE = 2**22  # bytes
POLL = 0.05  # seconds
DEATHS = 2  # over one file: the first may be another's fault
CRASHED = "crashed its reader"
LATE = "takes longer than {:g} s to read"


def read_chunks(source: Source, chunks: Sequence[Chunk], room: Path, report: Callable[[int], object]) -> None:
    """Read chunks into the room; ``report`` hears how many items are done.

    Raises :class:`WriteError` if the room cannot be written, RuntimeError with the worker's last words if workers
    cannot even begin.
    """
    left = deque(chunks)
    errors: list[Exception] = []
    with tempfile.TemporaryFile() as log:
        workers = [_Worker(source, room, left, log, errors) for _ in range(min(_cores(), len(chunks)))]
        most = 0
        try:
            for worker in workers:
                worker.start()
            while any(worker.is_alive() for worker in workers) and not errors:
                time.sleep(POLL)
                most = max(most, sum(worker.done for worker in workers))  # a chunk that is read again counts once
                report(most)
                for worker in workers:
                    worker.watch()
        finally:
            for worker in workers:
                worker.stop()
    if errors:
        raise errors[0]


def patience(item: Item) -> float:
    """Seconds that reading an item may take; a tunebook of many thousand tunes has more than others."""
    large = item.path.stat().st_size // LARGE if item.member is None and item.path.exists() else 0
    return PATIENCE * (1 + large)


class _Worker(threading.Thread):
    """A thread that feeds chunks to a process of its own, and starts another when it dies."""

    def __init__(self, source: Source, room: Path, left: deque[Chunk], log: IO[bytes], errors: list[Exception]) -> None:
        super().__init__(daemon=True)
        self.source, self.room, self.left, self.log, self.errors = source, room, left, log, errors
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False
        self.late: int | None = None  # the number of the item over which it took too long
        self.finished = self.item = 0  # items of whole chunks, and the number of the one being read
        self.until: float | None = None  # when that must be done

    @property
    def done(self) -> int:
        return self.finished + self.item

    def run(self) -> None:
        try:
            while not self.stopped:
                self._read(self.left.popleft())
        except IndexError:  # nothing left
            pass
        except Exception as error:
            self.errors.append(error)

    def watch(self) -> None:
        """Kill the process if it takes too long."""
        item, until = self.item, self.until
        if until is not None and self.process is not None and time.monotonic() > until:
            self.late, self.until = item, None
            self.process.kill()

    def stop(self) -> None:
        """Kill the process and wait until it has gone."""
        self.stopped = True
        if self.process is not None:
            self.process.kill()
        if self.is_alive():
            self.join()
        self._close()

    def _read(self, chunk: Chunk) -> None:
        """One chunk, as often as it takes."""
        refused: dict[int, str] = {}
        deaths: Counter[int] = Counter()
        while not self.stopped and not self._try(chunk, refused):
            number = self.item if self.late is None else self.late
            if number in refused:
                raise RuntimeError(f"a worker stopped while it kept what it had read up to {chunk.items[number].path}")
            deaths[number] += 1
            if self.late is not None:
                refused[number] = LATE.format(patience(chunk.items[number]))
            elif deaths[number] == DEATHS:
                refused[number] = CRASHED
            self._close()
        self.item = 0
        self.finished += len(chunk.items)

    def _try(self, chunk: Chunk, refused: dict[int, str]) -> bool:
        """Have the process read a chunk; False if it died over one of the items."""
        process = self.process or self._start()
        order = {"key": chunk.key, "items": [(str(path), member) for path, member in chunk.items], "refused": refused}
        self.late = None
        if self._say(process, order):
            for line in process.stdout or ():
                word, _, rest = line.decode().strip().partition(" ")
                if word == "done":
                    self.until = None
                    return True
                if word == "failed":
                    raise WriteError(json.loads(rest))
                self.item = int(rest)
                self.until = time.monotonic() + patience(chunk.items[self.item])
        self.until = None
        return False

    def _start(self) -> subprocess.Popen[bytes]:
        """A process that is ready to read."""
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "composer.corpora.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
        )
        if self.stopped:
            self.process.kill()
        kind = type(self.source)
        order = {
            "source": f"{kind.__module__}:{kind.__qualname__}",
            "options": vars(self.source),
            "room": str(self.room),
        }
        ready = self._say(self.process, order) and self.process.stdout and self.process.stdout.readline()
        if not ready and not self.stopped:
            code = self.process.wait()
            self.log.seek(0)
            words = self.log.read().decode(errors="replace")
            raise RuntimeError(f"a worker that reads the corpus stopped with code {code}:\n{words}")
        return self.process

    @staticmethod
    def _say(process: subprocess.Popen[bytes], order: Mapping[str, object]) -> bool:
        """Send a line; False if the process has gone."""
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            return False
        return True

    def _close(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
            if process.stdin is not None:
                with suppress(BrokenPipeError):  # words that a dead process never read cannot be flushed
                    process.stdin.close()


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
