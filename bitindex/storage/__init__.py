"""Save and load: one checked file per object, described in docs/format.md."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, Protocol

from numpy.typing import NDArray

from bitindex.storage.format import FileFormatError, StoredFile
from bitindex.storage.reader import read_file
from bitindex.storage.writer import write_file

__all__ = [
    "save",
    "load",
    "FileFormatError",
    "KINDS",
    "Storable",
    "StoredFile",
    "nest",
    "read_file",
    "restored",
    "unnest",
    "write_file",
]

# kind in the file -> class that reads it, imported when such a file is loaded
KINDS = {
    "flat": "bitindex.index.flat:FlatIndex",
    "hnsw": "bitindex.index.hnsw:HNSWIndex",
    "ivf": "bitindex.index.ivf:IVFIndex",
    "mih": "bitindex.index.mih:MIHIndex",
    "embedding": "bitindex.embedding_index:EmbeddingIndex",
}


class Storable(Protocol):
    """What a class needs so that `save` and `load` handle it, besides a line in `KINDS`."""

    _storage_kind: ClassVar[str]

    def _to_stored(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        """Return the fields (JSON values) and the arrays."""
        ...

    @classmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, NDArray[Any]], mapped: bool
    ) -> Any:
        """Return the object; KeyError, TypeError or ValueError if the fields do not fit together.

        With `mapped` the arrays are read-only views of the file and must not be copied whole.
        """
        ...

    def _check_content(self) -> None:
        """Raise ValueError where arrays contradict each other, after a pass over all of them."""
        ...


def save(obj: Storable, path: str | os.PathLike[str]) -> None:
    """Save an object to one file, whole or not at all.

    Parameters
    ----------
    obj : Storable
        An object of one of the `KINDS`.
    path : str or os.PathLike
        The file to create or replace. Customary extension: ``.bitx``.

    Raises
    ------
    TypeError
        If `obj` cannot be saved, or `path` is neither str nor os.PathLike.
    OSError
        If the file cannot be written; an existing file is then unchanged. Where it is only the new
        name that could not be synced to disk, the file is replaced, and a power cut may undo that.

    Notes
    -----
    An existing file keeps its mode bits, and a symbolic link stays a link. Programs that have the
    old file mapped keep seeing the old data.
    """
    kind = getattr(obj, "_storage_kind", None)
    if kind not in KINDS:
        raise TypeError(f"obj must be of a kind that can be saved, got {type(obj).__name__}")
    meta, sections = obj._to_stored()
    write_file(path, kind, meta, sections)


def load(path: str | os.PathLike[str], mmap: bool = False, *, verify: bool = True) -> Any:
    """Load whatever was saved to a file.

    Parameters
    ----------
    path : str or os.PathLike
        The file to read.
    mmap : bool, default False
        Map the file into memory instead of reading it: the arrays are read-only and shared between
        processes. The file must then not be changed in place; saving over it is safe.
    verify : bool, default True
        By default the file is read once to compare the checksums of its arrays, and to check that
        they do not contradict each other. False, only with ``mmap=True``, skips that, so that a
        large file opens at once: what was damaged in it then gives wrong answers, but never a
        crash.

    Returns
    -------
    object
        An object of the class that was saved.

    Raises
    ------
    FileFormatError
        If the file is damaged, of an unknown version or kind, or no bitindex file. It is a
        ValueError.
    OSError
        If the file is missing (FileNotFoundError), a directory (IsADirectoryError), or unreadable.
    TypeError
        If `path` is neither str nor os.PathLike.

    Notes
    -----
    Nothing in a file is ever executed, so a file from a stranger can be loaded safely.
    """
    return restored(read_file(path, mmap=mmap, verify=verify), os.fspath(path), mmap, verify)


def restored(stored: StoredFile, name: str, mapped: bool, verify: bool = True) -> Any:
    """Return the object that was read from the file of this name, or raise FileFormatError."""
    if stored.kind not in KINDS:
        raise FileFormatError(
            f"{name}: has the unknown kind {stored.kind!r}; known are {', '.join(KINDS)}"
        )
    module, class_name = KINDS[stored.kind].split(":")
    storable = getattr(import_module(module), class_name)
    try:
        loaded = storable._from_stored(stored.meta, stored.sections, mapped)
        if verify:
            loaded._check_content()
    except (KeyError, TypeError, ValueError) as error:
        problem = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
        raise FileFormatError(f"{name}: is not a valid {stored.kind!r} file: {problem}") from error
    return loaded


def nest(prefix: str, sections: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the sections of a part under names that start with ``prefix/``."""
    return {f"{prefix}/{name}": array for name, array in sections.items()}


def unnest(prefix: str, sections: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the sections of the part that `nest` put under `prefix`, by their own names."""
    start = f"{prefix}/"
    return {
        name.removeprefix(start): array
        for name, array in sections.items()
        if name.startswith(start)
    }
