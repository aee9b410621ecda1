"""Checks that what a collection keeps is whole, and that what it keeps twice agrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bitindex.collection.image import read_image
from bitindex.collection.live_index import LiveIndex
from bitindex.collection.row_layout import RowLayout
from bitindex.collection.snapshot import Snapshot
from bitindex.collection.truth import Truth
from bitindex.embedding_index import EmbeddingIndex
from bitindex.storage import FileFormatError

_DOCUMENTS_AT_ONCE = 10_000
# That a database can have; ours begin at 0.
_FIRST_ROW, _LAST_ROW = -(2**63), 2**63 - 1


def problems_of(image: Path, truth: Truth, live: LiveIndex) -> list[str]:
    """Return what is wrong with the files of a collection."""
    problems = [*_damage(truth), *_differences(truth, live)]
    try:
        read_image(image)
    except FileNotFoundError:
        pass  # not written yet
    except (OSError, FileFormatError) as error:
        problems.append(f"the image of the index is damaged, and will be made again: {error}")
    return problems


def _damage(truth: Truth) -> list[str]:
    with truth.connection() as connection:
        found = [line for (line,) in connection.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else [f"the database is damaged: {line}" for line in found]


def _differences(truth: Truth, live: LiveIndex) -> list[str]:
    problems: list[str] = []
    try:
        with truth.snapshot() as snapshot:
            # One by one, so that those before an error are told too.
            problems.extend(_wrong_numbers(snapshot))
        problems.extend(_wrong_codes(truth, live))
    except OSError as error:
        problems.append(f"the database is damaged: {error.strerror}")
    return problems


def _wrong_numbers(snapshot: Snapshot) -> Iterator[str]:
    """Read all documents, and yield what is wrong with their number and rows."""
    n_documents, rows = 0, range(_FIRST_ROW, _LAST_ROW)
    while found := snapshot.ids_of(rows, _DOCUMENTS_AT_ONCE):
        snapshot.documents([row for row, _ in found])
        n_documents += len(found)
        rows = range(found[-1][0] + 1, _LAST_ROW)
    if n_documents != snapshot.n_documents:
        yield f"there are {n_documents} documents instead of {snapshot.n_documents}"
    if rows.start > snapshot.position.next_row:
        yield f"row {rows.start - 1} comes after the last one"


def _wrong_codes(truth: Truth, live: LiveIndex) -> Iterator[str]:
    """Compare all codes with those of the index."""
    while True:
        with truth.snapshot() as snapshot, live.at(snapshot) as index:
            if index is not None:
                yield from _wrong_codes_of(index, live.layout, snapshot)
                return


def _wrong_codes_of(index: EmbeddingIndex, layout: RowLayout, snapshot: Snapshot) -> Iterator[str]:
    n_codes = 0
    for rows, stored in snapshot.codes_from(_FIRST_ROW):
        n_codes += len(rows)
        try:
            codes, indexed = layout.split(stored)["codes"], index.get(rows)
        except (KeyError, ValueError) as error:
            yield f"the codes of rows {rows[0]} to {rows[-1]} are damaged: {error}"
            continue
        for row in rows[np.any(codes != indexed, axis=1)]:
            yield f"row {row} has another code in the index"
    if not n_codes == snapshot.n_documents == len(index):
        yield (
            f"there are {snapshot.n_documents} documents, {n_codes} codes, and {len(index)} "
            "of them in the index"
        )
