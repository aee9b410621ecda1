"""What the writer of a collection does with documents."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from os import PathLike
from typing import Any

from bitindex._locks import WriteLock
from bitindex.collection.documents import (
    DocumentId,
    as_document_ids,
    as_metadata,
    as_text,
    as_texts,
)
from bitindex.collection.metadata import metadata_text
from bitindex.collection.stored_documents import StoredDocuments
from bitindex.collection.where import field_value
from bitindex.embeddings import EmbeddingSource

# An image is written when so many rows have come and gone since the last one, so that opening has
# few of them to read from the database, and each row is written a few times at most.
_CHANGES_BEFORE_IMAGE = 50_000
_SHARE_BEFORE_IMAGE = 1 / 4
_SHARE_AT_CLOSE = 1 / 100


class WrittenDocuments(StoredDocuments):
    """Documents in a directory that are read and, by one writer, changed."""

    def __init__(self, path: str | PathLike[str], read_only: bool = False) -> None:
        super().__init__(path, read_only)
        self._writing = WriteLock()

    def close(self) -> None:
        """Close the files; calls that run finish, later ones are refused."""
        if self._writer is None or not self._writer.is_mine():
            super().close()
            return
        with self._writing.lock:
            if not self._truth.closed:
                with suppress(OSError):  # it costs time at the next opening, no more
                    self._save_image_after(0, _SHARE_AT_CLOSE)
            super().close()

    def add(
        self,
        ids: Sequence[DocumentId],
        embeddings: EmbeddingSource,
        texts: Sequence[str | None] | None = None,
        metadata: Sequence[dict[str, Any] | None] | None = None,
        *,
        progress: bool | None = None,
    ) -> None:
        """Add documents in one transaction.

        Parameters
        ----------
        ids : list of str and int
            Distinct ids that are not in the collection; integers have 64 bits, and 1 is another id
            than "1".
        embeddings : array of floats, shape (n, d), .npy path, or iterator of batches
            One row for each id.
        texts : list of str or None, optional
        metadata : list of dict or None, optional
            Values of JSON: None, bool, int of 64 bits, finite float, str, list, dict.
        progress : bool, optional
            Show a progress bar while encoding. Default: on a terminal, if it takes longer than a
            second.

        Raises
        ------
        ValueError, TypeError
            If an id is taken, which the message names, or an argument is not as described, or the
            collection is read-only. Nothing is added then.
        OSError
            If the disk is full or fails. Nothing is added then.

        Notes
        -----
        A transaction waits for the disk once: add thousands of documents at a time.
        """
        self._write(ids, embeddings, texts, metadata, progress, replace=False)

    def upsert(
        self,
        ids: Sequence[DocumentId],
        embeddings: EmbeddingSource,
        texts: Sequence[str | None] | None = None,
        metadata: Sequence[dict[str, Any] | None] | None = None,
        *,
        progress: bool | None = None,
    ) -> None:
        """Add documents, and replace those whose ids are in the collection, in one transaction.

        Parameters
        ----------
        ids, embeddings, texts, metadata, progress
            As in :meth:`add`. Of a document that is replaced nothing stays.

        Raises
        ------
        TypeError, ValueError, OSError
            As in :meth:`add`. Nothing is changed then.
        """
        self._write(ids, embeddings, texts, metadata, progress, replace=True)

    def delete(self, ids: Sequence[DocumentId]) -> int:
        """Delete documents in one transaction.

        Parameters
        ----------
        ids : list of str and int
            Ids that are not in the collection are passed over.

        Returns
        -------
        int
            How many documents were deleted.

        Raises
        ------
        TypeError, ValueError
            If ids are not distinct str and int, or the collection is read-only.
        OSError
            If the disk is full or fails. Nothing is deleted then.
        """
        self._check_writer()
        gone = as_document_ids(ids)
        with self._writing.lock:
            with self._truth.change() as change:
                rows = list(change.rows_of(gone).values())
                if rows:
                    change.delete(rows)
                    change.write_counts()
            self._save_image_now_and_then()
        return len(rows)

    def create_field_index(self, *field: str) -> None:
        """Make filters over a field fast that allow few documents.

        Parameters
        ----------
        *field : str
            The name of a field; several names lead into objects.

        Raises
        ------
        TypeError, ValueError
            If a name is none, or the collection is read-only.
        OSError
            If the disk is full or fails.

        Notes
        -----
        Every write keeps it up to date from then on. It is used by `$eq`, `$in`, `$gt`, `$gte`,
        `$lt` and `$lte`.
        """
        self._check_writer()
        if not field or not all(isinstance(name, str) for name in field):
            raise TypeError(f"a field must be one or more str, got {field!r}")
        path = tuple(as_text(name, "the name of a field") for name in field)
        with self._writing.lock, self._truth.change() as change:
            change.add_field_index(field_value(path))

    def _write(
        self,
        ids: object,
        embeddings: EmbeddingSource,
        texts: object,
        metadata: object,
        progress: bool | None,
        replace: bool,
    ) -> None:
        self._check_writer()
        new_ids = as_document_ids(ids)
        new_texts = as_texts(texts, len(new_ids))
        new_metadata = [metadata_text(fields) for fields in as_metadata(metadata, len(new_ids))]
        codes = self._live.encode(embeddings, progress)
        if len(codes) != len(new_ids):
            raise ValueError(
                f"embeddings must have one row for each of {len(new_ids)} ids, got {len(codes)}"
            )
        if not new_ids:
            return
        with self._writing.lock:
            with self._truth.change() as change:
                taken = change.rows_of(new_ids)
                if taken and not replace:
                    raise ValueError(f"id {next(iter(taken))!r} is already in the collection")
                change.delete(list(taken.values()))
                change.insert(new_ids, new_metadata, new_texts, codes)
                change.write_counts()
            self._save_image_now_and_then()

    def _save_image_now_and_then(self) -> None:
        with suppress(OSError):  # what was to be written is written
            self._save_image_after(_CHANGES_BEFORE_IMAGE, _SHARE_BEFORE_IMAGE)

    def _save_image_after(self, n_changes: int, share: float) -> None:
        """Write the image if more has changed since the last one than so much of the documents."""
        with self._truth.snapshot() as snapshot:
            n_since = snapshot.n_changes_since(self._live.saved)
            if n_since > max(n_changes, share * snapshot.n_documents):
                self._live.save(snapshot)

    def _check_writer(self) -> None:
        if self._writer is None:
            raise ValueError("the collection was opened with read_only=True and cannot be changed")
        self._writer.check_mine()
