"""Dance styles: what a title like "jig" means for the page, and for how the page is played.

Tempos, accents and swing follow common session practice: a jig's three eighths are played long-short-middling and its
groups lean on the first; a hornpipe is swung; a polka leans on the off-beat. Grace notes, which the page keeps apart
from the rhythm, begin on the beat and take their time from the note they adorn: a 32nd each, at most half of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import InvalidScore, UsageError
from composer.score import DEFAULT_VELOCITY, Annotation, Note, Part, Score, frozen
from composer.theory import TICKS_PER_QUARTER, Meter, Tempo

EIGHTH = TICKS_PER_QUARTER // 2
GRACE = TICKS_PER_QUARTER // 8


@dataclass(frozen=True)
class Style:
    """A dance: its page (meter, tempo, form, bars heard) and its lilt.

    ``accents`` adds to the velocity of notes on each of the equal slots of a bar. ``swing`` is where, in a beat of two
    eighths, the second one falls: 0.5 straight, 0.62 a hornpipe.
    """

    name: str
    meter: Meter
    tempo: Tempo
    form: str
    bars: int
    accents: tuple[int, ...]
    swing: float = 0.5


_QUARTER, _DOTTED, _HALF = TICKS_PER_QUARTER, 3 * EIGHTH, 2 * TICKS_PER_QUARTER

STYLES = {
    style.name: style
    for style in (
        Style("jig", Meter(6, 8), Tempo(116, _DOTTED), "AABB", 32, (22, -6, 2, 14, -6, 2)),
        Style("slip-jig", Meter(9, 8), Tempo(112, _DOTTED), "AABB", 32, (22, -6, 2, 12, -6, 2, 12, -6, 2)),
        Style("reel", Meter(4, 4), Tempo(104, _HALF), "AABB", 32, (20, -6, 4, -4, 12, -6, 4, -4), 0.53),
        Style("hornpipe", Meter(4, 4), Tempo(80, _HALF), "AABB", 32, (20, -8, 10, -8, 16, -8, 10, -8), 0.62),
        Style("polka", Meter(2, 4), Tempo(124, _QUARTER), "AABB", 32, (10, 16, 8, 16)),
        Style("waltz", Meter(3, 4), Tempo(132, _QUARTER), "AABB", 32, (20, -4, 2, -4, 4, -4)),
        Style("march", Meter(4, 4), Tempo(96, _QUARTER), "AABB", 32, (20, -2, 6, -2, 14, -2, 6, -2)),
        Style("air", Meter(3, 4), Tempo(72, _QUARTER), "AB", 16, (10, 0, 4, 0, 4, 0)),
    )
}


def style_named(name: str) -> Style:
    """The style of this name; raises :class:`UsageError` that lists them."""
    style = STYLES.get(name.strip().lower().replace(" ", "-"))
    if style is None:
        raise UsageError(f"{name!r} is not a style; the styles are {', '.join(STYLES)}")
    return style


def tempo_of(bpm: float, meter: str | None, style: str | None) -> Tempo:
    """So many beats a minute, in the beats of the meter, or of the style's; raises :class:`UsageError`."""
    try:
        if style and meter is None:
            return Tempo(bpm, style_named(style).tempo.beat)
        return Tempo(bpm, Meter.parse(meter or "4/4").beat)
    except InvalidScore as error:
        raise UsageError(str(error)) from None


def perform(score: Score) -> Score:
    """What is heard: graces played, with the accents and swing of the score's ``rhythm`` (its dance) if it is known.

    Only notes at the default velocity are accented: dynamics that somebody chose stay as they are.
    """
    heard = score.unfold()
    heard = replace(heard, parts=tuple(_graced(part) for part in heard.parts))
    style = STYLES.get(score.metadata.get("rhythm", "").strip().lower().replace(" ", "-"))
    if style is None or heard.meter.bar != style.meter.bar:
        return heard
    return replace(heard, parts=tuple(_performed(part, heard, style) for part in heard.parts))


def _graced(part: Part) -> Part:
    """The part with its graces as notes; a grace that is no pitch name is passed over."""
    rows, graces = list(part), list[Note]()
    for mark in part.annotations:
        if mark.kind == "grace":
            adorned = [n for n in np.flatnonzero(part.onset == mark.onset).tolist() if rows[n].duration > 1]
            names = mark.pitches
            if adorned and names:
                length = min(GRACE, min(rows[n].duration for n in adorned) // (2 * len(names)))
                for place, (pitch, spelling) in enumerate(names if length else ()):
                    velocity = rows[adorned[-1]].velocity
                    graces.append(Note(mark.onset + place * length, pitch, length, velocity, spelling))
                for n in adorned:
                    taken = length * len(names)
                    rows[n] = rows[n]._replace(onset=mark.onset + taken, duration=rows[n].duration - taken)
    if not graces:
        return part
    played = Part.from_notes([*rows, *graces], name=part.name, program=part.program)
    return replace(played, drums=part.drums, annotations=tuple(m for m in part.annotations if m.kind != "grace"))


def _performed(part: Part, heard: Score, style: Style) -> Part:
    into = part.onset - _felt_bars(heard, style.meter.bar)[_bar_of(heard, part.onset)]
    slot = style.meter.bar // len(style.accents)
    accent = np.where(into % slot == 0, np.array(style.accents)[(into // slot) % len(style.accents)], 0)
    chosen = part.velocity != DEFAULT_VELOCITY
    velocity = np.where(chosen, part.velocity, np.clip(part.velocity + accent, 1, 127))
    onset = np.minimum(_swung(heard, part.onset, style), heard.end - 1)
    offset = np.maximum(_swung(heard, part.offset, style), onset + 1)
    return replace(
        part,
        onset=frozen(onset),
        duration=frozen(offset - onset),
        velocity=frozen(velocity),
        annotations=tuple(_moved(mark, heard, style) for mark in part.annotations),
    )


def _moved(mark: Annotation, heard: Score, style: Style) -> Annotation:
    """A mark that goes with its notes."""
    last = mark.onset if mark.end is None else mark.end
    onset, end = _swung(heard, np.array([mark.onset, last]), style).tolist()
    return replace(mark, onset=onset, end=None if mark.end is None else end)


def _felt_bars(heard: Score, full: int) -> NDArray[np.int64]:
    """Where each bar is felt to begin.

    A short bar at the start of the score or of a section, or after the short bar that it completes, is a pickup: the
    end of a bar of ``full`` ticks that would have begun earlier.
    """
    starts, lengths = heard.barlines[:-1].astype(np.int64), np.diff(heard.barlines)
    completes = np.concatenate([[False], lengths[:-1] + lengths[1:] == full])
    pickup = (lengths < full) & (completes | np.isin(starts, heard.section_starts))
    return np.where(pickup, starts - (full - lengths), starts)


def _bar_of(heard: Score, ticks: NDArray[Any]) -> NDArray[np.intp]:
    return np.minimum(np.searchsorted(heard.barlines, ticks, "right"), len(heard.barlines) - 1) - 1


def _swung(heard: Score, ticks: NDArray[Any], style: Style) -> NDArray[np.int64]:
    """Ticks bent so that each quarter's middle falls at the style's swing of it; quarters count from the felt bar.

    Nothing is bent past the bar line that follows it.
    """
    felt = _felt_bars(heard, style.meter.bar)

    def bent(places: NDArray[Any]) -> NDArray[np.int64]:
        bar = felt[_bar_of(heard, places)]
        quarter, rest = np.divmod(places - bar, TICKS_PER_QUARTER)
        early, left = rest * 2 * style.swing, (TICKS_PER_QUARTER - rest) * 2 * (1 - style.swing)
        late = np.rint(np.where(rest <= EIGHTH, early, TICKS_PER_QUARTER - left)).astype(np.int64)
        return np.asarray(bar + quarter * TICKS_PER_QUARTER + late)

    lines = bent(heard.barlines)
    lines[-1] = heard.end
    return np.minimum(bent(ticks), lines[_bar_of(heard, ticks) + 1])
