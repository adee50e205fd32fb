"""Wishes of every kind for four voices, drawn at random, some of them from what Bach wrote there."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from composer.evaluation.asked import Draw, one
from composer.score import Part, Score
from composer.theory import Key, note_name, pitch_name


class Stage(NamedTuple):
    """A piece for four voices, and which ``voices`` of which bars are to be composed; ``whole`` if it is all bars."""

    score: Score
    voices: tuple[int, ...]
    first: int
    last: int
    whole: bool

    @property
    def said(self) -> str:
        return "" if self.whole else f"bars {self.first}-{self.last}"

    def about(self, voice: int) -> str:
        return f"{self.said} voice {voice + 1}: ".lstrip()

    @property
    def span(self) -> tuple[int, int]:
        return self.score.bar_span(self.first, self.last)

    def written(self, voice: int) -> Part:
        """What the piece has in a voice there."""
        part, (start, end) = self.score.parts[voice], self.span
        return part.select((part.onset >= start) & (part.onset < end))

    @property
    def everywhere(self) -> str:
        return f"{self.said}: " if self.said else ""


Maker = Callable[[Draw, Stage], list[str]]


def pins(draw: Draw, stage: Stage) -> list[str]:
    """Notes of the piece in one or two voices, those on every downbeat, or on every other beat."""
    voices = draw.permutation(stage.voices)[: int(draw.integers(1, 3))].tolist()
    score, every = stage.score, int(draw.integers(2, 5))
    texts = []
    for voice in sorted(voices):
        part = stage.written(voice)
        into = part.onset - score.barlines[np.searchsorted(score.barlines, part.onset, "right") - 1]
        found = part.select((into % score.meter.beat == 0) & (into // score.meter.beat % every == 0))
        places = [f"{_place(score, note.onset)}={_named(score.key, note.pitch)}" for note in found]
        texts += [f"voice {voice + 1}: pins={' '.join(places)}"] if places else []
    return texts or ranges(draw, stage)


def _place(score: Score, tick: int) -> str:
    number = int(np.searchsorted(score.barlines, tick, "right")) - 1
    return f"{score.bar_numbers[number]}.{1 + (tick - int(score.barlines[number])) // score.meter.beat}"


def ranges(draw: Draw, stage: Stage) -> list[str]:
    """Each voice keeps to what it has in the piece, or to a third more."""
    texts = []
    for voice in stage.voices:
        pitch = stage.written(voice).pitch
        more = int(draw.integers(0, 5))
        low, high = (
            _named(stage.score.key, note) for note in (pitch.min() - more // 2, pitch.max() + more - more // 2)
        )
        texts.append(f"{stage.about(voice)}range={low}:{high}")
    return texts


def _named(key: Key, pitch: int) -> str:
    return pitch_name(int(pitch), int(key.spell(int(pitch))))


def chords(draw: Draw, stage: Stage) -> list[str]:
    """A chord to every beat of some bars, each with the melody's note in it."""
    bars = []
    for bar in range(stage.first, min(stage.last, stage.first + 1) + 1):
        start, end = stage.score.bar_span(bar, bar)
        bars.append(" ".join(_chord(draw, stage.score, tick) for tick in range(start, end, stage.score.meter.beat)))
    said = f"bars {stage.first}-{stage.first + len(bars) - 1}: "
    return [f"{said}chords={' | '.join(bars)}"]


def _chord(draw: Draw, score: Score, tick: int) -> str:
    """A major or minor triad of the key with what the first voice sounds there."""
    melody, scale = score.parts[0], score.key.scale
    at = int(np.searchsorted(melody.onset, tick, "right")) - 1
    if at < 0 or melody.offset[at] <= tick:
        return "-"
    found = []
    for root in sorted(scale):
        for third, quality in ((4, ""), (3, "m")):
            triad = {root, (root + third) % 12, (root + 7) % 12}
            if triad <= scale and int(melody.pitch[at]) % 12 in triad:
                found.append(note_name(int(score.key.spell(root))) + quality)
    return one(draw, found) if found else "-"


def cadences(draw: Draw, stage: Stage) -> list[str]:
    """Where it comes to rest, and on what."""
    tonic = "i" if stage.score.key.mode in ("minor", "dorian") else "I"
    middle, beats = (stage.first + stage.last) // 2, stage.score.meter.bar // stage.score.meter.beat
    options = [
        [f"half_cadence={stage.last}"],
        [f"{stage.everywhere}ends_on={tonic}"],
        [f"half_cadence={middle}", f"{stage.everywhere}ends_on={one(draw, [tonic, 'V'])}"],
        [f"fermatas={middle}.{beats} {stage.last}.{beats}"],
        [f"{stage.everywhere}ends_on=V"],
    ]
    return options[int(draw.integers(len(options)))]


def rhythm(draw: Draw, stage: Stage) -> list[str]:
    """How one voice moves, or all of them."""
    voice = stage.voices[-1]
    options = [
        [f"{stage.about(voice)}rhythm=1/4"],
        [f"{stage.about(voice)}rhythm=1/8"],
        [f"{stage.about(voice)}rhythm=1/4 1/8 1/8"],
        [f"{stage.everywhere}density=3-5"],
        [f"{stage.everywhere}shortest=1/4"],
        [f"{stage.everywhere}syncopation=false", f"{stage.everywhere}shortest=1/8"],
    ]
    return options[int(draw.integers(len(options)))]


def lines(draw: Draw, stage: Stage) -> list[str]:
    """How far a voice leaps, and where it goes."""
    voice, inner = stage.voices[-1], stage.voices[0]
    options = [
        [f"{stage.about(voice)}leap={one(draw, ['4th', '5th'])}"],
        [f"{stage.about(inner)}leap=3rd"],
        [f"bars {stage.first}-{stage.first + 1} voice {voice + 1}: contour={one(draw, ['falling', 'rising', 'arch'])}"],
        [f"{stage.about(inner)}leap=5th"],
    ]
    return options[int(draw.integers(len(options)))]


def rules(draw: Draw, stage: Stage) -> list[str]:
    """What voices never do to each other."""
    return [f"forbid={one(draw, ['parallels', 'crossings', 'parallels, crossings', 'spacing', 'parallels, overlaps'])}"]


def together(draw: Draw, stage: Stage) -> list[str]:
    """Two or three of them at once."""
    options = [
        [*ranges(draw, stage), *rules(draw, stage)],
        [*pins(draw, stage), f"{stage.everywhere}shortest=1/8"],
        [*chords(draw, stage), f"{stage.everywhere}leap=octave"],
        [*cadences(draw, stage), "forbid=parallels"],
        [*pins(draw, stage), "forbid=parallels"],
        [*ranges(draw, stage), f"half_cadence={stage.last}"],
    ]
    return options[int(draw.integers(len(options)))]


CHOIR_KINDS: dict[str, Maker] = {
    "pins": pins,
    "ranges": ranges,
    "chords": chords,
    "cadences": cadences,
    "rhythm": rhythm,
    "lines": lines,
    "rules": rules,
    "together": together,
}
