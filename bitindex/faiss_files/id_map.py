"""IndexBinaryIDMap and IndexBinaryIDMap2: ids for the numbers that the index in them has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from bitindex.faiss_files.content import Content
from bitindex.faiss_files.flat import read_flat
from bitindex.faiss_files.hnsw import read_hnsw
from bitindex.faiss_files.ivf import read_ivf
from bitindex.faiss_files.record import (
    Part,
    Reader,
    Readers,
    header_part,
    read_header,
    read_record,
    vector_parts,
)

# What may be in a map: the letters of a class -> what reads the rest of its record.
MAPPED: Final[Readers] = {"IBxF": read_flat, "IBwF": read_ivf, "IBHf": read_hnsw}


def read_id_map(reader: Reader) -> Content:
    """Read an IndexBinaryIDMap or IndexBinaryIDMap2 behind its letters."""
    header = read_header(reader)
    content = read_record(reader, MAPPED)
    header.check_codes(content.codes, "an id map")
    ids = reader.vector("<i8", header.n, "the ids").astype(np.int64)
    numbers = content.ids  # an IVF index knows the numbers of its codes
    if numbers is None:
        return replace(content, ids=ids)
    if numbers.size > 0 and not 0 <= numbers.min() <= numbers.max() < header.n:
        raise ValueError(f"the index in an id map must have ids from 0 to {header.n - 1}")
    return replace(content, ids=ids[numbers])


def id_map_parts(content: Content, parts: Iterator[Part]) -> Iterator[Part]:
    """Yield an index that numbers its codes, in an IndexBinaryIDMap2 where its ids are others."""
    if content.ids is None:
        yield from parts
        return
    yield header_part("IBM2", content.codes)
    yield from parts
    yield from vector_parts(content.ids, "<i8")
