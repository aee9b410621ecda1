"""Search over float embeddings that are kept as binary codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex._border import Filter, as_count, as_effort, as_filter, as_oversample, as_threads
from bitindex.embedding_rows import EmbeddingRows
from bitindex.embedding_version import Nearest, stored_binarizer
from bitindex.embeddings import EmbeddingSource, embedding_batches
from bitindex.residuals import ResidualLists
from bitindex.storage import nest, unnest

if TYPE_CHECKING:
    from typing_extensions import Self

# More than an index holds, and few enough to count in 64 bits.
_MOST_CANDIDATES = 2.0**32


class EmbeddingIndex(EmbeddingRows):
    """Search over float embeddings that are kept as short binary codes.

    Parameters
    ----------
    binarizer : Binarizer
        Makes the codes. Fitted, or fitted by :meth:`fit`. With ``similarity="cosine"`` rows are
        scaled to length 1 before they are encoded, so fit a binarizer that learns a center on such
        rows too; :meth:`fit` does.
    kind : {"flat", "hnsw", "ivf"}
        The kind of index that holds the codes: see :class:`FlatIndex`, :class:`HNSWIndex`,
        :class:`IVFIndex`.
    similarity : {"cosine", "dot", "l2"}
        What searches rank by: the cosine, the dot product, or minus the squared Euclidean
        distance.
    rescore : {None, "int8", "float16", "float32"}
        Also keep the vectors, in this precision, and score the best candidates again with them.
    residuals : bool
        Of "ivf": learn lists from floats in :meth:`fit`, and encode what is left of each row
        without the centroid of its list. See Notes.
    **options
        Those of the kind of index, by name: `n_lists`, `nprobe`, `target_recall` and `seed` of
        "ivf"; `m`, `ef_construction`, `ef` and `seed` of "hnsw"; "flat" has none.

    Notes
    -----
    Memory per row: the code (n_bits / 8 bytes); 4 bytes for its scale with "dot" and "l2", 4 more
    for an offset with "l2" or a binarizer that centres; with `rescore`, d + 4, 2 d or 4 d bytes.
    Without `rescore`, scores are estimates, exact only up to the binarization and the query
    tables, whose entries are rounded. Thread safe like :class:`~bitindex.FlatIndex`.

    With ``residuals=True`` scores are nearer the truth at equal bytes, the more so the more lists
    there are, and a query finds as many neighbours in fewer lists. In return centroids stay as
    :meth:`fit` has learned them, from a sample of 65,536 rows or 32 for each list: give it rows
    like those that will come, and `n_lists` where there will be many more of them (default:
    2 sqrt(n) for n rows). ``nprobe="auto"`` is answered in `fit`, too. Memory: a scale, unless the
    binarizer keeps lengths in the bits, and an offset beside each code; 8 d + 4 n_bits bytes for
    each list. Queries must be floats.
    Source: Jegou, Douze, Schmid, "Product Quantization for Nearest Neighbor Search", 2011, section
    IV.

    An index can hold codes of several versions of an embedding model at once, each with a binarizer
    of its own: see :meth:`add_version`.

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

    def __repr__(self) -> str:
        text = (
            f"EmbeddingIndex({self.binarizer!r}, kind={self._kind!r}, "
            f"similarity={self.similarity!r}, rescore={self._rescore!r}"
            f"{', residuals=True' if self._residuals else ''}) with {len(self):,} embeddings"
        )
        if self._core_or_none is None or self._core_or_none.newest == 0:
            return text
        counts = self._core_or_none.counts()
        return f"{text}, by version: {', '.join(f'{count:,}' for count in counts)}"

    def fit(self, X: EmbeddingSource) -> Self:
        """Fit the binarizer on embeddings as this index will encode them.

        That is ``binarizer.fit(X)``, with rows scaled to length 1 first for the cosine. With
        ``residuals=True`` it learns centroids first, from a sample, and the binarizer is fitted
        on what is left of the sample without them.

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
            If the index holds rows already, whose codes would no longer fit, or a version was
            added; with ``residuals=True`` if the binarizer reduces queries to bits.
        """
        with self._writing():
            if len(self) > 0:
                raise ValueError(f"fit must come before add: the index holds {len(self)} rows")
            if len(self.versions) > 1:
                raise ValueError("fit must come before add_version: fit the new binarizer itself")
            if self._residuals:
                self._lists = ResidualLists.fit(
                    X, self._first_binarizer, self._similarity, **self._options
                )
            else:
                self._first_binarizer.fit(
                    self._similarity.prepare(batch) for batch in embedding_batches(X)
                )
            self._core_or_none = self._new_core()
        return self

    def search(
        self,
        Q: object,
        k: SupportsIndex = 10,
        oversample: float | Literal["auto"] = 4,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
        version: SupportsIndex | None = None,
        effort: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Find the k most similar embeddings of each query, among the rows of all versions.

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
        version : int, optional
            Which version's embeddings Q are. Default: the newest. Queries of an older version are
            refused where they cannot search all rows.
        effort : int, optional
            How far a kind of index that is not exact looks, >= 1: the lists of "ivf", the `ef`
            of "hnsw"; "flat" looks at every row. Default: what the index is set to.

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
            If an argument has a wrong type, shape or value, or queries of this version cannot
            search all rows.

        Notes
        -----
        Thread safe; the GIL is released, and Ctrl-C stops the call.

        Rows of older versions are scored by their own codes, on the scale of the scores of the
        queries' version, as its binarizer has learned it (:meth:`Binarizer.queries_for`).

        ``oversample="auto"`` learns from the rows that it has scored again, at least
        ``max(2 * k, 32)`` and at most ``128 * k + 1024``, how far estimates are off, and stops
        where the next row would have to be 3.5 standard deviations better than expected. On text,
        word and image vectors float queries lost at most .002 of the recall of scoring all
        candidates again, binary queries .01; more cannot be promised. It takes up to 1.4 times as
        long as ``oversample=16``, and longer for codes so short that many queries need more than
        ``24 * k + 128`` rows: these are searched for twice. Results do not depend on threads, the
        instruction set or the other queries.
        """
        scores, ids, _ = self._search(Q, k, oversample, filter, threads, version, effort)
        return scores, ids

    def _search(
        self,
        Q: object,
        k: SupportsIndex,
        oversample: float | Literal["auto"],
        filter: Filter = None,
        threads: SupportsIndex | None = None,
        version: SupportsIndex | None = None,
        effort: SupportsIndex | None = None,
    ) -> Nearest:
        """Search, and also return how many rows were scored again for each query, shape (nq,)."""
        n_results = as_count(k, "k", 0)
        ratio = as_oversample(oversample)
        return self._core.search(
            Q,
            n_results,
            None if version is None else self._number(version),
            n_candidates=(
                None if ratio is None else math.ceil(min(n_results * ratio, _MOST_CANDIDATES))
            ),
            filter=as_filter(filter),
            threads=as_threads(threads),
            effort=as_effort(effort, "effort"),
        )

    def _to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        meta: dict[str, Any] = {
            "kind": self._kind,
            "similarity": self.similarity,
            "rescore": self._rescore,
        }
        if self._options:
            meta["options"] = self._options
        if self._residuals:
            meta["residuals"] = True
        stored = [version.to_stored() for version in self._core.versions]
        if len(stored) == 1:
            return meta | stored[0][0], stored[0][1]
        sections: dict[str, npt.NDArray[Any]] = {}
        for number, (_, arrays) in enumerate(stored):
            sections |= nest(f"versions/{number}", arrays)
        return {**meta, "versions": [part for part, _ in stored]}, sections

    @classmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
    ) -> Self:
        stored = [(meta, sections)]
        if "versions" in meta:
            stored = [
                (part, unnest(f"versions/{number}", sections))
                for number, part in enumerate(meta["versions"])
            ]
        if not stored:
            raise ValueError("field 'versions' must not be empty")
        binarizers = [stored_binarizer(*part, mapped) for part in stored]
        options = meta.get("options", {})
        residuals = meta.get("residuals", False)
        index = cls(
            binarizers[0],
            meta["kind"],
            meta["similarity"],
            meta["rescore"],
            residuals=residuals,
            **options,
        )
        if residuals:
            index._lists = ResidualLists.from_stored(
                meta["lists"], unnest("lists", sections), binarizers[0], index._similarity
            )
        for binarizer in binarizers[1:]:
            index.add_version(binarizer)
        for version, part in zip(index._core.versions, stored, strict=True):
            version.restore(*part)
        index._core.check()
        index._mapped = mapped
        return index

    def _check_content(self) -> None:
        for version in self._core.versions:
            version.core.check_content()
