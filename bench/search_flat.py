"""How fast is exact Hamming search of many queries, beside faiss and usearch on the same codes?"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from common import (
    Columns,
    Contestant,
    add_searches,
    check_equal,
    geometric_mean,
    peer,
    quotient,
    random_codes,
    rates_in_turns,
    ratio_text,
    spread,
    thread_counts,
    versions,
    write_results,
)

import bitindex as bi

N_BITS = (128, 256, 384, 512, 1024, 1536)
K = 10
# usearch is some ten times slower than faiss: few queries give its rate.
N_USEARCH_QUERIES = 8
PACKAGES = {"faiss": "faiss-cpu", "usearch": "usearch"}

faiss = peer("faiss", "faiss-cpu")
usearch = peer("usearch.index", "usearch")


def searches(
    n_bits: int, n_codes: int, n_queries: int
) -> dict[str, tuple[Callable[[int], Any], int]]:
    """Return what searches with a number of threads, and for how many queries, by name."""
    rng = np.random.default_rng(n_bits)
    (codes,) = random_codes(rng, n_codes, n_bits, chunk=n_codes)
    (queries,) = random_codes(rng, n_queries, n_bits)
    found: dict[str, tuple[Callable[[int], Any], int]] = {}
    if faiss is not None:
        flat = faiss.IndexBinaryFlat(n_bits)
        flat.add(codes)

        def search_faiss(threads: int) -> Any:
            faiss.omp_set_num_threads(threads)
            return flat.search(queries, K)[0]

        found["faiss"] = search_faiss, n_queries
    if usearch is not None:
        few = queries[:N_USEARCH_QUERIES]
        hamming = usearch.MetricKind.Hamming

        def search_usearch(threads: int) -> Any:
            return usearch.search(codes, few, K, hamming, exact=True, threads=threads).distances

        found["usearch"] = search_usearch, len(few)
    index = bi.FlatIndex(n_bits)
    index.add(codes)
    found["bitindex"] = lambda threads: index.search(queries, K, threads=threads)[0], n_queries
    return found


def measure(n_bits: int, threads: int, arguments: argparse.Namespace, contest: Any) -> Any:
    """Compare distances (ids may differ where those tie), then time; rates are M codes a second."""
    ours = contest["bitindex"][0](threads)
    contestants: dict[str, Contestant] = {}
    for name, (search, n_queries) in contest.items():
        what = f"{name}, {n_bits} bits, {threads} threads"
        check_equal("search_flat", what, ours[:n_queries], search(threads).reshape(n_queries, K))
        work = n_queries * arguments.codes / 1e6
        contestants[name] = partial(search, threads), work
    rates = rates_in_turns(contestants, arguments.turns)
    return {
        "n_bits": n_bits,
        "threads": threads,
        "rates": {name: spread(runs) for name, runs in rates.items()},
        "ratios": {name: quotient(rates, "bitindex", name) for name in rates if name in PACKAGES},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_searches(parser, N_BITS)
    arguments = parser.parse_args()
    if any(n_bits % 8 for n_bits in arguments.bits):
        parser.error("the peers need widths that are multiples of 8")
    peers = [name for name, module in (("faiss", faiss), ("usearch", usearch)) if module]
    if not peers:
        print("search_flat: skipped, it needs a peer")
        return

    print(f"{arguments.queries} queries: million codes a second, and times the peers")
    columns = Columns(" bits", "threads", "bitindex", *(f"{f'times {name}':>20}" for name in peers))
    rows = []
    for n_bits in arguments.bits:
        contest = searches(n_bits, arguments.codes, arguments.queries)
        for threads in thread_counts():
            row = measure(n_bits, threads, arguments, contest)
            ratios = (ratio_text(row["ratios"][name]) for name in peers)
            columns.row(n_bits, threads, f"{row['rates']['bitindex']['median']:,.0f}", *ratios)
            rows.append(row)
    means = []
    for threads in thread_counts():
        own = [row["ratios"] for row in rows if row["threads"] == threads]
        mean = {name: geometric_mean([ratios[name] for ratios in own]) for name in peers}
        columns.row("mean", threads, "", *(ratio_text(mean[name]) for name in peers))
        means.append({"threads": threads, "ratios": mean})
    path = write_results(
        "search_flat",
        vars(arguments) | {"k": K},
        {"rows": rows, "geometric_means": means},
        **versions(*(PACKAGES[name] for name in peers)),
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
