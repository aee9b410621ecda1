"""Rows to learn from: a random sample of any source, in bounded memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bitindex.embeddings import (
    EmbeddingSource,
    as_array,
    as_embeddings,
    embedding_batches,
    mapped_npy,
)

# Numbers drawn at once, and rows read at once, from an array that may be a mapped file.
_NUMBERS_AT_ONCE = 1 << 20
_ROWS_AT_ONCE = 1 << 14


def sample_rows(
    source: EmbeddingSource, n_rows: int, random_state: int, name: str = "X"
) -> npt.NDArray[np.float32]:
    """Return some rows, drawn without replacement.

    Parameters
    ----------
    source : array of floats, shape (n, d), .npy path, or iterator of batches
        Of an array or a file only the rows of the sample are read; an iterator is read to its end.
    n_rows : int
        How many rows, >= 1; all of them where the source has fewer.
    random_state : int
        Seed >= 0. The same rows are drawn whatever kind of source they come from, and however it
        is split into batches.
    name : str
        What to call the source in errors.

    Returns
    -------
    ndarray of float32, shape (min(n, n_rows), d)
        In the order of the source; it may share memory with it.

    Raises
    ------
    TypeError, ValueError
        As :func:`~bitindex.embeddings.as_embeddings`, or if there are no rows.

    Notes
    -----
    Source: algorithm R of Vitter, "Random sampling with a reservoir", TOMS 1985.
    """
    reservoir = _Reservoir(n_rows, random_state)
    if isinstance(source, str | os.PathLike):
        source = mapped_npy(Path(source))
    if hasattr(source, "__next__"):
        sample = _sample_of_batches(source, reservoir, name)
    else:
        array = as_array(source, name)
        if array.ndim == 2 and array.dtype.kind == "f" and len(array) > n_rows:
            sample = _sample_of_array(array, reservoir, name)
        else:
            batches = list(embedding_batches(source, name=name))
            sample = batches[0] if len(batches) == 1 else np.concatenate(batches)
    if len(sample) == 0:
        raise ValueError(f"{name} must have at least 1 row, got none")
    return sample


class _Reservoir:
    """Decides which rows stay, in slots 0 to size - 1, while they come in."""

    def __init__(self, size: int, random_state: int) -> None:
        self._size = size
        self._generator = np.random.default_rng(random_state)
        self._n_seen = 0
        self._numbers = np.empty(0, np.int64)  # of the row in each slot

    def offer(self, n_rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return which of the next rows enter, counted from the first of them, and their slots."""
        numbers = np.arange(self._n_seen, self._n_seen + n_rows)
        slots = numbers.copy()
        late = numbers >= self._size
        # Row i enters with probability size / (i + 1), into any slot.
        draws = self._generator.random(int(late.sum()))
        slots[late] = (draws * (numbers[late] + 1)).astype(np.int64)
        entering = np.flatnonzero(slots < self._size)[::-1]
        # Of rows that enter the same slot the last one stays.
        slots, last = np.unique(slots[entering], return_index=True)
        rows = entering[last]
        self._n_seen += n_rows
        self._numbers = _with_room(self._numbers, self.n_slots)
        self._numbers[slots] = numbers[rows]
        return rows, slots

    @property
    def n_slots(self) -> int:
        """How many slots are filled."""
        return min(self._size, self._n_seen)

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """The number of the row in each slot."""
        return self._numbers[: self.n_slots]


def _sample_of_array(
    array: npt.NDArray[Any], reservoir: _Reservoir, name: str
) -> npt.NDArray[np.float32]:
    for first in range(0, len(array), _NUMBERS_AT_ONCE):
        reservoir.offer(min(_NUMBERS_AT_ONCE, len(array) - first))
    numbers = np.sort(reservoir.numbers)
    sample = np.empty((len(numbers), array.shape[1]), np.float32)
    for first in range(0, len(numbers), _ROWS_AT_ONCE):
        part = numbers[first : first + _ROWS_AT_ONCE]
        sample[first : first + len(part)] = as_embeddings(array[part], None, name, part)
    return sample


def _sample_of_batches(
    source: EmbeddingSource, reservoir: _Reservoir, name: str
) -> npt.NDArray[np.float32]:
    sample = np.empty((0, 0), np.float32)
    for batch in embedding_batches(source, name=name):
        rows, slots = reservoir.offer(len(batch))
        if len(sample) == 0:
            sample = np.empty((0, batch.shape[1]), np.float32)
        sample = _with_room(sample, reservoir.n_slots)
        sample[slots] = batch[rows]
    return sample[np.argsort(reservoir.numbers)]


def _with_room(array: npt.NDArray[Any], n_rows: int) -> npt.NDArray[Any]:
    """Return the array with room for at least ``n_rows`` rows; it at least doubles if it grows."""
    if n_rows <= len(array):
        return array
    larger = np.empty((max(n_rows, 2 * len(array)), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
