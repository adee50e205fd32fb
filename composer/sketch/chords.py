"""The wish that a line fits chords."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from composer.analysis import beats
from composer.errors import UsageError
from composer.score import Score
from composer.sketch.cells import REST, SYMBOLS, Cells, Constraint, Table, pitches
from composer.theory import TICKS_PER_QUARTER, ChordSymbol, Ints, roman_chord

FREE = ("-", ".")
SIXTEENTH = TICKS_PER_QUARTER // 4


@dataclass(frozen=True)
class Chords(Constraint):
    """On every beat, and where a chord begins, a note of the chord sounds: symbols, or roman numerals.

    Chords share the beats of their bar evenly and go on until the next one; ``-`` or ``.`` sets the line free, and so
    does the end of the chart; chords of a single bar go on to the end. The first bar of chords is bar 1, after a
    pickup.
    """

    text: str
    voice: int | None = None
    rests: bool = False  # allowed where the first part is silent

    @classmethod
    def parse(cls, text: str, score: Score) -> Self:
        """Read ``Dm7 | G7/B C | I V7``; raises :class:`UsageError`."""
        wish = cls(" ".join(text.split()).strip("| "))
        wish.symbols(score)
        return wish

    def symbols(self, score: Score) -> list[tuple[int, ChordSymbol | None]]:
        """The ticks at which chords begin, in order; None where the line is set free, and where the chart ends."""
        bars = [bar.replace(",", " ").split() for bar in self.text.split("|")]
        if len(bars) > score.bars:
            raise UsageError(f"these are chords for {len(bars)} bars, and there are only {score.bars}")
        found: list[tuple[int, ChordSymbol | None]] = []
        for number, bar in enumerate(bars, 1):
            start, end = score.bar_span(number, number)
            full = score.meter_at(start).bar  # of which a last bar may lack the next pickup
            length = full if (len(bar) - 1) * full < len(bar) * (end - start) else end - start
            if len(bar) > 1 and length % (SIXTEENTH * len(bar)):
                raise UsageError(
                    f"{len(bar)} chords do not share bar {number} evenly; repeat one that lasts longer, split bars by |"
                )
            for place, name in enumerate(bar):
                tick = start + length // len(bar) * place
                found.append((tick, None if name in FREE else _chord(name, score, tick)))
        if not found:
            raise UsageError("no chords are named; write some, such as Dm7 | G7 C or i | V7")
        return found if len(bars) == 1 or end == score.end else [*found, (end, None)]

    def mask(self, ticks: Ints, score: Score) -> Cells:
        return _bound(ticks, score, self.symbols(score), self.rests)

    def written(self, score: Score) -> Score:
        """The score with these chords on its page, in place of those that stood there."""
        symbols = self.symbols(score)
        stop = symbols[-1][0] if symbols[-1][1] is None else score.end
        before = [chord for chord in score.chords if chord.onset < symbols[0][0]]
        after = [chord for chord in score.chords if chord.onset >= stop]
        return replace(score, chords=(*before, *(chord for _, chord in symbols if chord is not None), *after))

    def __str__(self) -> str:
        return f"chords {self.text if len(self.text) <= 40 else self.text[:36] + ' ...'}"


@dataclass(frozen=True)
class PageChords(Constraint):
    """What sounds on a beat belongs to the chord over the staff there, the last of which ends with its bar."""

    voice: int | None = None
    rests: bool = False  # allowed where the first part is silent

    def mask(self, ticks: Ints, score: Score) -> Cells | None:
        if not score.chords:
            return None
        last = int(score.barlines[np.searchsorted(score.barlines, score.chords[-1].onset, "right")])
        return _bound(ticks, score, [*((chord.onset, chord) for chord in score.chords), (last, None)], self.rests)

    def __str__(self) -> str:
        return "the chords over the staff"


@dataclass(frozen=True)
class ChordBasses(Constraint):
    """Where a chord over the staff names its bass, as G7/B does, the voice has it there."""

    voice: int | None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        table = np.ones((len(ticks), SYMBOLS), dtype=bool)
        for chord in score.chords:
            if chord.bass is not None:
                step = max(int(np.searchsorted(ticks, chord.onset, "right")) - 1, 0)
                table[step] &= pitches(range(7 * chord.bass % 12, REST, 12), rest=False)[0]
        return Cells(table, table)

    def __str__(self) -> str:
        return "the basses of the chords"


def _bound(ticks: Ints, score: Score, symbols: list[tuple[int, ChordSymbol | None]], rests: bool) -> Cells:
    """On each beat, and where a chord begins, only what belongs to it; ``symbols`` are chords from a tick on. With
    ``rests``, silence too where the first part is silent.
    """
    fitting = [np.ones(SYMBOLS, dtype=bool), *(_fitting(chord) for _, chord in symbols)]
    places = np.union1d([tick for tick, _ in symbols], beats(score))
    index = np.searchsorted([tick for tick, _ in symbols], places, "right")
    table = np.ones((len(ticks), SYMBOLS), dtype=bool)
    silent = _silent(score, places) if rests else np.zeros(len(places), dtype=bool)
    for step, number, rest in zip(
        (np.searchsorted(ticks, places, "right") - 1).tolist(), index.tolist(), silent, strict=True
    ):
        if step >= 0:
            table[step] &= fitting[number]
            table[step, REST] |= rest
    return Cells(table, table)


def _silent(score: Score, ticks: Ints) -> Table:
    """(N,) whether the first part is silent at each tick."""
    part = score.parts[0]
    before = np.searchsorted(part.onset, ticks, "right") - 1
    if not len(part):
        return np.zeros(len(ticks), dtype=bool)
    return np.asarray((before < 0) | (part.offset[np.maximum(before, 0)] <= ticks))


def _fitting(chord: ChordSymbol | None) -> Table:
    """(129,) the notes that belong to a chord; without one, all, and rests."""
    classes = range(12) if chord is None else chord.pitch_classes
    return np.asarray(pitches((pitch for pitch in range(REST) if pitch % 12 in classes), rest=chord is None)[0])


def _chord(name: str, score: Score, tick: int) -> ChordSymbol:
    try:
        return ChordSymbol.parse(name, tick) if name[0] in "ABCDEFG" else roman_chord(name, score.key_at(tick), tick)
    except UsageError:
        raise UsageError(
            f"{name!r} is not a chord; write a symbol such as Dm7 or G7/B, or a roman numeral such as ii or V7/V"
        ) from None
