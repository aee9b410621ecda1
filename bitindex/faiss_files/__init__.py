"""Binary indexes of faiss as files, without faiss.

A file is a record: four letters that name the class, then its fields, some of which are records.
The layout is that of faiss 1.15 (``index_write.cpp``) and of all versions before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from bitindex._border import as_choice
from bitindex.codes import BitOrder
from bitindex.faiss_files.content import Content
from bitindex.faiss_files.flat import flat_parts
from bitindex.faiss_files.hnsw import hnsw_parts
from bitindex.faiss_files.id_map import MAPPED, id_map_parts, read_id_map
from bitindex.faiss_files.ivf import ivf_parts
from bitindex.faiss_files.record import Part, Reader, Readers, read_record
from bitindex.index import HNSWIndex, IVFIndex, PackedIndex
from bitindex.storage import FileFormatError
from bitindex.storage.atomic import replace_file, write_all
from bitindex.storage.format import CHUNK_BYTES
from bitindex.storage.paths import open_regular_file, path_text

# The four letters of a class -> what reads the rest of its record.
_READERS: Final[Readers] = {
    **MAPPED,
    "IBMp": read_id_map,
    "IBM2": read_id_map,
}


def read_faiss(path: str | os.PathLike[str], bit_order: BitOrder = "little") -> PackedIndex:
    """Read a binary index that faiss has written to a file.

    Parameters
    ----------
    path : str or os.PathLike
        A file by ``faiss.write_index_binary`` that holds an ``IndexBinaryFlat``,
        ``IndexBinaryIVF`` or ``IndexBinaryHNSW``, alone or in an ``IndexBinaryIDMap`` or
        ``IndexBinaryIDMap2``.
    bit_order : {"little", "big"}
        How the codes were packed. faiss counts bits from the lowest; codes of
        :func:`numpy.packbits` are "big". Distances are the same either way.

    Returns
    -------
    FlatIndex, IVFIndex or HNSWIndex
        With ``metric="hamming"``, the same bytes as codes, and the same ids. Lists and their
        centroids, links and layers are those of the file, and ``nprobe``, ``ef`` and
        ``ef_construction`` what faiss was set to.

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
    as_choice(bit_order, ("big", "little"), "bit_order")
    with open_regular_file(name) as file:
        try:
            reader = Reader(file)
            content = read_record(reader, _READERS)
            reader.expect_end()
            return content.as_index(bit_order)
        except ValueError as error:
            raise FileFormatError(f"{name}: {error}") from error


def write_faiss(index: PackedIndex, path: str | os.PathLike[str]) -> None:
    """Write an index to a file that ``faiss.read_index_binary`` reads.

    Parameters
    ----------
    index : FlatIndex, MIHIndex, IVFIndex or HNSWIndex
        With ``metric="hamming"``. It becomes an ``IndexBinaryFlat`` (the first two),
        ``IndexBinaryIVF`` or ``IndexBinaryHNSW``; flat and HNSW in an ``IndexBinaryIDMap2`` where
        ids are not 0, 1, 2, ...
    path : str or os.PathLike
        The file to create, or to replace as a whole. Searches go on meanwhile, writers wait.

    Raises
    ------
    TypeError
        If `index` is no index over packed codes.
    ValueError
        If its metric is not Hamming, which is all that faiss has for codes, or an HNSW index has
        more than 2**31 - 1 rows.
    OSError
        If the file cannot be written.

    Notes
    -----
    The bytes of codes stay as they are, so the queries of both libraries are the same bytes. faiss
    takes whole bytes only: `n_bits` is rounded up, and the padding bits are zero.
    An IVFIndex that has no lists yet becomes one list, which is as exact as it was. Codes of an
    HNSWIndex that have no links, as after an interrupted build, get them in the file.
    """
    if not isinstance(index, PackedIndex):
        raise TypeError(f"index must be an index over packed codes, got {type(index).__name__}")
    if index.metric != "hamming":
        raise ValueError(f"faiss has metric='hamming' only for codes, got {index.metric!r}")
    name = path_text(path)
    with index._write_lock.lock, replace_file(name) as file:
        for part in _parts(index):
            for chunk in _chunks(part):
                write_all(file, chunk)


def _parts(index: PackedIndex) -> Iterator[Part]:
    content = Content.of_index(index)
    if isinstance(index, IVFIndex):
        return ivf_parts(content, max(1, index.nprobe))
    if isinstance(index, HNSWIndex):
        return id_map_parts(content, hnsw_parts(content))
    return id_map_parts(content, flat_parts(content.codes))


def _chunks(data: Part) -> Iterator[memoryview]:
    view = memoryview(data)
    for first in range(0, len(view), CHUNK_BYTES):
        yield view[first : first + CHUNK_BYTES]
