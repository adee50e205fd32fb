"""Processes that work on tasks, and what they found, kept in the user's cache.

A kept answer is one file: the SHA-256 of the rest, and the answer as JSON. A file that is damaged is made again.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from composer.corpora import cache
from composer.corpora.base import Progress
from composer.disk import make_folder, write_bytes
from composer.errors import ComposerError, WriteError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

MOST_WAITING = 64  # answers that wait for their tasks at once
MOST_KEPT = 2**26  # bytes of an answer
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of mallopt: the free bytes that are given back, those asked for on their own
LARGE, HOARD = 2**25, 2**28  # bytes: the most that every GNU libc takes for the second, and what is kept for the first

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """A process for each core. An answer is made, by a thread, from the results of tasks, which processes work on."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._done = self._total = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Workers:
        context = multiprocessing.get_context("spawn")
        self._others = set(multiprocessing.active_children())
        self._pool = ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context, initializer=_begin)
        self._threads = ThreadPoolExecutor(MOST_WAITING)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - self._others if kind is not None else ():
            child.terminate()
        self._threads.shutdown(wait=kind is None, cancel_futures=True)

    def kept(self, key: str, tasks: int, make: Callable[[], T]) -> Future[T]:
        """The answer that was kept under a key, or else the one made now, of so many tasks, and kept."""
        path = cache.folder() / "judged" / f"{key}.answer"
        found = _read(path)
        if found is not None:
            answer: Future[T] = Future()
            answer.set_result(found)
            return answer
        self._total += tasks

        def tell() -> T:
            made = make()
            _keep(path, made)
            return made

        return self._threads.submit(tell)

    def task(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Work for a process; what it is given and gives back travels."""
        future = self._pool.submit(work, *args, **kwargs)
        future.add_done_callback(self._tick)
        return future

    def wait(self, answer: Future[T]) -> T:
        """An answer; raises what its tasks raised."""
        try:
            return answer.result()
        except BrokenProcessPool:
            raise ComposerError("a process that worked on this was killed; is there enough memory?") from None

    def _tick(self, _: object) -> None:
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(min(self._done / max(self._total, 1), 1.0))


def _begin() -> None:
    """A new process uses one thread, dies at once when it is told to, and does not outlive who started it."""
    from threadpoolctl import threadpool_limits

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # who started us reads the same corpora, and has warned
    os.environ["OMP_NUM_THREADS"] = "1"
    threadpool_limits(1)
    _hoard()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _hoard() -> None:
    """Keep memory that is freed, for what comes next: else each large array asks the system anew, and waits for it."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # where the C library is not that of GNU
        adjust = ctypes.CDLL(None).mallopt
        if adjust(MMAP_THRESHOLD, LARGE):
            adjust(TRIM_THRESHOLD, HOARD)


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _read(path: Path) -> Any:
    """What was kept; None if there is nothing, or it is damaged."""
    try:
        data = path.read_bytes() if path.is_file() and path.stat().st_size <= MOST_KEPT else b""
    except OSError:
        return None
    digest, _, text = data.partition(b"\n")
    return json.loads(text) if digest == _digest(text) else None


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def _keep(path: Path, answer: object) -> None:
    try:
        make_folder(path.parent)
        text = json.dumps(answer).encode()
        write_bytes(_digest(text) + b"\n" + text, path)
    except WriteError as error:
        warnings.warn(f"the judgement is not kept for next time: {error}; set COMPOSER_CACHE to a folder", stacklevel=2)
