"""``bitindex demo``: what binary codes cost and keep, on the dataset that comes along."""

from __future__ import annotations

import argparse

import numpy as np

from bitindex._layout import format_table, wrapped
from bitindex.cli.command import Command
from bitindex.cli.demo_methods import (
    N_RESULTS,
    N_TURNS,
    OVERSAMPLE,
    Floats,
    Method,
    Result,
    build_methods,
    compare,
)
from bitindex.cli.text_model import DEFAULT_MODEL, embed_text
from bitindex.datasets import RetrievalDataset, load_scifact
from bitindex.threads import get_num_threads

_N_TITLES = 5
_EXAMPLE_QUERIES = ("179", "641", "1099")


def _run(arguments: argparse.Namespace) -> None:
    threads = arguments.threads or get_num_threads()
    dataset = load_scifact()
    documents = dataset.doc_embeddings.astype(np.float32)
    queries = dataset.query_embeddings.astype(np.float32)
    # First, because a model that is not there should not cost the time of the comparison.
    embedded = (
        None
        if arguments.query is None
        else embed_text(arguments.query, arguments.model, documents.shape[1])
    )
    print(wrapped(_introduction(dataset)), end="\n\n", flush=True)
    results = _measure(dataset, documents, queries, threads)
    print(_table(results), end="\n\n")
    for name, explanation in _legend(len(queries), threads):
        print(wrapped(explanation, f"{name:<18}"))
    best = results[-1].method
    if embedded is None:
        _print_examples(best, dataset, queries)
    else:
        _print_answer(best, dataset, arguments.query, embedded, {}, N_RESULTS)


def _introduction(dataset: RetrievalDataset) -> str:
    n_docs, n_dims = dataset.doc_embeddings.shape
    return (
        f"SciFact: {n_docs:,} scientific abstracts, and {len(dataset.queries)} claims for which "
        f"people judged which abstracts bear on them. Every method below finds the {N_RESULTS} "
        f"best abstracts for each claim, from embeddings of all-MiniLM-L6-v2 ({n_dims} dimensions)."
    )


def _measure(
    dataset: RetrievalDataset, documents: Floats, queries: Floats, threads: int
) -> list[Result]:
    from tqdm import tqdm

    # None lets tqdm decide by whether there is a terminal.
    with tqdm(total=2, desc="build indexes", disable=None, leave=False) as bar:
        methods = list(build_methods(documents, threads))
        bar.update()
        bar.set_description("measure quality and speed")
        results = compare(methods, dataset, documents, queries)
        bar.update()
    return results


def _table(results: list[Result]) -> str:
    return format_table(
        ("method", "bytes", "recall@10", "nDCG@10", "queries a second", "times NumPy"),
        [
            (
                result.method.name,
                f"{result.method.bytes_per_vector:,}",
                f"{result.recall:.3f}",
                f"{result.ndcg:.4f}",
                str(result.throughput).replace(" q/s", ""),
                str(result.ratio),
            )
            for result in results
        ],
    )


def _legend(n_queries: int, threads: int) -> list[tuple[str, str]]:
    return [
        ("bytes", "of memory for each vector"),
        (f"recall@{N_RESULTS}", f"share of the true {N_RESULTS} nearest neighbours that are found"),
        (f"nDCG@{N_RESULTS}", "how well the abstracts that people judged are ranked; 1 is perfect"),
        (
            "queries a second",
            f"median (range) of {N_TURNS} runs, the methods in turns; all {n_queries} claims in "
            f"one call, threads: {threads}, NumPy: as many as its BLAS takes",
        ),
        ("times NumPy", "median (range) of the ratios; on a busy machine trust these more"),
        (
            "rescoring",
            f"the best {OVERSAMPLE * N_RESULTS} by code are scored again with 8 bits a dimension",
        ),
    ]


def _print_examples(method: Method, dataset: RetrievalDataset, queries: Floats) -> None:
    print()
    print(
        wrapped(
            f"Some of the claims, answered by {method.name} (* = judged relevant by people; "
            "no dataset judges every abstract):"
        )
    )
    for query_id in _EXAMPLE_QUERIES:
        row = dataset.query_ids.index(query_id)
        _print_answer(
            method,
            dataset,
            dataset.queries[row],
            queries[row : row + 1],
            dataset.qrels[query_id],
            _N_TITLES,
        )


def _print_answer(
    method: Method,
    dataset: RetrievalDataset,
    text: str,
    query: Floats,
    judgements: dict[str, int],
    n_titles: int,
) -> None:
    scores, rows = method.search(query)
    print()
    print(wrapped(text))
    for rank in range(n_titles):
        row = rows[0, rank]
        mark = "*" if judgements.get(dataset.doc_ids[row], 0) > 0 else " "
        print(wrapped(dataset.titles[row], f"{rank + 1:>4}  {scores[0, rank]:.3f} {mark} "))


def _text(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return value


def _positive(value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {value!r}")
    return number


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--query",
        type=_text,
        metavar="TEXT",
        help='answer this text instead of the claims; needs pip install "bitindex[text]"',
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="NAME-OR-PATH",
        help="the sentence-transformers model that embeds TEXT; the answers make sense only with "
        "the one that embedded the abstracts, or a copy of it (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="threads of the binary searches (default: all CPUs of this process)",
    )


COMMAND = Command(
    summary="compare binary codes with exact float search on a real dataset",
    description="Search SciFact, which comes with bitindex, by exact float search and by binary\n"
    "codes; print memory, quality and speed of each, and answer some of the queries.\n"
    "Takes a few seconds and downloads nothing.",
    examples="examples:\n"
    "  bitindex demo\n"
    "  bitindex demo --threads 1\n"
    '  bitindex demo --query "Does sleep loss raise blood pressure?"',
    add_arguments=_add_arguments,
    run=_run,
)
