"""How much of a Tanimoto search do the numbers of bits save, beside a plain scan and FPSim2?

And what do they cost where they save nothing: for random codes with half of their bits set, and
for few short ones, of which a plain scan takes some microseconds?
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from common import (
    Columns,
    Contestant,
    check_equal,
    compared,
    peer,
    random_codes,
    rates_in_turns,
    ratio_text,
    spread,
    thread_counts,
    versions,
    write_results,
)
from fingerprints import (
    N_BITS,
    Packed,
    add_arguments,
    check_close,
    fpsim2_engine,
    rdkit_fingerprints,
    rows_and_queries,
)

import bitindex as bi

SEARCHES = ("top 1", "top 10", "top 100", ">= 0.7", ">= 0.8", ">= 0.9")
BATCHES = (1024, 64)
N_ALONE = 8  # FPSim2 takes one query at a time
N_SHORT, N_SHORT_BITS = 20_000, 256

fpsim2 = peer("FPSim2", "FPSim2")
data_structs = peer("rdkit.DataStructs", "rdkit")

Found = list[np.ndarray[Any, np.dtype[Any]]]


class Library:
    """The same fingerprints by popcount, as they come, and in FPSim2."""

    def __init__(self, rows: Packed, queries: Packed, with_peer: bool) -> None:
        self.queries = queries
        # All of them where a search is too short for a clock.
        self.n_alone = N_ALONE if len(rows) > N_SHORT else len(queries)
        n_bits = 8 * rows.shape[1]
        self.by_popcount = bi.FlatIndex(n_bits, "jaccard", sort_by="popcount")
        self.plain = bi.FlatIndex(n_bits, "jaccard")
        for index in (self.by_popcount, self.plain):
            index.add(rows)
        self.engine = None
        if with_peer and fpsim2 is not None and data_structs is not None:
            self.engine = fpsim2_engine(fpsim2, rows, bi.popcount(rows))
            self.single = rdkit_fingerprints(data_structs, queries[:N_ALONE])

    def ours(self, index: bi.FlatIndex, search: str, threads: int, queries: Packed) -> Found:
        kind, size = search.split()
        if kind == "top":
            return list(index.search(queries, int(size), threads=threads)[0])
        lims, distances, _ = index.range_search(queries, 1 - float(size), threads=threads)
        return np.split(distances, lims[1:-1])

    def alone(self, index: bi.FlatIndex, search: str, threads: int, queries: Packed) -> Found:
        return [self.ours(index, search, threads, query)[0] for query in queries[:, np.newaxis]]

    def by_fpsim2(self, search: str, threads: int) -> Found:
        kind, size = search.split()
        if kind == "top":
            rows = [self.engine.top_k(q, int(size), 0.0, n_workers=threads) for q in self.single]
        else:
            rows = [self.engine.similarity(q, float(size), n_workers=threads) for q in self.single]
        return [1 - found["coeff"] for found in rows]


def measure(
    library: Library, search: str, n_together: int, threads: int, n_turns: int
) -> dict[str, Any]:
    """Compare the results, then time; rates are queries a second."""
    queries = library.queries[: n_together if n_together > 1 else library.n_alone]
    find = library.ours if n_together > 1 else library.alone
    contestants: dict[str, Contestant] = {
        "by popcount": (partial(find, library.by_popcount, search, threads, queries), len(queries)),
        "plain": (partial(find, library.plain, search, threads, queries), len(queries)),
    }
    found = find(library.by_popcount, search, threads, queries)
    for mine, other in zip(found, find(library.plain, search, threads, queries), strict=True):
        check_equal("bitbound", search, mine, other)
    if library.engine is not None:
        theirs = library.by_fpsim2(search, threads)
        check_close("bitbound", f"FPSim2, {search}", found[:N_ALONE], theirs)
        contestants["FPSim2"] = partial(library.by_fpsim2, search, threads), N_ALONE
    rates = rates_in_turns(contestants, n_turns)
    return {
        "search": search,
        "queries": n_together,
        "threads": threads,
        "n_found": spread([len(distances) for distances in found]),
        **compared(rates, "by popcount"),
    }


def dense_rows_and_queries(n_rows: int, n_bits: int) -> tuple[Packed, Packed]:
    """Return random rows with half of their bits set, and queries that are none of them."""
    rng = np.random.default_rng(1)
    rows, queries = (next(random_codes(rng, n, n_bits, n)) for n in (n_rows, max(BATCHES)))
    return rows, queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    arguments = parser.parse_args()
    rows, queries, n_distinct = rows_and_queries(arguments, max(BATCHES))

    print(f"{len(rows):,} codes of {N_BITS:,} bits, rows by popcount; short: {N_SHORT:,}", end=" ")
    print(f"of {N_SHORT_BITS}")
    columns = Columns(
        *("codes       ", "search", "queries", "threads", "  found", "queries/s"),
        *(f"{f'times {name}':>20}" for name in ("plain", "FPSim2")),
    )
    results = []
    for kind in ("fingerprints", "dense", "short"):
        if kind == "dense":
            rows, queries = dense_rows_and_queries(len(rows), N_BITS)
        elif kind == "short":
            rows, queries = dense_rows_and_queries(N_SHORT, N_SHORT_BITS)
        library = Library(rows, queries, with_peer=kind == "fingerprints")
        for threads, n_together, search in product(thread_counts(), (*BATCHES, 1), SEARCHES):
            row = measure(library, search, n_together, threads, arguments.turns)
            results.append({"codes": kind, **row})
            columns.row(
                kind,
                search,
                n_together,
                threads,
                f"{row['n_found']['median']:,.0f}",
                f"{row['rates']['by popcount']['median']:,.0f}",
                *(
                    ratio_text(row["ratios"][name]) if name in row["ratios"] else ""
                    for name in ("plain", "FPSim2")
                ),
            )
    installed = (("FPSim2", fpsim2), ("rdkit", data_structs))
    path = write_results(
        "bitbound",
        {"codes": len(rows), "distinct": n_distinct, "turns": arguments.turns},
        results,
        **versions(*(package for package, module in installed if module)),
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
