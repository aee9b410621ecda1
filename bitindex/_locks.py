"""The lock of writers."""

from __future__ import annotations

import os
import threading
import weakref


class WriteLock:
    """A lock that a forked child finds open, since the thread that held it is not in the child.

    Attributes
    ----------
    lock : threading.Lock
        To be used in a ``with`` statement, and not by methods of this class: Python looks for
        signals between their instructions, and Ctrl-C after the lock is taken and before the block
        begins would leave it taken for ever.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        _locks.add(self)

    def open_in_child(self) -> None:
        """Start over; for a process with one thread."""
        self.lock = threading.Lock()


_locks: weakref.WeakSet[WriteLock] = weakref.WeakSet()


def _open_all_in_child() -> None:
    for lock in _locks:
        lock.open_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_all_in_child)
