"""Whole-process wall time and peak memory of the commands people type, median of several runs after a warm-up.

python benchmarks/whole_process.py --runs 9
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = {
    "composer --help": ["--help"],
    "composer tune (ABC to the terminal)": ["tune", "--style", "jig", "--key", "D dorian", "--seed", "7"],
    "composer tune -o tune.mid": ["tune", "--style", "jig", "--key", "D dorian", "--seed", "7", "-o", "tune.mid"],
    "composer tune -o out (every format)": ["tune", "--style", "jig", "--key", "D dorian", "--seed", "7", "-o", "out"],
}


def once(arguments: list[str], folder: str) -> tuple[float, float]:
    """Seconds and MB of one run."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "composer.cli", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, arguments
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    print("| command | median s | min s | max s | peak MB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in COMMANDS.items():
            once(arguments, folder)
            seconds, memory = zip(*(once(arguments, folder) for _ in range(runs)), strict=True)
            print(
                f"| `{name}` | {statistics.median(seconds):.3f} | {min(seconds):.3f} | {max(seconds):.3f} "
                f"| {max(memory):.0f} |"
            )


if __name__ == "__main__":
    main()
