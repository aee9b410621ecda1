"""Contestants of bebr.py: recurrent codes, what they are compared with, and what each finds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from bebr_tasks import Task
from quality_sets import Floats, Ids, K

import bitindex as bi
from bitindex.binarize import recurrent_training as training
from bitindex.binarize.recurrent_network import plane_values
from bitindex.binarize.recurrent_training.model import query_vectors
from bitindex.evaluate import exact_search

KS = (1, K)
FLOAT_BITS = 32


@dataclass(frozen=True)
class Outcome:
    """What a contestant found, how wide its codes are, and how it learned."""

    ids: Ids
    n_bits: int
    history: dict[str, list[float]] | None = None


# From a task and a seed.
Contestant = Callable[[Task, int], Outcome]


def measure(task: Task, name: str, contestant: Contestant, seed: int) -> dict[str, Any]:
    """Return a row of the results."""
    start = time.perf_counter()
    outcome = contestant(task, seed)
    row = {"task": task.name, "method": name, "bits": outcome.n_bits, "seed": seed}
    recalls = {f"recall@{k}": task.recall(outcome.ids, k) for k in KS}
    seconds = time.perf_counter() - start
    return {**row, **recalls, "seconds": seconds, "history": outcome.history}


def recurrent(
    bits_per_dim: int | str = 2,
    dims: float = 1,
    query: str = "binary",
    trained: bool = True,
    code_dim: int | None = None,
) -> Contestant:
    """Return recurrent codes of `code_dim`, or so many dimensions for each of the embeddings."""

    def run(task: Task, seed: int) -> Outcome:
        binarizer = bi.RecurrentBinarizer(
            code_dim or int(dims * task.rows.shape[1]),
            bits_per_dim,
            query=query,
            n_epochs=task.n_epochs if trained else 0,
            batch_size=task.batch_size,
            n_train=task.n_train,
            device=task.device,
            random_state=seed,
        )
        binarizer.fit(task.rows, progress=False, **task.learned_from)
        return Outcome(_search(binarizer, task), binarizer.n_bits_, binarizer.history_)

    return run


def fine_tuned_float(code_dim: int | None = None) -> Contestant:
    """Return what the first block of the network finds without a sign, trained as the codes."""

    def run(task: Task, seed: int) -> Outcome:
        plan = training.Plan(
            code_dim=code_dim,
            values=plane_values(1),
            hidden_dim=None,
            recipe="default",
            float_queries=False,
            n_epochs=task.n_epochs,
            batch_size=task.batch_size,
            device=task.device,
            random_state=seed,
            binarize=False,
        )
        learned_from = {"pairs": None, "labels": None, "queries": None} | task.learned_from
        examples = training.read_examples(
            task.rows, **learned_from, n_train=task.n_train, validation=0.1, random_state=seed
        )
        model, history = training.train_model(plan, examples, progress=False)

        def vectors(rows: Floats) -> Floats:
            with torch.no_grad():
                return query_vectors(model, torch.from_numpy(rows), float_queries=False).numpy()

        rows = vectors(task.rows)
        ids = exact_search(vectors(task.queries), rows, K, progress=False)[1]
        return Outcome(ids, FLOAT_BITS * rows.shape[1], history)

    return run


def embeddings(task: Task, seed: int) -> Outcome:
    """Return what the embeddings find as they are."""
    ids = exact_search(task.queries, task.rows, K, progress=False)[1]
    return Outcome(ids, FLOAT_BITS * task.rows.shape[1])


def untrained_codes(make: Callable[[int, int], bi.Binarizer], metric: str) -> Contestant:
    """Return codes of a binarizer, made for d and a seed, with queries of the same codes."""

    def run(task: Task, seed: int) -> Outcome:
        binarizer = make(task.rows.shape[1], seed).fit(task.rows)
        index = bi.FlatIndex(binarizer.n_bits_, metric=metric)
        index.add(binarizer.encode(task.rows, progress=False).packed)
        codes = binarizer.encode(task.queries, progress=False).packed
        return Outcome(index.search(codes, K)[1], binarizer.n_bits_)

    return run


def float_queries(make: Callable[[int, int], bi.Binarizer]) -> Contestant:
    """Return codes of a binarizer, made for d and a seed, with float queries."""

    def run(task: Task, seed: int) -> Outcome:
        binarizer = make(task.rows.shape[1], seed).fit(task.rows)
        return Outcome(_search(binarizer, task), binarizer.n_bits_)

    return run


def _search(binarizer: bi.Binarizer, task: Task) -> Ids:
    index = bi.EmbeddingIndex(binarizer)
    index.add(task.rows, progress=False)
    return np.asarray(index.search(task.queries, K)[1])
