"""Rules of voice leading on hand-made bars: what must be found, and what must not."""

import numpy as np
import pytest
from hypothesis import given

from composer.errors import UsageError
from composer.score import Part, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Key, parse_name
from composer.voice_leading import KINDS, RULES, Mistake, comoving, mistakes, seventh, told
from strategies import scores

NAMES = ("Soprano", "Alto", "Tenor", "Bass")


def voice(text: str, name: str = "", unit: int = Q) -> Part:
    """Notes of a beat each; - holds, z rests, and + makes one half as long: C4+ D4+ E4 - z."""
    onset, rows = 0, list[list[int]]()
    for word in text.split():
        length = unit // 2 if word.endswith("+") else unit
        if word == "-":
            rows[-1][3] += length
        elif word.strip("+") != "z":
            rows.append([onset, *parse_name(word.strip("+")), length])
        onset += length
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Part.of(columns[0], columns[1], columns[3], spelling=columns[2], name=name)


def found(*voices: str, key: str = "C major") -> list[tuple[str, float, tuple[int, ...]]]:
    """Kind, beat from 0 and voices of each mistake."""
    score = Score.of([voice(text) for text in voices], key=key)
    return [(mistake.kind, mistake.tick / Q, mistake.voices) for mistake in mistakes(score)]


MUST = [
    ("parallel fifths", ("G4 A4", "C4 D4"), 1, (0, 1)),
    ("parallel fifths", ("G5 A5", "z z", "C4 D4"), 1, (0, 2)),  # a twelfth
    ("parallel fifths", ("A4 G4", "C4 C4", "D3 C3"), 1, (0, 2)),
    ("parallel fifths", ("G4 D5", "C4 G4"), 1, (0, 1)),  # by leaps
    ("parallel fifths", ("G4 A4+ B4+", "C4 D4+ D4+"), 1, (0, 1)),
    ("parallel octaves", ("C5 D5", "C4 D4"), 1, (0, 1)),
    ("parallel octaves", ("C4 D4", "C4 D4"), 1, (0, 1)),  # unisons
    ("parallel octaves", ("C6 B5", "E4 D4", "C4 B3"), 1, (0, 2)),
    ("direct fifths", ("E4 A4", "C4 D4"), 1, (0, 1)),
    ("direct octaves", ("G5 C5", "E5 E4", "D4 C4"), 1, (0, 2)),
    ("crossing", ("E4 C4", "C4 D4"), 1, (0, 1)),
    ("crossing", ("E4 E4", "D4 D4", "C4 F4"), 1, (1, 2)),
    ("overlap", ("G4 C4", "D4 C4"), 1, (0, 1)),
    ("overlap", ("C4 G4", "A3 E4"), 1, (0, 1)),
    ("spacing", ("C5 D5", "C4 C4", "A3 A3"), 1, (0, 1)),
    ("spacing", ("C5 C5", "G4 G4", "F#3 F#3", "E3 E3"), 0, (1, 2)),
    ("spacing", ("A4 A4", "E2 D2"), 0, (0, 1)),
    ("range", ("B5 A5", "A4 A4", "F4 F4", "D3 D3"), 0, (0,)),
    ("range", ("C5 C5", "G4 G4", "E4 E4", "E3 Eb2"), 1, (3,)),
    ("doubled leading tone", ("B4 C5", "G4 G4", "B3 C4"), 0, (0, 2)),
    ("doubled leading tone", ("E5 B4", "G4 B4"), 1, (0, 1)),
    ("unresolved seventh", ("F4 G4", "D4 E4", "B3 C4", "G2 C3"), 0, (0,)),
    ("unresolved seventh", ("F4 F4 A4", "B3 B3 C4", "G3 G2 F2"), 0, (0,)),  # kept, then left upwards
    ("augmented step", ("F4 G#4", "D4 D4"), 1, (0,)),
    ("augmented step", ("C5 C5", "Eb4 F#4"), 1, (1,)),
]
MUST_NOT = [
    ("parallel fifths", ("G4 F4", "C4 Bb4")),  # contrary
    ("parallel fifths", ("G4 G4", "C4 C4")),  # they stay
    ("parallel fifths", ("G4 A4", "C4 -")),  # one of them moves
    ("parallel fifths", ("G4 A4", "C4 D#4")),  # into a diminished fifth
    ("parallel fifths", ("G4 z A4", "C4 z D4")),
    ("parallel fifths", ("G4 A4+ B4+", "C4 C4+ D4+")),  # one after the other
    ("parallel fifths", ("C4 D4", "G4 F4")),
    ("parallel octaves", ("C5 D5", "C4 C3")),
    ("parallel octaves", ("C5 E5", "E4 E4")),
    ("direct fifths", ("G4 A4", "C4 D4")),  # they are parallel
    ("direct fifths", ("G4 A4", "B3 D4")),  # the upper voice steps
    ("direct fifths", ("E4 A4", "F4 D4")),  # contrary
    ("direct fifths", ("C5 C5", "E4 A4", "C4 D4", "C3 C3")),  # not the outer voices
    ("direct octaves", ("B4 C5", "G4 C4")),
    ("crossing", ("E4 D4", "C4 D4")),  # a unison
    ("crossing", ("E4 z", "C4 G4")),
    ("overlap", ("G4 E4", "D4 C4")),
    ("overlap", ("E4 C4", "C4 D4")),  # it is a crossing
    ("overlap", ("C5 A4", "A4 G4")),
    ("spacing", ("C5 C5", "C4 C4", "F2 F2")),  # an octave, a twelfth
    ("range", ("B5 A5", "A4 A4", "F4 F4")),  # three voices are no choir
    ("range", ("A5 C4", "D5 F3", "A4 C3", "D4 E2")),
    ("doubled leading tone", ("B4+ C5+", "G4+ B4+")),
    ("doubled leading tone", ("E4+ B4+ C5", "G3+ B3+ C4")),  # off the beat
    ("unresolved seventh", ("F4 E4", "D4 C4", "B3 C4", "G2 C3")),
    ("unresolved seventh", ("F4 F4 E4", "B3 B3 C4", "G3 G2 C3")),
    ("unresolved seventh", ("F4+ D4+ E4", "B3 C4", "G3 C3")),  # after an ornament
    ("unresolved seventh", ("G4+ F4+ G4", "D4 E4", "B3 C4", "G3 C3")),  # it passes
    ("unresolved seventh", ("F4", "D4", "B3", "G2")),  # the end
    ("augmented step", ("F4 Ab4", "D4 D4")),
    ("augmented step", ("F4 B4", "D4 D4")),  # a leap
]


@pytest.mark.parametrize(("kind", "voices", "beat", "who"), MUST)
def test_it_is_found(kind: str, voices: tuple[str, ...], beat: float, who: tuple[int, ...]) -> None:
    assert (kind, beat, who) in found(*voices)


@pytest.mark.parametrize(("kind", "voices"), MUST_NOT)
def test_it_is_not_found(kind: str, voices: tuple[str, ...]) -> None:
    assert kind not in [mistake[0] for mistake in found(*voices)]


def test_every_kind_is_tested() -> None:
    assert {row[0] for row in MUST} == {row[0] for row in MUST_NOT} == set(KINDS)
    assert {law.kind for laws in RULES.values() for law in laws} == set(KINDS) - {"range", "unresolved seventh"}


def test_a_lasting_mistake_is_told_once() -> None:
    crossed = found("C4 D4 G4 C4", "E4 F4 E4 E4")
    assert [beat for kind, beat, _ in crossed if kind == "crossing"] == [0, 3]


def test_minor_keys_have_the_raised_seventh_and_the_key_may_change() -> None:
    assert [m[0] for m in found("G#4 A4", "G#3 A3", key="A minor")][:1] == ["doubled leading tone"]
    assert "doubled leading tone" not in [m[0] for m in found("G4 A4", "G3 E3", key="A minor")]
    score = Score.of([voice("B4 B4"), voice("B3 B3")], key=[Key(2), Key(0, onset=Q)])
    assert [(m.kind, m.tick) for m in mistakes(score)] == [("doubled leading tone", Q)]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [("G B D F", "F"), ("G B F", "F"), ("B D F A", "A"), ("D F A C", "C"), ("C E G B", "B"), ("B D F Ab", "Ab")],
)
def test_sevenths_of_chords(classes: str, expected: str) -> None:
    numbers = frozenset(parse_name(f"{name}4")[0] % 12 for name in classes.split())
    assert seventh(numbers, 11) == parse_name(f"{expected}4")[0] % 12


@pytest.mark.parametrize("classes", [{0, 4, 7}, {0, 4, 7, 9, 2}, {0, 5, 7}, {0, 3, 10}, {1, 4, 7, 10}, set()])
def test_other_chords_have_none(classes: set[int]) -> None:
    assert seventh(frozenset(classes), 11) in (None, 9 if classes == {1, 4, 7, 10} else None)


def test_notes_in_a_part_are_a_line() -> None:
    """Of notes at once the top one counts; drums and the empty say nothing."""
    chord = Part.of([0, 0, Q], [60, 67, 69], [Q, Q, Q])
    drums = Part.of([0, Q], [67, 69], [Q, Q], drums=True)
    score = Score.of([chord, Part.of(), drums, Part.of([0, Q], [60, 62], [Q, Q])])
    assert mistakes(score) == [Mistake("parallel fifths", Q, (0, 3))]
    assert comoving(score) == 1
    assert mistakes(Score.of([])) == mistakes(Score.of([Part.of()])) == []
    with pytest.raises(UsageError, match="at most 16"):
        mistakes(Score.of([Part.of()] * 17))


def test_it_is_told_with_its_place_and_voices() -> None:
    texts = zip(
        ("C5 z z z z G4 A4 A4", "C4 - - - - - - -", "C3 - - - - - - -", "C3 z z z z C3 D3 D3"), NAMES, strict=True
    )
    score = Score.of([voice(text, name) for text, name in texts])
    fifths = next(mistake for mistake in mistakes(score) if mistake.kind == "parallel fifths")
    assert told(fifths, score) == "bar 2, beat 3: parallel fifths, soprano and bass"
    unnamed = Score.of([voice("G4 A4"), voice("C4 D4")])
    assert told(mistakes(unnamed)[0], unnamed) == "bar 1, beat 2: parallel fifths, voice 1 and voice 2"


STRAF = (  # J. S. Bach, Straf' mich nicht in deinem Zorn (BWV 115.6), bars 5 to 8
    "D5 - A4 - B4 - - - E5 - - D5 C#5 - - - D5 - A4 - B4 C#5 D5 - D5 - C#5 - D5 - - -",
    "A4 G4 F#4 A4 G4 - - - E4 - - - E4 - - - A4 - A4 - A4 G4 F#4 - E4 - E4 - F#4 - - -",
    "D4 - D4 - D4 - - - B3 A3 G#3 B3 A3 - - - D4 E4 F#4 - F#4 E4 D4 C#4 B3 - A3 - A3 - - -",
    "F#3 E3 D3 F#3 G3 - - - G#3 F#3 E3 G#3 A3 - - - F#3 E3 D3 F#3 G3 A3 B3 A3 G3 E3 A3 - D3 - - -",
)


def test_four_bars_of_bach() -> None:
    """Judged by hand; he leads the inner voices into a fifth where a phrase begins."""
    score = Score.of([voice(text, name, Q // 2) for text, name in zip(STRAF, NAMES, strict=True)], key="G")
    assert [told(mistake, score) for mistake in mistakes(score)] == [
        "bar 1, beat 2: direct fifths, soprano and bass",
        "bar 3, beat 1: parallel fifths, alto and tenor",
        "bar 3, beat 2: direct fifths, soprano and bass",
    ]


@given(scores())
def test_any_score_is_judged_and_transposes(score: Score) -> None:
    judged = mistakes(score)
    assert judged == sorted(judged, key=lambda mistake: mistake.tick)
    assert all(
        told(mistake, score).count(":") == 1 for mistake in judged if not any(":" in p.name for p in score.parts)
    )
    high = max((int(part.pitch.max()) for part in score.parts if len(part)), default=0)
    if high < 127 and not any(part.drums for part in score.parts):
        moved = [mistake for mistake in mistakes(score.transpose(1)) if mistake.kind != "range"]
        kinds = [mistake for mistake in judged if mistake.kind != "range"]
        assert moved == kinds
