"""The image of the index: a copy of all codes that is read at the speed of memory.

It is an ordinary file of an `EmbeddingIndex`, with a name of its own among its fields. The database
knows which state of the documents the image of that name holds; an image that it does not know is
of another history, such as that before a backup was put back, and is passed over.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

from bitindex.embedding_index import EmbeddingIndex
from bitindex.storage import FileFormatError, load, read_file, restored, write_file

_NAME = "image"


def write_image(path: Path, index: EmbeddingIndex, name: str) -> None:
    """Write an image, whole or not at all."""
    meta, sections = index._to_stored()
    write_file(path, index._storage_kind, {**meta, _NAME: name}, sections)


def read_image(path: Path) -> tuple[EmbeddingIndex, str]:
    """Return the index and the name of an image.

    Raises
    ------
    FileNotFoundError
        If none was written yet.
    OSError, FileFormatError
        If it cannot be read or is damaged.
    """
    stored = read_file(path)
    index = _checked(restored(stored, os.fspath(path), mapped=False), path)
    return index, str(stored.meta.get(_NAME))


def read_usable_image(path: Path) -> tuple[EmbeddingIndex, str] | None:
    """Return what :func:`read_image` does; warn where it is damaged, and return None."""
    try:
        return read_image(path)
    except FileNotFoundError:
        return None
    except (OSError, FileFormatError) as error:
        warnings.warn(
            f"{error}; nothing is lost: the index is made again from the documents",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def index_to_bytes(index: EmbeddingIndex) -> bytes:
    """Return the file of an index."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "index.bitx")
        index.save(path)
        return path.read_bytes()


def index_from_bytes(data: bytes) -> EmbeddingIndex:
    """Return the index of a file, or raise FileFormatError."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "index.bitx")
        path.write_bytes(data)
        return _checked(load(path), path)


def _checked(index: Any, path: Path) -> EmbeddingIndex:
    if not isinstance(index, EmbeddingIndex):
        raise FileFormatError(f"{path}: must hold an EmbeddingIndex, got {type(index).__name__}")
    return index
