"""The index in memory, which follows the database.

Nothing writes to it but what reads the database: a writer, too, finds its documents there. So there
is one way from a document to the index, and it is that of all processes.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bitindex._core import IndexLock
from bitindex._locks import WriteLock
from bitindex.collection.image import index_from_bytes, read_usable_image, write_image
from bitindex.collection.row_layout import RowLayout
from bitindex.collection.snapshot import Position, Snapshot
from bitindex.collection.truth import Truth
from bitindex.embedding_index import EmbeddingIndex
from bitindex.embedding_version import EncodedRows
from bitindex.embeddings import EmbeddingSource

_START = Position(0, 0)


class LiveIndex:
    """An index that is brought to the state of a snapshot when a search needs it.

    Parameters
    ----------
    path : Path
        The file of the image.
    truth : Truth

    Attributes
    ----------
    layout : RowLayout
        How the database keeps what the index has of a row.
    """

    def __init__(self, path: Path, truth: Truth) -> None:
        self._path = path
        self._truth = truth
        self._updating = WriteLock()
        self._lock = IndexLock()
        self._position: Position | None = None
        self._saved = "", _START
        self._load()
        self.layout = RowLayout(self._index)

    @property
    def index(self) -> EmbeddingIndex:
        """The index in some state, to ask what does not depend on its rows."""
        return self._index

    @property
    def saved(self) -> Position:
        """The state that the image holds."""
        return self._saved[1]

    def encode(self, X: EmbeddingSource, progress: bool | None) -> list[bytes]:
        """Return what is stored of each embedding."""
        columns: EncodedRows = self._index._encode(X, progress)
        return self.layout.joined(columns)

    @contextmanager
    def at(self, snapshot: Snapshot) -> Iterator[EmbeddingIndex | None]:
        """Yield the index as it is in a snapshot, or None if it has gone on from there.

        It does not change in the block.
        """
        self.catch_up(snapshot)
        with self._lock.reading():
            yield self._index if self._position == snapshot.position else None

    def catch_up(self, snapshot: Snapshot) -> None:
        """Bring the index to the state of a snapshot, unless it is there or further."""
        if self._position is not None and self._position.change >= snapshot.position.change:
            return
        with self._updating.lock:
            position = self._position
            if position is None or position.change < snapshot.forgotten:
                self._load()
            elif position.change < snapshot.position.change:
                with self._lock.writing():
                    # An error on the way, such as Ctrl-C, leaves an index of no known state.
                    self._position = None
                    self._advance(self._index, self.layout, position, snapshot)
                    self._position = snapshot.position

    def save(self, snapshot: Snapshot) -> None:
        """Write an image of the state of a snapshot, or a later one."""
        self.catch_up(snapshot)
        with self._updating.lock:
            position = self._position
            if position is None:
                return
            name = secrets.token_hex(16)
            # Known before it is there, so that whoever reads the file finds what it holds.
            with self._truth.change() as change:
                change.add_image(name, position)
            write_image(self._path, self._index, name)
            # Who reads the one before now must still find what has changed since.
            with self._truth.change() as change:
                change.forget_before([name, self._saved[0]])
            self._saved = name, position

    def _load(self) -> None:
        """Read the image, or make the index again, and bring it to the last state."""
        image = read_usable_image(self._path)
        with self._truth.snapshot() as snapshot:
            saved = None if image is None else snapshot.image_position(image[1])
            if image is None or saved is None:
                image, saved = (self._without_rows(snapshot), ""), _START
            index, name = image
            self._advance(index, RowLayout(index), saved, snapshot)
        with self._lock.writing():
            self._index, self._position = index, snapshot.position
            self._saved = name, saved

    def _without_rows(self, snapshot: Snapshot) -> EmbeddingIndex:
        try:
            return index_from_bytes(snapshot.recipe())
        except ValueError as error:
            raise self._damaged(f"The recipe of the index is damaged: {error}") from error

    def _advance(
        self, index: EmbeddingIndex, layout: RowLayout, position: Position, snapshot: Snapshot
    ) -> None:
        index.remove(snapshot.deleted_since(position.change))
        for rows, codes in snapshot.codes_from(position.next_row):
            try:
                index._add_encoded(rows, layout.split(codes))
            except (TypeError, ValueError) as error:
                raise self._damaged(f"A code is damaged: {error}") from error

    def _damaged(self, problem: str) -> OSError:
        return OSError(errno.EIO, problem, os.fspath(self._truth.path))
