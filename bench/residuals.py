"""What do codes of residuals find, against codes of whole rows, at equal bytes and equal lists?

Recall@10 without rescoring. With residuals=True lists have centroids of floats, otherwise of codes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from common import Columns, write_results
from rescoring import documents_and_queries

import bitindex as bi
from bitindex.evaluate import exact_search, recall_at_k

K = 10
PROBES = (1, 2, 4, 8, 16, 32, 2**31)
SIMILARITIES = ("cosine", "dot", "l2")

Floats = npt.NDArray[np.float32]


def additive(n_bits: int) -> bi.AdditiveBinarizer:
    return bi.AdditiveBinarizer(n_bits=n_bits)


def contestants(n_dims: int, similarity: str) -> dict[str, tuple[Callable[[], Any], bool]]:
    """Return binarizers by name, and whether they encode residuals.

    Residuals cost an offset of 4 bytes, which l2 keeps of whole rows too, and mostly a length,
    which rows of length 1 do without: whole rows get as many bits more.
    """
    more = 64 if similarity == "cosine" else 0
    return {
        "RaBitQ, rows": (bi.RotationBinarizer, False),
        "RaBitQ, residuals": (bi.RotationBinarizer, True),
        f"additive {n_dims + more}, rows": (lambda: additive(n_dims + more), False),
        f"additive {n_dims}, residuals": (lambda: additive(n_dims), True),
    }


def measure(
    documents: Floats, queries: Floats, similarity: str, n_lists: int
) -> Iterator[dict[str, Any]]:
    """Yield the recalls of every contestant by the number of lists looked at."""
    _, true_rows = exact_search(queries, documents, K, similarity)
    for name, (make, residuals) in contestants(documents.shape[1], similarity).items():
        index = bi.EmbeddingIndex(
            make(), "ivf", similarity, residuals=residuals, n_lists=n_lists
        ).fit(documents)
        index.add(documents)
        recalls = [
            recall_at_k(index.search(queries, K, effort=probes)[1], true_rows, K)
            for probes in PROBES
        ]
        yield {"method": name, "bytes": index.bytes_per_vector, "recall": recalls}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", metavar="FILE.npy", help="default: SciFact")
    parser.add_argument("--similarity", default="cosine", choices=SIMILARITIES)
    arguments = parser.parse_args()
    documents, queries = documents_and_queries(arguments.embeddings)
    n_lists = max(1, min(int(2 * len(documents) ** 0.5), len(documents) // 16))
    headers = [f"{probes} lists" for probes in PROBES[:-1]]
    columns = Columns(f"{'codes':<24}", "bytes", *headers, "all lists")
    results = []
    for row in measure(documents, queries, arguments.similarity, n_lists):
        columns.row(f"{row['method']:<24}", row["bytes"], *(f"{r:.3f}" for r in row["recall"]))
        results.append(row)
    facts = {"documents": len(documents), "queries": len(queries), "n_lists": n_lists}
    print(f"written: {write_results('residuals', vars(arguments) | facts, results)}")


if __name__ == "__main__":
    main()
