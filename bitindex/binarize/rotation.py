"""RaBitQ: a random rotation, and 1 to 8 bits for each dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._bitops import unpack
from bitindex._border import as_bool, as_count
from bitindex.binarize.base import Binarizer
from bitindex.binarize.center import mean_of_rows
from bitindex.codes import Codes
from bitindex.embeddings import EmbeddingSource

if TYPE_CHECKING:
    from typing_extensions import Self

_ROUNDS = 4  # as in csrc/encode/rotation.h
_MOST_BITS = 8


class RotationBinarizer(Binarizer):
    """RaBitQ: 1 to 8 bits for each dimension of randomly rotated embeddings.

    Parameters
    ----------
    bits_per_dim : int
        B, from 1 to 8. The B bits of a dimension, the most significant first, write a number v for
        the odd level 2v - (2^B - 1).
    center : bool
        Whether the mean of the rows given to :meth:`fit` is subtracted first.
    error_factor : bool
        Whether codes come with a second factor, which bounds the error of their estimates.
    random_state : int
        Seed of the rotation, >= 0.

    Attributes
    ----------
    n_features_in_, n_bits_ : int
        Dimensions d of the embeddings, and bits per code: d times B.
    center_ : ndarray of float32, shape (d,)
        The mean, or zeros.
    signs_ : ndarray of float32, shape (4, d)
        Numbers +1 and -1, which define the rotation.

    Notes
    -----
    The rotation is orthogonal, takes O(d log d) operations and works for any d: four rounds of
    random signs and a Walsh-Hadamard transform over the leading or the trailing power of two of
    the coordinates. With r the rotated direction x - center and l its levels, the factors are

    - column 0, the scale |r|^2 / <r, l>: scale * <l, q> estimates <r, q> without bias over the
      random rotation;
    - column 1, the error e = |r| sqrt((|r|^2 |l|^2 / <r, l>^2 - 1) / (d - 1)): the estimate is off
      by at most eps e |q| with a probability that rises quickly with eps; 1.9 is customary.

    With several bits, levels are fitted to t |r|, for the t among 32 that gives the largest cosine
    between r and l. Codes are the same on every machine.

    Source: Gao & Long, "RaBitQ: quantizing high-dimensional vectors with a theoretical error bound
    for approximate nearest neighbor search", SIGMOD 2024, and Gao et al., "Practical and
    asymptotically optimal quantization of high-dimensional vectors in Euclidean space for
    approximate nearest neighbor search", SIGMOD 2025.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> X = np.random.default_rng(0).standard_normal((100, 20), dtype=np.float32)
    >>> codes = bi.RotationBinarizer(bits_per_dim=2).fit(X).encode(X)
    >>> codes.packed.shape, codes.factors.shape
    ((100, 5), (100, 1))
    """

    _fitted_arrays: ClassVar[tuple[str, ...]] = ("center_", "signs_")

    signs_: npt.NDArray[np.float32]

    def __init__(
        self,
        bits_per_dim: int = 1,
        center: bool = True,
        error_factor: bool = False,
        random_state: int = 0,
    ) -> None:
        self.bits_per_dim = bits_per_dim
        self.center = center
        self.error_factor = error_factor
        self.random_state = random_state

    def fit(self, X: EmbeddingSource, y: object = None) -> Self:
        """Learn the mean, and draw the rotation.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches
        y : ignored

        Returns
        -------
        RotationBinarizer
            This object.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is not as described, or X has no rows.
        """
        self._check_params()
        mean = mean_of_rows(X)
        generator = np.random.default_rng(self.random_state)
        positive = generator.integers(0, 2, (_ROUNDS, len(mean)), dtype=np.uint8)
        self.center_ = mean if self.center else np.zeros_like(mean)
        self.signs_ = np.where(positive, np.float32(1), np.float32(-1))
        self.n_features_in_ = len(mean)
        self.n_bits_ = len(mean) * int(self.bits_per_dim)
        return self

    @property
    def has_factors(self) -> bool:
        """True: the scale, and the error where it is wanted."""
        return True

    def query_weights(self, directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the rotated queries: bit p of a dimension weighs 2^p as much as its lowest."""
        rotated = _core.rotate(np.ascontiguousarray(directions), None, self.signs_, False, 0)
        weights = rotated[:, :, np.newaxis] * self._bit_values()
        return weights.reshape(len(rotated), self.n_bits_)

    def _encode_rows(self, rows: npt.NDArray[np.float32], threads: int) -> Codes:
        bits_per_dim = self.n_bits_ // self.n_features_in_
        packed, factors = _core.encode_levels(
            rows, self.center_, self.signs_, bits_per_dim, self.error_factor, threads
        )
        return Codes(packed, factors, self.n_bits_)

    def _decode_rows(self, packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        signs = np.where(unpack(packed, self.n_bits_), np.float32(1), np.float32(-1))
        bits = signs.reshape(len(packed), self.n_features_in_, -1)
        levels = (bits * self._bit_values()).sum(axis=2)
        return _core.rotate(levels, None, self.signs_, True, 0)

    def _bit_values(self) -> npt.NDArray[np.float32]:
        n_bits = self.n_bits_ // self.n_features_in_
        return np.float32(2) ** np.arange(n_bits - 1, -1, -1, dtype=np.float32)

    def _check_params(self) -> None:
        if as_count(self.bits_per_dim, "bits_per_dim", 1) > _MOST_BITS:
            raise ValueError(f"bits_per_dim must be <= {_MOST_BITS}, got {self.bits_per_dim}")
        as_bool(self.center, "center")
        as_bool(self.error_factor, "error_factor")
        as_count(self.random_state, "random_state", 0)

    def _check_learned(self) -> None:
        n_dims = self.n_features_in_
        if self.n_bits_ != n_dims * self.bits_per_dim:
            raise ValueError(f"n_bits must be {n_dims * self.bits_per_dim}, got {self.n_bits_}")
        if self.signs_.shape != (_ROUNDS, n_dims) or (np.abs(self.signs_) != 1).any():
            raise ValueError(f"signs_ must be +1 or -1, of shape {(_ROUNDS, n_dims)}")
