"""Connections to one database, lent to one call at a time.

A process must not fork while it has a database of SQLite open: the child would take the locks of
its parent for its own. So a fork waits until running calls have given their connections back, and
closes them; parent and child open new ones when they need them. No call may keep a connection
between two steps of the caller's program, or a fork in between would wait for ever.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Connections:
    """Connections that are made when needed, and kept for the next call.

    Parameters
    ----------
    connect : callable
        Returns a new connection that any thread may use.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._idle: list[sqlite3.Connection] = []
        self._n_lent = 0
        self._closed = False
        self._changed = threading.Condition()
        _all_connections.add(self)

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for this block alone; an error closes it, and rolls back with that."""
        with self._changed:
            if self._closed:
                raise ValueError("the collection is closed")
            connection = self._idle.pop() if self._idle else None
            self._n_lent += 1
        try:
            if connection is None:
                connection = self._connect()
            yield connection
        except BaseException:
            if connection is not None:
                connection.close()
                connection = None
            raise
        finally:
            self._take_back(connection)

    def _take_back(self, connection: sqlite3.Connection | None) -> None:
        with self._changed:
            self._n_lent -= 1
            if connection is not None:
                self._idle.append(connection)
            if self._closed:
                self._close_idle()
            self._changed.notify_all()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @property
    def closed(self) -> bool:
        """Whether no connection is lent any more."""
        return self._closed

    def close(self) -> None:
        """Close all connections, those that are lent when they come back."""
        with self._changed:
            self._closed = True
            self._close_idle()

    def before_fork(self) -> None:
        """Close all connections, and lend none until the fork is done."""
        self._changed.acquire()
        self._changed.wait_for(lambda: self._n_lent == 0)
        self._close_idle()

    def after_fork_in_parent(self) -> None:
        """Lend connections again."""
        self._changed.release()

    def after_fork_in_child(self) -> None:
        """Start over; the threads that wait for this lock are not in the child."""
        self._changed = threading.Condition()


_all_connections: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking = threading.local()


def _before_fork() -> None:
    _forking.stopped = list(_all_connections)
    for connections in _forking.stopped:
        connections.before_fork()


def _after_fork_in_parent() -> None:
    for connections in _forking.stopped:
        connections.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for connections in _forking.stopped:
        connections.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
