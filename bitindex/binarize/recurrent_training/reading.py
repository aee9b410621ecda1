"""From what users pass to `fit` to examples, with everything checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from bitindex._border import as_ids
from bitindex.binarize.recurrent_network import Floats, unit_rows
from bitindex.binarize.recurrent_training.examples import Examples, Numbers
from bitindex.binarize.recurrent_training.neighbours import NeighbourExamples
from bitindex.binarize.recurrent_training.supervised import LabelExamples, PairExamples
from bitindex.binarize.sampling import sample_rows
from bitindex.embeddings import EmbeddingSource, embedding_batches


def read_examples(
    X: EmbeddingSource,
    pairs: object,
    labels: object,
    queries: EmbeddingSource | None,
    n_train: int,
    validation: float,
    random_state: int,
) -> Examples:
    """Return what to learn from; the arguments are those of `RecurrentBinarizer.fit`.

    Raises
    ------
    TypeError, ValueError
        If they are not as described there.
    """
    if pairs is not None and labels is not None:
        raise ValueError("pairs or labels must be given, not both")
    if queries is not None and pairs is None:
        raise ValueError("queries must come with pairs, which say where they belong")
    generator = np.random.default_rng(random_state)
    if pairs is not None:
        rows = read_rows(X, "X")
        asking = rows if queries is None else read_rows(queries, "queries", rows.shape[1])
        numbers = _as_pairs(pairs, len(asking), len(rows))
        return PairExamples(rows, asking, numbers, queries is None, validation, generator)
    if labels is not None:
        rows = read_rows(X, "X")
        return LabelExamples(rows, _as_labels(labels, len(rows)), validation, generator)
    rows = unit_rows(sample_rows(X, n_train, random_state))
    return NeighbourExamples(rows, validation, generator)


def read_rows(source: EmbeddingSource, name: str, n_dims: int | None = None) -> Floats:
    """Return all rows of a source, scaled to length 1."""
    batches = list(embedding_batches(source, n_dims, name))
    if not batches or len(batches[0]) == 0:
        raise ValueError(f"{name} must have at least 1 row, got none")
    return unit_rows(np.concatenate(batches))


def _as_pairs(pairs: Any, n_queries: int, n_rows: int) -> Numbers:
    array = np.asarray(pairs)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(f"pairs must have shape (n, 2), got shape {array.shape}")
    numbers = as_ids(array.ravel(), "pairs").reshape(-1, 2)
    for column, n, of in ((0, n_queries, "queries"), (1, n_rows, "rows of X")):
        wrong = np.flatnonzero((numbers[:, column] < 0) | (numbers[:, column] >= n))
        if len(wrong):
            raise ValueError(
                f"pairs must name {of} by numbers from 0 to {n - 1}, "
                f"got {numbers[wrong[0], column]} in pair {wrong[0]}"
            )
    if len(np.unique(numbers[:, 0])) < 2:
        raise ValueError("pairs must have at least 2 different queries")
    return numbers


def _as_labels(labels: Any, n_rows: int) -> Numbers:
    array = np.asarray(labels)
    if array.shape != (n_rows,):
        raise ValueError(f"labels must have shape ({n_rows},), got shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("labels must not be NaN or infinite")
    found, numbers, counts = np.unique(array, return_inverse=True, return_counts=True)
    if len(found) < 2:
        raise ValueError(f"labels must have at least 2 different values, got only {found}")
    if counts.max() < 2:
        raise ValueError("labels must have a value that at least 2 rows share")
    return np.asarray(numbers.ravel(), np.int64)
