"""One bit per dimension: whether it lies above a threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from bitindex._bitops import pack, unpack
from bitindex._border import as_choice
from bitindex.binarize.base import Binarizer
from bitindex.codes import Codes
from bitindex.embeddings import EmbeddingSource, embedding_batches

if TYPE_CHECKING:
    from typing_extensions import Self

_THRESHOLDS = ("zero", "mean", "median")
_QUERIES = ("float", "binary")


class SignBinarizer(Binarizer):
    """One bit per dimension: 1 where x > threshold.

    Parameters
    ----------
    threshold : {"zero", "mean", "median"}
        Per dimension: 0, or the mean or median of the rows given to :meth:`fit`. ``"zero"`` is
        what sentence-transformers calls ``ubinary``.
    query : {"float", "binary"}
        How an :class:`~bitindex.EmbeddingIndex` compares a query with the codes: ``"float"``
        keeps the query's numbers (better answers at the same cost), ``"binary"`` reduces the
        query to its bits too.

    Attributes
    ----------
    n_features_in_, n_bits_ : int
        Dimensions of the embeddings; there is one bit for each.
    center_ : ndarray of float32, shape (d,)
        The thresholds.

    Notes
    -----
    No threshold suits all models: with one whose dimensions are far off zero, "zero" wastes bits,
    and for centred ones "median" loses what the mean tells. Compare them on your data with
    :mod:`bitindex.evaluate`.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> X = np.array([[0.5, -0.2, 0.1, -0.9], [-0.5, 0.3, 0.2, 0.7]], dtype=np.float32)
    >>> codes = bi.SignBinarizer().fit(X).encode(X)
    >>> bi.unpack(codes.packed, codes.n_bits).astype(int)
    array([[1, 0, 1, 0],
           [0, 1, 1, 1]])
    """

    def __init__(
        self,
        threshold: Literal["zero", "mean", "median"] = "zero",
        query: Literal["float", "binary"] = "float",
    ) -> None:
        self.threshold = threshold
        self.query = query

    @property
    def binary_queries(self) -> bool:
        """Whether queries are reduced to their bits."""
        return self.query == "binary"

    def fit(self, X: EmbeddingSource, y: object = None) -> Self:
        """Learn the thresholds.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches
            With ``threshold="median"`` all rows are held in memory at once.
        y : ignored

        Returns
        -------
        SignBinarizer
            This object.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is not as described, or X has no rows.
        """
        self._check_params()
        n_rows = 0
        total: npt.NDArray[np.float64] | float = 0.0
        kept = []
        for batch in embedding_batches(X):
            n_dims = batch.shape[1]
            n_rows += len(batch)
            if self.threshold == "mean":
                total = total + batch.sum(axis=0, dtype=np.float64)
            elif self.threshold == "median":
                kept.append(batch)
        if n_rows == 0:
            raise ValueError("X must have at least 1 row, got none")
        self.center_ = np.zeros(n_dims, np.float32)
        if self.threshold == "mean":
            self.center_ = np.asarray(total / n_rows, np.float32)
        elif self.threshold == "median":
            self.center_ = np.median(np.concatenate(kept), axis=0).astype(np.float32)
        self.n_features_in_ = self.n_bits_ = n_dims
        return self

    def _encode_rows(self, rows: npt.NDArray[np.float32], threads: int) -> Codes:
        return Codes(pack(rows > self.center_), None, self.n_bits_)

    def query_weights(self, directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the centred queries themselves: bit j stands for dimension j."""
        return directions

    def _decode_rows(self, packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return np.where(unpack(packed, self.n_bits_), np.float32(1), np.float32(-1))

    def _check_params(self) -> None:
        as_choice(self.threshold, _THRESHOLDS, "threshold")
        as_choice(self.query, _QUERIES, "query")

    def _check_learned(self) -> None:
        if self.n_bits_ != self.n_features_in_:
            raise ValueError("n_bits must equal the number of thresholds")
