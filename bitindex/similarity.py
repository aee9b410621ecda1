"""Cosine, dot product and Euclidean distance, estimated from codes.

With r_q = q - center and r_x = x - center, and codes that stand for r_x:

    cosine   of rows scaled to length 1: the cosine of r_q and the code
    dot      <q, x>      = <q, center> + <center, r_x> + <r_q, r_x>
    l2       -|q - x|^2  = -|r_q|^2 - |r_x|^2 + 2 <r_q, r_x>

Only <r_q, r_x> is estimated, by scale * <D^T r_q, b>. What depends on x alone is stored beside its
code (a scale, an offset), what depends on q alone is added to the finished scores. Codes of a
binarizer that reconstructs need no scale, and where it folds the center, the cosine
<q, x> = <q, center> + <q, r_x> needs no offset either.

Where an index holds codes of several binarizers, queries of one become weights for the codes of
another, and a constant that brings the scores to its own scale: see ``Binarizer.queries_for``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitindex._bitops import pack
from bitindex.binarize.base import Binarizer
from bitindex.codes import Codes
from bitindex.row_dots import row_dots

Floats = npt.NDArray[np.float32]

# Products of two such rows, and of a scale and a sum of weights, are finite in float32.
_LARGEST_NORM = 1e17
# Means of rows of length 1 are shorter; their medians may be a little longer.
_LARGEST_UNIT_CENTER = 1.5
# Random codes that tell how large weights are.
_WEIGHED_CODES = 256


@dataclass(frozen=True)
class QueryEstimates:
    """Queries as the core scores them: weights per bit, or signs with a magnitude each."""

    weights: Floats | None
    signs: npt.NDArray[np.uint8] | None
    magnitudes: Floats | None
    constants: Floats | None  # added to all scores of a query


@dataclass(frozen=True)
class Similarity:
    """One way to compare embeddings; see the list ``SIMILARITIES``."""

    name: str
    unit_rows: bool  # rows and queries are scaled to length 1 first
    needs_scales: bool  # codes without factors get a scale of their own
    squared_l2: bool

    def prepare(self, rows: Floats) -> Floats:
        """Return rows as they are encoded, searched and stored."""
        norms = np.sqrt(row_dots(rows, rows))
        if not self.unit_rows:
            if norms.max(initial=0.0) > _LARGEST_NORM:
                raise ValueError(
                    f"embeddings must have norms of at most {_LARGEST_NORM:g} with "
                    f"similarity={self.name!r}, got {norms.max():g}"
                )
            return rows
        norms[norms == 0] = 1.0  # a zero row has cosine 0 with everything
        return np.divide(  # in float64, but without a matrix of it
            rows, norms[:, np.newaxis], out=np.empty_like(rows), casting="same_kind"
        )

    def check_center(self, binarizer: Binarizer) -> None:
        """Refuse a binarizer whose center cannot be that of the rows of this similarity.

        Raises
        ------
        ValueError
            If rows have length 1 and the center lies outside all of them: it was learned from rows
            of other lengths, and every code would be alike.
        """
        length = float(np.sqrt(row_dots(binarizer.center_[np.newaxis], binarizer.center_)[0]))
        if self.unit_rows and length > _LARGEST_UNIT_CENTER:
            raise ValueError(
                f"similarity={self.name!r} encodes rows of length 1, but the binarizer was fitted "
                f"on longer ones (its center has length {length:.3g}): fit it with "
                "EmbeddingIndex(...).fit(X), or on rows of length 1"
            )

    def has_scales(self, binarizer: Binarizer) -> bool:
        """Tell whether a scale is stored beside each code."""
        return not binarizer.reconstructs and (self.needs_scales or binarizer.has_factors)

    def has_offsets(self, binarizer: Binarizer) -> bool:
        """Tell whether an offset is stored beside each code."""
        if self.squared_l2:
            return True
        centers = binarizer.reconstructs or self.has_scales(binarizer)
        return centers and not self._folds(binarizer) and bool(binarizer.center_.any())

    def _folds(self, binarizer: Binarizer) -> bool:
        return self.unit_rows and binarizer.folds_center

    def scales(self, binarizer: Binarizer, rows: Floats, codes: Codes) -> Floats | None:
        """Return the scale of each code, shape (n,), or None if none is stored.

        That of the binarizer, or the unbiased length.
        """
        if not self.has_scales(binarizer):
            return None
        if codes.factors is not None:
            return np.ascontiguousarray(codes.factors[:, 0])
        return binarizer._unbiased_lengths(rows - binarizer.center_, codes.packed)

    def offsets(self, binarizer: Binarizer, rows: Floats) -> Floats | None:
        """Return the offset of each code, shape (n,), or None if none is stored."""
        if not self.has_offsets(binarizer):
            return None
        directions = rows - binarizer.center_
        if self.squared_l2:
            return (-row_dots(directions, directions)).astype(np.float32)
        return row_dots(directions, binarizer.center_).astype(np.float32)

    def weight_sizes(self, binarizer: Binarizer) -> Floats:
        """Return how large the weights of queries are that are rows of scale 1, shape (n_bits,).

        To six bits, so that it does not matter how a machine rounds products.
        """
        bits = np.random.default_rng(0).random((_WEIGHED_CODES, binarizer.n_bits_)) < 0.5
        weights = binarizer.query_weights(binarizer._decode_rows(pack(bits)))
        fractions, exponents = np.frexp(np.abs(weights).mean(axis=0))
        sizes = np.ldexp(np.round(fractions * 64) / 64, exponents)
        return np.asarray(2 * sizes if self.squared_l2 else sizes, np.float32)

    def queries(self, binarizer: Binarizer, queries: Floats, coder: Binarizer) -> QueryEstimates:
        """Return prepared queries as the core scores them.

        The codes are those of ``coder``, which is the binarizer itself unless an index holds
        several versions.
        """
        scaled = self.has_scales(coder)
        directions = queries if self._folds(binarizer) else queries - binarizer.center_
        weights, shifts = binarizer.queries_for(coder, directions)
        factor = np.full(len(queries), 2.0 if self.squared_l2 else 1.0)
        constants: npt.NDArray[np.float64] | None = None
        if self.squared_l2:
            constants = -row_dots(directions, directions)
        elif scaled or coder.reconstructs:
            constants = row_dots(queries, binarizer.center_)
        else:
            lengths = np.sqrt(row_dots(weights, weights) * coder.n_bits_)
            factor = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        if coder is not binarizer:
            constants = np.add(shifts, 0.0 if constants is None else constants, dtype=np.float64)
        added = None if constants is None else constants.astype(np.float32)
        if not binarizer.binary_queries:
            weights = np.ascontiguousarray(weights * factor[:, np.newaxis], dtype=np.float32)
            return QueryEstimates(weights, None, None, added)
        if scaled:
            absolute = np.abs(weights).sum(axis=1, dtype=np.float64)
            squares = row_dots(weights, weights)
            factor *= np.divide(squares, absolute, out=np.zeros_like(squares), where=absolute > 0)
        else:
            factor = np.full(len(queries), 1.0 / coder.n_bits_)
        return QueryEstimates(None, pack(weights > 0), factor.astype(np.float32), added)


# THE list of similarities.
SIMILARITIES = {
    similarity.name: similarity
    for similarity in (
        Similarity("cosine", unit_rows=True, needs_scales=False, squared_l2=False),
        Similarity("dot", unit_rows=False, needs_scales=True, squared_l2=False),
        Similarity("l2", unit_rows=False, needs_scales=True, squared_l2=True),
    )
}
