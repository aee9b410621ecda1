"""The network behind recurrent codes, without torch: matrices, and how codes come from them.

With blocks T(x) = [x | relu(x A + a)] C + c, or without the part x where a block has no shortcut:

    b = sign(T_0(x)),   then for every further plane i:
    f = normalize(U_i(b)),   s = sign(T_i(x - f)),   b = b + v_i s

Products are added up in a fixed order, and everything else is one IEEE operation a number, so that
codes depend on nothing but the row.

Source: Gan et al., "Binary embedding-based retrieval at Tencent", KDD 2023, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitindex import _core

Floats = npt.NDArray[np.float32]

# So that what a block computes stays in the caches.
_ROWS_AT_ONCE = 1024


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

    def apply(self, block: int, rows: Floats, threads: int) -> Floats:
        """Return what one of the blocks makes of rows."""
        inner = _core.project(rows, None, self.hidden[block], threads)
        inner += self.hidden_bias[block]
        np.maximum(inner, 0, out=inner)
        if self.output.shape[1] > inner.shape[1]:
            inner = np.concatenate([rows, inner], axis=1)
        outputs = _core.project(inner, None, self.output[block], threads)
        outputs += self.output_bias[block]
        return outputs

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

    def signs(self, rows: Floats, threads: int) -> npt.NDArray[np.bool_]:
        """Return whether each sign is +, shape (n, code_dim, n_planes), of rows of any length."""
        n_planes, code_dim = self.to_code.output_bias.shape
        signs = np.empty((len(rows), code_dim, n_planes), np.bool_)
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(first, first + _ROWS_AT_ONCE)
            self._write_signs(unit_rows(rows[part]), signs[part], threads)
        if n_planes == 2 and self.values[0] == self.values[1]:
            # Both orders of + and - write level 0 of a ternary code.
            signs.sort(axis=2)
            return np.ascontiguousarray(signs[:, :, ::-1])
        return signs

    def _write_signs(self, rows: Floats, signs: npt.NDArray[np.bool_], threads: int) -> None:
        levels = np.zeros(signs.shape[:2], np.float32)
        for plane, value in enumerate(self.values / self.values[0]):
            left = rows
            if plane > 0:
                left = rows - unit_rows(self.to_row.apply(plane - 1, levels, threads))
            positive = self.to_code.apply(plane, left, threads) > 0
            add_signs(levels, positive, value)
            signs[:, :, plane] = positive


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


def weigh(signs: npt.NDArray[np.bool_], values: Floats) -> Floats:
    """Return the levels that signs of shape (n, code_dim, n_planes) stand for: whole numbers."""
    levels = np.zeros(signs.shape[:2], np.float32)
    for plane, value in enumerate(values):
        add_signs(levels, signs[:, :, plane], value)
    return levels


def add_signs(levels: Floats, positive: npt.NDArray[np.bool_], value: np.float32) -> None:
    """Add +value where a sign is positive, and -value elsewhere."""
    levels += positive * (2 * value)  # several times as fast as a choice between two numbers
    levels -= value
