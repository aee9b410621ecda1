"""The code of a document, with all that belongs to it, as one string of bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bitindex.embedding_index import EmbeddingIndex
from bitindex.embedding_version import EncodedRows


class RowLayout:
    """How the columns of an index lie in the bytes of one row: little-endian, without gaps."""

    def __init__(self, index: EmbeddingIndex) -> None:
        no_rows = np.empty((0, index.binarizer.n_features_in_), np.float32)
        self._dtype = np.dtype(
            [
                (name, column.dtype.newbyteorder("<"), column.shape[1:])
                for name, column in index._encode(no_rows).items()
            ]
        )

    def joined(self, columns: EncodedRows) -> list[bytes]:
        """Return the bytes of each row."""
        n_bytes = self._dtype.itemsize
        rows = np.empty(len(columns["codes"]), self._dtype)
        for name, column in columns.items():
            rows[name] = column
        data = rows.tobytes()
        return [data[start : start + n_bytes] for start in range(0, len(data), n_bytes)]

    def split(self, rows: Sequence[bytes]) -> EncodedRows:
        """Return the columns of rows, or raise ValueError where one has another length."""
        n_bytes = self._dtype.itemsize
        wrong = {len(row) for row in rows} - {n_bytes}
        if wrong:
            raise ValueError(f"a code must have {n_bytes} bytes, got {min(wrong)}")
        table = np.frombuffer(b"".join(rows), self._dtype)
        return {
            name: np.ascontiguousarray(table[name], self._dtype[name].base.newbyteorder("="))
            for name in self._dtype.names or ()
        }
