"""Tasks for bebr.py: what is learned from, and how the found rows are judged."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from quality_sets import DataSet, Floats, Ids, prepare, read_labels, read_matrix

from bitindex.datasets import load_scifact
from bitindex.evaluate import recall_at_k

Shares = npt.NDArray[np.float64]
N_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Task:
    """Rows to learn from and to search, queries, and the judgement of what is found.

    Attributes
    ----------
    shares_found : callable
        From ids, shape (n_queries, >= k), and k: for each query the share of what should be found,
        at most k rows, among the first k.
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
    shares_found: Callable[[Ids, int], Shares]
    n_epochs: int
    batch_size: int
    learned_from: dict[str, Any] = field(default_factory=dict)
    n_train: int = 20_000
    device: str = "cpu"

    def recall(self, found: Ids, k: int) -> float:
        """Return the mean of `shares_found`."""
        return float(self.shares_found(found, k).mean())

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


@dataclass(frozen=True, eq=False)
class Claims:
    """Claims of SciFact, and the pairs of a claim and an abstract that were judged to fit."""

    embeddings: Floats
    pairs: npt.NDArray[np.int64]

    def task(self, name: str, asked: Ids, learned_from: Claims) -> Task:
        """Return the task to find the abstracts of some claims after learning from others."""
        wanted: dict[int, set[int]] = {claim: set() for claim in asked.tolist()}
        for claim, abstract in self.pairs.tolist():
            if claim in wanted:
                wanted[claim].add(abstract)

        def shares_found(found: Ids, k: int) -> Shares:
            rows = zip(found[:, :k].tolist(), wanted.values(), strict=True)
            return np.array([len(of & {*ids}) / min(len(of), k) for ids, of in rows])

        return Task(
            name,
            prepare(load_scifact().doc_embeddings, "cosine"),
            self.embeddings[asked],
            shares_found,
            n_epochs=20,
            batch_size=128,
            learned_from={"pairs": learned_from.pairs, "queries": learned_from.embeddings},
        )


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
    tested = _tested_claims()
    asked = np.arange(len(tested.embeddings))
    return tested.task("SciFact pairs", asked, _training_claims(query_file, id_file, qrels_file))


def pairs_folds(query_file: Path, id_file: Path, qrels_file: Path) -> list[Task]:
    """Return SciFact in folds: ask a fifth of all judged claims, after learning from the others.

    So every claim is asked once, which makes a standard error about half as large as the claims for
    testing alone do. The parameters are those of `pairs_task`.
    """
    of_training, tested = _training_claims(query_file, id_file, qrels_file), _tested_claims()
    n_before = len(of_training.embeddings)
    claims = Claims(
        np.concatenate([of_training.embeddings, tested.embeddings]),
        np.concatenate([of_training.pairs, tested.pairs + np.array([n_before, 0])]),
    )
    judged = np.unique(claims.pairs[:, 0])
    tasks = []
    for asked in np.array_split(np.random.default_rng(0).permutation(judged), N_FOLDS):
        others = claims.pairs[~np.isin(claims.pairs[:, 0], asked)]
        learned_from = Claims(claims.embeddings, others)
        tasks.append(claims.task("SciFact pairs in folds", asked, learned_from))
    return tasks


def _training_claims(query_file: Path, id_file: Path, qrels_file: Path) -> Claims:
    doc_numbers = _numbers(load_scifact().doc_ids)
    claim_numbers = _numbers([line[0] for line in _tab_separated(id_file)])
    claims = prepare(read_matrix(query_file), "cosine")
    if len(claim_numbers) != len(claims):
        raise ValueError(f"{id_file} must have {len(claims)} lines, got {len(claim_numbers)}")
    judged = _tab_separated(qrels_file)[1:]
    return Claims(
        claims, np.array([(claim_numbers[line[0]], doc_numbers[line[1]]) for line in judged])
    )


def _tested_claims() -> Claims:
    """Return the claims that come with the package."""
    data = load_scifact()
    doc_numbers = _numbers(data.doc_ids)
    pairs = [
        (number, doc_numbers[doc_id])
        for number, claim_id in enumerate(data.query_ids)
        for doc_id in data.qrels[claim_id]
    ]
    return Claims(prepare(data.query_embeddings, "cosine"), np.array(pairs))


def _numbers(ids: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(ids)}


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

    def shares_found(found: Ids, k: int) -> Shares:
        return np.asarray((row_labels[found[:, :k]] == query_labels[:, np.newaxis]).mean(axis=1))

    learned_from = {"labels": row_labels}
    return Task(f"{name} labels", rows, queries, shares_found, 10, 512, learned_from)


def neighbours_task(data: DataSet) -> Task:
    """Return rows alone: codes should find the rows that are nearest as floats."""

    def shares_found(found: Ids, k: int) -> Shares:
        return recall_at_k(found, data.neighbours, k, per_query=True)

    return Task(f"{data.name} neighbours", data.base, data.queries, shares_found, 10, 512)


def _tab_separated(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
