"""Milliseconds to read a MIDI file: composer, pretty_midi and mido, in the same run.

    python benchmarks/midi_reading.py FOLDER [FOLDER ...]

Prints a Markdown table of medians over three rounds for each folder, and for the three files of the tests. All three
read from bytes in memory into their own objects; mido makes messages only, without pairing notes.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

ROUNDS = 3


def readers() -> dict[str, Callable[[bytes], object]]:
    import mido
    import pretty_midi

    from composer.io.midi import loads

    return {
        "composer": lambda data: loads(data, "file.mid"),
        "pretty_midi": lambda data: pretty_midi.PrettyMIDI(io.BytesIO(data)),
        "mido": lambda data: mido.MidiFile(file=io.BytesIO(data)),
    }


def milliseconds(read: Callable[[bytes], object], data: bytes) -> float:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        read(data)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main() -> None:
    folders = [Path(__file__).parents[1] / "tests" / "data" / "midi", *map(Path, sys.argv[1:])]
    tools = readers()
    warnings.simplefilter("ignore")
    print("| folder | files | KB each | " + " | ".join(f"{name}, ms each" for name in tools) + " |")
    print("|---|" + "---|" * (2 + len(tools)))
    for folder in folders:
        files = [path.read_bytes() for path in sorted(folder.rglob("*.mid"))]
        if not files:
            sys.exit(f"{folder}: holds no .mid files")
        means = [statistics.mean(milliseconds(read, data) for data in files) for read in tools.values()]
        cells = [folder.name, str(len(files)), f"{statistics.mean(map(len, files)) / 1000:.1f}"]
        print("| " + " | ".join([*cells, *(f"{mean:.2f}" for mean in means)]) + " |")


if __name__ == "__main__":
    main()
