"""The quantizers of faiss-cpu, for quality.py.

Without PRQ, LSQ and PLSQ: to add 59,000 rows takes them a minute and more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import peer
from quality_contestants import Contestant, Decoded, Method, Scores, Size
from quality_sets import Floats, Ids

faiss = peer("faiss", "faiss-cpu")

# Less than faiss does unasked: 50 rounds over up to 65,536 rows take minutes for each size.
OPQ_ROUNDS = 10
OPQ_ROWS = 16_384
BLOCK = 32


class Faiss(Contestant):
    """An index of faiss with a transformation before it."""

    def __init__(self, transform: Any, index: Any, scale: str | None, tolerance: float) -> None:
        self._parts = transform, index  # faiss does not keep what it points to
        self.index = faiss.IndexPreTransform(transform, index)
        self.scale, self.tolerance = scale, tolerance
        self.kept: Any = None

    def fit(self, rows: Floats) -> None:
        self.index.train(rows)

    def store(self, rows: Floats) -> None:
        self.index.reset()
        self.index.add(rows)

    def search(self, queries: Floats, k: int) -> tuple[Scores, Ids]:
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        scores, ids = self.index.search(queries, k)
        faiss.omp_set_num_threads(before)
        return (scores if self.larger_is_better else -scores), ids

    @property
    def larger_is_better(self) -> bool:
        return bool(self.index.metric_type == faiss.METRIC_INNER_PRODUCT)

    @property
    def bytes_per_vector(self) -> float:
        return float(self.index.sa_code_size())

    def documented(self, queries: Floats, rows: Floats) -> Scores:
        decoded = self.decode(rows)
        told = rows if decoded is None else decoded.directions
        if self.larger_is_better:
            return queries @ told.T
        return -np.square(queries[:, np.newaxis] - told).sum(axis=2)

    def decode(self, rows: Floats) -> Decoded | None:
        if self.scale is None:
            return None
        told = self.index.sa_decode(self.index.sa_encode(rows))
        return Decoded(np.zeros(rows.shape[1], np.float32), told, self.scale)


class FaissSigns(Faiss):
    """Signs of transformed rows; queries are signs too, and the score is a Hamming distance."""

    larger_is_better = False

    def documented(self, queries: Floats, rows: Floats) -> Scores:
        a, b = (np.unpackbits(self.index.sa_encode(each), axis=1) for each in (queries, rows))
        return -(a[:, np.newaxis] != b).sum(axis=2).astype(np.float32)


class FaissOPQ(Faiss):
    """Product quantization after a learned rotation."""

    def fit(self, rows: Floats) -> None:
        if len(rows) < rows.shape[1]:  # faiss 1.15.1 writes beyond its memory then
            raise ValueError(f"OPQ needs as many rows as dimensions, got {len(rows)}")
        super().fit(rows)


def rabitq(size: Size, similarity: str) -> Contestant | None:
    """Return RaBitQ after a random rotation, scanned by tables of 8 bits as its queries are."""
    if size.bits_per_dim < 1:
        return None
    d = size.n_dims
    index = faiss.IndexRaBitQFastScan(d, _metric(similarity), BLOCK, int(size.bits_per_dim))
    return Faiss(faiss.RandomRotationMatrix(d, d), index, None, 0.8)


def opq(bits: int) -> Any:
    """Return what makes a product quantizer of that many bits after its rotation."""

    def make(size: Size, similarity: str) -> Contestant | None:
        n_parts = size.n_bytes * 8 // bits
        if n_parts > size.n_dims:
            return None
        # A width that the parts divide; OPQ fills up with zeros.
        width = -(-size.n_dims // n_parts) * n_parts
        transform = faiss.OPQMatrix(size.n_dims, n_parts, width)
        transform.niter, transform.max_train_points = OPQ_ROUNDS, OPQ_ROWS
        quantizer = faiss.ProductQuantizer(width, n_parts, bits)
        transform.pq = quantizer
        if bits == 4:
            index = faiss.IndexPQFastScan(width, n_parts, 4, _metric(similarity))
        else:
            index = faiss.IndexPQ(width, n_parts, bits, _metric(similarity))
        for clustering in (quantizer.cp, index.pq.cp):
            clustering.min_points_per_centroid = 1  # no warning at every step
        contestant = FaissOPQ(transform, index, "told", 0.05 if bits == 4 else 1e-3)
        contestant.kept = quantizer  # which OPQ does not keep either
        return contestant

    return make


def itq(size: Size, similarity: str) -> Contestant | None:
    n_bits = min(8 * size.n_bytes, size.n_dims)
    if size.bits_per_dim > 1:
        return None
    transform = faiss.ITQTransform(size.n_dims, n_bits, n_bits < size.n_dims)
    return FaissSigns(transform, faiss.IndexLSH(n_bits, n_bits, False), None, 0.0)


def lsh(size: Size, similarity: str) -> Contestant | None:
    n_bits = 8 * size.n_bytes
    transform = faiss.CenteringTransform(size.n_dims)
    return FaissSigns(transform, faiss.IndexLSH(size.n_dims, n_bits, True), None, 0.0)


def _metric(similarity: str) -> int:
    return faiss.METRIC_L2 if similarity == "l2" else faiss.METRIC_INNER_PRODUCT


def faiss_methods() -> list[Method]:
    """Return all of faiss, nothing where it is not installed."""
    if faiss is None:
        return []
    return [
        Method("LSH, binary query", "faiss", lsh),
        Method("ITQ, binary query", "faiss", itq),
        Method("RaBitQ", "faiss", rabitq),
        Method("OPQ x4", "faiss", opq(4)),
        Method("OPQ x8", "faiss", opq(8)),
    ]
