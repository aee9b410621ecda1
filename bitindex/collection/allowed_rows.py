"""Filters over metadata as filters of the index.

A row number stands for one state of one document, so that whether it meets a condition never
changes. What was found for a condition is kept, and only rows that have come since are looked at.
Rows that have gone may stay in it: the index passes over those that it does not have.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bitindex._locks import WriteLock
from bitindex.collection.snapshot import Rows, Snapshot
from bitindex.collection.where import Condition

_KEPT_CONDITIONS = 8
# A mask has a byte for every row, a list 8 for each that is allowed.
_BYTES_PER_LISTED_ROW = 8

AllowedFilter = npt.NDArray[np.bool_] | Rows


class AllowedRows:
    """The rows that meet each of the last few conditions."""

    def __init__(self) -> None:
        self._lock = WriteLock()
        self._kept: dict[Condition, tuple[int, AllowedFilter]] = {}

    def of(self, condition: Condition, snapshot: Snapshot) -> AllowedFilter:
        """Return the rows of a snapshot that meet a condition; others may be among them."""
        with self._lock.lock:
            n_seen, allowed = self._kept.get(condition, (0, np.empty(0, np.int64)))
        n_rows = snapshot.position.next_row
        if n_seen >= n_rows:
            return allowed
        found = np.concatenate([_rows(allowed), snapshot.rows_where(condition, n_seen)])
        allowed = found
        if len(found) * _BYTES_PER_LISTED_ROW > n_rows:
            allowed = np.zeros(n_rows, np.bool_)
            allowed[found] = True
        with self._lock.lock:
            self._kept.pop(condition, None)
            self._kept[condition] = n_rows, allowed
            if len(self._kept) > _KEPT_CONDITIONS:
                self._kept.pop(next(iter(self._kept)))
        return allowed


def _rows(allowed: AllowedFilter) -> Rows:
    return np.flatnonzero(allowed) if allowed.dtype == np.bool_ else np.asarray(allowed, np.int64)
