"""How fast biaxial models compose, what that takes, and how both grow with length; a process for each row.

python benchmarks/biaxial.py                       # the shipped models, blank sketches
python benchmarks/biaxial.py --model my.safetensors --voices 1
"""

import argparse
import resource
import subprocess
import sys
import time

from composer import Composer, Sketch
from tables import header, row

MODELS = {"chorales-biaxial": 4, "folk-biaxial": 1}
LENGTHS, NUMBERS = (8, 16, 32, 64), (1, 8, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model")
    parser.add_argument("--voices", type=int, default=4)
    parser.add_argument("--one", nargs=2, type=int, metavar=("BARS", "N"), help="one row, in this process")
    asked = parser.parse_args()
    if asked.one:
        measure(asked.model, asked.voices, *asked.one)
        return
    header("model", "bars of 4/4", "n", "load s", "s", "bars a second", "notes a second", "peak MB")
    for model, voices in ({asked.model: asked.voices} if asked.model else MODELS).items():
        for bars, n in [*((bars, 1) for bars in LENGTHS), *((16, n) for n in NUMBERS[1:])]:
            command = [sys.executable, __file__, "--model", model, "--voices", str(voices), "--one", str(bars), str(n)]
            subprocess.run(command, check=True)


def measure(model: str, voices: int, bars: int, n: int) -> None:
    started = time.perf_counter()
    composer = Composer.load(model)
    sketch = Sketch.blank(bars=bars, voices=voices, key="G")
    loaded = time.perf_counter()
    scores = composer.completions(sketch, n, seed=0)
    took = time.perf_counter() - loaded
    notes = sum(len(part) for score in scores for part in score.parts)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    row(model, bars, n, f"{loaded - started:.2f}", f"{took:.2f}", f"{n * bars / took:.1f}", f"{notes / took:.0f}", peak)


if __name__ == "__main__":
    main()
