"""Read a .bitx file of any version."""

import os
from typing import Final

from bitindex.storage import reader_v1
from bitindex.storage.format import (
    MAGIC,
    PREAMBLE,
    PREAMBLE_CHECKSUM,
    PREAMBLE_VERSION,
    FileFormatError,
    StoredFile,
    checksum_of,
)
from bitindex.storage.paths import open_regular_file, path_text

# A new version: a module with `read`, one line here, and a golden file in tests/golden.
READERS: Final = {
    1: reader_v1.read,
}


def read_file(path: str | os.PathLike[str], mmap: bool = False, verify: bool = True) -> StoredFile:
    """Read a file and check that it holds what was written.

    Parameters
    ----------
    path : str or os.PathLike
        The file to read.
    mmap : bool, default False
        False reads each section into one fresh, writable array. True maps the file: the arrays are
        read-only, share memory between processes, and keep the mapping alive. A mapped file must
        not be changed in place (saving over it is safe: the old file lives on until unmapped).
    verify : bool, default True
        False, only with ``mmap=True``, skips the checksums of the sections, so that opening a file
        does not read it. The preamble, the header and the structure are checked always.

    Returns
    -------
    StoredFile
        The kind, the fields and the arrays.

    Raises
    ------
    TypeError
        If `path` is neither str nor os.PathLike.
    ValueError
        If ``verify=False`` comes without ``mmap=True``.
    FileFormatError
        If the file is damaged, cut short, of an unknown version, or no bitindex file.
    OSError
        If the file is missing (FileNotFoundError), a directory (IsADirectoryError), a special file,
        or cannot be read.

    Notes
    -----
    Cost: reads the file once; with ``mmap=True, verify=False`` the header only. Safe to call from
    many threads.
    """
    if not mmap and not verify:
        raise ValueError("verify=False needs mmap=True: what is read into memory is always checked")
    name = path_text(path)
    with open_regular_file(name) as file:
        try:
            preamble = file.read(PREAMBLE.size)
            version = _checked_version(preamble)
            return READERS[version](file, preamble, mmap, verify)
        except FileFormatError as error:
            # The readers know no path; every message gets it here.
            raise FileFormatError(f"{name}: {error}") from error.__cause__


def _checked_version(preamble: bytes) -> int:
    """Return the version of a file from the first 64 bytes of it."""
    if not preamble:
        raise FileFormatError("is not a bitindex file: it is empty")
    if not preamble.startswith(MAGIC):
        if preamble[1:4] == MAGIC[1:4]:
            raise FileFormatError(
                "was changed by a transfer as text, or damaged: the first bytes must be "
                f"{MAGIC!r}, got {preamble[: len(MAGIC)]!r}"
            )
        raise FileFormatError("is not a bitindex file")
    if len(preamble) < PREAMBLE.size:
        raise FileFormatError(
            f"is cut short: the preamble has {PREAMBLE.size} bytes, the file {len(preamble)}"
        )
    unsealed, seal = preamble[: -PREAMBLE_CHECKSUM.size], preamble[-PREAMBLE_CHECKSUM.size :]
    (expected,) = PREAMBLE_CHECKSUM.unpack(seal)
    actual = checksum_of(unsealed)
    if actual != expected:
        raise FileFormatError(
            f"preamble is damaged: checksum {actual:016x} does not match {expected:016x}"
        )
    _, version = PREAMBLE_VERSION.unpack_from(preamble)
    if version not in READERS:
        readable = ", ".join(map(str, READERS))
        raise FileFormatError(
            f"has format version {version}; this bitindex reads version {readable}"
        )
    return int(version)
