"""How good a ranking is in the eyes of people who judged documents: nDCG and MRR."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, overload

import numpy as np
import numpy.typing as npt

from bitindex.evaluate.arguments import mean_of_known, whole_number
from bitindex.evaluate.judgements import Identifier, Qrels, RankedIds, evaluate_queries

__all__ = ["ndcg_at_k", "mrr"]


@overload
def ndcg_at_k(
    ranked_ids: RankedIds,
    qrels: Qrels,
    k: int = ...,
    *,
    query_ids: Sequence[Identifier] | None = ...,
    doc_ids: Sequence[Identifier] | None = ...,
    per_query: Literal[False] = ...,
) -> float: ...
@overload
def ndcg_at_k(
    ranked_ids: RankedIds,
    qrels: Qrels,
    k: int = ...,
    *,
    query_ids: Sequence[Identifier] | None = ...,
    doc_ids: Sequence[Identifier] | None = ...,
    per_query: Literal[True],
) -> npt.NDArray[np.float64]: ...
def ndcg_at_k(
    ranked_ids: RankedIds,
    qrels: Qrels,
    k: int = 10,
    *,
    query_ids: Sequence[Identifier] | None = None,
    doc_ids: Sequence[Identifier] | None = None,
    per_query: bool = False,
) -> float | npt.NDArray[np.float64]:
    """Normalised discounted cumulative gain of the first `k` results, as in trec_eval and BEIR.

    A document of grade g > 0 at rank r, counted from 1, gains ``g / log2(r + 1)``; the sum is
    divided by that of the best possible ranking of all judged documents.

    Parameters
    ----------
    ranked_ids : sequence of sequences of str or int, or array, one row per query
        Document ids, best first; rows may differ in length. -1 at the end of a row is padding.
    qrels : mapping of query id to mapping of document id to grade
        Grades are finite numbers; grades below 0 count as 0. Documents not listed have grade 0.
    k : int
        How many of the first results count, at least 1.
    query_ids : sequence, length n_queries, optional
        Query id of each row. By default the keys of `qrels` in their order, all of them. Judged
        queries that are not named here do not count, as in BEIR.
    doc_ids : sequence, optional
        If given, `ranked_ids` holds row numbers into it, as a search returns them.
    per_query : bool
        Return the value of each query instead of the mean.

    Returns
    -------
    float or ndarray of float64, shape (n_queries,)
        From 0 to 1. A query without a grade above 0 has no best ranking: it is left out of the
        mean, and NaN for itself (trec_eval counts it as 0).

    Raises
    ------
    TypeError
        If ids are neither str nor int, ids and judgements are of different kinds, or `qrels` is not
        a mapping of mappings to numbers.
    ValueError
        If the numbers of rows and queries differ, a row repeats a document, a row number is outside
        `doc_ids`, a grade is not finite, or the mean is asked for and no query has a grade above 0.
    KeyError
        If a query id is not in `qrels`.

    Notes
    -----
    The ranking is taken as given; trec_eval would sort documents of equal score by their ids.
    Costs O(n_queries * k + n_judgements * log(n_judgements)). Safe to call from many threads.

    Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20
    (2002), with the discount log2(rank + 1) of trec_eval's ndcg_cut.

    Examples
    --------
    >>> ndcg_at_k([["b", "a"]], {"q": {"a": 1}})
    0.6309297535714575
    """
    k = whole_number(k, "k")

    def ndcg(ranking: list[Identifier], gains: Mapping[Identifier, float]) -> float:
        best = _discounted_sum(sorted(gains.values(), reverse=True)[:k])
        return _discounted_sum(gains.get(doc_id, 0.0) for doc_id in ranking[:k]) / best

    values = evaluate_queries(ndcg, ranked_ids, qrels, query_ids, doc_ids)
    return values if per_query else mean_of_known(values, "qrels must hold a grade above 0")


@overload
def mrr(
    ranked_ids: RankedIds,
    qrels: Qrels,
    k: int | None = ...,
    *,
    query_ids: Sequence[Identifier] | None = ...,
    doc_ids: Sequence[Identifier] | None = ...,
    per_query: Literal[False] = ...,
) -> float: ...
@overload
def mrr(
    ranked_ids: RankedIds,
    qrels: Qrels,
    k: int | None = ...,
    *,
    query_ids: Sequence[Identifier] | None = ...,
    doc_ids: Sequence[Identifier] | None = ...,
    per_query: Literal[True],
) -> npt.NDArray[np.float64]: ...
def mrr(
    ranked_ids: RankedIds,
    qrels: Qrels,
    k: int | None = None,
    *,
    query_ids: Sequence[Identifier] | None = None,
    doc_ids: Sequence[Identifier] | None = None,
    per_query: bool = False,
) -> float | npt.NDArray[np.float64]:
    """Mean reciprocal rank of the first relevant result.

    The value of a query is 1 / r for the smallest rank r, counted from 1, of a document with a
    grade above 0, and 0 if the first `k` results have none.

    Parameters
    ----------
    ranked_ids, qrels, query_ids, doc_ids, per_query
        As for `ndcg_at_k`.
    k : int, optional
        How many of the first results count, at least 1. By default all of them.

    Returns
    -------
    float or ndarray of float64, shape (n_queries,)
        From 0 to 1; queries without a grade above 0 are treated as in `ndcg_at_k`.

    Raises
    ------
    TypeError, ValueError, KeyError
        As for `ndcg_at_k`.

    Notes
    -----
    Costs O(n_queries * row length). Safe to call from many threads.

    Examples
    --------
    >>> mrr([["b", "a"]], {"q": {"a": 1}})
    0.5
    """
    last = None if k is None else whole_number(k, "k")

    def reciprocal_rank(ranking: list[Identifier], gains: Mapping[Identifier, float]) -> float:
        ranks = (rank for rank, doc_id in enumerate(ranking[:last], start=1) if doc_id in gains)
        return 1.0 / next(ranks, math.inf)

    values = evaluate_queries(reciprocal_rank, ranked_ids, qrels, query_ids, doc_ids)
    return values if per_query else mean_of_known(values, "qrels must hold a grade above 0")


def _discounted_sum(gains: Iterable[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
