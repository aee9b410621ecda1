"""What all indexes share: rows with ids in a compiled index, one writer at a time, a file."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from bitindex._border import as_ids, as_ids_of, as_one_id, next_ids
from bitindex._locks import WriteLock
from bitindex.storage import save

if TYPE_CHECKING:
    from typing_extensions import Self


class Rows(Protocol):
    """What holds the rows of an index: a compiled index, or several seen as one."""

    def __len__(self) -> int: ...

    def __contains__(self, id: int, /) -> bool: ...

    def ids(self) -> npt.NDArray[np.int64]:
        """Return all ids in the order of the rows."""
        ...

    def next_id(self) -> int:
        """Return one more than the largest id that was ever here."""
        ...

    def get(self, ids: npt.NDArray[np.int64], /) -> npt.NDArray[np.uint8]:
        """Return the codes of rows, or raise KeyError."""
        ...

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Add rows, or raise ValueError where an id is taken."""
        ...

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Replace rows, or raise KeyError."""
        ...

    def remove(self, ids: npt.NDArray[np.int64], /) -> int:
        """Remove rows, and return how many there were."""
        ...


RowsT = TypeVar("RowsT", bound=Rows)


class RowIndex(ABC, Generic[RowsT]):
    """Rows with ids, and one writer at a time."""

    _storage_kind: ClassVar[str]

    def __init__(self) -> None:
        self._core_or_none: RowsT | None = None  # until it is known what a row holds
        self._write_lock = WriteLock()
        self._mapped = False

    @property
    def _core(self) -> RowsT:
        if self._core_or_none is None:
            self._core_or_none = self._new_core()
        return self._core_or_none

    @abstractmethod
    def _new_core(self) -> RowsT:
        """Return what will hold the rows, empty, or raise an error that says what is missing."""

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """A fresh array of all ids, shape (n,), in the order of the rows."""
        return self._core.ids()

    def __len__(self) -> int:
        return 0 if self._core_or_none is None else len(self._core_or_none)

    def __contains__(self, id: object) -> bool:
        number = as_one_id(id)
        return self._core_or_none is not None and number in self._core_or_none

    def remove(self, ids: object) -> int:
        """Remove rows; they are gone from every search that begins afterwards.

        Parameters
        ----------
        ids : array of integers, shape (n,)
            Ids that are not in the index are passed over.

        Returns
        -------
        int
            How many rows were removed.

        Raises
        ------
        TypeError, ValueError
            If ids are no integers of shape (n,), or the index is memory-mapped.

        Notes
        -----
        Cost: a look-up per id, plus one pass over the index each time a quarter of its rows has
        gone.
        """
        gone = as_ids(ids)
        core = self._core
        with self._writing():
            return core.remove(gone)

    def get(self, ids: object) -> npt.NDArray[np.uint8]:
        """Return the packed codes of rows.

        Parameters
        ----------
        ids : array of integers, shape (n,)

        Returns
        -------
        ndarray of uint8, shape (n, ceil(n_bits / 8))

        Raises
        ------
        KeyError
            If an id is not in the index; the message names it.
        TypeError, ValueError
            If ids are no integers of shape (n,).
        """
        return self._core.get(as_ids(ids))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the index to one file, which :func:`bitindex.load` reads.

        The file is replaced as a whole or not at all. Searches go on meanwhile, writers wait.

        Parameters
        ----------
        path : str or path
            Customary extension: ``.bitx``.

        Raises
        ------
        OSError
            If the file cannot be written.
        TypeError, ValueError
            If the path is none, or the index cannot be saved.
        """
        with self._write_lock.lock:
            save(self, path)

    def __copy__(self) -> Self:
        """Return an index of its own: rows that are shared would change in both."""
        with self._write_lock.lock:
            meta, sections = self._to_stored()
            copies = {name: array.copy() for name, array in sections.items()}
        return self._from_stored(meta, copies, mapped=False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} cannot be pickled; save(path) writes a file, and other "
            "processes share it with bitindex.load(path, mmap=True)"
        )

    @abstractmethod
    def _to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return fields and arrays for a file."""

    @classmethod
    @abstractmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
    ) -> Self:
        """Return the index that a file holds."""

    @abstractmethod
    def _check_content(self) -> None:
        """Raise ValueError where what came from a file contradicts itself."""

    def _writing(self) -> threading.Lock:
        if self._mapped:
            raise ValueError(
                "the index is memory-mapped and cannot be changed; load it with mmap=False"
            )
        return self._write_lock.lock

    def _add_rows(
        self, ids: object, columns: Mapping[str, npt.NDArray[Any]], **options: Any
    ) -> npt.NDArray[np.int64]:
        core, n_rows = self._core, len(columns["codes"])
        new_ids = None if ids is None else as_ids_of(ids, n_rows)
        with self._writing():
            if new_ids is None:
                new_ids = next_ids(core.next_id(), n_rows)
            core.add(ids=new_ids, **columns, **options)
        return new_ids

    def _update_rows(
        self, ids: object, columns: Mapping[str, npt.NDArray[Any]], **options: Any
    ) -> None:
        core = self._core
        known = as_ids_of(ids, len(columns["codes"]))
        with self._writing():
            core.update(ids=known, **columns, **options)
