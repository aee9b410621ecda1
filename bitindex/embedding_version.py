"""One version of an embedding model in an index: its binarizer, and the rows it has encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitindex._border import as_choice, as_code_rows
from bitindex._core import Index as CompiledIndex
from bitindex.binarize import BINARIZERS, Binarizer
from bitindex.embeddings import EmbeddingSource, as_embeddings, count_rows, embedding_batches
from bitindex.index import EMBEDDING_KINDS
from bitindex.index.columns import core_from_stored, core_to_stored
from bitindex.progress import progress_bar
from bitindex.rescoring import VECTOR_TYPES, stored_vectors
from bitindex.similarity import Similarity
from bitindex.storage import nest, unnest

if TYPE_CHECKING:
    from typing_extensions import Self

Floats = npt.NDArray[np.float32]

# What the core keeps of rows, by the name of its argument.
EncodedRows = dict[str, npt.NDArray[Any]]

# Scores and ids of shape (nq, k), and how many rows were scored again for each query.
Nearest = tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class EmbeddingVersion:
    """A binarizer, and the compiled index of the rows that it has encoded."""

    binarizer: Binarizer
    similarity: Similarity
    rescore: str | None
    core: CompiledIndex

    @classmethod
    def empty(
        cls,
        binarizer: Binarizer,
        kind: str,
        similarity: Similarity,
        rescore: str | None,
        options: Mapping[str, Any],
    ) -> Self:
        """Return a version without rows, or raise ValueError if the binarizer is not fitted."""
        binarizer._check_fitted()
        similarity.check_center(binarizer)
        core = EMBEDDING_KINDS[kind]._core_type(
            binarizer.n_bits_,
            "hamming",
            big_endian=True,
            has_scales=similarity.has_scales(binarizer),
            has_offsets=similarity.has_offsets(binarizer),
            vector_type=VECTOR_TYPES[rescore or "float32"],
            n_dims=binarizer.n_features_in_ if rescore else 0,
            **options,
        )
        return cls(binarizer, similarity, rescore, core)

    @property
    def bytes_per_vector(self) -> int:
        """Bytes that a row takes: code, factors and rescoring vector, without its id."""
        return sum(int(column.shape[1]) for column in self.core.columns())

    def encode(self, X: EmbeddingSource, progress: bool | None) -> EncodedRows:
        """Encode all rows before any is added, so that an error leaves the index as it was."""
        n_dims = self.binarizer.n_features_in_
        batches = [self._encode_batch(np.empty((0, n_dims), np.float32))]
        with progress_bar(count_rows(X), "encode", progress) as bar:
            for batch in embedding_batches(X, n_dims):
                batches.append(self._encode_batch(batch))
                bar.update(len(batch))
        # Of matrices of one row each, NumPy may make one whose columns lie together.
        return {
            name: np.ascontiguousarray(np.concatenate([batch[name] for batch in batches]))
            for name in batches[0]
        }

    def _encode_batch(self, batch: Floats) -> EncodedRows:
        rows = self.similarity.prepare(batch)
        codes = self.binarizer._encode_rows(rows, threads=0)
        encoded: dict[str, npt.NDArray[Any] | None] = {
            "codes": as_code_rows(codes, self.binarizer.n_bits_, "big", "codes"),
            "scales": self.similarity.scales(self.binarizer, rows, codes),
            "offsets": self.similarity.offsets(self.binarizer, rows),
            "vectors": stored_vectors(rows, self.rescore) if self.rescore else None,
        }
        return {name: array for name, array in encoded.items() if array is not None}

    def prepare_queries(self, Q: object) -> Floats:
        """Return embeddings of this version as they are compared with its rows."""
        return self.similarity.prepare(as_embeddings(Q, self.binarizer.n_features_in_, "Q"))

    def search(self, queries: Floats, asking: Binarizer, **options: Any) -> Nearest:
        """Find the most similar rows to prepared queries, of this version or another one.

        Parameters
        ----------
        queries : ndarray of float32, shape (nq, d)
        asking : Binarizer
            That of the version whose embeddings the queries are.
        **options
            ``k``, ``n_candidates``, ``filter``, ``threads`` and ``effort``, as the core takes them.
        """
        estimates = self.similarity.queries(asking, queries, self.binarizer)
        return self.core.search_estimates(
            weights=estimates.weights,
            signs=estimates.signs,
            magnitudes=estimates.magnitudes,
            constants=None if self.rescore else estimates.constants,
            vector_queries=queries if self.rescore else None,
            squared_l2=self.similarity.squared_l2,
            **options,
        )

    def to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return fields and arrays for a file."""
        rows_meta, rows = core_to_stored(self.core)
        binarizer_meta, binarizer = self.binarizer._to_stored()
        names = {cls: name for name, cls in BINARIZERS.items()}
        if type(self.binarizer) not in names:
            raise TypeError(
                f"{type(self.binarizer).__name__} is no binarizer of bitindex, so a file could "
                "not be read again"
            )
        name = names[type(self.binarizer)]
        meta = {"rows": rows_meta, "binarizer": {"name": name, **binarizer_meta}}
        return meta, {**nest("rows", rows), **nest("binarizer", binarizer)}

    def restore(self, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put the rows of a file into this version, which has none."""
        core_from_stored(self.core, meta["rows"], unnest("rows", sections))


def stored_binarizer(
    meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
) -> Binarizer:
    """Return the binarizer that :meth:`EmbeddingVersion.to_stored` put into a file."""
    kind = BINARIZERS[as_choice(meta["binarizer"]["name"], tuple(BINARIZERS), "name")]
    return kind._from_stored(meta["binarizer"], unnest("binarizer", sections), mapped)
