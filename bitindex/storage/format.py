"""What every version of a .bitx file shares; docs/format.md is the specification."""

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from numpy.typing import NDArray

if TYPE_CHECKING:
    import xxhash

# As in PNG: a transfer that strips the eighth bit, converts line ends or stops at ^Z breaks it.
MAGIC: Final = b"\x89BIX\r\n\x1a\n"
FORMAT_VERSION: Final = 1

ALIGNMENT: Final = 64
MAX_HEADER_BYTES: Final = 64 << 20
MAX_DIMENSIONS: Final = 32
MAX_ARRAY_BYTES: Final = 2**63 - 1
DTYPES: Final = ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8", "|b1")

# Large enough to hide the cost of a call, small enough that Ctrl-C acts at once.
CHUNK_BYTES: Final = 4 << 20

# magic, version, reserved, header bytes, file bytes, header checksum, reserved, own checksum
PREAMBLE: Final = struct.Struct("<8sIIQQQ16sQ")
# Bytes 0-11 and 56-63 keep their meaning in every version, so that a reader can name any version.
PREAMBLE_CHECKSUM: Final = struct.Struct("<Q")
PREAMBLE_VERSION: Final = struct.Struct("<8sI")

KIND_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
NAME_PATTERN: Final = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")


class FileFormatError(ValueError):
    """A file is damaged, incomplete, or no bitindex file at all.

    The message starts with the path and names the part of the file that is wrong.
    """


class Section(NamedTuple):
    """One entry of the header's list of sections, in the order in which the keys are written."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    n_bytes: int
    xxh3: str


@dataclass(frozen=True)
class StoredFile:
    """The content of a file.

    Attributes
    ----------
    kind : str
        What the file holds; a key of `bitindex.storage.KINDS`.
    meta : dict of str to JSON values
        Every field that is not an array.
    sections : dict of str to ndarray
        The arrays, in the order of the file: fresh and writable, or read-only views of the mapping.
    writer : str
        The program and version that wrote the file; for people, never for decisions.
    """

    kind: str
    meta: dict[str, Any]
    sections: dict[str, NDArray[Any]]
    writer: str


def aligned(offset: int) -> int:
    """Return the first multiple of 64 that is not below `offset`."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def new_checksum() -> "xxhash.xxh3_64":
    """Return a running XXH3-64 checksum (seed 0)."""
    # Imported here so that `import bitindex` does not load it.
    import xxhash

    return xxhash.xxh3_64()


def checksum_of(data: bytes) -> int:
    """Return the XXH3-64 checksum of `data` as an unsigned integer."""
    checksum = new_checksum()
    checksum.update(data)
    return checksum.intdigest()
