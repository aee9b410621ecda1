"""Replace a file as a whole or not at all."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from bitindex.storage.paths import refuse_special_file
from bitindex.storage.temporary import remove_abandoned, temporary_file

# What a file system says that cannot open or sync a directory; the file itself is safe by then.
_CANNOT_SYNC_DIRECTORY = {errno.EACCES, errno.EINVAL, errno.ENOTSUP}


@contextmanager
def replace_file(path: str) -> Iterator[FileIO]:
    """Yield an empty unbuffered file that takes the place of `path` when the block ends well.

    The block writes a temporary file in the same directory (its name starts with "." and ends with
    ".tmp"). At the end it is synced to disk and renamed over `path`; until then, and after any
    exception, `path` holds what it held, and an exception removes the temporary file. One that a
    killed process has left in the directory is removed first, whichever file it was for. Readers
    and mappings of the old file keep seeing the old file.

    A symbolic link stays a link, and its target is replaced. The mode bits of an existing file are
    kept; a new file follows the umask. Owner, access lists and hard links are not kept.

    Parameters
    ----------
    path : str
        Where the file shall stand.

    Raises
    ------
    OSError
        If `path` is a directory, a special file or a file without write permission, or if a step
        of writing fails (permission, full disk, file size limit).
    """
    existing_mode = _existing_mode(path)
    target = Path(path).resolve()
    directory = target.parent
    directory.stat()  # Names the missing directory instead of the temporary file.
    remove_abandoned(directory)
    creation_mode = 0o666 if existing_mode is None else existing_mode & 0o777
    with temporary_file(directory, creation_mode) as file:
        yield file
        temporary = Path(file.name)
        if existing_mode is not None:
            temporary.chmod(existing_mode)
        os.fsync(file.fileno())
        file.close()
        temporary.replace(target)
    sync_directory(directory)


def write_all(file: FileIO, data: bytes | memoryview) -> None:
    """Write all of `data`; an unbuffered file may take it in parts."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _existing_mode(path: str) -> int | None:
    """Return the permission bits of the file that `path` leads to, None where there is none."""
    if Path(path).name != os.path.basename(path):  # noqa: PTH119
        # "name/" and "name/." ask for a directory; pathlib would silently drop the ending.
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        return None
    refuse_special_file(path, mode)
    # Renaming would succeed over a write-protected file, which no one expects of a save.
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    return stat.S_IMODE(mode)


def sync_directory(directory: Path) -> None:
    """Make the new name of a renamed file survive a power cut."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_DIRECTORY:
            raise
