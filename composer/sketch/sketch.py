"""A score with holes, and what is wanted in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from composer.errors import UsageError
from composer.registry import resolve
from composer.score import Part, Score
from composer.sketch.cells import REST, SYMBOLS, Cells, Constraint, Preference, Table
from composer.sketch.chords import Chords, PageChords
from composer.sketch.copies import Breaths, Copy, Fold, Folded, breaks, with_copied_chords
from composer.sketch.form import check_length, page_of, phrases_of, pickup_ticks
from composer.sketch.pitch import Pin, Range
from composer.sketch.regions import Hole, emptied, holes_of, lengthened, others, said, silences, spans_of
from composer.sketch.usual import scales
from composer.sketch.wishes import on_page, wanted, wished
from composer.styles import style_named
from composer.theory import TICKS_PER_QUARTER, Ints, Key, Meter, Tempo
from composer.voice_leading import CHOIR, CHOIR_RANGES

VOICE_NAMES = {1: ("",), 4: CHOIR}
MOST_WISHED = 100_000  # wishes times bars


@dataclass(frozen=True)
class Sketch:
    """A score with holes: voice v is Part v. Its notes are given; the rest of the holes is to be composed.

    Outside the holes the score is complete: where it has no note, it has a rest. ``copies`` are written bars that
    repeat earlier ones, note for note. ``cadences`` are ticks at which phrases come to rest, beside the fermatas.
    """

    score: Score
    holes: tuple[Hole, ...]
    constraints: tuple[Constraint, ...] = ()
    copies: tuple[Copy, ...] = ()
    cadences: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_length(self.score.bars, self.score.meter, self.score.end)
        if len(self.constraints) * self.score.bars > MOST_WISHED:
            number = f"{len(self.constraints)} wishes for {self.score.bars} bars"
            raise UsageError(f"{number} are too many; leave some out, or take fewer bars")
        for hole in self.holes:
            if not 0 <= hole.voice < len(self.score.parts) or not 0 <= hole.start < hole.end <= self.score.end:
                raise UsageError(
                    f"a hole lies outside the sketch's {len(self.score.parts)} voices or {self.score.end} ticks"
                )
        pins: dict[tuple[int, int | None], Pin] = {}
        for pin in (wish for wish in self.constraints if isinstance(wish, Pin)):
            if pins.setdefault((pin.tick, pin.voice), pin).pitch != pin.pitch:
                two = f"{self.said(pins[pin.tick, pin.voice])} and {self.said(pin)}"
                raise UsageError(f"{two}: a voice has one note at a time; leave one out")

    @classmethod
    def of(cls, score: Score, free: str, constraints: Iterable[Constraint] = (), **wishes: Any) -> Self:
        """A score of which the written region ``free`` is to be composed anew: ``bars 5-8``, in every voice, or
        ``bars 5-8 of alto, tenor``, or ``voices 2-4`` from start to end; several regions are split by ``;``.

        Notes that begin there are left out, notes that reach into it are cut short. ``wishes``
        (:mod:`composer.sketch.wishes`) that do not say their bars are about that region. Raises :class:`UsageError`.
        """
        holes = holes_of(score, free)
        return cls._wishing(emptied(score, holes), holes, constraints, wishes)

    @classmethod
    def _wishing(
        cls, score: Score, holes: tuple[Hole, ...], constraints: Iterable[Constraint], wishes: Mapping[str, Any]
    ) -> Self:
        """A score with holes, and what is wished in them."""
        found = wished(score, wishes, spans_of(score, holes))
        return cls(on_page(score, found), holes, (*constraints, *found))

    @classmethod
    def continuing(cls, score: Score, bars: int = 8, constraints: Iterable[Constraint] = (), **wishes: Any) -> Self:
        """A score, all of it given, that goes on for so many bars in its last meter and key, with ``wishes`` there.

        ``chords`` begin in the first whole new bar, after a pickup to it.
        """
        longer = lengthened(score, bars)
        holes = tuple(Hole(voice, score.end, longer.end) for voice in range(len(score.parts)))
        chart = wishes.pop("chords", None)
        chords = wanted("chords", chart, longer, bars=f"{score.bars + 1}-{longer.bars}") if chart else []
        return cls._wishing(on_page(longer, chords), holes, (*constraints, *chords), wishes)

    @classmethod
    def harmonizing(
        cls,
        score: Score,
        voices: int = 4,
        constraints: Iterable[Constraint] = (),
        *,
        keep: str | None = None,
        cadences: Iterable[int] = (),
        **wishes: Any,
    ) -> Self:
        """A score with voices below it to be composed, ``voices`` in all; four keep to the ranges of a choir.

        Of a score that has so many voices already, what is silent for a beat or more is to be composed
        (:func:`composer.sketch.regions.silences`); with ``keep``, a region such as ``bars 1-4`` or ``bass``, so is
        everything below the melody that lies outside it. Chords over the staff bind the harmony, unless ``wishes`` name
        others; voices may rest where the first does. ``cadences`` are ticks at which phrases come to rest. Raises
        :class:`UsageError`.
        """
        names, given = _voice_names(voices), len(score.parts)
        if given > voices:
            raise UsageError(f"{voices} voices: the score has {given} already; ask for more")
        score = replace(score, parts=(*score.parts, *(Part.of(name=name) for name in names[given:])))
        if keep is not None:
            score = emptied(score, tuple(hole for hole in others(score, holes_of(score, keep)) if hole.voice))
        holes = silences(score, given)
        if not holes:
            raise UsageError(
                f"{voices} voices: the score has {given} already, and no silence in them; say what to keep"
            )
        said_chords = "chords" in said(wishes)
        bound = () if said_chords or not score.chords else (PageChords(rests=True),)
        sketch = cls._wishing(score, holes, (*constraints, *bound), wishes)
        limits = _choir(score, sketch.constraints, 1 if given == voices else given)
        asked = (replace(wish, rests=True) if isinstance(wish, Chords) else wish for wish in sketch.constraints)
        return replace(sketch, constraints=(*limits, *asked), cadences=tuple(sorted(set(cadences))))

    @classmethod
    def blank(
        cls,
        *,
        bars: int = 16,
        meter: str | Meter = "4/4",
        key: str | Key = "C major",
        form: str = "A",
        endings: bool = False,
        pickup: str | None = None,
        phrases: int | None = None,
        tempo: float | Tempo = 120.0,
        voices: int = 1,
        metadata: Mapping[str, str] | None = None,
        **wishes: Any,
    ) -> Self:
        """An empty sketch. ``bars`` are heard: 32 bars of AABB are 16 written ones, each part repeated.

        A part that returns after another copies it, and A' opens as A does: ``form="A A' B A'"``. With ``endings``
        every repeated part closes with a first and a second ending of one bar. A ``pickup`` ("1/8" of a whole note) is
        bar 0, and opens every part. No note is held from one phrase of ``phrases`` bars into the next. ``wishes`` are
        those of :mod:`composer.sketch.wishes`: ``range="D4:B5"``, ``pins={"1.1": "D4"}``. Notes belong to the key where
        no scale is wished; ``tempo`` is beats a minute, in 6/8 of three eighths; four voices without a ``range``
        keep to those of a choir. Raises :class:`UsageError`.
        """
        metre = Meter.parse(meter) if isinstance(meter, str) else meter
        page = page_of(form, bars, metre, endings, pickup_ticks(pickup) if pickup else 0)
        score = replace(
            Score.of(
                [Part.of(name=name) for name in _voice_names(voices)],
                meter=metre,
                key=key,
                tempo=tempo if isinstance(tempo, Tempo) else Tempo(tempo, metre.beat),
                barlines=page.barlines,
            ),
            repeats=page.repeats,
            sections=page.sections,
            metadata=dict(metadata or {}),
        )
        found = wished(score, wishes)
        constraints = [*scales(score, found), *_choir(score, found), *found]
        constraints += [phrases_of(score, phrases)] if phrases is not None else []
        constraints += (
            [Breaths(tuple(Fold(score, page.copies).edges()), f"form {' '.join(form.split())}")] if page.copies else []
        )
        holes = tuple(Hole(voice, 0, score.end) for voice, _ in enumerate(score.parts))
        return cls(with_copied_chords(on_page(score, found), page.copies), holes, tuple(constraints), page.copies)

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

    @classmethod
    def read(cls, path: str | Path) -> Sketch:
        """A sketch from a TOML file, or a score with marked regions; see :mod:`composer.io.sketch`."""
        sketch: Sketch = resolve("composer.io.sketch:read_sketch")(path)
        return sketch

    def free(self, voice: int, ticks: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
        """(N,) whether each tick lies in a hole of the voice."""
        free = np.zeros(len(ticks), dtype=bool)
        for hole in self.holes:
            if hole.voice == voice:
                free |= (ticks >= hole.start) & (ticks < hole.end)
        return free

    def wishes(self, voice: int) -> Iterator[Constraint]:
        """What is wanted of a voice of which something is free."""
        free = any(hole.voice == voice for hole in self.holes)
        return (wish for wish in self.constraints if free and wish.voice in (None, voice))

    def said(self, wish: Constraint) -> str:
        """A wish in words, with the part it is about where there are several."""
        if wish.voice is None or len(self.score.parts) == 1:
            return str(wish)
        return f"{self.score.parts[wish.voice].name.lower() or f'voice {wish.voice + 1}'} {wish}"

    def cells(self, voice: int, ticks: Ints) -> Cells:
        """Everything that is certain about a voice, in cells that begin at ``ticks`` (S,) and last until the next."""
        free = self.free(voice, ticks)
        start = np.repeat(free[:, None], SYMBOLS, axis=1)
        hold = start.copy()
        for wish in self.wishes(voice):
            mask = None if isinstance(wish, Preference) else wish.mask(ticks, self.score)
            if mask is not None:
                start &= mask.start | ~free[:, None]  # what is given outside the holes is not judged
                hold &= mask.hold | ~free[:, None]
        hold[np.searchsorted(ticks, self.score.section_starts)[1:]] = False  # no note reaches over a repeat
        _give(start, hold, self.score.parts[voice], ticks, free)
        return Cells(start, hold)

    @cached_property
    def _fold(self) -> Fold:
        return Fold(self.score, self.copies)

    def folded(self) -> Sketch:
        """The same sketch on a score without its copies: what is to be composed, once, in written order.

        Masks and rules for lengths hold wherever a bar is copied to; automata read the folded bars alone.
        """
        if not self.copies:
            return self
        fold = self._fold
        constraints = tuple(Folded.of(wish, fold) for wish in self.constraints)
        return Sketch(fold.folded, tuple(self._holes_within(fold)), constraints)

    def _holes_within(self, fold: Fold) -> Iterator[Hole]:
        """The holes in what is no copy, where they stand in the folded score."""
        at = 0
        for first, last in fold.kept:
            for hole in self.holes:
                start, end = max(hole.start, first), min(hole.end, last)
                if start < end:
                    yield Hole(hole.voice, start - first + at, end - first + at)
            at += last - first

    def unfolded(self, score: Score) -> Score:
        """A completed score of :meth:`folded`, with its copies in their places again."""
        return self._fold.unfolded(score) if self.copies else score

    def unfolded_cells(self, table: NDArray[Any], grid: int) -> NDArray[Any]:
        """(voices, steps, ...) of the cells of :meth:`folded`, ``grid`` ticks long, as those of the whole page."""
        if not self.copies:
            return table
        _, index = self._fold.cells(np.arange(table.shape[1], dtype=np.int32) * grid)
        return table[:, index]

    def written(self, tick: int) -> int:
        """Where a tick of :meth:`folded` stands on the whole page."""
        spans = self._fold.spans if self.copies else []
        return next((tick - span.start + span.whole for span in spans if span.start <= tick < span.end), tick)

    def broken(self, score: Score, grid: int) -> Constraint | None:
        """A wish whose automaton a finished score breaks, where bars are copies; ``grid`` ticks in a cell."""
        ticks = np.arange(0, score.end, grid, dtype=np.int32)
        for voice, part in enumerate(score.parts if self.copies else ()):
            for wish in self.wishes(voice):
                automaton = None if isinstance(wish, Preference) else wish.automaton(ticks, self.score)
                if automaton is not None and breaks(automaton, part, ticks):
                    return wish
        return None

    def __str__(self) -> str:
        score = self.score
        heard = score.unfold().bars if score.repeats else score.bars
        upbeat = f" with a pickup of {Fraction(score.pickup, 4 * TICKS_PER_QUARTER)}" if score.pickup else ""
        page = f"{heard} bars of {score.meter} in {score.key}{upbeat}"
        return "; ".join([page, *map(self.said, self.constraints)])


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


def _voice_names(voices: int) -> tuple[str, ...]:
    if not 1 <= voices <= 16:
        raise UsageError(f"{voices} voices: a sketch has 1 to 16 voices")
    return VOICE_NAMES.get(voices) or tuple(f"Voice {number}" for number in range(1, voices + 1))


def _choir(score: Score, wishes: Iterable[Constraint], first: int = 0) -> list[Constraint]:
    """Of four voices, from ``first`` on, the ranges of a choir where none is wished."""
    said = {wish.voice for wish in wishes if isinstance(wish, Range)}
    ranges = CHOIR_RANGES if len(score.parts) == len(CHOIR_RANGES) and None not in said else ()
    return [Range.parse(text, voice) for voice, text in enumerate(ranges) if voice >= first and voice not in said]
