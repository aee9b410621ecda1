"""A sample of the data, split into rows to search and queries that no binarizer has seen.

Among fewer rows the k nearest are farther apart, and easier to tell from others. But the rows of a
sample that are nearer than the k-th of all rows still are about k * n_sample / n_rows, with codes
that err by as much. So the recall of that many in the sample stands for the recall of k in all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitindex.binarize.sampling import sample_rows
from bitindex.embeddings import EmbeddingSource, as_embeddings, count_rows, embedding_batches
from bitindex.evaluate import exact_search
from bitindex.evaluate.exact import Similarity

Floats = npt.NDArray[np.float32]

# Where the data is no larger than the sample, at most this share of it is held out.
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
        Rows of the base, the most similar first. Here k is the number that the base is expected
        to hold of those that were asked for among all rows.
    n_rows : int
        Rows of the data beside the queries, those that were not drawn included.
    """

    base: Floats
    queries: Floats
    true_ids: npt.NDArray[np.int64]
    n_rows: int

    @property
    def k(self) -> int:
        """True neighbours of each query."""
        return int(self.true_ids.shape[1])


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
    if queries is None:
        rows, n_rows = _draw(X, n_sample + n_queries, random_state, "X")
        n_spare = max(int(_HELD_OUT_SHARE * len(rows)), len(rows) - n_sample, 1)
        n_held = min(n_queries, n_spare)
        # Another stream of numbers than the one that drew the sample.
        order = np.random.default_rng((random_state, 1)).permutation(len(rows))
        asked = rows[np.sort(order[:n_held])]
        base = rows[np.sort(order[n_held : n_held + n_sample])]
        n_rows -= n_held
    else:
        base, n_rows = _draw(X, n_sample, random_state, "X")
        asked, _ = _draw(queries, n_queries, random_state, "queries")
        as_embeddings(asked, base.shape[1], "queries")
    n_nearest = max(1, round(k * len(base) / max(n_rows, 1)))
    if len(base) <= n_nearest:
        held = f" beside {len(asked)} held out as queries" if queries is None else ""
        raise ValueError(f"X must have more than k={k} rows to search{held}, got {len(base)}")
    _, true_ids = exact_search(asked, base, n_nearest, similarity)
    return Split(base, asked, true_ids, n_rows)


def _draw(source: EmbeddingSource, n_rows: int, random_state: int, name: str) -> tuple[Floats, int]:
    """Return rows drawn without replacement, and how many there were."""
    n_all = count_rows(source)
    if n_all is not None:
        return sample_rows(source, n_rows, random_state, name), n_all
    lengths = []

    def counted() -> Iterator[Floats]:
        for batch in embedding_batches(source, name=name):
            lengths.append(len(batch))
            yield batch

    return sample_rows(counted(), n_rows, random_state, name), sum(lengths)
