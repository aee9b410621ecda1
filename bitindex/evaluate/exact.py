"""Exact nearest neighbours of float vectors by brute force: the ground truth of every recall.

Method: a matrix product in float64 gives scores fast, but the last bits of a product depend on
where in the matrix a row stands, so equal vectors can get unequal scores. Hence the product only
chooses candidates, with a margin above its rounding error, and each candidate is scored again by
itself, in a way that depends on nothing but the two vectors. So equal vectors tie, in every block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bitindex.evaluate.arguments import float_matrix, whole_number

__all__ = ["Similarity", "exact_search"]

Similarity = Literal["cosine", "dot", "l2"]
_SIMILARITIES = ("cosine", "dot", "l2")

_Floats = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]

_QUERIES_PER_BLOCK = 256
_VECTORS_PER_BLOCK = 8192
_ELEMENTS_PER_BLOCK = 1 << 22
_LARGEST_SQUARED_NORM = 1e300
_SMALLEST_NORMAL = np.finfo(np.float64).tiny


def exact_search(
    queries: npt.ArrayLike,
    vectors: npt.ArrayLike,
    k: int,
    similarity: Similarity = "cosine",
    *,
    progress: bool = False,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Find the `k` most similar vectors of each query by comparing it with all of them.

    Parameters
    ----------
    queries : array_like of float or integer, shape (n_queries, dimension)
        At most 64 bits per number. Computed in float64 whatever the dtype.
    vectors : array_like of float or integer, shape (n_vectors, dimension)
        As `queries`; may be a memory map.
    k : int
        How many to return for each query, at least 1.
    similarity : {"cosine", "dot", "l2"}
        "dot" is the inner product; "cosine" is that of the vectors divided by their norms, and 0
        for a norm below 1.5e-154; "l2" is minus the squared Euclidean distance.
    progress : bool
        Show a progress bar over the vectors on standard error.

    Returns
    -------
    scores : ndarray of float64, shape (n_queries, k)
        Most similar first; -inf where there are fewer than `k` vectors.
    indices : ndarray of int64, shape (n_queries, k)
        Row numbers of `vectors`, ties by the smaller one; -1 where there are fewer than `k`.

    Raises
    ------
    TypeError
        If an array does not hold numbers of at most 64 bits, or `k` is not an integer.
    ValueError
        If a shape, `k` or `similarity` is wrong, or a number is NaN, infinite, or so large that a
        squared norm exceeds 1e300.

    Notes
    -----
    Exact: scores carry the rounding of one float64 sum, equal vectors have equal scores, and the
    result does not depend on how the work is cut into blocks. Integers give exact dot and l2 scores
    while these stay below 2**53.
    Costs O(n_queries * n_vectors * dimension) and, beside the result, at most about 300 MB for any
    number of rows. Many ties for place `k` take longer. Safe to call from many threads.

    Examples
    --------
    >>> scores, indices = exact_search([[1.0, 0.0]], [[0.0, 2.0], [3.0, 0.0], [1.0, 0.0]], k=2)
    >>> indices.tolist(), scores.tolist()
    ([[1, 2]], [[1.0, 1.0]])
    """
    k = whole_number(k, "k")
    if similarity not in _SIMILARITIES:
        raise ValueError(f"similarity must be one of {_SIMILARITIES}, got {similarity!r}")
    query_matrix = float_matrix(queries, "queries")
    vector_matrix = float_matrix(vectors, "vectors")
    if query_matrix.shape[1] != vector_matrix.shape[1]:
        raise ValueError(
            f"queries and vectors must have the same number of columns, "
            f"got shapes {query_matrix.shape} and {vector_matrix.shape}"
        )
    _check_finite(query_matrix, "queries")
    _check_finite(vector_matrix, "vectors")

    best_scores = np.full((len(query_matrix), k), -np.inf)
    best_indices = np.full((len(query_matrix), k), -1, dtype=np.int64)
    for first_vector, vector_block in _show(_blocks(vector_matrix), len(vector_matrix), progress):
        prepared_vectors = _prepare(vector_block, similarity)
        for first_query, query_block in _blocks(query_matrix, _QUERIES_PER_BLOCK):
            prepared_queries = _prepare(query_block, similarity)
            here = slice(first_query, first_query + len(query_block))
            rows, columns = _candidates(
                prepared_queries, prepared_vectors, best_scores[here, -1], k, similarity
            )
            scores = _score_pairs(prepared_queries, prepared_vectors, rows, columns, similarity)
            _merge(best_scores[here], best_indices[here], rows, columns + first_vector, scores)
    return best_scores, best_indices


def _blocks(
    matrix: npt.NDArray[Any], most_rows: int | None = None
) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    most_rows = _VECTORS_PER_BLOCK if most_rows is None else most_rows
    n_rows = max(1, min(most_rows, _ELEMENTS_PER_BLOCK // matrix.shape[1]))
    for first in range(0, len(matrix), n_rows):
        yield first, matrix[first : first + n_rows]


def _show(
    blocks: Iterable[tuple[int, npt.NDArray[Any]]], n_vectors: int, progress: bool
) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    if not progress:
        yield from blocks
        return
    from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]

    with tqdm(total=n_vectors, desc="exact search", unit=" vectors", unit_scale=True) as bar:
        for first, block in blocks:
            yield first, block
            bar.update(len(block))


def _squared_norms(block: _Floats) -> _Floats:
    norms: _Floats = np.square(block).sum(axis=1)
    return norms


def _check_finite(matrix: npt.NDArray[Any], name: str) -> None:
    for first, block in _blocks(matrix):
        with np.errstate(over="ignore", invalid="ignore"):
            squared_norms = _squared_norms(block.astype(np.float64))
        refused = np.flatnonzero(~(squared_norms <= _LARGEST_SQUARED_NORM))
        if len(refused) > 0:
            raise ValueError(
                f"{name} must hold finite numbers with squared norms of at most "
                f"{_LARGEST_SQUARED_NORM:g}, got a squared norm of {squared_norms[refused[0]]:g} "
                f"in row {first + refused[0]}"
            )


def _prepare(block: npt.NDArray[Any], similarity: Similarity) -> _Floats:
    prepared: _Floats = np.ascontiguousarray(block, dtype=np.float64)
    if similarity == "cosine":
        # Below the smallest normal number the square of a norm has lost digits, or is 0.
        squared_norms = _squared_norms(prepared)[:, None]
        prepared = np.divide(
            prepared,
            np.sqrt(squared_norms),
            out=np.zeros_like(prepared),
            where=squared_norms >= _SMALLEST_NORMAL,
        )
    return prepared


def _candidates(
    queries: _Floats, vectors: _Floats, worst_kept: _Floats, k: int, similarity: Similarity
) -> tuple[_Integers, _Integers]:
    """Choose the pairs (query row, vector row) that may belong to the best `k` of a query.

    `worst_kept` is the k-th best score so far, -inf before there are k. With u = 2**-53, a float64
    sum of d products is off by at most d * u * |q| * |v|, in either way of scoring (Higham,
    "Accuracy and Stability of Numerical Algorithms", section 3.1). The margin is twice the sum of
    both errors and a few more roundings.
    """
    approximate = queries @ vectors.T
    query_norms = _squared_norms(queries)
    vector_norms = _squared_norms(vectors)
    # Squares below the smallest normal number are lost, at most this much of them in a norm.
    lost = queries.shape[1] * _SMALLEST_NORMAL
    magnitude = np.sqrt(query_norms + lost) * np.sqrt(vector_norms.max() + lost)
    if similarity == "l2":
        approximate *= 2
        approximate -= query_norms[:, None]
        approximate -= vector_norms
        magnitude = 2 * (query_norms + vector_norms.max() + lost)
    threshold = worst_kept
    if len(vectors) >= k:
        place = len(vectors) - k
        threshold = np.maximum(threshold, np.partition(approximate, place, axis=1)[:, place])
    margin = 2 * (queries.shape[1] + 8) * np.finfo(np.float64).eps * magnitude
    rows, columns = np.nonzero(approximate >= (threshold - margin)[:, None])
    return rows, columns


def _score_pairs(
    queries: _Floats,
    vectors: _Floats,
    rows: _Integers,
    columns: _Integers,
    similarity: Similarity,
) -> _Floats:
    scores = np.empty(len(rows))
    n_pairs = max(1, _ELEMENTS_PER_BLOCK // queries.shape[1])
    for first in range(0, len(rows), n_pairs):
        here = slice(first, first + n_pairs)
        left, right = queries[rows[here]], vectors[columns[here]]
        # A sum along contiguous rows adds in the same order for each row; einsum and BLAS may not.
        # 0 - x instead of -x: a distance of 0 is the score 0.0, not -0.0.
        if similarity == "l2":
            scores[here] = 0.0 - _squared_norms(left - right)
        else:
            scores[here] = (left * right).sum(axis=1)
    return scores


def _merge(
    best_scores: _Floats,
    best_indices: _Integers,
    rows: _Integers,
    indices: _Integers,
    scores: _Floats,
) -> None:
    """Put the candidates among the best of their query rows, in place."""
    kept_rows, kept_places = np.nonzero(best_indices >= 0)
    rows = np.concatenate([kept_rows, rows])
    indices = np.concatenate([best_indices[kept_rows, kept_places], indices])
    scores = np.concatenate([best_scores[kept_rows, kept_places], scores])

    order = np.lexsort((indices, -scores, rows))
    rows, indices, scores = rows[order], indices[order], scores[order]
    places = np.arange(len(rows)) - np.searchsorted(rows, rows)
    chosen = places < best_scores.shape[1]
    best_scores[rows[chosen], places[chosen]] = scores[chosen]
    best_indices[rows[chosen], places[chosen]] = indices[chosen]
