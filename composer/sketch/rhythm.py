"""Wishes about rhythm."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle
from typing import Self

import numpy as np

from composer.analysis import beats, felt_bars
from composer.errors import UsageError
from composer.score import Score, frozen
from composer.sketch.cells import REST, SYMBOLS, Automaton, Cells, Constraint, Moves, Table
from composer.theory import TICKS_PER_QUARTER, Ints, Meter

WHOLE = 4 * TICKS_PER_QUARTER
MOST_VALUES = 10_000  # of a given rhythm
MOST_NOTES = 128  # in a bar, by a density


def value_ticks(text: str) -> int:
    """The ticks of a note value, ``1/8`` of a whole note; from a 128th to 16 whole notes. Raises UsageError."""
    match = re.fullmatch(r"\s*(\d{1,4})/(\d{1,4})\s*", f"{text}/1" if text.strip() == "1" else text)
    ticks = Fraction(int(match[1]), int(match[2])) * WHOLE if match and int(match[2]) else Fraction(0)
    if ticks.denominator != 1 or not WHOLE // 128 <= ticks <= 16 * WHOLE:
        raise UsageError(f"{text!r} is not a note value; write a fraction of a whole note, such as 1/8 or 3/16")
    return int(ticks)


def value_name(ticks: int) -> str:
    return str(Fraction(ticks, WHOLE))


@dataclass(frozen=True)
class Shortest(Constraint):
    """No note is shorter than so many ticks; rests may be."""

    ticks: int
    voice: int | None = None

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table:
        return np.asarray(end - start >= self.ticks)

    def __str__(self) -> str:
        return f"shortest {value_name(self.ticks)}"


@dataclass(frozen=True)
class Longest(Constraint):
    """No note is longer than so many ticks; rests may be."""

    ticks: int
    voice: int | None = None

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table:
        return np.asarray(end - start <= self.ticks)

    def __str__(self) -> str:
        return f"longest {value_name(self.ticks)}"


@dataclass(frozen=True)
class Onsets(Constraint):
    """Notes begin at these places in a beat alone, in ticks after it; rests and what is held go on anywhere."""

    places: frozenset[int]
    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        starts = beats(score)
        into = ticks - starts[np.maximum(np.searchsorted(starts, ticks, "right") - 1, 0)]
        table = np.repeat(np.isin(into, list(self.places))[:, None], SYMBOLS, axis=1)
        table[:, REST] = True
        return Cells(table, np.ones((1, SYMBOLS), dtype=bool))

    def __str__(self) -> str:
        return f"notes begin {', '.join(value_name(place) for place in sorted(self.places))} after a beat"


@dataclass(frozen=True)
class Rhythm(Constraint):
    """Notes and rests (negative) of these lengths in ticks, over and over; the pitches are free.

    The last one is cut where the score ends.
    """

    values: tuple[int, ...]
    words: str
    voice: int | None = None

    @classmethod
    def parse(cls, text: str, score: Score) -> Self:
        """Read ``1/8 1/8 1/4 z1/4 | 1/1``: fractions of a whole note, rests with z. Bar lines may be left out; where
        they stand, they must be the score's. Raises :class:`UsageError`.
        """
        bars = [bar.replace(",", " ").split() for bar in text.strip().strip("|").split("|")]
        words = [word for bar in bars for word in bar]
        if not 1 <= len(words) <= MOST_VALUES:
            raise UsageError(f"a rhythm has 1 to {MOST_VALUES} values, not {len(words)}; write them as 1/8 1/4 z1/4")
        values = [
            [value_ticks(word.removeprefix("z")) * (-1 if word.startswith("z") else 1) for word in bar] for bar in bars
        ]
        for number, (bar, length) in enumerate(zip(values, np.diff(score.barlines).tolist(), strict=False), 1):
            total = sum(map(abs, bar))
            if len(bars) > 1 and total != length:
                raise UsageError(
                    f"bar {number} of the rhythm lasts {value_name(total)}, the score's {value_name(length)}"
                )
        return cls(tuple(value for bar in values for value in bar), " ".join(text.split()))

    def mask(self, ticks: Ints, score: Score) -> Cells:
        onset, _, sounding = self._laid_out(score)
        missing = np.setdiff1d(onset, ticks)
        if len(missing):
            raise UsageError(f"{self}: this model cannot begin a note at {score.place(int(missing[0]))}")
        event = np.searchsorted(onset, ticks, "right") - 1
        begins, sounds = (onset[event] == ticks)[:, None], sounding[event][:, None]
        rest = np.arange(SYMBOLS)[None, :] == REST
        return Cells((sounds != rest) & (begins | ~sounds), (sounds != rest) & ~(begins & sounds))

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table:
        onset, stop, sounding = self._laid_out(score)
        event = np.searchsorted(onset, start, "right") - 1
        return np.asarray((onset[event] == start) & (stop[event] == end) & sounding[event])

    def _laid_out(self, score: Score) -> tuple[Ints, Ints, Table]:
        """Starts and ends of the values, and whether they sound."""
        lines, sounding = [0], []
        for value in cycle(self.values):
            if lines[-1] >= score.end:
                break
            lines.append(min(lines[-1] + abs(value), score.end))
            sounding.append(value > 0)
        return frozen(lines[:-1]), frozen(lines[1:]), np.array(sounding)

    def __str__(self) -> str:
        return f"rhythm {self.words if len(self.words) <= 40 else self.words[:36] + ' ...'}"


@dataclass(frozen=True)
class Density(Constraint):
    """In every bar ``least`` to ``most`` notes begin; bars shorter than the meter, as a pickup, may have fewer."""

    least: int
    most: int
    voice: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``4-8`` or ``6``; raises :class:`UsageError`."""
        match = re.fullmatch(r"\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?\s*", text)
        if match is None or not int(match[1]) <= int(match[2] or match[1]) <= MOST_NOTES:
            raise UsageError(f"{text!r} is no density; write notes in a bar, such as 4-8, at most {MOST_NOTES}")
        return cls(int(match[1]), int(match[2] or match[1]))

    def automaton(self, ticks: Ints, score: Score) -> Automaton:
        return _Count(self, ticks, score)

    def __str__(self) -> str:
        return f"density {self.least}" + (f"-{self.most}" if self.most > self.least else "")


class _Count(Automaton):
    """State k has heard k notes begin in this bar."""

    def __init__(self, wish: Density, ticks: Ints, score: Score) -> None:
        self.size, self.most = wish.most + 1, wish.most
        self.few = np.arange(self.size) < wish.least
        bar = np.searchsorted(score.barlines, ticks, "right") - 1
        full = np.array([score.meter_at(tick).bar for tick in score.barlines[:-1].tolist()])
        self.whole = (np.diff(score.barlines) >= full)[bar].tolist()  # (S,)
        self.opens = [False, *(np.diff(bar) > 0).tolist()]
        count = np.arange(self.size, dtype=np.int32)
        self.inside = self._begun(count, np.zeros(self.size, dtype=bool))
        nothing = np.zeros((self.size, SYMBOLS), dtype=np.int32)
        self.first = [self._begun(np.zeros_like(count), self.few & whole) for whole in (False, True)]
        self.held = [Moves(nothing, np.repeat((self.few & whole)[:, None], SYMBOLS, axis=1)) for whole in (False, True)]

    def _begun(self, count: Ints, breaks: Table) -> Moves:
        """What begins after so many notes (size,) in the bar."""
        to = np.repeat(np.minimum(count + 1, self.most)[:, None], SYMBOLS, axis=1)
        broken = np.repeat((breaks | (count == self.most))[:, None], SYMBOLS, axis=1)
        to[:, REST], broken[:, REST] = count, breaks
        return Moves(to, broken)

    def start(self, step: int) -> Moves:
        return self.first[self.whole[step - 1]] if self.opens[step] else self.inside

    def hold(self, step: int) -> Moves | None:
        return self.held[self.whole[step - 1]] if self.opens[step] else None

    def breaks_at_end(self) -> Table:
        return np.asarray(self.few & self.whole[-1])


@dataclass(frozen=True)
class Unsyncopated(Constraint):
    """No note begins on a weaker place than one it is held through.

    Places are, from the strongest: the bar line, halves of a bar while its beats can be halved, beats, and then halves
    of a beat again and again, in compound meters thirds first. A note between them, as in a triplet, may not be held
    through a beat.
    """

    voice: int | None = None

    def lasts(self, start: Ints, end: Ints, score: Score) -> Table:
        bar = np.searchsorted(score.barlines, start, "right") - 1
        into = start - felt_bars(score)[bar]
        meter = np.searchsorted([meter.onset for meter in score.meters], score.barlines[bar], "right") - 1
        reach = start.astype(np.int64)
        for number in np.unique(meter).tolist():
            inside = meter == number
            reach[inside] += _reach(into[inside], score.meters[number])
        reach = np.minimum(reach, score.barlines[bar + 1])
        return np.asarray((into == 0) | (end <= reach))

    def __str__(self) -> str:
        return "no syncopation"


def _reach(into: Ints, meter: Meter) -> Ints:
    """How long a note may last that begins so far (N,) into the bar, up to the next stronger place."""
    periods = _periods(meter)
    stronger = np.array([meter.bar, *periods])
    level = np.full(len(into), periods.index(meter.beat) + 1)
    for number in range(len(periods) - 1, -1, -1):
        level = np.where(into % periods[number] == 0, number, level)
    period = stronger[level]
    return np.asarray(period - into % period)


def _periods(meter: Meter) -> list[int]:
    """How far apart the places of a bar lie, from the strongest on; each divides the one before."""
    periods, beats = [meter.bar], meter.bar // meter.beat
    while beats % 2 == 0 and beats > 2:
        beats //= 2
        periods.append(beats * meter.beat)
    if beats > 1:
        periods.append(meter.beat)
    periods += [meter.beat // 3] if meter.beat * meter.denominator > WHOLE else []
    while periods[-1] % 2 == 0 and periods[-1] > WHOLE // 256:
        periods.append(periods[-1] // 2)
    return periods
