"""The durable home of an application's documents."""

from __future__ import annotations

import shutil
from contextlib import suppress
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from bitindex.binarize import Binarizer
from bitindex.collection.check import problems_of
from bitindex.collection.directory import DATABASE, IMAGE, new_directory
from bitindex.collection.image import index_to_bytes
from bitindex.collection.schema import copy_database, create_database
from bitindex.collection.written_documents import WrittenDocuments
from bitindex.embedding_index import EmbeddingIndex
from bitindex.storage.paths import path_text

if TYPE_CHECKING:
    from typing_extensions import Self


class Collection(WrittenDocuments):
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
    changed. One case nobody can know: where a disk fails while it syncs a commit, and ever after,
    the call raises OSError, and the change may be there all the same, whole. Threads may share a
    collection, searches run together and beside a writer. A forked child may read; it finds its own
    way to the files.

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
            If it cannot be made; then nothing is left there. If it was made and cannot be opened,
            it is there, without documents.
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
        with self._writing.lock:
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
