"""Approximate search over packed codes by a graph."""

from __future__ import annotations

from typing import Any, ClassVar, SupportsIndex

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._border import Filter, as_count, as_effort
from bitindex.codes import BitOrder
from bitindex.index.base import PackedCodes, PackedIndex


class HNSWIndex(PackedIndex):
    """Approximate search over packed codes: a walk over a graph of links between near codes.

    Parameters
    ----------
    n_bits, metric, bit_order
        As for :class:`~bitindex.FlatIndex`.
    m : int
        Links of a code, 2 to 512; twice as many in the lowest layer. More links find more and take
        more memory and time.
    ef_construction : int
        How many near codes a new code chooses its links from, >= 1. More make a better graph and a
        slower build.
    ef : int
        How many near codes a search keeps while it looks for nearer ones, >= 1, and at least k.
        More find more and take longer. See `search`.
    seed : int
        Which codes are in the upper layers, 0 to 2**63 - 1.

    Notes
    -----
    Memory: the codes and ids as :class:`~bitindex.FlatIndex`, and about
    ``8 m + (4 m + 8) / (m - 1)`` bytes a code for links: 133 with ``m=16``.
    Search: time grows with the logarithm of the number of codes. Approximate; exact where a scan is
    quicker, as it is for few codes, few allowed ids, or a large `ef`. Ties go to the smaller id
    among what was found.
    The graph depends on the order of additions and on `seed`, not on threads or the instruction
    set. A build that is interrupted leaves all codes in the index, and those without links are
    looked at one by one until the next addition links them.
    Removed codes go on to lead searches until a quarter of them has gone; then the links around
    them are mended, or, if most have gone, made anew. Updated codes are linked anew.
    Thread safe like :class:`~bitindex.FlatIndex`.
    Source: Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using
    hierarchical navigable small world graphs", IEEE TPAMI 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> codes = np.random.default_rng(0).integers(0, 256, (1000, 8), dtype=np.uint8)
    >>> index = bi.HNSWIndex(n_bits=64)
    >>> ids = index.add(codes)
    >>> distances, ids = index.search(codes[:2], k=1)
    >>> ids
    array([[0],
           [1]])
    """

    _storage_kind: ClassVar[str] = "hnsw"
    _core_type: ClassVar[type[_core.Index]] = _core.HNSWIndex
    efforts: ClassVar[tuple[int, ...]] = (16, 32, 64, 128, 256, 512)

    def __init__(
        self,
        n_bits: SupportsIndex,
        metric: str = "hamming",
        *,
        bit_order: BitOrder = "big",
        m: SupportsIndex = 16,
        ef_construction: SupportsIndex = 64,
        ef: SupportsIndex = 64,
        seed: SupportsIndex = 0,
    ) -> None:
        options = {"m": m, "ef_construction": ef_construction, "ef": ef, "seed": seed}
        super().__init__(n_bits, metric, bit_order, options)

    @staticmethod
    def check_options(
        m: SupportsIndex = 16,
        ef_construction: SupportsIndex = 64,
        ef: SupportsIndex = 64,
        seed: SupportsIndex = 0,
    ) -> dict[str, Any]:
        """Return the options of this kind, those of its compiled class.

        Parameters
        ----------
        m, ef_construction, ef, seed : int
            As in the constructor.

        Returns
        -------
        dict
            Each option by its name.

        Raises
        ------
        TypeError, ValueError
            If an option has a wrong type or value.
        """
        options = {
            "m": as_count(m, "m", 2),
            "ef_construction": as_count(ef_construction, "ef_construction", 1),
            "ef": as_count(ef, "ef", 1),
            "seed": as_count(seed, "seed", 0),
        }
        if options["m"] > 512:
            raise ValueError(f"m must be <= 512, got {options['m']}")
        return options

    def search(
        self,
        queries: PackedCodes,
        k: SupportsIndex = 10,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
        ef: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Find about the k nearest codes of each query.

        Parameters
        ----------
        queries, k, filter, threads
            As :meth:`FlatIndex.search`. A filter never makes results fewer: where few ids are
            allowed, or those that are near the query are not, all that are allowed are scanned.
        ef : int, optional
            How many near codes to keep, >= 1. Default: that of the index.

        Returns
        -------
        distances, ids : ndarray, shape (nq, k)
            As :meth:`FlatIndex.search`.

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type, shape or value.
        """
        return self._search(queries, k, filter, threads, as_effort(ef, "ef"))

    def range_search(
        self,
        queries: PackedCodes,
        radius: float,
        filter: Filter = None,
        threads: SupportsIndex | None = None,
        ef: SupportsIndex | None = None,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Find about all codes within a distance of each query.

        The walk goes on over all codes within the radius that links lead to, from the `ef` nearest
        ones on. Where these are many, all codes are scanned instead, and none is missing.

        Parameters
        ----------
        queries, radius, filter, threads
            As :meth:`FlatIndex.range_search`.
        ef : int, optional
            How many near codes to start from, >= 1. Default: that of the index.

        Returns
        -------
        lims, distances, ids : ndarray
            As :meth:`FlatIndex.range_search`.

        Raises
        ------
        TypeError, ValueError
            If an argument has a wrong type, shape or value.
        """
        return self._range_search(queries, radius, filter, threads, as_effort(ef, "ef"))
