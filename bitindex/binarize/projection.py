"""Codes that are the signs of a linear map."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from bitindex._bitops import pack, unpack
from bitindex._core import project
from bitindex.binarize.base import Binarizer
from bitindex.codes import Codes


class ProjectionBinarizer(Binarizer):
    """Bit j is 1 where (x - center) @ matrix[:, j] > 0, and D is that matrix.

    The products are added up in a fixed order, so that codes do not depend on the machine; a
    matrix product of NumPy would.
    """

    _fitted_arrays: ClassVar[tuple[str, ...]] = ("center_", "matrix_")

    matrix_: npt.NDArray[np.float32]

    def _encode_rows(self, rows: npt.NDArray[np.float32], threads: int) -> Codes:
        projected = project(rows, self.center_, self.matrix_, threads)
        return Codes(pack(projected > 0), None, self.n_bits_)

    def query_weights(self, directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the products of the centred queries and the matrix."""
        return project(np.ascontiguousarray(directions), None, self.matrix_, 0)

    def _decode_rows(self, packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        signs = np.where(unpack(packed, self.n_bits_), np.float32(1), np.float32(-1))
        return project(signs, None, np.ascontiguousarray(self.matrix_.T), 0)

    def _check_learned(self) -> None:
        expected = (self.n_features_in_, self.n_bits_)
        if self.matrix_.shape != expected:
            raise ValueError(f"matrix_ must have shape {expected}, got {self.matrix_.shape}")
