"""What a fitted recurrent network makes of rows and queries, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._bitops import pack, unpack
from bitindex.binarize.base import Binarizer
from bitindex.binarize.recurrent_compatible import Compatibility, digest_of
from bitindex.binarize.recurrent_network import (
    Blocks,
    RecurrentNetwork,
    plane_values,
    row_lengths,
)
from bitindex.codes import Codes

if TYPE_CHECKING:
    from typing_extensions import Self

    from bitindex.binarize.recurrent_training import Learned

_PARTS = ("hidden", "hidden_bias", "output", "output_bias")


class RecurrentCodes(Binarizer):
    """All of :class:`~bitindex.RecurrentBinarizer` that needs no training."""

    _fitted_arrays: ClassVar[tuple[str, ...]] = (
        "center_",
        "decoder_",
        "plane_values_",
        *(f"to_code_{part}_" for part in _PARTS),
        *(f"to_row_{part}_" for part in _PARTS),
    )

    code_dim: int | None
    bits_per_dim: int | Literal["ternary"]
    query: Literal["float", "binary"]
    decoder_: npt.NDArray[np.float32]
    plane_values_: npt.NDArray[np.float32]
    history_: dict[str, list[float]]
    _compatible: Compatibility | None = None

    @property
    def has_factors(self) -> bool:
        """True: a scale, so that scores estimate similarities of rows of any length."""
        return True

    @property
    def network(self) -> RecurrentNetwork:
        """The fitted matrices that make codes."""
        self._check_fitted()
        to_code, to_row = (
            Blocks(*(getattr(self, f"{name}_{part}_") for part in _PARTS))
            for name in ("to_code", "to_row")
        )
        return RecurrentNetwork(to_code, to_row, self.plane_values_)

    def query_weights(self, directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the products of queries and D, or the levels of the queries' own codes."""
        rows = np.ascontiguousarray(directions)
        if self.query == "float":
            return _core.project(rows, None, self.decoder_, 0)
        network = self.network
        levels = network.codes(rows, 0)[1]
        scaled = levels * _quotient(row_lengths(rows), row_lengths(levels))
        return (scaled[:, :, np.newaxis] * network.values).reshape(len(rows), self.n_bits_)

    def _encode_rows(self, rows: npt.NDArray[np.float32], threads: int) -> Codes:
        signs, levels = self.network.codes(rows, threads)
        packed = pack(signs.reshape(len(rows), self.n_bits_))
        decoded = self._decode_signs(signs, threads) if self.query == "float" else levels
        return Codes(packed, _quotient(row_lengths(rows), row_lengths(decoded)), self.n_bits_)

    def _decode_rows(self, packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._decode_signs(unpack(packed, self.n_bits_), 0)

    def _decode_signs(self, signs: npt.NDArray[np.bool_], threads: int) -> npt.NDArray[np.float32]:
        bits = np.full((len(signs), self.n_bits_), np.float32(-1))
        bits += signs.reshape(bits.shape) * np.float32(2)
        return _core.project(bits, None, np.ascontiguousarray(self.decoder_.T), threads)

    def can_search(self, other: Binarizer) -> bool:
        """Tell whether queries search codes of another one: itself, or the old version."""
        if other is self:
            return True
        compatible = self._compatible
        return (
            compatible is not None
            and isinstance(other, RecurrentCodes)
            and hasattr(other, "n_bits_")
            and compatible.digest == digest_of(other)
        )

    def queries_for(
        self, other: Binarizer, directions: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return what bits of another one's codes weigh, and what is added to each score.

        Parameters
        ----------
        other : Binarizer
            This object, or the old version.
        directions : ndarray of float32, shape (nq, d)
            Queries of this object's embeddings.

        Returns
        -------
        weights : ndarray of float32, shape (nq, other.n_bits_)
        constants : ndarray of float32, shape (nq,)
            scale * <weights, b> + constant is on the scale of scores of own codes.

        Raises
        ------
        ValueError
            If queries cannot search these codes.
        """
        if other is not self and self.can_search(other):
            assert self._compatible is not None
            assert isinstance(other, RecurrentCodes)
            return self._compatible.queries(self, other, directions)
        if other is not self:
            raise ValueError(f"{self!r} cannot search codes of {other!r}")
        return self.query_weights(directions), np.zeros(len(directions), np.float32)

    def _to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        meta, arrays = super()._to_stored()
        if self._compatible is not None:
            meta["compatible"], more = self._compatible.to_stored()
            arrays |= more
        return meta, arrays

    @classmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
    ) -> Self:
        binarizer = super()._from_stored(meta, sections, mapped)
        if "compatible" in meta:
            binarizer._compatible = Compatibility.from_stored(
                meta["compatible"], sections, binarizer.n_features_in_
            )
        return binarizer

    def _learn(self, learned: Learned) -> None:
        self.center_ = np.zeros(learned.decoder.shape[0], np.float32)
        self.decoder_ = learned.decoder
        self.plane_values_ = learned.values
        for name, blocks in (("to_code", learned.to_code), ("to_row", learned.to_row)):
            for part in _PARTS:
                setattr(self, f"{name}_{part}_", getattr(blocks, part))
        self.history_ = learned.history
        self._compatible = None
        self.n_features_in_, self.n_bits_ = self.decoder_.shape

    def _check_learned(self) -> None:
        n_dims, network = self.n_features_in_, self.network
        if not np.array_equal(self.plane_values_, plane_values(self.bits_per_dim)):
            raise ValueError(f"plane_values_ must be {plane_values(self.bits_per_dim)}")
        code_dim, rest = divmod(self.n_bits_, len(network.values))
        if rest or code_dim != (self.code_dim or n_dims):
            raise ValueError(f"n_bits must be code_dim times the planes, got {self.n_bits_}")
        if self.decoder_.shape != (n_dims, self.n_bits_):
            raise ValueError(f"decoder_ must have shape {(n_dims, self.n_bits_)}")
        n_planes = len(network.values)
        network.to_code.check("to_code", n_planes, n_dims, code_dim)
        network.to_row.check("to_row", n_planes - 1, code_dim, n_dims)


def _quotient(
    numerators: npt.NDArray[np.float64], denominators: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Return quotients as a column, 0 where the denominator is."""
    quotients = np.divide(
        numerators, denominators, out=np.zeros_like(numerators), where=denominators > 0
    )
    return quotients.astype(np.float32)[:, np.newaxis]
