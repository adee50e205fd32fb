"""A sketch: a score with holes, and what is wanted in them. Composing is completing a sketch.

>>> sketch = Sketch.blank(bars=32, meter="6/8", key="D dorian", form="AABB")
>>> sketch.score.bars, len(sketch.score.repeats)
(16, 2)

A constraint is written once, over *cells*: at every step of a voice, which pitch (or rest) may START there and which
may HOLD through it. Encodings translate cells into their own integers, so that no constraint knows an encoding.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.score import Ending, Part, Repeat, Score, frozen
from composer.styles import style_named
from composer.theory import Ints, Key, Meter, Tempo, parse_pitch, pitch_name

REST = 128
SYMBOLS = 129  # 128 pitches and the rest
MAX_BARS = 1_000
VOICE_NAMES = {1: ("",), 4: ("Soprano", "Alto", "Tenor", "Bass")}
CHOIR_RANGES = ("C4:A5", "F3:D5", "C3:A4", "E2:D4")

Table = NDArray[np.bool_]


class Cells(NamedTuple):
    """What may stand in the cells of one voice, each table (steps, 129) by pitch, 128 the rest; they broadcast."""

    start: Table
    hold: Table


class Constraint(ABC):
    """One musical wish, as a mask over cells. It always holds in what is returned."""

    voice: int | None = None  # None: every voice

    @abstractmethod
    def mask(self, ticks: Ints, score: Score) -> Cells:
        """What it allows in cells that begin at ``ticks`` (S,), in the frame ``score``."""

    @abstractmethod
    def __str__(self) -> str:
        """In a musician's words."""


def _pitches(allowed: Iterable[int], *, rest: bool) -> Table:
    table = np.zeros((1, SYMBOLS), dtype=bool)
    table[0, list(allowed)] = True
    table[0, REST] = rest
    return table


def _from_step(ticks: Ints, tick: int, inside: Table) -> Table:
    """``inside`` at the cell that contains ``tick``, anything elsewhere."""
    step = max(int(np.searchsorted(ticks, tick, "right")) - 1, 0)
    table = np.ones((len(ticks), SYMBOLS), dtype=bool)
    table[step] = inside[0]
    return table


@dataclass(frozen=True)
class Range(Constraint):
    """Every note lies from ``low`` to ``high`` (MIDI pitches, both included)."""

    low: int
    high: int
    voice: int | None = None

    @classmethod
    def parse(cls, text: str, voice: int | None = None) -> Self:
        """Read ``D4:B5``; raises :class:`UsageError`."""
        low, colon, high = text.partition(":")
        if not colon:
            raise UsageError(f"{text!r} is not a range; write the lowest and the highest note, such as D4:B5")
        span = cls(parse_pitch(low), parse_pitch(high), voice)
        if span.low > span.high:
            raise UsageError(f"{text!r} is an empty range; write the lower note first")
        return span

    def mask(self, ticks: Ints, score: Score) -> Cells:
        table = _pitches(range(self.low, self.high + 1), rest=True)
        return Cells(table, table)

    def __str__(self) -> str:
        names = [pitch_name(pitch, int(Key(0).spell(pitch))) for pitch in (self.low, self.high)]
        return f"range {names[0]}:{names[1]}"


@dataclass(frozen=True)
class Diatonic(Constraint):
    """Every note belongs to the key in force; in minor the raised sixth and seventh do too."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        rows = []
        for key in score.keys:
            raised = {(key.tonic_class + step) % 12 for step in (9, 11)} if key.mode == "minor" else set()
            rows.append(_pitches((p for p in range(128) if p % 12 in key.scale | raised), rest=True)[0])
        onsets = [key.onset for key in score.keys]
        table = np.stack(rows)[np.searchsorted(onsets, ticks, "right") - 1]
        return Cells(table, table)

    def __str__(self) -> str:
        return "notes of the key"


@dataclass(frozen=True)
class StartsOnTonic(Constraint):
    """The first note is the tonic, at the first tick."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        tonic = _pitches(range(score.key.tonic_class, 128, 12), rest=False)
        return Cells(_from_step(ticks, 0, tonic), np.ones((1, SYMBOLS), dtype=bool))

    def __str__(self) -> str:
        return "starts on the tonic"


@dataclass(frozen=True)
class EndsOnTonic(Constraint):
    """The last note is the tonic, and lasts through the last beat of the score."""

    voice: int | None = None

    def mask(self, ticks: Ints, score: Score) -> Cells:
        tonic = _pitches(range(score.key_at(score.end).tonic_class, 128, 12), rest=False)
        beat = max(score.end - score.meter_at(score.end).beat, int(score.barlines[-2]))
        start = np.where((ticks >= beat)[:, None], tonic & (ticks == beat)[:, None], True)
        return Cells(start, np.where((ticks >= beat)[:, None], tonic, True))

    def __str__(self) -> str:
        return "ends on the tonic"


@dataclass(frozen=True)
class Pin(Constraint):
    """A note of this pitch begins at this written tick; its length is free."""

    tick: int
    pitch: int
    place: str = ""
    voice: int | None = 0

    def mask(self, ticks: Ints, score: Score) -> Cells:
        step = int(np.searchsorted(ticks, self.tick))
        if step == len(ticks) or ticks[step] != self.tick:
            raise UsageError(f"{self}: this model cannot place a note there; pin it to a coarser part of the beat")
        nothing = _pitches((), rest=False)
        pitch = _pitches((self.pitch,), rest=False)
        return Cells(_from_step(ticks, self.tick, pitch), _from_step(ticks, self.tick, nothing))

    def __str__(self) -> str:
        return f"pin {self.place or self.tick}={pitch_name(self.pitch, int(Key(0).spell(self.pitch)))}"


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
        frame = _framed(metre, _sections(form, bars), endings)
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

    def cells(self, voice: int, ticks: Ints) -> Cells:
        """Everything that is said about a voice, in cells that begin at ``ticks`` (S,) and last until the next."""
        free = self.free(voice, ticks)
        start = np.repeat(free[:, None], SYMBOLS, axis=1)
        hold = start.copy()
        for constraint in self.constraints:
            if constraint.voice in (None, voice):
                mask = constraint.mask(ticks, self.score)
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


def _sections(form: str, bars: int) -> list[tuple[int, int]]:
    """``AABB`` of 32 bars as sections (written bars, times played)."""
    if not re.fullmatch(r"[A-Z]{1,16}", form):
        raise UsageError(f"{form!r} is not a form; write its parts as letters, such as AABB")
    runs = [(letter, len(list(run))) for letter, run in groupby(form)]
    returning = next((a for i, (a, _) in enumerate(runs) if a in [b for b, _ in runs[:i]]), None)
    if returning:
        raise UsageError(
            f"form {form}: part {returning} returns after another; only repeats side by side can be written"
        )
    if not 1 <= bars <= MAX_BARS:
        raise UsageError(f"{bars} bars: a sketch has 1 to {MAX_BARS} bars")
    if bars % len(form):
        raise UsageError(f"{bars} bars do not divide into the {len(form)} parts of {form}; try {len(form) * 8}")
    return [(bars // len(form), times) for _, times in runs]


def _framed(
    meter: Meter, sections: list[tuple[int, int]], endings: bool
) -> tuple[Ints, tuple[Repeat, ...], tuple[int, ...]]:
    """Bar lines, repeats and section starts of the written page."""
    bar, at = meter.bar, 0
    repeats: list[Repeat] = []
    starts: list[int] = []
    for bars, times in sections:
        starts.append(at)
        end = at + bars * bar
        if times > 1 and endings:
            if bars < 2:
                raise UsageError("endings need parts of at least two bars")
            first = Ending(end - bar, end, tuple(range(1, times)))
            repeats.append(Repeat(at, end + bar, times, (first, Ending(end, end + bar, (times,)))))
            end += bar
        elif times > 1:
            repeats.append(Repeat(at, end, times))
        at = end
    return frozen(np.arange(0, at + 1, bar)), tuple(repeats), tuple(starts[1:])


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
