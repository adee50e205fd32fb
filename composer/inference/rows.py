"""Numbers for rows of integers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowTable:
    """Distinct rows (R, K) in ascending order; a row's number is its place."""

    rows: Rows

    @cached_property
    def _columns(self) -> list[tuple[int, Ints]]:
        """For every column its least value, and the ascending keys of (number of the columns before it, value)."""
        columns, number = [], np.zeros(len(self.rows), dtype=np.int64)
        for column in self.rows.T.astype(np.int64):
            least = int(column.min())
            keys, number = np.unique((number << 32) + column - least, return_inverse=True)
            columns.append((least, keys))
        return columns

    def numbers(self, rows: Rows) -> Ints:
        """(N, K) -> (N,) the number of each row, -1 for one that is not there."""
        number = np.zeros(len(rows), dtype=np.int64)
        for column, (least, keys) in zip(rows.T.astype(np.int64), self._columns, strict=True):
            key = np.where((number >= 0) & (column >= least), (number << 32) + column - least, -1)
            place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
            number = np.where(keys[place] == key, place, -1)
        return number
