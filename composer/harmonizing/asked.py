"""What is asked of the voices below a melody, as a sketch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from composer.analysis import beats
from composer.errors import UsageError
from composer.harmonizing.closing import Closing
from composer.harmonizing.phrases import phrase_ends
from composer.harmonizing.steady import Steady, steady
from composer.harmonizing.together import Together
from composer.score import Score
from composer.sketch import Constraint, EndsOnTonic, Pin, Sketch
from composer.sketch.cadence import TonicAt
from composer.sketch.chords import ChordBasses
from composer.sketch.during import During
from composer.sketch.forbid import Forbid
from composer.sketch.pitch import Range
from composer.sketch.regions import said
from composer.sketch.rhythm import Rhythm
from composer.sketch.wishes import from_text

BASS = 3


def sketch_of(
    choir: Score, *, phrases: str = "auto", keep: str | None = None, pins: Iterable[str] = (), **wishes: Any
) -> Sketch:
    """What of a choir of four is to be composed, as in :meth:`Sketch.harmonizing`, with cadences at :func:`phrase_ends`
    and ``pins`` such as ``bass 1.1=D3``. Chords over the staff that name a bass have it. If the melody can end on the
    tonic chord, the bass does; if no chords or ``wishes`` say more, all do, and that chord stands still. Against
    triplets that are given no note begins, and while the melody sounds nobody rests, unless ``wishes`` say a rhythm.
    Raises :class:`UsageError`.
    """
    pinned = [pin for text in pins for pin in _pins(text, choir)]
    sketch = Sketch.harmonizing(choir, constraints=pinned, keep=keep, cadences=phrase_ends(choir, phrases), **wishes)
    for pin in pinned:
        if not sketch.free(pin.voice or 0, np.array([pin.tick])).any():
            raise UsageError(f"{sketch.said(pin)}: that is given; leave the pin out, or the note")
    added: list[Constraint] = [*steady(choir), *([ChordBasses(BASS)] if sketch.score.chords else [])]
    added += [] if any(map(_says_rhythm, sketch.constraints)) else [Together(_begun(sketch, added))]
    named = said(wishes) & {"ends_on", "ends_on_tonic"}
    if not named and _rests_on_tonic(sketch.score, [pin.tick for pin in pinned if pin.voice == BASS]):
        onset, end = (int(column[-1]) for column in (choir.parts[0].onset, choir.parts[0].offset))
        if end >= choir.end:
            added += [EndsOnTonic(BASS), *([Closing(onset)] if _can_close(sketch, onset) else [])]
        elif onset in beats(choir):
            added.append(TonicAt(onset, BASS))
    return replace(sketch, constraints=(*sketch.constraints, *added))


def _says_rhythm(wish: Constraint) -> bool:
    return isinstance(wish.wish if isinstance(wish, During) else wish, Rhythm)


def _can_close(sketch: Sketch, onset: int) -> bool:
    """Whether nothing but ranges, pins and rules is asked, and nothing asked or given in the lower voices from the
    melody's last note on.
    """
    pins = [wish.tick for wish in sketch.constraints if isinstance(wish, Pin)]
    given = [int(part.offset[-1]) for part in sketch.score.parts[1:] if len(part)]
    plain = all(isinstance(wish, Range | Pin | Forbid) for wish in sketch.constraints)
    return plain and onset in beats(sketch.score) and max([*pins, *given, 0]) < onset


def _begun(sketch: Sketch, added: list[Constraint]) -> tuple[tuple[int, int], ...]:
    """The spans in which no note may begin and something is free from inside on, so that only silence is left."""
    spans = [span for wish in added if isinstance(wish, Steady) for span in wish.spans]
    return tuple((a, b) for a, b in spans if any(a < hole.start < b for hole in sketch.holes))


def _bar_end(score: Score, tick: int) -> int:
    return int(score.barlines[np.searchsorted(score.barlines, tick, "right")])


def _pins(text: str, score: Score) -> list[Pin]:
    """Read ``bass 1.1=D3``."""
    voice, _, place = text.strip().rpartition(" ")
    if not voice or "=" not in place:
        raise UsageError(f"--pin {text}: write a voice and bar.beat=note, such as 'bass 1.1=D3'")
    return [pin for pin in from_text(f"voice {voice.strip()}: pins={place}", score) if isinstance(pin, Pin)]


def _rests_on_tonic(score: Score, pins: list[int]) -> bool:
    """Whether the melody's last note belongs to the tonic chord, and nothing speaks against it."""
    melody, key = score.parts[0], score.key_at(score.end)
    if not len(melody) or any(tick >= score.barlines[-2] for tick in pins):
        return False
    fits = (int(melody.pitch[-1]) - key.tonic_class) % 12 in (0, 3, 4, 7)
    last = [chord for chord in score.chords[-1:] if _bar_end(score, chord.onset) == score.end]
    return fits and all(key.tonic_class in c.pitch_classes and c.bass in (None, key.tonic) for c in last)
