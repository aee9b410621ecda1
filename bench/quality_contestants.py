"""Who takes part in quality.py, and what they all can do. First the binarizers of this package."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from common import peer
from quality_sets import Floats, Ids

import bitindex as bi
from bitindex.binarize import BINARIZERS

threadpoolctl = peer("threadpoolctl", "threadpoolctl")

Scores = npt.NDArray[np.floating[Any]]


class Size(NamedTuple):
    """What a code may take: so many bytes for so many dimensions, before factors."""

    n_dims: int
    bits_per_dim: float

    @property
    def n_bytes(self) -> int:
        return -(-int(self.n_dims * self.bits_per_dim) // 8)


class Decoded(NamedTuple):
    """Rows as their codes tell them: center + scale * directions."""

    center: Floats
    directions: Floats
    scale: str
    """"told" by the code (1); stored for "each" row, or one for "all"."""


class Contestant(ABC):
    """A quantizer of one size with the rows that it holds.

    Searches use one thread, and return the most similar rows first.
    """

    # How far the scores of a search may be from `documented` ones, as a share of their spread.
    tolerance = 0.0

    @abstractmethod
    def fit(self, rows: Floats) -> None:
        """Learn, in as many threads as there are."""

    @abstractmethod
    def store(self, rows: Floats) -> None:
        """Encode rows, and hold these and no others."""

    @abstractmethod
    def search(self, queries: Floats, k: int) -> tuple[Scores, Ids]:
        """Return scores, larger is more similar, and row numbers."""

    @property
    @abstractmethod
    def bytes_per_vector(self) -> float:
        """All that is stored for a row."""

    def documented(self, queries: Floats, rows: Floats) -> Scores | None:
        """Return what the scores stand for by the documentation, shape (n_queries, n_rows)."""
        return None

    def decode(self, rows: Floats) -> Decoded | None:
        """Return what the codes of rows tell of them, if the contestant says."""
        return None


@dataclass(frozen=True)
class Method:
    """One line of the tables: a way to make contestants of every size that suits it."""

    name: str
    owner: str
    # Returns None where there is no such contestant: of that size, or for that similarity.
    make: Callable[[Size, str], Contestant | None]


class Ours(Contestant):
    """A binarizer of this package in an EmbeddingIndex."""

    def __init__(self, binarizer: bi.Binarizer, similarity: str) -> None:
        self.binarizer, self.similarity = binarizer, similarity

    def fit(self, rows: Floats) -> None:
        self._new().fit(rows)

    def store(self, rows: Floats) -> None:
        self.index = self._new()
        self.index.add(rows, progress=False)

    def search(self, queries: Floats, k: int) -> tuple[Scores, Ids]:
        return self.index.search(queries, k, threads=1)

    @property
    def bytes_per_vector(self) -> float:
        return self.index.bytes_per_vector

    def decode(self, rows: Floats) -> Decoded:
        binarizer = self.binarizer
        decoded = binarizer.decode(binarizer.encode(rows, progress=False))
        scale = "each" if binarizer.has_factors else "all"
        if getattr(binarizer, "reconstructs", False):
            scale = "told"
        return Decoded(binarizer.center_, decoded - binarizer.center_, scale)

    def _new(self) -> bi.EmbeddingIndex:
        return bi.EmbeddingIndex(self.binarizer, similarity=self.similarity)


# Method -> its name in the registry, and the arguments for a size, None where there are none.
BINARIZER_METHODS: dict[str, tuple[str, Callable[[Size], dict[str, Any] | None]]] = {
    "sign, binary query": ("sign", lambda s: {"query": "binary"} if s.bits_per_dim == 1 else None),
    "sign": ("sign", lambda s: {} if s.bits_per_dim == 1 else None),
    "LSH": ("lsh", lambda s: {"n_bits": 8 * s.n_bytes}),
    "ITQ": (
        "itq",
        lambda s: {"n_bits": min(8 * s.n_bytes, s.n_dims)} if s.bits_per_dim <= 1 else None,
    ),
    "rotation": (
        "rotation",
        lambda s: {"bits_per_dim": int(s.bits_per_dim)} if s.bits_per_dim >= 1 else None,
    ),
    "additive": ("additive", lambda s: {"n_bits": 8 * s.n_bytes}),
    # As many bytes as codes with a factor of 4 bytes have.
    "additive, 4 bytes more": ("additive", lambda s: {"n_bits": 8 * s.n_bytes + 32}),
}


def binarizer_methods() -> list[Method]:
    """Return the methods whose binarizers are in the registry, and say which are not."""
    missing = {key for key, _ in BINARIZER_METHODS.values()} - BINARIZERS.keys()
    for key in sorted(missing):
        print(f"no {key!r} in bitindex.binarize.BINARIZERS, it is left out", file=sys.stderr)

    def method(name: str) -> Method:
        key, arguments_of = BINARIZER_METHODS[name]

        def make(size: Size, similarity: str) -> Contestant | None:
            arguments = arguments_of(size)
            return None if arguments is None else Ours(BINARIZERS[key](**arguments), similarity)

        return Method(name, "bitindex", make)

    return [method(name) for name, (key, _) in BINARIZER_METHODS.items() if key not in missing]


@contextmanager
def one_thread() -> Iterator[None]:
    """Give the libraries of all contestants one thread."""
    before = bi.get_num_threads()
    bi.set_num_threads(1)
    try:
        if threadpoolctl is None:
            yield
        else:
            with threadpoolctl.threadpool_limits(1):
                yield
    finally:
        bi.set_num_threads(before)
