"""The database of a collection: its tables, and how it is opened."""

from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

from bitindex.collection.errors import file_errors
from bitindex.collection.seals import state_seal

# "BIXC", so that a database of another program is not taken for one of ours.
APPLICATION_ID = 0x42495843
FORMAT_VERSION = 1

# A row number stands for one state of one document, for ever: a document that is replaced gets a
# new one. So what has changed since some moment is all rows from a number on, and the deletions.
#
# What filters read is apart from the texts, which are many times as long.
_TABLES = """
CREATE TABLE state (
    change INTEGER NOT NULL,       -- how many transactions have changed documents
    next_row INTEGER NOT NULL,
    n_documents INTEGER NOT NULL,
    forgotten INTEGER NOT NULL,    -- deletions up to this change are not listed any more
    seal BLOB NOT NULL
);
CREATE TABLE documents (
    row INTEGER PRIMARY KEY,
    id NOT NULL UNIQUE,            -- TEXT or INTEGER, as it came
    metadata TEXT NOT NULL,        -- a JSON object
    seal BLOB NOT NULL             -- of the text, too
);
CREATE TABLE contents (
    row INTEGER PRIMARY KEY,
    code BLOB NOT NULL,            -- the code, its factors and the vector for rescoring
    seal BLOB NOT NULL,            -- of the code
    text TEXT
);
CREATE TABLE deletions (
    change INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (change, row)
) WITHOUT ROWID;
CREATE TABLE images (              -- of which state an image of the index is, by its name
    name TEXT NOT NULL,
    change INTEGER NOT NULL,
    next_row INTEGER NOT NULL
);
CREATE TABLE recipe (stored BLOB NOT NULL);  -- the index without rows, as a .bitx file
"""

_CACHE_KIBIBYTES = 64 << 10
_SECONDS_TO_WAIT = 60.0


def create_database(path: Path, recipe: bytes) -> None:
    """Make a database without documents."""
    with file_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.executescript(f"BEGIN; {_TABLES}")
        start = (0, 0, 0, 0)
        connection.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?)", [*start, state_seal(*start)])
        connection.execute("INSERT INTO recipe VALUES (?)", [recipe])
        connection.execute("COMMIT")


def copy_database(connection: sqlite3.Connection, path: Path) -> None:
    """Copy the state that a connection sees now to a new file."""
    with file_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as copy:
        connection.backup(copy)


def open_database(path: Path, read_only: bool) -> sqlite3.Connection:
    """Return a connection that any thread may use, one at a time.

    Raises
    ------
    OSError
        If the file is missing, damaged or unreadable, no collection, or of a version that this
        program does not know.
    """
    path.stat()  # Names what is missing.
    mode = "ro" if read_only else "rw"
    with file_errors(path):
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            timeout=_SECONDS_TO_WAIT,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
    try:
        with file_errors(path):
            _check_format(connection, path)
            # A commit is on the disk before it is acknowledged; a Mac needs more than a sync.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise OSError(errno.EINVAL, "Not the database of a collection", str(path))
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != FORMAT_VERSION:
        raise OSError(
            errno.EINVAL,
            f"Has format version {version}; this bitindex reads version {FORMAT_VERSION}",
            str(path),
        )
