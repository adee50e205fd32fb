"""What voices may not do to each other by the rules of the chorale style: predicates on pitches, and a report.

Rules judge moments: every tick at which a note of any voice begins or ends. Of each voice they see the pitch that
sounds just before the moment and the one that sounds from it on, 128 where it is silent, so a held or repeated note
does not move. Voices are numbered from the top. The same predicates judge the cells of a grid, for generators.

Definitions are those of textbooks of four-part writing (E. Aldwell and C. Schachter, *Harmony and Voice Leading*), said
with each predicate; where books differ, it says which way was taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from composer.analysis import beats
from composer.errors import UsageError
from composer.score import Part, Score, frozen
from composer.theory import Key, parse_pitch

SILENT = 128
CHOIR = ("Soprano", "Alto", "Tenor", "Bass")
CHOIR_RANGES = ("C4:A5", "F3:D5", "C3:A4", "E2:D4")
MOST_VOICES = 16
OCTAVE, TWELFTH = 12, 19

Pitches = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Mistake(NamedTuple):
    """A rule broken at ``tick`` by ``voices``, numbers of parts; ``kind`` is one of :data:`KINDS`."""

    kind: str
    tick: int
    voices: tuple[int, ...]


class Place(NamedTuple):
    """What rules must know of moments, (M,) each or one: the pitch class of the leading tone, -1 in modes without one;
    whether a beat begins; and the spelling (M, 12) of each pitch class in the key.
    """

    leading: NDArray[np.int64]
    beat: Bools
    spelling: NDArray[np.int64]

    def at(self, moment: int) -> Place:
        """The place of one moment."""
        one = slice(moment, moment + 1)
        return Place(self.leading[one], self.beat[one], self.spelling[one])


def places(score: Score, ticks: NDArray[np.int64]) -> Place:
    """The places at ticks (M,). Major keys and all modes but phrygian have the leading tone a semitone below."""
    onsets = [key.onset for key in score.keys]
    number = np.maximum(np.searchsorted(onsets, ticks, "right") - 1, 0)
    leading = np.array([_leading_tone(key) for key in score.keys], dtype=np.int64)
    spelling = np.array([key.spell(np.arange(12)) for key in score.keys], dtype=np.int64)
    return Place(leading[number], np.isin(ticks, beats(score)), spelling[number])


def _leading_tone(key: Key) -> int:
    return -1 if key.mode in ("phrygian", "locrian") else (key.tonic_class - 1) % 12


# --- predicates: (place, upper and lower voice before, upper and lower voice now) -> whether it is broken ------------

Breaks = Callable[[Place, Pitches, Pitches, Pitches, Pitches], Bools]


def moving(upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches) -> Bools:
    """Similar motion: both voices sound before and now, and both rise or both fall."""
    sounding = (upper0 < SILENT) & (lower0 < SILENT) & (upper1 < SILENT) & (lower1 < SILENT)
    return np.asarray(sounding & ((upper1 - upper0) * (lower1 - lower0) > 0))


def parallel(interval: int, place: Place, upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches) -> Bools:
    """Similar motion from a perfect interval to the same: 7 a fifth or twelfth, 0 a unison, octave or two octaves."""
    kept = (np.abs(upper0 - lower0) % OCTAVE == interval) & (np.abs(upper1 - lower1) % OCTAVE == interval)
    return np.asarray(moving(upper0, lower0, upper1, lower1) & kept)


def direct(interval: int, place: Place, upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches) -> Bools:
    """Similar motion of the outer voices from another interval into a perfect one, the upper voice leaping: by more
    than two semitones (the hidden, or direct, fifths and octaves of Aldwell and Schachter).
    """
    into = (np.abs(upper0 - lower0) % OCTAVE != interval) & (np.abs(upper1 - lower1) % OCTAVE == interval)
    return np.asarray(moving(upper0, lower0, upper1, lower1) & into & (np.abs(upper1 - upper0) > 2))


def crossing(place: Place, upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches) -> Bools:
    """The upper voice is below the lower."""
    return np.asarray((upper1 < lower1) & (lower1 < SILENT))


def overlap(place: Place, upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches) -> Bools:
    """Neighbours, not crossed, one of which moves beyond where the other just was."""
    sounding = (upper0 < SILENT) & (upper1 < SILENT)
    apart = (lower0 <= upper0) & (lower1 <= upper1)
    return np.asarray(sounding & apart & ((upper1 < lower0) | (lower1 > upper0)))


def wide(widest: int, place: Place, upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches) -> Bools:
    """Neighbours more than so many semitones apart: an octave; the lowest two, which books let lie further apart, but
    give no number, a twelfth.
    """
    return np.asarray((upper1 < SILENT) & (lower1 < SILENT) & (upper1 - lower1 > widest))


def doubled(place: Place, upper0: Pitches, lower0: Pitches, upper1: Pitches, lower1: Pitches) -> Bools:
    """Both voices sound, on a beat, the leading tone of the key in force: in minor, the raised seventh."""
    sounding = (upper1 < SILENT) & (lower1 < SILENT) & place.beat
    return np.asarray(sounding & (upper1 % OCTAVE == place.leading) & (lower1 % OCTAVE == place.leading))


def augmented(voice: int, place: Place, *pitches: Pitches) -> Bools:
    """One of the two (0 upper, 1 lower) moves by an augmented second, as the key spells it: in minor between the sixth
    and the raised seventh. In a score its own spelling counts. Augmented fourths are leaps, not steps, and are let be.
    """
    before, now = pitches[voice], pitches[2 + voice]
    where = 0 if len(place.spelling) == 1 else np.arange(len(place.spelling))
    names = [place.spelling[where, pitch % OCTAVE] for pitch in (before, now)]
    return augmented_second(before, now, *names)


def augmented_second(before: Pitches, now: Pitches, spelling0: Pitches, spelling1: Pitches) -> Bools:
    """Three semitones that are written as a second; of pitches and their places on the line of fifths."""
    sounding = (before < SILENT) & (now < SILENT) & (np.abs(now - before) == 3)
    return np.asarray(sounding & (np.abs(spelling1 - spelling0) == 9))


# --- the table of rules ---------------------------------------------------------------------------------------------

Pairs = list[tuple[int, int]]


def every(voices: int) -> Pairs:
    return [(upper, lower) for upper in range(voices) for lower in range(upper + 1, voices)]


def neighbours(voices: int) -> Pairs:
    return [(upper, upper + 1) for upper in range(voices - 1)]


def inner_neighbours(voices: int) -> Pairs:
    return neighbours(voices)[:-1]


def lowest(voices: int) -> Pairs:
    """The lowest two; one voice twice if there is only one."""
    return [(max(voices - 2, 0), voices - 1)] if voices else []


def outer(voices: int) -> Pairs:
    return [(0, voices - 1)] if voices > 1 else []


class Law(NamedTuple):
    """A predicate for some pairs of voices, and the ``kind`` of mistake it is to break it.

    A lasting one, such as a crossing, is reported where it begins. ``about`` are the voices of a pair that it judges.
    """

    kind: str
    pairs: Callable[[int], Pairs]
    breaks: Breaks
    lasting: bool = False
    about: tuple[int, ...] = (0, 1)


RULES: dict[str, tuple[Law, ...]] = {
    "parallels": (
        Law("parallel fifths", every, partial(parallel, 7)),
        Law("parallel octaves", every, partial(parallel, 0)),
    ),
    "direct": (Law("direct fifths", outer, partial(direct, 7)), Law("direct octaves", outer, partial(direct, 0))),
    "crossings": (Law("crossing", every, crossing, lasting=True),),
    "overlaps": (Law("overlap", neighbours, overlap),),
    "spacing": (
        Law("spacing", inner_neighbours, partial(wide, OCTAVE), lasting=True),
        Law("spacing", lowest, partial(wide, TWELFTH), lasting=True),
    ),
    "leading-tones": (Law("doubled leading tone", every, doubled, lasting=True),),
    "augmented": (
        Law("augmented step", neighbours, partial(augmented, 0), about=(0,)),
        Law("augmented step", lowest, partial(augmented, 1), about=(1,)),
    ),
}

KINDS = (
    "parallel fifths",
    "parallel octaves",
    "direct fifths",
    "direct octaves",
    "crossing",
    "overlap",
    "spacing",
    "range",
    "doubled leading tone",
    "unresolved seventh",
    "augmented step",
)


# --- the report -----------------------------------------------------------------------------------------------------


class Lines(NamedTuple):
    """Voices as what sounds between moments: ``ticks`` (M,) of the moments, ``pitch`` (V, M) from each on, and its
    ``spelling`` (V, M).
    """

    ticks: NDArray[np.int64]
    pitch: Pitches
    spelling: Pitches

    @classmethod
    def of(cls, score: Score) -> Lines:
        """Of parts with several notes at once the top one, cut where the next begins; drums are silent."""
        if len(score.parts) > MOST_VOICES:
            raise UsageError(f"{len(score.parts)} parts: voice leading is judged of at most {MOST_VOICES}")
        voices = [_line(part) for part in score.parts]
        edges = [np.concatenate([line.onset, line.offset]) for line in voices]
        ticks = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *edges]))
        pitch = np.full((len(voices), len(ticks)), SILENT, dtype=np.int64)
        spelling = np.zeros_like(pitch)
        for voice, line in enumerate(voices):
            note = np.searchsorted(line.onset, ticks, "right") - 1
            moment = np.flatnonzero(note >= 0)
            moment = moment[ticks[moment] < line.offset[note[moment]]]
            pitch[voice, moment] = line.pitch[note[moment]]
            spelling[voice, moment] = line.spelling[note[moment]]
        return cls(ticks, pitch, spelling)

    @property
    def before(self) -> Pitches:
        """(V, M) what sounds just before each moment."""
        silence = np.full((len(self.pitch), 1), SILENT, dtype=np.int64)
        return np.concatenate([silence, self.pitch], axis=1)[:, : len(self.ticks)]

    def augmented(self, voice: int) -> Bools:
        """(M,) whether a voice moves by an augmented second, as it is spelled."""
        spelling = self.spelling[voice]
        return augmented_second(self.before[voice], self.pitch[voice], np.roll(spelling, 1), spelling)


def _line(part: Part) -> Part:
    """The top notes of a part, each cut where the next begins; none of drums."""
    if part.drums or not len(part):
        return Part.of()
    top = part.select(np.append(part.onset[1:] != part.onset[:-1], True))  # ascending pitches within an onset
    ends = np.minimum(top.offset, np.append(top.onset[1:], top.offset[-1:]))
    return replace(top, duration=frozen(ends - top.onset))


def comoving(score: Score) -> int:
    """How many pairs of voices move at once, whichever way, over all moments: what parallels are counted among."""
    lines = Lines.of(score)
    before, now = lines.before, lines.pitch
    moved = (before < SILENT) & (now < SILENT) & (before != now)
    return sum(int((moved[upper] & moved[lower]).sum()) for upper, lower in every(len(now)))


def mistakes(score: Score) -> list[Mistake]:
    """Every mistake, in order of tick, by :data:`RULES`, the ranges of a choir for four voices, and sevenths.

    An unresolved seventh stands on the beat of its chord. Raises :class:`UsageError` for more than 16 parts.
    """
    lines = Lines.of(score)
    found = [*_broken(score, lines), *_out_of_range(lines), *_sevenths(score, lines)]
    return sorted(found, key=lambda mistake: (mistake.tick, KINDS.index(mistake.kind), mistake.voices))


def judged(rules: Iterable[str], score: Score, lines: Lines) -> Iterator[tuple[Law, tuple[int, ...], Bools]]:
    """Of every law of some of :data:`RULES` and the voices it is about, at which moments (M,) they break it."""
    place, before, now = places(score, lines.ticks), lines.before, lines.pitch
    for law in (law for rule in rules for law in RULES[rule]):
        for pair in law.pairs(len(now)):
            upper, lower = pair
            voices = tuple(pair[side] for side in law.about)
            if law.kind == "augmented step":
                wrong = lines.augmented(*voices)
            else:
                wrong = law.breaks(place, before[upper], before[lower], now[upper], now[lower])
            yield law, voices, wrong


def _broken(score: Score, lines: Lines) -> Iterator[Mistake]:
    for law, voices, wrong in judged(RULES, score, lines):
        for tick in lines.ticks[_begins(wrong) if law.lasting else wrong].tolist():
            yield Mistake(law.kind, tick, voices)


def told(mistake: Mistake, score: Score) -> str:
    """A mistake in words: ``bar 3, beat 2: parallel fifths, soprano and bass``."""
    names = [score.parts[voice].name.lower() or f"voice {voice + 1}" for voice in mistake.voices]
    return f"{score.place(mistake.tick)}: {mistake.kind}, {' and '.join(names)}"


def _begins(wrong: Bools) -> Bools:
    return np.asarray(wrong & ~np.append(False, wrong[:-1])[: len(wrong)])


def _out_of_range(lines: Lines) -> Iterator[Mistake]:
    """Where one of four voices leaves the range of its voice in a choir."""
    for voice, text in enumerate(CHOIR_RANGES if len(lines.pitch) == len(CHOIR_RANGES) else ()):
        low, high = map(parse_pitch, text.split(":"))
        pitch = lines.pitch[voice]
        wrong = (pitch < SILENT) & ((pitch < low) | (pitch > high))
        yield from (Mistake("range", tick, (voice,)) for tick in lines.ticks[_begins(wrong)].tolist())


# --- sevenths -------------------------------------------------------------------------------------------------------

# pitch classes above the root; of chords without their fifth only the dominant seventh is unmistakable
SEVENTHS = ({0, 4, 7, 10}, {0, 3, 7, 10}, {0, 3, 6, 10}, {0, 4, 7, 11}, {0, 4, 10})
DIMINISHED = {0, 3, 6, 9}  # every note could be its root: it is taken for the leading tone's


def seventh(classes: frozenset[int], leading: int) -> int | None:
    """The pitch class that is the seventh of a chord of exactly these, None if it is no seventh chord.

    >>> seventh(frozenset({7, 11, 2, 5}), 11), seventh(frozenset({0, 4, 7}), 11)
    (5, None)
    """
    for root in sorted(classes):
        above = {(other - root) % 12 for other in classes}
        if above in SEVENTHS or (above == DIMINISHED and root == leading):
            return (root + max(above)) % 12
    return None


def _sevenths(score: Score, lines: Lines) -> Iterator[Mistake]:
    """Sevenths of the chords on beats that are left otherwise than by a step down.

    The chord is all that sounds on a beat, held notes too; notes that pass between beats are no sevenths. A seventh
    that is held or repeated is judged where its voice goes on to another note: that, or the one on the first beat from
    there on (after an ornament), must lie a step lower. Before a rest, and at the end, it is not judged.
    """
    ticks = np.unique(beats(score)).astype(np.int64)
    ticks = ticks[ticks >= lines.ticks[0]] if len(lines.ticks) else ticks[:0]
    on_beats = np.searchsorted(lines.ticks, ticks, "right") - 1
    leading = places(score, ticks).leading.tolist()
    seen = set[tuple[int, int]]()
    for tick, moment, tone in zip(ticks.tolist(), on_beats.tolist(), leading, strict=True):
        pitch = lines.pitch[:, moment].tolist()
        named = seventh(frozenset(p % 12 for p in pitch if p < SILENT), tone)
        for voice in (v for v, p in enumerate(pitch) if p < SILENT and p % 12 == named):
            left = _left(lines.pitch[voice], moment)
            if left is None or (voice, left) in seen:
                continue
            seen.add((voice, left))
            goals = [left, *on_beats[np.searchsorted(ticks, lines.ticks[left]) :][:1].tolist()]
            if not any(lines.pitch[voice, goal] - pitch[voice] in (-1, -2) for goal in goals):
                yield Mistake("unresolved seventh", tick, (voice,))


def _left(pitch: Pitches, moment: int) -> int | None:
    """The moment at which what sounds at ``moment`` gives way to another note; None to a rest, or never."""
    later = np.flatnonzero(pitch[moment:] != pitch[moment])
    return int(moment + later[0]) if len(later) and pitch[moment + later[0]] < SILENT else None
