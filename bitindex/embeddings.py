"""Embeddings from whatever holds them: arrays, tensors, files, iterators of batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

EmbeddingSource = Any
"""Anything that :func:`embedding_batches` takes."""

# Such a batch stays in the caches while it is checked, normalized and encoded.
_BATCH_BYTES = 4 << 20


def as_embeddings(
    rows: object,
    n_dims: int | None = None,
    name: str = "X",
    row_numbers: int | npt.NDArray[np.int64] = 0,
) -> npt.NDArray[np.float32]:
    """Return embeddings as a finite, C-ordered float32 array.

    Parameters
    ----------
    rows : array of any float dtype, shape (n, d) or (d,)
        NumPy arrays, lists, torch tensors on any device, and anything with ``__array__`` or
        DLPack. One dimension is one row.
    n_dims : int, optional
        The d that must hold.
    name : str
        What to call the array in errors.
    row_numbers : int or ndarray of int64, shape (n,)
        The number that its first row has in errors, or the numbers of all rows.

    Returns
    -------
    ndarray of float32, shape (n, d)
        The input itself where it fits already.

    Raises
    ------
    TypeError
        If the numbers are not floats.
    ValueError
        If the shape is wrong, or a number is NaN, infinite or beyond float32.
    """
    array = as_array(rows, name)
    if array.shape == (0,) and not hasattr(rows, "dtype"):
        array = array.reshape(0, n_dims or 0).astype(np.float32)
    if array.dtype.kind != "f" and isinstance(rows, list | tuple) and array.dtype.kind in "iu":
        array = array.astype(np.float32)
    if array.dtype.kind != "f":
        raise TypeError(
            f"{name} must be floats, got {array.dtype}; if these numbers are embeddings, "
            "pass them as .astype('float32')"
        )
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2 or (n_dims is not None and array.shape[1] != n_dims):
        wanted = "d" if n_dims is None else n_dims
        raise ValueError(f"{name} must have shape (n, {wanted}), got shape {array.shape}")
    if array.shape[1] == 0 and len(array) > 0:
        raise ValueError(  # in the words that scikit-learn's checks of an estimator look for
            f"{name} has 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    with np.errstate(over="ignore"):
        floats = np.ascontiguousarray(array, dtype=np.float32)
    finite = np.isfinite(floats)
    if not finite.all():
        row, column = divmod(int(finite.argmin()), floats.shape[1])
        number = row_numbers + row if isinstance(row_numbers, int) else row_numbers[row]
        raise ValueError(
            f"{name} must be finite in float32, got NaN or infinity in row {number}, "
            f"column {column}"
        )
    return floats


def embedding_batches(
    source: EmbeddingSource, n_dims: int | None = None, name: str = "X"
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield embeddings in batches of bounded memory.

    Parameters
    ----------
    source : array, path or iterator
        What :func:`as_embeddings` takes; the path of a ``.npy`` file, which is mapped and not
        loaded; or an iterator of arrays, each a batch. Empty batches are passed over.
    n_dims : int, optional
        The d that must hold; otherwise the first row sets it.
    name : str
        What to call the array in errors.

    Yields
    ------
    ndarray of float32, shape (n, d)

    Raises
    ------
    TypeError, ValueError
        As :func:`as_embeddings`.
    FileNotFoundError, OSError
        If a path cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        source = mapped_npy(Path(source))
    if hasattr(source, "__next__"):
        n_before = 0
        for batch in source:
            rows = as_embeddings(batch, n_dims, name, n_before)
            if len(rows) > 0:
                n_dims = rows.shape[1]
                n_before += len(rows)
                yield rows.copy()  # the iterator may fill the same array again
        return
    array = as_array(source, name)
    if array.ndim != 2 or array.size == 0 or array.dtype.kind != "f":
        yield as_embeddings(source, n_dims, name)
        return
    n_rows = max(1, _BATCH_BYTES // (4 * array.shape[1]))
    for first in range(0, len(array), n_rows):
        yield as_embeddings(array[first : first + n_rows], n_dims, name, first)


def count_rows(source: EmbeddingSource) -> int | None:
    """Return how many rows a source has, or None where only reading it would tell."""
    if isinstance(source, str | os.PathLike):
        source = mapped_npy(Path(source))
    shape = getattr(source, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) == 2 else 1
    return None


def mapped_npy(path: Path) -> npt.NDArray[Any]:
    """Return the array of a ``.npy`` file, mapped and not loaded.

    Raises
    ------
    ValueError
        If it is no such file.
    FileNotFoundError, OSError
        If it cannot be read.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OverflowError, SyntaxError, TokenError) as error:  # NumPy parses the header
        raise ValueError(f"{path} must be a .npy file of floats: {error}") from error


def as_array(rows: object, name: str) -> npt.NDArray[Any]:
    """View or copy an array-like as NumPy, without importing the library that it comes from.

    Raises
    ------
    TypeError, ValueError
        If it is sparse or ragged, or holds no numbers.
    """
    if isinstance(rows, np.ndarray):
        return rows
    if hasattr(rows, "toarray"):  # a SciPy matrix
        raise TypeError(f"{name} must be dense, got the sparse {type(rows).__name__}")
    tensor: Any = rows
    if hasattr(tensor, "detach") and hasattr(tensor, "cpu"):  # a torch tensor
        tensor = tensor.detach().cpu()
        if str(tensor.dtype) == "torch.bfloat16":  # which NumPy does not have
            tensor = tensor.float()
    if hasattr(tensor, "__array__") or not hasattr(tensor, "__dlpack__"):
        try:
            array = np.asarray(tensor)
        except ValueError as error:
            raise ValueError(f"{name} must have rows of one width: {error}") from error
    else:
        array = np.from_dlpack(tensor)
    if array.dtype.kind in "OUSV":
        raise TypeError(f"{name} must be an array of floats, got {type(rows).__name__}")
    return array
