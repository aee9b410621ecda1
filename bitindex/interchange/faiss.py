"""Binary indexes of faiss, read and written without it."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bitindex.codes import BitOrder
from bitindex.index import FlatIndex, PackedIndex
from bitindex.interchange.faiss_stream import CHUNK_BYTES, FaissReader, FaissWriter, Header
from bitindex.storage import FileFormatError
from bitindex.storage.atomic import replace_file
from bitindex.storage.paths import open_regular_file, path_text

FLAT = "IBxF"
# The second keeps a table from ids to rows in memory besides; in a file they are the same.
WITH_IDS = ("IBMp", "IBM2")


def read_faiss(path: str | os.PathLike[str], bit_order: BitOrder = "little") -> PackedIndex:
    """Read a binary index that ``faiss.write_index_binary`` wrote.

    Parameters
    ----------
    path : str or os.PathLike
        A file of ``IndexBinaryFlat``, or of ``IndexBinaryIDMap`` or ``IndexBinaryIDMap2`` over
        one. faiss is not needed.
    bit_order : {"little", "big"}
        How `bi.unpack` shall read the codes; distances do not depend on it.

    Returns
    -------
    FlatIndex
        The same codes with the same ids, and the Hamming distance.

    Raises
    ------
    FileFormatError
        If the file is damaged, cut short, holds another index, or ids that no index can have. It
        is a ValueError.
    OSError
        If the file is missing (FileNotFoundError), a directory (IsADirectoryError), or unreadable.
    TypeError
        If `path` is neither str nor os.PathLike.

    Notes
    -----
    A faiss file has no checksums, so damage to codes cannot be seen. Nothing in it is executed.
    Takes the file's size in memory beside the index.
    """
    name = path_text(path)
    with open_regular_file(name) as file:
        reader = FaissReader(file.read())
    try:
        index = _read_index(reader, bit_order)
        reader.end()
    except ValueError as error:
        raise FileFormatError(f"{name}: {error}") from error
    return index


def write_faiss(index: PackedIndex, path: str | os.PathLike[str]) -> None:
    """Write an index so that ``faiss.read_index_binary`` reads it.

    Parameters
    ----------
    index : FlatIndex
        With ``metric="hamming"`` and a multiple of 8 bits, which is what faiss has.
    path : str or os.PathLike
        The file to create or replace, whole or not at all. It holds an ``IndexBinaryFlat`` where
        ids are 0, 1, 2, ..., else an ``IndexBinaryIDMap2`` over one.

    Raises
    ------
    TypeError
        If it is no FlatIndex, or `path` neither str nor os.PathLike.
    ValueError
        If faiss has no such index.
    OSError
        If the file cannot be written; an existing file is then unchanged.

    Notes
    -----
    Searches go on meanwhile, writers wait. Bytes of codes are written as they are, in either bit
    order.
    """
    if not isinstance(index, FlatIndex):
        raise TypeError(f"index must be a FlatIndex, got {type(index).__name__}")
    if index.metric != "hamming" or index.n_bits % 8 != 0:
        raise ValueError(
            "faiss needs metric='hamming' and n_bits that are a multiple of 8, got "
            f"metric={index.metric!r} and n_bits={index.n_bits}"
        )
    target = path_text(path)
    with index._write_lock, replace_file(target) as file:
        writer = FaissWriter(file)
        ids = index.ids
        header = Header(index.n_bits, len(ids))
        if (ids == np.arange(len(ids))).all():
            _write_flat(writer, header, index, ids)
            return
        writer.fourcc(WITH_IDS[1])
        writer.header(header)
        _write_flat(writer, header, index, ids)
        writer.vector(ids.astype("<i8"))


def _read_index(reader: FaissReader, bit_order: BitOrder) -> PackedIndex:
    name = reader.fourcc()
    if name not in WITH_IDS:
        header, codes = _read_codes(reader, name)
        return _filled(header, codes, None, bit_order)
    outer = reader.header()
    header, codes = _read_codes(reader, reader.fourcc())
    if outer != header:
        raise FileFormatError("the header of the ids differs from that of the codes")
    return _filled(header, codes, reader.vector("<i8", "ids", header.n_rows), bit_order)


def _read_codes(reader: FaissReader, name: str) -> tuple[Header, npt.NDArray[np.uint8]]:
    if name not in READERS:
        raise FileFormatError(
            f"holds no index that can be read: {name!r}, known are {', '.join(READERS)} and "
            f"{', '.join(WITH_IDS)}"
        )
    return READERS[name](reader)


def _read_flat(reader: FaissReader) -> tuple[Header, npt.NDArray[np.uint8]]:
    header = reader.header()
    codes = reader.vector(np.uint8, "codes", header.n_rows * header.n_bytes)
    return header, codes.reshape(header.n_rows, header.n_bytes)


# THE list of kinds, by their names in a file.
READERS: dict[str, Callable[[FaissReader], tuple[Header, npt.NDArray[np.uint8]]]] = {
    FLAT: _read_flat,
}


def _filled(
    header: Header,
    codes: npt.NDArray[np.uint8],
    ids: npt.NDArray[np.int64] | None,
    bit_order: BitOrder,
) -> FlatIndex:
    index = FlatIndex(header.n_bits, bit_order=bit_order)
    index.add(codes, ids)
    return index


def _write_flat(
    writer: FaissWriter, header: Header, index: FlatIndex, ids: npt.NDArray[np.int64]
) -> None:
    writer.fourcc(FLAT)
    writer.header(header)
    writer.size(header.n_rows * header.n_bytes)
    at_once = max(1, CHUNK_BYTES // header.n_bytes)
    for first in range(0, len(ids), at_once):
        writer.numbers(index.get(ids[first : first + at_once]))
