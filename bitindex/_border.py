"""Checks of what users pass in where it enters the package: codes, ids, filters, numbers."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Any, SupportsFloat, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex._packed import code_rows
from bitindex.codes import Codes

Filter = (
    npt.NDArray[np.bool_]
    | npt.NDArray[np.integer[Any]]
    | range
    | slice
    | list[int]
    | list[bool]
    | tuple[int, ...]
    | set[int]
    | None
)
CoreFilter = npt.NDArray[np.bool_] | npt.NDArray[np.int64] | tuple[int, int, int] | None

_LARGEST_ID = 2**63 - 2


def as_code_rows(codes: Any, n_bits: int, bit_order: str, name: str) -> npt.NDArray[np.uint8]:
    """Return packed codes as a C-ordered uint8 array of shape (n, ceil(n_bits / 8))."""
    n_bytes = (n_bits + 7) // 8
    if isinstance(codes, Codes):
        if codes.n_bits != n_bits or codes.bit_order != bit_order:
            raise ValueError(
                f"{name} must have n_bits={n_bits} and bit_order={bit_order!r}, "
                f"got n_bits={codes.n_bits} and bit_order={codes.bit_order!r}"
            )
        codes = codes.packed
    if isinstance(codes, list | tuple) and len(codes) == 0:
        return np.empty((0, n_bytes), np.uint8)
    rows = code_rows(codes, name)
    if rows.shape[1] != n_bytes:
        raise ValueError(
            f"{name} must have {n_bytes} bytes per row (n_bits={n_bits}), "
            f"got shape {np.shape(codes)}"
        )
    return rows


def as_ids(ids: object, name: str = "ids") -> npt.NDArray[np.int64]:
    """Return ids as a C-ordered int64 array of shape (n,); their sign is the core's to check."""
    values = np.asarray(ids)
    if values.size == 0 and not hasattr(ids, "dtype"):
        values = values.astype(np.int64)
    if values.dtype.kind not in "iu":
        # Of Python integers beyond 64 bits NumPy makes objects, or floats if others are negative.
        exact = [] if hasattr(ids, "dtype") else np.asarray(ids, object).ravel().tolist()
        if exact and all(type(value) is int for value in exact):
            raise ValueError(f"{name} must be < 2**63 - 1, got {max(exact, key=abs)}")
        raise TypeError(f"{name} must be integers, got {values.dtype}")
    if values.ndim != 1:
        raise ValueError(f"{name} must have shape (n,), got shape {values.shape}")
    if values.dtype.kind == "u" and values.size and int(values.max()) > _LARGEST_ID:
        raise ValueError(f"{name} must be < 2**63 - 1, got {values.max()}")
    return np.ascontiguousarray(values, dtype=np.int64)


def as_ids_of(ids: object, n_rows: int) -> npt.NDArray[np.int64]:
    """Return one id per row."""
    values = as_ids(ids)
    if len(values) != n_rows:
        raise ValueError(f"ids must have one id per row ({n_rows} rows), got {len(values)}")
    return values


def next_ids(first: int, n_rows: int) -> npt.NDArray[np.int64]:
    """Return the ids of new rows, from the first free one on."""
    if first + n_rows > _LARGEST_ID + 1:
        raise ValueError(
            f"ids must be given: {n_rows} rows need ids from {first} on, the largest is 2**63 - 2"
        )
    return np.arange(first, first + n_rows, dtype=np.int64)


def as_one_id(id: object) -> int:
    """Return one id as an int; outside the range of ids it is simply no id of any row."""
    if isinstance(id, bool | np.bool_) or not hasattr(id, "__index__"):
        raise TypeError(f"an id must be an integer, got {type(id).__name__}")
    value = operator.index(id)
    return value if 0 <= value <= _LARGEST_ID else -1


def as_filter(filter: object) -> CoreFilter:
    """Return a filter as the core takes it: a mask over ids, a list of ids, or a range of ids."""
    if filter is None:
        return None
    if isinstance(filter, slice):
        if any(bound is not None and bound < 0 for bound in (filter.start, filter.stop)):
            raise ValueError(f"a filter slice must have bounds >= 0, got {filter}")
        return as_filter(range(*filter.indices(2**63 - 1)))
    if isinstance(filter, range):
        ascending = filter if filter.step > 0 else filter[::-1]
        # No id is negative; the first id of the range, if it has any, keeps its place in the steps.
        first = ascending.start if ascending.start >= 0 else ascending.start % ascending.step
        limits = (first, max(ascending.stop, 0), ascending.step)
        start, stop, step = (min(limit, _LARGEST_ID + 1) for limit in limits)
        return start, stop, step
    if isinstance(filter, set | frozenset):
        return as_filter(sorted(filter))
    values = np.asarray(filter)
    if values.dtype == np.bool_:
        if values.ndim != 1:
            raise ValueError(f"a filter mask must have shape (n,), got shape {values.shape}")
        return np.ascontiguousarray(values)
    if values.dtype.kind in "iu" or values.size == 0:
        return as_ids(filter, "a filter of allowed ids")
    raise TypeError(
        "filter must be None, a bool mask over ids, an array of allowed ids, a range or a slice, "
        f"got {type(filter).__name__} of {values.dtype}"
    )


def as_count(value: SupportsIndex, name: str, least: int) -> int:
    """Return a whole number that is at least ``least``."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    number = operator.index(value)
    if number < least:
        raise ValueError(f"{name} must be >= {least}, got {number}")
    if number >= 2**63:
        raise ValueError(f"{name} must be < 2**63, got {number}")
    return number


def as_effort(value: SupportsIndex | None, name: str) -> int:
    """Return how far to look, 0 where that is left to the index."""
    return 0 if value is None else as_count(value, name, 1)


def as_radius(radius: SupportsFloat) -> float:
    """Return a radius >= 0 as a float that stays finite in float32."""
    is_number = hasattr(radius, "__float__") or hasattr(radius, "__index__")
    if isinstance(radius, bool | np.bool_) or not is_number or getattr(radius, "ndim", 0) > 0:
        raise TypeError(f"radius must be a number, got {type(radius).__name__}")
    # Python's integers go beyond the largest float, where float() overflows.
    limit = float(max(-1, min(radius, 3e38)) if isinstance(radius, int) else radius)
    if not limit >= 0:
        raise ValueError(f"radius must be >= 0, got {radius}")
    return min(limit, 3e38)


def as_ratio(value: SupportsFloat, name: str, least: float) -> float:
    """Return a finite number that is at least ``least``."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:  # Python's integers go beyond the largest float
        number = math.inf
    if not least <= number < math.inf:
        raise ValueError(f"{name} must be a finite number >= {least:g}, got {value}")
    return number


def as_oversample(value: SupportsFloat | str) -> float | None:
    """Return how many candidates a result to score again, or None for "auto"."""
    if not isinstance(value, str):
        return as_ratio(value, "oversample", 1.0)
    if value != "auto":
        raise ValueError(f"oversample must be a number or 'auto', got {value!r}")
    return None


def as_threads(threads: SupportsIndex | None) -> int:
    """Return a number of threads for the core, where 0 means the default."""
    return 0 if threads is None else as_count(threads, "threads", 1)


def as_version(version: SupportsIndex, n_versions: int) -> int:
    """Return the number of a version, of which there are some."""
    number = as_count(version, "version", 0)
    if number >= n_versions:
        raise ValueError(f"version must be < {n_versions}, the number of versions, got {number}")
    return number


def as_bool(value: object, name: str) -> bool:
    """Return a bool."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a bool, got {type(value).__name__}")
    return bool(value)


def as_choice(value: object, choices: tuple[str, ...], name: str) -> str:
    """Return one of a few names."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {type(value).__name__}")
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
    return value
