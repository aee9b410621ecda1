"""Ctrl-C while SQLite works."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

# Some milliseconds of work.
_STEPS_BETWEEN = 100_000


@contextmanager
def interruptible(connection: sqlite3.Connection) -> Iterator[None]:
    """Let handlers of signals run while SQLite works, and raise what they raise.

    SQLite asks a function from time to time whether to stop. An error of that function stops it,
    but is not the one that it reports.
    """
    raised: list[BaseException] = []
    with closing(_answers(raised)) as answers:
        next(answers)
        connection.set_progress_handler(answers.__next__, _STEPS_BETWEEN)
        try:
            yield
        except sqlite3.OperationalError as error:
            if raised:
                raise raised[0] from error
            raise
        finally:
            connection.set_progress_handler(None, 0)


def _answers(raised: list[BaseException]) -> Generator[bool, None, None]:
    # Python runs handlers where a function starts or goes on. Where one starts, nothing in it could
    # catch what they raise; so this one goes on.
    while True:
        try:
            yield False
        except GeneratorExit:
            return
        except BaseException as error:
            raised.append(error)
            yield True
