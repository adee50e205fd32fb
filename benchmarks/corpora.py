"""First build and cached load of the bundled corpora: seconds, memory and disk, as a markdown table.

``python benchmarks/corpora.py [NAME ...]``. Every figure is of a fresh process; the cache is a new temporary folder. A
cached load is the best of five, from before the first import of composer until ``load`` returns.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = """
import time; start = time.perf_counter()
import json, sys
from composer import corpora
corpus = corpora.load(sys.argv[1])
seconds = time.perf_counter() - start
import resource
peak = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
opened = time.perf_counter()
notes = sum(len(part) for score in corpus.scores for part in score.parts) if "all" in sys.argv else 0
print(json.dumps({"seconds": seconds, "peak": peak, "pieces": len(corpus), "rejected": len(corpus.rejected),
                  "notes": notes, "all": time.perf_counter() - opened,
                  "heavy": sorted({"torch", "music21"} & set(sys.modules))}))
"""


def measure(name: str, cache: str, *options: str) -> dict[str, float]:
    command = [sys.executable, "-c", PROGRAM, name, *options]
    environment = {**os.environ, "COMPOSER_CACHE": cache}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(result.stdout)
    return measured


def row(name: str) -> str:
    with tempfile.TemporaryDirectory() as cache:
        first = measure(name, cache)
        cached = min((measure(name, cache) for _ in range(5)), key=lambda found: found["seconds"])
        every = measure(name, cache, "all")
        disk = sum(path.stat().st_size for path in Path(cache).iterdir()) / 2**20
    cells = [
        name,
        f"{first['pieces']:,}",
        f"{first['rejected']:,}",
        f"{every['notes']:,}",
        f"{first['seconds']:.1f}",
        " + ".join(f"{megabytes:.0f}" for megabytes in first["peak"]),
        f"{cached['seconds']:.3f}",
        f"{cached['peak'][0]:.0f}",
        f"{every['all']:.2f}",
        f"{disk:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    print("| corpus | pieces | left out | notes | first build, s | peak MB, parent + largest worker ", end="")
    print("| cached load, s | peak MB | then all scores, s | cache, MB |")
    print("|---" * 10 + "|")
    for name in sys.argv[1:] or ("folk", "chorales"):
        print(row(name), flush=True)


if __name__ == "__main__":
    main()
