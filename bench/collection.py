"""What does a Collection cost over the bare index: writing, opening, searching, filtering?"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import (
    Columns,
    Contestant,
    add_turns,
    check_equal,
    compared,
    positive,
    rates_in_turns,
    ratio_text,
    seconds_in_turns,
    spread,
    write_results,
)

import bitindex as bi

N_DIMS = 256
K = 10
BATCH = 10_000
TRANSACTIONS = (1, 10, 100, 1_000, 10_000)
N_WRITTEN = 20_000  # documents for each size of transaction, but no more transactions than:
MOST_TRANSACTIONS = 500
QUERY_COUNTS = (1, 128)
SHARES = {"0.1%": {"part": 7}, "10%": {"part": {"$lt": 100}}, "50%": {"part": {"$lt": 500}}}

Floats = npt.NDArray[np.float32]


def new_collection(path: Path) -> bi.Collection:
    sample = np.random.default_rng(0).standard_normal((1_000, N_DIMS), np.float32)
    return bi.Collection.create(path, bi.SignBinarizer().fit(sample))


def add(collection: bi.Collection, first: int, X: Floats) -> None:
    numbers = range(first, first + len(X))
    collection.add(
        [f"document-{number}" for number in numbers],
        X,
        texts=[f"A short text, such as a headline, of document {number}." for number in numbers],
        metadata=[{"part": number % 1000, "source": "AP"} for number in numbers],
    )


def build(path: Path, n_documents: int) -> dict[str, Any]:
    """Make a collection, and return what it took on the clock and of the processor."""
    rng = np.random.default_rng(1)
    seconds = cpu_seconds = 0.0
    with new_collection(path) as collection:
        for first in range(0, n_documents, BATCH):
            X = rng.standard_normal((min(BATCH, n_documents - first), N_DIMS), np.float32)
            start, cpu_start = time.perf_counter(), time.process_time()
            add(collection, first, X)
            seconds += time.perf_counter() - start
            cpu_seconds += time.process_time() - cpu_start
    n_bytes = {file.name: file.stat().st_size for file in path.iterdir()}
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "bytes": n_bytes}


def measure_transactions(directory: Path) -> Iterator[dict[str, Any]]:
    """Add to a small collection, so many documents at a time."""
    rng = np.random.default_rng(2)
    with new_collection(directory / "transactions") as collection:
        for size in TRANSACTIONS:
            n_transactions = min(N_WRITTEN // size, MOST_TRANSACTIONS)
            X = rng.standard_normal((size, N_DIMS), np.float32)
            start = time.perf_counter()
            for _ in range(n_transactions):
                add(collection, len(collection), X)
            seconds = time.perf_counter() - start
            yield {"size": size, "documents_per_second": n_transactions * size / seconds}


def opened(path: Path) -> None:
    bi.Collection.open(path, read_only=True).close()


def measure_opening(path: Path, n_turns: int) -> dict[str, Any]:
    """Open with the image, which is also loaded alone, and without it, by all codes."""
    image, away = path / "index.bitx", path / "away.bitx"
    seconds = seconds_in_turns(
        {"collection": partial(opened, path), "index": partial(bi.load, image)}, n_turns
    )
    image.rename(away)
    seconds["without image"] = [_seconds(partial(opened, path))]
    away.rename(image)
    return {name: spread(runs) for name, runs in seconds.items()}


def measure_searches(
    collection: bi.Collection, index: bi.EmbeddingIndex, n_turns: int
) -> Iterator[dict[str, Any]]:
    """Compare searches on one thread with the bare index, whose ids are row numbers."""
    rng = np.random.default_rng(3)
    for n_queries in QUERY_COUNTS:
        Q = rng.standard_normal((n_queries, N_DIMS), np.float32)
        _, rows = index.search(Q, K)
        ids = [[hit.id for hit in hits] for hits in collection.search(Q, K)]
        check_equal(
            "collection", "ids", [[f"document-{row}" for row in each] for each in rows], ids
        )
        contestants: dict[str, Contestant] = {
            "collection": (partial(collection.search, Q, K, threads=1), n_queries),
            "index": (partial(index.search, Q, K, threads=1), n_queries),
        }
        yield {
            "queries": n_queries,
            **compared(rates_in_turns(contestants, n_turns), "collection"),
        }


def measure_filters(path: Path, n_turns: int) -> Iterator[dict[str, Any]]:
    """Time one query under each filter: later ones, and the processor's time of the first."""
    (query,) = np.random.default_rng(4).standard_normal((1, N_DIMS), np.float32)
    for share, where in SHARES.items():
        first = [_seconds_of_first(path, query, where) for _ in range(n_turns)]
        with bi.Collection.open(path, read_only=True) as collection:
            runs = seconds_in_turns(
                {
                    "later": partial(collection.search, query, K, where, threads=1),
                    "unfiltered": partial(collection.search, query, K, threads=1),
                },
                n_turns,
            )
        yield {"share": share, "first": spread(first)} | {n: spread(s) for n, s in runs.items()}


def _seconds_of_first(path: Path, query: Floats, where: dict[str, Any]) -> float:
    with bi.Collection.open(path, read_only=True) as collection:
        collection.search(query, K, threads=1)
        start = time.process_time()
        collection.search(query, K, where, threads=1)
        return time.process_time() - start


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(directory: Path, n_documents: int, n_turns: int) -> dict[str, Any]:
    path = directory / "documents"
    built = build(path, n_documents)
    n_bytes = sum(built["bytes"].values())
    print(
        f"{n_documents:,} documents in transactions of {BATCH:,}: {built['seconds']:.1f} s "
        f"({built['cpu_seconds']:.1f} s of the processor), "
        f"{n_bytes / n_documents:,.0f} bytes a document"
    )
    opening = measure_opening(path, n_turns)
    medians = {name: f"{seconds['median']:.3f} s" for name, seconds in opening.items()}
    print(
        f"opening: {medians['collection']}, the image alone {medians['index']}, "
        f"without it {medians['without image']}"
    )

    columns = Columns("queries", "collection/s", f"{'times the bare index':>24}")
    searches = []
    with bi.Collection.open(path, read_only=True) as collection:
        for row in measure_searches(collection, bi.load(path / "index.bitx"), n_turns):
            rate = f"{row['rates']['collection']['median']:,.0f}"
            columns.row(row["queries"], rate, ratio_text(row["ratios"]["index"], 2))
            searches.append(row)

    filters: dict[str, list[dict[str, Any]]] = {}
    for kind in ("plain", "field index"):
        if kind == "field index":
            with bi.Collection.open(path) as collection:
                print(
                    f"field index: {_seconds(partial(collection.create_field_index, 'part')):.1f} s"
                )
        columns = Columns("allowed", "first, CPU ms", "later, ms", "no filter, ms")
        filters[kind] = list(measure_filters(path, n_turns))
        for row in filters[kind]:
            times = [
                f"{row[name]['median'] * 1e3:.1f}" for name in ("first", "later", "unfiltered")
            ]
            columns.row(row["share"], *times)

    columns = Columns("documents a transaction", "documents/s")
    transactions = list(measure_transactions(directory))
    for row in transactions:
        columns.row(row["size"], f"{row['documents_per_second']:,.0f}")
    return {
        "built": built,
        "opening": opening,
        "searches": searches,
        "filters": filters,
        "transactions": transactions,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--directory", metavar="DIR", help="on the disk to measure")
    add_turns(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        results = measure(Path(directory), arguments.documents, arguments.turns)
    print(f"written: {write_results('collection', vars(arguments), results)}")


if __name__ == "__main__":
    main()
