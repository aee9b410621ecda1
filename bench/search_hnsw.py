"""HNSWIndex against faiss IndexBinaryHNSW and usearch: queries a second at equal recall, the time
to build, and bytes a vector.

All have the same rows and the same numbers of links and of candidates while they build. Rows are
embeddings of a file as bits, each many times with some bits flipped, or random codes about centers
that lie about fewer centers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import add_turns, peer, positive, thread_counts, versions, write_results
from curves import Searcher, at_equal_recall, curves, draw

import bitindex as bi

faiss: Any = peer("faiss", "faiss-cpu")
usearch: Any = peer("usearch.index", "usearch")

Codes = npt.NDArray[np.uint8]
Distances = npt.NDArray[Any]

K = 10
M = 16
EF_CONSTRUCTION = 64
TARGETS = (0.9, 0.95, 0.99)
EFFORTS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


def flipped(rng: np.random.Generator, codes: Codes, share: float) -> Codes:
    """Return copies with this share of the bits flipped at random."""
    result = np.empty_like(codes)
    for first in range(0, len(codes), 100_000):
        part = codes[first : first + 100_000]
        flips = rng.random((len(part), 8 * part.shape[1]), dtype=np.float32) < share
        result[first : first + 100_000] = part ^ np.packbits(flips, axis=1)
    return result


def draw_codes(embeddings: Path | None, n_codes: int, n_bits: int) -> Codes:
    rng = np.random.default_rng(0)
    if embeddings is not None:
        rows = np.load(embeddings).astype(np.float32)
        base = bi.LSHBinarizer(n_bits, random_state=0).fit(rows).encode(rows).packed
        return flipped(rng, base[rng.integers(0, len(base), n_codes)], 0.04)
    centers = rng.integers(0, 256, (max(4, n_codes // 10_000), n_bits // 8), dtype=np.uint8)
    for n_each in (100, 10):
        centers = flipped(rng, np.repeat(centers, n_each, axis=0), 0.15)
    return flipped(rng, centers[rng.integers(0, len(centers), n_codes)], 0.1)


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def ours(codes: Codes, queries: Codes, threads: int) -> Searcher:
    bi.set_num_threads(threads)
    index = bi.HNSWIndex(8 * codes.shape[1], m=M, ef_construction=EF_CONSTRUCTION)
    facts = {"seconds": seconds(lambda: index.add(codes))}
    facts["bytes_per_vector"] = index._core.memory_bytes() / len(codes)
    return Searcher(lambda ef: index.search(queries, K, threads=threads, ef=ef)[0], EFFORTS, facts)


def by_faiss(codes: Codes, queries: Codes, threads: int) -> Searcher:
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexBinaryHNSW(8 * codes.shape[1], M)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    facts = {"seconds": seconds(lambda: index.add(codes))}
    facts["bytes_per_vector"] = len(faiss.serialize_index_binary(index)) / len(codes)

    def search(ef: int) -> Distances:
        index.hnsw.efSearch = ef
        distances: Distances = index.search(queries, K)[0]
        return distances

    return Searcher(search, EFFORTS, facts)


def by_usearch(codes: Codes, queries: Codes, threads: int) -> Searcher:
    index = usearch.Index(
        ndim=8 * codes.shape[1],
        dtype="b1",
        metric="hamming",
        connectivity=M,
        expansion_add=EF_CONSTRUCTION,
    )
    ids = np.arange(len(codes))
    facts = {"seconds": seconds(lambda: index.add(ids, codes, threads=threads))}
    facts["bytes_per_vector"] = index.memory_usage / len(codes)

    def search(ef: int) -> Distances:
        index.expansion_search = ef
        distances: Distances = index.search(queries, K, threads=threads).distances
        return distances

    return Searcher(search, EFFORTS, facts)


def searchers(codes: Codes, queries: Codes, threads: int) -> dict[str, Searcher]:
    makers = {"bitindex HNSWIndex": ours}
    if faiss is not None:
        makers["faiss IndexBinaryHNSW"] = by_faiss
    if usearch is not None:
        makers["usearch b1"] = by_usearch
    found = {}
    for name, make in makers.items():
        found[name] = make(codes, queries, threads)
        facts = found[name].facts
        print(
            f"{name}: built in {facts['seconds']:.1f} s, {facts['bytes_per_vector']:.0f} bytes a "
            "vector",
            flush=True,
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=positive, default=1_000_000, metavar="N")
    parser.add_argument("--bits", type=positive, default=256, metavar="N")
    parser.add_argument("--queries", type=positive, default=1000, metavar="N")
    parser.add_argument("--embeddings", type=Path, metavar="FILE.npy")
    parser.add_argument("--threads", type=positive, nargs="+", default=thread_counts())
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    add_turns(parser)
    arguments = parser.parse_args()
    n_codes = arguments.codes
    drawn = draw_codes(arguments.embeddings, n_codes + arguments.queries, arguments.bits)
    codes, queries = drawn[:n_codes], drawn[n_codes:]
    exact = bi.FlatIndex(arguments.bits)
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
        title = f"{n_codes:,} codes of {arguments.bits} bits"
        draw(results[0]["points"], title, arguments.plot)
    given = {name: str(value) for name, value in vars(arguments).items()}
    peers = [name for name, module in (("faiss-cpu", faiss), ("usearch", usearch)) if module]
    settings = {"k": K, "m": M, "ef_construction": EF_CONSTRUCTION}
    path = write_results("search_hnsw", given | settings, results, **versions(*peers))
    print(f"written: {path}")


if __name__ == "__main__":
    main()
