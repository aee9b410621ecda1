"""Rankings side by side with human judgements: checked, and visited query by query."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Identifier", "Qrels", "RankedIds", "evaluate_queries"]

Identifier: TypeAlias = str | int
# Mappings and sequences of exactly str or exactly int should both fit, and a key type is invariant.
Qrels: TypeAlias = Mapping[Any, Mapping[Any, float]]
RankedIds: TypeAlias = npt.NDArray[Any] | Sequence[Sequence[Any] | npt.NDArray[Any]]

_Measure: TypeAlias = Callable[[list[Identifier], Mapping[Identifier, float]], float]

_NO_RESULT = -1


def evaluate_queries(
    measure: _Measure,
    ranked_ids: RankedIds,
    qrels: Qrels,
    query_ids: Sequence[Identifier] | None,
    doc_ids: Sequence[Identifier] | None,
) -> npt.NDArray[np.float64]:
    """Apply `measure` to the ranking and the positive grades of each query.

    Arguments and exceptions are those of `bitindex.evaluate.ndcg_at_k`. A query without a positive
    grade is not measured.

    Returns
    -------
    ndarray of float64, shape (n_queries,)
        NaN for the queries that are not measured.
    """
    if not isinstance(qrels, Mapping):
        raise TypeError(f"qrels must map query ids to judgements, got {type(qrels).__name__}")
    named_queries = list(qrels) if query_ids is None else list(query_ids)
    if len(ranked_ids) != len(named_queries):
        source = "a key of qrels" if query_ids is None else "an entry of query_ids"
        raise ValueError(
            f"ranked_ids must have one row for {source} each, "
            f"got {len(ranked_ids)} rows for {len(named_queries)}"
        )
    values = np.full(len(named_queries), np.nan)
    for row, (query_id, ids) in enumerate(zip(named_queries, ranked_ids, strict=True)):
        if query_id not in qrels:
            raise KeyError(f"query_ids must be keys of qrels, got {query_id!r} in row {row}")
        gains = _positive_grades(qrels[query_id], query_id)
        ranking = _ranking(ids, row, doc_ids)
        _check_same_kind(ranking, qrels[query_id], row)
        if gains:
            values[row] = measure(ranking, gains)
    return values


def _positive_grades(judgements: Any, query_id: Identifier) -> dict[Identifier, float]:
    if not isinstance(judgements, Mapping):
        raise TypeError(
            f"qrels must map each query id to a mapping of document ids to grades, "
            f"got {type(judgements).__name__} for query {query_id!r}"
        )
    for doc_id, grade in judgements.items():
        where = f"got {grade!r} for query {query_id!r} and document {doc_id!r}"
        if not isinstance(grade, numbers.Real):
            raise TypeError(f"grades must be numbers, {where}")
        if not math.isfinite(grade):
            raise ValueError(f"grades must be finite, {where}")
    return {doc_id: float(grade) for doc_id, grade in judgements.items() if grade > 0}


def _ranking(ids: Any, row: int, doc_ids: Sequence[Identifier] | None) -> list[Identifier]:
    """Return the document ids of one row, without the padding at its end."""
    if isinstance(ids, (str, bytes)) or not isinstance(ids, (Sequence, np.ndarray)):
        raise TypeError(f"ranked_ids must have a sequence of ids per row, got {ids!r} in row {row}")
    ranking = list(np.asarray(ids).tolist()) if isinstance(ids, np.ndarray) else list(ids)
    for doc_id in ranking:
        if isinstance(doc_id, (bool, np.bool_)) or not isinstance(doc_id, (str, numbers.Integral)):
            raise TypeError(
                f"ranked_ids must hold str or int, got {type(doc_id).__name__} in row {row}"
            )
    while ranking and ranking[-1] == _NO_RESULT:
        ranking.pop()
    if doc_ids is not None:
        ranking = [_doc_id(position, row, doc_ids) for position in ranking]
    if len(set(ranking)) < len(ranking):
        repeated = next(doc_id for doc_id in ranking if ranking.count(doc_id) > 1)
        raise ValueError(
            f"ranked_ids must not repeat a document, got {repeated!r} again in row {row}"
        )
    return ranking


def _doc_id(position: Identifier, row: int, doc_ids: Sequence[Identifier]) -> Identifier:
    if isinstance(position, str):
        raise TypeError(
            f"ranked_ids must hold row numbers of doc_ids, got {position!r} in row {row}"
        )
    if not 0 <= position < len(doc_ids):
        raise ValueError(
            f"ranked_ids must be from 0 to {len(doc_ids) - 1}, the rows of doc_ids, "
            f"got {position} in row {row}"
        )
    return doc_ids[position]


def _check_same_kind(
    ranking: list[Identifier], judgements: Mapping[Identifier, float], row: int
) -> None:
    # "12" never equals 12: mixed kinds would look like a ranking that finds nothing.
    kinds = {"str" if isinstance(doc_id, str) else "int" for doc_id in ranking}
    judged_kinds = {"str" if isinstance(doc_id, str) else "int" for doc_id in judgements}
    if len(kinds | judged_kinds) > 1:
        raise TypeError(
            f"ranked_ids and the documents of qrels must be all str or all int, "
            f"got {sorted(kinds)} and {sorted(judged_kinds)} in row {row}"
        )
