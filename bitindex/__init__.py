"""Embedding search in bits: floats become short binary codes, scanned at the hardware's speed.

``pack``, ``unpack``, ``popcount``, ``hamming`` and ``jaccard`` work on arrays of bits;
``FlatIndex`` searches packed codes; ``EmbeddingIndex`` searches float embeddings through a
binarizer such as ``SignBinarizer``; ``load`` reads what ``save`` wrote. ``bitindex.evaluate`` and
``bitindex.datasets`` measure how good the answers are.
"""

from __future__ import annotations

from bitindex._bitops import hamming, jaccard, pack, popcount, unpack
from bitindex.binarize import Binarizer, SignBinarizer
from bitindex.codes import Codes
from bitindex.embedding_index import EmbeddingIndex
from bitindex.index import FlatIndex
from bitindex.storage import FileFormatError, load
from bitindex.threads import get_num_threads, set_num_threads


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib import metadata  # a fifth of the time that the rest of the import takes

        return metadata.version("bitindex")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    # bits
    "pack",
    "unpack",
    "popcount",
    "hamming",
    "jaccard",
    # indexes over packed codes
    "FlatIndex",
    # floats in, similarities out
    "Binarizer",
    "SignBinarizer",
    "Codes",
    "EmbeddingIndex",
    # files
    "load",
    "FileFormatError",
    # threads
    "get_num_threads",
    "set_num_threads",
    "__version__",
]
