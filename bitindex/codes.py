"""Packed binary codes and the numbers that belong to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

BitOrder = Literal["big", "little"]


@dataclass(frozen=True, eq=False)
class Codes:
    """Binary codes as a binarizer makes them and as every index takes them.

    Parameters
    ----------
    packed : ndarray of uint8, shape (n, ceil(n_bits / 8))
        One code a row.
    factors : ndarray of float32, shape (n, f), or None
        Numbers that turn the score of a code into a similarity; column 0 is its scale.
    n_bits : int
        Bits per code; the bits of the last byte beyond them are zero.
    bit_order : {"big", "little"}
        Whether bit 0 is the highest or the lowest bit of the first byte.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit together.
    """

    packed: npt.NDArray[np.uint8]
    factors: npt.NDArray[np.float32] | None
    n_bits: int
    bit_order: BitOrder = "big"

    def __post_init__(self) -> None:
        if self.packed.dtype != np.uint8:
            raise TypeError(f"packed must be uint8, got {self.packed.dtype}")
        if self.packed.ndim != 2 or self.packed.shape[1] != (self.n_bits + 7) // 8:
            raise ValueError(
                f"packed must have {(self.n_bits + 7) // 8} bytes per row "
                f"(n_bits={self.n_bits}), got shape {self.packed.shape}"
            )
        if self.factors is None:
            return
        if self.factors.dtype != np.float32:
            raise TypeError(f"factors must be float32, got {self.factors.dtype}")
        if self.factors.ndim != 2 or len(self.factors) != len(self.packed):
            raise ValueError(
                f"factors must have shape ({len(self.packed)}, f), one row per code, "
                f"got shape {self.factors.shape}"
            )

    def __len__(self) -> int:
        return len(self.packed)

    def __getitem__(self, rows: slice | npt.NDArray[Any] | list[int]) -> Codes:
        """Return the codes and factors of some rows: a slice, a mask or row numbers."""
        factors = None if self.factors is None else self.factors[rows]
        return replace(self, packed=self.packed[rows], factors=factors)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Give the packed codes, so that NumPy functions take ``Codes`` as an array."""
        if copy:
            return np.array(self.packed, dtype=dtype)
        return np.asarray(self.packed, dtype=dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``packed``: (n, ceil(n_bits / 8))."""
        return self.packed.shape

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Type of ``packed``: uint8."""
        return self.packed.dtype

    @property
    def bytes_per_code(self) -> int:
        """Bytes that one code takes, factors included."""
        n_factors = 0 if self.factors is None else self.factors.shape[1]
        return int(self.packed.shape[1]) + 4 * int(n_factors)


def concatenate_codes(parts: list[Codes]) -> Codes:
    """Return the codes of all parts, at least one, in one object; they must be of one kind."""
    filled = [part for part in parts if len(part) > 0]
    if len(filled) < 2:
        return filled[0] if filled else parts[0]
    packed = np.concatenate([part.packed for part in filled])
    factors = [part.factors for part in filled if part.factors is not None]
    return replace(filled[0], packed=packed, factors=np.concatenate(factors) if factors else None)
