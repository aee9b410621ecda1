"""Errors of SQLite, as errors of files."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What SQLite's messages contain, because before Python 3.11 its errors have no code.
_CAUSES = (
    ("is full", errno.ENOSPC),
    ("locked", errno.EAGAIN),
    ("readonly", errno.EACCES),
    ("unable to open", errno.EACCES),
)


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Raise errors of SQLite as OSError that names the file."""
    try:
        yield
    except sqlite3.DataError as error:
        raise ValueError(f"a text or its metadata is too long for a database: {error}") from error
    except UnicodeDecodeError as error:  # in a message about a damaged file
        raise OSError(errno.EIO, "database is damaged", str(path)) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.ProgrammingError):
            raise
        codes = (code for text, code in _CAUSES if text in str(error))
        # The rest is damage ("malformed", "not a database", "no such table") or a failing disk.
        raise OSError(next(codes, errno.EIO), str(error), str(path)) from error
