"""A few rows to train recurrent codes on, with labels, and with pairs of queries and rows."""

import numpy as np

from bitindex.binarize.recurrent_training import read_examples

RNG = np.random.default_rng(8)
X = (RNG.standard_normal((300, 12)) @ RNG.standard_normal((12, 12))).astype(np.float32)
LABELS = RNG.integers(0, 9, 300)
QUERIES = (X + 0.5 * RNG.standard_normal(X.shape)).astype(np.float32)
PAIRS = np.stack([np.repeat(np.arange(100), 2), RNG.integers(0, 300, 200)], axis=1)
SMALL = {"n_epochs": 3, "batch_size": 64, "hidden_dim": 16}
# What fit takes besides rows.
ARGUMENTS = {
    "rows": {},
    "labels": {"labels": LABELS},
    "pairs": {"pairs": PAIRS, "queries": QUERIES},
    "pairs within": {"pairs": PAIRS},
}


def examples_of(kind, validation=0.1):
    pairs, labels, queries = (ARGUMENTS[kind].get(name) for name in ("pairs", "labels", "queries"))
    return read_examples(X, pairs, labels, queries, 1000, validation, 0)
