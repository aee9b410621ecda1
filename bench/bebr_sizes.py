"""Codes of few bits for bebr.py: few dimensions of two bits, or twice as many of one?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from bebr_codes import KS, Contestant, fine_tuned_float, recurrent
from bebr_tasks import Task
from common import Columns

# Dimensions of two bits.
SIZES = (32, 64, 96, 128)


def contestants_of(code_dim: int) -> dict[str, Contestant]:
    """Return codes of 2 bits for each of so many dimensions, and what they are compared with."""
    return {
        "hash": recurrent(1, code_dim=2 * code_dim),
        "recurrent": recurrent(2, code_dim=code_dim),
        "fine-tuned float": fine_tuned_float(code_dim),
    }


def run_folds(
    folds: Sequence[Task], sizes: Sequence[int], n_seeds: int
) -> Iterator[dict[str, Any]]:
    """Run all contestants of all sizes and, of all dimensions, fine-tuned floats."""
    facts = {**folds[0].facts(), "queries": sum(len(task.queries) for task in folds)}
    print(f"\n{facts['name']}: {facts['queries']:,} queries, {facts['rows']:,} rows")
    columns = Columns(
        f"{'method':<20}", "dims", "  bits", "seed", *(f"recall@{k}" for k in KS), "seconds"
    )
    contestants = {code_dim: contestants_of(code_dim) for code_dim in sizes}
    contestants.setdefault(facts["dims"], {"fine-tuned float": fine_tuned_float()})
    for seed in range(n_seeds):
        for code_dim, of_size in contestants.items():
            for name, contestant in of_size.items():
                row = measure_folds(folds, contestant, seed)
                recalls = (f"{np.mean(row['shares'][f'recall@{k}']):.3f}" for k in KS)
                seconds = f"{row['seconds']:.1f}"
                columns.row(f"{name:<20}", code_dim, row["bits"], seed, *recalls, seconds)
                yield {"method": name, "code_dim": code_dim, **row, "facts": facts}


def measure_folds(folds: Sequence[Task], contestant: Contestant, seed: int) -> dict[str, Any]:
    """Return what a contestant finds for each query, trained anew for each fold."""
    start = time.perf_counter()
    outcomes = [contestant(task, seed) for task in folds]
    shares = {
        f"recall@{k}": [
            round(share, 4)
            for task, outcome in zip(folds, outcomes, strict=True)
            for share in task.shares_found(outcome.ids, k).tolist()
        ]
        for k in KS
    }
    seconds = time.perf_counter() - start
    return {"bits": outcomes[0].n_bits, "seed": seed, "shares": shares, "seconds": seconds}
