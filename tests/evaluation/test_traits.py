"""Traits say what can be counted by hand, and do not hang on what a classifier must not be told."""

from dataclasses import replace

import numpy as np
import pytest
from evaluation.tiny import (
    CHOIR,
    CHORDS,
    TUNE,
    A,
    Breaking,
    Q,
    backwards,
    changed,
    choir,
    doubled,
    inverted,
    late,
    line_of,
    out_of_key,
    revoiced,
    shuffled,
    tune,
)

from composer.evaluation.statistics import traits
from composer.score import Part, Repeat, Score

REGISTER = "mean pitch"  # what a transposition may move


def of(score: Score) -> dict[str, float]:
    found, names = traits([score], len(score.parts))
    return dict(zip(names, found[0].tolist(), strict=True))


def random_tune(rng: np.random.Generator) -> Score:
    """A walk on all twelve notes, in lengths from a 16th to five quarters, with rests."""
    notes: list[tuple[int | None, float]] = []
    pitch, lowest = 67, int(rng.integers(50, 62))
    for length in rng.choice([0.5, 2 / 3, 1, 4 / 3, 1.5, 2, 3, 4, 6, 8, 10], 60):
        pitch = int(np.clip(pitch + rng.choice([*range(-14, 15)]), lowest, 88))
        notes.append((None if rng.random() < 0.1 else pitch, float(length)))
    bars = [list(notes[:30]), list(notes[:30]), list(notes)]
    return tune(*bars, key=str(rng.choice(["C major", "E minor", "D dorian"])))


def random_choir(rng: np.random.Generator, quarters: int = 48) -> Score:
    """Chords of random notes of each voice's range, each voice in its own rhythm."""
    parts = []
    for low in (62, 57, 50, 42):
        notes: list[tuple[int | None, float]] = []
        while sum(length for _, length in notes) < quarters:
            length = float(rng.choice([0.25, 0.5, 0.5, 0.75, 1, 1, 1, 1.5, 2]))
            notes.append((None if rng.random() < 0.02 else int(low + rng.integers(0, 14)), length))
        parts.append(line_of(notes, Q))
    return Score.of(parts)


def chorale_like(rng: np.random.Generator) -> Score:
    """Named chords of three or four notes, close or wide, in the rhythm of one quarter a chord."""
    qualities = [(0, 4, 7), (0, 3, 7), (0, 3, 6), (0, 4, 8), (0, 4, 7, 10), (0, 3, 7, 10), (0, 4, 7, 11), (0, 3, 6, 9),
                 (0, 3, 6, 10), (0, 5, 7), (0, 7)]  # fmt: skip
    rows = []
    for _ in range(48):
        root, quality = int(rng.integers(0, 12)), qualities[rng.integers(0, len(qualities))]
        classes = [quality[k % len(quality)] for k in rng.permutation(4)]
        rows.append(tuple(low + (root + c - low) % 12 for low, c in zip((64, 57, 50, 42), classes, strict=True)))
    return choir(*rows)


def longer(score: Score, times: int) -> Score:
    """The same again and again."""
    return score.rearranged([(0, score.end)] * times)


def halting(rng: np.random.Generator) -> Score:
    """Every eighth quarter two quarters longer."""
    length, more = 8 * Q, 2 * Q

    def held(part: Part) -> Part:
        longer = part.duration + more * (part.offset % length == 0)
        return Part.of(part.onset + more * (part.onset // length), part.pitch, longer)

    return Score.of(map(held, chorale_like(rng).parts))


RNG = np.random.default_rng(1)
TUNES = [TUNE, *(random_tune(RNG) for _ in range(60))]
CHOIRS = [CHOIR, *(make(RNG) for make in (random_choir, halting, chorale_like) for _ in range(40))]
PIECES = [*TUNES[:4], *CHOIRS[:4], *CHOIRS[-2:]]


# --- what holds of all ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [TUNES, CHOIRS], ids=["tunes", "choirs"])
def test_no_trait_is_dead_and_all_are_finite(pieces: list[Score]) -> None:
    found, names = traits(pieces, len(pieces[0].parts))
    assert found.shape == (len(pieces), len(names))
    assert len(set(names)) == len(names)
    assert np.isfinite(found).all()
    assert [name for name, column in zip(names, found.T, strict=True) if np.ptp(column) == 0] == []


@pytest.mark.parametrize("score", PIECES)
@pytest.mark.parametrize("semitones", [5, -3])
def test_transposition_moves_the_register_alone(score: Score, semitones: int) -> None:
    before, after = of(score), of(score.transpose(semitones))
    for name, value in before.items():
        wanted = value + semitones if name.startswith(REGISTER) and "above" not in name else value
        assert after[name] == pytest.approx(wanted), name


@pytest.mark.parametrize("score", CHOIRS[:3])
def test_of_choirs_neither_key_nor_bar_lines_nor_meter_are_read(score: Score) -> None:
    assert of(Score.of(score.parts, meter="3/4", key="Eb minor", pickup=Q)) == of(score)
    assert of(Score.of(score.parts, meter="12/8")) == of(score)


@pytest.mark.parametrize("score", PIECES)
def test_marks_that_composed_pages_have_none_of_are_not_read(score: Score) -> None:
    end, middle = (int(score.barlines[bar]) for bar in (1, 2))
    marked = replace(score, repeats=(Repeat(0, end),), sections=(middle,), fermatas=(0,))
    assert of(marked) == of(score)


@pytest.mark.parametrize("score", PIECES)
def test_length_has_no_bearing(score: Score) -> None:
    """The same music four times or twelve times."""
    short, long = of(longer(score, 4)), of(longer(score, 12))
    for name in short.keys() - {"highest note comes at (share of notes)"}:
        assert long[name] == pytest.approx(short[name], abs=0.04, rel=0.02), name


LITTLE = [[], [(67, 2)], [(None, 8), (67, 2)], list(A), [*A, *A]]


@pytest.mark.parametrize("notes", LITTLE)
@pytest.mark.parametrize("voices", [1, 4])
def test_little_music_has_traits(notes: list[tuple[int | None, float]], voices: int) -> None:
    found, names = traits([Score.of([line_of(notes)] * voices)], voices)
    assert found.shape == (1, len(names))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("voices", [1, 4])
def test_no_music_has_names(voices: int) -> None:
    found, names = traits([], voices)
    assert found.shape == (0, len(names))
    assert len(names) > 100


def test_a_silent_voice_leaves_the_others_traits() -> None:
    score = replace(CHOIR, parts=(*CHOIR.parts[:2], Part.of(), CHOIR.parts[3]))
    assert of(score)["notes a quarter, soprano"] == 1
    assert of(score)["rests (share of time), tenor"] == 1


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_tunes_traits_by_hand() -> None:
    found = of(tune(((67, 2), (69, 1), (71, 1), (74, 2), (67, 2)), ((66, 2), (67, 4), (None, 2))))
    expected = {
        "time on 1": 8 / 14,
        "whole tone steps up": 2 / 6,
        "minor thirds up": 1 / 6,
        "fifths down": 1 / 6,
        "semitone steps up": 1 / 6,
        "leaps": 1 / 6,
        "leaps that are followed by a step back": 0,
        "turns": 2 / 5,
        "leading tones that rise": 1,
        "eighths": 2 / 7,
        "halves": 1 / 7,
        "notes a quarter": 7 / 8,
        "rests (share of time)": 1 / 8,
        "longest note (quarters)": 2,
        "range (semitones)": 8,
        "lowest note is 7": 1,
        "notes on the first beat": 2 / 7,
        "first beats on 1": 1 / 2,
        "begins on 1": 1,
        "ends on 1": 1,
        "last move (semitones)": 1,
        "bars the same as 1 before": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_a_choirs_traits_by_hand() -> None:
    found = of(choir(*CHORDS))
    expected = {
        "beats with major chords": 5 / 8,
        "beats with minor chords": 2 / 8,
        "beats with dominant 65 chords": 1 / 8,
        "beats on I": 3 / 8,
        "V that goes to I": 1,
        "I that goes to IV": 1 / 2,
        "roots that move a fifth down": 5 / 7,
        "beats that are consonant": 7 / 8,
        "triads with a doubled root": 1,
        "soprano ends on 1": 1,
        "ends on a major chord": 1,
        "begins on the tonic chord": 1,
        "octaves down, bass": 0,
        "quarters, tenor": 1,
        "parallel fifths (of pairs that move)": 0,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_parallels_crossings_and_doubled_leading_tones_are_rates() -> None:
    up = choir((72, 67, 64, 48), (74, 69, 66, 50), (72, 67, 64, 48))
    assert of(up)["parallel octaves (of pairs that move)"] == pytest.approx(1 / 6)
    assert of(up)["parallel fifths (of pairs that move)"] == pytest.approx(1 / 6)
    crossed = choir(*((s, t, a, b) for s, a, t, b in CHORDS))
    assert of(crossed)["crossed, alto and tenor"] == 1
    assert of(choir(*CHORDS, (71, 67, 59, 43)))["beats with a doubled leading tone"] == pytest.approx(1 / 9)


def test_suspensions_and_passing_notes() -> None:
    soprano = line_of([(72, 1), (71, 0.5), (69, 0.5), (67, 2)], Q)
    score = Score.of([soprano, *(line_of([(pitch, 4)], Q) for pitch in (64, 60, 48))])
    assert of(score)["notes off the beat outside its chord"] == 1
    assert of(score)["non-chord notes off the beat that pass by step"] == 1
    held = Score.of([
        line_of([(72, 2), (71, 2)], Q), line_of([(67, 4)], Q), line_of([(64, 1), (62, 3)], Q),
        line_of([(48, 1), (50, 1), (43, 2)], Q),
    ])  # fmt: skip
    assert of(held)["dissonances with the bass that fall by step"] > 0


# --- broken on purpose ------------------------------------------------------------------------------------------------


def scrambled(score: Score) -> Score:
    """Every second chord's upper voices exchange their octaves."""
    return changed(score, lambda part: Part.of(part.onset, part.pitch + 12 * (np.arange(len(part)) % 2), part.duration))


@pytest.mark.parametrize(
    ("score", "breaking", "names"),
    [
        (TUNE, out_of_key, ["time on b2", "notes outside the scale", "ends on 1", "first beats on 1"]),
        (TUNE, inverted, ["whole tone steps up", "minor thirds down", "last note below the highest (semitones)"]),
        (TUNE, doubled, ["eighths", "notes a quarter", "notes on the first beat", "bars the same as 4 before"]),
        (TUNE, late, ["notes on beats", "bars whose first beat is struck", "notes on the first beat"]),
        (TUNE, shuffled, ["bars the same as 4 before", "bars the same as 1 before",
                          "bars in the same rhythm as 2 before"]),
        (TUNE, backwards, ["last note's length (of the mean)", "minor thirds up", "leading tones that rise"]),
        (TUNE, scrambled, ["leaps", "octaves up", "range (semitones)", "mean move (semitones)",
                           "steps that go on the same way"]),
        (CHOIR, revoiced, ["beats with major chords", "gap (semitones), tenor and bass", "outer voices in octaves"]),
        (CHOIR, late, ["notes on quarters, soprano", "quarters with an onset on their half"]),
        (CHOIR, doubled, ["halves, bass", "notes a quarter, alto", "beats that repeat all pitches"]),
        (CHOIR, inverted, ["beats on V", "fourths up, bass", "beats with dominant 65 chords"]),
        (CHOIR, backwards, ["roots that move a fifth down", "I that goes to IV"]),
        (CHOIR, scrambled, ["leaps, soprano", "contrary motion (of pairs that move)"]),
    ],
)  # fmt: skip
def test_what_is_broken_moves_the_traits_that_measure_it(score: Score, breaking: Breaking, names: list[str]) -> None:
    before, after = of(score), of(breaking(score))
    assert [name for name in names if abs(before[name] - after[name]) < 0.01] == []
