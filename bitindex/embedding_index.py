"""Search over float embeddings that are kept as binary codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex._border import (
    Filter,
    as_choice,
    as_code_rows,
    as_count,
    as_filter,
    as_oversample,
    as_threads,
)
from bitindex._core import Index as CompiledIndex
from bitindex.binarize import BINARIZERS, Binarizer
from bitindex.embeddings import (
    EmbeddingSource,
    as_embeddings,
    count_rows,
    embedding_batches,
)
from bitindex.index import INDEX_KINDS
from bitindex.index.columns import core_from_stored, core_to_stored
from bitindex.index.rows import RowIndex
from bitindex.progress import progress_bar
from bitindex.rescoring import VECTOR_TYPES, stored_vectors
from bitindex.similarity import SIMILARITIES
from bitindex.storage import nest, unnest

if TYPE_CHECKING:
    from typing_extensions import Self

# More than an index holds, and few enough to count in 64 bits.
_MOST_CANDIDATES = 2.0**32

# What the core keeps of a batch of rows, by the name of its argument.
_EncodedRows = dict[str, npt.NDArray[Any]]


class EmbeddingIndex(RowIndex):
    """Search over float embeddings that are kept as short binary codes.

    Parameters
    ----------
    binarizer : Binarizer
        Makes the codes. Fitted, or fitted by :meth:`fit`. With ``similarity="cosine"`` rows are
        scaled to length 1 before they are encoded, so fit a binarizer that learns a center on such
        rows too; :meth:`fit` does.
    kind : {"flat"}
        The kind of index that holds the codes.
    similarity : {"cosine", "dot", "l2"}
        What searches rank by: the cosine, the dot product, or minus the squared Euclidean
        distance.
    rescore : {None, "int8", "float16", "float32"}
        Also keep the vectors, in this precision, and score the best candidates again with them.

    Notes
    -----
    Memory per row: the code (n_bits / 8 bytes); 4 bytes for its scale with "dot" and "l2", 4 more
    for an offset with "l2" or a binarizer that centres; with `rescore`, d + 4, 2 d or 4 d bytes.
    Without `rescore`, scores are estimates, exact only up to the binarization and the query
    tables, whose entries are rounded. Thread safe like :class:`~bitindex.FlatIndex`.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> X = np.random.default_rng(0).standard_normal((1000, 64), dtype=np.float32)
    >>> index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), rescore="float32")
    >>> ids = index.add(X)
    >>> scores, ids = index.search(X[:2], k=1)
    >>> ids
    array([[0],
           [1]])
    """

    _storage_kind: ClassVar[str] = "embedding"

    def __init__(
        self,
        binarizer: Binarizer,
        kind: str = "flat",
        similarity: Literal["cosine", "dot", "l2"] = "cosine",
        rescore: Literal["int8", "float16", "float32"] | None = None,
    ) -> None:
        if not isinstance(binarizer, Binarizer):
            raise TypeError(
                "binarizer must be a Binarizer such as SignBinarizer(), "
                f"got {type(binarizer).__name__}"
            )
        self._binarizer = binarizer
        self._kind = as_choice(kind, tuple(INDEX_KINDS), "kind")
        self._similarity = SIMILARITIES[as_choice(similarity, tuple(SIMILARITIES), "similarity")]
        self._rescore = (
            None if rescore is None else as_choice(rescore, tuple(VECTOR_TYPES), "rescore")
        )
        super().__init__()
        if hasattr(binarizer, "n_bits_"):
            self._core_or_none = self._new_core()

    def _new_core(self) -> CompiledIndex:
        binarizer = self._binarizer
        binarizer._check_fitted()
        self._similarity.check_center(binarizer)
        return INDEX_KINDS[self._kind]._core_type(
            binarizer.n_bits_,
            "hamming",
            big_endian=True,
            has_scales=self._similarity.has_scales(binarizer),
            has_offsets=self._similarity.has_offsets(binarizer),
            vector_type=VECTOR_TYPES[self._rescore or "float32"],
            n_dims=binarizer.n_features_in_ if self._rescore else 0,
        )

    @property
    def binarizer(self) -> Binarizer:
        """What makes the codes. It must not be fitted again while the index holds rows."""
        return self._binarizer

    @property
    def kind(self) -> str:
        """The kind of index that holds the codes."""
        return self._kind

    @property
    def similarity(self) -> str:
        """What searches rank by."""
        return self._similarity.name

    @property
    def rescore(self) -> str | None:
        """Precision of the vectors kept for rescoring, or None."""
        return self._rescore

    @property
    def bytes_per_vector(self) -> int:
        """Bytes that a row takes: code, factors and rescoring vector, without ids."""
        return sum(int(column.shape[1]) for column in self._core.columns())

    def __repr__(self) -> str:
        return (
            f"EmbeddingIndex({self._binarizer!r}, kind={self._kind!r}, "
            f"similarity={self.similarity!r}, rescore={self._rescore!r}) "
            f"with {len(self):,} embeddings"
        )

    def fit(self, X: EmbeddingSource) -> Self:
        """Fit the binarizer on embeddings as this index will encode them.

        That is ``binarizer.fit(X)``, with rows scaled to length 1 first for the cosine.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches

        Returns
        -------
        EmbeddingIndex
            This index.

        Raises
        ------
        ValueError
            If the index holds rows already, whose codes would no longer fit.
        """
        with self._writing():
            if len(self) > 0:
                raise ValueError(f"fit must come before add: the index holds {len(self)} rows")
            self._binarizer.fit(self._similarity.prepare(batch) for batch in embedding_batches(X))
            self._core_or_none = self._new_core()
        return self

    def add(
        self, X: EmbeddingSource, ids: object = None, *, progress: bool | None = None
    ) -> npt.NDArray[np.int64]:
        """Encode and add embeddings.

        Parameters
        ----------
        X : array of floats, shape (n, d)
            Any float dtype; also torch tensors, anything with DLPack or ``__array__``, the path of
            a ``.npy`` file (mapped, not loaded), or an iterator of batches.
        ids : array of integers, shape (n,), optional
            Distinct ids from 0 to 2**63 - 2 that are not in the index. Default: the next free
            integers.
        progress : bool, optional
            Show a progress bar. Default: on a terminal, if it takes longer than a second.

        Returns
        -------
        ndarray of int64, shape (n,)
            The ids of the new rows.

        Raises
        ------
        TypeError, ValueError
            If X or ids are not as described, or an id is taken; nothing is added then.
        """
        return self._add_rows(ids, self._encode(X, progress))

    def update(self, ids: object, X: EmbeddingSource) -> None:
        """Replace the embeddings of ids that are in the index.

        Raises
        ------
        KeyError
            If an id is not in the index; the message names it. Nothing is changed then.
        TypeError, ValueError
            As :meth:`add`.
        """
        self._update_rows(ids, self._encode(X, False))

    def search(
        self,
        Q: object,
        k: SupportsIndex = 10,
        oversample: float | Literal["auto"] = 4,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Find the k most similar embeddings of each query.

        Parameters
        ----------
        Q : array of floats, shape (nq, d)
            One query a row; one dimension is one query.
        k : int
            Results per query, >= 0; may exceed the number of rows.
        oversample : float or "auto"
            With `rescore`, the best ``oversample * k`` rows by code are scored again; >= 1.
            "auto" goes on, for each query, until no other row is likely to be among the k most
            similar (see Notes). Without `rescore` it changes nothing.
        filter : optional
            Which ids may be returned: a bool mask over ids, an array, list or set of allowed ids,
            a range or a slice of ids. See :meth:`FlatIndex.search`.
        threads : int, optional
            Threads to use, >= 1. Default: see :func:`bitindex.set_num_threads`.

        Returns
        -------
        scores : ndarray of float32, shape (nq, k)
            Most similar first: cosine, dot product, or minus the squared Euclidean distance;
            estimated from the codes unless the index rescores. Without factors and rescoring, the
            cosine is that of the query and the code, which ranks like the estimate.
        ids : ndarray of int64, shape (nq, k)
            Ties in score go to the smaller id. Where fewer than k rows are allowed, a row ends in
            id -1 at score -infinity.

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type, shape or value.

        Notes
        -----
        Thread safe; the GIL is released, and Ctrl-C stops the call.

        ``oversample="auto"`` learns from the rows that it has scored again, at least
        ``max(2 * k, 32)`` and at most ``128 * k + 1024``, how far estimates are off, and stops
        where the next row would have to be 3.5 standard deviations better than expected. On text,
        word and image vectors float queries lost at most .002 of the recall of scoring all
        candidates again, binary queries .01; more cannot be promised. It takes up to 1.4 times as
        long as ``oversample=16``, and longer for codes so short that many queries need more than
        ``24 * k + 128`` rows: these are searched for twice. Results do not depend on threads, the
        instruction set or the other queries.
        """
        scores, ids, _ = self._search(Q, k, oversample, filter, threads)
        return scores, ids

    def _search(
        self,
        Q: object,
        k: SupportsIndex,
        oversample: float | Literal["auto"],
        filter: Filter = None,
        threads: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Search, and also return how many rows were scored again for each query, shape (nq,)."""
        core = self._core
        n_results = as_count(k, "k", 0)
        ratio = as_oversample(oversample)
        rows = as_embeddings(Q, self._binarizer.n_features_in_, "Q")
        queries = self._similarity.prepare(rows)
        estimates = self._similarity.queries(self._binarizer, queries)
        return core.search_estimates(
            weights=estimates.weights,
            signs=estimates.signs,
            magnitudes=estimates.magnitudes,
            constants=None if self._rescore else estimates.constants,
            k=n_results,
            n_candidates=(
                None if ratio is None else math.ceil(min(n_results * ratio, _MOST_CANDIDATES))
            ),
            vector_queries=queries if self._rescore else None,
            squared_l2=self._similarity.squared_l2,
            filter=as_filter(filter),
            threads=as_threads(threads),
        )

    def _encode(self, X: EmbeddingSource, progress: bool | None) -> _EncodedRows:
        """Encode all rows before any is added, so that an error leaves the index as it was."""
        self._binarizer._check_fitted()
        batches: list[_EncodedRows] = [self._encode_batch(np.empty((0, self._n_dims), np.float32))]
        with progress_bar(count_rows(X), "encode", progress) as bar:
            for batch in embedding_batches(X, self._n_dims):
                batches.append(self._encode_batch(batch))
                bar.update(len(batch))
        return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

    @property
    def _n_dims(self) -> int:
        return self._binarizer.n_features_in_

    def _encode_batch(self, batch: npt.NDArray[np.float32]) -> _EncodedRows:
        rows = self._similarity.prepare(batch)
        codes = self._binarizer._encode_rows(rows, threads=0)
        encoded: dict[str, npt.NDArray[Any] | None] = {
            "codes": as_code_rows(codes, self._binarizer.n_bits_, "big", "codes"),
            "scales": self._similarity.scales(self._binarizer, rows, codes),
            "offsets": self._similarity.offsets(self._binarizer, rows),
            "vectors": stored_vectors(rows, self._rescore) if self._rescore else None,
        }
        return {name: array for name, array in encoded.items() if array is not None}

    def _to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        rows_meta, rows = core_to_stored(self._core)
        binarizer_meta, binarizer = self._binarizer._to_stored()
        names = {cls: name for name, cls in BINARIZERS.items()}
        if type(self._binarizer) not in names:
            raise TypeError(
                f"{type(self._binarizer).__name__} is no binarizer of bitindex, so a file could "
                "not be read again"
            )
        meta = {
            "kind": self._kind,
            "similarity": self.similarity,
            "rescore": self._rescore,
            "rows": rows_meta,
            "binarizer": {"name": names[type(self._binarizer)], **binarizer_meta},
        }
        return meta, {**nest("rows", rows), **nest("binarizer", binarizer)}

    @classmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
    ) -> Self:
        binarizer_type = BINARIZERS[as_choice(meta["binarizer"]["name"], tuple(BINARIZERS), "name")]
        binarizer = binarizer_type._from_stored(
            meta["binarizer"], unnest("binarizer", sections), mapped
        )
        index = cls(binarizer, meta["kind"], meta["similarity"], meta["rescore"])
        core_from_stored(index._core, meta["rows"], unnest("rows", sections))
        index._mapped = mapped
        return index
