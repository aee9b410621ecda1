"""What scikit-learn expects of an estimator, without importing it."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Estimator:
    """An object whose constructor only stores its arguments under their names.

    What ``fit`` learns ends in an underscore.
    """

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

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [name for name in inspect.signature(cls).parameters if name != "self"]

    def _refuse_unfitted(self) -> None:
        message = f"this {type(self).__name__} is not fitted yet: call fit(X) first"
        # scikit-learn's own error, which is a ValueError too, where its user would expect it.
        exceptions = sys.modules.get("sklearn.exceptions")
        raise (exceptions.NotFittedError if exceptions else ValueError)(message)
