"""Data for quality.py: SciFact, which comes along, and files that the user names."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bitindex.datasets import load_scifact
from bitindex.evaluate import exact_search, ndcg_at_k
from bitindex.similarity import SIMILARITIES

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

N_QUERIES = 1000
N_NEIGHBOURS = 100
K = 10


@dataclass(frozen=True, eq=False)
class DataSet:
    """Rows to search, queries, and where people judged, how good a ranking is in their eyes.

    With the cosine, rows and queries have length 1, so that every contestant gets what it wants.
    """

    name: str
    similarity: str
    base: Floats
    queries: Floats
    judge: Callable[[Ids], float] | None = None
    judged_by: str = ""

    @cached_property
    def neighbours(self) -> Ids:
        """Rows that are truly nearest, shape (n_queries, 100)."""
        progress = len(self.base) > 30_000 and sys.stderr.isatty()
        return exact_search(
            self.queries, self.base, N_NEIGHBOURS, self.similarity, progress=progress
        )[1]

    @cached_property
    def int8_rows(self) -> Floats:
        """The base as int8 with a scale for each row keeps it."""
        scales = np.abs(self.base).max(axis=1, keepdims=True) / np.float32(127)
        scales[scales == 0] = 1
        return np.rint(self.base / scales) * scales

    def rescored(self, candidates: Ids) -> Ids:
        """Return the best K of each query's candidates (n_queries, n) by their int8 rows."""
        rows = self.int8_rows[candidates]
        if self.similarity == "l2":
            scores = -np.square(rows - self.queries[:, np.newaxis]).sum(axis=2)
        else:
            scores = np.einsum("qd,qkd->qk", self.queries, rows)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        return np.take_along_axis(candidates, best, axis=1)

    def changed(self, base: Floats, queries: Floats) -> DataSet:
        """Return other rows and queries, that nobody has judged."""
        base, queries = prepare(base, self.similarity), prepare(queries, self.similarity)
        return replace(self, base=base, queries=queries, judge=None)


def prepare(rows: npt.NDArray[Any], similarity: str) -> Floats:
    """Return rows as all contestants get them: float32, of length 1 for the cosine."""
    rows = np.ascontiguousarray(rows, np.float32)
    if similarity != "cosine":
        return rows
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, np.float32(1))


def scifact() -> DataSet:
    """Return the 300 claims and 5,183 abstracts that come with the package."""
    data = load_scifact()

    def judge(ids: Ids) -> float:
        return ndcg_at_k(ids, data.qrels, K, query_ids=data.query_ids, doc_ids=data.doc_ids)

    base, queries = (
        prepare(rows, "cosine") for rows in (data.doc_embeddings, data.query_embeddings)
    )
    return DataSet("SciFact", "cosine", base, queries, judge, f"nDCG@{K}")


def named_file(text: str) -> tuple[str, Path, str]:
    """Read NAME=FILE.npy or NAME=FILE.npy:SIMILARITY from the command line."""
    name, found, path = text.partition("=")
    before, colon, similarity = path.rpartition(":")
    if colon and similarity in SIMILARITIES:
        path = before
    else:
        similarity = "cosine"
    if not (found and name and path):
        raise ValueError(f"must be NAME=FILE or NAME=FILE:SIMILARITY, got {text!r}")
    return name, Path(path), similarity


def read_set(
    name: str, path: Path, similarity: str, queries: Path | None, labels: Sequence[Path]
) -> DataSet:
    """Read a set; without a file of queries, 1,000 rows drawn with seed 0 are the queries.

    Raises
    ------
    ValueError
        If files do not hold matrices of one width, or labels are not one for each row.
    """
    rows = read_matrix(path)
    if queries is None:
        rows = rows[np.random.default_rng(0).permutation(len(rows))]
        n_queries = min(N_QUERIES, len(rows) // 5)
        rows = prepare(rows, similarity)
        return DataSet(name, similarity, rows[n_queries:], rows[:n_queries])
    query_rows = read_matrix(queries)
    if query_rows.shape[1] != rows.shape[1]:
        raise ValueError(
            f"{queries} must have {rows.shape[1]} columns as {path} has, got {query_rows.shape[1]}"
        )
    found = DataSet(name, similarity, prepare(rows, similarity), prepare(query_rows, similarity))
    if not labels:
        return found
    row_labels, query_labels = (read_labels(file) for file in labels)
    if len(row_labels) != len(rows) or len(query_labels) != len(query_rows):
        raise ValueError(
            f"labels of {name} must be {len(rows)} and {len(query_rows)}, "
            f"got {len(row_labels)} and {len(query_labels)}"
        )

    def judge(ids: Ids) -> float:
        return float((row_labels[ids[:, :K]] == query_labels[:, np.newaxis]).mean())

    return replace(found, judge=judge, judged_by=f"precision@{K}")


def read_matrix(path: Path) -> Floats:
    """Return the numbers of a .npy file as float32.

    Raises
    ------
    ValueError
        If it holds no matrix of numbers.
    """
    rows = np.load(path, allow_pickle=False)
    if rows.ndim != 2 or rows.dtype.kind not in "fiu":
        raise ValueError(
            f"{path} must hold numbers of shape (n, d), got {rows.dtype} of shape {rows.shape}"
        )
    return rows.astype(np.float32)


def read_labels(path: Path) -> npt.NDArray[np.str_]:
    """Return the last column of a CSV file with a header."""
    with path.open(encoding="utf-8", newline="") as lines:
        return np.array([row[-1] for row in csv.reader(lines)][1:])
