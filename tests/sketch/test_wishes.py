"""The table of wishes, and the words in which they are limited to bars and voices, or made soft."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sketch.accept import Heard

from composer.errors import UsageError
from composer.score import Part, Score
from composer.sketch import (
    REST,
    SYMBOLS,
    WISHES,
    Contour,
    Density,
    During,
    HalfCadence,
    Leap,
    MaxCopy,
    Preference,
    Range,
    Sketch,
    Unsyncopated,
    during,
)
from composer.sketch.wishes import FLAG, LISTS, from_text, on_page, properties, wanted, wished
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Ints

BAR = 4 * Q
EIGHT = Sketch.blank(bars=8).score
CHOIR = Sketch.blank(bars=8, voices=4).score
SIXTEEN = Sketch.blank(bars=16, key="D dorian").score


def ticks(score: Score, grid: int = Q // 4) -> Ints:
    return np.arange(0, score.end, grid, dtype=np.int32)


def said(sketch: Sketch) -> list[str]:
    return [str(wish) for wish in sketch.constraints]


# --- the table ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WISHES)
def test_every_example_is_a_wish_in_each_of_its_forms(name: str) -> None:
    wish = WISHES[name]
    value = {"true": True, "false": False}.get(wish.example, wish.example)
    made = wanted(name, value, SIXTEEN)
    assert made
    assert from_text(f"{name}={wish.example}", SIXTEEN) == made
    assert from_text(f"{name.replace('_', '-')}={wish.example}", SIXTEEN) == made
    assert wished(SIXTEEN, {name: value}) == made
    assert wished(SIXTEEN, {"wish": [{name: value}]}) == made
    if "array" in wish.schema["type"] and name != "half_cadence":
        assert wanted(name, wish.example.split(), SIXTEEN) == made
    assert Sketch.blank(bars=16, key="D dorian", **{name: value}).constraints[-len(made) :] == tuple(made)


@pytest.mark.parametrize("name", [name for name, wish in WISHES.items() if not wish.placed])
def test_every_wish_that_names_no_place_can_be_limited_and_softened(name: str) -> None:
    for made in from_text(f"bars 5-8 voice 1: {name}={WISHES[name].example} weight 2", SIXTEEN):
        assert isinstance(made, Preference)
        assert isinstance(made.wish, During)
        assert (made.weight, made.wish.first, made.wish.last, made.voice) == (2.0, 5, 8, 0)
        assert str(made) == f"rather bars 5-8: {made.wish.wish} (weight 2)"


@pytest.mark.parametrize("name", WISHES)
def test_machines_give_the_same_moves_for_equal_steps(name: str) -> None:
    for wish in from_text(f"{name}={WISHES[name].example}", SIXTEEN):
        machine = wish.automaton(ticks(SIXTEEN), SIXTEEN)
        if machine is None:
            continue
        for step in range(len(ticks(SIXTEEN))):
            moves = machine.start(step)
            assert moves.to.shape == moves.breaks.shape == (machine.size, SYMBOLS)
            assert moves.to.min() >= 0
            assert moves.to.max() < machine.size
        assert machine.start(1) is machine.start(2)
        assert machine.hold(1) is None
        assert machine.breaks_at_end().shape == (machine.size,)


def test_the_schema_of_wishes_is_json_and_says_their_examples() -> None:
    found = json.loads(json.dumps(properties()))
    assert list(found) == [*WISHES, *LISTS]
    assert all(entry["description"] for entry in found.values())
    assert all("examples" in found[name] for name in WISHES if WISHES[name].schema is not FLAG)


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("leap=7", "leap 7"),
        (" leap = 5th ", "leap 5th"),
        ("bars 5-8: contour=rising", "bars 5-8: contour rising"),
        ("bar 5: contour=rising", "bar 5: contour rising"),
        ("bars 1-4: density=2-4 weight 2", "rather bars 1-4: density 2-4 (weight 2)"),
        ("voice 1: range=F3:D5", "range F3:D5"),
        ("ends_on_tonic", "ends on the tonic"),
        ("ends-on-tonic weight 0.5", "rather ends on the tonic (weight 0.5)"),
        ("pins=1.1=D4", "pin 1.1=D4"),
        ("rhythm=1/8 1/8 1/4", "rhythm 1/8 1/8 1/4"),
        ("syncopation=false", "no syncopation"),
    ],
)
def test_wishes_are_told_as_they_are_written(text: str, words: str) -> None:
    assert [str(wish) for wish in from_text(text, EIGHT)] == [words]


def test_voices_have_numbers_and_names() -> None:
    assert [wish.voice for wish in from_text("voice 2: leap=5", CHOIR)] == [1]
    assert [wish.voice for wish in from_text("bars 1-2, voices alto, tenor: leap=5", CHOIR)] == [1, 2]
    assert [wish.voice for wish in from_text("starts_on_tonic", CHOIR)] == [3]
    assert [wish.voice for wish in from_text("ends_on=Am", CHOIR)] == [None]
    assert [wish.voice for wish in from_text("ends_on=A", CHOIR)] == [3]


def test_tables_texts_and_constraints_stand_side_by_side() -> None:
    sketch = Sketch.blank(
        bars=8,
        leap=None,
        syncopation=True,
        wish=["bars 1-2: leap=5", {"bars": "3-4", "leap": 5}, during(Leap(5), "bars 5-6")],
        prefer=["leap=3", {"leap": 3, "weight": 2.0}, Leap(3)],
    )
    assert said(sketch) == [
        "notes of the key",
        "bars 1-2: leap 5",
        "bars 3-4: leap 5",
        "bars 5-6: leap 5",
        "rather leap 3 (weight 1)",
        "rather leap 3 (weight 2)",
        "rather leap 3 (weight 1)",
    ]


def test_limiting_a_preference_keeps_it_one() -> None:
    assert during(Preference(Leap(5), 2.0), "bars 5-8") == Preference(During(Leap(5), 5, 8), 2.0)


def test_what_says_its_own_place_cannot_be_limited() -> None:
    with pytest.raises(UsageError, match="half cadence in bar 8: cannot be limited"):
        during(HalfCadence((8,)), "bars 1-4")


def test_nothing_is_said_of_cells_and_notes_outside_the_bars() -> None:
    wish = During(Range(60, 60), 2, 2)
    mask = wish.mask(ticks(EIGHT), EIGHT)
    assert mask is not None
    assert mask.start[:16].all()
    assert mask.start[32:].all()
    assert np.flatnonzero(mask.hold[16]).tolist() == np.flatnonzero(mask.start[31]).tolist() == [60, REST]
    assert During(Leap(5), 3, 4).mask(ticks(EIGHT), EIGHT) is None
    machine = During(Leap(5), 3, 4).automaton(ticks(EIGHT), EIGHT)
    assert machine is not None
    assert not machine.start(0).breaks.any()
    assert not machine.start(64).breaks.any()
    assert machine.start(32).breaks.any()


# --- what a sketch makes of them ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({}, ["notes of the key"]),
        ({"scale": "chromatic"}, ["scale chromatic"]),
        ({"pitch_classes": "C D"}, ["pitch classes C D"]),
        ({"only": "C4 D4"}, ["only C4 D4"]),
        ({"melody": "C4 F#4"}, ["melody C4 F#4"]),
        ({"avoid": "C4"}, ["notes of the key", "avoid C4"]),
        ({"prefer": ["scale=G"]}, ["notes of the key", "rather scale G (weight 1)"]),
        (
            {"wish": ["bars 3-4: scale=G"]},
            ["elsewhere notes of the key", "bars 3-4: scale G"],
        ),
    ],
)
def test_notes_belong_to_the_key_where_no_others_are_named(wishes: dict[str, object], words: list[str]) -> None:
    assert said(Sketch.blank(bars=8, **wishes)) == words


def test_other_notes_are_free_only_in_their_bars() -> None:
    sketch = Sketch.blank(bars=4, form="AB", meter="2/4", pickup="1/8", range="F4:G4", wish=["bars 3: scale=D"])
    cells = sketch.cells(0, ticks(sketch.score, Q // 2))
    home, away = [65, 67, REST], [66, 67, REST]
    found = [np.flatnonzero(row).tolist() for row in cells.start[7:14]]
    assert found == [home, home, away, away, away, away, home]


def test_a_scale_for_one_voice_leaves_the_others_theirs() -> None:
    sketch = Sketch.blank(bars=8, voices=2, wish=["voice 2: scale=G"])
    assert [(str(wish), wish.voice) for wish in sketch.constraints] == [("notes of the key", 0), ("scale G", 1)]


def test_a_range_for_one_voice_leaves_the_others_those_of_a_choir() -> None:
    sketch = Sketch.blank(bars=8, voices=4, wish=["voice 2: range=G3:C5"])
    ranges = [(str(wish), wish.voice) for wish in sketch.constraints if isinstance(wish, Range)]
    assert sorted(ranges, key=lambda pair: pair[1] or 0) == [
        ("range C4:A5", 0),
        ("range G3:C5", 1),
        ("range C3:A4", 2),
        ("range E2:D4", 3),
    ]


def test_spaces_around_a_name_do_not_matter() -> None:
    assert from_text("bars 2: leap = 5th", EIGHT) == from_text("bars 2:leap=5th", EIGHT)
    with pytest.raises(UsageError, match=r"^'leep' is not a wish"):
        from_text("bars 2: leep=5th", EIGHT)


def test_notes_may_belong_to_a_chord_outside_the_key() -> None:
    sketch = Sketch.blank(bars=2, chords="D7 | C", range="F4:G4")
    cells = sketch.cells(0, ticks(sketch.score))
    assert np.flatnonzero(cells.start[1]).tolist() == [65, 66, 67, REST]
    assert np.flatnonzero(cells.start[4]).tolist() == [66]
    assert np.flatnonzero(cells.start[17]).tolist() == [65, 67, REST]


def test_chords_and_fermatas_are_written_on_the_page() -> None:
    score = Sketch.blank(bars=8, chords="Dm7 | - | V7/V G", fermatas="4.3 8.1", wish=["bars 7-8: chords=F | I"]).score
    assert [(str(chord), chord.onset) for chord in score.chords] == [
        ("Dm7", 0),
        ("D7", 2 * BAR),
        ("G", 2 * BAR + 2 * Q),
        ("F", 6 * BAR),
        ("C", 7 * BAR),
    ]
    assert score.fermatas == (3 * BAR + 2 * Q, 7 * BAR)
    assert on_page(EIGHT, from_text("leap=5", EIGHT)) == EIGHT


def test_wishes_about_a_freed_region_are_about_its_bars() -> None:
    tune = Score.of([Part.of(np.arange(8) * BAR, [60, 90] * 4, [BAR] * 8)])
    sketch = Sketch.of(
        tune, "bars 3-4; bars 7", leap=5, pins="3.1=C4", chords="F", wish=["contour=arch", "bars 1: leap=2"]
    )
    assert said(sketch) == [
        "bars 3-4: leap 5",
        "bar 7: leap 5",
        "pin 3.1=C4",
        "bars 3-4: chords F",
        "bar 7: chords F",
        "bars 3-4: contour arch",
        "bar 7: contour arch",
        "bar 1: leap 2",
    ]
    assert [(str(chord), chord.onset // BAR) for chord in sketch.score.chords] == [("F", 2), ("F", 6)]
    assert said(Sketch.continuing(tune, 4, density="2-4")) == ["bars 9-12: density 2-4"]


def test_given_voices_are_not_judged() -> None:
    tune = Score.of([Part.of(np.arange(8) * BAR, [60, 90] * 4, [BAR] * 8)])
    sketch = Sketch.harmonizing(tune, 2, leap=5)
    assert list(sketch.wishes(0)) == []
    assert [str(wish) for wish in sketch.wishes(1)] == ["leap 5"]


# --- what musicians expect at the edges ---------------------------------------------------------------------------


def test_triplets_are_no_syncopation_but_must_not_hide_a_beat() -> None:
    third = Q // 3
    notes = [
        Heard(third, 60, third),
        Heard(third, 60, 2 * third),
        Heard(2 * third, 60, 2 * third),
        Heard(0, 60, 2 * third),
    ]
    lasts = Unsyncopated().lasts(np.array([n.onset for n in notes]), np.array([n.end for n in notes]), EIGHT)
    assert lasts.tolist() == [True, True, False, True]


def test_compound_beats_are_thirds_of_themselves() -> None:
    jig = Sketch.blank(bars=1, meter="6/8").score
    eighth, sixteenth = Q // 2, Q // 4
    start, end = np.array(
        [[0, eighth, eighth, sixteenth, 3 * sixteenth], [3 * eighth, 3 * eighth, 4 * eighth, eighth, 5 * sixteenth]]
    )
    assert Unsyncopated().lasts(start, end, jig).tolist() == [True, True, False, True, False]


def test_a_rhythm_asks_for_a_grid_that_can_write_it() -> None:
    (wish,) = from_text("rhythm=1/12", EIGHT)
    wish.mask(ticks(EIGHT, Q // 12), EIGHT)
    with pytest.raises(UsageError, match=r"cannot begin a note at bar 1, beat 1\.33"):
        wish.mask(ticks(EIGHT), EIGHT)


@given(st.integers(0, 12), st.integers(0, 12))
def test_densities_read_as_they_are_told(least: int, more: int) -> None:
    wish = Density(least, least + more)
    assert Density.parse(str(wish).removeprefix("density ")) == wish


def test_copies_are_counted_in_bars_or_notes() -> None:
    assert [MaxCopy.parse(text) for text in ("2bars", "1 bar", "12 notes")] == [
        MaxCopy(2, "bars"),
        MaxCopy(1, "bars"),
        MaxCopy(12, "notes"),
    ]
    assert [str(MaxCopy(1, "bars")), str(MaxCopy(12, "notes"))] == ["copy at most 1 bar", "copy at most 12 notes"]


# --- bad values ---------------------------------------------------------------------------------------------------

BAD: list[tuple[str, object, str]] = [
    ("range", "B5:D4", "range: 'B5:D4' is an empty range"),
    ("range", {"low": "D4"}, "write 'D4:B5'"),
    ("instrument", "kazoo", "not an instrument"),
    ("scale", "D foo", "not a scale"),
    ("pitch_classes", "D4", "not a pitch class"),
    ("avoid", "", "no notes are named"),
    ("only", "H4", "not a pitch"),
    ("chords", "Hm | G", "'Hm' is not a chord"),
    ("chords", "C | " * 9 + "C", "10 bars, and there are only 8"),
    ("chords", "C D E F G A B", "7 chords do not share bar 1"),
    ("chords", "C " * 10**6, "2000000 characters are too many"),
    ("chords", "I/I/I/I/I", "not a chord"),
    ("contour", "up", "write rising, falling or arch"),
    ("leap", -1, "'-1' is no leap"),
    ("leap", 1.5, "write '5th'"),
    ("leap", True, "write '5th'"),
    ("melody", "D4 " * 20_000, "1 to 2000 notes, not 20000"),
    ("rhythm", "1/8 0/8", "'0/8' is not a note value"),
    ("rhythm", "1/8 1/0", "'1/0' is not a note value"),
    ("rhythm", "1/8 1/8 | 1/4", "bar 1 of the rhythm lasts 1/4, the score's 1"),
    ("shortest", "8", "such as 1/8"),
    ("longest", "1/1000", "not a note value"),
    ("density", "9-3", "'9-3' is no density"),
    ("density", 10**30, "no density"),
    ("syncopation", "maybe", "syncopation: 'maybe' is neither true nor false"),
    ("starts_on_tonic", 3, "neither true nor false"),
    ("ends_on", "H", "neither note nor chord"),
    ("half_cadence", 99, "half_cadence: bar 99 lies outside the 8 written bars"),
    ("fermatas", "4.9", "bar 4 in 4/4 has no beat 9"),
    ("pins", "1.1", "write bar.beat=note"),
    ("pins", "1.1=D4 1.1.0=E4", "pin 1.1=D4 and pin 1.1.0=E4: a voice has one note at a time"),
    ("pins", "1.1=D4 " * 2_000, "2000 pins are too many"),
    ("max_copy", "0 bars", "write it as '2 bars' or '12 notes'"),
    ("forbid", "parallels, fifths", "'fifths' is no rule of voice leading; there are parallels, direct, crossings"),
    ("forbid", ",", "no rule of voice leading"),
    ("raneg", "D4:B5", "is it 'range'?"),
    ("x" * 10**6, "1", "is not a wish; there are range"),
    ("wish", "bars 9-10: leap=3", "bars 9-10 lies outside the 8 written bars"),
    ("wish", "bars 2-1: leap=3", "not a region"),
    ("wish", "leap", "write it as leap=5th"),
    ("wish", ": leap=3", "neither bars nor a voice"),
    ("wish", "bars x: leap=3", "neither bars nor a voice"),
    ("wish", "voice 9: leap=3", "'9' is no voice"),
    ("wish", "leap=3 weight inf", "'inf' is not a weight"),
    ("wish", "leap=3 weight -1", "'-1' is not a weight"),
    ("wish", "bars 1: pins=1.1=D4", "pins: cannot be limited to bars"),
    ("wish", "voice 1: max_copy=2 bars", "cannot be limited to a voice"),
    ("wish", "bars 1: forbid=parallels", "forbid: cannot be limited to bars"),
    ("wish", "voice 1: forbid=parallels", "cannot be limited to a voice"),
    ("wish", {"leap": 3, "range": "D4:B5"}, "says one thing"),
    ("wish", {5: 3}, "says one thing"),
    ("wish", [5], "'5' is not a wish"),
    ("wish", 5, "write a list of wishes"),
    ("wish", ["leap=3"] * 2_000, "at most 1000"),
    ("prefer", "max_copy=2 bars", "cannot be a preference"),
    ("prefer", "forbid=parallels", "cannot be a preference"),
    ("prefer", {"leap": 3, "weight": [1]}, "not a weight"),
]


@pytest.mark.parametrize(
    ("name", "value", "words"), BAD, ids=[f"{name[:20]}-{n}" for n, (name, _, _) in enumerate(BAD)]
)
def test_bad_wishes_get_one_line_that_says_what_to_write(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        Sketch.blank(bars=8, **{name: value})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@given(st.sampled_from(list(WISHES)), st.text("0123456789/.:-|=#b ADGIVivzmo", max_size=12))
def test_any_text_is_a_wish_or_one_line(name: str, text: str) -> None:
    assert all(line and "\n" not in line for line in lines_of(f"{name}={text}"))


def lines_of(text: str) -> list[str]:
    try:
        return [str(wish) for wish in from_text(text, EIGHT)]
    except UsageError as error:
        return [str(error)]


def test_contours_are_named() -> None:
    with pytest.raises(UsageError, match="not a contour"):
        Contour("sideways")


def test_a_line_that_does_not_move_has_no_contour_at_any_pitch() -> None:
    for shape, states in (("rising", 257), ("falling", 257), ("arch", 385)):
        ending = Contour(shape).automaton(ticks(EIGHT), EIGHT).breaks_at_end()
        assert ending.tolist() == [True] * (states - 128) + [False] * 128
