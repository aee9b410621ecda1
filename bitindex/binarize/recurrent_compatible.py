"""How queries of a new version search the codes of an old one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._bitops import unpack
from bitindex.binarize.recurrent_network import Floats, row_lengths, unit_rows
from bitindex.codes import Codes
from bitindex.storage.format import new_checksum

if TYPE_CHECKING:
    from bitindex.binarize.recurrent_codes import RecurrentCodes

_RIDGE = 1e-3
_MOST_ROWS = 20_000
_CALIBRATION_QUERIES = 200
_CALIBRATION_ROWS = 2000
_CALIBRATION_NEAREST = 10


@dataclass(frozen=True)
class Compatibility:
    """What a binarizer knows of the old one whose codes its queries can search.

    Attributes
    ----------
    digest : str
        Of the old binarizer; see `digest_of`.
    to_old : ndarray of float32, shape (d, d_old), or None
        What turns new queries into old ones. None: the first dimensions of a new code are compared
        with an old code.
    alpha, beta : float
        alpha * old score + beta is on the scale of scores of new codes, for rows of length 1.
    """

    digest: str
    to_old: Floats | None
    alpha: float = 1.0
    beta: float = 0.0

    def weights(self, new: RecurrentCodes, old: RecurrentCodes, directions: Floats) -> Floats:
        """Return what bits of old codes weigh, before calibration."""
        rows = np.ascontiguousarray(directions)
        lengths = row_lengths(rows)
        if self.to_old is not None:
            turned = unit_rows(_core.project(rows, None, self.to_old, 0))
            return old.query_weights(np.asarray(turned * lengths[:, np.newaxis], np.float32))
        weights = new.query_weights(rows)[:, : old.n_bits_]
        # All of a query's length goes to the dimensions that count here.
        levels = weights.reshape(len(weights), -1, len(new.plane_values_))[:, :, -1]
        first = row_lengths(levels)
        first[first == 0] = 1.0
        return np.asarray(weights * (lengths / first)[:, np.newaxis], np.float32)

    def queries(
        self, new: RecurrentCodes, old: RecurrentCodes, directions: Floats
    ) -> tuple[Floats, npt.NDArray[np.float32]]:
        """Return weights and constants, calibrated."""
        weights = self.weights(new, old, directions) * np.float32(self.alpha)
        return weights, (self.beta * row_lengths(directions)).astype(np.float32)

    def to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the fields and arrays that a file keeps."""
        meta = {"digest": self.digest, "alpha": self.alpha, "beta": self.beta}
        return meta, {} if self.to_old is None else {"compatible_to_old": self.to_old}

    @classmethod
    def from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], n_dims: int
    ) -> Compatibility:
        """Return what `to_stored` was called on; ValueError if it does not fit together."""
        to_old = sections.get("compatible_to_old")
        if to_old is not None and (to_old.ndim != 2 or len(to_old) != n_dims):
            raise ValueError(f"compatible_to_old must have shape ({n_dims}, d_old)")
        return cls(str(meta["digest"]), to_old, float(meta["alpha"]), float(meta["beta"]))


def digest_of(binarizer: RecurrentCodes) -> str:
    """Return what tells a fitted binarizer from others, also after it was saved and loaded."""
    digest = new_checksum()
    digest.update(binarizer.query.encode())
    for name in binarizer._fitted_arrays:
        digest.update(np.ascontiguousarray(getattr(binarizer, name)).tobytes())
    return digest.hexdigest()


def compatibility(
    new: RecurrentCodes, rows: Floats, old: RecurrentCodes, old_rows: Floats, prefix: bool
) -> Compatibility:
    """Return how fitted new queries search old codes, learned from embeddings of length 1."""
    chosen = np.random.default_rng(0).permutation(len(rows))[:_MOST_ROWS]
    rows, old_rows = rows[chosen], old_rows[chosen]
    to_old = None
    if not prefix:
        gram = (rows.T @ rows).astype(np.float64)
        gram += _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
        moments = (rows.T @ old_rows).astype(np.float64)
        to_old = np.ascontiguousarray(np.linalg.solve(gram, moments).astype(np.float32))
    raw = Compatibility(digest_of(old), to_old)
    queries = rows[:_CALIBRATION_QUERIES]
    base = slice(_CALIBRATION_QUERIES, _CALIBRATION_QUERIES + _CALIBRATION_ROWS)
    if len(rows[base]) < _CALIBRATION_NEAREST:
        return raw
    own = new.query_weights(queries) @ _scaled_bits(new.encode(rows[base])).T
    others = raw.weights(new, old, queries) @ _scaled_bits(old.encode(old_rows[base])).T
    # Near rows decide: the scores of distant ones lie on another line.
    k = _CALIBRATION_NEAREST
    nearest = np.argpartition(-(queries @ rows[base].T), k - 1, axis=1)[:, :k]
    wanted, found = (
        np.take_along_axis(scores, nearest, axis=1).ravel() for scores in (own, others)
    )
    spread = float(((found - found.mean()) ** 2).mean())
    if not spread > 0:
        return raw
    covariance = float(((found - found.mean()) * (wanted - wanted.mean())).mean())
    alpha = covariance / spread
    beta = float(wanted.mean()) - alpha * float(found.mean())
    return Compatibility(raw.digest, to_old, alpha, beta)


def _scaled_bits(codes: Codes) -> Floats:
    assert codes.factors is not None
    bits = np.where(unpack(codes.packed, codes.n_bits), np.float32(1), np.float32(-1))
    return np.asarray(bits * codes.factors, np.float32)
