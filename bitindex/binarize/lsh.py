"""On which side of random hyperplanes an embedding lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bitindex._border import as_count
from bitindex.binarize.center import mean_of_rows
from bitindex.binarize.projection import ProjectionBinarizer
from bitindex.embeddings import EmbeddingSource

if TYPE_CHECKING:
    from typing_extensions import Self


class LSHBinarizer(ProjectionBinarizer):
    """One bit per random hyperplane through the mean: on which side of it x lies.

    Parameters
    ----------
    n_bits : int
        Bits per code, >= 1; any number, above d too.
    random_state : int
        Seed of the hyperplanes, >= 0.

    Attributes
    ----------
    n_features_in_, n_bits_ : int
        Dimensions of the embeddings, and bits per code.
    center_ : ndarray of float32, shape (d,)
        The mean of the rows given to :meth:`fit`.
    matrix_ : ndarray of float32, shape (d, n_bits)
        The normals of the hyperplanes, of length 1, as columns.

    Notes
    -----
    It learns nothing but the mean, so it suits rows that change; what learns from the data keeps
    more per bit. Encoding takes 2 d n_bits operations a row. Codes are the same on every machine.

    Source: Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> X = np.random.default_rng(0).standard_normal((100, 20), dtype=np.float32)
    >>> bi.LSHBinarizer(n_bits=50).fit(X).encode(X).packed.shape
    (100, 7)
    """

    def __init__(self, n_bits: int = 256, random_state: int = 0) -> None:
        self.n_bits = n_bits
        self.random_state = random_state

    def fit(self, X: EmbeddingSource, y: object = None) -> Self:
        """Learn the mean, and draw the hyperplanes.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches
        y : ignored

        Returns
        -------
        LSHBinarizer
            This object.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is not as described, or X has no rows.
        """
        self._check_params()
        center = mean_of_rows(X)
        generator = np.random.default_rng(self.random_state)
        normals = generator.standard_normal((len(center), self.n_bits))
        normals /= np.sqrt(np.einsum("ij,ij->j", normals, normals))
        self.center_ = center
        self.matrix_ = normals.astype(np.float32)
        self.n_features_in_, self.n_bits_ = self.matrix_.shape
        return self

    def _check_params(self) -> None:
        as_count(self.n_bits, "n_bits", 1)
        as_count(self.random_state, "random_state", 0)
