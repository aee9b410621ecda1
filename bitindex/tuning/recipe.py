"""How to build an index: all that its constructor and its search are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bitindex.binarize import BINARIZERS
from bitindex.embedding_index import EmbeddingIndex


@dataclass(frozen=True, repr=False)
class Recipe:
    """How to build and search an :class:`~bitindex.EmbeddingIndex`; its text is the code to type.

    Attributes
    ----------
    binarizer : str
        Name in the registry of binarizers.
    parameters : dict
        Arguments of the binarizer that are not the default.
    kind, similarity, rescore
        As in :class:`~bitindex.EmbeddingIndex`.
    k : int
        Results per query that the recipe was tried with.
    oversample : float or None
        As in :meth:`EmbeddingIndex.search <bitindex.EmbeddingIndex.search>`; None without
        rescoring.
    effort : int or None
        As in :meth:`EmbeddingIndex.search <bitindex.EmbeddingIndex.search>`; None for a kind of
        index that looks at every row.
    """

    binarizer: str
    parameters: dict[str, Any] = field(default_factory=dict)
    kind: str = "flat"
    similarity: Any = "cosine"
    rescore: Any = None
    k: int = 10
    oversample: float | None = None
    effort: int | None = None

    def build(self) -> EmbeddingIndex:
        """Return the index, whose binarizer is still to be fitted: call ``fit`` and ``add``."""
        binarizer = BINARIZERS[self.binarizer](**self.parameters)
        return EmbeddingIndex(binarizer, self.kind, self.similarity, self.rescore)

    @property
    def search_arguments(self) -> dict[str, Any]:
        """What ``search`` of the index is called with beside the queries."""
        others = {"oversample": self.oversample, "effort": self.effort}
        return {"k": self.k, **{name: x for name, x in others.items() if x is not None}}

    @property
    def method(self) -> str:
        """A short name: binarizer with parameters, kind with effort unless flat, rescoring."""
        effort = "" if self.effort is None else f" {self.effort}"
        kind = "" if self.kind == "flat" else f" {self.kind}{effort}"
        rescoring = "" if self.rescore is None else f" + {self.rescore}"
        settings = "".join(f" {name}={value}" for name, value in self.parameters.items())
        return f"{self.binarizer}{settings}{kind}{rescoring}"

    def __repr__(self) -> str:
        binarizer = f"bi.{BINARIZERS[self.binarizer].__name__}({_written(self.parameters)})"
        options: dict[str, Any] = {"similarity": self.similarity}
        if self.kind != "flat":
            options = {"kind": self.kind, **options}
        if self.rescore is not None:
            options["rescore"] = self.rescore
        return (
            f"index = bi.EmbeddingIndex({binarizer}, {_written(options)}).fit(X)\n"
            "index.add(X)\n"
            f"scores, ids = index.search(Q, {_written(self.search_arguments)})"
        )


def _written(arguments: dict[str, Any]) -> str:
    return ", ".join(
        f'{name}="{value}"' if isinstance(value, str) else f"{name}={value!r}"
        for name, value in arguments.items()
    )
