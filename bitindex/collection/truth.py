"""The database of a collection, which is the truth about its documents."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bitindex.collection.change import Change
from bitindex.collection.connections import Connections
from bitindex.collection.errors import file_errors
from bitindex.collection.interrupts import interruptible
from bitindex.collection.schema import open_database
from bitindex.collection.snapshot import Snapshot


class Truth:
    """Snapshots of the database, and changes of it.

    Parameters
    ----------
    path : Path
        The file of the database.
    read_only : bool
    """

    def __init__(self, path: Path, read_only: bool) -> None:
        self.path = path
        self._connections = Connections(lambda: open_database(path, read_only))

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection without a transaction."""
        with (
            self._connections.lent() as connection,
            file_errors(self.path),
            interruptible(connection),
        ):
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Yield the state that is the last one now."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            yield Snapshot(connection)
            connection.execute("COMMIT")

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Yield a transaction, which is on the disk when the block ends, or undone by an error."""
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield Change(connection)
            connection.execute("COMMIT")

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._connections.closed

    def close(self) -> None:
        """Close the file; running calls finish first."""
        self._connections.close()
