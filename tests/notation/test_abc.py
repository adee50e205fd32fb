"""The ABC language, construct by construct: what each piece of text says."""

from __future__ import annotations

import time
from typing import Any

import pytest

from composer.errors import ReadError
from composer.io.abc import loads, tunes
from composer.score import Annotation, Ending, Repeat, Score
from composer.theory import TICKS_PER_QUARTER as Q
from composer.theory import Meter, Tempo, note_name

EIGHTH = Q // 2


def tune(body: str, *, key: str = "C", meter: str = "4/4", unit: str = "1/8", extra: str = "") -> Score:
    """A tune of this body; ``extra`` are more header lines, each ending in a line break."""
    return loads(f"X:1\nT:Test\nM:{meter}\nL:{unit}\n{extra}K:{key}\n{body}\n".encode(), "t.abc")


def heard(body: str, **header: str) -> list[tuple[int, float]]:
    """Pitches and durations in eighths, repeats folded."""
    return [(note.pitch, note.duration / EIGHTH) for note in tune(body, **header).parts[0]]


def pitches(body: str, **header: str) -> list[int]:
    return [pitch for pitch, _ in heard(body, **header)]


def lengths(body: str, **header: str) -> list[float]:
    return [length for _, length in heard(body, **header)]


def marks(score: Score, kind: str) -> list[tuple[int, str]]:
    return [(mark.onset, mark.text) for mark in score.parts[0].annotations if mark.kind == kind]


# --- the header ------------------------------------------------------------------------------------------------------


def test_fields_become_metadata_and_the_first_title_is_the_title() -> None:
    fields = "T:Another name\nC:Trad.\nR:Slip Jig\nO:Ireland\nS:A fiddler\nB:A book\nN:A note\nZ:A hand\n"
    metadata = tune("C", extra=fields).metadata
    assert metadata["title"] == "Test"
    wanted = {"composer": "Trad.", "rhythm": "slip jig", "origin": "Ireland", "source": "A fiddler"}
    wanted |= {"book": "A book", "notes": "A note", "transcription": "A hand"}
    assert wanted.items() <= metadata.items()


def test_entities_in_words() -> None:
    assert tune("C", extra="C:O&apos;Neill &amp; Co\n").metadata["composer"] == "O'Neill & Co"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("D dor", "D dorian"),
        ("Ddor", "D dorian"),
        ("Ador", "A dorian"),
        ("Amix", "A mixolydian"),
        ("Glyd", "G lydian"),
        ("Bphr", "B phrygian"),
        ("F#loc", "F# locrian"),
        ("G Minor", "G minor"),
        ("EMin", "E minor"),
        ("Am", "A minor"),
        ("AM", "A minor"),
        ("AMix", "A mixolydian"),
        ("A aeolian", "A minor"),
        ("C ionian", "C major"),
        ("F#m", "F# minor"),
        ("Bb", "Bb major"),
        ("Eb major", "Eb major"),
        ("HP", "A mixolydian"),
        ("Hp", "A mixolydian"),
        ("none", "C major"),
        ("D % two sharps", "D major"),
        ("G clef=bass", "G major"),
    ],
)
def test_keys(text: str, key: str) -> None:
    assert str(tune("C", key=text).key) == key


def test_a_key_alters_the_letters_and_can_be_altered() -> None:
    assert pitches("FC", key="D") == [66, 61]
    assert pitches("BEA", key="Eb") == [70, 63, 68]
    assert pitches("FGc", key="D mix ^G =c") == [66, 68, 72]
    assert pitches("FC", key="D exp ^c") == [65, 61]


@pytest.mark.parametrize(
    ("text", "meter"), [("C", (4, 4)), ("C|", (2, 2)), ("6/8", (6, 8)), ("2+3/8", (5, 8)), ("(2+3)/8", (5, 8))]
)
def test_meters(text: str, meter: tuple[int, int]) -> None:
    found = tune("C8", meter=text).meter
    assert (found.numerator, found.denominator) == meter


@pytest.mark.parametrize("text", ["none", "FREI4/4", "2/2]", "6/8 % compound"])
def test_unusual_meters_are_read(text: str) -> None:
    assert len(tune("C2 D2|E4", meter=text).parts[0]) == 3


@pytest.mark.parametrize(
    ("text", "tempo"),
    [
        ("3/8=116", Tempo(116, 3 * EIGHTH)),
        ("1/4=120", Tempo(120, Q)),
        ('1/2=80 "Slow"', Tempo(80, 2 * Q)),
        ('"Allegro" 1/4=101.3', Tempo(101.3, Q)),
        ("1/4 3/8 1/4 3/8=40", Tempo(40, 5 * Q)),
        ("C=60", Tempo(60, EIGHTH)),
        ("C3=60", Tempo(60, 3 * EIGHTH)),
        ("1/4 = 120", Tempo(120, Q)),
    ],
)
def test_tempos(text: str, tempo: Tempo) -> None:
    assert tune("C", extra=f"Q:{text}\n").tempo == tempo


def test_header_fields_stand_in_any_order() -> None:
    score = loads(b"X:1\nQ:120\nM:2/4\nK:C\nCD\n", "t.abc")
    assert score.parts[0].duration.tolist() == [Q // 4] * 2
    assert score.tempo == Tempo(120, Q // 4)
    assert loads(b"X:1\nQ:120\nL:1/4\nK:C\nCD\n", "t.abc").tempo == Tempo(120, Q)


def test_a_plain_rate_is_a_tempo() -> None:
    assert tune("C", extra="Q:120\n").tempo.bpm == 120


def test_without_tempo_the_dance_says_it() -> None:
    assert tune("C", extra="R:Jig\n").tempo == Tempo(116, 3 * EIGHTH)
    assert tune("C").tempo == Tempo(120.0)
    assert tune("C", extra='Q:"Lively"\n').tempo == Tempo(120.0)


@pytest.mark.parametrize(("meter", "ticks"), [("2/4", Q // 4), ("3/4", EIGHTH), ("6/8", EIGHTH), ("C", EIGHTH)])
def test_without_length_the_meter_says_it(meter: str, ticks: int) -> None:
    score = loads(f"X:1\nM:{meter}\nK:C\nCD\n".encode(), "t.abc")
    assert score.parts[0].duration.tolist() == [ticks, ticks]


def test_directives_carry_metadata_and_other_directives_are_left_aside() -> None:
    score = tune("C", extra="%%composer seed 7\n%%composer model markov, order 5\n%%scale 0.7\nI:abc-charset utf-8\n")
    assert score.metadata["seed"] == "7"
    assert score.metadata["model"] == "markov, order 5"


def test_the_file_header_holds_for_every_tune() -> None:
    book = b"%abc-2.1\nM:3/4\nL:1/4\nZ:A hand\nU:T=!turn!\n\nfree text\n\nX:1\nK:C\nTCDE|\n\nX:2\nM:2/4\nK:C\nTCD|\n"
    first, second = (found.score for found in tunes(book, "t.abc"))
    assert first
    assert second
    assert (str(first.meter), str(second.meter)) == ("3/4", "2/4")
    assert first.metadata["transcription"] == second.metadata["transcription"] == "A hand"
    assert marks(first, "decoration") == marks(second, "decoration") == [(0, "turn")]
    assert second.parts[0].duration.tolist() == [Q, Q]


def test_long_fields_go_on() -> None:
    assert tune("C", extra="N:one\n+:two\nN:three\n").metadata["notes"] == "one\ntwo\nthree"


def test_blocks_of_text_are_no_music() -> None:
    assert pitches("C\n%%begintext\nABC\nM:no\n%%endtext\nD\n%%beginps\nEFG\n%%endps\nE") == [60, 62, 64]


def test_letters_of_ones_own() -> None:
    score = tune("TC kD uE ~F", extra="U:T=!turn!\nU: k = !open!\nU:u=!nil!\n")
    assert marks(score, "decoration") == [(0, "turn"), (EIGHTH, "open"), (3 * EIGHTH, "roll")]


def test_the_program_of_a_voice() -> None:
    score = tune("V:1\n%%MIDI program 40\nC\nV:2\n%%MIDI program 2 41\n%%MIDI channel 10\nC")
    assert [(part.program, part.drums) for part in score.parts] == [(40, False), (41, True)]
    assert tune("%%MIDI program 999\n%%MIDI program x\nC").parts[0].program == 0


def test_every_line_is_utf8_or_latin1() -> None:
    book = "X:1\nT:Été\nK:C\nC\n\n".encode() + "X:2\nT:Été\x85\nK:C\nC\n".encode("latin-1")
    assert [found.score and found.score.title for found in tunes(book, "t.abc")] == ["Été", "Été"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_ends(end: str) -> None:
    text = end.join(["X:1", "K:C", "CD", "EF", "", "X:2", "K:C", "G", ""])
    assert [found.score and len(found.score.parts[0]) for found in tunes(text.encode(), "t.abc")] == [4, 1]


@pytest.mark.parametrize(
    ("clef", "pitch"),
    [
        ("clef=treble-8", 48),
        ("treble+8", 72),
        ("clef=G2-8", 48),
        ("octave=-2", 36),
        ("clef=bass", 60),
        ("bass", 60),
        ("clef=treble_8", 60),
    ],
)
def test_clefs_that_move_the_notes(clef: str, pitch: int) -> None:
    assert pitches("C", key=f"C {clef}") == [pitch]
    assert pitches("V:1\nC", extra=f"V:1 {clef}\n") == [pitch]


@pytest.mark.parametrize("change", ["[K:clef=bass]", "[K:bass]", "[K:treble middle=d]"])
def test_a_change_of_clef_leaves_the_key(change: str) -> None:
    score = tune(f"F4{change}F4", key="D")
    assert (len(score.keys), score.parts[0].pitch.tolist()) == (1, [66, 66])


# --- notes -----------------------------------------------------------------------------------------------------------


def test_pitches_and_octaves() -> None:
    assert pitches("C c C, c' C,, c'' B b") == [60, 72, 48, 84, 36, 96, 71, 83]


def test_accidentals_and_their_spelling() -> None:
    part = tune("^F _B =F ^^C __D").parts[0]
    assert [note.pitch for note in part] == [66, 70, 65, 62, 60]
    assert [note_name(int(s)) for s in part.spelling] == ["F#", "Bb", "F", "C##", "Dbb"]


def test_accidentals_last_to_the_bar_line() -> None:
    assert pitches("^F F|F =B _B B|B") == [66, 66, 65, 71, 70, 70, 71]
    assert pitches("=F F|F", key="G") == [65, 65, 66]


def test_lengths() -> None:
    assert lengths("C2 C/2 C/ C// C3/2 C/4 C7/12") == [2, 0.5, 0.5, 0.25, 1.5, 0.25, pytest.approx(7 / 12)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("C>D", [1.5, 0.5]), ("C<D", [0.5, 1.5]), ("C>>D", [1.75, 0.25]), ("C > D", [1.5, 0.5]), ("C2<<D2", [0.5, 3.5])],
)
def test_broken_rhythm(text: str, expected: list[float]) -> None:
    assert lengths(text) == expected


def test_broken_rhythm_goes_past_graces_chords_and_decorations() -> None:
    assert lengths('C>{d}D "Am"E>.F [CE]>[DF]') == [1.5, 0.5, 1.5, 0.5, 1.5, 1.5, 0.5, 0.5]


def test_what_stands_before_the_second_note_of_a_broken_rhythm_moves_with_it() -> None:
    score = tune('C>{d}D E>"Am""^x"F G<!trill!A B>(c HB>Hd) e')
    assert marks(score, "grace") == [(3 * Q // 4, "D5")]
    assert [chord.onset / Q for chord in score.chords] == [1.75]
    assert [onset / Q for onset, _ in marks(score, "text")] == [1.75]
    assert [onset / Q for onset, _ in marks(score, "decoration")] == [2.25]
    assert [tick / Q for tick in score.fermatas] == [4, 4.75]
    assert [(m.onset / Q, (m.end or 0) / Q) for m in score.parts[0].annotations if m.kind == "slur"] == [(3.75, 4.75)]


@pytest.mark.parametrize(
    ("text", "meter", "expected"),
    [
        ("(3CDE F", "4/4", [2 / 3] * 3 + [1]),
        ("(3 CDE F", "4/4", [2 / 3] * 3 + [1]),
        ("(2CD E", "6/8", [1.5, 1.5, 1]),
        ("(4CDEF G", "6/8", [0.75] * 4 + [1]),
        ("(5CDEFG", "4/4", [2 / 5] * 5),
        ("(5CDEFG", "6/8", [3 / 5] * 5),
        ("(3:2:2C2D E", "4/4", [4 / 3, 2 / 3, 1]),
        ("(3:4CDE F", "4/4", [4 / 3] * 3 + [1]),
        ("(3::2CD E", "4/4", [2 / 3, 2 / 3, 1]),
        ("(3C>DE", "4/4", [1, 1 / 3, 2 / 3]),
    ],
)
def test_tuplets(text: str, meter: str, expected: list[float]) -> None:
    assert lengths(text, meter=meter) == pytest.approx(expected)


def test_ties_make_one_note() -> None:
    assert heard("C2-C2 D2-|D2") == [(60, 4), (62, 4)]
    assert heard("C-D") == [(60, 1), (62, 1)]
    assert heard("^F4-|F4 F") == [(66, 8), (65, 1)]


def test_ties_in_chords() -> None:
    assert sorted(heard("[CE]2-[CE]2")) == [(60, 4), (64, 4)]
    assert sorted(heard("[C2-E2-][CE]")) == [(60, 3), (64, 3)]
    assert sorted(heard("[C2-E2][CF]")) == [(60, 3), (64, 2), (65, 1)]
    assert heard("[CE]-C") == [(60, 2), (64, 1)]


def test_chords() -> None:
    score = tune("[CEG]2 D")
    assert [(n.onset // EIGHTH, n.pitch, n.duration // EIGHTH) for n in score.parts[0]] == [
        (0, 60, 2),
        (0, 64, 2),
        (0, 67, 2),
        (2, 62, 1),
    ]
    assert heard("[C2E2]3/2") == [(60, 3), (64, 3)]


def test_what_stands_inside_the_brackets_of_a_chord() -> None:
    score = tune('["Am"CE!trill!G]2 [.C.E] [(CE)]')
    assert [note.pitch for note in score.parts[0]] == [60, 64, 67, 60, 64, 60, 64]
    assert [str(chord) for chord in score.chords] == ["Am"]
    assert marks(score, "decoration") == [(0, "trill")]


@pytest.mark.parametrize("bar", ["|", "| ", "||", ":|", "|:", "|\n"])
def test_a_chord_after_a_bar_line(bar: str) -> None:
    assert [note.onset // EIGHTH for note in tune(f"D4{bar}[CEG]4").parts[0]] == [0, 4, 4, 4]


def test_rests() -> None:
    score = tune("C z2 D x E|Z2|F8", meter="6/8")
    assert [note.onset // EIGHTH for note in score.parts[0]] == [0, 3, 5, 18]
    assert (score.barlines // EIGHTH).tolist() == [0, 6, 12, 18, 26]


def test_overlays_go_back_to_the_bar_line() -> None:
    score = tune("C4 D4 & E8|F8")
    assert [(n.onset // EIGHTH, n.pitch) for n in score.parts[0]] == [(0, 60), (0, 64), (4, 62), (8, 65)]


def rows(body: str) -> list[tuple[float, int, float]]:
    return [(n.onset / EIGHTH, n.pitch, n.duration / EIGHTH) for n in tune(body).parts[0]]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C8&E8&G8|F8", [(0, 60, 8), (0, 64, 8), (0, 67, 8), (8, 65, 8)]),
        ("C8|D4 & E8 | F8", [(0, 60, 8), (8, 62, 4), (8, 64, 8), (16, 65, 8)]),
        ("C8&E8-|F8&E8|", [(0, 60, 8), (0, 64, 16), (8, 65, 8)]),
        ("C8-&E8|C8&G8|", [(0, 60, 16), (0, 64, 8), (8, 67, 8)]),
        ("(&C8|D8&E8|F8&)|G8|", [(0, 60, 8), (0, 64, 8), (8, 62, 8), (8, 65, 8), (16, 67, 8)]),
        ("C8|(&D8|E8&F8-|F8&)|", [(0, 60, 8), (8, 62, 8), (8, 65, 16), (16, 64, 8)]),
        ("C8&|D8|", [(0, 60, 8), (8, 62, 8)]),
        ("&C8|D8|", [(0, 60, 8), (8, 62, 8)]),
        ("C2&E2 D6|F8", [(0, 60, 2), (0, 64, 2), (2, 62, 6), (8, 65, 8)]),
        ("C8&)D8|", [(0, 60, 8), (8, 62, 8)]),
    ],
)
def test_overlays(body: str, expected: list[tuple[float, int, float]]) -> None:
    assert rows(body) == expected


def test_slurs() -> None:
    def slurs(body: str) -> list[tuple[float, float]]:
        found = tune(body).parts[0].annotations
        return [(mark.onset / EIGHTH, (mark.end or 0) / EIGHTH) for mark in found if mark.kind == "slur"]

    assert slurs("(CDE)") == [(0, 2)]
    assert slurs("(C(DE)F)") == [(0, 3), (1, 2)]
    assert slurs("(C(D)E)") == [(0, 1), (1, 2)]
    assert slurs("(CD|\nEF)") == [(0, 3)]
    assert slurs("(CD .(E)F) (C C) D)") == [(0, 2), (2, 3), (4, 5)]
    assert slurs("(C) (D") == []


def test_slurs_and_beams_change_no_note() -> None:
    assert heard("(CD) (E(FG)A) ((3Bcd)") == heard("CDEFGA(3Bcd")


def test_graces_stand_before_their_note() -> None:
    score = tune("C {d^c}E {/g}F")
    assert marks(score, "grace") == [(EIGHTH, "D5 C#5"), (2 * EIGHTH, "G5")]
    assert score.end == 3 * EIGHTH


# --- signs -----------------------------------------------------------------------------------------------------------


def test_chord_symbols_and_words() -> None:
    score = tune('"Am"C2 "G7/B"D2 "^slowly"E2 "very fast"F2')
    assert [(str(chord), chord.onset // EIGHTH) for chord in score.chords] == [("Am", 0), ("G7/B", 2)]
    assert [onset // EIGHTH for onset, _ in marks(score, "text")] == [4, 6]


def test_decorations() -> None:
    score = tune(".C ~D uE vF TG !trill!A !accent!B Hc !fermata!d")
    names = [name for _, name in marks(score, "decoration")]
    assert names == ["staccato", "roll", "upbow", "downbow", "trill", "trill", "accent"]
    assert score.fermatas == (7 * EIGHTH, 8 * EIGHTH)
    assert len(score.parts[0]) == 9


@pytest.mark.parametrize("text", ["C2 !D.C.!:|", "C2 !coda! |", "C2!segno!|", "C2 +trill+ |"])
def test_a_decoration_is_never_read_as_notes(text: str) -> None:
    assert pitches(text) == [60]


def test_what_says_nothing_is_passed_over() -> None:
    body = "C D`E yF $G \\\n% a comment\nA2 |% another\nI:linebreak $\n%%vskip 1\nB2"
    assert pitches(body) == [60, 62, 64, 65, 67, 69, 71]


# --- form ------------------------------------------------------------------------------------------------------------


def form(body: str) -> tuple[list[Any], list[Any]]:
    """Repeats as (start, end, times, endings) and sections, all in bars of four quarters."""
    score = tune(body, unit="1/1")
    bar = 4 * Q

    def ending(e: Ending) -> tuple[float, float, tuple[int, ...]]:
        return e.start / bar, e.end / bar, e.passes

    def repeat(r: Repeat) -> tuple[float, float, int, list[tuple[float, float, tuple[int, ...]]]]:
        return r.start / bar, r.end / bar, r.times, [ending(e) for e in r.endings]

    return [repeat(r) for r in score.repeats], [tick / bar for tick in score.sections]


TWO_ENDINGS = [(0, 3, 2, [(1, 2, (1,)), (2, 3, (2,))])]


@pytest.mark.parametrize(
    ("body", "repeats"),
    [
        ("C|D|", []),
        ("|:C|D:|E|", [(0, 2, 2, [])]),
        ("C|D:|E|", [(0, 2, 2, [])]),
        ("C:|:D:|", [(0, 1, 2, []), (1, 2, 2, [])]),
        ("C::D:|", [(0, 1, 2, []), (1, 2, 2, [])]),
        ("C:||:D:|", [(0, 1, 2, []), (1, 2, 2, [])]),
        ("C:|D:|", [(0, 1, 2, []), (1, 2, 2, [])]),
        ("C||D:|", [(1, 2, 2, [])]),
        ("|:C|D::|E|", [(0, 2, 3, [])]),
        ("C|:D|E|]", []),
        ("|:C||D:|E|", [(0, 2, 2, [])]),
        ("|:C|1D:|2E|]", TWO_ENDINGS),
        ("|:C|[1D:|[2E||", TWO_ENDINGS),
        ("|:C| [1 D :| [2 E |]", TWO_ENDINGS),
        ("C|1D:|2E:|", TWO_ENDINGS),
        ("|:C|1D:|\n|2E||F|", TWO_ENDINGS),
        ("|:C|1,3D:|2,4E|]", [(0, 3, 4, [(1, 2, (1, 3)), (2, 3, (2, 4))])]),
        ("|:C|1-3D:|4E|]", [(0, 3, 4, [(1, 2, (1, 2, 3)), (2, 3, (4,))])]),
        ("|:C|1D:|2E|:F:|", [*TWO_ENDINGS, (3, 4, 2, [])]),
        ("|:C|D:|2E|F||", [(0, 2, 2, [])]),  # a second ending without a first
        ("|1C:|2D||", []),
        ("|:C|1D|E:|2F|G||", [(0, 5, 2, [(1, 3, (1,)), (3, 5, (2,))])]),
    ],
)
def test_repeats(body: str, repeats: list[Any]) -> None:
    assert form(body)[0] == repeats


def test_repeats_are_heard_but_not_written_out() -> None:
    score = tune("|:C8|1D8:|2E8|]")
    assert [note.pitch for note in score.parts[0]] == [60, 62, 64]
    assert [note.pitch for note in score.unfold().parts[0]] == [60, 62, 60, 64]


@pytest.mark.parametrize("bar", ["||", "|]", "[|"])
def test_sections(bar: str) -> None:
    assert form(f"C|D{bar}E|F|]") == ([], [2])


def test_bars_are_where_they_are_written() -> None:
    score = tune("D|C8|E3|F8|]")
    assert (score.barlines // EIGHTH).tolist() == [0, 1, 9, 12, 20]
    assert score.pickup == EIGHTH


def test_a_bar_line_where_no_time_passed_is_dropped() -> None:
    assert (tune("|C8||\n|D8| |").barlines // EIGHTH).tolist() == [0, 8, 16]


def test_a_repeat_in_the_middle_of_a_bar() -> None:
    score = tune("D2|C8|E6:|:F2|G8|A6:|")
    assert (score.barlines // EIGHTH).tolist() == [0, 2, 10, 16, 18, 26, 32]
    assert [(r.start // EIGHTH, r.end // EIGHTH) for r in score.repeats] == [(0, 16), (16, 32)]


def order(parts: str) -> list[int]:
    """The pitches heard of parts A, B and C, each one note, in an order (P:)."""
    body = "P:A\nC8|\nP:B\nD8|\nP:C\nE8|]"
    return [note.pitch - 60 for note in tune(body, extra=f"P:{parts}\n").unfold().parts[0]]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ("ABC", [0, 2, 4]),
        ("A", [0]),
        ("CBA", [4, 2, 0]),
        ("A2B3", [0, 0, 2, 2, 2]),
        ("A.B.A.C", [0, 2, 0, 4]),
        ("A B2 A", [0, 2, 2, 0]),
        ("(AB)2C", [0, 2, 0, 2, 4]),
        ("((AB)2C)2A", [0, 2, 0, 2, 4, 0, 2, 0, 2, 4, 0]),
        ("(AB)2(C", [0, 2, 0, 2, 4]),
        ("AB)C", [0, 2, 4]),
        ("2A", [0]),
        ("AQB", [0, 2]),
        ("Modern version", [0, 2, 4]),
    ],
)
def test_the_order_of_parts(parts: str, expected: list[int]) -> None:
    assert order(parts) == expected


def test_a_repeat_inside_a_part_stays() -> None:
    score = tune("C8|\nP:A\n|:D8:|\nP:B\nE8|", extra="P:ABA\n")
    assert [note.pitch for note in score.parts[0]] == [60, 62, 64, 62]
    assert [note.pitch for note in score.unfold().parts[0]] == [60, 62, 62, 64, 62, 62]


@pytest.mark.parametrize("parts", ["A9999", "((A99)99)99", "A2" * 900, "(A9" * 400])
def test_an_order_of_parts_is_bounded(parts: str) -> None:
    with pytest.raises(ReadError, match="expected at most 1000 parts"):
        order(parts)


def test_an_order_may_be_nested_deeply() -> None:
    assert order("(" * 1900 + "A" + ")" * 1900) == [0]


def test_an_order_of_parts_is_bounded_by_their_size() -> None:
    with pytest.raises(ReadError, match="expected an order of fewer parts"):
        tune("P:A\nC8|\nP:B\n" + '"Am"C' * 8000, extra="P:(AB)400\n")


# --- changes and voices ----------------------------------------------------------------------------------------------


def test_changes_in_the_music() -> None:
    score = tune("F8|[K:D][M:3/4][Q:1/4=90]F6|\nL:1/4\nK:G\nFc|")
    assert [(str(k), k.onset // EIGHTH) for k in score.keys] == [("C major", 0), ("D major", 8), ("G major", 14)]
    assert score.meters == (Meter(4, 4), Meter(3, 4, 8 * EIGHTH))
    assert score.tempos == (Tempo(120.0), Tempo(90, Q, 8 * EIGHTH))
    assert [(n.pitch, n.duration // EIGHTH) for n in score.parts[0]] == [(65, 8), (66, 6), (66, 2), (72, 2)]


def test_voices_are_parts() -> None:
    score = tune('V:1 name="Tune"\nC8|D8|\nV:2 name="Bass"\nC,8|D,8|\nV:1\nE8|\nV:2\nE,8|')
    assert [part.name for part in score.parts] == ["Tune", "Bass"]
    assert [[note.pitch for note in part] for part in score.parts] == [[60, 62, 64], [48, 50, 52]]
    assert score.bars == 3


def test_voices_inside_a_line_have_their_own_accidentals() -> None:
    score = tune("[V:1]^F4[V:2]F4[V:1]F4|[V:2]F4|")
    assert [[note.pitch for note in part] for part in score.parts] == [[66, 66], [65, 65]]


def test_music_before_the_first_voice_is_voice_1() -> None:
    assert [part.pitch.tolist() for part in tune("C8|\nV:2\nE8|").parts] == [[60], [64]]
    assert [part.pitch.tolist() for part in tune("C8|\nV:1\nE8|").parts] == [[60, 64]]
    assert [part.pitch.tolist() for part in tune("%%MIDI program 5\nV:2\nE8|").parts] == [[64]]


def test_bars_of_rest_last_as_long_as_the_meter_where_they_stand() -> None:
    score = tune("V:1\nC8|[M:3/4]C6|C6|\nV:2\nZ|[M:3/4]C6|Z|\nV:3\nZ|Z|C6|")
    assert [(part.onset // EIGHTH).tolist() for part in score.parts] == [[0, 8, 14], [8], [14]]
    assert score.end == 20 * EIGHTH


def test_chord_symbols_of_all_voices_are_in_order_and_once() -> None:
    score = tune('V:1\n"C"C4"G"D4|\nV:2\n"C"C2"F"D2E4|')
    assert [(str(chord), chord.onset // EIGHTH) for chord in score.chords] == [("C", 0), ("F", 2), ("G", 4)]


def test_a_key_in_one_voice_leaves_the_others_alone() -> None:
    score = tune("V:1\nF8|[K:D]F8|\nV:2\nF8|[K:D]F8|")
    assert [part.pitch.tolist() for part in score.parts] == [[65, 66], [65, 66]]


def test_voices_named_in_the_header() -> None:
    score = tune("[V:A]C8|\n[V:B]E8|", extra='V:A name="High"\nV:B name="Low"\n')
    assert [(part.name, part.pitch.tolist()) for part in score.parts] == [("High", [60]), ("Low", [64])]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ("z999999999", {}),
        ("C999999999", {}),
        ("Z99999", {}),
        ("Z1000|" * 200, {"meter": "64/1"}),
        ("V:1\nC|\nV:2\n" + "Z1000" * 200, {"meter": "1/64"}),
        ("C/0", {}),
        ("C,,,,,,,,,,", {}),
        ("c''''''''''", {}),
        ("C", {"meter": "7/0"}),
        ("C", {"meter": "3/7"}),
        ("C", {"key": "G#"}),
        ("CD" * 60_000, {}),
        ("", {}),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(body: str, header: dict[str, str]) -> None:
    with pytest.raises(ReadError, match=r"^t\.abc: tune 1, lines? \d+") as caught:
        tune(body, **header)
    assert "\n" not in str(caught.value)


def test_an_annotation_is_a_value() -> None:
    assert tune(".C").parts[0].annotations == (Annotation("decoration", 0, "staccato"),)


@pytest.mark.parametrize(
    "text",
    [
        "X:1\nQ:1/" + "1111/" * 5000 + "\nK:C\nC\n",
        "X:1\nK:C\nC\n\n" + "a " * 40_000,
        "X:1\n" + "N:a long line of notes on this tune\n" * 40_000 + "K:C\nC\n",
        "X:1\nK:C\n" + "[M:2/4]C|[M:3/4]D|" * 4000,
        "X:1\nK:C\n" + "C|" * 10_000 + "\nw:" + "a|" * 10_000,
        "X:1\nM:1/64\nK:C\n" + "".join(f"V:{n}\n{'Z1000' * 1000}\n" for n in range(60)),
        "X:1\nK:C\n" + "(" * 20_000 + "C" + ")" * 20_000,
        "X:1\nK:C\nC\nw:" + "-_*|" * 10_000,
    ],
)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    assert len(list(tunes(text.encode(), "t.abc"))) == 1
    assert time.process_time() - started < 5
