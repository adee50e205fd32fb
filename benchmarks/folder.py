"""A folder of MIDI files: first reading, reading broken off half-way by kill -9, and cached load, as a markdown table.

It makes copies of the MIDI files under FOLDER, transposed, in a temporary folder; every hundredth is damaged. Every
figure is of a fresh process with a cache of its own.

python benchmarks/folder.py FOLDER --files 10000
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = """
import time; start = time.perf_counter()
import json, resource, sys
from composer import corpora
corpus = corpora.load(sys.argv[1])
seconds = time.perf_counter() - start
peak = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
began = time.perf_counter()
notes = sum(len(part) for score in corpus.scores for part in score.parts) if "all" in sys.argv else 0
print(json.dumps({"seconds": seconds, "parent": peak[0], "worker": peak[1], **corpus.counts,
                  "duplicates": sum(piece.duplicate_of != "" for piece in corpus), "notes": notes,
                  "all": time.perf_counter() - began,
                  "most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def make(music: Path, folder: Path, count: int) -> None:
    """``count`` transposed copies in folders of 500."""
    from symusic import Score

    paths = sorted(path for path in music.rglob("*") if path.suffix.lower() in (".mid", ".midi"))
    tunes = [Score(path) for path in paths]
    for number in range(count):
        place = folder / f"{number // 500:04}"
        place.mkdir(parents=True, exist_ok=True)
        copy = tunes[number % len(tunes)].copy()
        for track in copy.tracks:
            if not track.is_drum:
                track.shift_pitch(number // len(tunes) % 13 - 6, inplace=True)
                if number // len(tunes) % 5 == 0 and len(track.notes) > 9:  # a variant, not a copy
                    del track.notes[number % len(track.notes)]
        data = copy.dumps_midi()
        (place / f"{number:06}.mid").write_bytes(data[: len(data) // 2] if number % 100 == 99 else data)


def start(folder: Path, cache: Path, *options: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "COMPOSER_CACHE": str(cache)}
    command = [sys.executable, "-c", PROGRAM, str(folder), *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def measure(folder: Path, cache: Path, *options: str) -> dict[str, float]:
    process = start(folder, cache, *options)
    output, _ = process.communicate()
    measured: dict[str, float] = json.loads(output)
    return measured


def interrupt(folder: Path, cache: Path, chunks: int) -> float:
    """Seconds until kill -9, once so many chunks have been read."""
    began, process = time.perf_counter(), start(folder, cache)
    while len(list(cache.glob("*.parts/*.chunk"))) < chunks:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return time.perf_counter() - began


def row(what: str, seconds: float, measured: dict[str, float] | None = None) -> None:
    peaks = (f"{measured['parent']:.0f}", f"{measured['worker']:.0f}") if measured else ("", "")
    print(f"| {what} | {seconds:.2f} | {peaks[0]} | {peaks[1]} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="with MIDI files to copy")
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args()
    music, count = options.folder, options.files
    with tempfile.TemporaryDirectory(prefix="composer-") as room:
        folder, cache, second = (Path(room) / name for name in ("music", "cache", "second"))
        make(music, folder, count)
        size = sum(path.stat().st_size for path in folder.rglob("*.mid")) / 2**20
        print("| what | s | peak MB, parent | peak MB, largest worker |\n|---|---|---|---|")
        first = measure(folder, cache)
        row("first reading", first["seconds"], first)
        from composer.corpora.cache import opened

        found = opened(next(cache.glob("*.corpus")))
        assert found is not None
        row("kill -9 half-way", interrupt(folder, second, len(found[0].segments) // 2))
        resumed = measure(folder, second)
        row("going on from there", resumed["seconds"], resumed)
        cached = min((measure(folder, cache) for _ in range(3)), key=lambda each: each["seconds"])
        row("from the cache", cached["seconds"], cached)
        every = measure(folder, cache, "all")
        row("every score of it once", every["all"], {"parent": every["most"], "worker": 0})
        shutil.copy(folder / "0000" / "000000.mid", folder / "0000" / "000000b.mid")
        added = measure(folder, cache)
        row("one file more", added["seconds"], added)
        disk = sum(path.stat().st_size for path in cache.iterdir()) / 2**20
    print(
        f"\n{count:,} files, {size:.0f} MB, {every['notes']:,} notes; {first['pieces']:,} pieces in "
        f"{first['groups']:,} groups, {first['duplicates']:,} duplicates, {first['rejected']:,} left out; "
        f"the cache has {disk:.0f} MB."
    )


if __name__ == "__main__":
    main()
