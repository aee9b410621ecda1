"""The lock that makes a process the one that writes to a collection."""

from __future__ import annotations

import errno
import os
import sqlite3
import weakref
from pathlib import Path

from bitindex.collection.errors import file_errors


class WriterLock:
    """A lock on a file, which the system lifts when the process ends, however it ends.

    It is the lock of a database without content: SQLite knows how to lock a file on each system,
    and keeps apart two of one process, too.

    Parameters
    ----------
    path : Path
        The file, made if it is not there.
    collection : Path
        For the message.

    Raises
    ------
    BlockingIOError
        If another writer has it.
    OSError
        If the file cannot be made.
    """

    def __init__(self, path: Path, collection: Path) -> None:
        self._process = os.getpid()
        with file_errors(path):
            self._connection = sqlite3.connect(
                path, timeout=0, isolation_level=None, check_same_thread=False
            )
        try:
            with file_errors(path):
                self._connection.execute("PRAGMA journal_mode = OFF")
                self._connection.execute("BEGIN EXCLUSIVE")
        except BlockingIOError as error:
            self._connection.close()
            raise BlockingIOError(
                errno.EAGAIN,
                "another writer has this collection open; close it, or open with read_only=True",
                str(collection),
            ) from error
        except BaseException:
            self._connection.close()
            raise
        _all_locks.add(self)

    def is_mine(self) -> bool:
        """Tell whether this is the process that has it, and not a child of that."""
        return os.getpid() == self._process

    def check_mine(self) -> None:
        """Raise ValueError in a child of the process that has it."""
        if not self.is_mine():
            raise ValueError(
                f"process {self._process} has opened the collection for writing, and its child can "
                "only read; close it there and open it here to write"
            )

    def release(self) -> None:
        """Let another writer have it."""
        self._connection.close()


_all_locks: weakref.WeakSet[WriterLock] = weakref.WeakSet()


def _release_in_child() -> None:
    # In the child this lifts nothing but what the child remembers of its parent's locks.
    for lock in _all_locks:
        lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_in_child)
