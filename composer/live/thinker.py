"""Where answers are found: in this process, as the offline jam does, or in one of its own that can be killed."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

from composer.errors import ComposerError, brief
from composer.live.answering import Answer, Answering, Request
from composer.live.memory import Memory
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
    learns again what was kept; ``wake`` is called, from a thread, whenever there is an outcome.
    """

    def __init__(self, model: str, half_life: float, wake: Callable[[], None]) -> None:
        self._model, self._half_life, self._wake = model, half_life, wake
        self._kept: deque[Answer] = deque(maxlen=Memory.MOST)
        self._found: deque[Outcome] = deque()
        self._asked: tuple[Request, float] | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, self._model, self._half_life)
        self._process = context.Process(target=_serve, args=arguments, daemon=True, name="composer-answers")
        self._process.start()
        theirs.close()
        self._reader = threading.Thread(target=self._read, args=(self._pipe,), daemon=True)
        if not self._pipe.poll(START):
            self.close()
            raise ComposerError(f"the model was not ready after {START:g} s; try a smaller one with --model")
        ready = self._received(self._pipe)
        if isinstance(ready, ComposerError):
            self.close()
            raise ready
        if ready is None:
            self.close()
            raise ComposerError("the process that answers ended before it began; is there enough memory?")
        for answer in self._kept:
            self._pipe.send(("keep", answer))
        self._reader.start()

    def seconds(self, request: Request) -> float:
        """The longest of a few answers, from here and back: the latency to judge a model by."""
        worst = 0.0
        for _ in range(TRIALS):
            began = time.monotonic()
            self.ask(request)
            while (outcome := self.outcome()) is None:
                if time.monotonic() - began > PATIENCE or not self._process.is_alive():
                    raise ComposerError(f"{self._model}: has no answer after {PATIENCE:g} s; take a faster --model")
                time.sleep(0.001)
            if isinstance(outcome, Failed):
                raise ComposerError(f"{self._model}: cannot jam ({outcome.why})")
            worst = max(worst, time.monotonic() - began)
        return worst

    def ask(self, request: Request) -> None:
        self._asked = request, time.monotonic()
        self._send("ask", request)

    def keep(self, answer: Answer) -> None:
        self._kept.append(answer)
        self._send("keep", answer)

    def outcome(self) -> Outcome | None:
        with self._lock:
            found = self._found.popleft() if self._found else None
        if found is not None and self._asked is not None and found.request == self._asked[0]:
            self._asked = None
        return found

    def look(self) -> str | None:
        """Replace the process if it has died or takes too long; says what happened, None if nothing did."""
        hangs = self._asked is not None and time.monotonic() - self._asked[1] > PATIENCE
        if self._closed or (self._process.is_alive() and not hangs):
            return None
        why = f"took more than {PATIENCE:g} s" if hangs else f"ended (exit code {self._process.exitcode})"
        self._kill()
        self._asked = None
        self._begin()
        return f"the process that answers {why}; a new one has taken its place"

    def close(self) -> None:
        self._closed = True
        self._kill()

    def _kill(self) -> None:
        self._process.kill()
        self._process.join(5)
        self._pipe.close()

    def _send(self, what: str, load: Any) -> None:
        with suppress(OSError, ValueError):  # a dead process is replaced by `look`
            self._pipe.send((what, load))

    def _read(self, pipe: Connection) -> None:
        while (found := self._received(pipe)) is not None:
            with self._lock:
                self._found.append(found)
            self._wake()
        self._wake()

    @staticmethod
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


def loaded(model: str, half_life: float) -> Answering:
    """What answers with this model; raises what :meth:`Composer.load` raises."""
    return Answering(Composer.load(model), Memory(half_life))


def _serve(pipe: Connection, model: str, half_life: float) -> None:
    """The process's whole life: the newest request is answered, older ones are passed over."""
    if hasattr(os, "nice"):
        os.nice(5)  # what sends the notes goes first
    try:
        answering = loaded(model, half_life)
    except ComposerError as error:
        pipe.send(error)
        return
    pipe.send("ready")
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            waiting = [pipe.recv()]
            while pipe.poll():
                waiting.append(pipe.recv())
            requests = [load for what, load in waiting if what == "ask"]
            for what, load in waiting:
                if what == "keep":
                    answering.keep(load)
            if requests:
                pipe.send(answered(answering, requests[-1]))
    sys.exit(0)
