"""Rows to embed that lie off the center."""

import numpy as np


def embeddings(n_rows, n_dims=20, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n_rows, n_dims)) + 0.3
    return rows.astype(np.float32)
