"""A process that reads a share of a corpus: ``python -m composer.corpora.worker ROOM NUMBER``, started by ``build``.

It takes its order from ``NUMBER.in`` in the folder ROOM, adds a byte to ``NUMBER.done`` for each file read, and leaves
the scores in ``NUMBER.out``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from composer.corpora.build import read_files, save_readings
from composer.registry import resolve


def main(room: Path, number: str) -> None:
    order = json.loads((room / f"{number}.in").read_text(encoding="utf-8"))
    source = resolve(order["source"])(**order["options"])
    with (room / f"{number}.done").open("wb", buffering=0) as ticks:
        readings = read_files(source, [Path(name) for name in order["files"]], lambda: ticks.write(b"."))
    save_readings(readings, room / f"{number}.out")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
