"""Names of pitches, keys, chords and meters, and the laws between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.errors import InvalidScore, UsageError
from composer.theory import (
    MODES,
    TICKS_PER_QUARTER,
    ChordSymbol,
    Key,
    Meter,
    Tempo,
    note_name,
    parse_name,
    parse_pitch,
    pitch_name,
    roman_chord,
    spelled,
)


@given(st.integers(-15, 19))
def test_note_names_and_spellings_are_inverse(spelling: int) -> None:
    assert spelled(note_name(spelling)) == spelling


@given(st.integers(12, 115), st.integers(-8, 12))
def test_pitch_names_say_pitch_and_spelling(pitch: int, tonic: int) -> None:
    spelling = (7 * pitch - tonic) % 12 + tonic
    if -15 <= spelling <= 19:
        assert parse_name(pitch_name(pitch, spelling)) == (pitch, spelling)


@pytest.mark.parametrize(
    ("text", "name", "signature"),
    [
        ("D dorian", "D dorian", 0),
        ("Ador", "A dorian", 1),
        ("E Minor", "E minor", 1),
        ("Gmix", "G mixolydian", 0),
        ("F#m", "F# minor", 3),
        ("Bb", "Bb major", -2),
        ("Clyd", "C lydian", 1),
        ("B phrygian", "B phrygian", 1),
        ("AM", "A major", 3),
        ("aeolian", None, None),
    ],
)
def test_keys_keep_their_mode(text: str, name: str | None, signature: int | None) -> None:
    if name is None:
        with pytest.raises(UsageError):
            Key.parse(text)
    else:
        assert (str(Key.parse(text)), Key.parse(text).signature) == (name, signature)


@given(st.sampled_from(list(MODES)), st.integers(-7, 7))
def test_scales_have_seven_notes_with_the_tonic(mode: str, signature: int) -> None:
    key = Key(signature + MODES[mode], mode)
    assert len(key.scale) == 7
    assert key.tonic_class in key.scale
    assert Key.parse(str(key)) == key


@given(st.integers(-7, 7))
def test_keys_spell_their_own_scale_without_accidentals(signature: int) -> None:
    key = Key(signature)
    spelled_scale = {int(s) for s in key.spell(sorted(key.scale))}
    assert spelled_scale == set(range(signature - 1, signature + 6))


def test_minor_keys_spell_their_leading_tone_sharp() -> None:
    assert note_name(int(Key.parse("D minor").spell(73))) == "C#"
    assert note_name(int(Key.parse("G minor").spell(66))) == "F#"


def test_minor_keys_raise_their_fourth_and_major_keys_lower_their_third() -> None:
    assert [note_name(int(Key.parse(key).spell(pitch))) for key, pitch in (("Em", 70), ("Cm", 66), ("Ephr", 75))] == [
        "A#",
        "F#",
        "D#",
    ]
    assert [note_name(int(Key.parse(key).spell(pitch))) for key, pitch in (("C", 63), ("Ddor", 63))] == ["Eb", "Eb"]


@pytest.mark.parametrize("text", ["C", "Am", "Bbmaj7/D", "F#dim", "G7/B", "Dsus4", "Ebm7b5"])
def test_chord_symbols_print_as_read(text: str) -> None:
    assert str(ChordSymbol.parse(text)) == text


def test_chords_know_their_notes() -> None:
    assert ChordSymbol.parse("G7/B").pitch_classes == {7, 11, 2, 5}
    assert ChordSymbol.parse("Dmin").pitch_classes == {2, 5, 9}


@pytest.mark.parametrize(
    ("text", "bar", "beat"), [("6/8", 3, 1.5), ("4/4", 4, 1), ("C|", 4, 2), ("9/8", 4.5, 1.5), ("3/8", 1.5, 1.5)]
)
def test_meters_know_bar_and_beat(text: str, bar: float, beat: float) -> None:
    meter = Meter.parse(text)
    assert (meter.bar, meter.beat) == (bar * TICKS_PER_QUARTER, beat * TICKS_PER_QUARTER)


@pytest.mark.parametrize("text", ["", "4", "4/3", "0/4", "999/4", "4/0", "x/y", "-3/4"])
def test_wrong_meters_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="meter"):
        Meter.parse(text)


@pytest.mark.parametrize("text", ["", "H4", "C", "C##########4", "C99", "G#9"])
def test_wrong_pitches_are_named(text: str) -> None:
    with pytest.raises(UsageError):
        parse_pitch(text)


@pytest.mark.parametrize("text", ["", "H", "Cfoo", "/G", "G/", "C/4"])
def test_wrong_chords_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="chord"):
        ChordSymbol.parse(text)


def test_impossible_tempos_are_refused() -> None:
    with pytest.raises(InvalidScore):
        Tempo(0)
    with pytest.raises(InvalidScore):
        Tempo(float("nan"))


@pytest.mark.parametrize(
    ("key", "numerals", "chords"),
    [
        ("C", "I ii iii IV V vi viio", "C Dm Em F G Am Bdim"),
        ("A minor", "i iio III iv v VI VII", "Am Bdim C Dm Em F G"),
        ("A minor", "V viio7 V7 bII6", "E G#dim7 E7 Bb/D"),
        ("D dorian", "i IV VII v", "Dm G C Am"),
        ("G mixolydian", "I VII bVII IV", "G F F C"),
        ("Bb", "I6 I64 V65 V43 V42 ii65", "Bb/D Bb/F F7/A F7/C F7/Eb Cm7/Eb"),
        ("C", "I7 ii7 IV7 V7 vii%7 viiø7 viio7 III+", "Cmaj7 Dm7 Fmaj7 G7 Bm7b5 Bm7b5 Bdim7 Eaug"),
        ("C", "V/V V7/ii viio/vi viio43/V V/V/V", "D A7 G#dim F#dim7/C A"),
        ("E", "V/V V7/iii", "F# D#7"),
        ("C", "bIII bVI #ivo", "Eb Ab F#dim"),
    ],
)
def test_roman_numerals_are_chords_of_their_key(key: str, numerals: str, chords: str) -> None:
    found = [roman_chord(numeral, Key.parse(key)) for numeral in numerals.split()]
    assert [str(chord) for chord in found] == chords.split()


@given(st.sampled_from(list(MODES)), st.integers(-7, 7), st.integers(0, 6))
def test_triads_without_sign_begin_on_the_scale(mode: str, signature: int, degree: int) -> None:
    key = Key(signature + MODES[mode], mode)
    numeral = ("I", "II", "III", "IV", "V", "VI", "VII")[degree]
    assert 7 * roman_chord(numeral, key).root % 12 in key.scale
    assert (ord(note_name(roman_chord(numeral, key).root)[0]) - ord(note_name(key.tonic)[0])) % 7 == degree


@pytest.mark.parametrize("text", ["", "VIII", "iV", "H", "V8", "V/", "/V", "I/I/I/I", "bbII", "V" * 1000])
def test_what_is_no_roman_numeral(text: str) -> None:
    with pytest.raises(UsageError, match="not a roman numeral"):
        roman_chord(text, Key(0))
