"""Index kinds over packed codes, by name."""

from __future__ import annotations

from bitindex.index.base import PackedIndex
from bitindex.index.flat import FlatIndex
from bitindex.index.hnsw import HNSWIndex
from bitindex.index.ivf import IVFIndex
from bitindex.index.mih import MIHIndex

# THE list of index kinds.
INDEX_KINDS: dict[str, type[PackedIndex]] = {
    "flat": FlatIndex,
    "hnsw": HNSWIndex,
    "ivf": IVFIndex,
    "mih": MIHIndex,
}

# Those that an EmbeddingIndex can keep its codes in.
EMBEDDING_KINDS = {name: kind for name, kind in INDEX_KINDS.items() if kind.holds_embeddings}

__all__ = [
    "EMBEDDING_KINDS",
    "INDEX_KINDS",
    "FlatIndex",
    "HNSWIndex",
    "IVFIndex",
    "MIHIndex",
    "PackedIndex",
]
