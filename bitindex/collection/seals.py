"""Checksums of what the database keeps, because SQLite has none.

A seal covers the row number too, so that what belongs to one row is not taken for another's.
"""

from __future__ import annotations

from bitindex.collection.documents import DocumentId
from bitindex.storage.format import new_checksum


def code_seal(row: int, code: bytes) -> bytes:
    """Return the seal of a code."""
    return _seal(row.to_bytes(8, "little", signed=True) + code)


def document_seal(row: int, id: DocumentId, metadata: str, text: str | None) -> bytes:
    """Return the seal of a document, of which only the text, the last part, may contain U+0000."""
    kind = "i" if isinstance(id, int) else "s"
    parts = f"{row}\0{kind}{id}\0{metadata}"
    return _seal((parts if text is None else f"{parts}\0{text}").encode())


def state_seal(*numbers: int) -> bytes:
    """Return the seal of the state of the documents."""
    return _seal(repr(numbers).encode())


def _seal(data: bytes) -> bytes:
    checksum = new_checksum()
    checksum.update(data)
    return checksum.digest()
