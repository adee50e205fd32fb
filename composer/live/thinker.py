"""Where answers are found: in this process, as the offline jam does, or in one of its own that can be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

from composer.errors import ComposerError, brief
from composer.live.answering import Answer, Answering, Request
from composer.live.memory import MOST, Memory
from composer.pipeline import Composer

PATIENCE = 10.0  # seconds that an answer may take before its process is killed
START = 120.0  # seconds in which a process must be ready: it loads libraries and the model
TRIALS = 3


class Failed(NamedTuple):
    """No answer to a request, and why in one line."""

    request: Request
    why: str


Outcome = Answer | Failed


class Thinker(Protocol):
    """Answers the last request that it was asked; earlier ones may go unanswered."""

    def ask(self, request: Request) -> None: ...

    def keep(self, answer: Answer) -> None:
        """Learn from the call of this answer; what is asked later is answered so."""
        ...

    def outcome(self) -> Outcome | None:
        """What has been found since the last time."""
        ...

    def close(self) -> None: ...


class Inline:
    """Answers at once, in no time that anybody could measure: the offline twin."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self._request: Request | None = None

    def ask(self, request: Request) -> None:
        self._request = request

    def keep(self, answer: Answer) -> None:
        self.answering.keep(answer)

    def outcome(self) -> Outcome | None:
        request, self._request = self._request, None
        return None if request is None else answered(self.answering, request)

    def close(self) -> None:
        pass


class Process:
    """Answers in a process of its own, below this one's priority. If that dies or hangs, another takes its place, and
    learns again what was kept. Its :attr:`wake` is called, from a thread, whenever there is an outcome.

    Raises :class:`ComposerError` where there is no such model, or it is not ready in time.
    """

    def __init__(self, model: str, half_life: float) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._arguments = (model, half_life)
        self._kept: deque[Answer] = deque(maxlen=MOST)
        self._found: SimpleQueue[Any] = SimpleQueue()
        self._asked: Request | None = None  # the last, until it is answered
        self._answering: tuple[Request, float] | None = None  # what the process has, and since when
        self._failed: Request | None = None  # in which a process died
        self._gone = ""  # why there is no process any more
        self._closed = False
        self._lock = threading.Lock()  # of the process and its pipe
        self._process: SpawnProcess | None = None
        self._begin()

    def _begin(self) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # of small matrices: threads cost more than they bring
        context = multiprocessing.get_context("spawn")
        pipe, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True, name="composer-answers")
        process.start()
        theirs.close()
        ready = _received(pipe) if pipe.poll(START) else None
        if not isinstance(ready, str):
            process.kill()
            raise (
                ready
                if isinstance(ready, ComposerError)
                else ComposerError(
                    f"{self._arguments[0]}: the process that answers did not get ready; is there enough memory?"
                )
            )
        for answer in tuple(self._kept):
            pipe.send(("keep", answer))
        with self._lock:
            if self._closed:
                process.kill()
                return
            self._pipe, self._process, self.digest = pipe, process, ready
            self._answering = None
        self._send_asked()
        threading.Thread(target=self._read, args=(pipe,), name="composer answers", daemon=True).start()

    def seconds(self, request: Request) -> float:
        """The time of an answer, from here and back, where nothing else disturbs: the latency to judge a model by."""
        times = list[float]()
        for number in range(1 + TRIALS):
            began = time.monotonic()
            self.ask(replace(request, number=number))
            try:
                outcome = self._found.get(timeout=PATIENCE)
            except Empty:
                raise ComposerError(f"{self._arguments[0]}: no answer after {PATIENCE:g} s") from None
            self._asked = None
            if isinstance(outcome, Failed):
                raise ComposerError(f"{self._arguments[0]}: cannot jam ({outcome.why})")
            times.append(time.monotonic() - began)
        return min(times[1:])  # the others were held up by something else

    def ask(self, request: Request) -> None:
        self._asked = request
        if self._gone:
            self._found.put(Failed(request, self._gone))
        self._send_asked()

    def _send_asked(self) -> None:
        """The last request, unless the process has one: a pipe that is full would hold up the jam."""
        with self._lock, suppress(OSError, ValueError):
            if self._process is not None and self._answering is None and self._asked is not None:
                self._answering = self._asked, time.monotonic()
                self._pipe.send(("ask", self._asked))

    def keep(self, answer: Answer) -> None:
        self._kept.append(answer)
        self._send("keep", answer)

    def learned(self) -> bytes:
        """The model with what it has learned, as a model file; raises :class:`ComposerError`."""
        self._send("save", None)
        try:
            while not isinstance(found := self._found.get(timeout=PATIENCE), bytes | ComposerError):
                pass
        except Empty:
            raise ComposerError("the process that answers does not give its model; it is not saved") from None
        if isinstance(found, ComposerError):
            raise found
        return found

    def outcome(self) -> Outcome | None:
        try:
            found: Outcome = self._found.get_nowait()
        except Empty:
            return None
        if found.request == self._asked:
            self._asked = None
        return found

    def look(self) -> str | None:
        """Replace the process if it has died or takes too long; says what happened, None if nothing did."""
        with self._lock:
            has = self._answering
            hangs = has is not None and time.monotonic() - has[1] > PATIENCE
            if self._closed or self._process is None or (self._process.is_alive() and not hangs):
                return None
            dead, self._process, self._answering = self._process, None, None
        why = f"took more than {PATIENCE:g} s" if hangs else f"ended (exit code {dead.exitcode})"
        if self._asked is not None and (hangs or self._asked == self._failed):  # another would fare no better
            self._found.put(Failed(self._asked, f"the process that answers {why}"))
            self.wake()
            self._asked = None
        self._failed = self._asked
        dead.kill()
        threading.Thread(target=self._again, name="composer again", daemon=True).start()
        return f"the process that answers {why}; another takes its place"

    def _again(self) -> None:
        try:
            self._begin()
        except ComposerError as error:  # jams go on without answers
            self._gone = brief(str(error))
            if self._asked is not None:
                self._found.put(Failed(self._asked, self._gone))
                self.wake()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._process.join(5)

    def _send(self, what: str, load: Any) -> None:
        with self._lock, suppress(OSError, ValueError):  # a dead process is replaced by `look`
            if self._process is not None:
                self._pipe.send((what, load))

    def _read(self, pipe: Connection) -> None:
        while (found := _received(pipe)) is not None:
            self._found.put(found)
            if isinstance(found, Answer | Failed):
                with self._lock:
                    self._answering = None
                    newer = self._asked is not None and self._asked != found.request
                if newer:
                    self._send_asked()
            self.wake()


def _received(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return None


def answered(answering: Answering, request: Request) -> Outcome:
    """The answer, or why there is none: what a model cannot do is no reason to stop playing."""
    try:
        return answering.answer(request)
    except ComposerError as error:
        return Failed(request, brief(str(error)))
    except Exception as error:  # a fault of ours: the jam goes on, and its log says so
        return Failed(request, brief(f"{type(error).__name__}: {error}"))


def loaded(model: str, half_life: float) -> Answering:
    """What answers with this model; raises what :meth:`Composer.load` raises."""
    return Answering(Composer.load(model), Memory(half_life))


def _serve(pipe: Connection, model: str, half_life: float) -> None:
    """The process's whole life: the newest request is answered, older ones are passed over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    if hasattr(os, "nice"):
        os.nice(5)  # what sends the notes goes first
    try:
        answering = loaded(model, half_life)
    except ComposerError as error:
        pipe.send(error)
        return
    pipe.send(answering.model.digest)
    with suppress(EOFError, OSError):
        while True:
            waiting = [pipe.recv()]
            while pipe.poll():
                waiting.append(pipe.recv())
            last = max((k for k, (what, _) in enumerate(waiting) if what == "ask"), default=None)
            for number, (what, load) in enumerate(waiting):
                if what == "keep":
                    answering.keep(load)
                elif what == "save":
                    pipe.send(_saved(answering))
                elif number == last:
                    pipe.send(answered(answering, load))


def _saved(answering: Answering) -> bytes | ComposerError:
    try:
        return answering.saved()
    except ComposerError as error:
        return error
