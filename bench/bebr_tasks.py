"""Tasks for bebr.py: what is learned from, and how the found rows are judged."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from quality_sets import DataSet, Floats, Ids, prepare, read_labels, read_matrix

from bitindex.datasets import load_scifact
from bitindex.evaluate import recall_at_k


@dataclass(frozen=True, eq=False)
class Task:
    """Rows to learn from and to search, queries, and the judgement of what is found.

    Attributes
    ----------
    recall : callable
        From ids, shape (n_queries, >= k), and k: the share of what should be found, at most k
        rows a query, among the first k.
    learned_from : dict
        What `fit` gets beside the rows.
    n_epochs, batch_size, n_train : int
        The training of all contestants; without pairs or labels, on so many of the rows.
    device : {"cpu", "cuda"}
        Where they are trained.
    """

    name: str
    rows: Floats
    queries: Floats
    recall: Callable[[Ids, int], float]
    n_epochs: int
    batch_size: int
    learned_from: dict[str, Any] = field(default_factory=dict)
    n_train: int = 20_000
    device: str = "cpu"

    def facts(self) -> dict[str, Any]:
        """Return what a table says of the task."""
        n_rows, n_dims = self.rows.shape
        return {
            "name": self.name,
            "rows": n_rows,
            "dims": n_dims,
            "queries": len(self.queries),
            "pairs": len(self.learned_from.get("pairs", ())),
            "epochs": self.n_epochs,
            "batch_size": self.batch_size,
            "n_train": self.n_train,
            "device": self.device,
        }


def pairs_task(query_file: Path, id_file: Path, qrels_file: Path) -> Task:
    """Return SciFact: learn from claims for training and their abstracts, ask other claims.

    Parameters
    ----------
    query_file, id_file : Path
        Embeddings of the claims, and a line for each that begins with its id and a tab.
    qrels_file : Path
        Under a header, ids of a claim and of an abstract, separated by tabs.

    Raises
    ------
    ValueError, KeyError
        If the files do not fit together.
    """
    data = load_scifact()
    doc_numbers = {doc_id: number for number, doc_id in enumerate(data.doc_ids)}
    ids = [line[0] for line in _tab_separated(id_file)]
    claims = prepare(read_matrix(query_file), "cosine")
    if len(ids) != len(claims):
        raise ValueError(f"{id_file} must have {len(claims)} lines, got {len(ids)}")
    claim_numbers = {claim_id: number for number, claim_id in enumerate(ids)}
    judged = _tab_separated(qrels_file)[1:]
    pairs = np.array([(claim_numbers[line[0]], doc_numbers[line[1]]) for line in judged])
    relevant = [{doc_numbers[doc_id] for doc_id in data.qrels[q]} for q in data.query_ids]

    def recall(found: Ids, k: int) -> float:
        rows = zip(found[:, :k].tolist(), relevant, strict=True)
        return float(np.mean([len(wanted & {*ids}) / min(len(wanted), k) for ids, wanted in rows]))

    return Task(
        "SciFact pairs",
        prepare(data.doc_embeddings, "cosine"),
        prepare(data.query_embeddings, "cosine"),
        recall,
        n_epochs=20,
        batch_size=128,
        learned_from={"pairs": pairs, "queries": claims},
    )


def labels_task(name: str, files: list[Path]) -> Task:
    """Return labelled rows, to be found by queries of the same label.

    Parameters
    ----------
    name : str
    files : list of Path
        Embeddings and labels to learn from and to search, then those of the queries; labels are
        the last column of a CSV file with a header.
    """
    rows, queries = (prepare(read_matrix(file), "cosine") for file in files[::2])
    row_labels, query_labels = (read_labels(file) for file in files[1::2])

    def recall(found: Ids, k: int) -> float:
        return float((row_labels[found[:, :k]] == query_labels[:, np.newaxis]).mean())

    learned_from = {"labels": row_labels}
    return Task(f"{name} labels", rows, queries, recall, 10, 512, learned_from)


def neighbours_task(data: DataSet) -> Task:
    """Return rows alone: codes should find the rows that are nearest as floats."""

    def recall(found: Ids, k: int) -> float:
        return recall_at_k(found, data.neighbours, k)

    return Task(f"{data.name} neighbours", data.base, data.queries, recall, 10, 512)


def _tab_separated(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
