"""Exact search over packed codes."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, SupportsIndex

from bitindex import _core
from bitindex._border import as_choice
from bitindex.codes import BitOrder
from bitindex.index.base import PackedIndex


class FlatIndex(PackedIndex):
    """Exact search over packed codes: a query is compared with every code that can be near.

    Parameters
    ----------
    n_bits : int
        Bits per code, 1 to 65,536; need not be a multiple of 8.
    metric : {"hamming", "jaccard", "dice", "cosine", "sdc1", "sdc2", "sdc3", "sdc4"}
        ``"hamming"`` counts the bits that differ (int32). The others give float32 fractions.
        ``"jaccard"``, ``"dice"`` and ``"cosine"`` compare sets of bits: ``"jaccard"`` is 1 minus
        the Tanimoto similarity, ``"cosine"`` is 1 minus the cosine of the two bit sets. Two empty
        sets are at distance 0.
        ``"sdc1"`` to ``"sdc4"`` read B = 1 to 4 bits a dimension, in code bit order and the most
        significant first: the number v stands for the odd level 2 v - (2**B - 1), and the
        distance is 1 minus the cosine of the two vectors of levels, from 0 to 2. `n_bits` must
        be a multiple of B.
    sort_by : {None, "popcount"}
        ``"popcount"``, for ``"jaccard"``, ``"dice"`` and ``"cosine"``, keeps the rows in the order
        of their numbers of set bits, the most first, and compares a query with those whose number
        lets them be near enough (BitBound). It saves the more the larger the similarity that is
        asked for, and the more the numbers differ; rows whose numbers hardly differ stay as they
        come. Few queries at a time, from 256 bits and a megabyte of codes on, also look at folds
        of the codes, which spare them most of those rows where few bits are set.
    bit_order : {"big", "little"}
        ``"big"`` as :func:`numpy.packbits`, sentence-transformers and pgvector pack,
        ``"little"`` as faiss and RDKit do. It matters for codes whose last byte is not full.

    Notes
    -----
    Memory: ceil(n_bits / 8) bytes a row, 4 more for metrics other than Hamming and sdc1, 8 more
    for ids that are not 0, 1, 2, ... in order, and up to 16 on top for ids that do not ascend.
    Search: exact; time is linear in rows and queries. Ties go to the smaller id.
    With ``sort_by="popcount"``: the order of :attr:`ids` is that of the rows, so ids are kept as
    those that do not ascend. Rows are put in order whenever a sixteenth of them has changed, which
    needs as much memory again for the while; until then changed rows are compared with every query.
    The first search makes folds of all rows, and later ones of those that have come since: 8 bytes
    a row, 40 from 1,024 bits on. Files do not hold them.
    Thread safe: searches run together, writers run one at a time, and a search sees the index
    before or after a write.
    Source: sdc1 to sdc4 are the symmetric distance calculation of Gan et al., "Binary
    Embedding-based Retrieval", KDD 2023, with lengths in full precision. BitBound: Swamidass and
    Baldi, J. Chem. Inf. Model. 47, 2007; folds: Baldi, Hirschberg and Nasr, the same 48, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> codes = bi.pack(np.eye(4, 16, dtype=bool))
    >>> index = bi.FlatIndex(n_bits=16)
    >>> index.add(codes)
    array([0, 1, 2, 3])
    >>> distances, ids = index.search(codes[2], k=3)
    >>> distances
    array([[0, 2, 2]], dtype=int32)
    >>> ids
    array([[2, 0, 1]])
    """

    _storage_kind: ClassVar[str] = "flat"
    _core_type: ClassVar[type[_core.Index]] = _core.FlatIndex

    def __init__(
        self,
        n_bits: SupportsIndex,
        metric: str = "hamming",
        *,
        sort_by: Literal["popcount"] | None = None,
        bit_order: BitOrder = "big",
    ) -> None:
        super().__init__(n_bits, metric, bit_order, {"sort_by": sort_by})

    @staticmethod
    def check_options(*, sort_by: str | None = None) -> dict[str, Any]:
        """Return the checked options of the compiled class."""
        if sort_by is None:
            return {}
        return {"sort_by": as_choice(sort_by, ("popcount",), "sort_by")}
