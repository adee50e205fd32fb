"""Which of several processes this is, and on what machine it runs."""

from __future__ import annotations

import os
import platform


def first() -> bool:
    """Whether this is the first of the processes that torchrun started (or the only one): it alone talks and writes."""
    return os.environ.get("RANK", "0") == "0"


def processor() -> str:
    """The name of the CPU, as well as the system knows it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
