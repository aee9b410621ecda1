"""Binary indexes of faiss as files, without faiss.

A file is a record: four letters that name the class, then its fields, some of which are records.
Numbers are little-endian and not aligned; a vector is its length in 64 bits and its values. The
layout is that of faiss 1.15 (``index_write.cpp``) and of all versions before it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from bitindex.codes import BitOrder
from bitindex.index import FlatIndex, PackedIndex
from bitindex.storage import FileFormatError
from bitindex.storage.atomic import replace_file, write_all
from bitindex.storage.format import CHUNK_BYTES
from bitindex.storage.paths import open_regular_file, path_text

# Bits, bytes of a code, codes, whether it is trained, the number of a metric that means nothing.
_HEADER: Final = struct.Struct("<iiq?i")
_LENGTH: Final = struct.Struct("<Q")
_METRIC: Final = 1  # faiss's L2, which it writes for all binary indexes
_MAX_BITS: Final = 65536


class _Rows(NamedTuple):
    """What an index of faiss holds."""

    codes: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.int64] | None  # None: 0, 1, 2, ...


def read_faiss(path: str | os.PathLike[str], bit_order: BitOrder = "little") -> FlatIndex:
    """Read a binary index that faiss has written to a file.

    Parameters
    ----------
    path : str or os.PathLike
        A file by ``faiss.write_index_binary`` that holds an ``IndexBinaryFlat``, alone or in an
        ``IndexBinaryIDMap`` or ``IndexBinaryIDMap2``.
    bit_order : {"little", "big"}
        How the codes were packed. faiss counts bits from the lowest; codes of
        :func:`numpy.packbits` are "big". Distances are the same either way.

    Returns
    -------
    FlatIndex
        With ``metric="hamming"``, the same bytes as codes, and the same ids.

    Raises
    ------
    FileFormatError
        If the file is damaged, or holds an index of another class. It is a ValueError.
    OSError
        If the file is missing (FileNotFoundError), a directory (IsADirectoryError), or unreadable.
    TypeError
        If `path` is neither str nor os.PathLike.

    Notes
    -----
    Lengths are compared with the size of the file before memory is taken for them, so a file from
    a stranger can be read safely.
    """
    name = path_text(path)
    with open_regular_file(name) as file:
        try:
            reader = _Reader(file)
            rows = _read_index(reader)
            reader.expect_end()
            index = FlatIndex(8 * rows.codes.shape[1], bit_order=bit_order)
            index.add(rows.codes, rows.ids)
        except ValueError as error:
            raise FileFormatError(f"{name}: {error}") from error
    return index


def write_faiss(index: PackedIndex, path: str | os.PathLike[str]) -> None:
    """Write the codes and ids of an index to a file that ``faiss.read_index_binary`` reads.

    Parameters
    ----------
    index : FlatIndex or MIHIndex
        With ``metric="hamming"``. It becomes an ``IndexBinaryFlat``, in an ``IndexBinaryIDMap2``
        where ids are not 0, 1, 2, ...
    path : str or os.PathLike
        The file to create, or to replace as a whole.

    Raises
    ------
    TypeError
        If `index` is no index over packed codes.
    ValueError
        If its metric is not Hamming, which is all that faiss has for codes.
    OSError
        If the file cannot be written.

    Notes
    -----
    The bytes of codes stay as they are, so the queries of both libraries are the same bytes. faiss
    takes whole bytes only: `n_bits` is rounded up, and the padding bits are zero.
    """
    if not isinstance(index, PackedIndex):
        raise TypeError(f"index must be an index over packed codes, got {type(index).__name__}")
    if index.metric != "hamming":
        raise ValueError(f"faiss has metric='hamming' only for codes, got {index.metric!r}")
    name = path_text(path)
    ids = index.ids
    codes = index.get(ids)
    with replace_file(name) as file:
        for part in _index_parts(codes, ids):
            for chunk in _chunks(part):
                write_all(file, chunk)


def _index_parts(
    codes: npt.NDArray[np.uint8], ids: npt.NDArray[np.int64]
) -> Iterator[bytes | memoryview]:
    n, n_bytes = codes.shape
    header = _HEADER.pack(8 * n_bytes, n_bytes, n, True, _METRIC)
    flat = b"IBxF" + header + _LENGTH.pack(codes.size)
    if (ids == np.arange(n)).all():
        yield flat
        yield codes.data.cast("B") if codes.size > 0 else b""
        return
    yield b"IBM2" + header + flat
    yield codes.data.cast("B")
    yield _LENGTH.pack(n) + ids.astype("<i8").tobytes()


def _chunks(data: bytes | memoryview) -> Iterator[memoryview]:
    view = memoryview(data)
    for first in range(0, len(view), CHUNK_BYTES):
        yield view[first : first + CHUNK_BYTES]


class _Reader:
    """Reads fields of a file in turn, and never more than there is."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._n_left = os.fstat(file.fileno()).st_size

    def _take(self, n_bytes: int, what: str) -> None:
        if n_bytes > self._n_left:
            raise ValueError(
                f"{what} must have {n_bytes:,} bytes, but the file ends after {self._n_left:,}"
            )
        self._n_left -= n_bytes

    def fields(self, layout: struct.Struct, what: str) -> tuple[Any, ...]:
        self._take(layout.size, what)
        data = self._file.read(layout.size)
        if len(data) < layout.size:
            raise ValueError(f"{what}: the file became shorter while it was read")
        return layout.unpack(data)

    def vector(self, dtype: str, n: int, what: str) -> npt.NDArray[Any]:
        """Read a vector that must have n values."""
        (length,) = self.fields(_LENGTH, what)
        if length != n:
            raise ValueError(f"{what} must have {n:,} values, got {length:,}")
        self._take(n * np.dtype(dtype).itemsize, what)
        values = np.fromfile(self._file, dtype, n)
        if len(values) < n:
            raise ValueError(f"{what}: the file became shorter while it was read")
        return values

    def expect_end(self) -> None:
        if self._n_left > 0:
            raise ValueError(f"the index must end with the file, but {self._n_left:,} bytes follow")


class _Header(NamedTuple):
    n_bytes: int
    n: int


def _read_header(reader: _Reader) -> _Header:
    n_bits, n_bytes, n, _, _ = reader.fields(_HEADER, "a header")
    if n_bits != 8 * n_bytes or not 8 <= n_bits <= _MAX_BITS or n < 0:
        raise ValueError(
            f"a header must be of 8 to {_MAX_BITS} bits in whole bytes and n >= 0 codes, "
            f"got {n_bits} bits in {n_bytes} bytes and n = {n}"
        )
    return _Header(n_bytes, n)


def _read_flat(reader: _Reader) -> _Rows:
    header = _read_header(reader)
    codes = reader.vector("|u1", header.n * header.n_bytes, "the codes")
    return _Rows(codes.reshape(header.n, header.n_bytes), None)


def _read_id_map(reader: _Reader) -> _Rows:
    header = _read_header(reader)
    inner = _read_index(reader, {"IBxF": _read_flat})
    if inner.codes.shape != (header.n, header.n_bytes):
        raise ValueError("an id map and the index in it must be of the same codes")
    return _Rows(inner.codes, reader.vector("<i8", header.n, "the ids").astype(np.int64))


# The four letters of a class -> what reads the rest of its record.
_READERS: Final[dict[str, Callable[[_Reader], _Rows]]] = {
    "IBxF": _read_flat,
    "IBMp": _read_id_map,
    "IBM2": _read_id_map,
}


def _read_index(
    reader: _Reader, readers: dict[str, Callable[[_Reader], _Rows]] = _READERS
) -> _Rows:
    (letters,) = reader.fields(struct.Struct("4s"), "the class of an index")
    name = letters.decode("latin-1")
    if name not in readers:
        raise ValueError(f"the class of an index must be one of {', '.join(readers)}, got {name!r}")
    return readers[name](reader)
