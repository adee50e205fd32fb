"""The written score: an immutable value, measured in ticks.

There are 10,080 ticks in a quarter note (2^5 3^2 5 7: exact for 128ths, triplets, quintuplets and septuplets), here and
everywhere; other time units exist only at the edges. A :class:`Score` is what is written on the page, repeats folded;
:meth:`Score.unfold` gives what is heard. Notes are columns, so a whole part is a handful of numpy operations:

>>> part = Part.of(onset=[0, 10080], pitch=[62, 65], duration=[10080, 10080])
>>> score = Score.of([part], meter="6/8", key="D dorian")
>>> score.bars, score.end, str(score.key)
(1, 30240, 'D dorian')
>>> [note.pitch for note in score.parts[0]]
[62, 65]
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from composer.errors import InvalidScore, UsageError
from composer.registry import resolve
from composer.theory import MODES, TICKS_PER_QUARTER, ChordSymbol, Ints, Key, Meter, Tempo, parse_name, pitch_name

MAX_TICKS = 2**31 - 1  # columns are int32
DEFAULT_VELOCITY = 80


@dataclass(frozen=True, slots=True)
class Ending:
    """The bars ``[start, end)`` played on the passes named: a first or second ending."""

    start: int
    end: int
    passes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """The written span ``[start, end)``, played ``times`` times; its endings, if any, close it, one after another."""

    start: int
    end: int
    times: int = 2
    endings: tuple[Ending, ...] = ()

    def __post_init__(self) -> None:
        edges = [self.start, *(tick for ending in self.endings for tick in (ending.start, ending.end))]
        joined = all(a.end == b.start for a, b in zip(self.endings, self.endings[1:], strict=False))
        if self.end <= self.start or edges != sorted(edges) or not joined or not 2 <= self.times <= 99:
            raise InvalidScore("a repeat must have bars, be played 2 to 99 times, and have endings one after another")
        if self.endings and self.endings[-1].end != self.end:
            raise InvalidScore("a repeat's last ending must close it")

    def moved(self, ticks: int) -> Repeat:
        """The same repeat, later by so many ticks."""
        endings = tuple(replace(e, start=e.start + ticks, end=e.end + ticks) for e in self.endings)
        return replace(self, start=self.start + ticks, end=self.end + ticks, endings=endings)

    @property
    def segments(self) -> list[tuple[int, int]]:
        """The written spans in the order in which they are heard."""
        if not self.endings:
            return [(self.start, self.end)] * self.times
        body = self.endings[0].start
        spans: list[tuple[int, int]] = []
        for number in range(1, self.times + 1):
            spans.append((self.start, body))
            spans += [(ending.start, ending.end) for ending in self.endings if number in ending.passes]
        return [span for span in spans if span[0] < span[1]]


@dataclass(frozen=True, slots=True)
class Annotation:
    """A sparse mark on a part: ``kind`` is grace, slur, decoration, lyric or text; ``end`` is a slur's last onset.

    A grace's text is its pitches, ``"D5 C#5"``, played before the note at ``onset``.
    """

    kind: str
    onset: int
    text: str = ""
    end: int | None = None

    @property
    def pitches(self) -> list[tuple[int, int]]:
        """Pitch and spelling of each note of a grace; none for other marks, and where the text is no pitch names."""
        try:
            return [parse_name(name) for name in self.text.split()] if self.kind == "grace" else []
        except UsageError:
            return []


class Note(NamedTuple):
    """One note, for people; parts hold columns."""

    onset: int
    pitch: int
    duration: int
    velocity: int = DEFAULT_VELOCITY
    spelling: int | None = None


def frozen(values: ArrayLike) -> Ints:
    """A read-only int32 copy."""
    column = np.array(values, dtype=np.int32)
    column.setflags(write=False)
    return column


@dataclass(frozen=True, eq=False)
class Part:
    """Notes as read-only columns of equal length, sorted by onset, then pitch. Build one with :meth:`of`."""

    onset: Ints  # ticks
    pitch: Ints  # MIDI, 0 to 127
    duration: Ints  # ticks, at least 1
    velocity: Ints  # 1 to 127
    spelling: Ints  # places on the line of fifths, C = 0
    name: str = ""
    program: int = 0  # General MIDI, 0 to 127
    drums: bool = False
    annotations: tuple[Annotation, ...] = ()

    @classmethod
    def of(
        cls,
        onset: ArrayLike = (),
        pitch: ArrayLike = (),
        duration: ArrayLike = (),
        velocity: ArrayLike = DEFAULT_VELOCITY,
        spelling: ArrayLike | None = None,
        *,
        key: Key | None = None,
        name: str = "",
        program: int = 0,
        drums: bool = False,
        annotations: Iterable[Annotation] = (),
    ) -> Self:
        """A part from columns in any order; pitches without spelling are spelled in ``key`` (C major by default)."""
        pitches = np.asarray(pitch, dtype=np.int64)
        spellings = (key or Key(0)).spell(pitches) if spelling is None else spelling
        columns = [np.asarray(c, dtype=np.int64) for c in (onset, pitches, duration, velocity, spellings)]
        columns[3] = np.broadcast_to(columns[3], pitches.shape) if columns[3].ndim == 0 else columns[3]
        if any(column.shape != (pitches.size,) for column in columns):
            raise InvalidScore("a part's columns must be one-dimensional and equally long")
        if any(column.size and np.abs(column).max() > MAX_TICKS for column in columns):
            raise InvalidScore("a note lies further out than a score can reach")
        order = np.lexsort((columns[4], columns[2], columns[1], columns[0]))
        marks = tuple(sorted(annotations, key=lambda mark: (mark.onset, mark.kind)))
        ordered = [frozen(column[order]) for column in columns]
        return cls(ordered[0], ordered[1], ordered[2], ordered[3], ordered[4], name, program, drums, marks)

    @classmethod
    def from_notes(cls, notes: Iterable[Note], *, key: Key | None = None, name: str = "", program: int = 0) -> Self:
        """A part from :class:`Note` tuples."""
        rows = list(notes)
        pitches = [note.pitch for note in rows]
        guesses = (key or Key(0)).spell(pitches)
        spellings = [int(g) if n.spelling is None else n.spelling for n, g in zip(rows, guesses, strict=True)]
        return cls.of(
            [note.onset for note in rows],
            pitches,
            [note.duration for note in rows],
            [note.velocity for note in rows],
            spellings,
            name=name,
            program=program,
        )

    def __len__(self) -> int:
        return len(self.onset)

    def __iter__(self) -> Iterator[Note]:
        columns = (self.onset, self.pitch, self.duration, self.velocity, self.spelling)
        return (Note(*row) for row in zip(*(column.tolist() for column in columns), strict=True))

    @property
    def offset(self) -> Ints:
        """Ticks at which the notes end."""
        return self.onset + self.duration

    @property
    def columns(self) -> tuple[Ints, ...]:
        return (self.onset, self.pitch, self.duration, self.velocity, self.spelling)

    def select(self, index: NDArray[Any]) -> Self:
        """The notes at a boolean or integer index, everything else unchanged."""
        onset, pitch, duration, velocity, spelling = (frozen(column[index]) for column in self.columns)
        return replace(self, onset=onset, pitch=pitch, duration=duration, velocity=velocity, spelling=spelling)

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        _restore(self, state)

    def _value(self) -> tuple[Any, ...]:
        return (*(c.tobytes() for c in self.columns), self.name, self.program, self.drums, self.annotations)

    def __eq__(self, other: object) -> bool:
        return self._value() == other._value() if isinstance(other, Part) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value())


def _restore(value: Part | Score, state: Mapping[str, Any]) -> None:
    """What another process sent, read-only again."""
    for name, entry in state.items():
        object.__setattr__(value, name, frozen(entry) if isinstance(entry, np.ndarray) else entry)


def regular_barlines(meters: Sequence[Meter], end: int, pickup: int = 0) -> Ints:
    """Bar lines every bar of the meter in force, from a pickup of ``pickup`` ticks on, until ``end`` is reached.

    >>> regular_barlines([Meter(4, 4)], 80640, pickup=10080).tolist()
    [0, 10080, 50400, 90720]
    """
    lines = [0, pickup] if pickup else [0]
    for meter, following in zip(meters, [*meters[1:], None], strict=True):
        stop = end if following is None else min(following.onset, end)
        if stop > lines[-1]:
            count = -(-(stop - lines[-1]) // meter.bar)
            lines += [lines[-1] + meter.bar * k for k in range(1, count + 1)]
        if following is not None and following.onset < lines[-1]:  # a meter change inside a bar cuts it short
            lines[-1] = following.onset
    if len(lines) == 1:
        lines.append(meters[0].bar)
    return frozen(lines)


@dataclass(frozen=True, eq=False)
class Score:
    """What is written. Immutable; every transformation returns a new one. Build one with :meth:`of`.

    ``barlines`` are the ticks of all bar lines, from 0 to the end: bars may be irregular, as pickups are. ``sections``
    are the onsets of parts that begin after a double bar; 0 and where repeats and endings begin or stop are not listed.

    Raises :class:`InvalidScore`, naming part, bar and beat, if a note, mark or repeat does not fit.
    """

    parts: tuple[Part, ...]
    barlines: Ints
    meters: tuple[Meter, ...]
    keys: tuple[Key, ...]
    tempos: tuple[Tempo, ...]
    repeats: tuple[Repeat, ...] = ()
    sections: tuple[int, ...] = ()
    chords: tuple[ChordSymbol, ...] = ()
    fermatas: tuple[int, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        parts: Iterable[Part],
        *,
        meter: str | Meter | Sequence[Meter] = "4/4",
        key: str | Key | Sequence[Key] = "C major",
        tempo: float | Tempo | Sequence[Tempo] = 120.0,
        barlines: ArrayLike | None = None,
        pickup: int = 0,
        repeats: Iterable[Repeat] = (),
        sections: Iterable[int] = (),
        chords: Iterable[ChordSymbol] = (),
        fermatas: Iterable[int] = (),
        metadata: Mapping[str, str] | None = None,
    ) -> Self:
        """A score with defaults for what is not said; without ``barlines``, bars follow the meters to the last note."""
        voices = tuple(parts)
        meters = _listed(Meter.parse(meter) if isinstance(meter, str) else meter)
        keys = _listed(Key.parse(key) if isinstance(key, str) else key)
        tempos = _listed(Tempo(float(tempo)) if isinstance(tempo, int | float) else tempo)
        if barlines is None:
            end = max((int(part.offset.max()) for part in voices if len(part)), default=0)
            barlines = regular_barlines(meters, end, pickup)
        return cls(
            voices,
            frozen(barlines),
            meters,
            keys,
            tempos,
            tuple(repeats),
            tuple(sorted(set(sections) - {0})),
            tuple(chords),
            tuple(sorted(set(fermatas))),
            dict(metadata or {}),
        )

    def __getstate__(self) -> dict[str, Any]:
        fields = {name: vars(self)[name] for name in self.__dataclass_fields__}
        return fields | {"metadata": dict(self.metadata)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        _restore(self, {**state, "metadata": MappingProxyType(state["metadata"])})

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        edges = self._repeat_edges
        object.__setattr__(self, "sections", tuple(tick for tick in self.sections if tick not in edges))
        lines = self.barlines
        if lines.ndim != 1 or len(lines) < 2 or lines[0] != 0 or (np.diff(lines) <= 0).any():
            raise InvalidScore("bar lines must begin at tick 0 and rise, with at least one bar")
        for name, changes in (("meter", self.meters), ("key", self.keys), ("tempo", self.tempos)):
            onsets = [change.onset for change in changes]
            if not onsets or onsets[0] != 0 or any(a >= b for a, b in itertools.pairwise(onsets)):
                raise InvalidScore(f"a score needs a {name} at its first tick, and later ones in order")
            if onsets[-1] >= self.end and onsets[-1] > 0:
                raise InvalidScore(f"a {name} stands after the end of the score")
        for number, part in enumerate(self.parts, 1):
            self._check_part(number, part)
        self._check_repeats()
        for name, ticks in (
            ("chord", [c.onset for c in self.chords]),
            ("fermata", self.fermatas),
            ("section", self.sections),
        ):
            for tick in ticks:
                if not 0 <= tick < self.end:
                    raise InvalidScore(f"a {name} stands outside the score, at tick {tick}")

    def _check_part(self, number: int, part: Part) -> None:
        if not 0 <= part.program <= 127:
            raise InvalidScore(f"part {number} ({part.name or 'unnamed'}): program {part.program} is outside 0 to 127")
        faults = {
            "begins before the score": part.onset < 0,
            "has no length": part.duration < 1,
            "ends after the last bar line": part.offset.astype(np.int64) > self.end,
            "has a pitch outside 0 to 127": (part.pitch < 0) | (part.pitch > 127),
            "has a velocity outside 1 to 127": (part.velocity < 1) | (part.velocity > 127),
            "is spelled as another pitch": (7 * part.spelling.astype(np.int64) - part.pitch) % 12 != 0,
        }
        for fault, found in faults.items():
            if found.any():
                onset = max(int(part.onset[int(np.argmax(found))]), 0)
                raise InvalidScore(f"part {number} ({part.name or 'unnamed'}), {self.place(onset)}: a note {fault}")

    def _check_repeats(self) -> None:
        lines = set(self.barlines.tolist())
        previous = 0
        for repeat in self.repeats:
            edges = {repeat.start, repeat.end, *(ending.start for ending in repeat.endings)}
            if repeat.start < previous or not edges <= lines:
                where = self.place(min(repeat.start, self.end - 1))
                raise InvalidScore(f"{where}: a repeat must start and end on bar lines, after the repeat before it")
            previous = repeat.end

    # --- places ---------------------------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """Ticks from the first bar line to the last, as written."""
        return int(self.barlines[-1])

    @property
    def pickup(self) -> int:
        """Ticks of the pickup bar, 0 if there is none."""
        first = int(self.barlines[1])
        return first if first < self.meters[0].bar and len(self.barlines) > 2 else 0

    @property
    def bars(self) -> int:
        """Written bars, pickups not counted: see :attr:`bar_numbers`."""
        return int(self.bar_numbers[-1])

    @cached_property
    def bar_numbers(self) -> Ints:
        """(B,) the number of each written bar: a pickup is bar 0; a short bar that completes the short one before it
        has the same number, as the pickup of a later part has.
        """
        lengths = np.diff(self.barlines)
        onsets = [meter.onset for meter in self.meters]
        meter = np.searchsorted(onsets, self.barlines[:-1], "right") - 1
        full = np.array([meter.bar for meter in self.meters])[meter]
        halves = (lengths[1:] < full[1:]) & (lengths[:-1] < full[:-1]) & (lengths[1:] + lengths[:-1] == full[1:])
        first = 0 if self.pickup else 1
        joined = np.zeros(len(lengths), dtype=bool)
        for bar in (np.flatnonzero(halves) + 1).tolist():
            joined[bar] = bar > 1 - first and not joined[bar - 1]
        return frozen(np.cumsum(~joined) - 1 + first)

    def bar_span(self, first: int, last: int) -> tuple[int, int]:
        """The written ticks of the bars numbered ``first`` to ``last``, without a pickup to the part that follows them;
        raises :class:`UsageError`.
        """
        numbers = self.bar_numbers
        if not numbers[0] <= first <= last <= numbers[-1]:
            name = f"bars {first}-{last}" if last != first else f"bar {first}"
            raise UsageError(f"{name} lies outside the {self.bars} written bars")
        start, end = int(np.searchsorted(numbers, first)), int(np.searchsorted(numbers, last, "right"))
        upbeat = numbers[end - 2 : end].tolist() == [last, last] and self.barlines[end - 1] in self.section_starts
        return int(self.barlines[start]), int(self.barlines[end - upbeat])

    @property
    def meter(self) -> Meter:
        return self.meters[0]

    @property
    def key(self) -> Key:
        return self.keys[0]

    @property
    def tempo(self) -> Tempo:
        return self.tempos[0]

    @property
    def title(self) -> str:
        return self.metadata.get("title", "")

    def meter_at(self, tick: int) -> Meter:
        return self.meters[bisect_right(self.meters, max(tick, 0), key=lambda meter: meter.onset) - 1]

    def key_at(self, tick: int) -> Key:
        return self.keys[bisect_right(self.keys, max(tick, 0), key=lambda key: key.onset) - 1]

    def place(self, tick: int) -> str:
        """Bar and beat of a tick in words; bar 0 is a pickup.

        >>> Score.of([], meter="3/4").place(20160)
        'bar 1, beat 3'
        """
        index = min(max(int(np.searchsorted(self.barlines, tick, "right")) - 1, 0), len(self.barlines) - 2)
        meter = self.meter_at(tick)
        into = tick - int(self.barlines[index])
        number = int(self.bar_numbers[index])
        if index == 0 and self.pickup:
            into += meter.bar - self.pickup
        elif index > 0 and number == self.bar_numbers[index - 1]:
            into += int(self.barlines[index] - self.barlines[index - 1])
        beat = 1 + into / meter.beat
        return f"bar {number}, beat {beat:.3g}"

    @cached_property
    def section_starts(self) -> Ints:
        """Onsets of the sections: the start, double bars, and where repeats and endings begin or stop."""
        return frozen(sorted(tick for tick in {0, *self.sections, *self._repeat_edges} if tick < self.end))

    @property
    def _repeat_edges(self) -> set[int]:
        starts = {repeat.start for repeat in self.repeats} | {repeat.end for repeat in self.repeats}
        return starts | {ending.start for repeat in self.repeats for ending in repeat.endings}

    def seconds(self, ticks: ArrayLike) -> NDArray[np.float64]:
        """The times in seconds of written ticks, by the tempos."""
        onsets = np.array([tempo.onset for tempo in self.tempos], dtype=np.float64)
        rates = np.array([60.0 / (t.quarters_per_minute * TICKS_PER_QUARTER) for t in self.tempos])
        starts = np.concatenate([[0.0], np.cumsum(np.diff(onsets) * rates[:-1])])
        wanted = np.asarray(ticks, dtype=np.float64)
        index = np.maximum(np.searchsorted(onsets, wanted, "right") - 1, 0)
        return np.asarray(starts[index] + (wanted - onsets[index]) * rates[index])

    # --- transformations ------------------------------------------------------------------------------------------

    @property
    def heard_segments(self) -> list[tuple[int, int]]:
        """Written spans in the order in which they are heard; neighbours that follow each other are joined."""
        spans: list[tuple[int, int]] = []
        position = 0
        for repeat in self.repeats:
            spans += [(position, repeat.start), *repeat.segments]
            position = repeat.end
        spans.append((position, self.end))
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and joined[-1][1] == start:
                joined[-1] = (joined[-1][0], end)
            elif start < end:
                joined.append((start, end))
        return joined

    def unfold(self) -> Self:
        """What is heard: repeats and endings written out."""
        return self if not self.repeats else self._assemble(self.heard_segments)

    def region(self, text: str) -> Self:
        """Bars of what is heard, cut out: ``score.region("bars 9-16")``; bar 0 is the pickup.

        Notes that reach over the last bar line are cut there; notes that began before are left out.

        >>> Score.of([], barlines=[0, 40320, 80640, 120960]).region("bars 2-3").bars
        2
        """
        match = re.fullmatch(r"\s*bars?\s+(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*", text)
        if match is None:
            raise UsageError(f"{text!r} is not a region; write it as 'bars 9-16'")
        heard = self.unfold()
        try:
            return heard._assemble([heard.bar_span(int(match[1]), int(match[2] or match[1]))])
        except UsageError:
            raise UsageError(f"{text!r} lies outside the {heard.bars} bars that are heard") from None

    def rearranged(self, spans: Sequence[tuple[int, int]]) -> Self:
        """Written spans (start, end) one after another; repeats inside a span stay.

        A span that follows itself and holds no repeat becomes one.
        """
        kept: list[tuple[int, int]] = []
        repeats: list[Repeat] = []
        at = 0
        for span, same in itertools.groupby(spans):
            times = len(list(same))
            inner = [r for r in self.repeats if span[0] <= r.start and r.end <= span[1]]
            copies = 1 if times <= 99 and not inner else times
            if copies < times:
                repeats.append(Repeat(at, at + span[1] - span[0], times))
            for _ in range(copies):
                repeats += [repeat.moved(at - span[0]) for repeat in inner]
                kept.append(span)
                at += span[1] - span[0]
        return replace(self._assemble(kept), repeats=tuple(repeats))

    def _assemble(self, spans: Sequence[tuple[int, int]]) -> Self:
        """The written spans one after another, repeats gone; a note is cut where its span ends."""
        if sum(end - start for start, end in spans) > MAX_TICKS:
            raise InvalidScore("with its repeats written out, this is longer than a score can be")
        lines, at = [0], 0
        changes: dict[str, list[Any]] = {"meters": [], "keys": [], "tempos": []}
        chords: list[ChordSymbol] = []
        ticks: dict[str, list[int]] = {"fermatas": [], "sections": []}
        pieces: list[list[Part]] = [[] for _ in self.parts]
        for start, end in spans:
            inner = self.barlines[(self.barlines > start) & (self.barlines < end)]
            lines += [*(inner - start + at).tolist(), end - start + at]
            for name, kept in changes.items():
                kept += [
                    replace(c, onset=max(c.onset, start) - start + at)
                    for c in _in_force(getattr(self, name), start, end)
                ]
            chords += [replace(c, onset=c.onset - start + at) for c in self.chords if start <= c.onset < end]
            for name, found in ticks.items():
                found += [tick - start + at for tick in getattr(self, name) if start <= tick < end]
            if at:
                ticks["sections"].append(at)
            for piece, part in zip(pieces, self.parts, strict=True):
                piece.append(_cut(part, start, end, at))
            at += end - start
        return replace(
            self,
            parts=tuple(_joined(part, piece) for part, piece in zip(self.parts, pieces, strict=True)),
            barlines=frozen(lines),
            repeats=(),
            sections=tuple(sorted(set(ticks["sections"]))),
            fermatas=tuple(sorted(set(ticks["fermatas"]))),
            chords=tuple(chords),
            meters=_changes_only(changes["meters"]),
            keys=_changes_only(changes["keys"]),
            tempos=_changes_only(changes["tempos"]),
        )

    def transpose(self, semitones: int) -> Self:
        """Every note, key and chord moved by semitones, spelled in the new key (the one with fewest accidentals).

        Raises :class:`InvalidScore` where a note leaves MIDI's range; drums stay.

        >>> str(Score.of([], key="D dorian").transpose(2).key)
        'E dorian'
        """
        shift = _fifths_for(semitones, self.key.signature)
        keys = tuple(replace(key, tonic=_within(key.tonic + shift, MODES[key.mode])) for key in self.keys)
        chords = tuple(
            replace(c, root=c.root + shift, bass=None if c.bass is None else c.bass + shift) for c in self.chords
        )
        parts = tuple(
            part
            if part.drums
            else replace(
                part,
                pitch=frozen(part.pitch + semitones),
                spelling=frozen(part.spelling + shift),
                annotations=tuple(_transposed(mark, semitones, shift) for mark in part.annotations),
            )
            for part in self.parts
        )
        return replace(self, parts=parts, keys=keys, chords=chords)

    def respelled(self) -> Self:
        """Every note spelled in the key in force."""
        return replace(self, parts=tuple(self.spell(part) for part in self.parts))

    def spell(self, part: Part) -> Part:
        """A part's notes spelled in this score's keys."""
        onsets = np.array([key.onset for key in self.keys])
        index = np.maximum(np.searchsorted(onsets, part.onset, "right") - 1, 0)
        table = np.stack([key.spell(np.arange(128)) for key in self.keys])
        return replace(part, spelling=frozen(table[index, np.clip(part.pitch, 0, 127)]))

    def frame(self) -> Self:
        """The score without its notes: meters, keys, tempos, bars, form and metadata."""
        empty = tuple(Part.of(name=p.name, program=p.program, drums=p.drums) for p in self.parts)
        return replace(self, parts=empty)

    def with_metadata(self, **entries: str) -> Self:
        return replace(self, metadata={**self.metadata, **entries})

    # --- files and other libraries (by the registry: this layer imports none of them) -----------------------------

    def write(self, path: str | Path, **options: Any) -> Path:
        """Write to a file in the format of its suffix; returns the path. See :func:`composer.io.write`."""
        written: Path = resolve("composer.io:write")(self, path, **options)
        return written

    def to_pretty_midi(self) -> Any:
        """A ``pretty_midi.PrettyMIDI`` of what is heard; see :mod:`composer.io.interchange` for what is lost."""
        return resolve("composer.io.interchange:to_pretty_midi")(self)

    def to_pypianoroll(self) -> Any:
        """A ``pypianoroll.Multitrack`` of what is heard; see :mod:`composer.io.interchange` for what is lost."""
        return resolve("composer.io.interchange:to_pypianoroll")(self)

    def to_music21(self) -> Any:
        """A ``music21.stream.Score`` of what is written; see :mod:`composer.io.musicxml` for what is lost."""
        return resolve("composer.io.musicxml:to_music21")(self)

    @classmethod
    def from_pretty_midi(cls, midi: Any) -> Score:
        score: Score = resolve("composer.io.interchange:from_pretty_midi")(midi)
        return score

    @classmethod
    def from_pypianoroll(cls, multitrack: Any) -> Score:
        score: Score = resolve("composer.io.interchange:from_pypianoroll")(multitrack)
        return score

    @classmethod
    def from_music21(cls, stream: Any) -> Score:
        score: Score = resolve("composer.io.musicxml:from_music21")(stream)
        return score

    def __str__(self) -> str:
        """In a line: title, bars, meter, key, parts and notes."""
        title = f"{self.title}: " if self.title else ""
        parts, notes = len(self.parts), sum(map(len, self.parts))
        return f"{title}{self.bars} bars of {self.meter} in {self.key}, parts: {parts}, notes: {notes}"

    def _value(self) -> tuple[Any, ...]:
        form = (self.meters, self.keys, self.tempos, self.repeats, self.sections, self.chords, self.fermatas)
        return (self.parts, self.barlines.tobytes(), form, tuple(sorted(self.metadata.items())))

    def __eq__(self, other: object) -> bool:
        return self._value() == other._value() if isinstance(other, Score) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._value())


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Sequence) else (value,)


def _in_force(changes: Sequence[Any], start: int, end: int) -> list[Any]:
    """The change in force at ``start`` and those that follow before ``end``."""
    before = [change for change in changes if change.onset <= start][-1:]
    return before + [change for change in changes if start < change.onset < end]


def _changes_only(changes: Sequence[Any]) -> tuple[Any, ...]:
    """Changes without those that only restate what is in force."""
    kept: list[Any] = []
    for change in changes:
        if not kept or replace(change, onset=kept[-1].onset) != kept[-1]:
            kept.append(change)
    return tuple(kept)


def _cut(part: Part, start: int, end: int, at: int) -> Part:
    """The notes and marks that begin in ``[start, end)``, cut at its end and moved to begin at ``at``."""
    inside = part.select((part.onset >= start) & (part.onset < end))
    marks = tuple(
        replace(m, onset=m.onset - start + at, end=None if m.end is None else min(m.end, end) - start + at)
        for m in part.annotations
        if start <= m.onset < end
    )
    duration = np.minimum(inside.duration, end - inside.onset)
    return replace(inside, onset=frozen(inside.onset - start + at), duration=frozen(duration), annotations=marks)


def _joined(part: Part, pieces: Sequence[Part]) -> Part:
    """Pieces in order of time as one part."""
    columns = [np.concatenate([piece.columns[k] for piece in pieces]) for k in range(len(part.columns))]
    marks = [mark for piece in pieces for mark in piece.annotations]
    return replace(Part.of(*columns, annotations=marks), name=part.name, program=part.program, drums=part.drums)


def _fifths_for(semitones: int, signature: int) -> int:
    """The step along the line of fifths that transposes by ``semitones`` into the signature nearest to C."""
    shift = 7 * semitones % 12
    return min((shift, shift - 12), key=lambda fifths: (abs(signature + fifths), -fifths))


def _within(tonic: int, offset: int) -> int:
    """The tonic, respelled where its signature would pass seven sharps or flats."""
    signature = tonic - offset
    return tonic - 12 * (signature > 7) + 12 * (signature < -7)


def _transposed(mark: Annotation, semitones: int, shift: int) -> Annotation:
    names = (pitch_name(pitch + semitones, fifth + shift) for pitch, fifth in mark.pitches)
    return replace(mark, text=" ".join(names)) if mark.pitches else mark
