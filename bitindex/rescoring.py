"""Vectors kept for rescoring, as the core stores them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# Names as users write them -> VectorType in csrc/kernels/kernel_table.h.
VECTOR_TYPES = {"float32": 0, "float16": 1, "int8": 2}

_LARGEST_HALF = 65504.0


def stored_vectors(rows: npt.NDArray[np.float32], vector_type: str) -> npt.NDArray[np.uint8]:
    """Return rows as bytes, one row each.

    Parameters
    ----------
    rows : ndarray of float32, shape (n, d)
    vector_type : {"float32", "float16", "int8"}
        int8 keeps round(x / s) with s = max |x| / 127 per row, and s as a float32 behind it.

    Returns
    -------
    ndarray of uint8, shape (n, 4 d), (n, 2 d) or (n, d + 4)

    Raises
    ------
    ValueError
        If a number is too large for float16.
    """
    n_rows, n_dims = rows.shape
    if vector_type == "float32":
        return rows.view(np.uint8).reshape(n_rows, 4 * n_dims)
    if vector_type == "float16":
        if rows.size and float(np.abs(rows).max()) > _LARGEST_HALF:
            raise ValueError(
                f"rescore='float16' holds numbers up to {_LARGEST_HALF:g}, "
                f"got {np.abs(rows).max():g}; use 'float32' or 'int8'"
            )
        return rows.astype(np.float16).view(np.uint8).reshape(n_rows, 2 * n_dims)
    scales = np.abs(rows).max(axis=1, initial=0.0, keepdims=True).astype(np.float32) / np.float32(
        127
    )
    safe = np.where(scales > 0, scales, np.float32(1))
    stored = np.empty((n_rows, n_dims + 4), np.uint8)
    levels = np.clip(np.rint(rows / safe), -127, 127).astype(np.int8)
    stored[:, :n_dims] = levels.view(np.uint8)
    stored[:, n_dims:] = scales.view(np.uint8)
    return stored
