"""Checks that what a collection keeps is whole, and that what it keeps twice agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bitindex.collection.image import read_image
from bitindex.collection.live_index import LiveIndex
from bitindex.collection.snapshot import Snapshot
from bitindex.collection.truth import Truth
from bitindex.storage import FileFormatError

# What must be 0 in the database, and what it means if it is not.
_MISTAKES = (
    ("SELECT count(*) - (SELECT n_documents FROM state) FROM documents", "documents too many"),
    (
        "SELECT count(*) FROM documents WHERE row NOT IN (SELECT row FROM contents)",
        "documents without a code",
    ),
    (
        "SELECT count(*) FROM contents WHERE row NOT IN (SELECT row FROM documents)",
        "codes without a document",
    ),
    (
        "SELECT count(*) FROM documents, state WHERE row NOT BETWEEN 0 AND next_row - 1",
        "documents with an impossible row",
    ),
    ("SELECT count(*) FROM documents WHERE NOT json_valid(metadata)", "documents without metadata"),
)


def problems_of(image: Path, truth: Truth, live: LiveIndex) -> list[str]:
    """Return what is wrong with the files of a collection."""
    problems = _damage(truth) or _mistakes(truth)
    if not problems:
        problems = _differences(truth, live)
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


def _mistakes(truth: Truth) -> list[str]:
    with truth.connection() as connection:
        connection.execute("BEGIN")
        counts = [(*connection.execute(sql).fetchone(), what) for sql, what in _MISTAKES]
        connection.execute("COMMIT")
    return [f"there are {count} {what}" for count, what in counts if count != 0]


def _differences(truth: Truth, live: LiveIndex) -> list[str]:
    while True:
        with truth.snapshot() as snapshot:
            try:
                with live.at(snapshot) as index:
                    if index is not None:
                        return _differences_at(snapshot, live)
            except OSError as error:
                return [str(error)]


def _differences_at(snapshot: Snapshot, live: LiveIndex) -> list[str]:
    problems = []
    if len(live.index) != snapshot.n_documents:
        problems.append(
            f"the index has {len(live.index)} codes for {snapshot.n_documents} documents"
        )
    for rows, stored in snapshot.codes_from(0):
        try:
            codes, indexed = live.layout.split(stored)["codes"], live.index.get(rows)
        except (KeyError, ValueError) as error:
            problems.append(f"the codes of rows {rows[0]} to {rows[-1]} are damaged: {error}")
            continue
        wrong = rows[np.any(codes != indexed, axis=1)]
        problems += [f"row {row} has another code in the index" for row in wrong[:10]]
    return problems
