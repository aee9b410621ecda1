"""What one transaction sees of the database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bitindex.collection.documents import Document, DocumentId
from bitindex.collection.metadata import metadata_fields
from bitindex.collection.seals import code_seal, document_seal, state_seal
from bitindex.collection.where import Condition

Rows = npt.NDArray[np.int64]

_ROWS_AT_ONCE = 1 << 16


class Position(NamedTuple):
    """A state of the documents: after how many changes, and which rows were there."""

    change: int
    next_row: int


class Snapshot:
    """One state of the documents, whatever others write meanwhile.

    Attributes
    ----------
    position : Position
    n_documents : int
    forgotten : int
        Deletions up to this change are not listed any more.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        state = connection.execute(
            "SELECT change, next_row, n_documents, forgotten, seal FROM state"
        ).fetchone()
        if state is None or state_seal(*state[:-1]) != state[-1]:
            raise sqlite3.DatabaseError("the state of the documents is damaged")
        change, next_row, self.n_documents, self.forgotten = map(int, state[:-1])
        self.position = Position(change, next_row)

    def recipe(self) -> bytes:
        """Return the file of the index without rows."""
        (stored,) = self._connection.execute("SELECT stored FROM recipe").fetchone()
        return bytes(stored)

    def image_position(self, name: str) -> Position | None:
        """Return which state an image of the index holds, or None if it is not of this history."""
        found = self._connection.execute(
            "SELECT change, next_row FROM images WHERE name = ?", [name]
        ).fetchone()
        return None if found is None else Position(*found)

    def n_changes_since(self, position: Position) -> int:
        """Return how many rows have come and gone since then."""
        (n_deleted,) = self._connection.execute(
            "SELECT count(*) FROM deletions WHERE change > ?", [position.change]
        ).fetchone()
        return self.position.next_row - position.next_row + int(n_deleted)

    def codes_from(self, first: int) -> Iterator[tuple[Rows, list[bytes]]]:
        """Yield rows from a number on and their codes, some at a time."""
        cursor = self._connection.execute(
            "SELECT row, code, seal FROM contents WHERE row >= ? ORDER BY row", [first]
        )
        while found := cursor.fetchmany(_ROWS_AT_ONCE):
            for row, code, seal in found:
                if not isinstance(code, bytes) or code_seal(row, code) != seal:
                    raise sqlite3.DatabaseError(f"the code of row {row} is damaged")
            yield np.array([row for row, *_ in found], np.int64), [code for _, code, _ in found]

    def deleted_since(self, change: int) -> Rows:
        """Return the rows that have gone since then."""
        return self._rows("SELECT row FROM deletions WHERE change > ?", (change,))

    def rows_where(self, condition: Condition, first: int) -> Rows:
        """Return the rows from a number on whose documents meet a condition."""
        sql = f"SELECT row FROM documents WHERE ({condition.sql})"
        if first == 0:  # without a bound, which SQLite could take for a better start than an index
            return self._rows(sql, condition.parameters)
        return self._rows(f"{sql} AND row >= ?", (*condition.parameters, first))

    def count_where(self, condition: Condition) -> int:
        """Return how many documents meet a condition."""
        (n_found,) = self._connection.execute(
            f"SELECT count(*) FROM documents WHERE {condition.sql}", condition.parameters
        ).fetchone()
        return int(n_found)

    def rows_of(self, ids: Sequence[DocumentId]) -> dict[DocumentId, int]:
        """Return the row of each id that is there."""
        found = self._connection.execute(
            "SELECT documents.id, row FROM json_each(?) AS asked "
            "CROSS JOIN documents ON documents.id = asked.value",
            [json.dumps(ids, ensure_ascii=False)],
        )
        return dict(found.fetchall())

    def documents(self, rows: Sequence[int]) -> dict[int, Document]:
        """Return the documents of rows, all of which must be there."""
        found = self._connection.execute(
            "SELECT documents.row, documents.id, metadata, text, documents.seal "
            "FROM json_each(?) AS asked "
            "CROSS JOIN documents ON documents.row = asked.value "
            "CROSS JOIN contents ON contents.row = asked.value",
            [json.dumps(rows)],
        )
        documents = {}
        for row, name, metadata, text, seal in found:
            if document_seal(row, name, metadata, text) != seal:
                raise sqlite3.DatabaseError(f"document {name!r} is damaged")
            documents[row] = Document(name, text, metadata_fields(metadata))
        if len(documents) < len(rows):
            missing = next(row for row in rows if row not in documents)
            raise sqlite3.DatabaseError(f"the document of row {missing} is missing")
        return documents

    def ids_of(self, rows: range, n: int) -> list[tuple[int, DocumentId]]:
        """Return the first rows of a range with their ids, n of them at most."""
        return self._connection.execute(
            "SELECT row, id FROM documents WHERE row >= ? AND row < ? ORDER BY row LIMIT ?",
            [rows.start, rows.stop, n],
        ).fetchall()

    def _rows(self, sql: str, parameters: Sequence[str | int]) -> Rows:
        found = self._connection.execute(sql, parameters)
        return np.fromiter((row for (row,) in found), np.int64)
