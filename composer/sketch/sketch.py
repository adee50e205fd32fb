"""A score with holes, and what is wanted in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.score import Part, Score, frozen
from composer.sketch.cadence import EndsOnTonic, StartsOnTonic
from composer.sketch.cells import REST, SYMBOLS, Cells, Constraint, Preference, Table
from composer.sketch.form import page_of, parts_of
from composer.sketch.pitch import Diatonic, Pin, Range
from composer.styles import style_named
from composer.theory import Ints, Key, Meter, Tempo, parse_pitch

VOICE_NAMES = {1: ("",), 4: ("Soprano", "Alto", "Tenor", "Bass")}
CHOIR_RANGES = ("C4:A5", "F3:D5", "C3:A4", "E2:D4")


@dataclass(frozen=True)
class Hole:
    """The written ticks ``[start, end)`` of one voice are to be composed."""

    voice: int
    start: int
    end: int


@dataclass(frozen=True)
class Sketch:
    """A score with holes: voice v is Part v. Its notes are given; the rest of the holes is to be composed.

    Outside the holes the score is complete: where it has no note, it has a rest.
    """

    score: Score
    holes: tuple[Hole, ...]
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        for hole in self.holes:
            if not 0 <= hole.voice < len(self.score.parts) or not 0 <= hole.start < hole.end <= self.score.end:
                raise UsageError(
                    f"a hole lies outside the sketch's {len(self.score.parts)} voices or {self.score.end} ticks"
                )

    @classmethod
    def of(cls, score: Score, free: str, constraints: Iterable[Constraint] = ()) -> Self:
        """A score of which the written bars ``free`` ("bars 5-8") are to be composed anew, in every voice.

        Notes that begin there are left out, notes that reach into them are cut short.
        """
        start, end = written_bars(score, free)
        kept = replace(score, parts=tuple(_without(part, start, end) for part in score.parts))
        return cls(kept, tuple(Hole(voice, start, end) for voice in range(len(score.parts))), tuple(constraints))

    @classmethod
    def blank(
        cls,
        *,
        bars: int = 16,
        meter: str | Meter = "4/4",
        key: str | Key = "C major",
        form: str = "A",
        endings: bool = False,
        tempo: float | Tempo = 120.0,
        voices: int = 1,
        range: str | None = None,
        starts_on_tonic: bool = False,
        ends_on_tonic: bool = False,
        pins: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Self:
        """An empty sketch. ``bars`` are heard: 32 bars of AABB are 16 written ones, each part repeated.

        With ``endings`` every repeated part closes with a first and a second ending of one bar. ``pins`` maps a written
        place "bar.beat" to a note: ``{"1.1": "D4"}``. Notes belong to the key; the tonics at start and end are in
        the lowest voice; four voices without a ``range`` keep to those of a choir. Raises :class:`UsageError`.
        """
        metre = Meter.parse(meter) if isinstance(meter, str) else meter
        frame = page_of(metre, parts_of(form, bars), endings)
        score = replace(
            Score.of(
                [Part.of(name=name) for name in _voice_names(voices)],
                meter=metre,
                key=key,
                tempo=tempo,
                barlines=frame[0],
            ),
            repeats=frame[1],
            sections=frame[2],
            metadata=dict(metadata or {}),
        )
        wishes: list[Constraint] = [Diatonic()]
        if range is not None:
            wishes.append(Range.parse(range))
        elif voices == len(CHOIR_RANGES):
            wishes += [Range.parse(text, voice) for voice, text in enumerate(CHOIR_RANGES)]
        lowest = voices - 1
        wishes += [StartsOnTonic(lowest)] * starts_on_tonic + [EndsOnTonic(lowest)] * ends_on_tonic
        wishes += [_pin(score, place, note) for place, note in (pins or {}).items()]
        return cls(score, tuple(Hole(voice, 0, score.end) for voice, _ in enumerate(score.parts)), tuple(wishes))

    @classmethod
    def styled(cls, style: str, **options: object) -> Self:
        """A blank sketch with a dance's meter, tempo, form, length and lilt: ``Sketch.styled("jig", key="D dorian")``.

        Options are those of :meth:`blank`; they override the style's.
        """
        dance = style_named(style)
        given = {name: value for name, value in options.items() if value is not None}
        metadata = {"rhythm": dance.name, **dict(given.pop("metadata", {}))}  # type: ignore[call-overload]
        chosen = {"bars": dance.bars, "meter": dance.meter, "form": dance.form, "tempo": dance.tempo, **given}
        return cls.blank(metadata=metadata, **chosen)  # type: ignore[arg-type]

    def free(self, voice: int, ticks: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """(N,) whether each tick lies in a hole of the voice."""
        free = np.zeros(len(ticks), dtype=bool)
        for hole in self.holes:
            if hole.voice == voice:
                free |= (ticks >= hole.start) & (ticks < hole.end)
        return free

    def wishes(self, voice: int) -> Iterator[Constraint]:
        """What is wanted of a voice."""
        return (wish for wish in self.constraints if wish.voice in (None, voice))

    def cells(self, voice: int, ticks: Ints) -> Cells:
        """Everything that is certain about a voice, in cells that begin at ``ticks`` (S,) and last until the next."""
        free = self.free(voice, ticks)
        start = np.repeat(free[:, None], SYMBOLS, axis=1)
        hold = start.copy()
        for wish in self.wishes(voice):
            mask = None if isinstance(wish, Preference) else wish.mask(ticks, self.score)
            if mask is not None:
                start &= mask.start
                hold &= mask.hold
        hold[np.searchsorted(ticks, self.score.section_starts)[1:]] = False  # no note reaches over a repeat
        _give(start, hold, self.score.parts[voice], ticks, free)
        return Cells(start, hold)

    def __str__(self) -> str:
        score = self.score
        heard = score.unfold().bars if score.repeats else score.bars
        return "; ".join([f"{heard} bars of {score.meter} in {score.key}", *(str(c) for c in self.constraints)])


def _give(start: Table, hold: Table, part: Part, ticks: Ints, free: NDArray[np.bool_]) -> None:
    """Write the given notes of a voice into its tables: nothing else may stand where they do, rests fill the gaps."""
    start[~free] = False
    hold[~free] = False
    start[~free, REST] = True
    hold[~free, REST] = True
    for onset, pitch, offset in zip(part.onset.tolist(), part.pitch.tolist(), part.offset.tolist(), strict=True):
        first = max(int(np.searchsorted(ticks, onset, "right")) - 1, 0)
        last = int(np.searchsorted(ticks, offset))
        start[first:last] = False
        hold[first:last] = False
        start[first, pitch] = True
        hold[first + 1 : last, pitch] = True
        if last < len(ticks):
            hold[last] = False


def _without(part: Part, start: int, end: int) -> Part:
    kept = part.select((part.onset < start) | (part.onset >= end))
    reach = np.where(kept.onset < start, start - kept.onset, kept.duration)
    return replace(kept, duration=frozen(np.minimum(kept.duration, reach)))


def _voice_names(voices: int) -> tuple[str, ...]:
    if not 1 <= voices <= 16:
        raise UsageError(f"{voices} voices: a sketch has 1 to 16 voices")
    return VOICE_NAMES.get(voices) or tuple(f"Voice {number}" for number in range(1, voices + 1))


def written_bars(score: Score, text: str) -> tuple[int, int]:
    """The written ticks of "bars 5-8"; raises :class:`UsageError`."""
    match = re.fullmatch(r"\s*bars?\s+(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*", text)
    if match is None:
        raise UsageError(f"{text!r} is not a region; write it as 'bars 5-8'")
    shift = 0 if score.pickup else 1
    first, last = int(match[1]) - shift, int(match[2] or match[1]) - shift
    if not 0 <= first <= last < len(score.barlines) - 1:
        raise UsageError(f"{text!r} lies outside the {score.bars} written bars")
    return int(score.barlines[first]), int(score.barlines[last + 1])


def _pin(score: Score, place: str, note: str) -> Pin:
    """The pin of a note at "bar.beat"; beats may have fractions: ``2.1.5`` is half a beat after bar 2, beat 1."""
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,2}(?:\.\d{1,4})?)", place.strip())
    if match is None:
        raise UsageError(f"{place!r} is not a place; write bar.beat, such as 1.1")
    first, end = written_bars(score, f"bars {match[1]}")
    tick = first + round((float(match[2]) - 1) * score.meter.beat)
    if not first <= tick < end:
        raise UsageError(f"pin {place}={note}: {score.meter} has no beat {match[2]}")
    return Pin(tick, parse_pitch(note), f"{match[1]}.{match[2]}")
