"""The primitives of a faiss file: numbers, and vectors of numbers behind their lengths."""

from __future__ import annotations

import struct
from io import FileIO
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bitindex.storage import FileFormatError

_SIZE = struct.Struct("<Q")
# d, bytes a code, rows, whether trained, metric
_HEADER = struct.Struct("<iiq?i")
_FOURCC_BYTES = 4
# faiss gives binary indexes the metric of its float indexes, L2, and does not look at it.
_METRIC = 1
# Rows written at once, in bytes.
CHUNK_BYTES = 4 << 20


class Header(NamedTuple):
    """What every binary index of faiss begins with, after its name of four letters."""

    n_bits: int
    n_rows: int

    @property
    def n_bytes(self) -> int:
        """Bytes a code."""
        return self.n_bits // 8


class FaissReader:
    """Reads the bytes of a file from their start to their end."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._position = 0

    def fourcc(self) -> str:
        """Return the four letters that tell what comes."""
        return bytes(self._take(_FOURCC_BYTES, "name of an index")).decode("latin-1")

    def header(self) -> Header:
        """Return what every index begins with, checked against itself."""
        n_bits, n_bytes, n_rows, _, _ = _HEADER.unpack(self._take(_HEADER.size, "header"))
        if n_bits < 8 or n_bits % 8 != 0 or n_bytes != n_bits // 8 or n_rows < 0:
            raise FileFormatError(
                f"header is damaged: {n_bits} bits in {n_bytes} bytes, {n_rows} rows"
            )
        return Header(n_bits, n_rows)

    def number(self, form: str, what: str) -> Any:
        """Return one number, by its letter in :mod:`struct`."""
        packed = struct.Struct("<" + form)
        return packed.unpack(self._take(packed.size, what))[0]

    def vector(self, dtype: npt.DTypeLike, what: str, n: int | None = None) -> npt.NDArray[Any]:
        """Return a vector, which must have `n` numbers where that is given."""
        length = self.number("Q", what)
        if n is not None and length != n:
            raise FileFormatError(f"{what} must have {n} numbers, got {length}")
        return np.frombuffer(self._take(length * np.dtype(dtype).itemsize, what), dtype)

    def end(self) -> None:
        """Check that the file ends here."""
        if self._position != len(self._data):
            raise FileFormatError(f"{len(self._data) - self._position} bytes follow the index")

    def _take(self, n_bytes: int, what: str) -> memoryview:
        left = len(self._data) - self._position
        if n_bytes > left:
            raise FileFormatError(
                f"is cut short: {what} needs {n_bytes} bytes, and {left} are left"
            )
        part = self._data[self._position : self._position + n_bytes]
        self._position += n_bytes
        return part


class FaissWriter:
    """Writes to a file, from its start to its end."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def fourcc(self, name: str) -> None:
        """Write the four letters that tell what comes."""
        self._write(name.encode("latin-1"))

    def header(self, header: Header) -> None:
        """Write what every index begins with."""
        self._write(_HEADER.pack(header.n_bits, header.n_bytes, header.n_rows, True, _METRIC))

    def number(self, form: str, value: float) -> None:
        """Write one number, by its letter in :mod:`struct`."""
        self._write(struct.pack("<" + form, value))

    def size(self, length: int) -> None:
        """Begin a vector of so many numbers, which `numbers` then writes."""
        self._write(_SIZE.pack(length))

    def numbers(self, values: npt.NDArray[Any]) -> None:
        """Write some numbers of a vector, little-endian."""
        ordered = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
        self._write(ordered.reshape(-1).view(np.uint8).data)

    def vector(self, values: npt.NDArray[Any]) -> None:
        """Write a vector at once."""
        self.size(values.size)
        self.numbers(values)

    def _write(self, data: bytes | memoryview) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
