"""The columns of a compiled index as arrays of a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex.storage import nest, unnest

# Names of the core's columns (csrc/index/index.h), and the numbers in them: bytes or floats.
_COLUMNS = (
    ("codes", np.uint8),
    ("row_terms", np.float32),
    ("scales", np.float32),
    ("offsets", np.float32),
    ("vectors", np.uint8),
)


def core_to_stored(core: _core.Index) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return what a file keeps of an index: views of its memory, valid until the next write."""
    core.compact()
    sections: dict[str, npt.NDArray[Any]] = {}
    for (name, dtype), column in zip(_COLUMNS, core.columns(), strict=True):
        if column.shape[1] > 0:
            sections[name] = column.view(dtype)
    ids = core.ids()
    numbers_rows = bool((ids == np.arange(len(ids))).all())
    if not numbers_rows:
        sections["ids"] = ids
    sections |= nest("structure", core.structure())
    return {"n_rows": len(ids), "next_id": core.next_id()}, sections


def core_from_stored(
    core: _core.Index, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Put the rows of a file into an empty index, which keeps the arrays without copying them."""
    columns: list[npt.NDArray[np.uint8] | None] = []
    for name, dtype in _COLUMNS:
        column = sections.get(name)
        if column is None:
            columns.append(None)
            continue
        if column.dtype != dtype or column.ndim != 2:
            raise ValueError(f"section {name!r} must be a matrix of {np.dtype(dtype)}")
        columns.append(column.view(np.uint8))
    structure = unnest("structure", sections)
    known = {name for name, _ in _COLUMNS} | {"ids"} | nest("structure", structure).keys()
    unknown = sections.keys() - known
    if unknown:
        raise ValueError(f"section {min(unknown)!r} is unknown")
    core.restore(meta["n_rows"], sections.get("ids"), meta["next_id"], columns)
    core.restore_structure(structure)
