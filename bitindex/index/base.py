"""The contract of every index kind over packed codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._border import (
    Filter,
    as_choice,
    as_code_rows,
    as_count,
    as_filter,
    as_radius,
    as_threads,
)
from bitindex.codes import Codes
from bitindex.index.columns import core_from_stored, core_to_stored
from bitindex.index.rows import RowIndex

if TYPE_CHECKING:
    from typing_extensions import Self

PackedCodes = npt.NDArray[np.uint8] | Codes | list[list[int]] | list[int]


class PackedIndex(RowIndex[_core.Index]):
    """Rows of packed codes with ids, and searches over them.

    A kind of index derives from this class, names its compiled class, checks its own options, and
    documents itself.
    """

    _core_type: ClassVar[type[_core.Index]]
    holds_embeddings: ClassVar[bool] = True
    metrics: ClassVar[tuple[str, ...]] = tuple(_core.metric_names())
    # Whether the compiled class makes up float queries, and is told how large their weights are.
    makes_up_floats: ClassVar[bool] = False
    # What :func:`tune` tries as the effort of a kind that is not exact, from little to much.
    efforts: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self, n_bits: SupportsIndex, metric: str, bit_order: str, options: Mapping[str, Any]
    ) -> None:
        self._options = self.check_options(**options)
        self._n_bits = as_count(n_bits, "n_bits", 1)
        self._metric = self._checked_metric(metric)
        self._bit_order = as_choice(bit_order, ("big", "little"), "bit_order")
        super().__init__()
        self._core_or_none = self._new_core()

    @classmethod
    def _checked_metric(cls, metric: str) -> str:
        as_choice(metric, tuple(_core.metric_names()), "metric")
        if metric in cls.metrics:
            return metric
        from bitindex.index import INDEX_KINDS

        others = [kind.__name__ for kind in INDEX_KINDS.values() if metric in kind.metrics]
        raise ValueError(
            f"metric must be one of {', '.join(cls.metrics)} for {cls.__name__}, got {metric!r}, "
            f"which is searched by {', '.join(others)}"
        )

    @staticmethod
    def check_options() -> dict[str, Any]:
        """Return the options of this kind, those of its compiled class, or raise an error.

        A kind that has options takes them here by name, each with its default.
        """
        return {}

    def _new_core(self) -> _core.Index:
        big_endian = self._bit_order == "big"
        return self._core_type(self._n_bits, self._metric, big_endian, **self._options)

    @property
    def n_bits(self) -> int:
        """Bits per code."""
        return self._n_bits

    @property
    def metric(self) -> str:
        """The distance that searches return."""
        return self._metric

    @property
    def bit_order(self) -> str:
        """Whether bit 0 is the highest ("big") or the lowest bit of the first byte."""
        return self._bit_order

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self._options.items())
        return (
            f"{type(self).__name__}(n_bits={self._n_bits}, metric={self._metric!r}, "
            f"bit_order={self._bit_order!r}{options}) with {len(self):,} codes"
        )

    def add(self, codes: PackedCodes, ids: object = None) -> npt.NDArray[np.int64]:
        """Add codes.

        Parameters
        ----------
        codes : array of uint8, shape (n, ceil(n_bits / 8)), or Codes
            One packed code a row. One dimension is one code; a list of bytes is fine.
        ids : array of integers, shape (n,), optional
            Distinct ids from 0 to 2**63 - 2 that are not in the index. Default: the next free
            integers, which are above every id that was ever added.

        Returns
        -------
        ndarray of int64, shape (n,)
            The ids of the new rows.

        Raises
        ------
        TypeError
            If codes are not uint8 or ids are no integers.
        ValueError
            If a shape is wrong, a padding bit is set, an id is taken, repeated or negative, or
            the index is memory-mapped. Nothing is added then.
        """
        rows = as_code_rows(codes, self._n_bits, self._bit_order, "codes")
        return self._add_rows(ids, {"codes": rows})

    def update(self, ids: object, codes: PackedCodes) -> None:
        """Replace the codes of ids that are in the index.

        Parameters
        ----------
        ids : array of integers, shape (n,)
            Distinct ids.
        codes : array of uint8, shape (n, ceil(n_bits / 8)), or Codes
            Their new codes.

        Raises
        ------
        KeyError
            If an id is not in the index; the message names it. Nothing is changed then.
        TypeError, ValueError
            As :meth:`add`.
        """
        rows = as_code_rows(codes, self._n_bits, self._bit_order, "codes")
        self._update_rows(ids, {"codes": rows})

    def search(
        self,
        queries: PackedCodes,
        k: SupportsIndex = 10,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Find the k nearest codes of each query.

        Parameters
        ----------
        queries : array of uint8, shape (nq, ceil(n_bits / 8)), or Codes
            One packed code a row; one dimension is one query.
        k : int
            Results per query, >= 0; may exceed the number of rows.
        filter : optional
            Which ids may be returned: a bool mask over ids (ids beyond its end are not allowed),
            an array, list or set of allowed ids (unknown ones are passed over), a range or a
            slice of ids.
        threads : int, optional
            Threads to use, >= 1. Default: see :func:`bitindex.set_num_threads`.

        Returns
        -------
        distances : ndarray, shape (nq, k)
            Nearest first; int32 for Hamming, float32 otherwise.
        ids : ndarray of int64, shape (nq, k)
            Ties in distance go to the smaller id. Where fewer than k rows are allowed, a row ends
            in id -1 at distance infinity (for Hamming: 2**31 - 1, the largest int32).

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type, shape or value.

        Notes
        -----
        Thread safe; the GIL is released, and Ctrl-C stops the call.
        """
        return self._search(queries, k, filter, threads)

    def _search(
        self,
        queries: PackedCodes,
        k: SupportsIndex,
        filter: Filter,
        threads: SupportsIndex | None,
        effort: int = 0,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Search as far as `effort` says, 0 being what the index is set to."""
        rows = as_code_rows(queries, self._n_bits, self._bit_order, "queries")
        n_results = as_count(k, "k", 0)
        return self._core.search(rows, n_results, as_filter(filter), as_threads(threads), effort)

    def range_search(
        self,
        queries: PackedCodes,
        radius: float,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Find all codes within a distance of each query.

        Parameters
        ----------
        queries, filter, threads
            As :meth:`search`.
        radius : float
            Codes with distance <= radius are found; compared in float32, the precision of the
            distances.

        Returns
        -------
        lims : ndarray of int64, shape (nq + 1,)
            The results of query i are at ``lims[i]:lims[i + 1]`` of the other two.
        distances : ndarray, shape (lims[-1],)
            Nearest first within a query; int32 for Hamming, float32 otherwise.
        ids : ndarray of int64, shape (lims[-1],)
            Ties in distance go to the smaller id.

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type, shape or value.
        """
        return self._range_search(queries, radius, filter, threads)

    def _range_search(
        self,
        queries: PackedCodes,
        radius: float,
        filter: Filter,
        threads: SupportsIndex | None,
        effort: int = 0,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Search as far as `effort` says, 0 being what the index is set to."""
        rows = as_code_rows(queries, self._n_bits, self._bit_order, "queries")
        lims, distances, ids = self._core.range_search(
            rows, as_radius(radius), as_filter(filter), as_threads(threads), effort
        )
        return lims, distances.astype(np.int32) if self._metric == "hamming" else distances, ids

    def _to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        rows_meta, sections = core_to_stored(self._core)
        meta = {"n_bits": self._n_bits, "metric": self._metric, "bit_order": self._bit_order}
        if self._options:
            meta["options"] = self._options
        return {**meta, **rows_meta}, sections

    @classmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
    ) -> Self:
        options = meta.get("options", {})
        index = cls(meta["n_bits"], meta["metric"], bit_order=meta["bit_order"], **options)
        core_from_stored(index._core, meta, sections)
        index._mapped = mapped
        return index

    def _check_content(self) -> None:
        self._core.check_content()
