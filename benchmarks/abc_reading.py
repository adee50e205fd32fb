"""How fast the folk corpus is read as ABC, on one core, beside music21 on a sample of the same tunes in the same run.

python benchmarks/abc_reading.py --sample 100
"""

import argparse
import os
import time

from abc_oracle import FOLK, texts

from composer.io.abc import dumps, loads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=100, help="how many tunes music21 reads")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from music21 import converter

    tunes = [text for _, text in texts(FOLK)]
    started = time.perf_counter()
    scores = [loads(text.encode("latin-1"), "tune") for text in tunes]
    reading = time.perf_counter() - started
    started = time.perf_counter()
    for score in scores:
        dumps(score)
    writing = time.perf_counter() - started
    chosen = tunes[:: len(tunes) // options.sample][: options.sample]
    started = time.perf_counter()
    for text in chosen:
        converter.parseData(text, format="abc")
    other = (time.perf_counter() - started) / len(chosen)
    print("| | tunes | s | ms a tune |\n|---|---|---|---|")
    print(f"| composer reads | {len(tunes)} | {reading:.2f} | {1000 * reading / len(tunes):.2f} |")
    print(f"| composer writes | {len(tunes)} | {writing:.2f} | {1000 * writing / len(tunes):.2f} |")
    print(f"| music21 reads | {len(chosen)} | {other * len(chosen):.2f} | {1000 * other:.2f} |")


if __name__ == "__main__":
    main()
