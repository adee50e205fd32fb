"""Bar lines, repeats, endings and sections from the marks of a tune (ABC standard 2.1, sections 3.1.9, 4.8 and 4.9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from composer.errors import ReadError
from composer.score import Ending, Repeat, Score

MAX_SIZE = 5_000_000  # of parts played, times notes, marks and bars of the tune


class Mark(NamedTuple):
    """A sign on a bar line: bar, double, start, end (of a repeat, with its times), ending (with its passes), or close
    (of the last ending)."""

    tick: int
    kind: str
    times: int = 2
    passes: tuple[int, ...] = ()


@dataclass
class _Open:
    """A repeat while it is read: where it began, and its endings so far."""

    start: int = 0
    said: bool = False  # by a sign at its start
    times: int = 2
    ended: bool = False  # a repeat sign has been met
    endings: list[tuple[int, int | None, tuple[int, ...]]] = field(default_factory=list)

    def close_ending(self, tick: int) -> None:
        if self.endings and self.endings[-1][1] is None:
            start, _, passes = self.endings[-1]
            self.endings[-1] = (start, tick, passes)


class Form(NamedTuple):
    """Ticks of the bar lines, the repeats, and the sections after double bars; and where a repeat was taken to end
    because the next one begins, and where one begins that does not end."""

    barlines: list[int]
    repeats: list[Repeat]
    sections: list[int]
    assumed: list[int]
    endless: int | None


def structure(marks: Sequence[Mark], end: int) -> Form:
    """The form that the marks of a tune of ``end`` ticks say.

    A repeat without a sign at its start goes back to the repeat or double bar before it, or to the beginning (section
    4.8). One without a sign at its end is repeated if another begins there; at the end of the tune it is not.
    """
    lines = sorted({0, end, *(mark.tick for mark in marks if mark.tick <= end)})
    repeats: list[Repeat] = []
    assumed: list[int] = []
    sections = {mark.tick for mark in marks if mark.kind == "double" and 0 < mark.tick < end}
    current = _Open()
    for mark in marks:
        if mark.kind == "ending":
            if current.endings and current.ended and mark.tick > (current.endings[-1][1] or mark.tick):
                current = _next(repeats, current, mark.tick)  # an ending that does not follow the one before
            current.close_ending(mark.tick)
            current.endings.append((mark.tick, None, mark.passes))
            current.times = max(current.times, *mark.passes, 2)
        elif mark.kind == "end":
            if current.endings and current.endings[-1][1] is not None:
                current = _next(repeats, current, current.endings[-1][1])
            current.times = max(current.times, mark.times)
            current.ended = True
            if current.endings:
                current.close_ending(mark.tick)
            else:
                _add(repeats, Repeat(current.start, mark.tick, current.times) if mark.tick > current.start else None)
                current = _Open(mark.tick)
        elif mark.kind in ("start", "double", "close"):
            current.close_ending(mark.tick)
            if mark.kind == "start" and current.said and not current.endings and mark.tick > current.start:
                _add(repeats, Repeat(current.start, mark.tick))
                assumed.append(mark.tick)
            if mark.kind == "start" or current.endings or not current.said:
                current = _next(repeats, current, mark.tick)
                current.said = mark.kind == "start"
        elif current.endings and (current.endings[-1][1] or mark.tick) < mark.tick:
            current = _next(repeats, current, current.endings[-1][1] or mark.tick)  # music after the last ending
    current.close_ending(end)
    _next(repeats, current, end)
    endless = current.start if current.said and not current.endings and current.start < end else None
    return Form(lines, repeats, sorted(sections), assumed, endless)


def _next(repeats: list[Repeat], current: _Open, tick: int) -> _Open:
    """Put away a repeat with endings, and begin anew at ``tick``.

    Endings without anything before them, each played once, are heard as they stand.
    """
    endings = [Ending(start, stop, passes) for start, stop, passes in current.endings if stop and stop > start]
    passes = [ending.passes for ending in endings]
    alone = bool(endings) and endings[0].start == current.start  # nothing before them that could be repeated
    if alone and all(len(said) == 1 for said in passes) and passes == sorted(passes):
        return _Open(tick)
    if endings and (current.ended or len(endings) > 1):
        _add(repeats, Repeat(current.start, endings[-1].end, current.times, tuple(endings)))
    return _Open(tick)


def _add(repeats: list[Repeat], repeat: Repeat | None) -> None:
    if repeat is not None and (not repeats or repeat.start >= repeats[-1].end):
        repeats.append(repeat)


def in_order(score: Score, order: str, labels: Sequence[tuple[str, int]]) -> Score:
    """The score with its parts in the order of P:, written out where that is not the order in which they stand.

    ``labels`` are the parts and where they begin; what stands before the first part is played first.
    """
    ticks = [tick for _, tick in labels]
    spans = {
        label: (start, end)
        for (label, start), end in reversed(list(zip(labels, [*ticks, score.end][1:], strict=True)))
        if start < end
    }
    played = [label for label in order if label in spans]
    if not played or played == [label for label, _ in labels]:
        return score
    first = [(0, ticks[0])] if ticks[0] else []
    whole = [*first, *(spans[label] for label in played)]
    size = len(score.barlines) + len(score.chords) + len(score.meters) + len(score.keys) + len(score.tempos)
    size += sum(len(part) + len(part.annotations) for part in score.parts)
    if len(whole) * size > MAX_SIZE:
        raise ReadError(f"expected an order of fewer parts, not {len(whole)} of a tune as long as this one")
    return score.rearranged(whole)
