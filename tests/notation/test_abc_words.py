"""Words under notes (w:): each syllable finds its note, and both ways are one law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.io.abc import dumps, loads
from composer.notation.abc_words import aligned, verse
from composer.score import Annotation, Score
from composer.theory import TICKS_PER_QUARTER as Q


def sung(body: str, voice: int = 0) -> list[tuple[float, str]]:
    """Quarter and text of each lyric."""
    return [(mark.onset / Q, mark.text) for mark in read(body).parts[voice].annotations if mark.kind == "lyric"]


def read(body: str) -> Score:
    return loads(f"X:1\nM:4/4\nL:1/4\nK:C\n{body}\n".encode(), "t.abc")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("a b c d", [(0, "a"), (1, "b"), (2, "c"), (3, "d")]),
        ("syll-a-ble d", [(0, "syll-"), (1, "a-"), (2, "ble"), (3, "d")]),
        ("syll-a - ble", [(0, "syll-"), (1, "a"), (3, "ble")]),
        ("syll-a--ble", [(0, "syll-"), (1, "a-"), (3, "ble")]),
        ("time__ d", [(0, "time"), (3, "d")]),
        ("a _ _ d", [(0, "a"), (3, "d")]),
        ("of~the~day b", [(0, "of the day"), (1, "b")]),
        ("* b * d", [(1, "b"), (3, "d")]),
        ("a|e", [(0, "a"), (4, "e")]),
        ("a b c d|e", [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")]),
        ("|e f", [(4, "e"), (5, "f")]),
        ("a||i", [(0, "a"), (8, "i")]),
        ("a|||||", [(0, "a")]),
        (r"a\-b c", [(0, "a-b"), (1, "c")]),
        ("&eacute;t&eacute; b", [(0, "été"), (1, "b")]),
        (r"\'et\'e b", [(0, "été"), (1, "b")]),
        ("1.~One b", [(0, "1. One"), (1, "b")]),
        ("", []),
    ],
)
def test_syllables_find_their_notes(words: str, expected: list[tuple[float, str]]) -> None:
    assert sung(f"CDEF|GABc|defg|\nw:{words}") == expected


def test_rests_graces_and_overlays_are_not_sung_tied_notes_and_chords_are() -> None:
    assert sung("z{d}C-C[EG]|D4&F4|\nw:a b c d") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]


def test_words_stand_under_the_notes_after_a_broken_rhythm_and_in_a_tuplet() -> None:
    assert sung("C>D(3EFG|\nw:a b c d e") == [
        (0, "a"),
        (1.5, "b"),
        (2, "c"),
        (pytest.approx(8 / 3), "d"),
        (pytest.approx(10 / 3), "e"),
    ]


def test_words_belong_to_the_line_above_and_lines_may_be_joined() -> None:
    assert sung("CDEF|\nw:a\nGABc|\nw:e") == [(0, "a"), (4, "e")]
    assert sung("CDEF|\\\nGABc|\nw:a b c d e") == [(0, "a"), (1, "b"), (2, "c"), (3, "d"), (4, "e")]
    assert sung("CDEF|\nw:a b\n+:c d") == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert sung("CDEF|\nGABc|\nw:e") == [(4, "e")]


def test_every_voice_has_its_own_words() -> None:
    body = "[V:1]CDEF|\nw:a b\n[V:2]GABc|\nw:e * g\n[V:1]CDEF|\nw:i\n"
    assert sung(body) == [(0, "a"), (1, "b"), (4, "i")]
    assert sung(body, 1) == [(0, "e"), (2, "g")]


def test_words_after_the_tune_are_metadata() -> None:
    assert read("CDEF|\nW:First line\nW:\nW:second").metadata["words"] == "First line\nsecond"


def test_words_on_a_tied_note_travel() -> None:
    score = read("C2-C2|D>E-E2|\nw:a b c d e")
    assert loads(dumps(score), "t.abc") == score


SYLLABLES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6)


def plain(text: str) -> str:
    """A syllable that writes itself: a hyphen at its end means that the word goes on; % and ~ are signs of ABC."""
    return text.replace("%", "").replace("~", "").replace("\\", "") or "x"


@given(st.dictionaries(st.integers(0, 11), SYLLABLES.map(plain), max_size=8))
def test_a_verse_is_read_back(lyrics: dict[int, str]) -> None:
    onsets = list(range(12))
    found, _, over = aligned(verse(lyrics, onsets), onsets, [4, 8, 12])
    assert ({mark.onset: mark.text for mark in found}, over) == (lyrics, 0)


@given(st.text("ab-_*|~\\ ", max_size=40), st.integers(0, 6))
def test_any_words_can_be_laid_under_any_notes(words: str, count: int) -> None:
    onsets = [2 * k for k in range(count)]
    found, taken, over = aligned(words, onsets, [4, 8])
    placed = [mark.onset for mark in found]
    assert placed == sorted(set(placed))
    assert set(placed) <= set(onsets)
    assert len(found) <= taken <= count
    assert over == 0 or taken == count


def test_words_travel() -> None:
    score = read("CDEF|GABc|defg|c'4|]\nw:A-ve Ma-ri-a, *|gra~ti~a ple__na")
    again = loads(dumps(score), "t.abc")
    assert again == score
    assert Annotation("lyric", 0, "A-") in again.parts[0].annotations
