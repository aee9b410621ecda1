"""Centroids of embeddings, by k-means."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex.row_dots import row_dots

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.uint32]

_ROUNDS = 10
# Products of rows and centroids that are in memory at a time.
_PRODUCTS = 1 << 23


def learn_centroids(rows: Floats, n_centroids: int, seed: int) -> Floats:
    """Return centroids of rows, by Lloyd's k-means from some of the rows.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, d)
        At least as many as centroids.
    n_centroids : int
        At least 1.
    seed : int
        Chooses the rows to begin with.

    Returns
    -------
    ndarray of float32, shape (n_centroids, d)
        Where rows are equal, centroids may be equal too.
    """
    first = np.random.default_rng(seed).permutation(len(rows))[:n_centroids]
    centroids = rows[first].copy()
    for _ in range(_ROUNDS):
        _move_to_means(rows, NearestCentroids(centroids).of(rows), centroids)
    return centroids


class NearestCentroids:
    """Tells which centroid is the nearest to a row; never changes.

    Parameters
    ----------
    centroids : ndarray of float32, shape (n_centroids, d)
    """

    def __init__(self, centroids: Floats) -> None:
        self._columns = np.ascontiguousarray(centroids.T)
        self.squares = row_dots(centroids, centroids)

    def products(self, rows: Floats) -> Floats:
        """Return inner products with all centroids, the same for a row on every machine."""
        return _core.project(np.ascontiguousarray(rows), None, self._columns, 0)

    def of(self, rows: Floats) -> Numbers:
        """Return the number of the centroid of each row, shape (n,); ties go to the smaller one."""
        numbers = np.empty(len(rows), np.uint32)
        half_squares = (self.squares / 2).astype(np.float32)
        for part in parts_of(len(rows), len(half_squares)):
            nearness = self.products(rows[part])
            nearness -= half_squares
            numbers[part] = nearness.argmax(axis=1)
        return numbers


def parts_of(n_rows: int, n_centroids: int) -> Iterator[slice]:
    """Yield the rows in parts whose products with all centroids take little memory."""
    step = max(1, _PRODUCTS // n_centroids)
    for first in range(0, n_rows, step):
        yield slice(first, first + step)


def _move_to_means(rows: Floats, nearest: Numbers, centroids: Floats) -> None:
    """Move each centroid to the mean of its rows, and those without rows to the farthest rows."""
    order = np.argsort(nearest, kind="stable")
    filled, starts, counts = np.unique(nearest[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(rows[order], starts, axis=0, dtype=np.float64)
    centroids[filled] = sums / counts[:, np.newaxis]
    empty = np.setdiff1d(np.arange(len(centroids)), filled)
    if len(empty) > 0:
        left = rows - centroids[nearest]
        farthest = np.argsort(-row_dots(left, left), kind="stable")
        centroids[empty] = rows[farthest[: len(empty)]]
