"""The rows of several versions of an embedding model, seen as one index.

Each version has a compiled index of its own, because codes and scores of different binarizers
differ in width and meaning. An id is in one of them at most.

Each compiled index keeps its own searches and writes apart. The lock here does so for what looks
at several of them: searches share it, and whatever changes rows takes it alone, for as long as that
change takes and no longer; rows are encoded before. So a row that moves from one version to another
is seen in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bitindex._core import IndexLock
from bitindex.embedding_version import EmbeddingVersion, Nearest

Ids = npt.NDArray[np.int64]


class VersionedRows:
    """Rows of one or several versions.

    Of its methods, those that write are called by one thread at a time.

    Attributes
    ----------
    versions : tuple of EmbeddingVersion
        The oldest first.
    lock : IndexLock
        Not held twice by one thread: a writer that waits in between would stop it for ever.
    """

    def __init__(self, first: EmbeddingVersion) -> None:
        self.lock = IndexLock()
        self.versions: tuple[EmbeddingVersion, ...] = (first,)
        # Asked once for each pair, because the answer may take a while; by numbers of versions.
        self._can_search = {(0, 0): True}

    @property
    def newest(self) -> int:
        """The number of the newest version."""
        return len(self.versions) - 1

    def append(self, version: EmbeddingVersion) -> int:
        """Make a version the newest, and return its number.

        Raises
        ------
        ValueError
            If its queries cannot search the codes of a version that has rows.
        """
        number = len(self.versions)
        binarizer = version.binarizer
        for other, older in enumerate(self.versions):
            self._can_search[number, other] = binarizer.can_search(older.binarizer)
            self._can_search[other, number] = older.binarizer.can_search(binarizer)
            if len(older.core) > 0 and not self._can_search[number, other]:
                raise ValueError(
                    f"queries of {binarizer!r} cannot search the {len(older.core):,} rows of "
                    f"version {other}, {older.binarizer!r}: fit it to be compatible with that "
                    "binarizer, or bring these rows to a version that it can search first"
                )
        self._can_search[number, number] = True
        # One assignment, so that a search sees all of it or nothing.
        self.versions = (*self.versions, version)
        return number

    def __len__(self) -> int:
        with self.lock.reading():
            return sum(len(version.core) for version in self.versions)

    def __contains__(self, id: int) -> bool:
        with self.lock.reading():
            return any(id in version.core for version in self.versions)

    def ids(self) -> Ids:
        """Return all ids, those of the oldest version first."""
        with self.lock.reading():
            return np.concatenate([version.core.ids() for version in self.versions])

    def next_id(self) -> int:
        """Return one more than the largest id that was ever in a version."""
        return max(version.core.next_id() for version in self.versions)

    def versions_of(self, ids: Ids) -> Ids:
        """Return the number of the version that each row is in, or raise KeyError."""
        with self.lock.reading():
            return self._versions_of(ids)

    def counts(self) -> list[int]:
        """Return how many rows each version has."""
        with self.lock.reading():
            return [len(version.core) for version in self.versions]

    def get(self, ids: Ids) -> npt.NDArray[np.uint8]:
        """Return the codes of rows, all of them of one version."""
        with self.lock.reading():
            numbers = np.unique(self._versions_of(ids))
            if len(numbers) > 1:
                raise ValueError(
                    "ids must be of one version, whose codes are alike, got ids of versions "
                    f"{', '.join(map(str, numbers))}: versions_of(ids) tells them apart"
                )
            number = int(numbers[0]) if len(numbers) else self.newest
            return self.versions[number].core.get(ids)

    def add(self, ids: Ids, version: int, **columns: npt.NDArray[Any]) -> None:
        """Add encoded rows to a version."""
        self._check_open(version)
        for other in self._others(version):
            taken = ids[other.core.contains_each(ids)]
            if len(taken) > 0:
                raise ValueError(f"id {taken[0]} is already in the index")
        with self.lock.writing():
            self.versions[version].core.add(ids=ids, **columns)

    def update(self, ids: Ids, version: int, **columns: npt.NDArray[Any]) -> None:
        """Replace rows, which come to a version from wherever they are."""
        self._check_open(version)
        self.versions_of(ids)
        others = [other.core for other in self._others(version)]
        with self.lock.writing():
            # One call, because Ctrl-C between two would leave a row in both versions or in none.
            self.versions[version].core.take(others, ids=ids, **columns)

    def remove(self, ids: Ids) -> int:
        """Remove rows, and return how many there were."""
        with self.lock.writing():
            # One call, because Ctrl-C between two would leave some of the rows.
            first, *others = (version.core for version in self.versions)
            return first.remove(ids, others)

    def search(self, Q: object, k: int, number: int | None, **options: Any) -> Nearest:
        """Find the most similar rows of all versions.

        Parameters
        ----------
        Q : array of floats, shape (nq, d)
            Embeddings of one version.
        k : int
        number : int or None
            That version; the newest by default.
        **options
            As :meth:`EmbeddingVersion.search` takes them.

        Raises
        ------
        ValueError
            If queries of this version cannot search all rows.
        """
        with self.lock.reading():
            number = self.newest if number is None else number
            asking = self.versions[number]
            queries = asking.prepare_queries(Q)
            found = [
                version.search(queries, asking.binarizer, k=k, **options)
                for version in self._searched_by(number)
            ]
        return found[0] if len(found) == 1 else merge_nearest(found, k)

    def check(self) -> None:
        """Raise ValueError where what was read from a file does not fit together."""
        for later, version in enumerate(self.versions):
            ids = version.core.ids()
            for earlier in self.versions[:later]:
                taken = ids[earlier.core.contains_each(ids)]
                if len(taken) > 0:
                    raise ValueError(f"id {taken[0]} is in more than one version")
            if len(ids) > 0 and not self._can_search[self.newest, later]:
                raise ValueError(f"version {self.newest} cannot search version {later}")

    def _versions_of(self, ids: Ids) -> Ids:
        numbers = np.full(len(ids), -1)
        for number, version in enumerate(self.versions):
            numbers[version.core.contains_each(ids)] = number
        unknown = ids[numbers < 0]
        if len(unknown) > 0:
            raise KeyError(f"id {unknown[0]} is not in the index")
        return numbers

    def _others(self, number: int) -> list[EmbeddingVersion]:
        return [version for other, version in enumerate(self.versions) if other != number]

    def _check_open(self, number: int) -> None:
        if not self._can_search[self.newest, number]:
            raise ValueError(
                f"version {number} takes no more rows: queries of the newest version, "
                f"{self.newest}, could not search them"
            )

    def _searched_by(self, number: int) -> Iterator[EmbeddingVersion]:
        for other, version in enumerate(self.versions):
            if other == number:
                yield version  # without rows, too: there is one answer at least
            elif len(version.core) > 0:
                if not self._can_search[number, other]:
                    raise ValueError(
                        f"queries of version {number} cannot search the {len(version.core):,} "
                        f"rows of version {other}: search with queries of version {self.newest}"
                    )
                yield version


def merge_nearest(found: list[Nearest], k: int) -> Nearest:
    """Return the k best of several answers to the same queries; ties go to the smaller id."""
    scores, ids = (np.concatenate([answer[part] for answer in found], axis=1) for part in (0, 1))
    # What pads a short answer has the score -infinity, so that it comes last here too.
    best = np.lexsort((ids, -scores), axis=1)[:, :k]
    n_rescored = np.sum([answer[2] for answer in found], axis=0)
    return np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1), n_rescored
