"""Does one query over codes beyond the caches run at the speed of memory, linearly in the codes?"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

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
    random_codes,
    rates_in_turns,
    ratio_text,
    spread,
    thread_counts,
    versions,
    write_results,
)

import bitindex as bi

N_BITS = (256, 1024)
K = 10
# Sums, maxima and bits of all words: NumPy's loops over them do next to nothing for each byte.
READERS: dict[str, Callable[..., object]] = {
    "bitwise_or of uint64": lambda x: np.bitwise_or.reduce(x.view(np.uint64)),
    "bitwise_xor of uint64": lambda x: np.bitwise_xor.reduce(x.view(np.uint64)),
    "add of uint64": lambda x: np.add.reduce(x.view(np.uint64)),
    "maximum of int32": lambda x: np.maximum.reduce(x.view(np.int32)),
    "maximum of uint8": lambda x: np.maximum.reduce(x.view(np.uint8)),
}
CACHED_BYTES = 256 << 10  # of each thread, to tell what a reader does where memory is no limit

faiss = peer("faiss", "faiss-cpu")


@contextmanager
def reading(
    codes: npt.NDArray[np.uint8], threads: int
) -> Iterator[tuple[str, Callable[[], object], float]]:
    """Yield the fastest reader of all of codes with so many threads, and its rate in a cache.

    Its rate over all codes is the limit that is set by memory if that in a cache is higher.
    """
    parts = np.array_split(codes.reshape(-1).view(np.uint64), threads)
    with ThreadPoolExecutor(threads) as pool:

        def read_with(reader: Callable[..., object]) -> Callable[[], object]:
            return lambda: list(pool.map(reader, parts))

        seconds = {
            name: min(_seconds(read_with(reader)) for _ in range(3))
            for name, reader in READERS.items()
        }
        name = min(seconds, key=seconds.__getitem__)
        cached = parts[0][: CACHED_BYTES // 8]
        fastest = min(_seconds(lambda: READERS[name](cached)) for _ in range(100))
        yield name, read_with(READERS[name]), threads * cached.nbytes / fastest / 1e9


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure_reading(n_bits: int, n_codes: int, n_turns: int) -> Iterator[dict[str, Any]]:
    """Time one query beside the reader and faiss; rates are GB of codes a second."""
    rng = np.random.default_rng(n_bits)
    codes = np.concatenate(list(random_codes(rng, n_codes, n_bits)))
    (query,) = random_codes(rng, 1, n_bits)
    index = bi.FlatIndex(n_bits)
    index.add(codes)
    if faiss is not None:
        flat = faiss.IndexBinaryFlat(n_bits)
        flat.add(codes)
    work = codes.nbytes / 1e9
    for threads in thread_counts():
        contestants: dict[str, Contestant] = {
            "bitindex": (partial(index.search, query, K, threads=threads), work)
        }
        if faiss is not None:
            # faiss answers one query with one thread; more of them only wait at barriers.
            faiss.omp_set_num_threads(1)
            contestants["faiss"] = partial(flat.search, query, K), work
            ours = index.search(query, K, threads=threads)
            check_equal("search_memory", f"faiss, {n_bits} bits", ours[0], flat.search(query, K)[0])
        with reading(codes, threads) as (reader, read, cached):
            contestants["read"] = read, work
            rates = rates_in_turns(contestants, n_turns)
        yield {
            "n_bits": n_bits,
            "codes": n_codes,
            "threads": threads,
            "reader": reader,
            "reader_in_cache": cached,
            "rates": {name: spread(runs) for name, runs in rates.items()},
            "ratios": {n: quotient(rates, "bitindex", n) for n in rates if n != "bitindex"},
        }


def measure_growth(n_bits: int, n_few: int, n_many: int, n_turns: int) -> Iterator[dict[str, Any]]:
    """Time few and many codes; the ratio is the time a code among many over that among few."""
    rng = np.random.default_rng(n_bits)
    (query,) = random_codes(rng, 1, n_bits)
    few, many = bi.FlatIndex(n_bits), bi.FlatIndex(n_bits)
    nearest = np.empty(0, np.uint32)
    for codes in random_codes(rng, n_many, n_bits):
        many.add(codes)
        if len(few) < n_few:
            few.add(codes[: n_few - len(few)])
        distances = bi.popcount(codes ^ query)
        candidates = np.concatenate((nearest, np.partition(distances, K)[:K]))
        nearest = np.sort(candidates)[:K].astype(np.uint32)
    check_equal("search_memory", f"{n_many} codes", nearest, many.search(query, K)[0][0])
    for threads in thread_counts():
        contestants: dict[str, Contestant] = {
            name: (partial(index.search, query, K, threads=threads), len(index) / 1e6)
            for name, index in (("few", few), ("many", many))
        }
        rates = rates_in_turns(contestants, n_turns)
        yield {
            "n_bits": n_bits,
            "few": n_few,
            "many": n_many,
            "threads": threads,
            "rates": {name: spread(runs) for name, runs in rates.items()},
            "ratio": quotient(rates, "few", "many"),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=positive, default=320, metavar="N")
    parser.add_argument("--codes", type=positive, default=10_000_000, metavar="N")
    add_turns(parser)
    arguments = parser.parse_args()

    print("one query: GB of codes a second, and times what reads them and does nothing else")
    columns = Columns(
        *(" bits", "     codes", "threads", "bitindex"),
        *("      of reading", "     times faiss", "  read (in cache)", "with             "),
    )
    rows = []
    for n_bits in N_BITS:
        n_codes = arguments.megabytes * 8_000_000 // n_bits
        for row in measure_reading(n_bits, n_codes, arguments.turns):
            rates, ratios = row["rates"], row["ratios"]
            columns.row(
                *(n_bits, f"{n_codes:,}", row["threads"], f"{rates['bitindex']['median']:.1f}"),
                ratio_text(ratios["read"], 2),
                ratio_text(ratios["faiss"]) if "faiss" in ratios else "",
                f"{rates['read']['median']:.1f} ({row['reader_in_cache']:.0f})",
                row["reader"],
            )
            rows.append(row)

    print("\ntime a code among ten times as many codes of 64 bits, over that among fewer")
    columns = Columns("      few", "       many", "threads", "M codes/s", f"{'ratio':>18}")
    growth = []
    for row in measure_growth(64, arguments.codes, 10 * arguments.codes, arguments.turns):
        columns.row(
            *(f"{row['few']:,}", f"{row['many']:,}", row["threads"]),
            f"{row['rates']['many']['median']:,.0f}",
            ratio_text(row["ratio"], 2),
        )
        growth.append(row)
    installed = versions("faiss-cpu") if faiss else {}
    path = write_results(
        "search_memory", vars(arguments) | {"k": K}, {"rows": rows, "growth": growth}, **installed
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
