"""Tuning: which recipe keeps the most neighbours for its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, SupportsFloat, SupportsIndex

from bitindex._border import as_choice, as_count, as_ratio
from bitindex.binarize import BINARIZERS
from bitindex.embeddings import EmbeddingSource
from bitindex.evaluate.exact import Similarity
from bitindex.index import EMBEDDING_KINDS
from bitindex.progress import progress_bar
from bitindex.similarity import SIMILARITIES
from bitindex.tuning.grid import Variant, variants
from bitindex.tuning.result import Trial, TuneResult
from bitindex.tuning.split import Split, hold_out
from bitindex.tuning.trials import empty_indexes, measure, measure_kind

_ONLY_IF_CHOSEN = {"recurrent"}


def tune(
    X: EmbeddingSource,
    target_recall: SupportsFloat = 0.95,
    k: SupportsIndex = 10,
    budget_bytes: SupportsIndex | None = None,
    *,
    queries: EmbeddingSource | None = None,
    similarity: Similarity = "cosine",
    binarizers: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    n_sample: SupportsIndex = 20_000,
    n_queries: SupportsIndex = 500,
    random_state: SupportsIndex = 0,
    progress: bool | None = None,
) -> TuneResult:
    """Find the recipe of an :class:`~bitindex.EmbeddingIndex` that keeps a recall in few bytes.

    Tries binarizers, bits, rescoring and oversampling on a sample of the rows, and other kinds of
    index with the best of these.

    Parameters
    ----------
    X : array of floats, shape (n, d), .npy path, or iterator of batches
        The embeddings to be searched; only a sample is kept in memory, and of a file only read.
    target_recall : float
        Share of the true k nearest neighbours to find, above 0 and at most 1.
    k : int
        Results per query, >= 1.
    budget_bytes : int, optional
        Most bytes a vector may take: code, factors and rescoring vector. Default: no limit.
    queries : array of floats, shape (nq, d), .npy path, or iterator of batches, optional
        What you will ask. Default: rows of X, which are then left out of what is searched; a tenth
        at most of data that is no larger than the sample. Give real queries where they differ
        from the rows, as questions from documents.
    similarity : {"cosine", "dot", "l2"}
        As in :class:`~bitindex.EmbeddingIndex`.
    binarizers : sequence of str, optional
        Names of the registry to try. Default: all but "recurrent", whose training takes minutes
        and needs PyTorch.
    kinds : sequence of str, optional
        Kinds of index to try with the best recipe, beside "flat", which looks at every row.
        Default: all. They trade recall for time, and a sample says little about the time that many
        more rows take.
    n_sample : int
        Most rows of X to search and to train on.
    n_queries : int
        Most queries.
    random_state : int
        Seed >= 0 of the sample.
    progress : bool, optional
        Show a progress bar. Default: on a terminal, if it takes longer than a second.

    Returns
    -------
    TuneResult
        ``best`` is the recipe of the fewest bytes that reaches the target within the budget, or,
        where ``reached`` is False, that of the highest recall; ``pareto`` and ``table`` hold the
        others. Print it to see the front and the code to type.

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If X or queries are no finite embeddings of one width, or too few to hold out queries and
        keep more than k rows; if a number is out of its range or a name unknown; if the budget is
        below the bytes of all that can be tried; the message names the smallest.

    Notes
    -----
    No binarizer sees a query before it is asked, and recalls are those of real searches by the
    index of the recipe. Where the sample is a share f of the rows, recall@k among all of them is
    estimated by recall@(f k) among the sample: that many of the k nearest are expected in it. On
    five sets of real vectors and a third of the rows this was between .04 below the truth and .03
    above; it errs further, and on the low side, where f k is below 2, so let `n_sample` be more
    than 2 / k of the rows where you can. Standard errors say what the number of queries adds. The
    best of many trials is also a lucky one: aim a little higher than you need.

    Cost: for each binarizer and number of bits a fit and an encoding of the sample, and 22
    searches twice each; all in all about a minute for 384 dimensions on two cores.

    Examples
    --------
    >>> import bitindex as bi
    >>> X = bi.datasets.load_scifact().doc_embeddings
    >>> result = bi.tune(X, target_recall=0.95, binarizers=["sign"])
    >>> result.best
    index = bi.EmbeddingIndex(bi.SignBinarizer(), similarity="cosine", rescore="int8").fit(X)
    index.add(X)
    scores, ids = index.search(Q, k=10, oversample=3)
    """
    target = as_ratio(target_recall, "target_recall", 0.0)
    if not 0.0 < target <= 1.0:
        raise ValueError(f"target_recall must be above 0 and at most 1, got {target_recall}")
    n_results = as_count(k, "k", 1)
    budget = None if budget_bytes is None else as_count(budget_bytes, "budget_bytes", 1)
    as_choice(similarity, tuple(SIMILARITIES), "similarity")
    names = _by_default() if binarizers is None else _chosen(binarizers, "binarizers", BINARIZERS)
    others = EMBEDDING_KINDS if kinds is None else _chosen(kinds, "kinds", EMBEDDING_KINDS)
    split = hold_out(
        X,
        queries,
        k=n_results,
        similarity=similarity,
        n_sample=as_count(n_sample, "n_sample", 1),
        n_queries=as_count(n_queries, "n_queries", 1),
        random_state=as_count(random_state, "random_state", 0),
    )
    table, left_out = _try_all(
        variants(names, split.base.shape[1]), split, similarity, n_results, budget, progress
    )
    found = TuneResult(
        table=tuple(table),
        target_recall=target,
        budget_bytes=budget,
        n_base=len(split.base),
        n_queries=len(split.queries),
        n_rows=split.n_rows,
        n_nearest=split.k,
        n_dims=split.base.shape[1],
        left_out=left_out,
    )
    return replace(found, table=(*found.table, *_other_kinds(found, others, split, progress)))


def _by_default() -> tuple[str, ...]:
    return tuple(name for name in BINARIZERS if name not in _ONLY_IF_CHOSEN)


def _chosen(names: Sequence[str], what: str, known: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise TypeError(f"{what} must be a sequence of names, got the string {names!r}")
    chosen = tuple(as_choice(name, tuple(known), what) for name in names)
    if not chosen:
        raise ValueError(f"{what} must name at least one, got none")
    return tuple(dict.fromkeys(chosen))


def _other_kinds(
    found: TuneResult, kinds: Iterable[str], split: Split, progress: bool | None
) -> list[Trial]:
    """Return trials of the best recipe with other kinds of index, within the budget."""
    limit = float("inf") if found.budget_bytes is None else found.budget_bytes
    trials: list[Trial] = []
    tried = [kind for kind in kinds if kind != found.best.kind]
    with progress_bar(len(tried), "tune kinds", progress, unit="kinds") as bar:
        for kind in tried:
            bar.set_postfix_str(kind)
            trials += measure_kind(found.best, kind, split)
            bar.update(1)
    return [trial for trial in trials if trial.bytes_per_vector <= limit]


def _try_all(
    tried: list[Variant],
    split: Split,
    similarity: Similarity,
    k: int,
    budget: int | None,
    progress: bool | None,
) -> tuple[list[Trial], dict[str, str]]:
    """Return all trials within the budget, and the binarizers that refused the sample."""
    limit = float("inf") if budget is None else budget
    smallest = min((variant.least_bytes, str(variant)) for variant in tried)
    if smallest[0] > limit:
        raise _below_all(budget, smallest)
    table: list[Trial] = []
    refusals: dict[str, ValueError] = {}
    sizes: list[tuple[int, str]] = []
    small = [variant for variant in tried if variant.least_bytes <= limit]
    with progress_bar(len(small) * len(split.base), "tune", progress) as bar:
        for variant in small:
            bar.set_postfix_str(str(variant))
            try:
                indexes = empty_indexes(variant, similarity, split)
            except ValueError as error:
                refusals[str(variant)] = error
            else:
                sizes += [(index.bytes_per_vector, str(variant)) for index in indexes]
                affordable = [index for index in indexes if index.bytes_per_vector <= limit]
                table += measure(variant, affordable, split, k)
            bar.update(len(split.base))
    if not table and sizes:
        raise _below_all(budget, min(sizes))
    if not table:
        raise next(iter(refusals.values()))
    return table, {name: str(error) for name, error in refusals.items()}


def _below_all(budget: Any, smallest: tuple[int, str]) -> ValueError:
    n_bytes, name = smallest
    return ValueError(
        f"budget_bytes must be at least {n_bytes}, what a vector takes with {name}, got {budget}"
    )
