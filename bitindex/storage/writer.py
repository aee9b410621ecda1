"""Write a .bitx file of the current version."""

import json
import os
from collections.abc import Iterator, Mapping
from functools import cache
from io import FileIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitindex.storage.atomic import replace_file, write_all
from bitindex.storage.format import (
    CHUNK_BYTES,
    DTYPES,
    FORMAT_VERSION,
    KIND_PATTERN,
    MAGIC,
    MAX_ARRAY_BYTES,
    MAX_DIMENSIONS,
    MAX_HEADER_BYTES,
    NAME_PATTERN,
    PREAMBLE,
    PREAMBLE_CHECKSUM,
    Section,
    aligned,
    checksum_of,
    new_checksum,
)
from bitindex.storage.paths import path_text

# As long as every checksum, so that the header has its final length before the data is read.
_CHECKSUM_TO_COME = "0" * 16


def write_file(
    path: str | os.PathLike[str],
    kind: str,
    meta: Mapping[str, Any],
    sections: Mapping[str, NDArray[Any]],
) -> None:
    """Write one file, whole or not at all.

    Parameters
    ----------
    path : str or os.PathLike
        The file to create or replace; see `bitindex.storage.atomic.replace_file`.
    kind : str
        What the file holds: lower-case letters, digits and "_".
    meta : mapping of str to JSON values
        Everything that is not an array: None, bool, int, finite float, str, lists and dicts with
        str keys.
    sections : mapping of str to ndarray
        Arrays of one or more dimensions in any memory order and of any dtype of
        `bitindex.storage.format.DTYPES`; stored in C order, little-endian. Names are words of
        letters, digits, "_", "." and "-", joined by "/".

    Raises
    ------
    TypeError
        If a section is no array or has another dtype, or `meta` holds what JSON cannot hold.
    ValueError
        If a name, a shape or the size of the header is not allowed, a bool is neither 0 nor 1, or
        `meta` holds NaN or infinity.
    OSError
        If the file cannot be written; an existing file is then unchanged.

    Notes
    -----
    Cost: one pass over the data in chunks of 4 MiB, no copy of a contiguous array. The arrays must
    not change during the call. Calls for the same path may run together: one of them wins.
    """
    target = path_text(path)
    arrays = {name: _checked_array(name, array) for name, array in sections.items()}
    layout, start_of_data = _lay_out(kind, meta, arrays)
    file_bytes = layout[-1].offset + layout[-1].n_bytes if layout else start_of_data

    with replace_file(target) as file:
        # The padding between sections is what this leaves: zeros.
        file.truncate(file_bytes)
        written = [_write_section(file, section, arrays[section.name]) for section in layout]
        header = _encode_header(kind, meta, written)
        file.seek(0)
        write_all(file, _encode_preamble(header, file_bytes) + header)


def _checked_array(name: str, array: Any) -> NDArray[Any]:
    """Return `array` if it can be a section."""
    if not isinstance(name, str):
        raise TypeError(f"a section's name must be a str, got {type(name).__name__}")
    if not NAME_PATTERN.fullmatch(name):
        raise ValueError(
            f"a section's name must be up to 255 letters, digits, '_', '.', '-' and inner '/', "
            f"got {name!r}"
        )
    if not isinstance(array, np.ndarray):
        raise TypeError(f"section {name!r} must be a numpy array, got {type(array).__name__}")
    if array.dtype.newbyteorder("<").str not in DTYPES:
        raise TypeError(
            f"section {name!r} must have one of the dtypes {', '.join(DTYPES)}, got {array.dtype}"
        )
    if not 1 <= array.ndim <= MAX_DIMENSIONS:
        raise ValueError(
            f"section {name!r} must have 1 to {MAX_DIMENSIONS} dimensions, got shape {array.shape}"
        )
    if array.nbytes > MAX_ARRAY_BYTES:  # Only a broadcast view can be that large.
        raise ValueError(f"section {name!r} must have less than 2**63 bytes, got {array.nbytes}")
    return array


def _lay_out(
    kind: str, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> tuple[list[Section], int]:
    """Place every section; also return where the header ends."""
    # Offsets stand in the header, and its length moves them. A longer header only ever raises the
    # offsets, so this climbs to the smallest layout that agrees with itself.
    start = 0
    while True:
        layout = []
        offset = start
        for name, array in arrays.items():
            dtype = array.dtype.newbyteorder("<").str
            offset = aligned(offset)
            layout.append(
                Section(name, dtype, array.shape, offset, array.nbytes, _CHECKSUM_TO_COME)
            )
            offset += array.nbytes
        end_of_header = PREAMBLE.size + len(_encode_header(kind, meta, layout))
        if aligned(end_of_header) == aligned(start):
            return layout, end_of_header
        start = end_of_header


def _encode_header(kind: str, meta: Mapping[str, Any], sections: list[Section]) -> bytes:
    """Return the header as UTF-8 JSON."""
    if not isinstance(kind, str) or not KIND_PATTERN.fullmatch(kind):
        raise ValueError(f"kind must be a lower-case word like 'flat', got {kind!r}")
    fields = {
        "kind": kind,
        "meta": dict(meta),
        "writer": _writer_name(),
        "sections": [section._asdict() for section in sections],
    }
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if json.loads(text)["meta"] != fields["meta"]:
        raise TypeError("meta must be JSON: dicts with str keys, and lists instead of tuples")
    header = text.encode("utf-8")
    if len(header) > MAX_HEADER_BYTES:
        raise ValueError(
            f"names and meta must fit in a header of {MAX_HEADER_BYTES} bytes, got {len(header)}"
        )
    return header


@cache
def _writer_name() -> str:
    """Return the program and version for the header."""
    from importlib import metadata  # slow to import, and needed by few programs

    try:
        return f"bitindex {metadata.version('bitindex')}"
    except metadata.PackageNotFoundError:
        return "bitindex (not installed)"


def _encode_preamble(header: bytes, file_bytes: int) -> bytes:
    """Return the 64 bytes at the start of the file."""
    fields = (MAGIC, FORMAT_VERSION, 0, len(header), file_bytes, checksum_of(header), b"")
    unsealed = PREAMBLE.pack(*fields, 0)[: -PREAMBLE_CHECKSUM.size]
    return unsealed + PREAMBLE_CHECKSUM.pack(checksum_of(unsealed))


def _write_section(file: FileIO, section: Section, array: NDArray[Any]) -> Section:
    """Write one array at its offset and return the section with its checksum."""
    checksum = new_checksum()
    file.seek(section.offset)
    for chunk in _chunks(array, np.dtype(section.dtype)):
        if section.dtype == "|b1" and chunk.max(initial=0) > 1:
            # A view can make any byte a bool; readers refuse such a file, so it must not be made.
            raise ValueError(f"section {section.name!r} must hold the bool bytes 0 and 1 only")
        checksum.update(chunk.data)
        write_all(file, chunk.data)
    return section._replace(xxh3=checksum.hexdigest())


def _chunks(array: NDArray[Any], dtype: np.dtype[Any]) -> Iterator[NDArray[np.uint8]]:
    """Yield the bytes of `array` in C order; nothing is copied but chunks that need reordering."""
    chunks = np.nditer(
        array,
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_flags=["readonly"],
        op_dtypes=[dtype],
        casting="equiv",
        order="C",
        buffersize=CHUNK_BYTES // dtype.itemsize,
    )
    for chunk in chunks:
        yield np.ascontiguousarray(chunk).view(np.uint8)
