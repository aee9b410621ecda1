"""How many of the true nearest neighbours an approximate search finds."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from bitindex.evaluate.arguments import mean_of_known, whole_number

__all__ = ["recall_at_k"]

_NO_RESULT = -1


@overload
def recall_at_k(
    found_ids: npt.ArrayLike,
    true_ids: npt.ArrayLike,
    k: int = ...,
    *,
    per_query: Literal[False] = ...,
) -> float: ...
@overload
def recall_at_k(
    found_ids: npt.ArrayLike, true_ids: npt.ArrayLike, k: int = ..., *, per_query: Literal[True]
) -> npt.NDArray[np.float64]: ...
def recall_at_k(
    found_ids: npt.ArrayLike,
    true_ids: npt.ArrayLike,
    k: int = 10,
    *,
    per_query: bool = False,
) -> float | npt.NDArray[np.float64]:
    """Share of the true best `k` that are among the first `k` found.

    Parameters
    ----------
    found_ids : array_like of int, shape (n_queries, at least k)
        Results of the search to judge, best first. -1 is padding and counts as nothing.
    true_ids : array_like of int, shape (n_queries, at least k)
        Results of an exact search, best first, padded alike.
    k : int
        How many of the first results count, at least 1. Order within them does not matter.
    per_query : bool
        Return the recall of each query instead of the mean.

    Returns
    -------
    float or ndarray of float64, shape (n_queries,)
        From 0 to 1. A query whose true ids are all padding has no recall: it is left out of the
        mean, and NaN for itself.

    Raises
    ------
    TypeError
        If ids are not integers.
    ValueError
        If the rows differ in width, there are fewer than `k` columns, the numbers of queries
        differ, or the mean is asked for and no query has a true id.

    Notes
    -----
    Costs O(n_queries * k). Safe to call from many threads.

    Examples
    --------
    >>> recall_at_k([[1, 2, 3]], [[2, 1, 9]], k=3)
    0.6666666666666666
    """
    k = whole_number(k, "k")
    found = _id_matrix(found_ids, "found_ids", k)
    true = _id_matrix(true_ids, "true_ids", k)
    if len(found) != len(true):
        raise ValueError(
            f"found_ids and true_ids must have one row per query each, "
            f"got {len(found)} and {len(true)} rows"
        )
    recalls = np.full(len(true), np.nan)
    for row, (found_row, true_row) in enumerate(
        zip(found[:, :k].tolist(), true[:, :k].tolist(), strict=True)
    ):
        wanted = set(true_row) - {_NO_RESULT}
        if wanted:
            recalls[row] = len(wanted.intersection(found_row)) / len(wanted)
    return recalls if per_query else mean_of_known(recalls, "true_ids must hold an id in some row")


def _id_matrix(ids: npt.ArrayLike, name: str, k: int) -> npt.NDArray[Any]:
    try:
        matrix = np.asarray(ids)
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one width: {error}") from error
    if matrix.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got {matrix.dtype}")
    if matrix.ndim != 2 or matrix.shape[1] < k:
        raise ValueError(
            f"{name} must have shape (n_queries, at least k={k}), got shape {matrix.shape}"
        )
    return matrix
