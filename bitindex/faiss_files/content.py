"""What a file of faiss holds, as an index of this package takes and gives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bitindex.index import PackedIndex
from bitindex.storage import nest, unnest

_MAX_ID = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Content:
    """An index in parts: its kind, rows, options, and what the kind keeps besides the rows."""

    kind: type[PackedIndex]
    codes: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.int64] | None = None  # None: 0, 1, 2, ...
    options: dict[str, Any] = field(default_factory=dict)
    structure: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def of_index(cls, index: PackedIndex) -> Content:
        """Return the parts of an index: views of its memory, valid until the next write."""
        meta, sections = index._to_stored()
        structure = unnest("structure", sections)
        return cls(
            type(index), sections["codes"], sections.get("ids"), meta.get("options", {}), structure
        )

    def as_index(self, bit_order: str) -> PackedIndex:
        """Return the index, which keeps the arrays, or raise ValueError where they do not fit."""
        n, n_bytes = self.codes.shape
        meta = {
            "n_bits": 8 * n_bytes,
            "metric": "hamming",
            "bit_order": bit_order,
            "options": self.options,
            "n_rows": n,
            "next_id": n if self.ids is None else min(int(self.ids.max(initial=-1)) + 1, _MAX_ID),
        }
        sections = {"codes": self.codes, **nest("structure", self.structure)}
        if self.ids is not None:
            sections["ids"] = self.ids
        return self.kind._from_stored(meta, sections, mapped=False)

    def all_ids(self) -> npt.NDArray[np.int64]:
        """Return the id of every row."""
        return np.arange(len(self.codes)) if self.ids is None else self.ids
