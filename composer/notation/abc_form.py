"""Repeats, endings and sections from the bar lines of a tune."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from composer.errors import UsageError
from composer.score import Ending, Repeat


@dataclass
class BarMark:
    """What a bar line says besides that a bar ends; ``ends`` counts the colons before it."""

    tick: int
    ends: int = 0
    starts: bool = False
    double: bool = False
    passes: tuple[int, ...] = ()

    @property
    def plain(self) -> bool:
        return not (self.ends or self.starts or self.double or self.passes)

    def join(self, other: BarMark) -> None:
        """Add what another bar line at the same tick says."""
        self.ends = max(self.ends, other.ends)
        self.starts |= other.starts
        self.double |= other.double
        self.passes = other.passes or self.passes


def read_bar(line: str, passes: str, tick: int) -> BarMark:
    """The mark of a bar line such as ``:|`` with the ending that begins there, such as ``1`` or ``1,3``.

    >>> read_bar(":|", "2", 0)
    BarMark(tick=0, ends=1, starts=False, double=False, passes=(2,))
    """
    before = len(line) - len(line.lstrip(":"))
    if before == len(line):
        return BarMark(tick, ends=before >= 2, starts=before >= 2, passes=read_passes(passes))
    after = len(line) - len(line.rstrip(":"))
    core = line[before : len(line) - after]
    double = core.startswith("[|") != core.endswith("|]") or "||" in core
    return BarMark(tick, before, after > 0, double and core != "[|]", read_passes(passes))


def read_passes(text: str) -> tuple[int, ...]:
    """The passes of an ending: ``1``, ``1,3``, ``1-3``."""
    found: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= 99:
            raise UsageError(f"{text!r} is not an ending; expected 1 to 99, as in |1 or |1,3")
        found |= set(range(low, high + 1))
    return tuple(sorted(found))


class _Folder:
    """Gathers repeats as the marks go by."""

    def __init__(self) -> None:
        self.repeats: list[Repeat] = []
        self.start = 0
        self.explicit = False  # whether |: opened what is being read
        self.endings: list[Ending] = []
        self.opened: tuple[int, tuple[int, ...]] | None = None

    def take(self, mark: BarMark) -> None:
        if self.opened is not None:
            begin, passes = self.opened
            if mark.tick > begin:
                self.endings.append(Ending(begin, mark.tick, passes))
            self.opened = None
        heard = {number for ending in self.endings for number in ending.passes}
        if self.endings and (not mark.passes or heard & set(mark.passes)):
            self._close(self.endings[-1].end, max(2, *heard))
        elif mark.ends and not self.endings and mark.tick > self.start:
            self._close(mark.tick, min(mark.ends + 1, 99))
        if mark.starts or (mark.double and not self.explicit and not self.endings):
            self.start, self.explicit = mark.tick, mark.starts
        if mark.passes and (self.endings or 1 in mark.passes):
            self.opened = (mark.tick, mark.passes)

    def _close(self, end: int, times: int) -> None:
        self.repeats.append(Repeat(self.start, end, times, tuple(self.endings)))
        self.start, self.explicit, self.endings = end, False, []


def fold(marks: Sequence[BarMark], end: int) -> tuple[list[Repeat], list[int]]:
    """Repeats and section starts (ticks) from a tune's bar lines in order.

    A repeat without ``|:`` starts at the last repeat's end or double bar; one that never ends is no repeat.
    """
    joined: list[BarMark] = []
    for mark in marks:
        if joined and joined[-1].tick == mark.tick:
            joined[-1].join(mark)
        elif not mark.plain:
            joined.append(BarMark(mark.tick, mark.ends, mark.starts, mark.double, mark.passes))
    folder = _Folder()
    for mark in joined:
        folder.take(mark)
    folder.take(BarMark(end))
    edges = {0, end}
    for repeat in folder.repeats:
        edges |= {repeat.start, repeat.end, *(ending.start for ending in repeat.endings)}
    return folder.repeats, [mark.tick for mark in joined if mark.double and mark.tick not in edges]
