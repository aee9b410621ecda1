"""What do codes of residuals find, against codes of whole rows, at equal bytes and equal lists?

Recall@10 without rescoring, and on judged data what people say of the ranking, all lists looked at.
With residuals=True lists have centroids of floats, otherwise of codes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import Columns, write_results
from quality_sets import DataSet, K, read_set, scifact

import bitindex as bi
from bitindex.evaluate import recall_at_k

PROBES = (1, 2, 4, 8, 16, 32, 2**31)
SIMILARITIES = ("cosine", "dot", "l2")


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


def measure(data: DataSet, n_lists: int) -> Iterator[dict[str, Any]]:
    """Yield the recalls of every contestant by the number of lists looked at."""
    n, n_dims = data.base.shape
    for name, (make, residuals) in contestants(n_dims, data.similarity).items():
        index = bi.EmbeddingIndex(
            make(), "ivf", data.similarity, residuals=residuals, n_lists=n_lists
        ).fit(data.base)
        index.add(data.base)
        answers = [index.search(data.queries, K, effort=probes)[1] for probes in PROBES]
        yield {
            "method": name,
            "bytes": index.bytes_per_vector,
            "centroid_bytes": 4 * n_dims * n_lists / n if residuals else n_dims / 8 * n_lists / n,
            "recall": [recall_at_k(ids, data.neighbours, K) for ids in answers],
            "judged": data.judge(answers[-1]) if data.judge else None,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--embeddings", type=Path, metavar="FILE.npy", help="default: SciFact")
    parser.add_argument("--similarity", default="cosine", choices=SIMILARITIES)
    arguments = parser.parse_args()
    path, similarity = arguments.embeddings, arguments.similarity
    data = read_set(path.stem, path, similarity, None, []) if path else scifact()
    n_lists = max(1, min(int(2 * len(data.base) ** 0.5), len(data.base) // 16))
    headers = [f"{probes} lists" for probes in PROBES[:-1]]
    columns = Columns(
        *(f"{'codes':<24}", "bytes", "of centroids", *headers, "all lists"),
        *([data.judged_by] if data.judge else []),
    )
    results = []
    for row in measure(data, n_lists):
        columns.row(
            f"{row['method']:<24}",
            row["bytes"],
            f"{row['centroid_bytes']:.1f}",
            *(f"{recall:.3f}" for recall in row["recall"]),
            *([f"{row['judged']:.4f}"] if data.judge else []),
        )
        results.append(row)
    if data.judge:
        print(f"{data.judged_by} of floats: {data.judge(data.neighbours):.4f}")
    settings = {"embeddings": str(path), "similarity": similarity, "n_lists": n_lists}
    print(f"written: {write_results('residuals', settings, results)}")


if __name__ == "__main__":
    main()
