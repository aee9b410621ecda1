"""The searches that the demo compares, and how good and fast each of them is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bitindex.binarize import SignBinarizer
from bitindex.datasets import RetrievalDataset
from bitindex.embedding_index import EmbeddingIndex
from bitindex.evaluate import (
    Ratio,
    Throughput,
    compare_throughput,
    exact_search,
    ndcg_at_k,
    recall_at_k,
)

N_RESULTS = 10
OVERSAMPLE = 4
N_TURNS = 15

Floats = npt.NDArray[np.float32]
ScoresAndIds = tuple[Floats, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Method:
    """A search to compare: queries of shape (nq, d) -> scores and ids of the best 10 rows."""

    name: str
    bytes_per_vector: int
    search: Callable[[Floats], ScoresAndIds]


@dataclass(frozen=True)
class Result:
    """What was measured of a method."""

    method: Method
    recall: float
    ndcg: float
    throughput: Throughput
    ratio: Ratio


def build_methods(documents: Floats, threads: int | None) -> Iterator[Method]:
    """Yield the methods, the most exact first and the best of the binary ones last."""
    yield numpy_method(documents)
    yield _binary_method("sign binary", documents, threads, SignBinarizer(query="binary"))
    yield _binary_method("sign, float query", documents, threads, SignBinarizer())
    yield _binary_method("sign + int8 rescoring", documents, threads, SignBinarizer(), True)


def numpy_method(documents: Floats) -> Method:
    """Return the fastest exact search that plain NumPy has: a product, and no full sort."""
    first = len(documents) - N_RESULTS

    def search(queries: Floats) -> ScoresAndIds:
        scores = queries @ documents.T
        best = np.argpartition(scores, first, axis=1)[:, first:]
        best_scores = np.take_along_axis(scores, best, axis=1)
        order = np.argsort(-best_scores, axis=1)
        return (
            np.take_along_axis(best_scores, order, axis=1),
            np.take_along_axis(best, order, axis=1),
        )

    return Method("float exact (NumPy)", documents[0].nbytes, search)


def _binary_method(
    name: str,
    documents: Floats,
    threads: int | None,
    binarizer: SignBinarizer,
    rescoring: bool = False,
) -> Method:
    index = EmbeddingIndex(binarizer, rescore="int8" if rescoring else None).fit(documents)
    index.add(documents)

    def search(queries: Floats) -> ScoresAndIds:
        return index.search(queries, N_RESULTS, oversample=OVERSAMPLE, threads=threads)

    return Method(name, index.bytes_per_vector, search)


def compare(
    methods: list[Method], dataset: RetrievalDataset, documents: Floats, queries: Floats
) -> list[Result]:
    """Judge every method, and time all of them in turns; ratios refer to the first."""
    _, true_rows = exact_search(queries, documents, N_RESULTS)
    quality = {}
    for method in methods:
        _, rows = method.search(queries)
        quality[method.name] = (
            recall_at_k(rows, true_rows, N_RESULTS),
            ndcg_at_k(
                rows,
                dataset.qrels,
                N_RESULTS,
                query_ids=dataset.query_ids,
                doc_ids=dataset.doc_ids,
            ),
        )
    comparison = compare_throughput(
        {method.name: method.search for method in methods}, queries, repeats=N_TURNS
    )
    ratios = comparison.ratios
    return [
        Result(
            method,
            *quality[method.name],
            comparison.throughputs[method.name],
            ratios[method.name],
        )
        for method in methods
    ]
