"""Iterative quantization: principal axes, rotated so that signs lose little."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bitindex._border import as_count
from bitindex.binarize.projection import ProjectionBinarizer
from bitindex.binarize.sampling import sample_rows
from bitindex.embeddings import EmbeddingSource

if TYPE_CHECKING:
    from typing_extensions import Self


class ITQBinarizer(ProjectionBinarizer):
    """Iterative quantization: the signs of rotated principal components.

    Parameters
    ----------
    n_bits : int or None
        Bits per code, from 1 to d; None: d.
    n_iter : int
        Rounds of the alternation, >= 0; it ends earlier if no sign changes.
    n_train : int
        Rows of the random sample that is learned from, >= 1.
    random_state : int
        Seed of the sample and of the first rotation, >= 0.

    Attributes
    ----------
    n_features_in_, n_bits_ : int
        Dimensions of the embeddings, and bits per code.
    center_ : ndarray of float32, shape (d,)
        The mean of the sample.
    matrix_ : ndarray of float32, shape (d, n_bits)
        The rotated principal axes, orthonormal columns.

    Notes
    -----
    A round takes 4 n_train n_bits^2 operations and a singular value decomposition. Rows fewer than
    dimensions, constant columns and equal rows leave axes without variance, which any orthonormal
    ones stand for. Learning uses NumPy's linear algebra, whose last bits differ between machines;
    what one fitted object encodes does not.

    Source: Gong & Lazebnik, "Iterative quantization: a Procrustean approach to learning binary
    codes", CVPR 2011.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> X = np.random.default_rng(0).standard_normal((100, 20), dtype=np.float32)
    >>> bi.ITQBinarizer(n_bits=16).fit(X).encode(X).packed.shape
    (100, 2)
    """

    def __init__(
        self,
        n_bits: int | None = None,
        n_iter: int = 50,
        n_train: int = 20_000,
        random_state: int = 0,
    ) -> None:
        self.n_bits = n_bits
        self.n_iter = n_iter
        self.n_train = n_train
        self.random_state = random_state

    def fit(self, X: EmbeddingSource, y: object = None) -> Self:
        """Learn the rotated axes from a sample.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches
        y : ignored

        Returns
        -------
        ITQBinarizer
            This object.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is not as described, X has no rows, or n_bits is above d.
        """
        self._check_params()
        rows = sample_rows(X, self.n_train, self.random_state)
        n_dims = rows.shape[1]
        n_bits = n_dims if self.n_bits is None else int(self.n_bits)
        if n_bits > n_dims:
            raise ValueError(f"n_bits must be <= {n_dims}, the dimensions of X, got {n_bits}")
        center = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        directions = rows - center
        axes = _principal_axes(directions, n_bits)
        generator = np.random.default_rng(self.random_state)
        start = np.linalg.qr(generator.standard_normal((n_bits, n_bits)))[0]
        rotation = _fitted_rotation(directions @ axes, start.astype(np.float32), self.n_iter)
        self.center_ = center
        self.matrix_ = np.ascontiguousarray(axes @ rotation, dtype=np.float32)
        self.n_features_in_, self.n_bits_ = n_dims, n_bits
        return self

    def _check_params(self) -> None:
        if self.n_bits is not None:
            as_count(self.n_bits, "n_bits", 1)
        as_count(self.n_iter, "n_iter", 0)
        as_count(self.n_train, "n_train", 1)
        as_count(self.random_state, "random_state", 0)


def _principal_axes(directions: npt.NDArray[np.float32], n_axes: int) -> npt.NDArray[np.float32]:
    # Of rows scaled to at most 1: their squares then neither overflow nor vanish.
    scale = np.abs(directions).max() or np.float32(1)
    scaled = directions / scale
    _, axes = np.linalg.eigh((scaled.T @ scaled).astype(np.float64))  # ascending
    return axes[:, ::-1][:, :n_axes].astype(np.float32)


def _fitted_rotation(
    components: npt.NDArray[np.float32], rotation: npt.NDArray[np.float32], n_iter: int
) -> npt.NDArray[np.float32]:
    """Return the rotation R that lowers |sign(Z R) - Z R|^2, by turns with the signs."""
    scale = np.abs(components).max() or np.float32(1)
    scaled = components / scale
    before: npt.NDArray[np.bool_] | None = None
    for _ in range(n_iter):
        positive = scaled @ rotation > 0
        if before is not None and np.array_equal(positive, before):
            break
        before = positive
        signs = np.where(positive, np.float32(1), np.float32(-1))
        left, _, right = np.linalg.svd(scaled.T @ signs)
        rotation = left @ right
    return rotation
