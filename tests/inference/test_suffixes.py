"""The copy index and its guard against plain search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from composer.encodings.melody import Melody
from composer.errors import ReadError, UsageError
from composer.inference.rows import RowTable
from composer.inference.suffixes import BEGINS, LASTS, STEP, CopyIndex, Guard

Rows = np.ndarray

units = st.sampled_from(["notes", "steps"])
move = st.tuples(st.integers(-1, 1), st.sampled_from([1, 1, 0]), st.integers(1, 2))
line = st.lists(move, max_size=9).map(lambda rows: np.array(rows, dtype=np.int32).reshape(-1, 3))
pieces = st.lists(line, min_size=1, max_size=4).filter(lambda lines: any(map(len, lines)))


def equal(a: Rows, b: Rows) -> bool:
    """The definition: all equal but the first step."""
    return bool((a[:, BEGINS:] == b[:, BEGINS:]).all() and (a[1:, STEP] == b[1:, STEP]).all())


def copied(run: Rows, corpus: list[Rows]) -> bool:
    n = len(run)
    return (
        n > 1 and run[0, BEGINS] == 1 and any(equal(run, p[i : i + n]) for p in corpus for i in range(len(p) - n + 1))
    )


def plain_longest(moves: Rows, corpus: list[Rows]) -> list[int]:
    ends = range(1, len(moves) + 1)
    return [max((end - i for i in range(end) if copied(moves[i:end], corpus)), default=0) for end in ends]


@settings(max_examples=400)
@given(corpus=pieces, moves=line)
def test_longest_runs_are_those_of_plain_search(corpus: list[Rows], moves: Rows) -> None:
    index = CopyIndex.of(corpus)
    expected = plain_longest(moves, corpus)
    assert index.longest(moves).tolist() == expected
    run = index.where(moves)
    if run is None:
        assert not any(expected)
    else:
        assert run.events == max(expected)
        found = corpus[run.piece][run.place : run.place + run.events]
        assert equal(moves[run.first : run.first + run.events], found)


few = st.tuples(st.sampled_from([0, 1]), st.sampled_from([1, 1, 1, 0]), st.just(1))
long_line = st.lists(few, max_size=30).map(lambda rows: np.array(rows, dtype=np.int32).reshape(-1, 3))
long_pieces = st.lists(long_line, min_size=1, max_size=4).filter(lambda lines: any(map(len, lines)))


@settings(max_examples=400)
@given(corpus=long_pieces, moves=long_line, data=st.data())
def test_the_longest_run_is_the_same_when_short_ones_are_passed_over(
    corpus: list[Rows], moves: Rows, data: st.DataObject
) -> None:
    index = CopyIndex.of(corpus)
    ends = np.array(data.draw(st.lists(st.booleans(), min_size=len(moves), max_size=len(moves))), dtype=bool)
    for sought in (None, ends):
        length, place = index.runs(moves)
        length = length if sought is None else length * sought
        run = index.where(moves, sought)
        if run is None:
            assert not length.any()
            continue
        last = int(length.argmax())
        assert (run.first + run.events - 1, run.events) == (last, length[last])
        assert index.starts[run.piece] + run.place + run.events - 1 == place[last]


def test_pairs_that_share_a_number_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("composer.inference.suffixes.MULTIPLIER", 0)
    corpus = np.array([[step, 1, 1] for step in (0, 1, 2, 3, 1, 2, 3, 1, 2, 2)])
    query = np.array([[step, 1, 1] for step in (0, 3, 3, 1, 2, 3, 1, 2, 2, 2)])
    index = CopyIndex.of([corpus])
    assert index.where(query) == (1, 8, 0, 2)


@settings(max_examples=400)
@given(corpus=pieces, moves=line, limit=st.integers(1, 5), unit=units)
def test_the_guard_bans_exactly_what_completes_a_longer_copy(
    corpus: list[Rows], moves: Rows, limit: int, unit: str
) -> None:
    guard = Guard(CopyIndex.of(corpus), limit, unit)
    weight = BEGINS if unit == "notes" else LASTS
    candidates = np.array([(s, b, d) for s in range(-2, 3) for b in (0, 1) for d in (1, 2, 3)], dtype=np.int32)

    def too_long(line: Rows) -> bool:
        return any(copied(line[i:], corpus) and line[i:, weight].sum() > limit for i in range(len(line)))

    banned = [too_long(np.concatenate([moves, [candidate]])) for candidate in candidates]
    assert guard.bans(moves, candidates).tolist() == banned
    assert guard.broken(moves).tolist() == [too_long(moves[: end + 1]) for end in range(len(moves))]


tunes = st.lists(st.tuples(st.integers(10, 13), st.integers(1, 2)), max_size=8).map(
    lambda rows: np.array([(pitch % 10 and pitch, length) for pitch, length in rows], np.int32).reshape(-1, 2)
)


@settings(max_examples=300)
@given(corpus=st.lists(tunes, max_size=3), tune=tunes, limit=st.integers(1, 5), unit=units)
def test_words_stand_in_exactly_the_tunes_with_longer_copies(
    corpus: list[Rows], tune: Rows, limit: int, unit: str
) -> None:
    """Tunes of (pitch, length), pitch 0 a rest."""
    view = Melody()
    corpus = [*corpus, np.array([[11, 1], [0, 1], [12, 1], [13, 2], [12, 1]], np.int32)]
    guard = Guard(CopyIndex.of([view.moves(piece) for piece in corpus]), limit, unit)
    alphabet = np.array([(p, length) for p in (0, 11, 12, 13) for length in (1, 2)], np.int32)
    tokens = RowTable(alphabet).numbers(tune).tolist()
    words = [word.tolist() for word in guard.words(alphabet, view)]
    inside = any(tokens[i : i + len(word)] == word for word in words for i in range(len(tokens)))
    assert inside == guard.broken(view.moves(tune)).any()


def test_runs_do_not_cross_pieces_and_name_the_place() -> None:
    rise, fall = np.array([[0, 1, 1], [2, 1, 1], [2, 1, 1]]), np.array([[0, 1, 1], [-1, 1, 1], [-1, 1, 2]])
    index = CopyIndex.of([rise, fall])
    query = np.array([[0, 1, 1], [2, 1, 1], [2, 1, 1], [5, 1, 1], [-1, 1, 1], [-1, 1, 2]])
    assert index.longest(query).tolist() == [0, 2, 3, 0, 2, 3]
    assert index.where(query[3:]) == (0, 3, 1, 0)
    assert index.where(query[2:4]) is None


def test_saved_and_loaded_it_is_the_same() -> None:
    index = CopyIndex.of([np.array([[-300, 1, 1], [2, 0, 70_000]]), np.zeros((0, 3), int), np.array([[0, 1, 1]])])
    loaded = CopyIndex.from_arrays(index.arrays())
    assert [loaded.piece(k).tolist() for k in range(3)] == [[[-300, 1, 1], [2, 0, 70_000]], [], [[0, 1, 1]]]
    assert index.arrays()["ids"].dtype == np.uint8


@settings(max_examples=500)
@given(data=st.data())
def test_damaged_arrays_are_read_errors_or_an_index_that_works(data: st.DataObject) -> None:
    arrays = CopyIndex.of([np.array([[0, 1, 1], [1, 1, 2], [-1, 0, 1]]), np.array([[0, 1, 1]])]).arrays()
    name = data.draw(st.sampled_from(sorted(arrays)))
    array = arrays[name].copy()
    kind = data.draw(st.sampled_from(["drop", "value", "shape", "type", "cut"]))
    if kind == "value":
        array.flat[data.draw(st.integers(0, array.size - 1))] = data.draw(st.integers(0, 127))
    elif kind == "shape":
        array = array[None]
    elif kind == "type":
        array = array.astype(data.draw(st.sampled_from([np.float64, np.bool_, np.int64])))
    elif kind == "cut":
        array = array[: data.draw(st.integers(0, len(array) - 1))]
    arrays = {key: value for key, value in {**arrays, name: array}.items() if kind != "drop" or key != name}
    try:
        index = CopyIndex.from_arrays(arrays)
    except ReadError:
        return
    index.longest(np.array([[0, 1, 1], [1, 1, 2]]))


@given(rows=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=2), min_size=1), data=st.data())
def test_rows_have_the_number_of_their_place(rows: list[list[int]], data: st.DataObject) -> None:
    known = np.unique(np.array(rows, dtype=np.int32), axis=0)
    asked = np.array(rows + data.draw(st.just([[0, 1]])), dtype=np.int32)
    expected = [known.tolist().index(row) if row in known.tolist() else -1 for row in asked.tolist()]
    assert RowTable(known).numbers(asked).tolist() == expected


def test_nothing_to_index_and_no_limit_are_refused() -> None:
    with pytest.raises(UsageError, match="at least one event"):
        CopyIndex.of([])
    with pytest.raises(UsageError, match="the limit is at least 1, in notes or steps"):
        Guard(CopyIndex.of([np.array([[0, 1, 1]])]), 0)
