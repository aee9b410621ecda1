"""Peers other than faiss for quality.py: sentence-transformers' ubinary, turbovec, rabitqlib."""

from __future__ import annotations

import os
import tempfile
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from common import peer
from quality_contestants import Contestant, Method, Scores, Size
from quality_faiss import faiss
from quality_sets import Floats, Ids

import bitindex as bi

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # the only way to tell turbovec; read once
turbovec = peer("turbovec", "turbovec")
rabitqlib = peer("rabitqlib", "rabitqlib")

RESCORE_MULTIPLIER = 4
BLOCK = 32  # rows are stored in blocks of so many, the last one filled up


class UBinary(Contestant):
    """``quantize_embeddings(precision="ubinary")`` and ``semantic_search_faiss``.

    Written out with NumPy and faiss, which is what they do, because sentence-transformers would
    bring torch: the code is the signs, the search IndexBinaryFlat, and rescoring takes the dot
    product of the float query with the bits (0 and 1) of the candidates.
    """

    def __init__(self, rescores: bool) -> None:
        self.rescores = rescores

    def fit(self, rows: Floats) -> None:
        self.index = faiss.IndexBinaryFlat(8 * self._codes(rows[:1]).shape[1])

    def store(self, rows: Floats) -> None:
        self.codes = self._codes(rows)
        self.index.reset()
        self.index.add(self.codes)

    def search(self, queries: Floats, k: int) -> tuple[Scores, Ids]:
        n_candidates = min(k * RESCORE_MULTIPLIER, self.index.ntotal) if self.rescores else k
        before = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        distances, ids = self.index.search(self._codes(queries), n_candidates)
        faiss.omp_set_num_threads(before)
        if not self.rescores:
            return -distances.astype(np.float32), ids
        bits = np.unpackbits(self.codes[ids], axis=-1, count=queries.shape[1])
        scores = np.stack([b @ query for b, query in zip(bits, queries, strict=True)])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(ids, best, axis=1)

    @property
    def bytes_per_vector(self) -> float:
        return float(self.codes.shape[1])

    def documented(self, queries: Floats, rows: Floats) -> Scores:
        if self.rescores:
            return queries @ (rows > 0).astype(np.float32).T
        return -bi.hamming(self._codes(queries), self._codes(rows)).astype(np.float32)

    tolerance = 1e-5

    @staticmethod
    def _codes(rows: Floats) -> np.ndarray:
        return np.packbits(rows > 0, axis=1)


class Estimates(Contestant):
    """What estimates dot products, and whose bytes are seen from what it saves.

    1-bit estimates are coarse; what does not belong to its row would be off by 1.4 of the spread.
    """

    tolerance = 0.8

    def __init__(self, size: Size, similarity: str) -> None:
        self.n_dims, self.n_bits = size.n_dims, int(size.bits_per_dim)
        self.similarity = similarity

    @property
    def bytes_per_vector(self) -> float:
        half = len(self.sample) // 2 // BLOCK * BLOCK
        more, fewer = (self._saved_bytes(self.sample[:n]) for n in (2 * half, half))
        return round((more - fewer) / half)

    def documented(self, queries: Floats, rows: Floats) -> Scores:
        if self.similarity == "l2":
            return -np.square(queries[:, np.newaxis] - rows).sum(axis=2)
        return queries @ rows.T

    @abstractmethod
    def _saved_bytes(self, rows: Floats) -> int:
        """Return the size of a saved index of these rows."""


class TurboQuant(Estimates):
    """turbovec, calibrated; rows are filled up with zeros to a multiple of 8 dimensions."""

    def fit(self, rows: Floats) -> None:
        self.training = self._wide(rows)
        self.sample = rows[:2048]

    def store(self, rows: Floats) -> None:
        self.index = self._filled(rows)
        self.index.prepare()

    def search(self, queries: Floats, k: int) -> tuple[Scores, Ids]:
        scores, ids = self.index.search(self._wide(queries), k)
        return scores, ids.astype(np.int64)

    def _filled(self, rows: Floats) -> Any:
        index = turbovec.TurboQuantIndex(dim=self.training.shape[1], bit_width=self.n_bits)
        index.calibrate(self.training[:16_384])
        index.add(self._wide(rows))
        return index

    def _saved_bytes(self, rows: Floats) -> int:
        return len(self._filled(rows).to_bytes())

    @staticmethod
    def _wide(rows: Floats) -> Floats:
        return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 8)))


class RaBitQLibrary(Estimates):
    """rabitqlib's IVF with one list, whose centroid is the mean: RaBitQ of all rows.

    Its rotation is drawn without a seed: recall differs a little from run to run.
    """

    def fit(self, rows: Floats) -> None:
        self.centroid = rows.mean(axis=0, keepdims=True)
        self.sample = rows[:2048]

    def store(self, rows: Floats) -> None:
        self.index = self._filled(rows)

    def search(self, queries: Floats, k: int) -> tuple[Scores, Ids]:
        ids, distances = self.index.search(queries, k, nprobe=1, num_threads=1)
        # The distance of "ip" is 1 minus the product.
        return (0 if self.similarity == "l2" else 1) - distances, ids.astype(np.int64)

    def _filled(self, rows: Floats) -> Any:
        metric = "l2" if self.similarity == "l2" else "ip"
        index = rabitqlib.IvfIndex(self.n_dims, len(rows), 1, self.n_bits, metric)
        index.build(rows, self.centroid, np.zeros(len(rows), np.uint32))
        return index

    def _saved_bytes(self, rows: Floats) -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index"
            self._filled(rows).save(str(path))
            return path.stat().st_size


def ubinary(rescores: bool) -> Any:
    def make(size: Size, similarity: str) -> Contestant | None:
        return UBinary(rescores) if size.bits_per_dim == 1 and similarity == "cosine" else None

    return make


def turbo_quant(size: Size, similarity: str) -> Contestant | None:
    if size.bits_per_dim not in (2, 4) or similarity == "l2":
        return None
    return TurboQuant(size, similarity)


def rabitq_library(size: Size, similarity: str) -> Contestant | None:
    return RaBitQLibrary(size, similarity) if size.bits_per_dim >= 1 else None


def other_methods() -> list[Method]:
    """Return those that are installed."""
    found = []
    if faiss is not None:
        found += [
            Method("ubinary", "sentence-transformers", ubinary(False)),
            Method("ubinary, rescored", "sentence-transformers", ubinary(True)),
        ]
    if turbovec is not None:
        found.append(Method("TurboQuant", "turbovec", turbo_quant))
    if rabitqlib is not None:
        found.append(Method("RaBitQ", "rabitqlib", rabitq_library))
    return found
