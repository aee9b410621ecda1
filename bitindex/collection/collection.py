"""The durable home of an application's documents."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bitindex._locks import WriteLock
from bitindex.binarize import Binarizer
from bitindex.collection.check import problems_of
from bitindex.collection.directory import DATABASE, IMAGE, new_directory
from bitindex.collection.documents import (
    DocumentId,
    as_document_ids,
    as_metadata,
    as_text,
    as_texts,
)
from bitindex.collection.image import index_to_bytes
from bitindex.collection.metadata import metadata_text
from bitindex.collection.schema import copy_database, create_database
from bitindex.collection.stored_documents import StoredDocuments
from bitindex.collection.where import field_value
from bitindex.embedding_index import EmbeddingIndex
from bitindex.embeddings import EmbeddingSource
from bitindex.storage.paths import path_text

if TYPE_CHECKING:
    from typing_extensions import Self

# An image is written when so many rows have come and gone since the last one, so that opening has
# few of them to read from the database, and each row is written a few times at most.
_CHANGES_BEFORE_IMAGE = 50_000
_SHARE_BEFORE_IMAGE = 1 / 4
_SHARE_AT_CLOSE = 1 / 100


class Collection(StoredDocuments):
    """Documents with embeddings, kept in a directory; made by :meth:`create` or :meth:`open`.

    Parameters
    ----------
    path : str or path
        The directory of an existing collection.
    read_only : bool
        False: to be the one writer that a collection may have at a time, in all processes.

    Raises
    ------
    FileNotFoundError
        If there is none.
    BlockingIOError
        If another writer has it open.
    OSError
        If its files cannot be read or are damaged.
    TypeError
        If an argument has a wrong type.

    Notes
    -----
    A document has an id (str or int), an embedding, a text or None, and metadata: a dict of JSON
    values. Of the embedding its code is kept, and the vector that the index may rescore with.

    What writes is a transaction: when the call returns, what it has written is on the disk, and
    every process finds it in the calls that it begins afterwards; when it raises, nothing has
    changed. Threads may share a collection, searches run together and beside a writer. A forked
    child may read; it finds its own way to the files.

    Copy the directory by :meth:`backup`: a copy by other means is right only while nobody has it
    open.

    Examples
    --------
    >>> import tempfile
    >>> import bitindex as bi
    >>> data = bi.datasets.load_scifact()
    >>> index = bi.EmbeddingIndex(bi.SignBinarizer().fit(data.doc_embeddings), rescore="int8")
    >>> directory = tempfile.TemporaryDirectory()
    >>> with bi.Collection.create(f"{directory.name}/abstracts", index) as collection:
    ...     collection.add(
    ...         data.doc_ids,
    ...         data.doc_embeddings,
    ...         texts=data.titles,
    ...         metadata=[{"words": len(text.split())} for text in data.texts],
    ...     )
    ...     hits = collection.search(data.query_embeddings[38], k=2, where={"words": {"$lt": 300}})
    >>> for hit in hits[0]:
    ...     print(f"{hit.score:.3f}", hit.text)
    0.759 Role of birthweight in the etiology of breast cancer.
    0.663 Breast cancer and obesity: an update.
    >>> directory.cleanup()
    """

    def __init__(self, path: str | PathLike[str], read_only: bool = False) -> None:
        super().__init__(path, read_only)
        self._writing = WriteLock()

    @classmethod
    def create(cls, path: str | PathLike[str], index: EmbeddingIndex | Binarizer) -> Self:
        """Make a collection without documents, and open it for writing.

        Parameters
        ----------
        path : str or path
            The directory to make; it may be there if it is empty.
        index : EmbeddingIndex or Binarizer
            An index without rows, whose kind, similarity and rescoring the collection takes over;
            of a binarizer ``EmbeddingIndex(binarizer)`` is made. Fitted.

        Returns
        -------
        Collection

        Raises
        ------
        FileExistsError
            If there is something at `path` already.
        OSError
            If it cannot be made; then nothing is left there.
        TypeError, ValueError
            If the index is none, has rows, is not fitted or has several versions.
        """
        directory = Path(path_text(path)).absolute()
        recipe = index_to_bytes(_as_empty_index(index))
        with new_directory(directory) as temporary:
            create_database(temporary / DATABASE, recipe)
        return cls(directory)

    @classmethod
    def open(cls, path: str | PathLike[str], read_only: bool = False) -> Self:
        """Open a collection, for writing or for reading only.

        Parameters
        ----------
        path : str or path
        read_only : bool
            False: to be the one writer that a collection may have at a time, in all processes.

        Returns
        -------
        Collection

        Raises
        ------
        FileNotFoundError
            If there is none.
        BlockingIOError
            If another writer has it open.
        OSError
            If its files cannot be read or are damaged.
        TypeError
            If an argument has a wrong type.

        Warns
        -----
        RuntimeWarning
            If the image of the index is damaged: it is made again from the documents.
        """
        return cls(path, read_only)

    def close(self) -> None:
        """Close the files; running calls finish first, and later ones are refused."""
        if self._writer is not None and self._writer.is_mine() and not self._truth.closed:
            with self._writing, suppress(OSError):  # it costs time at the next opening, no more
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
        with self._writing:
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
        with self._writing, self._truth.change() as change:
            change.add_field_index(field_value(path))

    def compact(self) -> None:
        """Give back the space of documents that have gone, and write the image of the index.

        Takes the time of copying the database, and as much space again until it is done. Searches
        go on meanwhile.

        Raises
        ------
        OSError
            If the disk is full or fails. The documents are as they were then.
        ValueError
            If the collection is read-only.
        """
        self._check_writer()
        with self._writing:
            with self._truth.snapshot() as snapshot:
                self._live.save(snapshot)
            with self._truth.connection() as connection:
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def backup(self, path: str | PathLike[str]) -> None:
        """Copy the collection as it is now, while searches and writes go on.

        Parameters
        ----------
        path : str or path
            The directory to make; it may be there if it is empty. It is there whole or not at all.

        Raises
        ------
        FileExistsError
            If there is something at `path` already.
        OSError
            If the disk is full or fails.
        TypeError
            If the path is none.
        """
        with new_directory(Path(path_text(path)).absolute()) as temporary:
            with self._truth.connection() as connection:
                copy_database(connection, temporary / DATABASE)
            with suppress(FileNotFoundError):
                # If it has changed since, it is not known to the copy, which makes its own.
                shutil.copyfile(self._path / IMAGE, temporary / IMAGE)

    def check(self) -> list[str]:
        """Look at every byte, and compare what is kept twice.

        Returns
        -------
        list of str
            What is wrong; empty if all is well. Damage of the image of the index is mended when the
            collection is opened or :meth:`compact` is called, other damage by a backup.

        Raises
        ------
        OSError
            If the files cannot be read at all.
        """
        return problems_of(self._path / IMAGE, self._truth, self._live)

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
        with self._writing:
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


def _as_empty_index(index: object) -> EmbeddingIndex:
    if isinstance(index, Binarizer):
        index = EmbeddingIndex(index)
    if not isinstance(index, EmbeddingIndex):
        raise TypeError(
            f"index must be an EmbeddingIndex or a Binarizer, got {type(index).__name__}"
        )
    if len(index) > 0:
        raise ValueError(f"index must have no rows, got {len(index)}: add them to the collection")
    if len(index.versions) > 1:
        raise ValueError(f"index must have one version, got {len(index.versions)}")
    return index
