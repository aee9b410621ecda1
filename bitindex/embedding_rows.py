"""The rows of an index over embeddings: what adds, changes and gives them back."""

from __future__ import annotations

from typing import Any, Literal, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex._border import as_bool, as_choice, as_ids, as_version
from bitindex.binarize import Binarizer
from bitindex.embedding_version import EmbeddingVersion, EncodedRows
from bitindex.embeddings import EmbeddingSource
from bitindex.index import EMBEDDING_KINDS
from bitindex.index.rows import RowIndex
from bitindex.rescoring import VECTOR_TYPES
from bitindex.residuals import ResidualLists
from bitindex.similarity import SIMILARITIES
from bitindex.versioned_rows import VersionedRows


class EmbeddingRows(RowIndex[VersionedRows]):
    """Rows with ids that are embeddings of one or several versions of a model."""

    def __init__(
        self,
        binarizer: Binarizer,
        kind: str = "flat",
        similarity: Literal["cosine", "dot", "l2"] = "cosine",
        rescore: Literal["int8", "float16", "float32"] | None = None,
        residuals: bool = False,
        **options: Any,
    ) -> None:
        _check_binarizer(binarizer)
        self._first_binarizer = binarizer
        self._kind = as_choice(kind, tuple(EMBEDDING_KINDS), "kind")
        self._options = EMBEDDING_KINDS[self._kind].check_options(**options)
        self._similarity = SIMILARITIES[as_choice(similarity, tuple(SIMILARITIES), "similarity")]
        self._rescore = (
            None if rescore is None else as_choice(rescore, tuple(VECTOR_TYPES), "rescore")
        )
        self._residuals = as_bool(residuals, "residuals")
        if self._residuals and self._kind != "ivf":
            raise ValueError(f"residuals=True needs kind='ivf', got kind={self._kind!r}")
        self._lists: ResidualLists | None = None
        super().__init__()
        if hasattr(binarizer, "n_bits_") and not self._residuals:
            self._core_or_none = self._new_core()

    def _new_core(self) -> VersionedRows:
        if not self._residuals:
            return VersionedRows(self._new_version(self._first_binarizer))
        if self._lists is None:
            raise ValueError("residuals=True needs fit(X) first, which learns the centroids")
        return VersionedRows(EmbeddingVersion.of_residuals(self._lists, self._rescore))

    def _new_version(self, binarizer: Binarizer) -> EmbeddingVersion:
        return EmbeddingVersion.empty(
            binarizer, self._kind, self._similarity, self._rescore, self._options
        )

    @property
    def binarizer(self) -> Binarizer:
        """The newest version's. It must not be fitted again while the index holds rows."""
        return self.versions[-1]

    @property
    def versions(self) -> tuple[Binarizer, ...]:
        """The binarizers of all versions by their numbers, the oldest first."""
        if self._core_or_none is None:
            return (self._first_binarizer,)
        return tuple(version.binarizer for version in self._core_or_none.versions)

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
    def residuals(self) -> bool:
        """Whether codes are of what is left of rows without the centroids of their lists."""
        return self._residuals

    @property
    def bytes_per_vector(self) -> int:
        """Bytes that a row of the newest version takes: code, factors, vector, without its id."""
        return self._core.versions[-1].bytes_per_vector

    def add_version(self, binarizer: Binarizer) -> int:
        """Make a binarizer for embeddings of a new model the newest version.

        From then on :meth:`add`, :meth:`update` and :meth:`search` take embeddings of the new
        model. Rows that are there stay as they are and are found, until :meth:`upgrade` brings
        them to the newest version.

        Parameters
        ----------
        binarizer : Binarizer
            Fitted on embeddings of the new model, and compatible: its queries can search the
            codes of every version that has rows (see :meth:`Binarizer.can_search`). Dimensions
            and bits may differ from those of the versions before. With ``similarity="cosine"``,
            fit it on rows of length 1.

        Returns
        -------
        int
            The number of the new version: the first binarizer of an index is version 0.

        Raises
        ------
        TypeError
            If it is no binarizer.
        ValueError
            If it is not fitted, not compatible, or a version already; if the index rescores, keeps
            residuals, is memory-mapped, or has another similarity than the cosine. Nothing is
            changed then.

        Notes
        -----
        Lengths and distances in the spaces of two models have no scale in common, which cosines
        have; nor can a query be compared with a vector of another space, so there is nothing that
        could be scored again.

        A version without rows that the new one cannot search stays, and takes no rows any more.
        """
        _check_binarizer(binarizer)
        if self._rescore is not None:
            raise ValueError(
                "several versions need an index with rescore=None, because vectors of two models "
                f"cannot be compared, got rescore={self._rescore!r}"
            )
        if self._residuals:
            raise ValueError(
                "several versions need an index with residuals=False, because a query has no "
                "similarity to the centroids of another model"
            )
        if self.similarity != "cosine":
            raise ValueError(
                "several versions need similarity='cosine', because lengths in the spaces of two "
                f"models have no common scale, got similarity={self.similarity!r}"
            )
        rows = self._core
        version = self._new_version(binarizer)
        with self._writing():
            if any(binarizer is old for old in self.versions):
                raise ValueError(f"{binarizer!r} is a version of this index already")
            return rows.append(version)

    def add(
        self,
        X: EmbeddingSource,
        ids: object = None,
        version: SupportsIndex | None = None,
        *,
        progress: bool | None = None,
    ) -> npt.NDArray[np.int64]:
        """Encode and add embeddings.

        Parameters
        ----------
        X : array of floats, shape (n, d)
            Any float dtype; also torch tensors, anything with DLPack or ``__array__``, the path of
            a ``.npy`` file (mapped, not loaded), or an iterator of batches.
        ids : array of integers, shape (n,), optional
            Distinct ids from 0 to 2**63 - 2 that are not in the index, in no version. Default: the
            next free integers.
        version : int, optional
            Which version's embeddings X are. Default: the newest.
        progress : bool, optional
            Show a progress bar. Default: on a terminal, if it takes longer than a second.

        Returns
        -------
        ndarray of int64, shape (n,)
            The ids of the new rows.

        Raises
        ------
        TypeError, ValueError
            If X, ids or version are not as described, or an id is taken; nothing is added then.
        """
        number = self._number(version)
        columns = self._core.versions[number].encode(X, progress)
        return self._add_rows(ids, columns, version=number)

    def update(self, ids: object, X: EmbeddingSource, version: SupportsIndex | None = None) -> None:
        """Replace the embeddings of ids that are in the index.

        Parameters
        ----------
        ids : array of integers, shape (n,)
            Distinct ids, of any version.
        X : array of floats, shape (n, d)
            Their new embeddings, as :meth:`add` takes them.
        version : int, optional
            Which version's embeddings X are; the rows belong to it from then on. Default: the
            newest.

        Raises
        ------
        KeyError
            If an id is not in the index; the message names it. Nothing is changed then.
        TypeError, ValueError
            As :meth:`add`.
        """
        number = self._number(version)
        columns = self._core.versions[number].encode(X, False)
        self._update_rows(ids, columns, version=number)

    def upgrade(self, ids: object, X_new: EmbeddingSource, *, progress: bool | None = None) -> None:
        """Bring rows to the newest version, while searches go on.

        Parameters
        ----------
        ids : array of integers, shape (n,)
            Distinct ids that are in the index, of any version; a row of the newest is encoded
            again.
        X_new : array of floats, shape (n, d), .npy path, or iterator of batches
            The newest model's embeddings of these rows.
        progress : bool, optional
            Show a progress bar. Default: on a terminal, if it takes longer than a second.

        Raises
        ------
        KeyError
            If an id is not in the index; the message names it. Nothing is changed then.
        TypeError, ValueError
            As :meth:`add`.

        Notes
        -----
        Searches wait only while encoded rows are put in, not while they are encoded, and find
        each row once: all as they were before, or all as they are afterwards. Upgrade some
        thousands of rows at a time; :meth:`versions_of` tells which are left.
        """
        number = self._core.newest
        columns = self._core.versions[number].encode(X_new, progress)
        self._update_rows(ids, columns, version=number)

    def versions_of(self, ids: object) -> npt.NDArray[np.int64]:
        """Return the number of the version that each row is in.

        Parameters
        ----------
        ids : array of integers, shape (n,)

        Returns
        -------
        ndarray of int64, shape (n,)

        Raises
        ------
        KeyError
            If an id is not in the index; the message names it.
        TypeError, ValueError
            If ids are no integers of shape (n,).
        """
        return self._core.versions_of(as_ids(ids))

    def get(self, ids: object) -> npt.NDArray[np.uint8]:
        """Return the packed codes of rows of one version.

        Parameters
        ----------
        ids : array of integers, shape (n,)

        Returns
        -------
        ndarray of uint8, shape (n, ceil(n_bits / 8))

        Raises
        ------
        KeyError
            If an id is not in the index; the message names it.
        TypeError, ValueError
            If ids are no integers of shape (n,), or of several versions, whose codes differ in
            width and meaning.
        """
        return super().get(ids)

    def _encode(self, X: EmbeddingSource, progress: bool | None = None) -> EncodedRows:
        """Return what the newest version keeps of embeddings, without adding them."""
        return self._core.versions[-1].encode(X, progress)

    def _add_encoded(self, ids: npt.NDArray[np.int64], rows: EncodedRows) -> None:
        """Add what :meth:`_encode` has returned."""
        self._add_rows(ids, rows, version=self._core.newest)

    def _number(self, version: SupportsIndex | None) -> int:
        rows = self._core
        return rows.newest if version is None else as_version(version, len(rows.versions))


def _check_binarizer(binarizer: object) -> None:
    if not isinstance(binarizer, Binarizer):
        raise TypeError(
            f"binarizer must be a Binarizer such as SignBinarizer(), got {type(binarizer).__name__}"
        )
