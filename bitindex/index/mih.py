"""Exact search by Hamming distance through tables of substrings."""

from __future__ import annotations

from typing import Any, ClassVar, SupportsIndex

from bitindex import _core
from bitindex._border import as_bool, as_count
from bitindex.codes import BitOrder
from bitindex.index.base import PackedIndex


class MIHIndex(PackedIndex):
    """Exact Hamming search that looks only at codes which agree with the query in some bits.

    Multi-index hashing: a code near the query agrees with it, but for very few bits, in one of
    several substrings, and a table for each substring holds the codes that do. It finds codes
    within a small distance, such as near-duplicates, many times faster than a scan. Where the
    nearest codes are far from the query, tables are no help; the index notices, and scans.

    Parameters
    ----------
    n_bits : int
        Bits per code, 1 to 65,536; need not be a multiple of 8.
    metric : {"hamming"}
        The number of bits that differ.
    n_substrings : int, optional
        Tables to keep, at most `n_bits`. More make larger distances cheap and take more memory.
        Default: ``n_bits / log2(n)`` for n codes, at most 64, chosen anew as the index grows.
    fall_back : bool, default True
        Scan for queries for which that is cheaper. False is for measurements.
    bit_order : {"big", "little"}
        As :class:`FlatIndex`.

    Notes
    -----
    Memory: that of :class:`FlatIndex`, and for each substring 4 bytes a row and 3 to 6 more for
    the beginnings of its buckets. By default that is about twice the codes.
    Search: exact, the same results as those of :class:`FlatIndex`. Ties go to the smaller id.
    Writes: new and replaced codes are looked at one by one until they are more than a sixteenth of
    all; then the tables are made anew, which takes about 50 ns a row and substring.
    Thread safe, as :class:`FlatIndex`.
    Source: Norouzi, Punjani, Fleet, "Fast search in Hamming space with multi-index hashing", 2012.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> codes = bi.pack(np.eye(4, 16, dtype=bool))
    >>> index = bi.MIHIndex(n_bits=16)
    >>> index.add(codes)
    array([0, 1, 2, 3])
    >>> lims, distances, ids = index.range_search(codes[2], radius=1)
    >>> ids
    array([2])
    """

    _storage_kind: ClassVar[str] = "mih"
    _core_type: ClassVar[type[_core.Index]] = _core.MIHIndex
    holds_embeddings: ClassVar[bool] = False
    metrics: ClassVar[tuple[str, ...]] = ("hamming",)

    def __init__(
        self,
        n_bits: SupportsIndex,
        metric: str = "hamming",
        *,
        n_substrings: SupportsIndex | None = None,
        fall_back: bool = True,
        bit_order: BitOrder = "big",
    ) -> None:
        options = {"n_substrings": n_substrings, "fall_back": fall_back}
        super().__init__(n_bits, metric, bit_order, options)

    @staticmethod
    def check_options(
        *, n_substrings: SupportsIndex | None = None, fall_back: bool = True
    ) -> dict[str, Any]:
        """Return the checked options of the compiled class."""
        count = None if n_substrings is None else as_count(n_substrings, "n_substrings", 1)
        return {"n_substrings": count, "fall_back": as_bool(fall_back, "fall_back")}
