"""The contract of every binarizer."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from bitindex.codes import Codes
from bitindex.embeddings import EmbeddingSource, as_embeddings

if TYPE_CHECKING:
    from typing_extensions import Self


class Binarizer(ABC):
    """Turns float embeddings into binary codes; a scikit-learn estimator.

    With r = x - center, a code b in {-1, +1}^n_bits stands for the direction of r:
    r is about scale * D b, for a matrix D of the binarizer (the identity, a rotation, ...).

    A binarizer derives from this class in a file of its own, and has one line in the registry.
    Its constructor only stores its arguments under their names; what :meth:`fit` learns ends in
    an underscore.

    Attributes
    ----------
    n_features_in_ : int
        Dimensions d of the embeddings.
    n_bits_ : int
        Bits per code.
    center_ : ndarray of float32, shape (d,)
        What is subtracted first.
    """

    has_factors: ClassVar[bool] = False
    """Whether codes come with factors, whose column 0 is the scale."""

    # Names of the arrays that fit learns, which a file keeps.
    _fitted_arrays: ClassVar[tuple[str, ...]] = ("center_",)

    n_features_in_: int
    n_bits_: int
    center_: npt.NDArray[np.float32]

    @abstractmethod
    def fit(self, X: EmbeddingSource, y: object = None) -> Self:
        """Learn from embeddings."""

    @abstractmethod
    def encode(self, X: EmbeddingSource) -> Codes:
        """Return the codes of embeddings."""

    @abstractmethod
    def query_weights(self, directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return D^T q for centred queries, so that <q, r> is about scale * <D^T q, b>.

        Parameters
        ----------
        directions : ndarray of float32, shape (nq, d)
            Queries minus ``center_``.

        Returns
        -------
        ndarray of float32, shape (nq, n_bits)
        """

    @property
    def binary_queries(self) -> bool:
        """Whether queries are binarized like the rows, instead of used as floats."""
        return False

    def transform(self, X: EmbeddingSource) -> Codes:
        """Return the codes of embeddings; the same as :meth:`encode`."""
        return self.encode(X)

    def fit_transform(self, X: EmbeddingSource, y: object = None) -> Codes:
        """Learn from embeddings and return their codes."""
        return self.fit(X, y).encode(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set arguments of the constructor.

        Raises
        ------
        ValueError
            If one of them is unknown.
        """
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                raise ValueError(
                    f"{type(self).__name__} has the parameters {', '.join(known)}, got {name!r}"
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({arguments})"

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what this estimator takes; only called where it is installed."""
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(allow_nan=False),
        )

    def _check_fitted(self) -> None:
        if hasattr(self, "n_bits_"):
            return
        message = f"this {type(self).__name__} is not fitted yet: call fit(X) first"
        # scikit-learn's own error, which is a ValueError too, where its user would expect it.
        exceptions = sys.modules.get("sklearn.exceptions")
        raise (exceptions.NotFittedError if exceptions else ValueError)(message)

    def _as_rows(self, X: EmbeddingSource) -> npt.NDArray[np.float32]:
        self._check_fitted()
        return as_embeddings(X, self.n_features_in_)

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def _to_stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        self._check_fitted()
        meta = {"params": self.get_params(), "n_bits": self.n_bits_}
        return meta, {name: getattr(self, name) for name in self._fitted_arrays}

    @classmethod
    def _from_stored(
        cls, meta: Mapping[str, Any], sections: Mapping[str, npt.NDArray[Any]], mapped: bool
    ) -> Self:
        binarizer = cls(**meta["params"])
        for name in cls._fitted_arrays:
            setattr(binarizer, name, sections[name])
        binarizer.n_features_in_ = len(binarizer.center_)
        binarizer.n_bits_ = meta["n_bits"]
        return binarizer
