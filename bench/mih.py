"""How fast are near codes found through tables of substrings, beside a scan and faiss's MultiHash?

faiss's hash finds what differs from the query by at most `nflip` bits in one of its substrings, so
it misses neighbours: it is asked with the `nflip` of its best recall, and with one less.
"""

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from common import (
    Columns,
    Contestant,
    add_turns,
    check_equal,
    peer,
    positive,
    quotient,
    rates_in_turns,
    ratio_text,
    spread,
    thread_counts,
    versions,
    write_results,
)

import bitindex as bi

Packed = npt.NDArray[np.uint8]
# Arrays of distances, one for each query.
Found = list[npt.NDArray[np.int32]]
Search = Callable[[Packed], Found]

CLUSTER = 20  # codes that are near each other
SPREAD = 3  # bits that differ from the middle of a cluster
ASKED = 2  # bits that differ between a query and a code
BATCH = 256
N_ALONE = 32
MAX_FLIPS = 3
N_COUNTS = 1025  # distances from 0 to the most bits

faiss = peer("faiss", "faiss-cpu")


def flip(rng: np.random.Generator, codes: Packed, n_flips: int) -> Packed:
    """Return the codes with so many bits flipped, or fewer where one is drawn twice."""
    flipped, rows = codes.copy(), np.arange(len(codes))
    for _ in range(n_flips):
        bits = rng.integers(0, 8 * codes.shape[1], len(codes))
        flipped[rows, bits // 8] ^= (1 << (bits % 8)).astype(np.uint8)
    return flipped


def clusters(rng: np.random.Generator, n: int, n_bits: int) -> Packed:
    middles = rng.integers(0, 256, (n // CLUSTER, n_bits // 8), dtype=np.uint8)
    return rng.permutation(flip(rng, np.repeat(middles, CLUSTER, axis=0), SPREAD))


def simhash(path: Path, n_bits: int) -> Packed:
    """Return a code for each line of a gzipped text: signs of sums over its runs of three letters.

    Source: Charikar, "Similarity estimation techniques from rounding algorithms", 2002.
    """
    signs: dict[str, npt.NDArray[np.int8]] = {}

    def sign(run: str) -> npt.NDArray[np.int8]:
        if run not in signs:
            rng = np.random.default_rng(crc32(run.encode()))
            signs[run] = rng.integers(0, 2, n_bits, dtype=np.int8) * 2 - 1
        return signs[run]

    def codes() -> Iterator[npt.NDArray[np.bool_]]:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                text = " ".join(line.lower().split())
                runs = [text[i : i + 3] for i in range(max(1, len(text) - 2))]
                yield sum(sign(run).astype(np.int32) for run in runs) > 0

    return np.packbits(np.array(list(codes())), axis=1)


class Searches:
    """One search by all contestants; each returns the distances that it finds."""

    def __init__(self, codes: Packed) -> None:
        n_bits = 8 * codes.shape[1]
        self.tables, self.flat = bi.MIHIndex(n_bits), bi.FlatIndex(n_bits)
        for index in (self.tables, self.flat):
            index.add(codes)
        if faiss is not None:
            n_hashes = max(1, round(n_bits / np.log2(len(codes))))
            self.hash = faiss.IndexBinaryMultiHash(n_bits, n_hashes, n_bits // n_hashes)
            self.hash.add(codes)

    def ours(self, index: bi.MIHIndex | bi.FlatIndex, search: str, size: int) -> Search:
        threads = bi.get_num_threads()
        if search == "nearest":
            return lambda queries: list(index.search(queries, size, threads=threads)[0])

        def within(queries: Packed) -> Found:
            lims, distances, _ = index.range_search(queries, size, threads=threads)
            return np.split(distances, lims[1:-1])

        return within

    def by_faiss(self, search: str, size: int, n_flips: int) -> Search:
        def find(queries: Packed) -> Found:
            self.hash.nflip = n_flips
            if search == "nearest":
                return list(self.hash.search(queries, size)[0])
            # faiss finds what is nearer than its radius.
            lims, distances, _ = self.hash.range_search(queries, size + 1)
            return np.split(distances, lims[1:-1].astype(np.int64))

        return find


def one_by_one(find: Search, queries: Packed) -> Found:
    return [find(query)[0] for query in queries[:, np.newaxis]]


def every_query(find: Search, queries: Packed) -> Found:
    return find(queries)


def recall(found: Found, exact: Found) -> float:
    """Return the share of the exact results that were found, by their distances."""

    def counts(distances: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        farthest = np.iinfo(np.int32).max  # of a result that is missing
        return np.bincount(distances[distances < farthest].astype(np.int64), minlength=N_COUNTS)

    n_right = sum(
        int(np.minimum(counts(a), counts(b)).sum()) for a, b in zip(found, exact, strict=True)
    )
    return n_right / max(1, sum(len(distances) for distances in exact))


def hashes_of(
    searches: Searches, search: str, size: int, queries: Packed, exact: Found
) -> dict[str, Any]:
    """Return faiss's searches by name with their recall: the best one, and the one before it."""
    if faiss is None:
        return {}
    finds = [searches.by_faiss(search, size, n) for n in range(MAX_FLIPS + 1)]
    recalls = [recall(find(queries), exact) for find in finds]
    best = int(np.argmax(recalls))
    return {f"faiss, nflip={n}": (finds[n], recalls[n]) for n in range(max(0, best - 1), best + 1)}


def measure(
    searches: Searches, search: str, size: int, mode: str, queries: Packed, n_turns: int
) -> dict[str, Any]:
    tables = searches.ours(searches.tables, search, size)
    scan = searches.ours(searches.flat, search, size)
    if mode == "alone":
        queries = queries[:N_ALONE]
    exact = scan(queries)
    for mine, other in zip(tables(queries), exact, strict=True):
        check_equal("mih", f"{search} {size}", mine, other)
    hashes = hashes_of(searches, search, size, queries, exact)
    contestants: dict[str, Contestant] = {}
    finds = {"tables": tables, "scan": scan} | {name: h[0] for name, h in hashes.items()}
    for name, find in finds.items():
        ask = one_by_one if mode == "alone" else every_query
        contestants[name] = partial(ask, find, queries), len(queries)
    rates = rates_in_turns(contestants, n_turns)
    return {
        "search": search,
        "size": size,
        "mode": mode,
        "threads": bi.get_num_threads(),
        "n_found": float(np.mean([len(distances) for distances in exact])),
        "rates": {name: spread(runs) for name, runs in rates.items()},
        "ratios": {name: quotient(rates, "tables", name) for name in rates if name != "tables"},
        "recalls": {name: h[1] for name, h in hashes.items()},
    }


def measure_set(name: str, codes: Packed, queries: Packed, n_turns: int) -> list[dict[str, Any]]:
    searches = Searches(codes)
    n_bytes = searches.tables._core.memory_bytes() / len(codes)
    n_bits = 8 * codes.shape[1]
    print(f"\n{len(codes):,} codes of {n_bits} bits, {name}: {n_bytes:.0f} bytes a row in tables")
    columns = Columns(
        *("  search", "queries", "threads", "  found", "queries/s", "      times scan"),
        "            times faiss at its best (recall)",
    )
    results = []
    for threads in thread_counts():
        bi.set_num_threads(threads)
        if faiss is not None:
            faiss.omp_set_num_threads(threads)
        for search, size in (("nearest", 1), ("nearest", 10), ("within", 2), ("within", 6)):
            for mode in ("batch", "alone"):
                row = measure(searches, search, size, mode, queries, n_turns)
                results.append({"set": name, "codes": len(codes), "bits": n_bits, **row})
                best = max(row["recalls"], key=lambda n: row["recalls"][n], default=None)
                columns.row(
                    f"{'k =' if search == 'nearest' else 'r ='} {size}",
                    len(queries) if mode == "batch" else 1,
                    threads,
                    f"{row['n_found']:,.1f}",
                    f"{row['rates']['tables']['median']:,.0f}",
                    ratio_text(row["ratios"]["scan"]),
                    ""
                    if best is None
                    else f"{ratio_text(row['ratios'][best])} ({row['recalls'][best]:.3f})",
                )
    bi.set_num_threads(None)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=positive, nargs="+", default=[1_000_000], metavar="N")
    parser.add_argument("--bits", type=positive, nargs="+", default=[64, 128], metavar="N")
    parser.add_argument(
        "--texts", type=Path, metavar="FILE.gz", help="texts, one a line, for SimHash codes"
    )
    add_turns(parser)
    arguments = parser.parse_args()
    results = []
    for n_bits in arguments.bits:
        rng = np.random.default_rng(n_bits)
        for n in arguments.codes:
            codes = clusters(rng, n, n_bits)
            queries = flip(rng, codes[rng.integers(0, len(codes), BATCH)], ASKED)
            results += measure_set("clusters", codes, queries, arguments.turns)
        if arguments.texts is not None:
            codes = rng.permutation(simhash(arguments.texts, n_bits))
            results += measure_set("SimHash", codes[BATCH:], codes[:BATCH], arguments.turns)
    path = write_results(
        "mih",
        {"cluster": CLUSTER, "spread": SPREAD, "asked": ASKED, "turns": arguments.turns},
        results,
        **versions(*(["faiss-cpu"] if faiss is not None else [])),
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
