"""How much of exact float search do binary codes keep on SciFact, and for how many bytes?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from common import write_results

import bitindex as bi
from bitindex.datasets import load_scifact
from bitindex.evaluate import exact_search, ndcg_at_k, recall_at_k

K = 10
OVERSAMPLES = (2, 4, 8)
PRECISIONS = ("int8", "float16", "float32")


def rankings(documents: np.ndarray, queries: np.ndarray) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield the name, the bytes a vector and the rows found (nq, 10) of every method."""
    _, true_rows = exact_search(queries, documents, K)
    yield "float exact", documents[0].nbytes, true_rows
    for name, query in (("sign, binary query", "binary"), ("sign, float query", "float")):
        index = bi.EmbeddingIndex(bi.SignBinarizer(query=query)).fit(documents)
        index.add(documents)
        yield name, index.bytes_per_vector, index.search(queries, K)[1]
    for precision in PRECISIONS:
        index = bi.EmbeddingIndex(bi.SignBinarizer(), rescore=precision).fit(documents)
        index.add(documents)
        for oversample in OVERSAMPLES:
            _, rows = index.search(queries, K, oversample=oversample)
            yield f"sign + {precision}, oversample {oversample}", index.bytes_per_vector, rows


def main() -> None:
    dataset = load_scifact()
    documents = dataset.doc_embeddings.astype(np.float32)
    queries = dataset.query_embeddings.astype(np.float32)
    results = []
    print(f"{'method':<28}  {'bytes':>5}  recall@10  nDCG@10")
    for name, n_bytes, rows in rankings(documents, queries):
        if not results:
            true_rows = rows
        recall = recall_at_k(rows, true_rows, K)
        ndcg = ndcg_at_k(
            rows, dataset.qrels, K, query_ids=dataset.query_ids, doc_ids=dataset.doc_ids
        )
        print(f"{name:<28}  {n_bytes:>5}  {recall:>9.3f}  {ndcg:>7.4f}")
        results.append({"method": name, "bytes": n_bytes, "recall": recall, "ndcg": ndcg})
    print(f"written: {write_results('quality_scifact', {'k': K}, results)}")


if __name__ == "__main__":
    main()
