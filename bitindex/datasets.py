"""A real retrieval dataset that comes with the package, for examples, tests and benchmarks."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    if sys.version_info >= (3, 11):
        from importlib.resources.abc import Traversable
    else:
        from importlib.abc import Traversable

__all__ = ["RetrievalDataset", "load_scifact"]

_N_DOCS = 5183
_N_QUERIES = 300
_N_JUDGEMENTS = 339
_DIMENSION = 384


@dataclass(frozen=True, repr=False, eq=False)
class RetrievalDataset:
    """Documents, queries, relevance judgements and the embeddings of both.

    Attributes
    ----------
    doc_ids : tuple of str, length n_docs
        Unique ids of the documents.
    titles, texts : tuple of str, length n_docs
        Title and text of each document, in the order of `doc_ids`.
    query_ids : tuple of str, length n_queries
        Unique ids of the queries.
    queries : tuple of str, length n_queries
        Text of each query, in the order of `query_ids`.
    qrels : dict of str to dict of str to int
        Query id -> document id -> grade. Every query has at least one judgement; the keys are in
        the order of `query_ids`. A document without a grade was not judged relevant.
    doc_embeddings : ndarray of float16, shape (n_docs, dimension)
        L2-normalised embeddings, row i belongs to ``doc_ids[i]``. Cast to float32 to compute.
    query_embeddings : ndarray of float16, shape (n_queries, dimension)
        L2-normalised embeddings, row i belongs to ``query_ids[i]``.
    """

    doc_ids: tuple[str, ...]
    titles: tuple[str, ...]
    texts: tuple[str, ...]
    query_ids: tuple[str, ...]
    queries: tuple[str, ...]
    qrels: dict[str, dict[str, int]]
    doc_embeddings: npt.NDArray[np.float16]
    query_embeddings: npt.NDArray[np.float16]

    def __repr__(self) -> str:
        n_judgements = sum(len(judgements) for judgements in self.qrels.values())
        return (
            f"RetrievalDataset(n_docs={len(self.doc_ids)}, n_queries={len(self.query_ids)}, "
            f"n_judgements={n_judgements}, dimension={self.doc_embeddings.shape[1]})"
        )


def load_scifact() -> RetrievalDataset:
    """Load SciFact: 5,183 scientific abstracts and 300 claims to find evidence for.

    The embeddings are those of sentence-transformers/all-MiniLM-L6-v2, 384 dimensions. Nothing is
    downloaded. Licences, attribution and preparation: ``bitindex/data/scifact/NOTICE.md``.

    Returns
    -------
    RetrievalDataset
        New objects at each call: the caller may change them.

    Raises
    ------
    FileNotFoundError
        If a data file is missing from the installation.
    OSError
        If the compressed documents are damaged.
    ValueError
        If a file does not hold the expected rows.

    Notes
    -----
    Takes about 0.1 s and 16 MB. Safe to call from many threads.

    Source: Wadden et al., "Fact or Fiction: Verifying Scientific Claims", EMNLP 2020, in the form
    of Thakur et al., "BEIR", NeurIPS Datasets and Benchmarks 2021.

    Examples
    --------
    >>> from bitindex.datasets import load_scifact
    >>> load_scifact()
    RetrievalDataset(n_docs=5183, n_queries=300, n_judgements=339, dimension=384)
    """
    return _load(files("bitindex") / "data" / "scifact")


def _load(folder: Traversable) -> RetrievalDataset:
    documents = [json.loads(line) for line in _gzip_lines(folder / "corpus.jsonl.gz")]
    _check_count("corpus.jsonl.gz", "documents", len(documents), _N_DOCS)
    doc_ids = tuple(document["_id"] for document in documents)
    _check_count("corpus.jsonl.gz", "different ids", len(set(doc_ids)), _N_DOCS)

    query_rows = _tab_separated(folder / "queries.tsv", n_columns=2)
    _check_count("queries.tsv", "queries", len(query_rows), _N_QUERIES)
    query_ids = tuple(row[0] for row in query_rows)

    return RetrievalDataset(
        doc_ids=doc_ids,
        titles=tuple(document["title"] for document in documents),
        texts=tuple(document["text"] for document in documents),
        query_ids=query_ids,
        queries=tuple(row[1] for row in query_rows),
        qrels=_judgements(folder / "qrels.tsv", query_ids, frozenset(doc_ids)),
        doc_embeddings=_embeddings(folder / "doc_embeddings.npy", _N_DOCS),
        query_embeddings=_embeddings(folder / "query_embeddings.npy", _N_QUERIES),
    )


def _judgements(
    file: Traversable, query_ids: tuple[str, ...], doc_ids: frozenset[str]
) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {query_id: {} for query_id in query_ids}
    _header, *rows = _tab_separated(file, n_columns=3)
    for query_id, doc_id, grade in rows:
        if query_id not in qrels or doc_id not in doc_ids:
            raise ValueError(
                f"{file.name} must name queries and documents of the dataset, "
                f"got query {query_id!r} and document {doc_id!r}"
            )
        qrels[query_id][doc_id] = int(grade)
    n_judgements = sum(len(judgements) for judgements in qrels.values())
    _check_count(file.name, "judgements", n_judgements, _N_JUDGEMENTS)
    return qrels


def _embeddings(file: Traversable, n_rows: int) -> npt.NDArray[np.float16]:
    with file.open("rb") as stream:
        array: npt.NDArray[np.float16] = np.load(stream, allow_pickle=False)
    if array.shape != (n_rows, _DIMENSION) or array.dtype != np.float16:
        raise ValueError(
            f"{file.name} must be float16 of shape {(n_rows, _DIMENSION)}, "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array


def _gzip_lines(file: Traversable) -> list[str]:
    try:
        text = gzip.decompress(file.read_bytes()).decode("utf-8")
    except (EOFError, zlib.error) as error:
        raise OSError(f"{file.name} is damaged: {error}") from error
    return _lines(text)


def _tab_separated(file: Traversable, n_columns: int) -> list[list[str]]:
    rows = [line.split("\t") for line in _lines(file.read_text(encoding="utf-8"))]
    for number, row in enumerate(rows, start=1):
        if len(row) != n_columns:
            raise ValueError(
                f"{file.name} must have {n_columns} columns, got {len(row)} in line {number}"
            )
    return rows


def _lines(text: str) -> list[str]:
    # str.splitlines would also split at the Unicode line separators that abstracts may contain.
    return text.removesuffix("\n").split("\n")


def _check_count(file_name: str, what: str, got: int, expected: int) -> None:
    if got != expected:
        raise ValueError(f"{file_name} must hold {expected} {what}, got {got}")
