"""What ABC says that is not taken as it stands: every notice and error has a text, a line and a column."""

from __future__ import annotations

import pytest

from composer.errors import Notice
from composer.io.abc import Tune, tunes

HEAD = "X:1\nM:4/4\nL:1/4\nK:C\n"  # the music begins on line 5


def read(text: str) -> Tune:
    return next(tunes(text.encode(), "t.abc"))


def notices(body: str, *, head: str = HEAD) -> list[tuple[str, str]]:
    """Place and text of everything noticed; the tune is read all the same."""
    found = read(f"{head}{body}\n")
    assert found.error is None
    return [(notice.place.replace("line ", "").replace(", column ", ":"), notice.text) for notice in found.notices]


@pytest.mark.parametrize(
    ("body", "place", "text"),
    [
        ("CD?E%F", None, None),
        ("C {D E F", "5:3", "expected a note, a rest or a bar line, not '{'"),
        ("CD 1E F|", "5:4", "expected a note, a rest or a bar line, not '1'"),
        ("CDEF|\n[] CDEF|", "6:1", "expected notes in the chord, not []"),
        ("[CE2]DEF|", "5:1", "the notes of a chord are not equally long; they last as long as the first"),
        ("kCDEF|", "5:1", "expected a note, a rest or a bar line, not 'k', which no U: field defines"),
        ("C2D>|E|", "5:5", "a broken rhythm (>) reaches over a bar line and is not played"),
        ("C2>D z|", "5:4", "a broken rhythm (>) stands between unequal notes and is not played"),
        ("CDEF|\ns:a", "6:1", "symbol lines (s:) are not read; write symbols before their notes"),
        ("CDEF|\nm:~g2={a}g{f}g", "6:1", "macros (m:) are not played"),
        ("CDEF|\nU:T", "6:1", "U:T is not a definition; write one such as U: T = !trill!"),
        ("CDEF|\nw:a b c d\nw:e f g h", "7:1", "a further verse is not kept"),
        ("CD z2|\nw:a b c d", "6:1", "this verse has more syllables than the line above has notes, by 2"),
        ("CDEF|[K:quux]CDEF|", "5:6", "expected a key, not K:quux; taken for C major"),
        ("C4|:D4|E4|]", "5:3", "a repeat begins here that does not end; it is played once"),
        ("|:C4|D4|:E4:|", "5:8", "a repeat is taken to end here, where the next one begins"),
        ("C4|D3|E4|]", "5:6", "bar 2 has 3/4, not 4/4"),
        ("C4|D5|E4|]", "5:6", "bar 2 has 5/4, not 4/4"),
        ("C4|D7/2|E4|]", "5:8", "bar 2 has 7/8, not 4/4"),
        ("C4|C15/4|E4|]", "5:9", "bar 2 has 15/16, not 4/4"),
        ("C4|\n\nD4|E4|F2G2|]", "7", "music after an empty line, which ends a tune, is not read"),
        ("C4|\n%%begintext\nD4|", "6", "%%begintext without %%endtext; not read"),
        ("V:1 transpose=-2\nC4|", "5:1", "transpose= is not played; the notes are kept as they are written"),
        (
            "[V:1]C4|D4|[V:2]C4|[M:3/4]D3|",
            "5:20",
            "a change of meter that the first voice does not have is not followed",
        ),
    ],
)
def test_every_notice_has_its_place(body: str, place: str | None, text: str | None) -> None:
    assert ((place, text) in notices(body)) if text else not [n for n in notices(body) if "bar " not in n[1]]


def test_a_voice_with_bar_lines_of_its_own_is_noticed() -> None:
    found = read(f"{HEAD}V:1\nC4|D4|\nV:2\nC2|D2D4|\n").notices
    assert Notice("bar", "bar 1, beat 3", "voice 2 has a bar line where the first voice has none") in found


def test_an_order_that_names_no_part_is_noticed() -> None:
    found = read("X:1\nP:ABQ\nM:4/4\nL:1/4\nK:C\nP:A\nC4|\nP:B\nD4|\n").notices
    assert [notice.text for notice in found] == ["the order P:ABQ names parts that no P: begins: Q"]


@pytest.mark.parametrize(
    "body",
    [
        "C|D4|E4|]",  # a pickup, and a last bar that is whole
        "C|D4|E3|]",  # a last bar that the pickup fills
        "C|D4|E3:|",
        "|:C|D4|E3:|",
        "C|D4|E3:|:F|G4|A3:|",  # each part with its own
        "C4|D3:|E|F4|G3:|",
        "C4|D3||E|F4|",  # a pickup to the next section
        "C|D4|1E3:|2F3||",
        "C|D4|1E3:|2F4||",
        "|:C4|D2|1E2:|2F2||",  # endings in the middle of a bar
        "C2|D2:|",
        "C4|z4|Z|D4|",
        "C4|[M:3/4]D3|E3|",
        "C4|[M:none]D7|E|F9|]",
        "(3CDE (3FGA|",  # 4/4 in triplets, a pickup by itself
        "C4 & E2F2|G4|",
    ],
)
def test_bars_that_add_up_are_not_noticed(body: str) -> None:
    assert notices(body) == []


@pytest.mark.parametrize(
    "body",
    ["C4|D3|E|F4|", "C|D4|E2:|", "C4|D2||E4|", "C5|D4|", "C4|D3:|E4|]", "C4|D4|1E2:|2F4||", "C4|D4|1E3:|2F|G4||"],
)
def test_bars_that_do_not_are(body: str) -> None:
    assert [text for _, text in notices(body) if text.startswith("bar ")]


def test_free_meter_has_no_bars_that_could_be_uneven() -> None:
    assert notices("C7|D|E9|]", head="X:1\nM:none\nL:1/4\nK:C\n") == []


def test_notices_are_bounded() -> None:
    assert len(read(HEAD + "k" * 1000 + "C4|\n").notices) == 50


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        (HEAD + "C4|\nC2 D/0|", "line 6, column 4", "expected a length, not '/0'"),
        (HEAD + "C4|C,,,,,,|", "line 5, column 4", "expected a note that MIDI has, not C in octave -2"),
        (HEAD + "C4|[K:G#]C|", "line 5, column 4", "expected a key of at most seven accidentals, not K:G#"),
        (HEAD + "Z1001|", "line 5, column 1", "expected a rest of at most 1000 bars, not 1001"),
        (HEAD + "z99999999|", "line 5, column 1", "expected a tune of at most"),
        ("X:1\nM:3/7\nK:C\nC", "line 2, column 1", "expected a meter such as 6/8, C or none, not M:3/7"),
        ("X:1\nL:2\nK:C\nC", "line 2, column 1", "expected a unit length such as 1/8, not L:2"),
        ("X:1\nM:C\nQ:1/4=0\nK:C\nC", "line 3, column 1", "expected a tempo that can be played, not Q:1/4=0"),
        ("X:1\nP:(A9999)9999\nK:C\nC", "line 2, column 1", "expected at most 1000 parts in the order P:(A9999)9999"),
        ("X:1\nT:x\n", "line 2, column 1", "expected a K: field, which ends the header"),
        ("X:1\nK:C\n", "line 2, column 1", "expected notes after the header"),
        (HEAD + "".join(f"[V:{n}]" for n in range(70)), "line 5, column", "expected at most 64 voices in a tune"),
    ],
)
def test_every_error_has_its_place(text: str, place: str, expected: str) -> None:
    error = str(read(text).error)
    assert error.startswith(f"t.abc: tune 1, {place}")
    assert expected in error


def test_an_error_costs_one_tune() -> None:
    book = f"{HEAD}C4|\n\n" + HEAD.replace("X:1", "X:7") + "C/0|\n\n" + HEAD.replace("X:1", "X:9") + "D4|\n"
    found = list(tunes(book.encode(), "t.abc"))
    assert [(tune.number, tune.line, tune.score is None) for tune in found] == [
        ("1", 1, False),
        ("7", 7, True),
        ("9", 13, False),
    ]
    assert str(found[1].error) == "t.abc: tune 7, line 11, column 1: expected a length, not '/0'"
