"""Additive binary codes: a learned decoder, and codes that are searched for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from bitindex import _core
from bitindex._border import as_bool, as_count
from bitindex.binarize.additive_training import (
    DecoderTraining,
    columns_of_bits,
    plain_metric,
    score_metric,
)
from bitindex.binarize.base import Binarizer
from bitindex.binarize.sampling import sample_rows
from bitindex.codes import Codes
from bitindex.embeddings import EmbeddingSource
from bitindex.progress import progress_bar
from bitindex.row_dots import row_dots

if TYPE_CHECKING:
    from typing_extensions import Self

_MOST_BITS = 65536
# The standard deviation of lengths over their mean from which on a length of its own serves a row
# better than 32 more bits. Texts have .05 to .08, word vectors and SIFT .17 to .19.
_LENGTHS_DIFFER = 0.1
# With fewer rows for each dimension no metric can be learned, and codes are as those of RaBitQ, but
# for a decoder that is held back towards a rotation.
_FEW_ROWS = 2
# Steps up to one bit a dimension, where flipped signs rest for fewer of them.
_PATIENCE = 42


class AdditiveBinarizer(Binarizer):
    """Additive binary codes: the most recall per byte.

    An embedding is about center + D b: each bit adds or subtracts one column of a learned matrix
    D, and the bits of a row are searched for together.

    Parameters
    ----------
    n_bits : int or None
        Bits per code, any number >= 1; None: d, one for each dimension. From d / 8 to 8 d is where
        it was measured.
    n_rounds : int
        Rounds of training, each of which improves the codes of the sample and then D, >= 0.
    patience : int or None
        The search for the code of a row ends so many steps after the best one it found, >= 0.
        0 is the fastest, and loses about .02 of recall@10. None: 42 up to one bit a dimension, from
        4/3 of a bit a dimension on n_bits / 4, which is close to what many more give.
    store_lengths : bool or None
        Whether the length of a row is stored beside its code, as a factor (4 bytes), and the bits
        stand for its direction alone. None: where lengths in the sample differ, by more than a
        tenth in standard deviation, or the sample has fewer than 2 d rows.
    n_train : int
        Rows of the random sample that is learned from, >= 1.
    random_state : int
        Seed of the sample and of the first decoder, >= 0.

    Attributes
    ----------
    n_features_in_, n_bits_ : int
        Dimensions d of the embeddings, and bits per code.
    stores_lengths_ : bool
        Whether codes come with a factor, the length of a row from the center.
    center_ : ndarray of float32, shape (d,)
        The mean of the sample.
    decoder_ : ndarray of float32, shape (d, n_bits)
        D, columns by descending energy; the bits of a code are in another order.

    Notes
    -----
    Where rows are about as long as each other, codes have no factors: D b stands for x - center
    with its length, and the bytes that a factor would take are better spent on bits. Elsewhere
    D b stands for the direction of x - center, and a factor for its length. So it does where rows
    to learn from are few: the factor is the unbiased length of RaBitQ then, and the codes are at
    least as good.

    The error that training and encoding minimise is that of scores of queries near the row, not
    that of the embedding: it weighs directions by how far neighbours in the sample lie apart in
    them, and the direction of the row itself most. Fit on rows as they will be encoded
    (:meth:`EmbeddingIndex.fit` does).
    Of rows of length 1 around a short center the inner products are kept, so that the cosine needs
    no offset beside the code; of others the distances and inner products around the center.

    Encoding takes 2 d m + m^2 multiplications of 8-bit integers a row, beyond one bit a dimension
    4 d m + m^2 / 2, and m of 16-bit integers for each step of the search. Training uses NumPy's
    linear algebra, whose last bits differ between machines; what one fitted object encodes does
    not.

    Source: kin of Babenko & Lempitsky, "Additive quantization for extreme vector compression",
    CVPR 2014, and Carreira-Perpinan & Raziperchikolaei, "Hashing with binary autoencoders", CVPR
    2015; the error along a row after Guo et al., "Accelerating large-scale inference with
    anisotropic vector quantization", ICML 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import bitindex as bi
    >>> X = np.random.default_rng(0).standard_normal((1000, 20), dtype=np.float32)
    >>> binarizer = bi.AdditiveBinarizer(n_bits=32).fit(X)
    >>> binarizer.encode(X).packed.shape
    (1000, 4)
    """

    _fitted_arrays: ClassVar[tuple[str, ...]] = (
        "center_",
        "decoder_",
        "weighted_decoder_",
        "evidence_",
        "feedback_",
        "along_center_",
        "along_weight_",
        "stored_lengths_",
    )

    decoder_: npt.NDArray[np.float32]
    weighted_decoder_: npt.NDArray[np.float32]
    evidence_: npt.NDArray[np.float32]
    feedback_: npt.NDArray[np.float32]
    along_center_: npt.NDArray[np.float32]
    along_weight_: npt.NDArray[np.float32]
    stored_lengths_: npt.NDArray[np.float32]
    # The arrays that a coder was made from, and the coder. Not in the attributes' dictionary, which
    # encoding must not change.
    __slots__ = ("_coder",)
    _coder: tuple[tuple[npt.NDArray[np.float32], ...], _core.AdditiveCoder]

    def __init__(
        self,
        n_bits: int | None = None,
        n_rounds: int = 8,
        patience: int | None = None,
        store_lengths: bool | None = None,
        n_train: int = 30_000,
        random_state: int = 0,
    ) -> None:
        self.n_bits = n_bits
        self.n_rounds = n_rounds
        self.patience = patience
        self.store_lengths = store_lengths
        self.n_train = n_train
        self.random_state = random_state

    def fit(self, X: EmbeddingSource, y: object = None, *, progress: bool | None = None) -> Self:
        """Learn the decoder from a sample.

        Parameters
        ----------
        X : array of floats, shape (n, d), .npy path, or iterator of batches
        y : ignored
        progress : bool, optional
            Show a progress bar. Default: on a terminal, if it takes longer than a second.

        Returns
        -------
        AdditiveBinarizer
            This object.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is not as described, or X has no rows.
        """
        self._check_params()
        rows = sample_rows(X, self.n_train, self.random_state)
        n_dims = rows.shape[1]
        n_bits = n_dims if self.n_bits is None else self.n_bits
        center = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
        few = len(rows) < _FEW_ROWS * n_dims
        stores_lengths = self.store_lengths
        if stores_lengths is None:
            stores_lengths = few or _lengths_differ(rows, center)
        origin = center
        if stores_lengths:
            rows, origin = _split_lengths(rows, center)[0], np.zeros_like(center)
        metric = (
            plain_metric(n_dims)
            if few and stores_lengths
            else score_metric(rows - origin, origin, self.random_state)
        )
        training = DecoderTraining(rows, origin, metric, n_bits, self.random_state)
        with progress_bar(self.n_rounds, "fit", progress, unit="rounds") as bar:
            for _ in range(self.n_rounds):
                training.round()
                bar.update(1)
        coder = training.coder()
        self.center_ = center
        self.decoder_ = coder.decoder
        self.weighted_decoder_ = coder.weighted
        self.evidence_ = coder.evidence
        self.feedback_ = coder.feedback
        self.along_center_ = metric.along_center
        self.along_weight_ = np.array([metric.along_weight], np.float32)
        self.stored_lengths_ = np.array([stores_lengths], np.float32)
        self.n_features_in_ = n_dims
        self.n_bits_ = n_bits
        return self

    @property
    def stores_lengths_(self) -> bool:
        """Whether codes come with a factor, the length of a row from the center."""
        return bool(self.stored_lengths_[0])

    @property
    def has_factors(self) -> bool:
        """Whether codes come with the lengths of rows."""
        return self.stores_lengths_

    @property
    def reconstructs(self) -> bool:
        """Whether D b stands for rows with their lengths."""
        return not self.stores_lengths_

    @property
    def folds_center(self) -> bool:
        """Whether the sample had rows of length 1 around a short center."""
        return bool(self.along_center_.any())

    def query_weights(self, directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the queries' products with the columns of D."""
        products = _core.project(np.ascontiguousarray(directions), None, self.decoder_, 0)
        return np.ascontiguousarray(products[:, columns_of_bits(self.n_bits_)])

    def _encode_rows(self, rows: npt.NDArray[np.float32], threads: int) -> Codes:
        if not self.stores_lengths_:
            return Codes(self._search(rows, threads), None, self.n_bits_)
        directions, lengths = _split_lengths(rows, self.center_)
        packed = self._search(directions, threads)
        if self.along_weight_[0] == 0:  # nothing held back the error along the rows
            lengths *= self._unbiased_lengths(directions, packed)[:, np.newaxis]
        return Codes(packed, lengths, self.n_bits_)

    def _search(self, rows: npt.NDArray[np.float32], threads: int) -> npt.NDArray[np.uint8]:
        return self._made_coder().encode(rows, self._search_patience(), None, threads)

    def _made_coder(self) -> _core.AdditiveCoder:
        """Return the coder of the arrays that this object has now, made where they are new.

        It takes as long as hundreds of codes. Two threads may both make it, and make the same. An
        array that is changed in place is not noticed.
        """
        arrays = tuple(getattr(self, name) for name in self._fitted_arrays)
        made = getattr(self, "_coder", None)
        if made is None or any(a is not b for a, b in zip(made[0], arrays, strict=True)):
            coder = _core.AdditiveCoder(
                np.zeros_like(self.center_) if self.stores_lengths_ else self.center_,
                self.along_center_,
                self.decoder_,
                self.weighted_decoder_,
                self.evidence_,
                self.feedback_,
                float(self.along_weight_[0]),
            )
            made = self._coder = (arrays, coder)
        return made[1]

    def __getstate__(self) -> dict[str, Any]:
        """Return what copies and pickles keep: all but the coder, which they make anew."""
        return vars(self)

    def _search_patience(self) -> int:
        """Return the patience, which by default grows with the bits beyond one a dimension."""
        if self.patience is not None:
            return self.patience
        more_bits = self.n_bits_ - self.n_features_in_
        return _PATIENCE if more_bits <= 0 else max(50, min(self.n_bits_ // 4, more_bits))

    def _check_params(self) -> None:
        if self.n_bits is not None and as_count(self.n_bits, "n_bits", 1) > _MOST_BITS:
            raise ValueError(f"n_bits must be <= {_MOST_BITS}, got {self.n_bits}")
        as_count(self.n_rounds, "n_rounds", 0)
        if self.patience is not None:
            as_count(self.patience, "patience", 0)
        if self.store_lengths is not None:
            as_bool(self.store_lengths, "store_lengths")
        as_count(self.n_train, "n_train", 1)
        as_count(self.random_state, "random_state", 0)

    def _check_learned(self) -> None:
        d, m = self.n_features_in_, self.n_bits_
        shapes = {
            "decoder_": (d, m),
            "weighted_decoder_": (d, m),
            "evidence_": (d, m),
            "feedback_": (m, m),
            "along_center_": (d,),
            "along_weight_": (1,),
            "stored_lengths_": (1,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have shape {shape}")


def _split_lengths(
    rows: npt.NDArray[np.float32], center: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the directions of rows from the center, of length 1 or 0, and lengths (n, 1)."""
    directions = rows - center
    lengths = np.sqrt(row_dots(directions, directions))[:, np.newaxis].astype(np.float32)
    return np.divide(directions, lengths, out=directions, where=lengths > 0), lengths


def _lengths_differ(rows: npt.NDArray[np.float32], center: npt.NDArray[np.float32]) -> bool:
    lengths = _split_lengths(rows, center)[1].astype(np.float64)
    return bool(lengths.std() > _LENGTHS_DIFFER * lengths.mean())
