"""Read format version 1; docs/format.md is the specification."""

import json
import math
import mmap as memory_map
import os
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bitindex.storage.format import (
    CHUNK_BYTES,
    DTYPES,
    KIND_PATTERN,
    MAX_ARRAY_BYTES,
    MAX_DIMENSIONS,
    MAX_HEADER_BYTES,
    NAME_PATTERN,
    PREAMBLE,
    FileFormatError,
    Section,
    StoredFile,
    aligned,
    checksum_of,
    new_checksum,
)


def read(file: BufferedReader, preamble: bytes, mmap: bool, verify: bool) -> StoredFile:
    """Read the rest of a file whose magic, version and preamble checksum are right.

    Raises `FileFormatError` without the path. Nothing is allocated before its size has been
    compared with the size of the file.
    """
    _, _, reserved, header_bytes, file_bytes, header_checksum, more_reserved, _ = PREAMBLE.unpack(
        preamble
    )
    if reserved or any(more_reserved):
        raise FileFormatError("preamble is damaged: its reserved bytes must be zero")
    _check_size(file, file_bytes)
    header = _read_header(file, header_bytes, file_bytes, header_checksum)
    end_of_header = PREAMBLE.size + header_bytes
    sections = _checked_sections(header["sections"], end_of_header, file_bytes)
    _check_padding(file, sections, end_of_header)

    if mmap:
        arrays = _map_sections(file, sections, file_bytes, verify)
    else:
        arrays = {section.name: _read_section(file, section) for section in sections}
    return StoredFile(header["kind"], header["meta"], arrays, header["writer"])


def _check_size(file: BufferedReader, file_bytes: int) -> None:
    actual = os.fstat(file.fileno()).st_size
    if actual < file_bytes:
        raise FileFormatError(f"is cut short: {actual} of {file_bytes} bytes are there")
    if actual > file_bytes:
        raise FileFormatError(f"has {actual - file_bytes} bytes after its end at {file_bytes}")


def _read_header(
    file: BufferedReader, header_bytes: int, file_bytes: int, expected: int
) -> dict[str, Any]:
    """Return the header; the types of its four fields are right."""
    limit = min(MAX_HEADER_BYTES, file_bytes - PREAMBLE.size)
    if header_bytes > limit:
        raise FileFormatError(f"header must have at most {limit} bytes, got {header_bytes}")
    data = file.read(header_bytes)
    actual = checksum_of(data)
    if actual != expected:
        raise FileFormatError(
            f"header is damaged: checksum {actual:016x} does not match {expected:016x}"
        )
    try:
        header = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_finite_number,
            parse_float=_finite_number,
        )
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"header is not the JSON it must be: {error}") from error
    types = {"kind": str, "meta": dict, "writer": str, "sections": list}
    if type(header) is not dict or {key: type(value) for key, value in header.items()} != types:
        raise FileFormatError("header must have the fields kind, meta, writer and sections")
    if not KIND_PATTERN.fullmatch(header["kind"]):
        raise FileFormatError(f"kind must be a lower-case word, got {header['kind']!r}")
    return header


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return fields


def _finite_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"numbers must be finite, got {text}")
    return number


def _checked_sections(entries: list[Any], end_of_header: int, file_bytes: int) -> list[Section]:
    """Return the list of sections; they fill the file from the header to its end."""
    sections = []
    names = set()
    end = end_of_header
    for position, entry in enumerate(entries):
        section = _checked_section(position, entry)
        if section.name in names:
            raise FileFormatError(f"section {section.name!r} is listed twice")
        names.add(section.name)
        if section.offset != aligned(end):
            raise FileFormatError(
                f"section {section.name!r} must start at {aligned(end)}, got {section.offset}"
            )
        end = section.offset + section.n_bytes
        if end > file_bytes:
            raise FileFormatError(
                f"section {section.name!r} must end within {file_bytes} bytes, got {end}"
            )
        sections.append(section)
    if end != file_bytes:
        raise FileFormatError(f"has {file_bytes - end} bytes after its last section")
    return sections


def _checked_section(position: int, entry: Any) -> Section:
    """Return one entry of the list; its size agrees with its shape."""
    if type(entry) is not dict or set(entry) != set(Section._fields):
        raise FileFormatError(
            f"entry {position} of sections must have the fields {', '.join(Section._fields)}"
        )
    section = Section(**entry)
    if type(section.name) is not str or not NAME_PATTERN.fullmatch(section.name):
        raise FileFormatError(f"entry {position} of sections has the bad name {section.name!r}")

    def refuse(what: str, got: Any) -> FileFormatError:
        return FileFormatError(f"section {section.name!r} must have {what}, got {got!r}")

    if section.dtype not in DTYPES:
        raise refuse(f"one of the dtypes {', '.join(DTYPES)}", section.dtype)
    shape: Any = section.shape
    if type(shape) is not list or not all(type(n) is int and n >= 0 for n in shape):
        raise refuse("a list of sizes as shape", shape)
    if not 1 <= len(shape) <= MAX_DIMENSIONS:
        raise refuse(f"1 to {MAX_DIMENSIONS} dimensions", len(shape))
    item_bytes = np.dtype(section.dtype).itemsize
    # NumPy refuses an empty array, too, if its other sizes are too large together.
    if math.prod(max(n, 1) for n in shape) * item_bytes > MAX_ARRAY_BYTES:
        raise refuse("a shape of less than 2**63 bytes", shape)
    for field in ("offset", "n_bytes"):
        if type(getattr(section, field)) is not int:
            raise refuse(f"an integer as {field}", getattr(section, field))
    if section.n_bytes != math.prod(shape) * item_bytes:
        raise refuse(f"{math.prod(shape) * item_bytes} bytes by its shape", section.n_bytes)
    if type(section.xxh3) is not str:
        raise refuse("16 hexadecimal digits as xxh3", section.xxh3)
    return section._replace(shape=tuple(shape))


def _check_padding(file: BufferedReader, sections: list[Section], end: int) -> None:
    for section in sections:
        file.seek(end)
        if any(file.read(section.offset - end)):
            raise FileFormatError(f"padding before section {section.name!r} must be zero")
        end = section.offset + section.n_bytes


def _map_sections(
    file: BufferedReader, sections: list[Section], file_bytes: int, verify: bool
) -> dict[str, NDArray[Any]]:
    """Return read-only arrays; each keeps the mapping alive."""
    mapping = memory_map.mmap(file.fileno(), file_bytes, access=memory_map.ACCESS_READ)
    arrays = {}
    for section in sections:
        array: NDArray[Any] = np.ndarray(
            section.shape, np.dtype(section.dtype), buffer=mapping, offset=section.offset
        )
        if verify:
            checksum = new_checksum()
            for chunk in _chunks(array):
                checksum.update(chunk)
            _check_content(section, array, checksum.hexdigest())
        arrays[section.name] = array
    return arrays


def _read_section(file: BufferedReader, section: Section) -> NDArray[Any]:
    """Return a fresh array."""
    array: NDArray[Any] = np.empty(section.shape, np.dtype(section.dtype))
    checksum = new_checksum()
    file.seek(section.offset)
    for chunk in _chunks(array):
        if file.readinto(chunk) != len(chunk):
            raise FileFormatError(f"section {section.name!r} was cut short while it was read")
        checksum.update(chunk)
    _check_content(section, array, checksum.hexdigest())
    return array


def _chunks(array: NDArray[Any]) -> Iterator[memoryview]:
    """Yield the memory of a C-contiguous array; Ctrl-C acts between two chunks."""
    memory = array.reshape(-1).view(np.uint8).data
    for start in range(0, len(memory), CHUNK_BYTES):
        yield memory[start : start + CHUNK_BYTES]


def _check_content(section: Section, array: NDArray[Any], actual: str) -> None:
    if actual != section.xxh3:
        raise FileFormatError(
            f"section {section.name!r} is damaged: checksum {actual} does not match {section.xxh3}"
        )
    # A bool that is neither 0 nor 1 is undefined behaviour in compiled code.
    if section.dtype == "|b1" and array.view(np.uint8).max(initial=0) > 1:
        raise FileFormatError(f"section {section.name!r} must hold the bytes 0 and 1 only")
