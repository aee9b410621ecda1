"""Embeddings as lists around centroids, and what is left of a row without its centroid.

A row x of a list with centroid c is kept as a code b that stands for r = x - c as scale * D b:

    cosine, dot   <q, x>      = <q, c> + <c, r - scale D b> + scale <D^T q, b>
    l2            -|q - x|^2  = -|q - c|^2 - |r|^2 - 2 <c, scale D b> + 2 scale <D^T q, b>

up to the error of the code in the direction of q - c alone: what it is along c, the offset that is
stored beside the code makes good. The first terms depend on the query and the list, the offset on
the row, and the weights D^T q on the query: one table serves all lists.

Centroids contain the center of the binarizer, which it subtracts from all that it encodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitindex._bitops import unpack
from bitindex._border import as_count
from bitindex.binarize.base import Binarizer
from bitindex.binarize.sampling import sample_rows
from bitindex.clustering import NearestCentroids, learn_centroids
from bitindex.embeddings import EmbeddingSource, count_rows
from bitindex.row_dots import row_dots
from bitindex.similarity import QueryEstimates, Similarity

if TYPE_CHECKING:
    from typing_extensions import Self

Floats = npt.NDArray[np.float32]

_SAMPLE_ROWS = 1 << 16
_SAMPLE_ROWS_PER_LIST = 32
# As of IVFIndex: so many lists, times the square root of the rows.
_LISTS_PER_ROOT = 2.0
_MIN_ROWS_OF_LIST = 16
# Rows whose bits are unpacked at once: as floats they take 32 times the memory of their codes.
_ROWS_AT_ONCE = 1024
# What nprobe="auto" asks with.
_ASKED_ROWS = 256
_ASKED_NEIGHBOURS = 10


@dataclass(frozen=True, eq=False)
class ResidualLists:
    """Centroids, and a binarizer of what is left of rows without them.

    Parameters
    ----------
    similarity : Similarity
    binarizer : Binarizer
        Fitted on what is left of rows.
    centroids : ndarray of float32, shape (n_lists, d)
    n_probes : int
        How many lists a query looks at unless it asks for another number.
    """

    similarity: Similarity
    binarizer: Binarizer
    centroids: Floats
    n_probes: int

    def __post_init__(self) -> None:
        d = self.binarizer.n_features_in_
        if self.centroids.ndim != 2 or self.centroids.shape[1] != d or len(self.centroids) == 0:
            raise ValueError(f"centroids must have shape (n, {d}), got {self.centroids.shape}")

    @classmethod
    def fit(
        cls,
        X: EmbeddingSource,
        binarizer: Binarizer,
        similarity: Similarity,
        *,
        n_lists: int | None,
        nprobe: int | str,
        target_recall: float,
        seed: int,
    ) -> Self:
        """Learn centroids from a sample of the rows, and the binarizer from what is left of it.

        Raises
        ------
        ValueError
            If the binarizer reduces queries to bits, which the offsets of rows are not made for.
        """
        if binarizer.binary_queries:
            raise ValueError(f"residuals=True needs float queries, got {binarizer!r}")
        wanted = max(_SAMPLE_ROWS, _SAMPLE_ROWS_PER_LIST * (n_lists or 0))
        sample = similarity.prepare(sample_rows(X, wanted, seed))
        if n_lists is None:
            n_lists = int(_LISTS_PER_ROOT * np.sqrt(count_rows(X) or len(sample)))
        n_lists = max(1, min(n_lists, len(sample) // _MIN_ROWS_OF_LIST))
        centroids = learn_centroids(sample, n_lists, seed)
        binarizer.fit(sample - centroids[NearestCentroids(centroids).of(sample)])
        centroids += binarizer.center_
        lists = cls(residual_similarity(similarity), binarizer, centroids, n_lists)
        if isinstance(nprobe, str):
            nprobe = lists._probes_for(target_recall, sample, seed)
        return replace(lists, n_probes=nprobe)

    @cached_property
    def _nearest(self) -> NearestCentroids:
        return NearestCentroids(self.centroids)

    @cached_property
    def _centroid_weights(self) -> Floats:
        return self.binarizer.query_weights(self.centroids)

    @cached_property
    def factors(self) -> Floats:
        """What the similarities of lists are multiplied by when lists are ranked, shape (n_lists,).

        The cosine ranks them by the directions of their centroids.
        """
        if not self.similarity.unit_rows:
            return np.ones(len(self.centroids), np.float32)
        lengths = np.sqrt(self._nearest.squares)
        return np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0).astype("f4")

    def encode(self, rows: Floats) -> dict[str, npt.NDArray[Any] | None]:
        """Return what the core keeps of prepared rows, by the name of its argument."""
        lists = self._nearest.of(rows)
        left = rows - self.centroids[lists]
        centered = left + self.binarizer.center_
        codes = self.binarizer._encode_rows(centered, threads=0)
        scales = self.similarity.scales(self.binarizer, centered, codes)
        along = self._along_centroids(codes.packed, lists)
        if scales is not None:
            along *= scales
        if self.similarity.squared_l2:
            offsets = -row_dots(left, left) - 2 * along
        else:
            offsets = row_dots(self.centroids[lists], left) - along
        return {
            "codes": codes.packed,
            "scales": scales,
            "offsets": offsets.astype(np.float32),
            "lists": lists,
        }

    def _along_centroids(
        self, packed: npt.NDArray[np.uint8], lists: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.float64]:
        """Return <c, D b> of codes and the centroids of their lists, shape (n,)."""
        along = np.empty(len(packed))
        for first in range(0, len(packed), _ROWS_AT_ONCE):
            part = slice(first, first + _ROWS_AT_ONCE)
            bits = unpack(packed[part], self.binarizer.n_bits_)
            signs = np.where(bits, np.float32(1), np.float32(-1))
            along[part] = row_dots(self._centroid_weights[lists[part]], signs)
        return along

    def queries(self, queries: Floats) -> QueryEstimates:
        """Return prepared queries as the core scores what is left of rows."""
        weights = self.binarizer.query_weights(queries)
        factor = np.float32(2 if self.similarity.squared_l2 else 1)
        return QueryEstimates(np.ascontiguousarray(weights * factor), None, None, None)

    def similarities(self, queries: Floats) -> Floats:
        """Return the part of the similarities that the rows of a list share, (nq, n_lists)."""
        products = self._nearest.products(queries)
        if not self.similarity.squared_l2:
            return products
        squares = row_dots(queries, queries)[:, np.newaxis] + self._nearest.squares
        return (2.0 * products - squares).astype(np.float32)

    def _probes_for(self, target_recall: float, sample: Floats, seed: int) -> int:
        """Return how many lists hold the target share of the neighbours of rows of the sample.

        Half of the misses is left to queries, which are farther from rows than these from others.
        """
        # Not those that centroids began as, which are nearer to these than other rows are.
        asked = np.random.default_rng((seed, 1)).permutation(len(sample))[:_ASKED_ROWS]
        products = sample[asked] @ sample.T
        if self.similarity.squared_l2:
            products -= (row_dots(sample, sample) / 2).astype(np.float32)
        products[np.arange(len(asked)), asked] = -np.inf
        k = min(_ASKED_NEIGHBOURS, len(sample) - 1)
        if k == 0:
            return 1
        nearest = np.argpartition(-products, k - 1, axis=1)[:, :k]
        ranked = np.argsort(-self.similarities(sample[asked]) * self.factors, axis=1)
        ranks = np.argsort(ranked, axis=1)
        lists = self._nearest.of(sample).astype(np.intp)
        needed = np.sort(np.take_along_axis(ranks, lists[nearest], axis=1), None)
        share = (1 + target_recall) / 2
        return int(needed[int(np.ceil(share * len(needed))) - 1]) + 1

    def to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return fields and arrays for a file."""
        return {"n_probes": self.n_probes}, {"centroids": self.centroids}

    @classmethod
    def from_stored(
        cls,
        meta: Mapping[str, Any],
        sections: Mapping[str, npt.NDArray[Any]],
        binarizer: Binarizer,
        similarity: Similarity,
    ) -> Self:
        """Return what :meth:`to_stored` put into a file."""
        centroids = sections["centroids"]
        if centroids.dtype != np.float32 or not np.isfinite(centroids).all():
            raise ValueError("centroids must be finite float32")
        n_probes = as_count(meta["n_probes"], "n_probes", 1)
        return cls(residual_similarity(similarity), binarizer, centroids, n_probes)


def residual_similarity(similarity: Similarity) -> Similarity:
    """Return the similarity of codes that add to that of a centroid, and so need a scale."""
    return replace(similarity, needs_scales=True)
