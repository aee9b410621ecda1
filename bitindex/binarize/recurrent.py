"""BEBR: recurrent binarization by a network that is trained on embeddings."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bitindex._border import as_bool, as_choice, as_count, as_ratio
from bitindex.binarize.recurrent_codes import RecurrentCodes
from bitindex.binarize.recurrent_compatible import compatibility
from bitindex.binarize.recurrent_network import plane_values, unit_rows
from bitindex.embeddings import EmbeddingSource

if TYPE_CHECKING:
    from typing_extensions import Self


_RECIPES = ("default", "paper")
_QUERIES = ("float", "binary")
_DEVICES = ("cpu", "cuda")
_MOST_BITS_PER_DIM = 4


class RecurrentBinarizer(RecurrentCodes):
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
        as in the paper; of n pairs or labelled rows at most n / 32, but 32 at least, so that few
        of them make enough steps.
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
        *,
        old: RecurrentBinarizer,
        X_old: EmbeddingSource,
        prefix: bool = False,
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
        old : RecurrentBinarizer
            What made the old codes. It stays as it is.
        X_old : array of floats, shape (n, d_old), .npy path, or iterator of batches
            Old embeddings of the same things, row by row.
        prefix : bool
            False: queries are turned into old ones, which the old network binarizes. True: the
            first dimensions of a new code can be compared with old codes, which needs
            ``query="binary"``, the same `bits_per_dim` and no fewer dimensions a code.
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
        Without `prefix` the new codes are those of :meth:`fit`, and a matrix that turns queries
        into old ones is found by least squares. With it, the first dimensions of a new code begin
        as the turn of the new embeddings that is nearest to the old codes, the others as the
        principal axes of the rest, and training adds the loss of new queries on old codes, which
        stay fixed. New codes then lose a little.

        Source: section 3.3 of the paper; the start after Zhou et al., "BT^2: Backward-compatible
        training with basis transformation", ICCV 2023.
        """
        self._check_params()
        as_bool(prefix, "prefix")
        self._check_old(old, prefix)
        training = _import_training()
        rows = training.read_rows(X_new, "X_new")
        old_rows = training.read_rows(X_old, "X_old", old.n_features_in_)
        if len(rows) != len(old_rows):
            raise ValueError(
                f"X_old must have a row for each of X_new ({len(rows)}), got {len(old_rows)}"
            )
        code_dim = self.code_dim or rows.shape[1]
        if prefix and old.n_bits_ > len(old.plane_values_) * code_dim:
            raise ValueError(
                "code_dim must be >= that of the old codes, "
                f"{old.n_bits_ // len(old.plane_values_)}, got {code_dim}"
            )
        examples = training.read_examples(
            rows, pairs, labels, queries, len(rows), validation, self.random_state
        )
        if prefix:
            examples.set_old(unit_rows(old.network.codes(old_rows, 0)[1]))
        twin = type(self)(**self.get_params())
        twin._learn(training.train(self._plan(training), examples, progress, checkpoint))
        twin._compatible = compatibility(twin, rows, old, old_rows, prefix)
        self.__dict__.update(twin.__dict__)
        return self

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

    def _check_old(self, old: object, prefix: bool) -> None:
        if not isinstance(old, RecurrentBinarizer):
            raise TypeError(f"old must be a RecurrentBinarizer, got {type(old).__name__}")
        old._check_fitted()
        if not prefix:
            return
        if "float" in (self.query, old.query):
            raise ValueError("prefix=True needs query='binary', of the old binarizer too")
        if not np.array_equal(old.plane_values_, plane_values(self.bits_per_dim)):
            raise ValueError(
                f"old must have bits_per_dim={self.bits_per_dim!r}, got {old.bits_per_dim!r}"
            )

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
