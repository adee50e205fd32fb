"""The loop on ports in memory: what it keeps while it runs."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from composer.errors import ComposerError
from composer.live.answering import Settings
from composer.live.clock import MonotonicClock
from composer.live.controls import Control
from composer.live.improviser import Improviser
from composer.live.jam import Cable, Inbox, Jam
from composer.live.phrase import Segmenter
from composer.live.ports import MemoryPort
from composer.live.record import LOG_FILE, Record, Saver
from composer.live.watch import EVERY, LONGEST, Watch
from jamming import off, on


class Mute:
    """A thinker that never finds an answer."""

    def ask(self, request: Any) -> None: ...

    def keep(self, answer: Any) -> None: ...

    def outcome(self) -> None: ...

    def look(self) -> None: ...


def test_a_call_is_in_the_log_as_soon_as_it_is_over(tmp_path: Path) -> None:
    inbox: Inbox = SimpleQueue()
    thinker: Any = Mute()
    saver = Saver(Record(start=0.0, settings={}, model="none", digest="", seed=0), tmp_path)
    jam = Jam(inbox, Improviser(thinker, Settings(), segmenter=Segmenter(silence=0.2)), thinker, saver, lambda _: None)
    cables = [Cable(lambda _: nullcontext(MemoryPort(MonotonicClock())), "port") for _ in range(2)]
    for message in (on(60), off(60), on(62), off(62)):
        inbox.put((time.monotonic(), message))
    thread = threading.Thread(target=jam.run, args=cables)
    thread.start()
    time.sleep(0.6)
    told = json.loads(saver.record.files()[LOG_FILE])["events"]
    inbox.put((time.monotonic(), Control("quit")))
    thread.join()
    saver.close()
    assert [event["kind"] for event in told] == ["call"]


def test_a_port_that_is_back_and_cannot_be_opened_yet_is_tried_again() -> None:
    """As long as another program holds it, at longer and longer times, as each try takes time; what is new is told."""
    tries: list[float] = []
    now = 0.0

    @contextmanager
    def connect(_: str) -> Iterator[str]:
        tries.append(now)
        if len(tries) < 8:
            raise ComposerError("Keys is taken" if len(tries) < 5 else "Keys is held")
        yield "port"

    names: list[str] = []
    cable = Cable(connect, "Keys", Watch("Keys", lambda: names))
    said = []
    for now in np.arange(0, 40, EVERY):
        said.append(cable.look(now))
        names = ["Keys"]
    told = [words for words in said if words]
    assert told[0].startswith("Keys has gone")
    assert told[1:] == ["Keys is taken", "Keys is held", "Keys is back"]
    assert cable.port == "port"
    waits = np.diff(tries)
    assert (np.diff(waits) >= 0).all()
    assert waits.min() >= 2 * EVERY
    assert waits.max() == EVERY + LONGEST
