"""The network behind recurrent codes, without torch: its matrices.

How codes come from them, and from nothing but the row, says `csrc/encode/recurrent.h`.

Source: Gan et al., "Binary embedding-based retrieval at Tencent", KDD 2023, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitindex import _core

Floats = npt.NDArray[np.float32]


def plane_values(bits_per_dim: int | str) -> Floats:
    """Return what the bits of a dimension are worth: its level is the sum of +value or -value.

    2^(B-1), ..., 2, 1 for B bits. Of ternary codes both planes are worth the same, so that the
    levels are -2, 0 and 2.
    """
    if isinstance(bits_per_dim, str):
        return np.ones(2, np.float32)
    return np.float32(2) ** np.arange(bits_per_dim - 1, -1, -1, dtype=np.float32)


@dataclass(frozen=True)
class Blocks:
    """Blocks of one shape: d_in numbers to h hidden ones to d_out.

    Attributes
    ----------
    hidden, hidden_bias : ndarray of float32, shapes (n, d_in, h) and (n, h)
        A and a, batch normalization included.
    output, output_bias : ndarray of float32, shapes (n, d_in + h or h, d_out) and (n, d_out)
        C and c; the first d_in rows of C, if there, are the shortcut.
    """

    hidden: Floats
    hidden_bias: Floats
    output: Floats
    output_bias: Floats

    def arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the arrays as the core takes them."""
        parts = (self.hidden, self.hidden_bias, self.output, self.output_bias)
        hidden, hidden_bias, output, output_bias = map(np.ascontiguousarray, parts)
        return hidden, hidden_bias, output, output_bias

    def check(self, name: str, n_blocks: int, n_in: int, n_out: int) -> None:
        """Raise ValueError if the shapes are not those of so many blocks from n_in to n_out."""
        n_hidden = self.hidden.shape[-1]
        n_inner = self.output.shape[1] if self.output.ndim == 3 else n_hidden
        if n_inner != n_hidden:
            n_inner = n_in + n_hidden
        shapes = {
            "hidden": (n_blocks, n_in, n_hidden),
            "hidden_bias": (n_blocks, n_hidden),
            "output": (n_blocks, n_inner, n_out),
            "output_bias": (n_blocks, n_out),
        }
        for part, shape in shapes.items():
            if getattr(self, part).shape != shape:
                raise ValueError(f"{name}_{part}_ must have shape {shape}")


@dataclass(frozen=True)
class RecurrentNetwork:
    """What binarizes, and what reconstructs between two planes."""

    to_code: Blocks  # one a plane
    to_row: Blocks  # one less
    values: Floats  # of the planes

    def codes(self, rows: Floats, threads: int) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Return the codes of rows of any length.

        Returns
        -------
        signs : ndarray of bool, shape (n, code_dim, n_planes)
            Whether each sign is +.
        levels : ndarray of float32, shape (n, code_dim)
            The levels that they stand for: whole numbers.
        """
        signs, levels = _core.encode_recurrent(
            rows, self.to_code.arrays(), self.to_row.arrays(), self.values, threads
        )
        if len(self.values) == 2 and self.values[0] == self.values[1]:
            # Both orders of + and - write level 0 of a ternary code.
            signs.sort(axis=2)
            signs = np.ascontiguousarray(signs[:, :, ::-1])
        return signs, levels


def unit_rows(rows: Floats) -> Floats:
    """Return rows scaled to length 1; rows of zeros stay zeros."""
    float32 = np.finfo(np.float32)
    lengths = row_lengths(rows)
    lengths[lengths < float32.tiny] = 1.0  # which float32 could not divide by
    scale = np.minimum(lengths, float32.max).astype(np.float32)
    return np.divide(rows, scale[:, np.newaxis])


def row_lengths(rows: Floats) -> npt.NDArray[np.float64]:
    """Return the lengths of rows; not by a matrix product, because equal rows must tie."""
    squares: npt.NDArray[np.float64] = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return np.sqrt(squares)
