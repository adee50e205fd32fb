"""What music is made of, as counts: one table of statistics, each a pure function from a score to a counter.

All are read from notes, bar lines, meters and keys alone. Counts of several scores are added up before shares are
taken, so every note (beat, phrase ...) weighs the same, whatever piece it is in. Distributions of single features for
the comparison of generated with real music go back to L.-C. Yang and A. Lerch, "On the evaluation of generative models
in music", Neural Computing and Applications 32 (2020): pitch classes, intervals, lengths of notes and transitions are
theirs, but counted from the tonic here, and pooled. Each statistic says where it differs, and what else it is from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from composer.analysis import beats
from composer.evaluation.choir_traits import choir_traits
from composer.evaluation.chords import SILENT, in_normal_key, sounding
from composer.evaluation.harmony import named, numeral
from composer.evaluation.lines import DEGREES, bar_codes, bars_of, ends_of_phrases, letters, line, phrase_rows
from composer.evaluation.tune_traits import tune_traits
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER
from composer.voice_leading import CHOIR

Counts = Counter[str]
Rank = Callable[[str], tuple[Fraction | int | str, ...]]

LAGS = range(1, 17)  # bars
OF = "of "  # stands before a value of a curve: how often it was asked
WIDEST = 12  # semitones that a move is told apart to
MOST_PHRASES = 8  # of a form
OTHER = "other"
NAMED = 4096  # lengths, or places in bars, whose names are kept: real music has hundreds
OUTER = (0, len(CHOIR) - 1)
SINGERS = ("", *map(str.lower, CHOIR))


@dataclass(frozen=True)
class Statistic:
    """A thing to count. ``rank`` orders its values as a plot shows them; None is by how frequent they are.

    Of a curve, ``count`` holds for each point how often it was so, and how often it could have been: ``4``, ``of 4``.
    """

    name: str
    title: str
    count: Callable[[Score], Counts]
    rank: Rank | None = None
    curve: bool = False


def pitch_classes(score: Score) -> Counts:
    """The time, in ticks, that sounds on each degree above the tonic in force; all voices.

    As Yang and Lerch's pitch class histogram, weighted by time.
    """
    found: Counts = Counter()
    for voice in range(len(score.parts)):
        notes = line(score, voice)
        weight = np.bincount(notes.degree, notes.duration, minlength=12)
        found.update({name: int(time) for name, time in zip(DEGREES, weight, strict=True) if time})
    return found


def intervals(score: Score) -> Counts:
    """Semitones from each note of a voice to its next, over rests too; of choirs each voice by itself: ``bass -7``.

    As Yang and Lerch's pitch interval histogram, with direction; what is beyond an octave is one value each way.
    """
    found: Counts = Counter()
    for voice in range(len(score.parts)):
        moves = np.clip(line(score, voice).moves, -WIDEST - 1, WIDEST + 1)
        found.update(_singer(score, voice) + _move(move) for move in moves.tolist())
    return found


def _move(semitones: int) -> str:
    if abs(semitones) > WIDEST:
        return f">+{WIDEST}" if semitones > 0 else f"<-{WIDEST}"
    return f"{semitones:+d}" if semitones else "0"


def durations(score: Score) -> Counts:
    """How long notes are, in quarters; all voices. Yang and Lerch's note length histogram, without its classes."""
    lengths = [line(score, voice).duration.tolist() for voice in range(len(score.parts))]
    return Counter(_quarters(ticks) for voice in lengths for ticks in voice)


@lru_cache(maxsize=NAMED)
def _quarters(ticks: int) -> str:
    return str(Fraction(ticks, TICKS_PER_QUARTER))


def onsets(score: Score) -> Counts:
    """Where in the bar notes begin, by meter, counted from 1 in the meter's written unit: ``4/4: 2 1/2``; all voices.

    A profile of metrical positions, as of D. Huron, *Sweet Anticipation* (2006).
    """
    bars, found = bars_of(score), Counter[str]()
    for voice in range(len(score.parts)):
        onset = line(score, voice).onset
        for tick, into in zip(onset.tolist(), bars.position(score, onset).tolist(), strict=True):
            meter = score.meter_at(tick)
            found[_place(meter.numerator, meter.denominator, into)] += 1
    return found


@lru_cache(maxsize=NAMED)
def _place(numerator: int, denominator: int, into: int) -> str:
    whole, part = divmod(Fraction(into * denominator, 4 * TICKS_PER_QUARTER), 1)
    return f"{numerator}/{denominator}: {whole + 1}" + (f" {part}" if part else "")


def _chords(score: Score) -> list[tuple[int, frozenset[int]]]:
    """On each beat the bass's degree and the pitch classes above it; -1 where all is silent."""
    ticks = beats(replace(score, repeats=(), sections=()))
    found: list[tuple[int, frozenset[int]]] = []
    for row in in_normal_key(score, ticks, sounding(score, ticks)).tolist():
        heard = [pitch for pitch in row if pitch != SILENT]
        bass = min(heard, default=-1)
        found.append((bass % 12 if heard else -1, frozenset((pitch - bass) % 12 for pitch in heard)))
    return found


def chord_types(score: Score) -> Counts:
    """What kind of chord sounds on each beat: its pitch classes above the lowest note, named where they have a name.

    The vertical structures whose frequencies G. Hadjeres, J. Sakellariou and F. Pachet compare in "Style imitation and
    chord invention in polyphonic music with exponential families" (2016), without their key and doublings.
    """
    found: Counts = Counter()
    for bass, above in _chords(score):
        if bass >= 0:
            chord = named(above)
            found[chord.kind if chord else "+".join(map(str, sorted(above)))] += 1
    return found


def chord_bigrams(score: Score) -> Counts:
    """From each beat's chord to the next beat's, where the chord changes: ``V7 I``; inversions are not told apart.

    Transitions as in a matrix of Yang and Lerch's, of roots above the tonic in force and kinds of chord.
    """
    chords = []
    for bass, above in _chords(score):
        chord = named(above)
        chords.append("" if bass < 0 else numeral(bass + chord.root, chord.quality) if chord else OTHER)
    return Counter(f"{first} {then}" for first, then in pairwise(chords) if first and then and first != then)


def phrase_ends(score: Score) -> Counts:
    """The degree that closes each phrase; of choirs the soprano's and the bass's: ``bass 5``.

    Phrases are every four bars, of choirs every two, and what is left at the end: fermatas and sections do not count,
    as composed pages have none. Where the piece has a pickup, all phrases but the last end as long before their bar
    line. The closing note is the last that begins before that.
    """
    ends = ends_of_phrases(score, _phrase(score))
    found: Counts = Counter()
    for voice in OUTER if len(score.parts) == len(CHOIR) else (0,):
        notes = line(score, voice)
        closing = np.searchsorted(notes.onset, ends, "left") - 1
        found.update(_singer(score, voice) + DEGREES[k] for k in notes.degree[closing[closing >= 0]].tolist())
    return found


def _singer(score: Score, voice: int) -> str:
    """What stands before values that are told apart by voice; nothing unless it is a choir."""
    return f"{CHOIR[voice].lower()} " if len(score.parts) == len(CHOIR) else ""


def _phrase(score: Score) -> int:
    return 2 if len(score.parts) == len(CHOIR) else 4


def form(score: Score) -> Counts:
    """The phrases as letters, ``abac``, at most eight of them: one count a piece. Of choirs the soprano's.

    Phrases are the whole ones of four bars (of choirs two), and like phrases have one letter: those that are the same
    at 70 % of their time. A piece shorter than a phrase has none. Letters for segments that recur are what all analysis
    of form writes down; here they are found by comparing notes, as in a self-similarity matrix (see below).
    """
    rows = phrase_rows(score, line(score), _phrase(score))
    return Counter([letters(rows[:MOST_PHRASES])] if len(rows) else [])


def eights(score: Score) -> Counts:
    """How each whole eight bars are built of phrases of two, ``abac``; of choirs each four bars, of phrases of one.

    Letters as in :func:`form`, and anew for each eight (four) bars, counted from the first bar line.
    """
    rows = phrase_rows(score, line(score), _phrase(score) // 2)
    return Counter(letters(rows[first : first + 4]) for first in range(0, len(rows) - 3, 4))


def self_similarity(score: Score) -> Counts:
    """For lags of 1 to 16 bars, the share of the top voice's bars that are the same as the bar so far before: the same
    rhythm and pitches from the tonic's pitch class.

    The diagonals of a self-similarity matrix (J. Foote, "Visualizing music and audio using self-similarity", 1999) of
    bars; S.-L. Wu and Y.-H. Yang read the structure of composed music from such a matrix of audio, "The Jazz
    Transformer on the front line" (ISMIR 2020).
    """
    codes = np.array(bar_codes(score, line(score)))
    found: Counts = Counter()
    for lag in LAGS:
        if lag < len(codes):
            found[f"{lag}"] = int((codes[lag:] == codes[:-lag]).sum())
            found[f"{OF}{lag}"] = len(codes) - lag
    return found


# --- the order of values in plots -------------------------------------------------------------------------------------


def _by_degree(value: str) -> tuple[int, int]:
    voice, _, degree = value.rpartition(" ")
    return SINGERS.index(voice), DEGREES.index(degree)


def _by_move(value: str) -> tuple[int, int]:
    voice, _, move = value.rpartition(" ")
    beyond = move.startswith((">", "<"))
    return SINGERS.index(voice), int(move.lstrip("<>")) * (2 if beyond else 1)


def _by_length(value: str) -> tuple[Fraction]:
    return (Fraction(value),)


def _by_place(value: str) -> tuple[str, Fraction]:
    meter, _, place = value.partition(": ")
    return meter, sum(map(Fraction, place.split()), Fraction(0))


# --- the table --------------------------------------------------------------------------------------------------------

ALL = (
    Statistic("pitch_classes", "Time on each degree", pitch_classes, _by_degree),
    Statistic("intervals", "Melodic intervals in semitones", intervals, _by_move),
    Statistic("durations", "Lengths of notes in quarters", durations, _by_length),
    Statistic("onsets", "Places in the bar where notes begin", onsets, _by_place),
    Statistic("phrase_ends", "Degrees that close phrases", phrase_ends, _by_degree),
    Statistic("form", "Form: phrases as letters", form),
    Statistic("eights", "How eight bars are built", eights),
    Statistic(
        "self_similarity", "Bars that are the same as so many bars before", self_similarity, _by_length, curve=True
    ),
)
CHOIRS = (
    Statistic("chord_types", "Chords on beats; without a name, as semitones above the bass", chord_types),
    Statistic("chord_bigrams", "Changes of chord from beat to beat", chord_bigrams),
)


def statistics(voices: int) -> tuple[Statistic, ...]:
    """The statistics of music in so many voices: of four also those of chords."""
    return (*ALL, *CHOIRS) if voices == len(CHOIR) else ALL


def traits(scores: Iterable[Score], voices: int) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Traits (P, F) of each score, and their names: rates, on which a piece's length has no bearing.

    Of one voice they are read with the written key and bar lines. Of a choir nothing depends on these: time counts in
    quarters from the start, and degrees from the key that is found in all its notes.
    """
    measure = choir_traits if voices == len(CHOIR) else tune_traits
    names = tuple(measure(Score.of([Part.of()] * voices)))
    rows = [list(measure(score).values()) for score in scores]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(names)), names
