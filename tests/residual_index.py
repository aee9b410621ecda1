"""Indexes of residuals for tests, and the rows in them."""

from functools import cache

import numpy as np

import bitindex as bi

N_DIMS = 20
N_LISTS = 40
ALL = 10**6
SIMILARITIES = ["cosine", "dot", "l2"]
BINARIZERS = {
    "sign": lambda: bi.SignBinarizer(),
    "rotation": lambda: bi.RotationBinarizer(bits_per_dim=2),
    "additive": lambda: bi.AdditiveBinarizer(n_bits=32, n_rounds=1, patience=5),
    "additive without lengths": lambda: bi.AdditiveBinarizer(
        n_bits=32, n_rounds=1, patience=5, store_lengths=False
    ),
}


def clustered(seed, n, n_clusters=50):
    centers = np.random.default_rng(0).standard_normal((n_clusters, N_DIMS)) + 0.5
    rng = np.random.default_rng(seed)
    rows = centers[rng.integers(n_clusters, size=n)] + 0.6 * rng.standard_normal((n, N_DIMS))
    return rows.astype(np.float32)


X, Q = clustered(1, 3000), clustered(2, 60)


def residual_index(similarity="dot", name="rotation", n_lists=N_LISTS, **options):
    index = bi.EmbeddingIndex(
        BINARIZERS[name](), "ivf", similarity, residuals=True, n_lists=n_lists, **options
    )
    return index.fit(X)


@cache
def shared_index(similarity="dot", name="rotation", **options):
    """One that no test changes."""
    return filled_index(similarity, name, **options)


def filled_index(similarity="dot", name="rotation", **options):
    index = residual_index(similarity, name, **options)
    index.add(X)
    return index


def lists_of(index):
    return index._core.versions[0].lists
