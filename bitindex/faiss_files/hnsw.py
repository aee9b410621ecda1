"""IndexBinaryHNSW: a graph, and codes in a flat index behind it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np

from bitindex.faiss_files.content import Content
from bitindex.faiss_files.flat import flat_parts, read_flat
from bitindex.faiss_files.graph import MOST_LAYERS, FaissGraph
from bitindex.faiss_files.record import (
    Part,
    Reader,
    header_part,
    read_header,
    read_record,
    vector_parts,
)
from bitindex.index import HNSWIndex

# Where searches begin, the highest layer, candidates of builds and of searches, one out of use.
_STATE: Final = struct.Struct("<iiiii")
MOST_ROWS: Final = 2**31 - 1
_LEAST_SHARE: Final = 1e-9  # of the codes; faiss lists the layers that have more of them
_CANDIDATES: Final = ("ef_construction", "ef")


def read_hnsw(reader: Reader) -> Content:
    """Read an IndexBinaryHNSW behind its letters."""
    header = read_header(reader)
    reader.skip_vector(8, "the shares of layers")
    starts = reader.vector("<i4", None, "the links of a code by layer").astype(np.int64)
    levels = reader.vector("<i4", header.n, "the layers of codes")
    offsets = reader.vector("<u8", header.n + 1, "the offsets of links")
    links = reader.vector("<i4", None, "the links")
    entry, top, ef_construction, ef, _ = reader.fields(_STATE, "the state of the graph")
    storage = read_record(reader, {"IBxF": read_flat})
    header.check_codes(storage.codes, "a graph")
    graph = FaissGraph(starts, levels, links, entry)
    graph.check(offsets, top)
    options = {"m": graph.m, "ef_construction": ef_construction, "ef": ef}
    structure = graph.structure() if header.n > 0 else {}
    return Content(HNSWIndex, storage.codes, None, options, structure)


def hnsw_parts(content: Content) -> Iterator[Part]:
    """Yield an HNSWIndex as an IndexBinaryHNSW, which numbers its codes."""
    content = _linked(content)
    n, m = len(content.codes), content.options["m"]
    if n > MOST_ROWS:
        raise ValueError(f"faiss's graphs have up to {MOST_ROWS:,} codes, got {n:,}")
    shares = [(1 - 1 / m) * m**-layer for layer in range(MOST_LAYERS)]
    shares = [share for share in shares if share >= _LEAST_SHARE]
    graph = FaissGraph.of_structure(len(shares), content.structure)
    yield header_part("IBHf", content.codes)
    yield from vector_parts(np.array(shares), "<f8")
    yield from vector_parts(graph.starts, "<i4")
    yield from vector_parts(graph.levels, "<i4")
    yield from vector_parts(graph.offsets, "<u8")
    yield from vector_parts(graph.links, "<i4")
    top = graph.n_layers - 1 if n > 0 else -1
    ef_construction, ef = (min(content.options[name], MOST_ROWS) for name in _CANDIDATES)
    yield _STATE.pack(graph.entry, top, ef_construction, ef, 1)
    yield from flat_parts(content.codes)


def _linked(content: Content) -> Content:
    """Return the content with links for all codes: of a copy where some have none yet."""
    structure = content.structure
    if len(structure["links"]) == len(content.codes) and structure["pending"].size == 0:
        return content
    copy = content.as_index("little")
    copy.add(content.codes[:0])  # links those that were left without
    return Content.of_index(copy)
