"""The suffix array against looking everywhere."""

import time
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composer.inference import suffix_array
from composer.inference.suffix_array import END, SuffixArray

PIECES = st.lists(st.lists(st.sampled_from([0, 1, 1, 1, 5]), max_size=12), min_size=1, max_size=6)
QUERIES = st.lists(st.sampled_from([END, 0, 1, 1, 1, 5, 7]), max_size=20)


def text_of(pieces: list[list[int]]) -> list[int]:
    return [symbol for piece in pieces for symbol in (*piece, END)]


def shared(text: list[int], query: list[int], start: int, place: int) -> int:
    """How many symbols from a start of the query on stand at a place of the text."""
    length = 0
    while start + length < len(query) and query[start + length] == text[place + length] != END:
        length += 1
    return length


def everywhere(text: list[int], query: list[int], start: int) -> list[int]:
    return [shared(text, query, start, place) for place in range(len(text))]


@pytest.mark.parametrize("steps", [suffix_array.STEPS, 20, 0])
@given(PIECES, QUERIES)
def test_the_longest_run_from_every_start_and_where_it_stands_first(
    steps: int, pieces: list[list[int]], query: list[int]
) -> None:
    text = text_of(pieces)
    with mock.patch.object(suffix_array, "STEPS", steps):
        found = SuffixArray.of(np.array(text)).matches(np.array(query, dtype=np.int64))
    lengths = [everywhere(text, query, start) for start in range(len(query))]
    assert found.length.tolist() == [max(row) for row in lengths]
    assert found.place.tolist() == [row.index(max(row)) if max(row) else -1 for row in lengths]


@given(PIECES, QUERIES, st.integers(1, 4), st.integers(1, 8))
def test_all_places_of_short_runs_but_of_common_ones(
    pieces: list[list[int]], query: list[int], size: int, most: int
) -> None:
    text = text_of(pieces)
    start, place = SuffixArray.of(np.array(text)).occurrences(np.array(query, dtype=np.int64), size, most)
    expected = set()
    for first in range(len(query)):
        places = [at for at, length in enumerate(everywhere(text, query, first)) if length >= size]
        if len(places) <= most:
            expected |= {(first, at) for at in places}
    assert sorted(zip(start.tolist(), place.tolist(), strict=True)) == sorted(expected)


@given(PIECES)
def test_suffixes_are_in_order(pieces: list[list[int]]) -> None:
    text = text_of(pieces)
    suffixes = [text[start : text.index(END, start) + 1] for start in SuffixArray.of(np.array(text)).order]
    assert suffixes == sorted(suffixes)
    assert len(suffixes) == len(text)


def test_no_match_crosses_a_piece() -> None:
    found = SuffixArray.of(np.array([1, 2, 3, END, 4, 5, END])).matches(np.array([2, 3, 4, 5]))
    assert found.length.tolist() == [2, 1, 2, 1]
    assert found.place.tolist() == [1, 2, 4, 5]


def test_equal_pieces_are_found_in_the_first() -> None:
    piece = [3, 1, 4, 1, 5, 9, 2, 6] * 20
    found = SuffixArray.of(np.array([*piece, END, *piece, END])).matches(np.array(piece))
    assert found.length.tolist() == list(range(len(piece), 0, -1))
    assert found.place[0] == 0
    assert found.place.max() < len(piece)


@pytest.mark.parametrize("period", [1, 7, 50_000])
def test_a_long_copy_is_found_at_once(period: int) -> None:
    piece = np.append(np.resize(np.random.default_rng(1).integers(0, 9, period), 50_000), END)
    started = time.monotonic()
    found = SuffixArray.of(piece).matches(piece)
    assert time.monotonic() - started < 20  # one symbol after another takes minutes
    assert found.length.tolist() == [*range(50_000, 0, -1), 0]


def test_a_text_of_ends_alone_has_nothing() -> None:
    found = SuffixArray.of(np.array([END, END])).matches(np.array([1, END, 0]))
    assert found.length.tolist() == [0, 0, 0]
    assert found.place.tolist() == [-1, -1, -1]
