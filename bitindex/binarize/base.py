"""The contract of every binarizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex._bitops import unpack
from bitindex._border import as_code_rows, as_count, as_threads
from bitindex.binarize.estimator import Estimator
from bitindex.codes import Codes, concatenate_codes
from bitindex.embeddings import EmbeddingSource, count_rows, embedding_batches
from bitindex.progress import progress_bar
from bitindex.row_dots import row_dots

if TYPE_CHECKING:
    from typing_extensions import Self

# Rows that are decoded at once: their signs as floats take 32 times the memory of their codes.
_DECODED_ROWS = 1024


class Binarizer(Estimator, ABC):
    """Turns float embeddings into binary codes; a scikit-learn estimator.

    With r = x - center, a code b in {-1, +1}^n_bits stands for the direction of r:
    r is about scale * D b, for a matrix D of the binarizer (the identity, a rotation, ...).

    A binarizer derives from this class in a file of its own, and has one line in the registry. It
    defines ``fit``, ``_encode_rows`` and ``query_weights``. Codes do not depend on the number of
    threads, on the instruction set, or on how the rows are split into batches.

    Attributes
    ----------
    n_features_in_ : int
        Dimensions d of the embeddings.
    n_bits_ : int
        Bits per code.
    center_ : ndarray of float32, shape (d,)
        What is subtracted first.
    """

    @property
    def has_factors(self) -> bool:
        """Whether codes come with factors, whose column 0 is the scale."""
        return False

    @property
    def reconstructs(self) -> bool:
        """Whether D b stands for r itself, with its length: then no scale is ever stored."""
        return False

    @property
    def folds_center(self) -> bool:
        """Whether scores <q, D b> are good for whole queries q too, not only for centred ones."""
        return False

    # Names of the arrays that fit learns, which a file keeps; all are float32.
    _fitted_arrays: ClassVar[tuple[str, ...]] = ("center_",)

    n_features_in_: int
    n_bits_: int
    center_: npt.NDArray[np.float32]

    @abstractmethod
    def fit(self, X: EmbeddingSource, y: object = None) -> Self:
        """Learn from embeddings."""

    @abstractmethod
    def _encode_rows(self, rows: npt.NDArray[np.float32], threads: int) -> Codes:
        """Return the codes of finite rows of shape (n, d); ``threads`` 0 is the default number."""

    @abstractmethod
    def query_weights(self, directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return D^T q for centred queries, so that <q, r> is about scale * <D^T q, b>.

        Parameters
        ----------
        directions : ndarray of float32, shape (nq, d)
            Queries minus ``center_``.

        Returns
        -------
        ndarray of float32, shape (nq, n_bits)
        """

    def can_search(self, other: Binarizer) -> bool:
        """Tell whether queries of this binarizer's embeddings can search codes of another one.

        By default only its own codes. A binarizer that was fitted to be compatible with an older
        one says so here, and also knows that one again after both were saved and loaded.
        """
        return other is self

    def queries_for(
        self, other: Binarizer, directions: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return centred queries as they are compared with the codes of another binarizer.

        Parameters
        ----------
        other : Binarizer
            One that this can search; by default this binarizer itself.
        directions : ndarray of float32, shape (nq, d)
            As :meth:`query_weights` takes them: queries of this binarizer's embeddings.

        Returns
        -------
        weights : ndarray of float32, shape (nq, other.n_bits_)
            As those of :meth:`query_weights`, for bits b of the other binarizer.
        constants : ndarray of float32, shape (nq,)
            scale * <weights, b> + constant, with the scale that is stored beside a code, is on
            the scale of the scores of own codes. Where codes of the other binarizer have no
            scales, only the direction of the weights counts: the cosine is theirs and the code's.

        Raises
        ------
        ValueError
            If this binarizer cannot search the codes of the other one.
        """
        if other is not self:
            raise ValueError(f"{self!r} cannot search codes of {other!r}")
        return self.query_weights(directions), np.zeros(len(directions), np.float32)

    @property
    def binary_queries(self) -> bool:
        """Whether queries are binarized like the rows, instead of used as floats."""
        return False

    def encode(
        self,
        X: EmbeddingSource,
        *,
        progress: bool | None = None,
        threads: SupportsIndex | None = None,
    ) -> Codes:
        """Return the codes of embeddings.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches
            Read in batches: beside the codes, memory does not grow with n.
        progress : bool, optional
            Show a progress bar. Default: on a terminal, if it takes longer than a second.
        threads : int, optional
            Threads to use, >= 1. Default: see :func:`bitindex.set_num_threads`.

        Returns
        -------
        Codes
            ``packed`` has shape (n, ceil(n_bits / 8)); ``factors`` are None unless the binarizer
            ``has_factors``.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described, or this binarizer is not fitted. NaN and infinity
            are named by row and column.
        """
        self._check_fitted()
        n_threads = as_threads(threads)
        # An X of no rows has codes of the same kind.
        parts = [self._encode_rows(np.empty((0, self.n_features_in_), np.float32), n_threads)]
        with progress_bar(count_rows(X), "encode", progress) as bar:
            for rows in embedding_batches(X, self.n_features_in_):
                parts.append(self._encode_rows(rows, n_threads))
                bar.update(len(rows))
        return concatenate_codes(parts)

    def decode(self, codes: Codes) -> npt.NDArray[np.float32]:
        """Return the embeddings that codes stand for.

        Parameters
        ----------
        codes : Codes
            As :meth:`encode` returns them.

        Returns
        -------
        ndarray of float32, shape (n, d)
            center + scale * D b, where the scale is column 0 of the factors, or 1 if there are
            none: only the direction from the center counts then.

        Raises
        ------
        TypeError, ValueError
            If these are not codes of this binarizer, or it is not fitted.
        """
        self._check_fitted()
        if not isinstance(codes, Codes):
            raise TypeError(f"codes must be Codes, got {type(codes).__name__}")
        packed = as_code_rows(codes, self.n_bits_, "big", "codes")
        if self.has_factors != (codes.factors is not None):
            wanted = "factors" if self.has_factors else "no factors"
            raise ValueError(f"codes of {type(self).__name__} must have {wanted}")
        decoded = np.empty((len(codes), self.n_features_in_), np.float32)
        for first in range(0, len(codes), _DECODED_ROWS):
            part = slice(first, first + _DECODED_ROWS)
            directions = self._decode_rows(packed[part])
            if codes.factors is not None:
                directions *= codes.factors[part, :1]
            decoded[part] = directions + self.center_
        return decoded

    def transform(self, X: EmbeddingSource) -> Codes:
        """Return the codes of embeddings; the same as :meth:`encode`."""
        return self.encode(X)

    def fit_transform(self, X: EmbeddingSource, y: object = None) -> Codes:
        """Learn from embeddings and return their codes."""
        return self.fit(X, y).encode(X)

    def _decode_rows(self, packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return D b of packed codes, shape (n, d); for a D that is too large to be written out."""
        decoder = self.query_weights(np.eye(self.n_features_in_, dtype=np.float32))
        signs = np.where(unpack(packed, self.n_bits_), np.float32(1), np.float32(-1))
        return np.asarray(signs @ decoder.T, np.float32)

    def _unbiased_lengths(
        self, directions: npt.NDArray[np.float32], packed: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        """Return |r|^2 / <D b, r>, shape (n,): the scale that removes the error along a row r.

        0 where a code points away from its row. Source: Gao & Long, "RaBitQ", SIGMOD 2024.
        """
        signs = np.where(unpack(packed, self.n_bits_), np.float32(1), np.float32(-1))
        projected = row_dots(self.query_weights(directions), signs)
        squares = row_dots(directions, directions)
        lengths = np.zeros_like(squares)
        np.divide(squares, projected, out=lengths, where=projected > 0)
        return lengths.astype(np.float32)

    def _check_fitted(self) -> None:
        if not hasattr(self, "n_bits_"):
            self._refuse_unfitted()

    def _check_params(self) -> None:
        """Raise TypeError or ValueError where an argument of the constructor is wrong."""

    def _check_learned(self) -> None:
        """Raise ValueError where what was read from a file does not fit together."""

    def _to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        self._check_fitted()
        params = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in self.get_params().items()
        }
        meta = {"params": params, "n_bits": self.n_bits_}
        return meta, {name: getattr(self, name) for name in self._fitted_arrays}

    @classmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
    ) -> Self:
        binarizer = cls(**meta["params"])
        binarizer._check_params()
        for name in cls._fitted_arrays:
            array = sections[name]
            if array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError(f"{name} must be finite float32")
            setattr(binarizer, name, array)
        if binarizer.center_.ndim != 1:
            raise ValueError(f"center_ must have shape (d,), got shape {binarizer.center_.shape}")
        binarizer.n_features_in_ = len(binarizer.center_)
        binarizer.n_bits_ = as_count(meta["n_bits"], "n_bits", 1)
        binarizer._check_learned()
        return binarizer
