"""BEBR: recurrent binarization by a network that is trained on embeddings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._bitops import pack, unpack
from bitindex._border import as_choice, as_count, as_ratio
from bitindex.binarize.base import Binarizer
from bitindex.binarize.recurrent_compatible import Compatibility, compatibility, digest_of
from bitindex.binarize.recurrent_network import (
    Blocks,
    RecurrentNetwork,
    plane_values,
    row_lengths,
    unit_rows,
    weigh,
)
from bitindex.codes import Codes
from bitindex.embeddings import EmbeddingSource

if TYPE_CHECKING:
    from typing_extensions import Self

    from bitindex.binarize.recurrent_training import Learned

_RECIPES = ("default", "paper")
_QUERIES = ("float", "binary")
_DEVICES = ("cpu", "cuda")
_MOST_BITS_PER_DIM = 4
_PARTS = ("hidden", "hidden_bias", "output", "output_bias")


class RecurrentBinarizer(Binarizer):
    """BEBR: 1 to 4 bits for each dimension of a code that a network learns.

    A first layer gives a sign for each dimension of the code. Each further bit is the sign of what
    the bits so far do not yet reconstruct. The network is trained on embeddings alone: on pairs or
    labels that say what belongs together, or, without them, to keep each row's neighbours.

    Parameters
    ----------
    code_dim : int or None
        Dimensions of a code, >= 1; None: d, as many as the embeddings have.
    bits_per_dim : int or "ternary"
        Bits for each of them, from 1 to 4. Written as numbers v, the most significant bit first,
        B bits stand for the odd level 2v - (2^B - 1). "ternary": 3 levels, 2 bits stored.
    hidden_dim : int or None
        Width of the hidden layers, >= 1; None: d, or 2048 as in the paper.
    recipe : {"default", "paper"}
        The network and its training. "default" begins with the bits of rotated principal
        axes, which training can only improve; "paper" is what the paper describes.
    query : {"float", "binary"}
        How an :class:`~bitindex.EmbeddingIndex` compares a query with codes: "float" by products
        with a learned decoder, "binary" by the code of the query, levels with levels. Training
        aims at the one that is chosen.
    n_epochs : int
        How often training goes over the rows or pairs, >= 0. 0 leaves what training begins with.
    batch_size : int or None
        Rows or pairs a step of training, >= 2, or all where there are fewer. None: 512, or 2048
        as in the paper.
    n_train : int
        Without pairs and labels, rows of the random sample that is learned from, >= 1.
    device : {"cpu", "cuda"}
        Where training runs; "cuda" computes in bfloat16. Encoding always runs on the CPU.
    random_state : int
        Seed of all that is drawn, >= 0.

    Attributes
    ----------
    n_features_in_, n_bits_ : int
        Dimensions d of the embeddings, and bits per code.
    center_ : ndarray of float32, shape (d,)
        Zeros.
    decoder_ : ndarray of float32, shape (d, n_bits)
        D: a code with bits b in {-1, +1} stands for the direction of D b.
    plane_values_ : ndarray of float32, shape (n_planes,)
        What the bits of a dimension are worth.
    history_ : dict of str to list of float
        "loss" and "recall" of each epoch, the recall on held-out rows or pairs and with an entry
        for the untrained network first. Not kept in files.

    Notes
    -----
    Needs PyTorch to fit (``pip install bitindex[train]``), and only for that. The same seed gives
    the same network on one machine with one number of torch's threads. Codes of a fitted object
    depend on nothing but the row.

    Codes come with a factor, so that scores estimate the cosine, dot product or distance:
    |x| / |D b| for float queries, |x| / |levels| for binary ones. Rows are scaled to length 1
    before they enter the network.

    Source: Gan et al., "Binary embedding-based retrieval at Tencent", KDD 2023.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> X = np.random.default_rng(0).standard_normal((300, 16), dtype=np.float32)
    >>> codes = bi.RecurrentBinarizer(code_dim=20, bits_per_dim=2).fit(X).encode(X)
    >>> codes.packed.shape, codes.factors.shape
    ((300, 5), (300, 1))
    """

    has_factors: ClassVar[bool] = True

    _fitted_arrays: ClassVar[tuple[str, ...]] = (
        "center_",
        "decoder_",
        "plane_values_",
        *(f"to_code_{part}_" for part in _PARTS),
        *(f"to_row_{part}_" for part in _PARTS),
    )

    decoder_: npt.NDArray[np.float32]
    plane_values_: npt.NDArray[np.float32]
    history_: dict[str, list[float]]
    _compatible: Compatibility | None = None

    def __init__(
        self,
        code_dim: int | None = None,
        bits_per_dim: int | Literal["ternary"] = 2,
        hidden_dim: int | None = None,
        recipe: Literal["default", "paper"] = "default",
        query: Literal["float", "binary"] = "float",
        n_epochs: int = 10,
        batch_size: int | None = None,
        n_train: int = 100_000,
        device: Literal["cpu", "cuda"] = "cpu",
        random_state: int = 0,
    ) -> None:
        self.code_dim = code_dim
        self.bits_per_dim = bits_per_dim
        self.hidden_dim = hidden_dim
        self.recipe = recipe
        self.query = query
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.n_train = n_train
        self.device = device
        self.random_state = random_state

    def fit(
        self,
        X: EmbeddingSource,
        y: object = None,
        *,
        pairs: object = None,
        labels: object = None,
        queries: EmbeddingSource | None = None,
        validation: float = 0.1,
        progress: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches
            The embeddings that will be searched, or rows like them.
        y : ignored
        pairs : array of integers, shape (n_pairs, 2), optional
            What belongs together: the number of a row of `queries` (of X without them), and that
            of a row of X.
        labels : array, shape (n,), optional
            Rows of X with the same label belong together.
        queries : array of floats, shape (n_queries, d), .npy path, or iterator, optional
            Embeddings of the queries that `pairs` speak of.
        validation : float
            The share of rows or pairs that is held out, at most 1,000, above 0 and at most 0.5;
            the network that finds the most of them is kept.
        progress : bool, optional
            Show a progress bar. Default: on a terminal, if it takes longer than a second.
        checkpoint : str or os.PathLike, optional
            A file that is written after every epoch and removed at the end. If it is there
            already, training goes on where it stopped, and ends as if it had not.

        Returns
        -------
        RecurrentBinarizer
            This object; as it was before if the call fails.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as described, or X has no rows.
        ImportError
            If PyTorch is not installed.

        Warns
        -----
        RuntimeWarning
            If the loss becomes NaN or infinite: training ends, and the best network is kept.
        """
        self._check_params()
        if not 0 < as_ratio(validation, "validation", 0.0) <= 0.5:
            raise ValueError(f"validation must be above 0 and at most 0.5, got {validation}")
        training = _import_training()
        examples = training.read_examples(
            X, pairs, labels, queries, self.n_train, validation, self.random_state
        )
        self._learn(training.train(self._plan(training), examples, progress, checkpoint))
        return self

    def fit_compatible(
        self,
        X_new: EmbeddingSource,
        y: object = None,
        *,
        old: RecurrentBinarizer,
        X_old: EmbeddingSource,
        pairs: object = None,
        labels: object = None,
        queries: EmbeddingSource | None = None,
        validation: float = 0.1,
        progress: bool | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Train for new embeddings, so that their queries also search codes of old ones.

        Parameters
        ----------
        X_new : array of floats, shape (n, d), .npy path, or iterator of batches
            New embeddings, all of which are learned from, whatever `n_train` says.
        y : ignored
        old : RecurrentBinarizer
            What made the old codes; with the same `bits_per_dim` and `query`, and with no more
            dimensions a code. It stays as it is.
        X_old : array of floats, shape (n, d_old), .npy path, or iterator of batches
            Old embeddings of the same things, row by row.
        pairs, labels, queries, validation, progress, checkpoint
            As of :meth:`fit`; `queries` are new embeddings.

        Returns
        -------
        RecurrentBinarizer
            This object; as it was before if the call fails.

        Raises
        ------
        TypeError, ValueError, ImportError
            As :meth:`fit`, or if `old` or X_old does not fit.

        Notes
        -----
        With float queries the new codes are those of :meth:`fit`, and old ones are decoded to new
        embeddings by least squares. With binary queries the first dimensions of a new code begin
        as the turn of the new embeddings that is nearest to the old codes, the others as the
        principal axes of the rest, and training adds the loss of new queries on old codes, which
        stay fixed.

        Source: section 3.3 of the paper; the start after Zhou et al., "BT^2: Backward-compatible
        training with basis transformation", ICCV 2023.
        """
        self._check_params()
        self._check_old(old)
        training = _import_training()
        rows = training.read_rows(X_new, "X_new")
        old_rows = training.read_rows(X_old, "X_old", old.n_features_in_)
        if len(rows) != len(old_rows):
            raise ValueError(
                f"X_old must have a row for each of X_new ({len(rows)}), got {len(old_rows)}"
            )
        if old.n_bits_ > len(old.plane_values_) * (self.code_dim or rows.shape[1]):
            raise ValueError(
                f"code_dim must be >= that of the old codes, "
                f"{old.n_bits_ // len(old.plane_values_)}, got {self.code_dim or rows.shape[1]}"
            )
        examples = training.read_examples(
            rows, pairs, labels, queries, len(rows), validation, self.random_state
        )
        old_codes = old.encode(old_rows, progress=False)
        if self.query == "binary":
            signs = unpack(old_codes.packed, old.n_bits_).reshape(
                len(rows), -1, len(old.plane_values_)
            )
            examples.set_old(unit_rows(weigh(signs, old.plane_values_)))
        twin = type(self)(**self.get_params())
        twin._learn(training.train(self._plan(training), examples, progress, checkpoint))
        twin._compatible = compatibility(twin, rows, old, old_codes)
        self.__dict__.update(twin.__dict__)
        return self

    def can_search(self, other: Binarizer) -> bool:
        """Tell whether queries search codes of another one: itself, or the old version."""
        if other is self:
            return True
        compatible = self._compatible
        return (
            compatible is not None
            and isinstance(other, RecurrentBinarizer)
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
            return self._compatible.queries(self, directions)
        if other is not self:
            raise ValueError(f"{self!r} cannot search codes of {other!r}")
        return self.query_weights(directions), np.zeros(len(directions), np.float32)

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
        levels = weigh(network.signs(rows, 0), network.values)
        scaled = levels * _quotient(row_lengths(rows), row_lengths(levels))
        return (scaled[:, :, np.newaxis] * network.values).reshape(len(rows), self.n_bits_)

    def _encode_rows(self, rows: npt.NDArray[np.float32], threads: int) -> Codes:
        network = self.network
        signs = network.signs(rows, threads)
        packed = pack(signs.reshape(len(rows), self.n_bits_))
        if self.query == "float":
            factors = _quotient(row_lengths(rows), row_lengths(self._decode_signs(signs, threads)))
        else:
            factors = _quotient(row_lengths(rows), row_lengths(weigh(signs, network.values)))
        return Codes(packed, factors, self.n_bits_)

    def _decode_rows(self, packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._decode_signs(unpack(packed, self.n_bits_), 0)

    def _decode_signs(self, signs: npt.NDArray[np.bool_], threads: int) -> npt.NDArray[np.float32]:
        bits = np.full((len(signs), self.n_bits_), np.float32(-1))
        bits += signs.reshape(bits.shape) * np.float32(2)
        return _core.project(bits, None, np.ascontiguousarray(self.decoder_.T), threads)

    def _plan(self, training: Any) -> Any:
        return training.Plan(
            code_dim=self.code_dim,
            values=plane_values(self.bits_per_dim),
            hidden_dim=self.hidden_dim,
            recipe=self.recipe,
            float_queries=self.query == "float",
            n_epochs=self.n_epochs,
            batch_size=self.batch_size,
            device=self.device,
            random_state=self.random_state,
        )

    def _check_old(self, old: object) -> None:
        if not isinstance(old, RecurrentBinarizer):
            raise TypeError(f"old must be a RecurrentBinarizer, got {type(old).__name__}")
        old._check_fitted()
        if not np.array_equal(old.plane_values_, plane_values(self.bits_per_dim)):
            raise ValueError(
                f"old must have bits_per_dim={self.bits_per_dim!r}, got {old.bits_per_dim!r}"
            )
        if old.query != self.query:
            raise ValueError(f"old must have query={self.query!r}, got {old.query!r}")

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

    def _check_params(self) -> None:
        if self.code_dim is not None:
            as_count(self.code_dim, "code_dim", 1)
        if isinstance(self.bits_per_dim, str):
            as_choice(self.bits_per_dim, ("ternary",), "bits_per_dim")
        elif as_count(self.bits_per_dim, "bits_per_dim", 1) > _MOST_BITS_PER_DIM:
            raise ValueError(
                f"bits_per_dim must be <= {_MOST_BITS_PER_DIM}, got {self.bits_per_dim}"
            )
        if self.hidden_dim is not None:
            as_count(self.hidden_dim, "hidden_dim", 1)
        as_choice(self.recipe, _RECIPES, "recipe")
        as_choice(self.query, _QUERIES, "query")
        as_count(self.n_epochs, "n_epochs", 0)
        if self.batch_size is not None:
            as_count(self.batch_size, "batch_size", 2)
        as_count(self.n_train, "n_train", 1)
        as_choice(self.device, _DEVICES, "device")
        as_count(self.random_state, "random_state", 0)


def _quotient(
    numerators: npt.NDArray[np.float64], denominators: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """Return quotients as a column, 0 where the denominator is."""
    quotients = np.divide(
        numerators, denominators, out=np.zeros_like(numerators), where=denominators > 0
    )
    return quotients.astype(np.float32)[:, np.newaxis]


def _import_training() -> Any:
    """Return the training package.

    Raises
    ------
    ImportError
        If PyTorch is missing.
    """
    try:
        return import_module("bitindex.binarize.recurrent_training")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            "RecurrentBinarizer is trained with PyTorch: pip install bitindex[train]"
        ) from error
