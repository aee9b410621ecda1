"""Checks of arguments that all of `bitindex.evaluate` shares."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["whole_number", "float_matrix", "mean_of_known"]


def whole_number(value: Any, name: str, minimum: int = 1) -> int:
    """Return `value` as an int that is at least `minimum`.

    Raises
    ------
    TypeError
        If `value` is not an integer; a bool is not one.
    ValueError
        If `value` is smaller than `minimum`.
    """
    try:
        number = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = None
    if number is None:
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {number}")
    return number


def float_matrix(values: npt.ArrayLike, name: str) -> npt.NDArray[Any]:
    """Return `values` as a matrix of numbers that float64 holds exactly or nearly, not converted.

    Raises
    ------
    TypeError
        If the elements are neither integers nor floats of at most 64 bits.
    ValueError
        If the rows differ in width, or the array is not two-dimensional with at least one column.
    """
    try:
        matrix = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must have rows of one width: {error}") from error
    if matrix.dtype.kind not in "fiu" or matrix.dtype.itemsize > 8:
        raise TypeError(
            f"{name} must hold floats or integers of at most 64 bits, got {matrix.dtype}"
        )
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError(f"{name} must have shape (n, dimension), got shape {matrix.shape}")
    return matrix


def mean_of_known(values: npt.NDArray[np.float64], condition: str) -> float:
    """Return the mean of the values that are not NaN.

    Raises
    ------
    ValueError
        If there is none; `condition` says what must hold for one to be there.
    """
    known = values[~np.isnan(values)]
    if known.size == 0:
        raise ValueError(f"{condition}, got none for {len(values)} queries")
    return float(known.mean())
