"""An index of a few embeddings, to write to, to search and to save."""

import numpy as np
from small_embeddings import embeddings

import bitindex as bi

SIMILARITIES = ["cosine", "dot", "l2"]
PRECISIONS = [None, "int8", "float16", "float32"]
X = embeddings(60)


def new_index(n_rows=60, ids=None, **arguments):
    index = bi.EmbeddingIndex(bi.SignBinarizer().fit(X), **arguments)
    index.add(X[:n_rows], ids)
    return index


def assert_same_results(a, b, Q=X, **arguments):
    for left, right in zip(a.search(Q, **arguments), b.search(Q, **arguments), strict=True):
        np.testing.assert_array_equal(left, right)
