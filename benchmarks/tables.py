"""What the benchmarks of jams print: tables that RESULTS.md can hold."""

from collections.abc import Sequence

import numpy as np


def row(*cells: object) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def header(*cells: str) -> None:
    row(*cells)
    print("|" + "---|" * len(cells), flush=True)


def spread(seconds: Sequence[float] | np.ndarray) -> tuple[str, str, str]:
    """Median, 99th percentile and maximum, in milliseconds."""
    found = 1000 * np.percentile(seconds, [50, 99, 100])
    return f"{found[0]:.2f}", f"{found[1]:.2f}", f"{found[2]:.2f}"
