"""The form of a written page: parts, repeats, endings, pickups, and the parts that copy others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise

from composer.errors import UsageError
from composer.score import Ending, Repeat, Score, frozen
from composer.sketch.copies import Breaths, Copy
from composer.theory import TICKS_PER_QUARTER, Ints, Meter

MAX_BARS = 1_000
LONGEST = 8_000 * TICKS_PER_QUARTER  # of a sketch: 2,000 bars of 4/4


@dataclass(frozen=True)
class Page:
    """A page without notes: bar lines, repeats, onsets of its parts, and the bars that copy earlier ones, in ticks."""

    barlines: Ints
    repeats: tuple[Repeat, ...]
    sections: tuple[int, ...]
    copies: tuple[Copy, ...]


@dataclass(frozen=True)
class _Section:
    """A written part, ``times`` played; each of its bars has a length and the name of what stands in it."""

    times: int
    lengths: list[int]
    names: list[tuple[str, int, bool]]  # the part that wrote the bar first, the bar's number in it, in a first ending


def page_of(form: str, bars: int, meter: Meter, endings: bool = False, pickup: int = 0) -> Page:
    """``AABB``, ``ABAC``, ``A A' B A'`` of so many heard bars; parts are equally long.

    The same part side by side is a written repeat; one that returns after another is written out again and copies it.
    A' opens as A does: all but its last quarter, at least a bar, is copied. ``pickup`` ticks open each part, and are
    missing from its last bar. With ``endings`` each repeat closes with a first and a second ending of one bar.
    """
    names = _letters(form)
    form = " ".join(form.split())
    if not 1 <= bars <= MAX_BARS:
        raise UsageError(f"{bars} bars: a sketch has 1 to {MAX_BARS} bars")
    check_length(bars, meter, bars * meter.bar)
    if bars % len(names):
        raise UsageError(f"{bars} bars do not divide into the {len(names)} parts of {form}; try {len(names) * 8}")
    if not 0 <= pickup < meter.bar:
        raise UsageError(f"a pickup must be shorter than a bar of {meter}")
    return _laid_out([_section(*run, names, bars // len(names), meter.bar, endings, pickup) for run in _runs(names)])


def check_length(bars: int, meter: Meter, end: int) -> None:
    """Raise :class:`UsageError` if so many ticks are too many for a sketch."""
    if end > LONGEST:
        raise UsageError(
            f"{bars} bars of {meter} are too long for a sketch, which has at most "
            f"{LONGEST // TICKS_PER_QUARTER:,} quarter notes; take a part of them"
        )


def pickup_ticks(text: str) -> int:
    """The ticks of a pickup written as a fraction of a whole note, ``1/8``; raises :class:`UsageError`."""
    match = re.fullmatch(r"\s*(\d{1,3})/(\d{1,3})\s*", text)
    ticks = Fraction(int(match[1]), int(match[2])) * 4 * TICKS_PER_QUARTER if match and int(match[2]) else Fraction(0)
    if ticks <= 0 or ticks.denominator != 1:
        raise UsageError(f"{text!r} is not the length of a pickup; write it as 1/8 or 1/4")
    return int(ticks)


def _letters(form: str) -> list[str]:
    names = re.findall(r"[A-Z]'*", form.replace("’", "'"))  # noqa: RUF001 (as word processors write it)
    if "".join(names) != "".join(form.replace("’", "'").split()) or not 1 <= len(names) <= 16:  # noqa: RUF001
        raise UsageError(f"{form!r} is not a form; write 1 to 16 parts as letters, such as AABB or A A' B A'")
    return names


def _runs(names: list[str]) -> list[tuple[str, int]]:
    return [(name, len(list(run))) for name, run in groupby(names)]


def _section(name: str, times: int, names: list[str], bars: int, bar: int, endings: bool, pickup: int) -> _Section:
    lengths = [pickup, *[bar] * (bars - 1), bar - pickup] if pickup else [bar] * bars
    home = next(other for other in names if other[0] == name[0])
    shared = len(lengths) if name == home else len(lengths) - -(-bars // 4)
    bar_names = [(home if number < shared else name, number, False) for number in range(len(lengths))]
    if times > 1 and endings:
        if bars < 2:
            raise UsageError("endings need parts of at least two bars")
        owner, number, _ = bar_names[-1]
        bar_names.insert(-1, (owner, number, True))
        lengths.append(lengths[-1])
    return _Section(times, lengths, bar_names)


def _laid_out(sections: list[_Section]) -> Page:
    lines, starts, repeats = [0], [], []
    written: dict[tuple[str, int, bool], int] = {}
    copies: list[Copy] = []
    for section in sections:
        at = lines[-1]
        starts.append(at)
        for name, length in zip(section.names, section.lengths, strict=True):
            source = written.setdefault(name, lines[-1])
            if source != lines[-1]:
                copies.append(Copy(source, lines[-1], lines[-1] + length))
            lines.append(lines[-1] + length)
        if section.times > 1:
            repeats.append(Repeat(at, lines[-1], section.times, _endings(section, lines)))
    return Page(frozen(lines), tuple(repeats), tuple(starts[1:]), _joined(copies))


def _endings(section: _Section, lines: list[int]) -> tuple[Ending, ...]:
    if not any(first for _, _, first in section.names):
        return ()
    body, turn, end = lines[-3:]
    return Ending(body, turn, tuple(range(1, section.times))), Ending(turn, end, (section.times,))


def _joined(copies: list[Copy]) -> tuple[Copy, ...]:
    """Copies of bars, one after another, as copies of spans."""
    joined: list[Copy] = []
    for copy in copies:
        last = joined[-1] if joined else None
        if last and last.end == copy.start and last.source_end == copy.source:
            joined[-1] = Copy(last.source, last.start, copy.end)
        else:
            joined.append(copy)
    return tuple(joined)


def phrases_of(score: Score, bars: int) -> Breaths:
    """The wish that no note is held from one phrase of so many bars into the next; each part begins one."""
    if not 1 <= bars <= MAX_BARS:
        raise UsageError(f"phrases of {bars} bars: a phrase has 1 to {MAX_BARS}")
    starts = [*score.section_starts.tolist(), score.end]
    length = bars * score.meter.bar
    ticks = [tick for start, end in pairwise(starts) for tick in range(start + length, end, length)]
    return Breaths(tuple(ticks), f"phrases of {bars} bars")
