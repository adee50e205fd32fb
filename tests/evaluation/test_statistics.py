"""Every statistic says what can be counted by hand, moves when what it measures is broken, and is still otherwise."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from evaluation.tiny import (
    CHOIR,
    CHORDS,
    TUNE,
    A,
    B,
    Breaking,
    C,
    D,
    E,
    Q,
    backwards,
    choir,
    doubled,
    inverted,
    late,
    line_of,
    out_of_key,
    revoiced,
    shuffled,
    transposed,
    tune,
    unended,
)
from hypothesis import given
from hypothesis import strategies as st

from composer.evaluation.harmony import named, numeral
from composer.evaluation.lines import letters, line, phrase_rows
from composer.evaluation.statistics import ALL, CHOIRS, OF, Counts, Statistic, statistics
from composer.score import Part, Repeat, Score
from composer.theory import Key, Meter

BY_NAME = {statistic.name: statistic for statistic in (*ALL, *CHOIRS)}


def count(name: str, score: Score) -> Counts:
    return BY_NAME[name].count(score)


def shares(statistic: Statistic, score: Score) -> dict[str, Fraction]:
    """What two scores of different lengths can be compared by."""
    found = statistic.count(score)
    if statistic.curve:
        return {name: Fraction(found[name], found[OF + name]) for name in found if not name.startswith(OF)}
    return {name: Fraction(number, found.total()) for name, number in found.items()}


def moved(score: Score, breaking: Breaking) -> set[str]:
    """The statistics that say something else of a broken score."""
    broken = breaking(score)
    return {s.name for s in statistics(len(score.parts)) if shares(s, score) != shares(s, broken)}


# --- what is counted --------------------------------------------------------------------------------------------------


def test_degrees_weigh_by_time_and_from_the_key_in_force() -> None:
    score = tune(((67, 6), (71, 2)), ((74, 8),), key="G major")
    assert count("pitch_classes", score) == {"1": 6 * E, "3": 2 * E, "5": 8 * E}
    changing = replace(score, keys=(Key.parse("G major"), Key.parse("D major", 8 * E)))
    assert count("pitch_classes", changing) == {"1": 14 * E, "3": 2 * E}


def test_intervals_are_directed_clipped_and_of_each_voice() -> None:
    score = tune(((60, 1), (62, 1), (59, 1), (None, 1), (59, 1), (71, 1), (58, 1), (72, 1)))
    assert count("intervals", score) == {"+2": 1, "-3": 1, "0": 1, "+12": 1, "<-12": 1, ">+12": 1}
    assert count("intervals", choir(*CHORDS[:2])) == {"soprano 0": 1, "alto +2": 1, "tenor +1": 1, "bass +5": 1}


def test_lengths_are_fractions_of_quarters() -> None:
    score = tune(((60, 2 / 3), (62, 2 / 3), (64, 2 / 3), (65, 3), (67, 3)))
    assert count("durations", score) == {"1/3": 3, "3/2": 2}


def test_places_are_counted_in_the_meters_unit_and_a_pickup_ends_a_bar() -> None:
    score = tune(((67, 1),), ((67, 3), (69, 2), (71, 1)), meter="6/8", pickup=E)
    assert count("onsets", score) == {"6/8: 6": 2, "6/8: 1": 1, "6/8: 4": 1}
    assert count("onsets", tune(((67, 3), (69, 1)), meter="2/4")) == {"2/4: 1": 1, "2/4: 2 1/2": 1}
    changing = Score.of([line_of(((60, 2), (62, 2), (64, 2), (65, 4)))], meter=(Meter(2, 4), Meter(3, 4, onset=2 * Q)))
    assert count("onsets", changing) == {"2/4: 1": 1, "2/4: 2": 1, "3/4: 1": 1, "3/4: 2": 1}


def test_a_bar_in_two_pieces_is_one_bar() -> None:
    lines = np.array([0, 8, 14, 16, 24]) * E  # the third is the pickup of a second part
    score = replace(TUNE, parts=(line_of((*A, *A, *A)),), barlines=lines.astype(np.int32))
    assert count("self_similarity", score)["1"] == 2
    assert set(count("onsets", score)) == {"4/4: 1", "4/4: 2", "4/4: 2 1/2", "4/4: 3", "4/4: 4"}


def test_chords_are_named_above_the_bass() -> None:
    assert count("chord_types", choir(*CHORDS[:7])) == {"major": 4, "minor": 2, "dominant 65": 1}
    assert count("chord_types", choir((72, 67, 64, 52), (61, 60, 60, 60))) == {"major 6": 1, "0+1": 1}


def test_changes_of_chord_are_roman_numerals_whatever_the_key() -> None:
    expected = {"I IV": 1, "IV V": 1, "V I": 1, "I vi": 1, "vi ii": 1, "ii V7": 1, "V7 I": 1}
    assert count("chord_bigrams", choir(*CHORDS)) == expected
    assert count("chord_bigrams", choir(*CHORDS).transpose(3)) == expected
    assert count("chord_bigrams", choir(CHORDS[0], CHORDS[0], (61, 60, 60, 60))) == {"I other": 1}


@pytest.mark.parametrize(
    ("above", "kind", "roman"),
    [
        ({0, 4, 7}, "major", "I"),
        ({0, 3, 8}, "major 6", "bVI"),
        ({0, 5, 9}, "major 64", "IV"),
        ({0, 4}, "major", "I"),
        ({0, 4, 10}, "dominant 7", "I7"),
        ({0, 2, 6, 9}, "dominant 42", "II7"),
        ({0, 3, 6, 9}, "diminished 7", "io7"),
        ({0, 3, 5, 9}, "dominant 43", "IV7"),
        ({0, 4, 7, 9}, "minor 65", "vi7"),
        ({0, 5, 7}, "suspended 4", "Isus4"),
    ],
)
def test_names_of_chords(above: set[int], kind: str, roman: str) -> None:
    chord = named(frozenset(above))
    assert chord is not None
    assert (chord.kind, numeral(chord.root, chord.quality)) == (kind, roman)


def test_phrases_end_every_four_bars_before_the_pickup_of_the_next() -> None:
    assert count("phrase_ends", TUNE) == {"1": 2}
    upbeat = ((62, 2),)
    bars = [((67, 8),), ((69, 8),), ((71, 8),), ((72, 6), (62, 2)), ((74, 6),)]
    assert count("phrase_ends", tune(upbeat, *bars, pickup=Q)) == {"4": 1, "5": 1}
    short = ((67, 2), (69, 2), (71, 2))
    closed = tune(upbeat, *bars[:3], short, pickup=Q)
    assert count("phrase_ends", closed) == {"3": 1}, "a pickup is taken once out of the last bar"
    assert count("phrase_ends", tune(*bars)) == {"5": 2}, "without a pickup what stands before the bar line counts"
    assert count("phrase_ends", choir(*CHORDS[:7])) == {"soprano 2": 1, "bass 7": 1}


def test_forms_are_letters_of_phrases() -> None:
    assert (count("form", TUNE), count("eights", TUNE)) == ({"aa": 1}, {"abac": 1})
    assert count("form", tune(A, B, A, C, *[((60, 8),)] * 4, A, B, A, C)) == {"aba": 1}
    assert count("form", tune(A, B, A)) == {}, "shorter than a phrase"
    assert count("form", tune(*(((60 + bar // 4, 8),) for bar in range(40)))) == {"abcdefgh": 1}
    one_in_four, two_in_four = (((67, 2), (69, 2), (71, 2), (60, 2)), ((67, 2), (69, 2), (60, 2), (60, 2)))
    varied = tune(((67, 2), (69, 2), (71, 2), (72, 2)), two_in_four, one_in_four)
    assert letters(phrase_rows(varied, line(varied), 1)) == "aba"


def test_like_bars_are_found_at_their_lag() -> None:
    found = count("self_similarity", TUNE)
    assert {name: number for name, number in found.items() if number and not name.startswith(OF)} == {"2": 2, "4": 3}
    assert found["of 4"] == 4
    assert count("self_similarity", tune(*[A] * 20)) == {str(k): 20 - k for k in range(1, 17)} | {
        f"{OF}{k}": 20 - k for k in range(1, 17)
    }


# --- what moves, and what does not ------------------------------------------------------------------------------------

TIMING = {"durations", "onsets"}
SHAPE = {"form", "eights", "self_similarity"}
MOVED = {
    "tune": (TUNE, [
        (out_of_key, {"pitch_classes", "phrase_ends"}),
        (inverted, {"pitch_classes", "intervals"}),
        (doubled, {*TIMING, *SHAPE, "phrase_ends"}),
        (late, {"onsets", "self_similarity"}),
        (shuffled, {"intervals", "phrase_ends", *SHAPE}),
        (backwards, {"intervals", "onsets", "eights"}),
        (unended, {"pitch_classes", "intervals", "phrase_ends", "form", "self_similarity"}),
    ]),
    "choir": (CHOIR, [
        (out_of_key, {"pitch_classes", "phrase_ends", "chord_bigrams"}),
        (inverted, {"pitch_classes", "intervals", "chord_types", "chord_bigrams"}),
        (doubled, {*TIMING, *SHAPE}),
        (late, {"onsets", "self_similarity", "eights"}),
        (shuffled, SHAPE),
        (backwards, {"intervals", "eights", "chord_bigrams"}),
        (revoiced, {"pitch_classes", "intervals", "phrase_ends", "chord_types", "chord_bigrams"}),
        (unended, {"pitch_classes", "intervals", "phrase_ends", "eights", "chord_bigrams"}),
    ]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("score", "breaking", "expected"), [(score, *row) for score, rows in MOVED.values() for row in rows]
)
def test_what_is_broken_moves_what_measures_it_and_nothing_else(
    score: Score, breaking: Breaking, expected: set[str]
) -> None:
    assert moved(score, breaking) == expected


@pytest.mark.parametrize("score", [TUNE, CHOIR])
def test_every_statistic_is_moved_by_something(score: Score) -> None:
    rows = MOVED["choir" if score is CHOIR else "tune"][1]
    assert {name for _, names in rows for name in names} == {each.name for each in statistics(len(score.parts))}


def repeated(score: Score) -> Score:
    """With the marks of a page that composed music has none of."""
    end = int(score.barlines[2])
    return replace(score, repeats=(Repeat(0, end),), sections=(int(score.barlines[3]),), fermatas=(0, end))


@pytest.mark.parametrize("harmless", [transposed, repeated])
@pytest.mark.parametrize("score", [TUNE, CHOIR])
def test_transposing_key_and_all_and_marks_of_repeats_move_nothing(score: Score, harmless: Breaking) -> None:
    assert moved(score, harmless) == set()


# --- little or no music -----------------------------------------------------------------------------------------------

LITTLE = {
    "no notes": [],
    "one note": [(67, 2)],
    "rests and a note": [(None, 8), (67, 2)],
    "one bar": list(A),
}


@pytest.mark.parametrize("notes", LITTLE.values(), ids=LITTLE)
@pytest.mark.parametrize("voices", [1, 4])
def test_little_music_has_defined_counts(notes: list[tuple[int | None, float]], voices: int) -> None:
    score = Score.of([line_of(notes)] * voices, key="G major")
    for statistic in statistics(voices):
        found = statistic.count(score)
        assert all(number >= 0 for number in found.values()), statistic.name
        if not notes:
            assert not any(found.values()), statistic.name


def test_voices_that_are_silent_do_not_hide_the_others() -> None:
    score = replace(CHOIR, parts=(*CHOIR.parts[:2], Part.of(), CHOIR.parts[3]))
    assert count("pitch_classes", score).total() == 3 * CHOIR.end
    assert count("phrase_ends", score) == count("phrase_ends", CHOIR)
    assert count("phrase_ends", replace(score, parts=(Part.of(), *score.parts[1:]))) == {"bass 1": 2}
    assert count("chord_types", score)["major"] > 0


# --- plots ------------------------------------------------------------------------------------------------------------


def test_values_have_a_natural_order() -> None:
    def ordered(name: str, *values: str) -> list[str]:
        rank = BY_NAME[name].rank
        assert rank is not None
        return sorted(values, key=rank)

    assert ordered("pitch_classes", "7", "b3", "1", "#4") == ["1", "b3", "#4", "7"]
    assert ordered("intervals", ">+12", "+12", "0", "<-12", "-2") == ["<-12", "-2", "0", "+12", ">+12"]
    assert ordered("intervals", "bass -2", "soprano +2", "soprano -2") == ["soprano -2", "soprano +2", "bass -2"]
    assert ordered("durations", "1", "1/3", "3/2", "1/2") == ["1/3", "1/2", "1", "3/2"]
    assert ordered("onsets", "6/8: 1", "4/4: 10", "4/4: 2", "4/4: 2 1/2") == [
        "4/4: 2",
        "4/4: 2 1/2",
        "4/4: 10",
        "6/8: 1",
    ]
    assert ordered("phrase_ends", "bass 1", "soprano 5", "soprano 2") == ["soprano 2", "soprano 5", "bass 1"]
    assert ordered("self_similarity", "10", "2", "1") == ["1", "2", "10"]


@given(st.lists(st.sampled_from([A, B, C, D]), min_size=1, max_size=9), st.integers(-5, 6))
def test_transposition_moves_nothing_in_any_tune(bars: list[tuple[tuple[int, int], ...]], semitones: int) -> None:
    score = tune(*bars)
    higher = score.transpose(semitones)
    assert [s.count(score) for s in ALL] == [s.count(higher) for s in ALL]
