"""Products of rows, the same wherever a row stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def row_dots(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the inner product of each row of ``a`` (n, d) with that of ``b``, (n, d) or (d,).

    Not a matrix product: its last bits depend on where a row stands, and equal rows must tie.
    """
    other = b if b.ndim == 2 else np.broadcast_to(b, a.shape)  # which takes longer than one query
    return np.asarray(np.einsum("ij,ij->i", a, other, dtype=np.float64))
