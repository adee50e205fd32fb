"""Tables of distinct integer rows: sorted, and found again by binary search, column by column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Table = NDArray[np.int32]

_LOWEST = -(2**31)  # of an int32
_SPAN = 2**32


def distinct(keys: Ints) -> tuple[Ints, Ints]:
    """(N,) -> the sorted distinct keys (M,), and for each key its number among them (N,)."""
    order = np.argsort(keys, kind="stable")  # stable: linear where the keys are sorted already
    ordered = keys[order]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = ordered[1:] != ordered[:-1]
    numbers = np.empty(len(keys), dtype=np.int64)
    numbers[order] = np.cumsum(new) - 1
    return ordered[new], numbers


def distinct_rows(table: Table) -> tuple[Table, Ints]:
    """(N, W) -> the distinct rows in lexicographic order (M, W), and for each row its number among them (N,)."""
    numbers = np.zeros(len(table), dtype=np.int64)
    for column in table.T:
        numbers = distinct(_keys(numbers, column))[1]
    some = np.zeros(int(numbers.max(initial=-1)) + 1, dtype=np.int64)
    some[numbers] = np.arange(len(table))
    return table[some], numbers


def find(keys: Ints, wanted: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Where each wanted key stands in the sorted, non-empty ``keys``, and whether it does."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return place, keys[place] == wanted


class Rows:
    """Distinct rows in lexicographic order; a row's number is its place. Raises ValueError if they are not."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._levels: list[Ints] = []
        numbers = np.zeros(len(table), dtype=np.int64)
        for column in table.T:
            keys, numbers = distinct(_keys(numbers, column))
            self._levels.append(keys)
        if not np.array_equal(numbers, np.arange(len(table))):
            raise ValueError("rows are not distinct and sorted")

    def __len__(self) -> int:
        return len(self.table)

    def find(self, rows: Table) -> Ints:
        """(N, W) -> (N,) the number of each row, -1 if it is not in the table."""
        numbers, known = np.zeros(len(rows), dtype=np.int64), np.ones(len(rows), dtype=bool)
        for keys, column in zip(self._levels, rows.T, strict=True):
            numbers, found = find(keys, _keys(numbers, column))
            known &= found
        return np.where(known, numbers, -1)


def _keys(numbers: Ints, column: NDArray[np.int32]) -> Ints:
    return numbers * _SPAN + (column.astype(np.int64) - _LOWEST)
