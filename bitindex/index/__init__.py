"""Index kinds over packed codes, by name."""

from __future__ import annotations

from bitindex.index.base import PackedIndex
from bitindex.index.flat import FlatIndex

# THE list of index kinds.
INDEX_KINDS: dict[str, type[PackedIndex]] = {
    "flat": FlatIndex,
}

__all__ = ["INDEX_KINDS", "FlatIndex", "PackedIndex"]
