"""Embedding search in bits: floats become short binary codes, scanned at the hardware's speed.

``pack``, ``unpack``, ``popcount``, ``hamming`` and ``jaccard`` work on arrays of bits;
``FlatIndex``, ``IVFIndex``, ``HNSWIndex`` and ``MIHIndex`` search packed codes; ``EmbeddingIndex``
searches float embeddings through a binarizer such as ``SignBinarizer``; ``load`` reads what
``save`` wrote.
``bitindex.evaluate`` and ``bitindex.datasets`` measure how good the answers are, and ``tune`` finds
what suits your data.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bitindex import _interpreter as _interpreter  # before anything that is compiled
from bitindex._bitops import hamming, jaccard, pack, popcount, unpack
from bitindex.binarize import (
    AdditiveBinarizer,
    Binarizer,
    ITQBinarizer,
    LSHBinarizer,
    RecurrentBinarizer,
    RotationBinarizer,
    SignBinarizer,
)
from bitindex.codes import Codes
from bitindex.embedding_index import EmbeddingIndex
from bitindex.faiss_files import read_faiss, write_faiss
from bitindex.index import FlatIndex, HNSWIndex, IVFIndex, MIHIndex
from bitindex.storage import FileFormatError, load
from bitindex.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from bitindex import datasets, evaluate, tuning
    from bitindex.collection import Collection
    from bitindex.tuning import tune

    __version__: str


def __getattr__(name: str) -> Any:
    # Imported when first used, so that `import bitindex` takes little longer than NumPy.
    if name in ("datasets", "evaluate", "tuning"):
        return import_module(f"bitindex.{name}")
    if name == "Collection":
        return import_module("bitindex.collection").Collection
    if name == "tune":
        return import_module("bitindex.tuning").tune
    if name == "__version__":
        return import_module("importlib.metadata").version("bitindex")
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
    "HNSWIndex",
    "IVFIndex",
    "MIHIndex",
    # floats in, similarities out
    "Binarizer",
    "SignBinarizer",
    "LSHBinarizer",
    "ITQBinarizer",
    "RotationBinarizer",
    "AdditiveBinarizer",
    "RecurrentBinarizer",
    "Codes",
    "EmbeddingIndex",
    "Collection",
    # measuring
    "datasets",
    "evaluate",
    "tuning",
    "tune",
    # files
    "load",
    "FileFormatError",
    "read_faiss",
    "write_faiss",
    # threads
    "get_num_threads",
    "set_num_threads",
    "__version__",
]
