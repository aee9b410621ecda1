"""Trying recipes: every binarizer is fitted and encodes once, then all rescorings share its codes.

Each recall is that of a real search by the index that the recipe builds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bitindex.embedding_index import EmbeddingIndex
from bitindex.evaluate import queries_per_second, recall_at_k
from bitindex.evaluate.exact import Similarity
from bitindex.index import EMBEDDING_KINDS
from bitindex.rescoring import stored_vectors
from bitindex.tuning.grid import OVERSAMPLES, RESCORINGS, Variant
from bitindex.tuning.recipe import Recipe
from bitindex.tuning.result import Trial
from bitindex.tuning.split import Split

_N_TIMED_RUNS = 1


def empty_indexes(variant: Variant, similarity: Similarity, split: Split) -> list[EmbeddingIndex]:
    """Fit a binarizer on the base, and return an index without rows for each way to rescore.

    Raises
    ------
    ValueError
        If the binarizer cannot learn from these rows.
    """
    index = EmbeddingIndex(variant.build(), similarity=similarity).fit(split.base)
    return [
        EmbeddingIndex(index.binarizer, similarity=similarity, rescore=rescore)
        for rescore in RESCORINGS
    ]


def measure(
    variant: Variant, indexes: Sequence[EmbeddingIndex], split: Split, k: int
) -> Iterator[Trial]:
    """Fill indexes of one binarizer with the base, and search them with every oversampling.

    Parameters
    ----------
    variant : Variant
        What the indexes were made of.
    indexes : sequence of EmbeddingIndex
        Some of :func:`empty_indexes`; the one that does not rescore comes first.
    split : Split
    k : int
        Results per query that the recipe is for.

    Yields
    ------
    Trial
    """
    encoded = indexes[0]._core.versions[0].encode(split.base, False) if indexes else {}
    for index in indexes:
        try:
            vectors = _vectors(index, split)
        except ValueError:  # numbers beyond float16
            continue
        index._add_rows(None, encoded | vectors, version=0)
        for oversample in _oversamples(index, split):
            recipe = Recipe(
                binarizer=variant.name,
                parameters=variant.parameters,
                similarity=index.similarity,
                rescore=index.rescore,
                k=k,
                oversample=oversample,
            )
            yield _trial(recipe, index, split)


def measure_kind(recipe: Recipe, kind: str, split: Split) -> Iterator[Trial]:
    """Build another kind of index by a recipe, and search it with every effort.

    Yields
    ------
    Trial
    """
    index = replace(recipe, kind=kind).build().fit(split.base)
    index.add(split.base, progress=False)
    for effort in EMBEDDING_KINDS[kind].efforts:
        yield _trial(replace(recipe, kind=kind, effort=effort), index, split)


def _vectors(index: EmbeddingIndex, split: Split) -> dict[str, npt.NDArray[Any]]:
    if index.rescore is None:
        return {}
    return {"vectors": stored_vectors(index._similarity.prepare(split.base), index.rescore)}


def _oversamples(index: EmbeddingIndex, split: Split) -> Iterator[float | None]:
    if index.rescore is None:
        yield None
        return
    # Where all rows are rescored, the codes play no part, and nothing is learned about more rows.
    yield from (ratio for ratio in OVERSAMPLES if ratio * split.k < len(split.base))


def _trial(recipe: Recipe, index: EmbeddingIndex, split: Split) -> Trial:
    arguments = recipe.search_arguments | {"k": split.k}

    def search(queries: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        return index.search(queries, **arguments)[1]

    ids = search(split.queries)
    recalls = recall_at_k(ids, split.true_ids, split.k, per_query=True)
    rate = queries_per_second(search, split.queries, repeats=_N_TIMED_RUNS, warmup=0).median
    structure_bytes = index._core.versions[0].core.structure_memory_bytes()
    return Trial(
        recipe=recipe,
        bytes_per_vector=index.bytes_per_vector + math.ceil(structure_bytes / len(index)),
        recall=float(recalls.mean()),
        standard_error=float(recalls.std() / np.sqrt(len(recalls))),
        rescored=math.ceil((recipe.oversample or 0) * recipe.k),
        microseconds=1e6 / rate,
    )
