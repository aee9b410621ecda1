"""How many threads a call uses where it does not say."""

from __future__ import annotations

from typing import SupportsIndex

from bitindex import _core
from bitindex._border import as_count


def get_num_threads() -> int:
    """Return the number of threads that a call uses where it does not say.

    Raises
    ------
    ValueError
        If the environment variable BITINDEX_NUM_THREADS is no positive number.
    """
    return _core.default_threads()


def set_num_threads(n_threads: SupportsIndex | None) -> None:
    """Set the number of threads that a call uses where it does not say.

    Parameters
    ----------
    n_threads : int or None
        At least 1. None goes back to the default: the environment variable BITINDEX_NUM_THREADS,
        else the CPUs that this process may use (affinity and cgroup quota).

    Raises
    ------
    TypeError, ValueError
        If it is no integer, or less than 1.
    """
    _core.set_default_threads(0 if n_threads is None else as_count(n_threads, "n_threads", 1))
