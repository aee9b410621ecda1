"""How fast is Tanimoto search over 2,048-bit fingerprints, beside FPSim2 and RDKit?"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from common import (
    Columns,
    Contestant,
    compared,
    peer,
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

K = 10
SIMILARITY = 0.7
BATCH = 128
# The peers take one query at a time, so few of them give their rate; RDKit's fingerprints are
# Python objects.
N_SINGLE = 8
N_RDKIT_ROWS = 100_000
N_RDKIT_QUERIES = 2

fpsim2 = peer("FPSim2", "FPSim2")
data_structs = peer("rdkit.DataStructs", "rdkit")

# Similarities of each query, most similar first.
Found = list[npt.NDArray[np.float64]]


class Library:
    """The same fingerprints in all contestants."""

    def __init__(self, rows: Packed, queries: Packed) -> None:
        self.n_rows, self.queries = len(rows), queries
        self.index = bi.FlatIndex(N_BITS, metric="jaccard", sort_by="popcount")
        self.index.add(rows)
        if fpsim2 is not None:
            self.engine = fpsim2_engine(fpsim2, rows, bi.popcount(rows))
        if data_structs is not None:
            self.single = rdkit_fingerprints(data_structs, queries[:N_SINGLE])
            self.bit_vectors = rdkit_fingerprints(data_structs, rows[:N_RDKIT_ROWS])
            self.few = bi.FlatIndex(N_BITS, metric="jaccard", sort_by="popcount")
            self.few.add(rows[:N_RDKIT_ROWS])

    def ours(self, index: bi.FlatIndex, queries: Packed, search: str, threads: int) -> Found:
        if search == "top":
            return [1.0 - row for row in index.search(queries, K, threads=threads)[0]]
        lims, distances, _ = index.range_search(queries, 1 - SIMILARITY, threads=threads)
        return np.split(1.0 - distances, lims[1:-1])

    def one_by_one(self, search: str, threads: int) -> Found:
        single = self.queries[:N_SINGLE, np.newaxis]
        return [self.ours(self.index, query, search, threads)[0] for query in single]

    def by_fpsim2(self, search: str, threads: int) -> Found:
        if search == "top":
            found = [self.engine.top_k(query, K, 0.0, n_workers=threads) for query in self.single]
        else:
            found = [
                self.engine.similarity(query, SIMILARITY, n_workers=threads)
                for query in self.single
            ]
        return [rows["coeff"] for rows in found]

    def by_rdkit(self, search: str) -> Found:
        found = []
        for query in self.single[:N_RDKIT_QUERIES]:
            all_ = np.array(data_structs.BulkTanimotoSimilarity(query, self.bit_vectors))
            if search == "top":
                found.append(np.sort(np.partition(all_, -K)[-K:])[::-1])
            else:
                found.append(np.sort(all_[all_ >= SIMILARITY])[::-1])
        return found


def measure(library: Library, search: str, mode: str, threads: int, n_turns: int) -> dict[str, Any]:
    """Compare the results, then time; rates are million fingerprints compared a second."""
    queries = library.queries if mode == "batch" else library.queries[:N_SINGLE]

    def ours() -> Found:
        if mode == "batch":
            return library.ours(library.index, queries, search, threads)
        return library.one_by_one(search, threads)

    found = ours()
    contestants: dict[str, Contestant] = {"bitindex": (ours, len(queries) * library.n_rows / 1e6)}
    if fpsim2 is not None and data_structs is not None:
        theirs = partial(library.by_fpsim2, search, threads)
        check_close("search_sets", f"FPSim2, {search}, {mode}", found[:N_SINGLE], theirs())
        contestants["FPSim2"] = theirs, N_SINGLE * library.n_rows / 1e6
    if data_structs is not None and threads == 1:
        few = library.ours(library.few, queries[:N_RDKIT_QUERIES], search, threads)
        check_close("search_sets", f"RDKit, {search}, {mode}", few, library.by_rdkit(search))
        work = N_RDKIT_QUERIES * len(library.few) / 1e6
        contestants["RDKit"] = partial(library.by_rdkit, search), work
    rates = rates_in_turns(contestants, n_turns)
    return {
        "search": search,
        "mode": mode,
        "threads": threads,
        "n_found": spread([len(similarities) for similarities in found]),
        **compared(rates, "bitindex"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument(
        "--source",
        default="a file",
        metavar="TEXT",
        help="what the fingerprints are, for the report",
    )
    arguments = parser.parse_args()
    source = "drawn" if arguments.fingerprints is None else arguments.source
    rows, queries, n_distinct = rows_and_queries(arguments, BATCH)
    library = Library(rows, queries)

    print(f"{len(rows):,} fingerprints ({source}): million compared a second, and times the peers")
    columns = Columns(
        *("search", "queries", "threads", "  found", "bitindex"),
        *(f"{f'times {name}':>20}" for name in ("FPSim2", "RDKit")),
    )
    results = []
    for search in ("top", "threshold"):
        for mode in ("batch", "single"):
            for threads in thread_counts():
                row = measure(library, search, mode, threads, arguments.turns)
                results.append(row)
                columns.row(
                    f"top {K}" if search == "top" else f">= {SIMILARITY}",
                    len(library.queries) if mode == "batch" else 1,
                    threads,
                    f"{row['n_found']['median']:,.0f}",
                    f"{row['rates']['bitindex']['median']:,.0f}",
                    *(
                        ratio_text(row["ratios"][name]) if name in row["ratios"] else ""
                        for name in ("FPSim2", "RDKit")
                    ),
                )
    installed = (("FPSim2", fpsim2), ("rdkit", data_structs))
    path = write_results(
        "search_sets",
        {"codes": len(rows), "fingerprints": source, "distinct": n_distinct, "k": K}
        | {"similarity": SIMILARITY, "batch": len(library.queries), "turns": arguments.turns},
        results,
        **versions(*(package for package, module in installed if module)),
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
