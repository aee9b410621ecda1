"""What a collection tells of its documents, to its writer and to readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex

from bitindex._border import as_bool
from bitindex.collection.allowed_rows import AllowedRows
from bitindex.collection.directory import DATABASE, IMAGE, WRITER_LOCK
from bitindex.collection.documents import (
    Document,
    DocumentId,
    Hit,
    as_document_id,
    as_document_ids,
)
from bitindex.collection.live_index import LiveIndex
from bitindex.collection.snapshot import Snapshot
from bitindex.collection.truth import Truth
from bitindex.collection.where import Condition, condition_of
from bitindex.collection.writer_lock import WriterLock
from bitindex.storage.paths import path_text

if TYPE_CHECKING:
    from typing_extensions import Self

_IDS_AT_ONCE = 10_000


class StoredDocuments:
    """Documents that are read from a directory."""

    def __init__(self, path: str | PathLike[str], read_only: bool = False) -> None:
        self._path = Path(path_text(path)).absolute()
        read_only = as_bool(read_only, "read_only")
        database = self._path / DATABASE
        database.stat()  # Names what is missing, before a file is made.
        self._writer = None if read_only else WriterLock(self._path / WRITER_LOCK, self._path)
        try:
            self._truth = Truth(database, read_only)
            self._live = LiveIndex(self._path / IMAGE, self._truth)
        except BaseException:
            self._release()
            raise
        self._allowed = AllowedRows()

    def _release(self) -> None:
        if hasattr(self, "_truth"):
            self._truth.close()
        if self._writer is not None:
            self._writer.release()

    @property
    def path(self) -> Path:
        """The directory."""
        return self._path

    @property
    def read_only(self) -> bool:
        """Whether it was opened for reading only."""
        return self._writer is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; calls that run finish, later ones are refused."""
        self._release()

    def __len__(self) -> int:
        with self._truth.snapshot() as snapshot:
            return snapshot.n_documents

    def __contains__(self, id: object) -> bool:
        asked = as_document_id(id)
        with self._truth.snapshot() as snapshot:
            return bool(snapshot.rows_of([asked]))

    def __iter__(self) -> Iterator[DocumentId]:
        # Up to where the documents end now, or whoever replaces them on the way would never end.
        with self._truth.snapshot() as snapshot:
            rows = range(snapshot.position.next_row)
        while rows:
            with self._truth.snapshot() as snapshot:
                found = snapshot.ids_of(rows, _IDS_AT_ONCE)
            for _, name in found:
                yield name
            rows = range(found[-1][0] + 1, rows.stop) if found else range(0)

    def count(self, where: Mapping[str, Any] | None = None) -> int:
        """Return how many documents there are that a filter allows.

        Parameters
        ----------
        where : dict, optional
            As in :meth:`search`. Default: all.

        Returns
        -------
        int

        Raises
        ------
        TypeError, ValueError
            If it is no filter.
        OSError
            If the files cannot be read.
        """
        condition = _condition(where)
        with self._truth.snapshot() as snapshot:
            return snapshot.n_documents if condition is None else snapshot.count_where(condition)

    def get(self, ids: Sequence[DocumentId]) -> list[Document]:
        """Return documents by their ids.

        Parameters
        ----------
        ids : list of str and int

        Returns
        -------
        list of Document
            With `id`, `text` and `metadata`, in the order of the ids.

        Raises
        ------
        KeyError
            If an id is not in the collection; the message names it.
        TypeError, ValueError
            If ids are not distinct str and int.
        OSError
            If the files cannot be read.
        """
        asked = as_document_ids(ids)
        with self._truth.snapshot() as snapshot:
            rows = snapshot.rows_of(asked)
            documents = snapshot.documents(list(rows.values()))
        for name in asked:
            if name not in rows:
                raise KeyError(f"id {name!r} is not in the collection")
        return [documents[rows[name]] for name in asked]

    def search(
        self,
        Q: object,
        k: SupportsIndex = 10,
        where: Mapping[str, Any] | None = None,
        oversample: float | Literal["auto"] = 4,
        threads: SupportsIndex | None = None,
        effort: SupportsIndex | None = None,
    ) -> list[list[Hit]]:
        """Find the k most similar documents of each query.

        Parameters
        ----------
        Q : array of floats, shape (nq, d)
            One query a row; one dimension is one query.
        k : int
            Documents per query, >= 0.
        where : dict, optional
            Which documents may be found, by their metadata. ``{"year": 1990}``: the field equals;
            a list: it equals one of these; ``{"year": {"$gte": 1990}}``: with the operators `$eq`,
            `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$exists` and `$not`; a dict of
            fields asks about an object. All items must hold; `$and` and `$or` take lists of
            filters, `$not` takes one. See Notes.
        oversample, threads, effort
            As in :meth:`EmbeddingIndex.search`.

        Returns
        -------
        list of lists of Hit
            For each query its documents with `id`, `score`, `text` and `metadata`, the most similar
            first; ties go to the document that was written first. Fewer than k where no more are
            allowed.

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type, shape or value.
        OSError
            If the files cannot be read.

        Notes
        -----
        It finds what was committed when it began, by this process or another one. Thread safe; the
        GIL is released while codes are scanned.

        Values are compared as in Python, where True equals 1; a number and a string are never
        equal, nor before or after one another. A field that is missing, or holds a list or an
        object, is equal to nothing, so `$ne` and `$nin` hold of it; None is equal to None alone,
        which a missing field is not. Names with dots are names.

        Cost: what a filter allows is found once, by looking at all documents or with
        :meth:`Collection.create_field_index` at few, and kept for the next search with the same
        filter.
        """
        condition = _condition(where)
        while True:
            with self._truth.snapshot() as snapshot:
                allowed = None if condition is None else self._allowed.of(condition, snapshot)
                with self._live.at(snapshot) as index:
                    if index is not None:
                        scores, rows = index.search(
                            Q, k, oversample, allowed, threads, effort=effort
                        )
                # Where the index was ahead, because another thread has seen a later commit, the
                # next snapshot sees it too.
                if index is not None:
                    return _hits(snapshot, scores.tolist(), rows.tolist())

    def __repr__(self) -> str:
        mode = ", read_only=True" if self.read_only else ""
        if self._truth.closed:
            return f"{type(self).__name__}({str(self._path)!r}{mode}), closed"
        return f"{type(self).__name__}({str(self._path)!r}{mode}) with {len(self):,} documents"


def _condition(where: object) -> Condition | None:
    return None if where is None else condition_of(where)


def _hits(snapshot: Snapshot, scores: list[list[float]], rows: list[list[int]]) -> list[list[Hit]]:
    documents = snapshot.documents(sorted({row for found in rows for row in found if row >= 0}))
    hits = []
    for query_scores, found in zip(scores, rows, strict=True):
        of_query = []
        for score, row in zip(query_scores, found, strict=True):
            if row >= 0:
                document = documents[row]
                of_query.append(Hit(document.id, score, document.text, document.metadata))
        hits.append(of_query)
    return hits
