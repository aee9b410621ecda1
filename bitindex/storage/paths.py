"""Which paths may be read and written."""

import errno
import os
import stat
from io import BufferedReader
from typing import Any


def path_text(path: str | os.PathLike[str]) -> str:
    """Return `path` as a string; TypeError for bytes, file descriptors and everything else."""
    if isinstance(path, str | os.PathLike):
        text: Any = os.fspath(path)
        if isinstance(text, str):
            return text
    raise TypeError(f"path must be a str or an os.PathLike of str, got {type(path).__name__}")


def refuse_special_file(path: str, mode: int) -> None:
    """Raise OSError unless `mode` (the `st_mode` of `path`) is that of a regular file."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file", path)


def open_regular_file(path: str) -> BufferedReader:
    """Open a regular file for reading; OSError for a directory, FIFO, socket or device."""

    def open_without_waiting(name: str, flags: int) -> int:
        # Opening a FIFO would otherwise wait for a writer that may never come.
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    file = open(path, "rb", opener=open_without_waiting)  # noqa: SIM115
    try:
        refuse_special_file(path, os.fstat(file.fileno()).st_mode)
    except BaseException:
        file.close()
        raise
    return file
