"""What does it cost to score rows again: a fixed number of them, or what each query needs?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from common import (
    Columns,
    add_turns,
    rates_in_turns,
    spread,
    write_results,
)

import bitindex as bi
from bitindex.datasets import load_scifact
from bitindex.evaluate import exact_search, recall_at_k

OVERSAMPLES = (2, 4, 8, 16, "auto")
KS = (1, 10, 100)


def documents_and_queries(path: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return SciFact, or the rows of a file, of which 300 at random are queries."""
    if path is None:
        dataset = load_scifact()
        return dataset.doc_embeddings, dataset.query_embeddings
    rows = np.random.default_rng(0).permutation(np.load(path)).astype(np.float32)
    return rows[300:], rows[:300]


def measure(
    index: bi.EmbeddingIndex, queries: np.ndarray, true_rows: np.ndarray, n_turns: int
) -> Iterator[dict[str, Any]]:
    """Yield recall, numbers of rescored rows and queries a second for every oversample."""
    k = true_rows.shape[1]
    rates = rates_in_turns(
        {
            str(oversample): (
                lambda oversample=oversample: index.search(queries, k, oversample, threads=1),
                len(queries),
            )
            for oversample in OVERSAMPLES
        },
        n_turns,
    )
    for oversample in OVERSAMPLES:
        _, rows, n_rescored = index._search(queries, k, oversample)
        yield {
            "k": k,
            "oversample": str(oversample),
            "recall": recall_at_k(rows, true_rows, k),
            "rescored": {
                "mean": float(n_rescored.mean()),
                "median": float(np.median(n_rescored)),
                "95 %": float(np.percentile(n_rescored, 95)),
            },
            "rate": spread(rates[str(oversample)]),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", metavar="FILE.npy", help="default: SciFact")
    parser.add_argument("--rescore", default="int8", choices=("int8", "float16", "float32"))
    add_turns(parser)
    arguments = parser.parse_args()
    documents, queries = documents_and_queries(arguments.embeddings)
    index = bi.EmbeddingIndex(bi.SignBinarizer(), rescore=arguments.rescore).fit(documents)
    index.add(documents)

    columns = Columns("  k", "oversample", "recall", "rescored", "median", "  95 %", "queries/s")
    results: list[dict[str, Any]] = []
    for k in KS:
        _, true_rows = exact_search(queries, documents, k)
        for row in measure(index, queries, true_rows, arguments.turns):
            rescored = row["rescored"]
            columns.row(
                *(k, row["oversample"], f"{row['recall']:.4f}"),
                *(f"{rescored[figure]:,.0f}" for figure in ("mean", "median", "95 %")),
                f"{row['rate']['median']:,.0f}",
            )
            results.append(row)
    facts = {"documents": len(documents), "queries": len(queries)}
    print(f"written: {write_results('rescoring', vars(arguments) | facts, results)}")


if __name__ == "__main__":
    main()
