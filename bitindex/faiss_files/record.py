"""Records of faiss: fields one behind the other, and the header that all indexes begin with.

Numbers are little-endian and not aligned; a vector is its length in 64 bits and its values.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from io import BufferedReader
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bitindex.faiss_files.content import Content

Part = bytes | memoryview

# Bits, bytes of a code, codes, whether it is trained, the number of a metric that means nothing.
_HEADER: Final = struct.Struct("<iiq?i")
_LENGTH: Final = struct.Struct("<Q")
_LETTERS: Final = struct.Struct("4s")
_METRIC: Final = 1  # faiss's L2, which it writes for all binary indexes
_MAX_BITS: Final = 65536


class Reader:
    """Reads fields of a file in turn, and never more than there is."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._n_left = os.fstat(file.fileno()).st_size

    def fields(self, layout: struct.Struct, what: str) -> tuple[Any, ...]:
        """Read numbers."""
        self._take(layout.size, what)
        data = self._file.read(layout.size)
        if len(data) < layout.size:
            raise ValueError(f"{what}: the file became shorter while it was read")
        return layout.unpack(data)

    def values(self, dtype: str, n: int, what: str) -> npt.NDArray[Any]:
        """Read n values without their number."""
        self._take(n * np.dtype(dtype).itemsize, what)
        values = np.fromfile(self._file, dtype, n)
        if len(values) < n:
            raise ValueError(f"{what}: the file became shorter while it was read")
        return values

    def vector(self, dtype: str, n: int | None, what: str) -> npt.NDArray[Any]:
        """Read a vector that must have n values, or may have any number."""
        (length,) = self.fields(_LENGTH, what)
        if n is not None and length != n:
            raise ValueError(f"{what} must have {n:,} values, got {length:,}")
        return self.values(dtype, length, what)

    def skip_vector(self, n_bytes: int, what: str) -> None:
        """Pass over a vector of values of so many bytes."""
        (length,) = self.fields(_LENGTH, what)
        self._take(length * n_bytes, what)
        self._file.seek(length * n_bytes, os.SEEK_CUR)

    def check_left(self, n_bytes: int, what: str) -> None:
        """Refuse a part that the file has no room for, before memory is taken for it."""
        if n_bytes > self._n_left:
            raise ValueError(
                f"{what} must have {n_bytes:,} bytes, but the file ends after {self._n_left:,}"
            )

    def expect_end(self) -> None:
        """Refuse bytes behind the index."""
        if self._n_left > 0:
            raise ValueError(f"the index must end with the file, but {self._n_left:,} bytes follow")

    def _take(self, n_bytes: int, what: str) -> None:
        self.check_left(n_bytes, what)
        self._n_left -= n_bytes


# The four letters of a class -> what reads the rest of its record.
Readers = Mapping[str, Callable[[Reader], Content]]


def read_record(reader: Reader, readers: Readers) -> Content:
    """Read an index of one of these classes."""
    (letters,) = reader.fields(_LETTERS, "the class of an index")
    name = letters.decode("latin-1")
    if name not in readers:
        raise ValueError(f"the class of an index must be one of {', '.join(readers)}, got {name!r}")
    return readers[name](reader)


class Header(NamedTuple):
    """How large an index is."""

    n_bytes: int
    n: int

    def check_codes(self, codes: npt.NDArray[np.uint8], what: str) -> None:
        """Refuse an index inside another that holds other codes than the other says."""
        if codes.shape != (self.n, self.n_bytes):
            raise ValueError(f"{what} and the index in it must be of the same codes")


def read_header(reader: Reader) -> Header:
    """Read what every index begins with."""
    n_bits, n_bytes, n, _, _ = reader.fields(_HEADER, "a header")
    if n_bits != 8 * n_bytes or not 8 <= n_bits <= _MAX_BITS or n < 0:
        raise ValueError(
            f"a header must be of 8 to {_MAX_BITS} bits in whole bytes and n >= 0 codes, "
            f"got {n_bits} bits in {n_bytes} bytes and n = {n}"
        )
    return Header(n_bytes, n)


def header_part(name: str, codes: npt.NDArray[np.uint8]) -> bytes:
    """Return the letters of a class, and the header of an index with these codes."""
    n, n_bytes = codes.shape
    return name.encode() + _HEADER.pack(8 * n_bytes, n_bytes, n, True, _METRIC)


def values_part(values: npt.NDArray[Any], dtype: str) -> Part:
    """Return values without their number."""
    data = np.ascontiguousarray(values, dtype)
    return data.data.cast("B") if data.size > 0 else b""


def vector_parts(values: npt.NDArray[Any], dtype: str) -> list[Part]:
    """Return values behind their number."""
    return [_LENGTH.pack(values.size), values_part(values, dtype)]
