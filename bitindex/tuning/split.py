"""A sample of the data, split into rows to search and queries that no binarizer has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitindex.embeddings import EmbeddingSource, embedding_batches
from bitindex.evaluate import exact_search
from bitindex.evaluate.exact import Similarity

Floats = npt.NDArray[np.float32]

# Held out are at most this share of the rows.
_HELD_OUT_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to fit on and to search, and queries with their true neighbours among them.

    Attributes
    ----------
    base : ndarray of float32, shape (n, d)
    queries : ndarray of float32, shape (nq, d)
        None of them is a row of the base; an equal row may be, where the data has it twice.
    true_ids : ndarray of int64, shape (nq, k)
        Rows of the base, the most similar first.
    n_rows : int
        Rows of the source, those that were not drawn included.
    """

    base: Floats
    queries: Floats
    true_ids: npt.NDArray[np.int64]
    n_rows: int


def hold_out(
    X: EmbeddingSource,
    queries: EmbeddingSource | None,
    *,
    k: int,
    similarity: Similarity,
    n_sample: int,
    n_queries: int,
    random_state: int,
) -> Split:
    """Draw a sample and split it; the arguments are those of :func:`bitindex.tune`.

    Raises
    ------
    TypeError, ValueError
        If X or queries are no embeddings of one width, or there are too few of them.
    """
    generator = np.random.default_rng(random_state)
    if queries is None:
        rows, n_rows = _draw(X, n_sample + n_queries, None, "X", generator)
        n_held = min(n_queries, max(1, int(_HELD_OUT_SHARE * len(rows))))
        held_out = np.zeros(len(rows), bool)
        held_out[generator.choice(len(rows), min(n_held, len(rows)), replace=False)] = True
        base, asked = rows[~held_out], rows[held_out]
    else:
        base, n_rows = _draw(X, n_sample, None, "X", generator)
        asked, _ = _draw(queries, n_queries, base.shape[1], "queries", generator)
        if len(asked) == 0:
            raise ValueError("queries must have at least 1 row, got none")
    if len(base) <= k:
        held = f" beside {len(asked)} held out as queries" if queries is None else ""
        raise ValueError(f"X must have more than k={k} rows to search{held}, got {len(base)}")
    _, true_ids = exact_search(asked, base, k, similarity)
    return Split(base, asked, true_ids, n_rows)


def _draw(
    source: EmbeddingSource,
    n_rows: int,
    n_dims: int | None,
    name: str,
    generator: np.random.Generator,
) -> tuple[Floats, int]:
    """Return rows drawn without replacement, in their order, and how many there were.

    Each row gets a random key, and the smallest keys stay. So the same rows are drawn of an array,
    a file and an iterator, in memory for the sample and one batch.
    """
    kept, n_seen = np.empty((0, n_dims or 0), np.float32), 0
    keys = np.empty(0)
    for batch in embedding_batches(source, n_dims, name):
        kept = np.concatenate([kept, batch]) if n_seen else batch
        keys = np.concatenate([keys, generator.random(len(batch))])
        n_seen += len(batch)
        if len(keys) > n_rows:
            smallest = np.sort(np.argpartition(keys, n_rows)[:n_rows])
            kept, keys = kept[smallest], keys[smallest]
    return kept, n_seen
