"""The directory of a collection."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bitindex.storage.atomic import sync_directory

DATABASE = "documents.sqlite3"
IMAGE = "index.bitx"
WRITER_LOCK = "writer.lock"


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty directory that becomes `path` when the block ends well, or goes.

    Its files are synced to disk first, so that the directory is there whole or not at all.

    Raises
    ------
    FileExistsError
        If there is something at `path` that is no empty directory.
    OSError
        If a step fails.
    """
    if (path.is_symlink() or path.exists()) and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    path.parent.stat()  # Names what is missing.
    temporary = path.parent / f".{path.name}-{secrets.token_hex(8)}.tmp"
    temporary.mkdir()
    made = temporary
    try:
        yield temporary
        for file in temporary.iterdir():
            _sync_file(file)
        sync_directory(temporary)
        made = temporary.rename(path)
        sync_directory(path.parent)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def _sync_file(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
