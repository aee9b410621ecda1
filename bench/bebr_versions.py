"""Two versions of embeddings for bebr.py: what queries of each find in codes of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from bebr_codes import KS
from bebr_tasks import Task
from quality_sets import Floats, Ids, K, prepare

import bitindex as bi

_QUERIES_AT_ONCE = 100


def versions(task: Task, query: str, seed: int) -> list[dict[str, Any]]:
    """Return rows of the results: old embeddings are the first half of the dimensions.

    What should be found are the nearest rows of the new embeddings.
    """
    half = task.rows.shape[1] // 2
    old_rows, old_queries = (prepare(x[:, :half], "cosine") for x in (task.rows, task.queries))
    # fit_compatible learns from all rows that it gets.
    sample = np.random.default_rng(seed).permutation(len(task.rows))[: task.n_train]
    new_sample, old_sample = task.rows[sample], old_rows[sample]
    params = {
        "query": query,
        "n_epochs": task.n_epochs,
        "batch_size": task.batch_size,
        "n_train": len(sample),
        "device": task.device,
        "random_state": seed,
    }
    old = bi.RecurrentBinarizer(**params).fit(old_sample, progress=False)
    found = {"old queries, old codes": search(old, old_queries, old, old_rows)}
    for name, prefix in (("", False), (", common prefix", True)):
        if prefix and query == "float":  # there is none
            continue
        new = bi.RecurrentBinarizer(**params).fit_compatible(
            new_sample, old=old, X_old=old_sample, prefix=prefix, progress=False
        )
        found[f"new queries, old codes{name}"] = search(new, task.queries, old, old_rows)
        found[f"new queries, new codes{name}"] = search(new, task.queries, new, task.rows)
    return [
        {"task": task.name, "query": query, "method": name, "seed": seed}
        | {f"recall@{k}": task.recall(ids, k) for k in KS}
        for name, ids in found.items()
    ]


def search(
    asking: bi.RecurrentBinarizer, queries: Floats, coding: bi.RecurrentBinarizer, rows: Floats
) -> Ids:
    """Return the nearest codes of `coding` by the scores that queries of `asking` give them."""
    codes = coding.encode(rows, progress=False)
    bits = np.where(bi.unpack(codes.packed, codes.n_bits), np.float32(1), np.float32(-1))
    bits *= codes.factors
    weights, constants = asking.queries_for(coding, queries)
    ids = []
    for first in range(0, len(queries), _QUERIES_AT_ONCE):
        part = slice(first, first + _QUERIES_AT_ONCE)
        scores = weights[part] @ bits.T + constants[part, np.newaxis]
        nearest = np.argpartition(-scores, K - 1, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(scores, nearest, axis=1), axis=1, kind="stable")
        ids.append(np.take_along_axis(nearest, order, axis=1))
    return np.concatenate(ids)
