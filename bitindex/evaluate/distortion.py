"""How exactly vectors can be told in a number of bits: a limit from information theory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex.evaluate.arguments import float_matrix, whole_number

__all__ = ["rate_distortion_bound"]

_ELEMENTS_PER_BLOCK = 1 << 22


def rate_distortion_bound(X: npt.ArrayLike, n_bits: SupportsIndex) -> float:
    """Least relative squared error of codes of `n_bits` bits, for Gaussian data with X's variances.

    The share of ``|x - mean|^2``, summed over the rows, that is left by the best code there can be
    where rows are Gaussian with the covariance of `X`: each direction of more variance than a level
    is left an error of that level and takes ``log2(variance / level) / 2`` bits, the others take
    none.

    Parameters
    ----------
    X : array_like of float or integer, shape (n, d)
        At most 64 bits per number. Computed in float64 whatever the dtype.
    n_bits : int
        Bits per row, at least 0, with what is stored beside a code counted in.

    Returns
    -------
    float
        Above 0 and at most 1, which is the error of the mean; 0 only by underflow.

    Raises
    ------
    TypeError
        If `X` does not hold numbers of at most 64 bits, or `n_bits` is not an integer.
    ValueError
        If the shape is wrong, `n_bits` is negative, a number is NaN or infinite, or all rows of
        `X` are equal.

    Notes
    -----
    No code of that many bits does better on Gaussian rows, and long blocks of them come near. Of
    all data of one covariance the Gaussian is the hardest to tell: for other data, which has
    clusters say, it is a mark to compare with, and a code may pass it. Rows that are fewer than
    dimensions have no variance in some directions, and their bound says little about other rows.

    Costs O(n d^2 + d^3), and memory for 33 MB of rows and some d x d matrices. Safe to call from
    many threads.

    Source: reverse water-filling, Cover & Thomas, "Elements of Information Theory", 2nd edition,
    section 10.3.3.

    Examples
    --------
    >>> rate_distortion_bound([[1.0, 0.0], [-1.0, 0.0]], n_bits=1)
    0.25
    """
    bits = whole_number(n_bits, "n_bits", minimum=0)
    variances = _principal_variances(float_matrix(X, "X"))
    logarithms = np.log2(variances)  # largest first
    counts = np.arange(1, len(variances) + 1)
    # The level if the first 1, 2, ... directions take all bits. The right number is the largest
    # whose level is not above its last variance.
    levels = (np.cumsum(logarithms) - 2 * bits) / counts
    n_told = int(np.flatnonzero(levels <= logarithms)[-1]) + 1
    left = n_told * np.exp2(levels[n_told - 1]) + variances[n_told:].sum()
    return min(1.0, float(left / variances.sum()))


def _principal_variances(X: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the variances above rounding along the principal axes, largest first, times n."""
    total = np.zeros(X.shape[1])
    for first, block in _blocks(X):
        sums = block.sum(axis=0)
        if not np.isfinite(sums).all():
            _refuse_infinite(block, first)
        total += sums
    mean = total / max(1, len(X))
    scatter = np.zeros((X.shape[1], X.shape[1]))
    for _, block in _blocks(X):
        centred = block - mean
        scatter += centred.T @ centred
    variances = np.asarray(np.linalg.eigvalsh(scatter)[::-1], np.float64)
    # What rounding leaves of a direction without variance: of its sums, and of its mean.
    largest = max(float(variances[0]), len(X) * float(mean @ mean) * np.finfo(np.float64).eps)
    told = variances[variances > largest * len(variances) * np.finfo(np.float64).eps]
    if len(told) == 0:
        raise ValueError(f"X must hold rows that differ, got {len(X)} that do not")
    return told


def _blocks(X: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
    n_rows = max(1, _ELEMENTS_PER_BLOCK // X.shape[1])
    for first in range(0, len(X), n_rows):
        yield first, X[first : first + n_rows].astype(np.float64)


def _refuse_infinite(block: npt.NDArray[np.float64], first_row: int) -> None:
    rows = np.flatnonzero(~np.isfinite(block).all(axis=1))
    if len(rows) > 0:
        raise ValueError(f"X must be finite, got NaN or infinity in row {first_row + rows[0]}")
    raise ValueError("X must hold numbers whose sums are finite in float64")
