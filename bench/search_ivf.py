"""IVFIndex against faiss IndexBinaryIVF: queries a second at equal recall, and the time to build.

Both have the same number of lists and the same rows: embeddings of a file as bits, each many times
with some bits flipped, or random codes in their place.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import add_turns, peer, positive, thread_counts, versions, write_results
from curves import Searcher, at_equal_recall, curves, draw

import bitindex as bi

faiss: Any = peer("faiss", "faiss-cpu")

Codes = npt.NDArray[np.uint8]

N_BITS = 256
K = 10
TARGETS = (0.9, 0.95, 0.99)
PROBES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


def centers(embeddings: Path | None, n_codes: int) -> Codes:
    """Return the signs of 256 random directions of embeddings, or random codes."""
    rng = np.random.default_rng(0)
    if embeddings is None:
        return rng.integers(0, 256, (max(1, n_codes // 100), N_BITS // 8), dtype=np.uint8)
    rows = np.load(embeddings).astype(np.float32)
    return bi.LSHBinarizer(N_BITS, random_state=0).fit(rows).encode(rows).packed


def perturbed(rng: np.random.Generator, base: Codes, n_codes: int) -> Codes:
    """Return codes of the base at random, with one bit in eight flipped."""
    codes = np.empty((n_codes, base.shape[1]), np.uint8)
    for first in range(0, n_codes, 200_000):
        part = codes[first : first + 200_000]
        part[:] = base[rng.integers(len(base), size=len(part))]
        part ^= np.bitwise_and.reduce(rng.integers(0, 256, (3, *part.shape), dtype=np.uint8))
    return codes


def seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def searchers(codes: Codes, queries: Codes, threads: int) -> dict[str, Searcher]:
    """Build both indexes with as many threads as will search."""
    bi.set_num_threads(threads)
    index = bi.IVFIndex(N_BITS)
    built = seconds(lambda: index.add(codes))
    print(f"bitindex: built in {built:.1f} s, {index.n_lists} lists, nprobe {index.nprobe}")
    found = {
        "bitindex IVFIndex": Searcher(
            lambda nprobe: index.search(queries, K, nprobe=nprobe)[0],
            PROBES,
            {"seconds": built, "n_lists": index.n_lists, "nprobe": index.nprobe},
        )
    }
    if faiss is not None:
        faiss.omp_set_num_threads(threads)
        quantizer = faiss.IndexBinaryFlat(N_BITS)  # which must outlive the index
        other = faiss.IndexBinaryIVF(quantizer, N_BITS, index.n_lists)
        sample = codes[: 256 * index.n_lists]  # the most that it uses
        trained = seconds(lambda: other.train(sample))
        added = seconds(lambda: other.add(codes))
        print(f"faiss: trained in {trained:.1f} s, added in {added:.1f} s")

        def search(nprobe: int) -> npt.NDArray[np.int32]:
            other.nprobe = nprobe
            distances: npt.NDArray[np.int32] = other.search(queries, K)[0]
            return distances

        facts = {"seconds": trained + added, "quantizer": type(quantizer).__name__}
        found["faiss IndexBinaryIVF"] = Searcher(search, PROBES, facts)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--queries", type=positive, default=10_000, metavar="N")
    parser.add_argument("--embeddings", type=Path, metavar="FILE.npy")
    parser.add_argument("--threads", type=positive, nargs="+", default=thread_counts())
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    add_turns(parser)
    arguments = parser.parse_args()
    base = centers(arguments.embeddings, arguments.codes)
    codes = perturbed(np.random.default_rng(1), base, arguments.codes)
    queries = perturbed(np.random.default_rng(2), base, arguments.queries)
    exact = bi.FlatIndex(N_BITS)
    exact.add(codes)
    nearest = exact.search(queries, K)[0]
    del exact

    results = []
    for threads in arguments.threads:
        print(f"{threads} threads")
        contest = searchers(codes, queries, threads)
        points = curves(contest, nearest, arguments.turns)
        equal = at_equal_recall(contest, points, TARGETS, arguments.turns)
        facts = {name: searcher.facts for name, searcher in contest.items()}
        results.append({"threads": threads, "facts": facts, "points": points, "equal": equal})
    if arguments.plot is not None:
        draw(results[0]["points"], f"{arguments.codes:,} codes of {N_BITS} bits", arguments.plot)
    given = {name: str(value) for name, value in vars(arguments).items()}
    path = write_results(
        "search_ivf", given | {"k": K}, results, **versions(*(["faiss-cpu"] if faiss else []))
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
