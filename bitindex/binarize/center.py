"""The mean of any source of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bitindex.embeddings import EmbeddingSource, embedding_batches


def mean_of_rows(source: EmbeddingSource, name: str = "X") -> npt.NDArray[np.float32]:
    """Return the mean of all rows, added up in float64.

    Parameters
    ----------
    source : array of floats, shape (n, d), .npy path, or iterator of batches
    name : str
        What to call the source in errors.

    Returns
    -------
    ndarray of float32, shape (d,)

    Raises
    ------
    TypeError, ValueError
        As :func:`~bitindex.embeddings.embedding_batches`, or if there are no rows.
    """
    n_rows = 0
    total: npt.NDArray[np.float64] | float = 0.0
    for batch in embedding_batches(source, name=name):
        n_rows += len(batch)
        total = total + batch.sum(axis=0, dtype=np.float64)
    if n_rows == 0:
        raise ValueError(f"{name} must have at least 1 row, got none")
    return np.asarray(total / n_rows, np.float32)
