"""What an index over embeddings is made of: binarizers, a kind of index, a similarity."""

from __future__ import annotations

from typing import Any, Literal

from bitindex._border import as_bool, as_choice
from bitindex.binarize import Binarizer
from bitindex.embedding_version import EmbeddingVersion
from bitindex.index import EMBEDDING_KINDS
from bitindex.index.rows import RowIndex
from bitindex.rescoring import VECTOR_TYPES
from bitindex.residuals import ResidualLists
from bitindex.similarity import SIMILARITIES
from bitindex.versioned_rows import VersionedRows


class EmbeddingRecipe(RowIndex[VersionedRows]):
    """An index of one or several versions of a model, each with a binarizer of its own."""

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


def _check_binarizer(binarizer: object) -> None:
    if not isinstance(binarizer, Binarizer):
        raise TypeError(
            f"binarizer must be a Binarizer such as SignBinarizer(), got {type(binarizer).__name__}"
        )
