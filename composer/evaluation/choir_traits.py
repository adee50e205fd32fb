"""The traits of a choir of four voices, as rates that do not grow with its length: what a classifier is told of it.

Nothing depends on bar lines or on the written key, as foils from elsewhere have neither of their own: time is counted
in quarters from the start, and degrees from the major or minor key that :func:`composer.analysis.find_key` finds.
Where there is nothing to measure a trait is 0.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from composer.analysis import find_key
from composer.evaluation.choir_habits import choir_habits
from composer.evaluation.harmony import NUMERALS, Named, named
from composer.evaluation.lines import DEGREES, Line, Ticks, line
from composer.evaluation.tune_traits import length_traits, mean, move_traits, share
from composer.score import Score
from composer.theory import TICKS_PER_QUARTER
from composer.voice_leading import (
    CHOIR,
    OCTAVE,
    SILENT,
    Breaks,
    Lines,
    Place,
    direct,
    every,
    neighbours,
    overlap,
    parallel,
)

VOICES = len(CHOIR)
NOWHERE = Place(np.full(1, -1), np.zeros(1, dtype=bool), np.zeros((1, 12), dtype=np.int64))  # parallels ask for none
KINDS = ("major", "major 6", "major 64", "minor", "minor 6", "minor 64", "diminished", "diminished 6", "dominant 7",
         "dominant 65", "dominant 43", "dominant 42", "minor 7", "minor 65", "minor 42", "major 7", "diminished 7",
         "half-diminished 7", "half-diminished 65", "suspended 4", "augmented",
         "open fifth")  # fmt: skip
VOICE_MOVES = ("repeated notes", "semitone steps up", "semitone steps down", "whole tone steps up",
               "whole tone steps down", "leaps", "mean move (semitones)", "turns", "steps that go on the same way",
               "leaps that are followed by a step back", "neighbour notes", "octaves up", "octaves down",
               "tritones", "fourths up", "fifths down", "leading tones that rise")  # fmt: skip
VOICE_LENGTHS = ("sixteenths", "eighths", "dotted eighths", "quarters", "dotted quarters", "halves")
ROUGH = (1, 2, 6, 10, 11)  # semitones above the bass, seconds, tritones and sevenths
WINDOW = 8  # quarters


class Beats(NamedTuple):
    """What sounds on each quarter on which all voices do: pitches (B, V), top first, and their chords (B,)."""

    number: Ticks  # (B,) of the quarter, from the start
    pitch: Ticks
    chord: list[Named | None]
    tonic: int

    @property
    def root(self) -> Ticks:
        """(B,) semitones above the tonic, -1 of chords without a name."""
        bass = self.pitch[:, -1].tolist()
        roots = [-1 if c is None else (b + c.root - self.tonic) % 12 for b, c in zip(bass, self.chord, strict=True)]
        return np.array(roots, dtype=np.int64)


def choir_traits(score: Score) -> dict[str, float]:
    """Every trait by its name, in a fixed order; the first four parts are measured."""
    voices = [line(score, voice) for voice in range(VOICES)]
    pitches, lengths = (np.concatenate([column[n] for column in voices]) for n in (1, 2))
    key = find_key(pitches, lengths)
    voices = [notes._replace(tonic=np.full(len(notes.onset), key.tonic_class)) for notes in voices]
    end = max(int(notes.offset.max(initial=1)) for notes in voices)
    beats = _beats(voices, end, key.tonic_class)
    lines = Lines.of(score)
    return {
        "minor (as found)": float(key.mode == "minor"),
        **_degrees(voices),
        **_voices(voices, end),
        **_rhythm(voices, end),
        **_chords(beats),
        **_progressions(beats),
        **_spacing(beats),
        **_leading(lines),
        **_figuration(voices, beats),
        **_ends(voices, beats),
        **_returns(voices[0], end),
        **choir_habits(voices, beats, end),
    }


def _beats(voices: list[Line], end: int, tonic: int) -> Beats:
    ticks = np.arange(0, end, TICKS_PER_QUARTER, dtype=np.int64)
    found = [notes.at(ticks) for notes in voices]
    full = np.logical_and.reduce([note >= 0 for note in found])
    pitch = np.column_stack([
        notes.pitch[note[full]] if len(notes.pitch) else np.zeros(0, dtype=np.int64)
        for notes, note in zip(voices, found, strict=True)
    ])  # fmt: skip
    chords = [named(frozenset((p - row[-1]) % 12 for p in row)) for row in pitch.tolist()]
    return Beats(np.flatnonzero(full), pitch, chords, tonic)


def _degrees(voices: list[Line]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, chosen in (("all voices", voices), ("the soprano", voices[:1]), ("the bass", voices[-1:])):
        weight = np.sum([np.bincount(notes.degree, notes.duration, minlength=12) for notes in chosen], axis=0)
        shares = weight / max(float(weight.sum()), 1.0)
        found |= {f"time on {degree}, {name}": float(shares[k]) for k, degree in enumerate(DEGREES)}
    return found


def _voices(voices: list[Line], end: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, notes in zip((name.lower() for name in CHOIR), voices, strict=True):
        moves, lengths = move_traits(notes), length_traits(notes.duration)
        found |= {f"{trait}, {name}": moves[trait] for trait in VOICE_MOVES}
        found |= {f"{trait}, {name}": lengths[trait] for trait in VOICE_LENGTHS}
        found[f"notes a quarter, {name}"] = len(notes.onset) * TICKS_PER_QUARTER / end
        found[f"range (semitones), {name}"] = float(np.ptp(notes.pitch)) if len(notes.pitch) else 0.0
        found[f"mean pitch, {name}"] = mean(notes.pitch)
        found[f"rests (share of time), {name}"] = 1 - float(notes.duration.sum()) / end
        found[f"longest note (quarters), {name}"] = float(notes.duration.max(initial=0)) / TICKS_PER_QUARTER
        struck = notes.onset % TICKS_PER_QUARTER
        found[f"notes on quarters, {name}"] = share(struck == 0)
        found[f"notes on sixteenths off the eighths, {name}"] = share(struck % (TICKS_PER_QUARTER // 2) != 0)
        found[f"notes held over a quarter, {name}"] = share(
            (struck != 0) & (struck + notes.duration > TICKS_PER_QUARTER)
        )
    return found


def _rhythm(voices: list[Line], end: int) -> dict[str, float]:
    onsets, struck = np.unique(np.concatenate([notes.onset for notes in voices]), return_counts=True)
    on = onsets % TICKS_PER_QUARTER == 0
    found = {f"onsets with {n} voices": share(struck == n) for n in range(1, VOICES + 1)}
    found |= {f"onsets with {n} voices, off the quarters": share(struck[~on] == n) for n in range(1, VOICES)}
    quarters = -(-end // TICKS_PER_QUARTER)
    found["quarters with no onset"] = 1 - len(np.unique(onsets // TICKS_PER_QUARTER)) / quarters
    found["quarters on which nothing is struck"] = max(1 - float(on.sum()) / quarters, 0.0)
    found["quarters with an onset on their half"] = (
        float((onsets % TICKS_PER_QUARTER == TICKS_PER_QUARTER // 2).sum()) / quarters
    )
    return found


def _chords(beats: Beats) -> dict[str, float]:
    kinds = np.array([chord.kind if chord else "" for chord in beats.chord], dtype=object)
    found = {f"beats with {kind} chords": share(kinds == kind) for kind in KINDS}
    found["beats with a chord that has no name"] = share(kinds == "")
    root = beats.root
    found |= {f"beats on {name}": share(root == k) for k, name in enumerate(NUMERALS)}
    classes = beats.pitch % 12
    above = (beats.pitch - beats.pitch[:, -1:]) % 12
    rough = np.any(np.isin(above, ROUGH), axis=1)
    found["beats that are consonant"] = share(~rough)
    outer = (beats.pitch[:, 0] - beats.pitch[:, -1]) % 12
    for name, sizes in {"thirds": (3, 4), "fifths": (7,), "sixths": (8, 9), "octaves": (0,), "fourths": (5,)}.items():
        found[f"outer voices in {name}"] = share(np.isin(outer, sizes))
    found["outer voices in seconds, sevenths or tritones"] = share(np.isin(outer, ROUGH))
    number = np.array([len(set(row)) for row in classes.tolist()])
    found |= {f"beats with {n} different notes": share(number == n) for n in (2, 3, 4)}
    found["beats with a doubled leading tone"] = share((classes == (beats.tonic - 1) % 12).sum(axis=1) > 1)
    triads = np.array([chord is not None and chord.quality in ("", "m") for chord in beats.chord], dtype=bool)
    tone = np.array([chord.root if chord else 0 for chord in beats.chord], dtype=np.int64)[:, None]
    of_root = (above - tone) % 12
    for name, sizes in {"root": (0,), "third": (3, 4), "fifth": (7,)}.items():
        found[f"triads with a doubled {name}"] = share((np.isin(of_root, sizes).sum(axis=1) > 1)[triads])
    found["triads without their fifth"] = share(((of_root == 7).sum(axis=1) == 0)[triads])
    return found


def _progressions(beats: Beats) -> dict[str, float]:
    root = beats.root
    next_to = np.diff(beats.number) == 1
    before, now = root[:-1], root[1:]
    known = next_to & (before >= 0) & (now >= 0)
    moved = known & (before != now)
    step = (now - before) % 12
    names = {"a fifth down": (5,), "a fifth up": (7,), "a second up": (1, 2), "a second down": (10, 11),
             "a third down": (8, 9), "a third up": (3, 4), "a tritone": (6,)}  # fmt: skip
    found = {f"roots that move {name}": share(np.isin(step, sizes)[moved]) for name, sizes in names.items()}
    found["chords that change with the beat"] = share((before != now)[known])
    same = np.all(beats.pitch[1:] == beats.pitch[:-1], axis=1)
    found["beats that repeat all pitches"] = share(same[next_to])
    for first, second in (
        (7, 0),
        (0, 7),
        (5, 0),
        (0, 5),
        (2, 7),
        (5, 7),
        (7, 9),
        (7, 8),
        (9, 2),
        (0, 9),
        (0, 2),
        (11, 0),
    ):
        found[f"{NUMERALS[first]} that goes to {NUMERALS[second]}"] = share((now == second)[moved & (before == first)])
    windows = [set(map(tuple, beats.pitch[k : k + WINDOW].tolist())) for k in range(0, len(root) - WINDOW + 1, 2)]
    found[f"different chords in {WINDOW} beats"] = mean(np.array([len(w) / WINDOW for w in windows]))
    windows = [set(root[k : k + WINDOW].tolist()) for k in range(0, len(root) - WINDOW + 1, 2)]
    found[f"different roots in {WINDOW} beats"] = mean(np.array([len(w) / WINDOW for w in windows]))
    return found


def _spacing(beats: Beats) -> dict[str, float]:
    gaps = beats.pitch[:, :-1] - beats.pitch[:, 1:]
    found: dict[str, float] = {}
    for upper, lower in neighbours(VOICES):
        pair = f"{CHOIR[upper].lower()} and {CHOIR[lower].lower()}"
        found[f"gap (semitones), {pair}"] = mean(gaps[:, upper])
        found[f"wider than an octave, {pair}"] = share(gaps[:, upper] > OCTAVE)
        found[f"unisons, {pair}"] = share(gaps[:, upper] == 0)
        found[f"crossed, {pair}"] = share(gaps[:, upper] < 0)
    return found


def _leading(lines: Lines) -> dict[str, float]:
    """Of pairs of voices that move at once: how, and which rules they break."""
    before, now = lines.before, lines.pitch
    together, contrary = 0, 0
    laws: dict[str, Breaks] = {"parallel fifths": partial(parallel, 7), "parallel octaves": partial(parallel, 0)}
    laws |= {"direct fifths": partial(direct, 7), "direct octaves": partial(direct, 0), "overlaps": overlap}
    broken = dict.fromkeys(laws, 0)
    pairs = every(len(now))
    for upper, lower in pairs:
        row = (before[upper], before[lower], now[upper], now[lower])
        both = np.logical_and.reduce([pitch < SILENT for pitch in row]) & (row[0] != row[2]) & (row[1] != row[3])
        together += int(both.sum())
        contrary += int((both & ((row[2] - row[0]) * (row[3] - row[1]) < 0)).sum())
        for name, law in laws.items():
            applies = {"direct": (upper, lower) == (0, len(now) - 1), "overlap": lower == upper + 1}
            if all(ok for kind, ok in applies.items() if name.startswith(kind)):
                broken[name] += int(law(NOWHERE, *row).sum())
    found = {f"{name} (of pairs that move)": count / max(together, 1) for name, count in broken.items()}
    found["contrary motion (of pairs that move)"] = contrary / max(together, 1)
    heard = (before < SILENT) & (now < SILENT)
    number = np.count_nonzero(heard & (before != now), axis=0)
    number = number[number > 0]
    found |= {f"moves of {n} voices at once": share(number == n) for n in range(1, VOICES + 1)}
    return found


def _figuration(voices: list[Line], beats: Beats) -> dict[str, float]:
    """Notes on the half of a quarter, and notes on it that were held or repeated from before it."""
    chords = {int(n): frozenset((row % 12).tolist()) for n, row in zip(beats.number, beats.pitch, strict=True)}
    rows = []
    for notes in voices:
        place = notes.onset % TICKS_PER_QUARTER
        for k in np.flatnonzero(place == TICKS_PER_QUARTER // 2).tolist():
            quarter = int(notes.onset[k]) // TICKS_PER_QUARTER
            if quarter in chords and 0 < k < len(notes.onset) - 1:
                foreign = int(notes.pitch[k]) % 12 not in chords[quarter]
                rows.append((foreign, int(notes.moves[k - 1]), int(notes.moves[k])))
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    outside, into, out = table[:, 0] > 0, table[:, 1], table[:, 2]
    stepwise = (np.abs(into) <= 2) & (np.abs(out) <= 2) & (into != 0) & (out != 0)
    return {
        "notes off the beat outside its chord": share(outside),
        "non-chord notes off the beat that pass by step": share((stepwise & (into * out > 0))[outside]),
        "non-chord notes off the beat that are neighbours": share((stepwise & (into * out < 0))[outside]),
        "non-chord notes off the beat left by leap": share((np.abs(out) > 2)[outside]),
        "non-chord notes off the beat reached by leap": share((np.abs(into) > 2)[outside]),
        "non-chord notes off the beat that are repeated": share((out == 0)[outside]),
        **_dissonances(voices, beats),
    }


def _dissonances(voices: list[Line], beats: Beats) -> dict[str, float]:
    """What becomes of voices that sound a second, tritone or seventh above the bass on a quarter."""
    rows = []
    ticks = beats.number * TICKS_PER_QUARTER
    bass = beats.pitch[:, -1]
    for voice, notes in enumerate(voices[:-1]):
        note = notes.at(ticks)
        rough = np.isin((beats.pitch[:, voice] - bass) % 12, ROUGH)
        for k in note[rough].tolist():
            prepared = notes.onset[k] % TICKS_PER_QUARTER != 0 or (k > 0 and notes.moves[k - 1] == 0)
            out = int(notes.moves[k]) if k < len(notes.moves) else 0
            rows.append((prepared, out))
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return {
        "dissonances with the bass that are prepared": share(table[:, 0] > 0),
        "dissonances with the bass that fall by step": share(np.isin(table[:, 1], (-1, -2))),
        "dissonances with the bass left by leap": share(np.abs(table[:, 1]) > 2),
    }


def _ends(voices: list[Line], beats: Beats) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, notes in (("soprano", voices[0]), ("bass", voices[-1])):
        found |= {f"{name} ends on {DEGREES[k]}": share(notes.degree[-1:] == k) for k in (0, 2, 4, 7)}
    last = [chord.kind if chord else "" for chord in beats.chord[-1:]]
    found["ends on a major chord"] = float(last == ["major"])
    found["ends on a minor chord"] = float(last == ["minor"])
    found["begins on the tonic chord"] = share(beats.root[:1] == 0)
    found["last note (quarters)"] = mean(voices[0].duration[-1:]) / TICKS_PER_QUARTER
    return found


def _returns(soprano: Line, end: int) -> dict[str, float]:
    """How much of the soprano's time is as some quarters before; 16ths are compared."""
    ticks = np.arange(0, end, TICKS_PER_QUARTER // 4, dtype=np.int64)
    note = soprano.at(ticks)
    pitch = np.where(note >= 0, np.append(soprano.pitch, -1)[note], -1)
    found = {
        f"soprano as {lag} quarters before": share(pitch[4 * lag :] == pitch[: -4 * lag]) for lag in (1, 2, 4, 8, 16)
    }
    beats = pitch[::4].tolist()
    windows = [set(pairwise(beats[k : k + 2 * WINDOW + 1])) for k in range(0, len(beats) - 2 * WINDOW, 4)]
    found[f"different pairs of notes in {2 * WINDOW} quarters of the soprano"] = mean(
        np.array([len(window) / (2 * WINDOW) for window in windows])
    )
    return found
