"""Approximate search over packed codes by inverted lists."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, SupportsFloat, SupportsIndex, cast

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._border import Filter, as_code_rows, as_count, as_effort, as_ratio
from bitindex.codes import BitOrder
from bitindex.index.base import PackedCodes, PackedIndex

_MOST_LISTS = 2**32 - 1


class IVFIndex(PackedIndex):
    """Approximate search over packed codes: a query looks at the lists that are nearest to it.

    Parameters
    ----------
    n_bits, metric, bit_order
        As :class:`FlatIndex`.
    n_lists : int, optional
        How many lists the rows are split into, at most one for 16 rows. Default, from 10,000 rows
        on: 2 sqrt(n) for n rows, and from 500,000 rows on 4 sqrt(n) for ``"hamming"``.
    nprobe : int or "auto"
        How many lists a query looks at; all of them make it exact. ``"auto"``: as many as reach
        `target_recall`, asked with rows of the index, and more for a query that lies between lists
        than for one in the midst of a list.
    target_recall : float
        Of ``nprobe="auto"``: the share of the 10 nearest neighbours that is found, above 0 and at
        most 1.
    seed : int
        Chooses the rows that lists are learned from, >= 0. The same calls make the same index.

    Notes
    -----
    Lists: each has a centroid, a code that is the bitwise majority of its rows (for ``"jaccard"``,
    ``"dice"`` and ``"cosine"``: their most frequent bits), and holds the rows that are nearest to
    it. Centroids are learned from rows of the index once there are enough of them, and again each
    time three times as many have been added or replaced since; until then a search is exact.
    :meth:`rebalance` learns lists anew at once, :meth:`train` takes other codes for that. What
    ``nprobe="auto"`` stands for is found out again whenever a quarter of the rows has changed.

    Search: at least k rows are found if so many are allowed. With a filter a query looks at more
    lists, until they hold as many allowed rows as it would look at without one, or up to four times
    as many where few are allowed near it; so tight filters are exact. Ties go to the smaller id
    among the rows that were looked at.
    A radius search looks at the same lists, and so does not find all rows unless `nprobe` covers
    all lists; those that are too far away to hold a result (Hamming) cost nothing.

    Memory: rows as in :class:`FlatIndex`, in the order of lists, so with ids of 8 bytes and up to
    16 on top; the code of each centroid twice, 25 bytes more a list, and for ``"hamming"`` a byte
    for each bit of a centroid. Rows that were added or changed since rows were last put in order,
    at most a sixteenth and some thousands, take up to 50 bytes more each. While rows are put in
    order they are in memory twice.
    Time: to add n rows takes n times the comparison with all centroids, or, where there are
    thousands, with those around a row; rows are moved once for every sixteenth that is added, and
    lists and ``nprobe="auto"`` are learned again as above, which together doubles it at most.
    Thread safe: searches run together, writers run one at a time, and a search sees the index
    before or after a write.
    Source: inverted files for nearest neighbours: Jegou, Douze, Schmid, "Product Quantization for
    Nearest Neighbor Search", 2011, section IV; majority centroids: Grana et al., "A fast approach
    for integrating ORB descriptors in the bag of words model", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> codes = np.random.default_rng(0).integers(0, 256, (2000, 8), dtype=np.uint8)
    >>> index = bi.IVFIndex(n_bits=64, n_lists=20, nprobe=4)
    >>> ids = index.add(codes)
    >>> distances, ids = index.search(codes[7], k=1)
    >>> ids
    array([[7]])
    """

    _storage_kind: ClassVar[str] = "ivf"
    _core_type: ClassVar[type[_core.Index]] = _core.IVFIndex
    makes_up_floats: ClassVar[bool] = True
    efforts: ClassVar[tuple[int, ...]] = (1, 2, 4, 8, 16, 32, 64)

    def __init__(
        self,
        n_bits: SupportsIndex,
        metric: str = "hamming",
        *,
        bit_order: BitOrder = "big",
        n_lists: SupportsIndex | None = None,
        nprobe: SupportsIndex | Literal["auto"] = "auto",
        target_recall: SupportsFloat = 0.95,
        seed: SupportsIndex = 0,
    ) -> None:
        options = {
            "n_lists": n_lists,
            "nprobe": nprobe,
            "target_recall": target_recall,
            "seed": seed,
        }
        super().__init__(n_bits, metric, bit_order, options)

    @staticmethod
    def check_options(
        n_lists: SupportsIndex | None = None,
        nprobe: SupportsIndex | Literal["auto"] = "auto",
        target_recall: SupportsFloat = 0.95,
        seed: SupportsIndex = 0,
    ) -> dict[str, Any]:
        """Return the options of the compiled class.

        Parameters
        ----------
        n_lists, nprobe, target_recall, seed
            As :class:`IVFIndex`.

        Returns
        -------
        dict

        Raises
        ------
        TypeError, ValueError
            If one has a wrong type or value.
        """
        if n_lists is not None:
            n_lists = as_count(n_lists, "n_lists", 1)
            if n_lists > _MOST_LISTS:
                raise ValueError(f"n_lists must be <= {_MOST_LISTS}, got {n_lists}")
        if isinstance(nprobe, str):
            if nprobe != "auto":
                raise ValueError(f"nprobe must be an integer or 'auto', got {nprobe!r}")
        else:
            nprobe = as_count(nprobe, "nprobe", 1)
        recall = as_ratio(target_recall, "target_recall", 0)
        if not 0 < recall <= 1:
            raise ValueError(f"target_recall must be above 0 and at most 1, got {recall}")
        return {
            "n_lists": n_lists,
            "nprobe": nprobe,
            "target_recall": recall,
            "seed": as_count(seed, "seed", 0),
        }

    @property
    def _lists(self) -> _core.IVFIndex:
        return cast(_core.IVFIndex, self._core)

    @property
    def n_lists(self) -> int:
        """How many lists there are now; 0 before there are enough rows."""
        return self._lists.n_lists()

    @property
    def nprobe(self) -> int:
        """How many lists a query looks at unless it asks for another number; of "auto" the mean."""
        return self._lists.nprobe()

    def train(self, codes: PackedCodes) -> None:
        """Learn lists from codes, which need not be rows of the index, and sort its rows into them.

        They then stay as they are, however the index grows, until :meth:`rebalance`.

        Parameters
        ----------
        codes : array of uint8, shape (n, ceil(n_bits / 8)), or Codes
            At least one; 48 for each list are used, chosen at random.

        Raises
        ------
        TypeError, ValueError
            If codes have a wrong dtype or shape, there are none, or the index is memory-mapped.
        """
        rows = as_code_rows(codes, self._n_bits, self._bit_order, "codes")
        with self._writing():
            self._lists.train(rows)

    def rebalance(self) -> None:
        """Learn lists from the rows of the index anew, as many as it should have now.

        It does so by itself once three times as many have been added or replaced; worth while
        when rows of another kind have come, for which ``nprobe="auto"`` looks at many of the old
        lists, or many have gone. Raises ValueError if the index is memory-mapped.
        """
        with self._writing():
            self._lists.rebalance()

    def search(
        self,
        queries: PackedCodes,
        k: SupportsIndex = 10,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
        nprobe: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Find the k nearest codes of each query, or nearly so.

        Parameters
        ----------
        queries, k, filter, threads
            As :meth:`FlatIndex.search`.
        nprobe : int, optional
            How many lists to look at, >= 1; a number from `n_lists` on is exact. Default: what
            the index is set to.

        Returns
        -------
        distances : ndarray, shape (nq, k)
            Nearest first; int32 for Hamming, float32 otherwise.
        ids : ndarray of int64, shape (nq, k)
            As :meth:`FlatIndex.search`; only where fewer than k rows are allowed is a row padded.

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type, shape or value.
        """
        return self._search(queries, k, filter, threads, as_effort(nprobe, "nprobe"))

    def range_search(
        self,
        queries: PackedCodes,
        radius: float,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
        nprobe: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Find the codes within a distance of each query that are in the lists it looks at.

        Parameters
        ----------
        queries, radius, filter, threads
            As :meth:`FlatIndex.range_search`.
        nprobe : int, optional
            As :meth:`search`; a number from `n_lists` on finds all codes.

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
        return self._range_search(queries, radius, filter, threads, as_effort(nprobe, "nprobe"))
