"""What the array functions on packed codes accept, and how they refuse the rest."""

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Below this width the number of bits of a code fits in int32.
_MAX_BYTES = 1 << 28


def bool_rows(bools: ArrayLike) -> NDArray[np.bool_]:
    """Return bools as an array of shape (n, n_bits); a 1-D array is one row."""
    array = np.asarray(bools)
    kind = array.dtype.kind
    if kind != "b" and not (_is_list(bools) and array.size == 0):
        hint = ""
        if kind in "iu":
            hint = "; convert 0/1 integers with x.astype(bool) or x > 0"
        elif kind == "f":
            hint = "; take the signs of floats with x > 0, or use a binarizer"
        raise TypeError(f"bools must be bool, got {array.dtype}{hint}")
    return np.ascontiguousarray(_rows(array, "bools", "n_bits"), dtype=np.bool_)


def code_rows(codes: ArrayLike, name: str) -> NDArray[np.uint8]:
    """Return codes as a C-contiguous array of shape (n, n_bytes), copied only where needed."""
    array = np.asarray(codes)
    kind = array.dtype.kind
    if _is_list(codes) and (kind in "iu" or array.size == 0):
        array = _bytes_of_integers(array, name)
    elif array.dtype != np.uint8:
        hint = ""
        if kind == "b":
            hint = "; pack bools with bitindex.pack(x)"
        elif kind == "f":
            hint = "; turn floats into codes with a binarizer or bitindex.pack(x > 0)"
        elif kind in "iu":
            hint = "; convert bytes stored as integers with x.astype(np.uint8)"
        raise TypeError(f"{name} must be uint8, got {array.dtype}{hint}")
    rows = _rows(array, name, "n_bytes")
    if rows.shape[1] >= _MAX_BYTES:
        raise ValueError(
            f"{name} must have fewer than {_MAX_BYTES} bytes per row, got shape {array.shape}"
        )
    return np.ascontiguousarray(rows)


def code_pair(
    a: ArrayLike, b: ArrayLike, *, paired: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return two sets of codes of the same width, of as many rows where they are paired."""
    a_rows = code_rows(a, "a")
    b_rows = code_rows(b, "b")
    if a_rows.shape[1] != b_rows.shape[1]:
        raise ValueError(
            "a and b must have the same number of bytes per row, "
            f"got {a_rows.shape[1]} and {b_rows.shape[1]}"
        )
    if paired and len(a_rows) != len(b_rows):
        raise ValueError(
            "a and b must have the same number of rows (paired=True), "
            f"got {len(a_rows)} and {len(b_rows)}"
        )
    return a_rows, b_rows


def code_rows_of_bits(codes: ArrayLike, n_bits: int, bit_order: str) -> NDArray[np.uint8]:
    """Return codes of n_bits bits; bits beyond them must be zero."""
    try:
        n_bits = operator.index(n_bits)
    except TypeError:
        raise TypeError(f"n_bits must be an integer, got {n_bits!r}") from None
    if n_bits < 0:
        raise ValueError(f"n_bits must be 0 or more, got {n_bits}")
    check_bit_order(bit_order)
    rows = code_rows(codes, "codes")
    n_bytes = (n_bits + 7) // 8
    if rows.shape[1] != n_bytes:
        raise ValueError(
            f"codes must have {n_bytes} bytes per row (n_bits={n_bits}), got shape {rows.shape}"
        )
    n_padding = 8 * n_bytes - n_bits
    if n_padding:
        padding = (1 << n_padding) - 1 if bit_order == "big" else 256 - (1 << (8 - n_padding))
        dirty = np.flatnonzero(rows[:, -1] & np.uint8(padding))
        if dirty.size:
            raise ValueError(
                f"the last {n_padding} bits of each row must be zero (n_bits={n_bits}, "
                f"bit_order={bit_order!r}), got 0x{rows[dirty[0], -1]:02x} as the last byte of "
                f"row {dirty[0]}"
            )
    return rows


def check_bit_order(bit_order: str) -> None:
    """Refuse anything but the two orders."""
    if bit_order not in ("big", "little"):
        raise ValueError(f"bit_order must be 'big' or 'little', got {bit_order!r}")


def _is_list(values: object) -> bool:
    # Python numbers have no dtype, so a list of them means what it holds. Arrays say what they are.
    return isinstance(values, (list, tuple))


def _bytes_of_integers(array: NDArray[Any], name: str) -> NDArray[np.uint8]:
    if array.size and not (array.min() >= 0 and array.max() <= 255):
        raise ValueError(f"{name} must hold numbers in 0..255, got {array.min()} to {array.max()}")
    return array.astype(np.uint8)


def _rows(array: NDArray[Any], name: str, width: str) -> NDArray[Any]:
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have shape (n, {width}) or ({width},), got shape {array.shape}"
        )
    return array[np.newaxis] if array.ndim == 1 else array
