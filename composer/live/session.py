"""What a jam keeps, and what it shows of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from composer.live.improviser import Improviser, News
from composer.live.record import Record
from composer.live.state import Drawn, State
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER


def keep(record: Record, improviser: Improviser) -> list[News]:
    """Put what has happened since the last time into the record; returns it."""
    told = []
    while improviser.news:
        news = improviser.news.popleft()
        record.noted(news.moment, news.kind, **news.facts)
        if news.kind == "answer" and improviser.last is not None:
            record.answered(improviser.last.call.score, answer_page(improviser.last.page, improviser.last.start))
        told.append(news)
    return told


def answer_page(page: Score, start: int) -> Score:
    """The answer's bars alone, without what is left of the call in the first."""
    first = int(page.bar_numbers[max(int((page.barlines <= start).sum()) - 1, 0)])
    alone = replace(page, parts=tuple(part.select(part.onset >= start) for part in page.parts))
    return alone.region(f"bars {first}-{int(page.bar_numbers[-1])}")


def state_of(improviser: Improviser, now: float, ports: str = "", notice: str = "") -> State:
    """What a jam shows of itself at this moment."""
    last, grid = improviser.last, improviser.grid
    call = None if last is None else last.call
    bar = beat = None
    meter, tempo = improviser.settings.meter, improviser.settings.tempo
    if grid is not None:
        meter = grid.meter
        gone = grid.quarters(now) * TICKS_PER_QUARTER
        bar, beat = int(gone // meter.bar) + 1, int(gone % meter.bar // meter.beat) + 1
        tempo = 60 / (grid.seconds(1.0) - grid.seconds(0.0))
    elif call is not None:
        meter, tempo = call.score.meter, 60 / call.quarter
    return State(
        phase=improviser.phase,
        bar=bar,
        beat=beat,
        meter=meter,
        key=improviser.settings.key or (call.score.key if call else None),
        tempo=tempo,
        mode=improviser.settings.mode,
        temperature=improviser.settings.temperature,
        heard=() if call is None else _drawn(call.score.parts, call.score),
        answered=() if last is None else _drawn(_answered(last.page, last.start), last.page),
        latency_ms=None if improviser.latency is None else 1000 * improviser.latency,
        late=improviser.late,
        calls=improviser.calls,
        ports=ports,
        notice=notice,
    )


def _answered(page: Score, start: int) -> tuple[Part, ...]:
    return tuple(part.select(part.onset >= start) for part in page.parts)


def _drawn(parts: Iterable[Part], page: Score) -> tuple[Drawn, ...]:
    return tuple(
        Drawn((note.onset - page.pickup) / TICKS_PER_QUARTER, note.duration / TICKS_PER_QUARTER, note.pitch)
        for part in parts
        for note in part
    )
