"""Temporary files that show whether their writer is alive, and the removal of those whose is not.

A writer holds a lock on its file, which the system releases when the process ends in whatever way.
Where a file system or system has no such locks, nothing that was left behind is removed.
"""

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

HAS_LOCKS: Final = sys.platform != "win32"
if HAS_LOCKS:
    import fcntl

PREFIX: Final = ".bitindex-"
SUFFIX: Final = ".tmp"


@contextmanager
def temporary_file(directory: Path, mode: int) -> Iterator[FileIO]:
    """Yield a new unbuffered file, which is removed unless the block ends well.

    It is locked until the block ends, also where the block closes it, so that it may be closed and
    renamed there.
    """
    file = _create(directory, mode)
    # Locks belong to what both descriptors share, and so outlive the first.
    lock = os.dup(file.fileno()) if HAS_LOCKS else None
    try:
        with file:
            yield file
    except BaseException:
        Path(file.name).unlink(missing_ok=True)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def remove_abandoned(directory: Path) -> None:
    """Remove temporary files whose writers were killed; others, and errors, are passed over."""
    if not HAS_LOCKS:
        return
    found: list[Path] = []
    with suppress(OSError):  # a directory that may be written and not be read
        found += directory.glob(f"{PREFIX}*{SUFFIX}")
    for path in found:
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    path.unlink()
            finally:
                os.close(descriptor)


def _create(directory: Path, mode: int) -> FileIO:
    def create(name: str, flags: int) -> int:
        return os.open(name, flags, mode)

    while True:
        path = directory / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        file = open(path, "xb+", buffering=0, opener=create)  # noqa: SIM115
        try:
            if _locked(file):
                return file
        except BaseException:
            file.close()
            path.unlink(missing_ok=True)
            raise
        file.close()


def _locked(file: FileIO) -> bool:
    """Lock a new file; False where another process took it for abandoned before."""
    if not HAS_LOCKS:
        return True
    with suppress(OSError):  # a file system without locks
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
    return os.fstat(file.fileno()).st_nlink > 0
