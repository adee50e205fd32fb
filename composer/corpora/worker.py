"""A process that reads chunks of a corpus: ``python -m composer.corpora.worker``, started by ``pool``.

It takes orders from its standard input, a JSON object a line: first the source and the room, then chunks. On its
standard output it says ``ready``, the number of each item that it begins, and ``done`` when the chunk is in the room,
or ``failed`` and why it cannot be. It ends when its input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

MEMORY = 4 * 2**30  # bytes
GRACE = 10  # seconds after which a worker whose parent has gone stops over a file that never ends


def main() -> None:
    speech = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us
    _limit_memory()

    from composer.corpora.chunks import Item, read_chunk
    from composer.corpora.pool import patience
    from composer.corpora.shelf import save_chunk
    from composer.errors import WriteError
    from composer.registry import resolve

    def say(*words: object) -> None:
        print(*words, file=speech, flush=True)

    task = json.loads(sys.stdin.readline())
    source = resolve(task["source"])(**task["options"])

    say("ready")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):  # what readers print is for nobody
        os.dup2(nowhere, output)
    for line in sys.stdin:
        order = json.loads(line)
        items = [Item(Path(path), member) for path, member in order["items"]]

        def begin(number: int, items: list[Item] = items) -> None:
            if hasattr(signal, "alarm"):
                signal.alarm(int(patience(items[number])) + GRACE)
            say("item", number)

        refused = {int(number): reason for number, reason in order["refused"].items()}
        try:
            save_chunk(read_chunk(source, items, refused, begin), order["key"], Path(task["room"]))
            say("done")
        except (WriteError, MemoryError) as error:
            say("failed", json.dumps(str(error) or "a few files of the corpus do not fit into memory together"))
        if hasattr(signal, "alarm"):
            signal.alarm(0)


def _limit_memory() -> None:
    """Let a file that asks for too much fail by itself, where the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, OSError, ValueError):
        pass


if __name__ == "__main__":
    main()
