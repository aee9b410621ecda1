"""The rows of an index over embeddings: what adds, changes and gives them back."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex._border import as_ids, as_version
from bitindex.embedding_recipe import EmbeddingRecipe
from bitindex.embedding_version import EncodedRows
from bitindex.embeddings import EmbeddingSource


class EmbeddingRows(EmbeddingRecipe):
    """Rows with ids that are embeddings of one or several versions of a model."""

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
