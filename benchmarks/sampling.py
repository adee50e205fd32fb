"""How fast a shipped model composes: loading, preparation, and tunes a second once prepared.

python benchmarks/sampling.py --tunes 50
"""

import argparse
import time

from composer import Composer, Sketch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunes", type=int, default=50)
    tunes = parser.parse_args().tunes
    sketches = {
        "folk-markov": [
            Sketch.styled(style, key="D", range="D4:B5", ends_on_tonic=True) for style in ("jig", "reel", "waltz")
        ],
        "chorales-markov": [Sketch.blank(bars=8, voices=4, key="G", ends_on_tonic=True)],
    }
    print("| model | sketch | load s | first s | each further ms | a second |\n|---|---|---|---|---|---|")
    for name, wanted in sketches.items():
        for sketch in wanted:
            started = time.perf_counter()
            model = Composer.load(name)
            loaded = time.perf_counter()
            model.complete(sketch, seed=0)
            first = time.perf_counter()
            model.completions(sketch, tunes, seed=0)
            each = (time.perf_counter() - first - (first - loaded)) / (tunes - 1)
            print(
                f"| {name} | {str(sketch).partition(';')[0]} | {loaded - started:.3f} | {first - loaded:.3f} "
                f"| {1000 * each:.1f} | {1 / each:.0f} |"
            )


if __name__ == "__main__":
    main()
