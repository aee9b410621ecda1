"""How fast is exact Hamming search, beside faiss IndexBinaryFlat on the same random codes?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from common import positive, seconds_in_turns, spread, write_results

import bitindex as bi

try:
    import faiss
except ImportError:
    faiss = None

N_BITS = (128, 256, 384, 512, 1024, 1536)
K = 10
N_SINGLE_QUERIES = 16


class Pair:
    """The same codes in both indexes."""

    def __init__(self, n_bits: int, n_codes: int, n_queries: int) -> None:
        rng = np.random.default_rng(n_bits)
        codes = rng.integers(0, 256, (n_codes, n_bits // 8), dtype=np.uint8)
        self.queries = rng.integers(0, 256, (n_queries, n_bits // 8), dtype=np.uint8)
        self.ours = bi.FlatIndex(n_bits)
        self.ours.add(codes)
        self.theirs = faiss.IndexBinaryFlat(n_bits)
        self.theirs.add(codes)

    def batch(self, threads: int) -> dict[str, Callable[[], Any]]:
        return {
            "faiss": lambda: self.theirs.search(self.queries, K),
            "bitindex": lambda: self.ours.search(self.queries, K, threads=threads),
        }

    def one_by_one(self, threads: int) -> dict[str, Callable[[], Any]]:
        single = self.queries[:N_SINGLE_QUERIES, np.newaxis]
        return {
            "faiss": lambda: [self.theirs.search(query, K) for query in single],
            "bitindex": lambda: [self.ours.search(query, K, threads=threads) for query in single],
        }

    def check(self, threads: int) -> None:
        """Stop unless both find the same distances; ids may differ where distances tie."""
        for contestants in (self.batch(threads), self.one_by_one(threads)):
            distances = [np.asarray(_distances(search())) for search in contestants.values()]
            if not np.array_equal(*distances):
                sys.exit(f"search_flat: different distances at {self.ours.n_bits} bits")


def _distances(found: Any) -> Any:
    return [_distances(part) for part in found] if isinstance(found, list) else found[0]


def measure(pair: Pair, threads: int, n_turns: int) -> dict[str, Any]:
    """Time batches and single queries; rates are million codes compared a second."""
    pair.check(threads)
    row: dict[str, Any] = {"n_bits": pair.ours.n_bits, "threads": threads}
    for mode, contestants, n_queries in (
        ("batch", pair.batch(threads), len(pair.queries)),
        ("single", pair.one_by_one(threads), min(N_SINGLE_QUERIES, len(pair.queries))),
    ):
        # faiss answers one query with one thread; more of them only wait at barriers.
        faiss.omp_set_num_threads(threads if mode == "batch" else 1)
        seconds = seconds_in_turns(contestants, n_turns)
        work = n_queries * len(pair.ours) / 1e6
        row[mode] = {name: spread([work / s for s in runs]) for name, runs in seconds.items()}
        turns = zip(seconds["faiss"], seconds["bitindex"], strict=True)
        row[mode]["ratio"] = spread([theirs / ours for theirs, ours in turns])
        row[mode]["milliseconds"] = {
            name: spread([1e3 * s / n_queries for s in runs]) for name, runs in seconds.items()
        }
    # What each index says that it holds for its rows.
    row["memory_bytes"] = {
        "faiss": pair.theirs.ntotal * pair.theirs.code_size,
        "bitindex": pair.ours._core.memory_bytes(),
    }
    return row


def print_row(row: dict[str, Any]) -> None:
    cells = [f"{row['n_bits']:>5}", f"{row['threads']:>7}"]
    for mode in ("batch", "single"):
        rates = row[mode]
        ratio = rates["ratio"]
        cells.append(f"{rates['bitindex']['median']:>9,.0f}")
        cells.append(f"{rates['faiss']['median']:>6,.0f}")
        span = f"({ratio['minimum']:.2f}-{ratio['maximum']:.2f})"
        cells.append(f"{ratio['median']:>6.2f}x {span:<13}")
    cells.append(f"{row['memory_bytes']['bitindex'] / 1e6:>6.1f}")
    cells.append(f"{row['memory_bytes']['faiss'] / 1e6:>6.1f}")
    print("  ".join(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=positive, default=200_000, metavar="N")
    parser.add_argument("--queries", type=positive, default=128, metavar="N")
    parser.add_argument("--bits", type=positive, nargs="+", default=N_BITS, metavar="N")
    parser.add_argument("--turns", type=positive, default=7, metavar="N")
    arguments = parser.parse_args()
    if any(n_bits % 8 for n_bits in arguments.bits):
        parser.error("faiss needs widths that are multiples of 8")
    if faiss is None:
        print('search_flat: skipped, it needs faiss: pip install "bitindex[bench]"')
        return

    print("million codes a second, in batches and for one query at a time; times faiss; MB held")
    print(
        " bits  threads   bitindex   faiss            times faiss"
        "   bitindex   faiss            times faiss     ours   faiss"
    )
    results = []
    for n_bits in arguments.bits:
        pair = Pair(n_bits, arguments.codes, arguments.queries)
        for threads in sorted({1, bi.get_num_threads()}):
            results.append(measure(pair, threads, arguments.turns))
            print_row(results[-1])
    path = write_results(
        "search_flat", vars(arguments) | {"k": K}, results, faiss=faiss.__version__
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
