"""The loop on ports in memory: what it keeps while it runs."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from composer.errors import ComposerError
from composer.live.answering import Settings
from composer.live.clock import MonotonicClock
from composer.live.controls import Control
from composer.live.improviser import Improviser
from composer.live.jam import Cable, Inbox, Jam
from composer.live.phrase import Segmenter
from composer.live.ports import MemoryPort
from composer.live.record import LOG_FILE, Record, Saver
from composer.live.watch import EVERY, Watch
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
    """As long as another program holds it; that is told once."""
    answers = iter(["Keys is taken", "Keys is taken", "Keys is held", None])

    @contextmanager
    def connect(_: str) -> Iterator[str]:
        if (refusal := next(answers)) is not None:
            raise ComposerError(refusal)
        yield "port"

    names: list[str] = []
    cable = Cable(connect, "Keys", Watch("Keys", lambda: names))
    said = [cable.look(0.0)]
    names.append("Keys")
    said += [cable.look(k * EVERY) for k in range(1, 7)]
    assert said[1:] == ["Keys is taken", None, "Keys is held", "Keys is back", None, None]
    assert cable.port == "port"
