"""IndexBinaryIVF: codes and ids list by list, and a quantizer that holds the centroids."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bitindex._bitops import hamming
from bitindex.faiss_files.content import Content
from bitindex.faiss_files.flat import flat_parts, read_flat
from bitindex.faiss_files.hnsw import read_hnsw
from bitindex.faiss_files.record import (
    Header,
    Part,
    Reader,
    header_part,
    read_header,
    read_record,
    values_part,
    vector_parts,
)
from bitindex.index import FlatIndex, IVFIndex

_N_LISTS_AND_PROBES: Final = struct.Struct("<QQ")
_KIND_OF_MAP: Final = struct.Struct("<b")
_LISTS: Final = struct.Struct("<4sQQ4s")  # letters, lists, bytes of a code, how sizes are written
# Where faiss keeps the place of each id, which a file repeats: nowhere, by array, by hash table.
_NO_MAP, _HASH_TABLE = 0, 2


def read_ivf(reader: Reader) -> Content:
    """Read an IndexBinaryIVF behind its letters."""
    header = read_header(reader)
    n_lists, n_probes = reader.fields(_N_LISTS_AND_PROBES, "the numbers of lists and probes")
    if n_lists == 0 or n_probes == 0:
        raise ValueError(f"lists and probes must be >= 1, got {n_lists:,} and {n_probes:,}")
    options = {"n_lists": n_lists, "nprobe": min(n_probes, n_lists)}
    quantizer = read_record(reader, {"IBxF": read_flat, "IBHf": read_hnsw})
    centroids = quantizer.codes
    is_trained = len(centroids) > 0 or header.n > 0
    if is_trained:
        Header(header.n_bytes, n_lists).check_codes(centroids, "an index of lists")
    _skip_map(reader)
    sizes = _read_sizes(reader, header, n_lists, len(centroids))
    codes, ids = _read_lists(reader, header, sizes)
    structure = _structure(centroids, sizes, codes) if is_trained else {}
    return Content(IVFIndex, codes, ids, options, structure)


def _skip_map(reader: Reader) -> None:
    (kind,) = reader.fields(_KIND_OF_MAP, "the map of ids")
    if not _NO_MAP <= kind <= _HASH_TABLE:
        raise ValueError(f"the map of ids must be of the kinds 0 to 2, got {kind}")
    reader.skip_vector(8, "the map of ids")
    if kind == _HASH_TABLE:
        reader.skip_vector(16, "the map of ids")


def _read_sizes(
    reader: Reader, header: Header, n_lists: int, n_centroids: int
) -> npt.NDArray[np.uint64]:
    """Read how many codes each list has; those without a centroid must have none."""
    letters, n, n_bytes, form = reader.fields(_LISTS, "the lists")
    if letters != b"ilar":
        raise ValueError(f"lists must be of the class 'ilar', got {letters.decode('latin-1')!r}")
    if (n, n_bytes) != (n_lists, header.n_bytes):
        raise ValueError(f"the lists must be {n_lists:,} of {header.n_bytes:,} bytes a code")
    if form == b"full":
        sizes = reader.vector("<u8", n_lists, "the sizes of lists")
    elif form == b"sprs":
        sizes = _spread(reader.vector("<u8", None, "the sizes of lists"), n_centroids)
    else:
        raise ValueError(f"sizes of lists must be 'full' or 'sprs', got {form.decode('latin-1')!r}")
    if sum(sizes.tolist()) != header.n:  # as integers of Python, which do not overflow
        raise ValueError(f"the lists must hold {header.n:,} codes in all")
    return sizes[:n_centroids]


def _spread(pairs: npt.NDArray[np.uint64], n_lists: int) -> npt.NDArray[np.uint64]:
    """Return the sizes of all lists, from numbers of lists and the sizes of those."""
    lists, sizes = pairs[0::2], pairs[1::2]
    if len(lists) != len(sizes) or (lists[1:] <= lists[:-1]).any() or (lists >= n_lists).any():
        raise ValueError(f"sizes of lists must be pairs, of ascending lists below {n_lists:,}")
    result = np.zeros(n_lists, np.uint64)
    result[lists] = sizes
    return result


def _read_lists(
    reader: Reader, header: Header, sizes: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    reader.check_left(header.n * (header.n_bytes + 8), "the lists")
    codes = np.empty((header.n, header.n_bytes), np.uint8)
    ids = np.empty(header.n, np.int64)
    first = 0
    for size in sizes[sizes > 0].tolist():
        last = first + size
        read = reader.values("|u1", size * header.n_bytes, "the codes of a list")
        codes[first:last] = read.reshape(size, header.n_bytes)
        ids[first:last] = reader.values("<i8", size, "the ids of a list")
        first = last
    return codes, ids


def _structure(
    centroids: npt.NDArray[np.uint8], sizes: npt.NDArray[np.uint64], codes: npt.NDArray[np.uint8]
) -> dict[str, npt.NDArray[Any]]:
    n_lists = len(centroids)
    lists = np.repeat(np.arange(n_lists), sizes.astype(np.int64))
    radii = np.zeros(n_lists, np.float32)
    np.maximum.at(radii, lists, hamming(codes, centroids[lists], paired=True))
    return {
        "centroids": centroids.ravel(),
        "sizes": sizes.astype(np.uint32),
        "radii": radii,
        # Rows that lists were made for, what reaches a target (unknown), centroids stay.
        "state": np.array([len(codes), 0, 0, 1]),
    }


def ivf_parts(content: Content, n_probes: int) -> Iterator[Part]:
    """Yield an IVFIndex as an IndexBinaryIVF of flat centroids."""
    centroids, sizes, codes, ids = _in_lists(content)
    yield header_part("IBwF", codes)
    yield _N_LISTS_AND_PROBES.pack(len(centroids), n_probes)
    yield from flat_parts(centroids)
    yield _KIND_OF_MAP.pack(_NO_MAP)
    yield from vector_parts(np.zeros(0, np.int64), "<i8")
    yield _LISTS.pack(b"ilar", len(centroids), codes.shape[1], b"full")
    yield from vector_parts(sizes, "<u8")
    last = 0
    for size in sizes.tolist():
        first, last = last, last + size
        yield values_part(codes[first:last], "|u1")
        yield values_part(ids[first:last], "<i8")


def _in_lists(
    content: Content,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any], npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return centroids, the sizes of their lists, and codes and ids in the order of lists."""
    codes, ids = content.codes, content.all_ids()
    n, n_bytes = codes.shape
    if not content.structure:  # too few rows for lists: one that holds them all
        return np.zeros((1, n_bytes), np.uint8), np.array([n]), codes, ids
    centroids = content.structure["centroids"].reshape(-1, n_bytes)
    sizes = content.structure["sizes"]
    n_placed = int(sizes.sum())
    if n_placed == n:
        return centroids, sizes, codes, ids
    # Rows behind the lists, which every search here looks at, as after an interrupted update.
    nearest = FlatIndex(8 * n_bytes)
    nearest.add(centroids)
    placed = np.repeat(np.arange(len(centroids)), sizes)
    lists = np.concatenate([placed, nearest.search(codes[n_placed:], 1)[1][:, 0]])
    order = np.argsort(lists, kind="stable")
    return centroids, np.bincount(lists, minlength=len(centroids)), codes[order], ids[order]
