"""The answer to a call is a completion: the call is given, the bars after it are open."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from composer.analysis import find_mode
from composer.encodings.melody import Melody
from composer.encodings.voices import Voices
from composer.errors import Infeasible, UsageError
from composer.live.call import Call, play_like, understand
from composer.live.grid import Steady
from composer.live.memory import Memory
from composer.live.phrase import Heard, Phrase
from composer.pipeline import Composer
from composer.score import Part, Score, frozen, regular_barlines
from composer.sketch import Constraint, Preference, Sketch
from composer.sketch.cadence import Opens, RestsOn
from composer.sketch.cells import every_octave
from composer.sketch.chords import Chords
from composer.sketch.contour import Contour
from composer.sketch.during import During
from composer.sketch.pitch import Pin, Range, Scale, notes_of
from composer.sketch.regions import Hole
from composer.sketch.rhythm import Longest, Onsets
from composer.theory import TICKS_PER_QUARTER, Key, Meter

CHOIR = "chorales-maxent"  # which accompanies, where the model has one voice
CENTRE = 71  # about where the melodies of the corpora lie; calls are moved there by octaves, and answers back
REACH, COMPASS = 4, 15  # semitones beyond the call's notes that an answer may go; at least so many in all
LIKE_THE_CALL = 2.0  # nats for each note that begins where, in a beat, none of the call did, or is longer than most
MOST = 0.75  # of the call's notes are no longer than an answer's should be
MOST_BARS = 16
ON_THE_CHART = 3.0  # nats for each beat off the chord, where not every one can be on it
SIXTEENTH = TICKS_PER_QUARTER // 4
SAME_KEY, FADING = 4, 3.0  # calls that are heard for the key of the next, and how much less each earlier one weighs


@dataclass(frozen=True)
class Settings:
    """What a person has chosen for the answers; None is found out from each call.

    ``bars`` of an answer, else as many as the call has; ``tempo`` in quarters a minute; ``density`` in notes a beat, 0
    like the call's; ``chords`` a chart that call and answers go round.
    """

    mode: str = "continue"
    key: Key | None = None
    bars: int | None = None
    meter: Meter | None = None
    tempo: float | None = None
    temperature: float = 1.0
    density: float = 0.0
    chords: str = ""
    left_hand: bool = False
    seed: int = 0

    @property
    def chart(self) -> list[str]:
        """The bars of the chart; one empty bar without a chart."""
        return [bar.strip() for bar in self.chords.strip().strip("|").split("|")]


@dataclass(frozen=True)
class Request:
    """An answer is wanted to a phrase, call ``number`` of the session. With a ``grid`` it ``begins`` at that moment;
    ``bar`` is how many bars of the chart have gone before the call, where there is no grid to count them.
    """

    number: int
    phrase: Phrase
    settings: Settings
    grid: Steady | None = None
    begins: float = 0.0
    bar: int = 0

    @property
    def seed(self) -> int:
        """Another for each call of a session."""
        return 1_000 * self.settings.seed + self.number


@dataclass(frozen=True)
class Answer:
    """``notes`` in quarters from its beginning, ``length`` quarters long; ``page`` has call and answer, which begins at
    tick ``start``. ``took`` seconds to find.
    """

    request: Request
    call: Call
    page: Score
    start: int
    notes: tuple[Heard, ...]
    length: float
    took: float = 0.0


class _Frame(NamedTuple):
    """Where an answer stands: its page with the call, moved by ``moved`` semitones, and the ticks ``[start, end)``."""

    page: Score
    start: int
    end: int
    moved: int


@dataclass
class Answering:
    """A model, what it has learnt in this session, and a choir to accompany with."""

    model: Composer
    memory: Memory
    voices: int = field(init=False)
    _learned: Composer = field(init=False)
    _choir: Composer | None = None
    _before: Call | None = None
    _tunes: deque[Part] = field(default_factory=lambda: deque(maxlen=SAME_KEY))  # melodies of late

    def __post_init__(self) -> None:
        self._learned = self.memory.model(self.model)
        sketches = {count: Sketch.blank(bars=1, voices=count) for count in (1, 4)}
        fitting = [count for count, sketch in sketches.items() if self.model.supports(sketch)]
        if not fitting:
            why = self.model.refusal(sketches[1])
            raise UsageError(f"{self.model.name}: completes neither a melody nor four voices, and cannot jam ({why})")
        self.voices = fitting[0]

    def answer(self, request: Request) -> Answer:
        """Complete the sketch of a request; the same request, after the same calls, gets the same answer.

        Raises :class:`Infeasible` where even the plainest sketch of it has no completion.
        """
        began = time.perf_counter()
        asked = request.settings
        call = self._understood(request)
        frame = _framed(call, request)
        score = self._accompanied(call, request) if asked.mode == "accompany" else self._completed(frame, request)
        if asked.mode == "accompany":
            frame = frame._replace(start=0, end=score.end)
        answered = [part.select((part.onset >= frame.start) & (part.onset < frame.end)) for part in score.parts]
        notes = [note for part in answered for note in play_like(_transposed(part, -frame.moved), call)]
        page = replace(score, parts=tuple(_transposed(part, -frame.moved) for part in score.parts))
        if asked.left_hand and asked.mode != "accompany" and len(call.score.parts) > 1:
            again = _later(call.score.parts[1], frame.start, frame.end)
            notes += play_like(again, call)
            left = replace(_joined(_later(call.score.parts[1], 0, frame.start), again), name=call.score.parts[1].name)
            page = replace(page, parts=(*page.parts, left))
        channel = request.phrase.notes[0].channel
        placed = sorted(_placed(note, frame.start, call.quarter, channel) for note in notes)
        length = (frame.end - frame.start) / TICKS_PER_QUARTER
        return Answer(request, call, page, frame.start, tuple(placed), length, time.perf_counter() - began)

    def keep(self, answer: Answer) -> None:
        """Learn from the call of an answer, and remember its key."""
        self._tunes.append(answer.call.score.parts[0])
        self._before = answer.call
        if self.voices == 1:
            melody = _transposed(answer.call.score.parts[0], _octaves(answer.call.score))
            score = replace(answer.call.score, parts=(melody,))
            self.memory = self.memory.heard(self.model.encoding.encode(score))
            self._learned = self.memory.model(self.model)

    def saved(self) -> bytes:
        """The model with what it has learned, as a model file."""
        return self.memory.saved(self.model)

    def _understood(self, request: Request) -> Call:
        """The call; its key is that of the melodies of late, the latest weighing most, unless one was chosen."""
        asked = request.settings
        call = understand(
            request.phrase,
            grid=request.grid,
            tempo=asked.tempo,
            meter=asked.meter,
            key=asked.key,
            before=self._before,
        )
        if asked.key is not None or not self._tunes:
            return call
        tunes = [*self._tunes, call.score.parts[0]]
        fading = [tune.duration / FADING**age for age, tune in zip(range(len(tunes) - 1, -1, -1), tunes, strict=True)]
        key = find_mode(np.concatenate([tune.pitch for tune in tunes]), np.concatenate(fading))
        parts = tuple(replace(part, spelling=frozen(key.spell(part.pitch))) for part in call.score.parts)
        return replace(call, score=replace(call.score, keys=(key,), parts=parts))

    def _completed(self, frame: _Frame, request: Request) -> Score:
        """The page with the answer in it. Wishes that no completion keeps are given up, the least musical first; a call
        whose rhythm the model has no words for is told to it in sixteenths, or not at all.
        """
        lead = max(frame.start - frame.page.meter.bar, 0)  # a bar of harmony under the call's end, for the answer's
        below = [Hole(voice, lead, frame.end) for voice in range(1, self.voices)]
        holes = (Hole(0, frame.start, frame.end), *below)
        more = tuple(Part.of() for _ in range(self.voices - 1))
        melody = frame.page.parts[0]
        tried = list(_wishes(frame, request, lengths=isinstance(self.model.encoding, Melody)))
        for told in (melody, Voices(1).normalize(frame.page).score.parts[0], Part.of()):
            page = replace(frame.page, parts=(told, *more))
            for wishes in tried:
                sketch = Sketch(page, holes, wishes)
                try:
                    made = self._learned.complete(sketch, seed=request.seed, temperature=request.settings.temperature)
                except Infeasible:
                    if not self._can_follow(page, holes):
                        break
                else:
                    answer = made.parts[0].select(made.parts[0].onset >= frame.start)
                    return replace(made, parts=(_joined(melody, answer), *made.parts[1:]))
        raise Infeasible("nothing that this model knows fits these bars; take another --model")

    def _can_follow(self, page: Score, holes: tuple[Hole, ...]) -> bool:
        """Whether anything at all can come after what is given."""
        try:
            self._learned.generator.check(self._learned.encoding.compile(Sketch(page, holes)))
        except Infeasible:
            return False
        return True

    def _accompanied(self, call: Call, request: Request) -> Score:
        """The call again, with a choir's voices below it."""
        if self._choir is None:
            self._choir = self.model if self.voices == 4 else Composer.load(CHOIR)
        melody = replace(call.score, parts=(replace(call.score.parts[0], name=""),))
        sketch = Sketch.harmonizing(melody, cadences=[int(melody.parts[0].onset[-1])])  # where the call comes to rest
        return self._choir.complete(sketch, seed=request.seed, temperature=request.settings.temperature)


def _framed(call: Call, request: Request) -> _Frame:
    """The call's melody and empty bars after it, in a register that models know."""
    score, bar = call.score, call.score.meter.bar
    moved = _octaves(score)
    called = -(-(score.end - score.pickup) // bar)
    bars = min(request.settings.bars or called, MOST_BARS)
    end = score.pickup + called * bar
    start = end - score.pickup
    if request.grid is not None:
        beat = score.meter.beat
        tick = (request.begins - call.zero) / call.quarter * TICKS_PER_QUARTER
        start = score.pickup + round((tick - score.pickup) / beat) * beat
        start = min(start if start > 0 else start + beat, end + MOST_BARS * bar)
        end = max(end, score.pickup - (score.pickup - start) // bar * bar)
    elif len(score.parts[0]) and int(score.parts[0].onset[-1]) >= start:
        start = end
    stop = start + bars * bar if request.grid is None else end + bars * bar
    melody = _transposed(score.parts[0], moved)
    kept = melody.select(melody.onset < start)
    kept = replace(kept, name="", duration=frozen(np.minimum(kept.duration, start - kept.onset)))
    return _Frame(
        replace(score, parts=(kept,), barlines=regular_barlines(score.meters, stop, score.pickup)), start, stop, moved
    )


def _octaves(score: Score) -> int:
    """Semitones, whole octaves, that take a melody to where models know their way."""
    return 12 * round((CENTRE - float(np.median(score.parts[0].pitch))) / 12)


def _wishes(frame: _Frame, request: Request, lengths: bool) -> Iterator[tuple[Constraint, ...]]:
    """What an answer keeps to, all of it first, then less and less."""
    page, settings = frame.page, request.settings
    notes = page.parts[0]
    low, high = int(notes.pitch.min()) - REACH, int(notes.pitch.max()) + REACH
    wider = max(COMPASS - (high - low), 0)
    compass = Range(max(low - wider // 2, 0), min(high + (wider + 1) // 2, 127), 0)
    classes = notes_of(page.key) | set((notes.pitch % 12).tolist())
    scale = Scale(every_octave(classes), "notes of the key and the call", 0)
    opens, rests = Opens(frame.start, 0), RestsOn(_degrees(page), frame.end - page.meter.beat, frame.end, 0)
    style = tuple(_paced(notes, page, settings.density, lengths))
    moves = (Longest(max(2 * page.meter.beat, int(notes.duration.max())), 0),) if lengths else ()
    chart, extra = tuple(_chart(frame, request)), tuple(_mode(frame, settings.mode))
    yield (opens, rests, compass, scale, *moves, *style, *chart, *extra)
    if chart:
        soft = (Preference(wish, ON_THE_CHART) for wish in chart)
        yield (opens, rests, compass, scale, *moves, *style, *soft, *extra)
    yield (opens, rests, compass, scale, *moves, *style)
    yield (opens, rests, *style)
    yield (opens,)
    yield ()


def _degrees(page: Score) -> frozenset[int]:
    """The pitch classes on which an answer may end: a question is answered on the tonic, a statement on its triad."""
    key, last = page.key, int(page.parts[0].pitch[-1])
    third = 3 if (key.tonic_class + 3) % 12 in key.scale else 4
    closed = last % 12 == key.tonic_class
    return frozenset((key.tonic_class + step) % 12 for step in ((0, third, 7) if closed else (0,)))


def _paced(notes: Part, page: Score, density: float, lengths: bool) -> Iterator[Preference]:
    """Notes begin where, in a beat, the call's did, and are as short; or so many to a beat.

    That they are short is asked of models whose events have ``lengths``: on a grid, it takes too long to remember how
    long a note has sounded.
    """
    beat = page.meter.beat
    into = (notes.onset.astype(np.int64) - page.pickup) % beat
    places, longest = {0, *into.tolist()}, int(np.quantile(notes.duration, MOST))
    if density > 0:
        count = min(max(round(density), 1), beat // SIXTEENTH)
        places, longest = {beat * k // count for k in range(count)}, round(beat / min(density, count))
    yield Preference(Onsets(frozenset(places), 0), LIKE_THE_CALL)
    if lengths:  # what a long note costs is what the many that could stand in its place cost together
        yield Preference(Longest(longest, 0), LIKE_THE_CALL * max(beat / longest, 1.0))


def _mode(frame: _Frame, mode: str) -> Iterator[Constraint]:
    """``vary`` keeps the call's notes on strong places; ``contrast`` goes the other way."""
    page, notes = frame.page, frame.page.parts[0]
    if mode == "contrast":
        rises = int(notes.pitch[-1]) >= int(notes.pitch[0])
        last = page.bars - (1 if page.pickup else 0)
        bars = (frame.end - frame.start) // page.meter.bar
        yield Preference(During(Contour("falling" if rises else "rising", 0), last - bars + 1, last), 1.0)
    if mode == "vary":
        shift = frame.start
        into = (notes.onset - page.pickup) % page.meter.bar
        strong = into % page.meter.beat == 0 if (into % page.meter.beat).any() else into == 0
        for onset, pitch in zip(notes.onset[strong].tolist(), notes.pitch[strong].tolist(), strict=True):
            if frame.start < onset + shift < frame.end - page.meter.beat:
                yield Pin(onset + shift, pitch, f"the call's note at tick {onset}", 0)


def _chart(frame: _Frame, request: Request) -> Iterator[Constraint]:
    """The chords of the chart over the answer's bars."""
    chart = request.settings.chart
    if not any(chart):
        return
    page, bar = frame.page, frame.page.meter.bar
    before = request.bar
    if request.grid is not None:
        zero = request.grid.quarters(request.begins) - frame.start / TICKS_PER_QUARTER
        before = round((zero * TICKS_PER_QUARTER + page.pickup) / bar)
    bars = page.bars - (1 if page.pickup else 0)
    text = " | ".join(chart[(before + number) % len(chart)] for number in range(bars))
    yield replace(Chords.parse(text, page), voice=0)


def _transposed(part: Part, semitones: int) -> Part:
    """Moved by octaves; what would leave MIDI's range stays in its last octave there."""
    pitch = part.pitch + semitones
    return replace(part, pitch=frozen(np.where(pitch < 0, pitch % 12, np.where(pitch > 127, 108 + pitch % 12, pitch))))


def _joined(call: Part, answer: Part) -> Part:
    columns = [np.concatenate(pair) for pair in zip(call.columns, answer.columns, strict=True)]
    return Part.of(*columns, name=call.name, program=call.program)


def _later(part: Part, ticks: int, end: int) -> Part:
    """The part so many ticks later, up to ``end``."""
    moved = replace(part, onset=frozen(part.onset + ticks))
    kept = moved.select(moved.onset < end)
    return replace(kept, duration=frozen(np.minimum(kept.duration, end - kept.onset)))


def _placed(note: Heard, start: int, quarter: float, channel: int) -> Heard:
    """A note in quarters from the answer's beginning."""
    zero = start / TICKS_PER_QUARTER
    onset, released, offset = (max(moment / quarter - zero, 0.0) for moment in note[:3])
    return Heard(onset, released, offset, note.pitch, note.velocity, channel)
