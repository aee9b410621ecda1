"""One version of an embedding model in an index: its binarizer, and the rows it has encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitindex._border import as_choice, as_code_rows
from bitindex._core import Index as CompiledIndex
from bitindex._core import ResidualIndex
from bitindex.binarize import BINARIZERS, Binarizer
from bitindex.clustering import parts_of
from bitindex.embeddings import EmbeddingSource, as_embeddings, count_rows, embedding_batches
from bitindex.index import EMBEDDING_KINDS
from bitindex.index.columns import core_from_stored, core_to_stored
from bitindex.progress import progress_bar
from bitindex.rescoring import VECTOR_TYPES, stored_vectors
from bitindex.residuals import ResidualLists
from bitindex.similarity import QueryEstimates, Similarity
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
    lists: ResidualLists | None = None  # where codes are of what is left of rows

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
        index_type = EMBEDDING_KINDS[kind]
        if index_type.makes_up_floats:
            options = {**options, "weight_sizes": similarity.weight_sizes(binarizer)}
        core = index_type._core_type(
            binarizer.n_bits_,
            "hamming",
            big_endian=True,
            has_scales=similarity.has_scales(binarizer),
            has_offsets=similarity.has_offsets(binarizer),
            **_vector_layout(binarizer, rescore),
            **options,
        )
        return cls(binarizer, similarity, rescore, core)

    @classmethod
    def of_residuals(cls, lists: ResidualLists, rescore: str | None) -> Self:
        """Return a version without rows, which will keep what is left of them."""
        core = ResidualIndex(
            lists.binarizer.n_bits_,
            has_scales=lists.similarity.has_scales(lists.binarizer),
            has_offsets=True,
            **_vector_layout(lists.binarizer, rescore),
            n_lists=len(lists.centroids),
        )
        return cls(lists.binarizer, lists.similarity, rescore, core, lists)

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
        encoded: dict[str, npt.NDArray[Any] | None] = (
            self._encode_whole(rows) if self.lists is None else self.lists.encode(rows)
        )
        encoded["vectors"] = stored_vectors(rows, self.rescore) if self.rescore else None
        return {name: array for name, array in encoded.items() if array is not None}

    def _encode_whole(self, rows: Floats) -> dict[str, npt.NDArray[Any] | None]:
        codes = self.binarizer._encode_rows(rows, threads=0)
        return {
            "codes": as_code_rows(codes, self.binarizer.n_bits_, "big", "codes"),
            "scales": self.similarity.scales(self.binarizer, rows, codes),
            "offsets": self.similarity.offsets(self.binarizer, rows),
        }

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
        if self.lists is not None:
            return self._search_residuals(queries, self.lists, **options)
        return self._search_core(
            queries, self.similarity.queries(asking, queries, self.binarizer), **options
        )

    def _search_residuals(
        self, queries: Floats, lists: ResidualLists, effort: int, **options: Any
    ) -> Nearest:
        found = [
            self._search_core(
                queries[part],
                lists.queries(queries[part]),
                list_similarities=lists.similarities(queries[part]),
                list_factors=lists.factors,
                effort=effort or lists.n_probes,
                **options,
            )
            for part in parts_of(max(len(queries), 1), len(lists.centroids))
        ]
        scores, ids, n_rescored = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return scores, ids, n_rescored

    def _search_core(self, queries: Floats, estimates: QueryEstimates, **options: Any) -> Nearest:
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
        sections = {**nest("rows", rows), **nest("binarizer", binarizer)}
        if self.lists is not None:
            meta["lists"], arrays = self.lists.to_stored()
            sections |= nest("lists", arrays)
        return meta, sections

    def restore(self, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put the rows of a file into this version, which has none."""
        core_from_stored(self.core, meta["rows"], unnest("rows", sections))


def _vector_layout(binarizer: Binarizer, rescore: str | None) -> dict[str, int]:
    return {
        "vector_type": VECTOR_TYPES[rescore or "float32"],
        "n_dims": binarizer.n_features_in_ if rescore else 0,
    }


def stored_binarizer(
    meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
) -> Binarizer:
    """Return the binarizer that :meth:`EmbeddingVersion.to_stored` put into a file."""
    kind = BINARIZERS[as_choice(meta["binarizer"]["name"], tuple(BINARIZERS), "name")]
    return kind._from_stored(meta["binarizer"], unnest("binarizer", sections), mapped)
