"""Dance styles: what a title like "jig" means for the page, and for how the page is played.

Tempos, accents and swing follow common session practice: a jig's three eighths are played long-short-middling and its
groups lean on the first; a hornpipe is swung; a polka leans on the off-beat.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from composer.errors import UsageError
from composer.score import DEFAULT_VELOCITY, Part, Score, frozen
from composer.theory import TICKS_PER_QUARTER, Meter, Tempo

EIGHTH = TICKS_PER_QUARTER // 2


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


def perform(score: Score) -> Score:
    """What is heard, with the accents and swing of the score's ``rhythm`` (its dance), if that names a known style.

    Only notes at the default velocity are accented: dynamics that somebody chose stay as they are.
    """
    heard = score.unfold()
    style = STYLES.get(score.metadata.get("rhythm", "").strip().lower().replace(" ", "-"))
    if style is None or heard.meter.bar != style.meter.bar:
        return heard
    return replace(heard, parts=tuple(_performed(part, heard, style) for part in heard.parts))


def _performed(part: Part, heard: Score, style: Style) -> Part:
    bar = heard.barlines[np.searchsorted(heard.barlines, part.onset, "right") - 1]
    into = part.onset - bar
    if heard.pickup:
        into = np.where(bar == 0, into + style.meter.bar - heard.pickup, into)
    slot = style.meter.bar // len(style.accents)
    accent = np.where(into % slot == 0, np.array(style.accents)[(into // slot) % len(style.accents)], 0)
    chosen = part.velocity != DEFAULT_VELOCITY
    velocity = np.where(chosen, part.velocity, np.clip(part.velocity + accent, 1, 127))
    onset = _swung(part.onset, style.swing)
    offset = np.maximum(_swung(part.offset, style.swing), onset + 1)
    return replace(part, onset=frozen(onset), duration=frozen(offset - onset), velocity=frozen(velocity))


def _swung(ticks: np.ndarray, swing: float) -> np.ndarray:
    """Ticks bent so that each quarter's middle falls at ``swing`` of it; the quarters stay where they are."""
    quarter, into = np.divmod(ticks, TICKS_PER_QUARTER)
    late = np.where(into <= EIGHTH, into * 2 * swing, TICKS_PER_QUARTER - (TICKS_PER_QUARTER - into) * 2 * (1 - swing))
    return np.asarray(quarter * TICKS_PER_QUARTER + np.rint(late).astype(np.int64))
