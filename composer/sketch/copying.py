"""The wish that what is composed is no copy of what was learned from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from composer.errors import UsageError
from composer.sketch.cells import Constraint

LONGEST = 10_000  # notes or bars


@dataclass(frozen=True)
class MaxCopy(Constraint):
    """At most ``limit`` bars, or notes, in a row are those of a tune of the corpus, in any key.

    It says nothing of cells: composers look it up in what they learned from.
    """

    limit: int
    unit: str  # bars or notes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``2 bars``, ``2bars`` or ``12 notes``; raises :class:`UsageError`."""
        match = re.fullmatch(r"\s*(\d{1,5})\s*(bar|note)s?\s*", text)
        if match is None or not 1 <= int(match[1]) <= LONGEST:
            raise UsageError(f"{text!r} is no limit to copying; write it as '2 bars' or '12 notes'")
        return cls(int(match[1]), f"{match[2]}s")

    def __str__(self) -> str:
        return f"copy at most {self.limit} {self.unit[:-1] if self.limit == 1 else self.unit}"
