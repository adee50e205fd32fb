"""From what is heard to a score: bar lines, keys and sane limits, for every format that holds notes but no page."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from composer.analysis import find_key
from composer.errors import InvalidScore, ReadError
from composer.score import Part, Score, regular_barlines
from composer.theory import TICKS_PER_QUARTER, Ints, Key, Meter, Tempo

MAX_NOTES = 2_000_000
MAX_BARS = 100_000
MAX_CHANGES = 100_000
MAX_PARTS = 1_024
LAST_TICK = 2_000_000_000  # leaves room, in 32 bits, for the last bar to be filled up

Change = TypeVar("Change", Meter, Key, Tempo)


def assemble(
    parts: Sequence[Part],
    name: str,
    *,
    meters: Iterable[Meter] = (),
    keys: Iterable[Key] = (),
    tempos: Iterable[Tempo] = (),
    end: int = 0,
    barlines: ArrayLike | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Score:
    """A score that lasts to ``end`` ticks or the last note, and on to the end of that bar; notes spelled in their key.

    Changes may come in any order; of two at one tick the last counts. Without a meter at the start it is 4/4, without
    a tempo 120; without any key signature the key is estimated. Bars follow the meters unless ``barlines`` are given;
    a meter, restated or changed, begins a bar. Raises :class:`ReadError` beyond the limits above.
    """
    end = max([end, *(int(part.offset.max()) for part in parts if len(part))])
    check_limits(name, notes=sum(map(len, parts)), parts=len(parts), end=end)
    signatures = _in_order(keys) or [estimated_key(parts)]
    beats = _in_order([Meter(4, 4), *meters])
    lines = _regular(beats, end, name) if barlines is None else np.asarray(barlines)
    last = int(lines[-1])
    score = Score.of(
        parts,
        meter=_before(beats, last),
        key=_before([replace(signatures[0], onset=0), *signatures[1:]], last),
        tempo=_before(_in_order([Tempo(120.0), *tempos]), last),
        barlines=lines,
        metadata=metadata,
    )
    return score.respelled()


def check_limits(name: str, *, notes: int = 0, parts: int = 0, changes: int = 0, end: int = 0) -> None:
    """Raise :class:`ReadError` for music that no score can hold; ``end`` in ticks."""
    if end > LAST_TICK:
        raise ReadError(f"{name}: lasts longer than {LAST_TICK // TICKS_PER_QUARTER:,} quarter notes; cut it")
    for what, count, most in (
        ("notes", notes, MAX_NOTES),
        ("parts", parts, MAX_PARTS),
        ("changes", changes, MAX_CHANGES),
    ):
        if count > most:
            raise ReadError(f"{name}: has {count:,} {what}; a score takes {most:,}")


def estimated_key(parts: Iterable[Part]) -> Key:
    """The key of what sounds, drums aside."""
    pitched = [part for part in parts if not part.drums]
    pitches = np.concatenate([np.empty(0, dtype=np.int32), *(part.pitch for part in pitched)])
    return find_key(pitches, np.concatenate([np.empty(0), *(part.duration for part in pitched)]))


def meters_of_bars(score: Score) -> list[Meter]:
    """The meters that make another program draw this score's bar lines; the inverse of what :func:`assemble` does.

    An irregular bar is given a meter of its own, or where none fits is cut off by a restated meter; two bars that
    together fill one are joined; a short last bar is left to be filled up.
    """
    lines = score.barlines.tolist()
    known, onsets = set(lines), [meter.onset for meter in score.meters]
    found: list[Meter] = []
    at, cut = 0, False
    while at < score.end:
        current = bisect_right(onsets, at)
        meter, line = score.meters[current - 1], lines[bisect_right(lines, at)]
        stop = at + meter.bar
        steady = current == len(onsets) or onsets[current] >= stop
        if not (steady and stop in known) and (line < score.end or stop < line):
            stop, meter = line, meter_lasting(line - at, meter)
        if cut or not found or (meter.numerator, meter.denominator) != (found[-1].numerator, found[-1].denominator):
            found.append(replace(meter, onset=at))
        cut = stop - at != meter.bar
        at = stop
    return found


def with_pickup(meters: list[Meter]) -> list[Meter]:
    """A first bar alone in a shorter meter becomes a cut bar of the meter that follows."""
    if len(meters) > 1 and meters[0].onset == 0 and meters[0].bar == meters[1].onset < meters[1].bar:
        return [replace(meters[1], onset=0), *meters[1:]]
    return meters


def plain_bpm(microseconds: int) -> float:
    """Quarters a minute, with no more decimals than it takes to say this tempo: 93.3 rather than 93.29997."""
    if microseconds < 1:
        raise InvalidScore("a tempo of 0 microseconds a quarter cannot be played")
    exact = 60e6 / microseconds
    short = (round(exact, decimals) for decimals in range(6))
    return next((bpm for bpm in short if bpm and round(60e6 / bpm) == microseconds), exact)


def meter_lasting(ticks: int, usual: Meter) -> Meter:
    """A meter whose bar lasts so long, in the usual unit if possible; the usual meter if there is none."""
    for unit in (usual.denominator, 4, 8, 16, 32, 64):
        beats, rest = divmod(ticks * unit, 4 * TICKS_PER_QUARTER)
        if rest == 0 and 1 <= beats <= 128:
            return Meter(beats, unit)
    return usual


def _in_order(changes: Iterable[Change]) -> list[Change]:
    """Changes by onset; of two at one tick the last counts."""
    found = {change.onset: change for change in changes}
    return [found[onset] for onset in sorted(found)]


def _regular(meters: Sequence[Meter], end: int, name: str) -> Ints:
    """Regular bar lines, once they have been counted."""
    starts = np.array([meter.onset for meter in meters])
    spans = np.minimum(np.append(starts[1:], end), end) - starts
    bars = sum(max(span, 0) // meter.bar + 1 for span, meter in zip(spans.tolist(), meters, strict=True))
    if bars > MAX_BARS + MAX_CHANGES:
        raise ReadError(f"{name}: has {bars:,} bars; a score takes {MAX_BARS:,}")
    return regular_barlines(meters, end)


def _before(changes: Sequence[Change], end: int) -> list[Change]:
    """Changes before the end, without those that only restate what is in force."""
    kept: list[Change] = []
    for change in changes:
        if change.onset < end and (not kept or replace(change, onset=kept[-1].onset) != kept[-1]):
            kept.append(change)
    return kept
