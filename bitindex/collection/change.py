"""One transaction that changes documents."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from bitindex.collection.documents import DocumentId
from bitindex.collection.seals import code_seal, document_seal, state_seal
from bitindex.collection.snapshot import Position, Snapshot

_ROWS_AT_ONCE = 10_000  # Ctrl-C acts between two of these


class Change(Snapshot):
    """A snapshot that can be changed; the counts in the database follow at the end."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._number = self.position.change + 1
        self._next_row = self.position.next_row

    def insert(
        self,
        ids: Sequence[DocumentId],
        metadata: Sequence[str],
        texts: Sequence[str | None],
        codes: Sequence[bytes],
    ) -> None:
        """Add documents, whose ids are not there, under new row numbers."""
        rows = range(self._next_row, self._next_row + len(ids))
        self._run_many(
            "INSERT INTO documents (row, id, metadata, seal) VALUES (?, ?, ?, ?)",
            (
                (row, name, fields, document_seal(row, name, fields, text))
                for row, name, fields, text in zip(rows, ids, metadata, texts, strict=True)
            ),
        )
        self._run_many(
            "INSERT INTO contents (row, code, seal, text) VALUES (?, ?, ?, ?)",
            (
                (row, code, code_seal(row, code), text)
                for row, code, text in zip(rows, codes, texts, strict=True)
            ),
        )
        self._next_row += len(ids)
        self.n_documents += len(ids)

    def delete(self, rows: Sequence[int]) -> None:
        """Delete the documents of rows that are there."""
        for table in ("documents", "contents"):
            self._run_many(f"DELETE FROM {table} WHERE row = ?", ([row] for row in rows))
        self._run_many(
            "INSERT INTO deletions (change, row) VALUES (?, ?)",
            ((self._number, row) for row in rows),
        )
        self.n_documents -= len(rows)

    def write_counts(self) -> None:
        """Count as a change what came before."""
        self._write_state(self._number, self._next_row, self.n_documents, self.forgotten)

    def add_image(self, name: str, position: Position) -> None:
        """Note which state an image of the index holds that is about to be written."""
        self._connection.execute("INSERT INTO images VALUES (?, ?, ?)", [name, *position])

    def forget_before(self, names: Sequence[str]) -> None:
        """Keep only these images, and the deletions since the oldest of them."""
        marks = ", ".join("?" * len(names))
        self._connection.execute(f"DELETE FROM images WHERE name NOT IN ({marks})", names)
        (oldest,) = self._connection.execute("SELECT min(change) FROM images").fetchone()
        self._connection.execute("DELETE FROM deletions WHERE change <= ?", [oldest])
        self._write_state(*self.position, self.n_documents, oldest)

    def add_field_index(self, expression: str) -> None:
        """Make an index over the values of an expression, unless it is there."""
        name = f"values of {expression}".replace('"', '""')
        self._connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON documents ({expression})')

    def _write_state(self, *numbers: int) -> None:
        self._connection.execute(
            "UPDATE state SET change = ?, next_row = ?, n_documents = ?, forgotten = ?, seal = ?",
            [*numbers, state_seal(*numbers)],
        )

    def _run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        for batch in _batches(parameters):
            self._connection.executemany(sql, batch)


def _batches(items: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _ROWS_AT_ONCE)):
        yield batch
