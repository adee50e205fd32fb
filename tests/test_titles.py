"""Titles, which may hold anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.titles import MAX_TITLE, in_sentence, printable


@given(st.text())
def test_a_title_is_a_line_that_can_be_printed(title: str) -> None:
    shown = printable(title)
    assert shown.isprintable()
    assert len(shown) <= MAX_TITLE
    assert printable(shown) == shown


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Badan,", "Badan"),
        ("Mr. Dooley", "Mr. Dooley"),
        ("Etc. . .", "Etc"),
        (" a\nb ", "a b"),
        ("...", ""),
        ("Who's there?;", "Who's there?"),
    ],
)
def test_in_a_sentence_it_has_no_stop_at_its_end(title: str, said: str) -> None:
    assert in_sentence(title) == said
