"""HNSWIndex against faiss IndexBinaryHNSW and usearch: queries a second at equal recall, the time
to build, and bytes a vector.

All have the same rows and the same numbers of links and of candidates while they build. Rows are
embeddings of a file as bits, each many times with some bits flipped, or random codes about centers
that lie about fewer centers.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from common import peer, positive, versions, write_results
from curves import Codes, Distances, Searcher, add_arguments, contests, seconds_of

import bitindex as bi

faiss: Any = peer("faiss", "faiss-cpu")
usearch: Any = peer("usearch.index", "usearch")

K = 10
M = 16
EF_CONSTRUCTION = 64
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


def ours(codes: Codes, queries: Codes, threads: int) -> Searcher:
    bi.set_num_threads(threads)
    index = bi.HNSWIndex(8 * codes.shape[1], m=M, ef_construction=EF_CONSTRUCTION)
    facts = {"seconds": seconds_of(lambda: index.add(codes))}
    facts["bytes_per_vector"] = index._core.memory_bytes() / len(codes)
    return Searcher(lambda ef: index.search(queries, K, threads=threads, ef=ef)[0], EFFORTS, facts)


def by_faiss(codes: Codes, queries: Codes, threads: int) -> Searcher:
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexBinaryHNSW(8 * codes.shape[1], M)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    facts = {"seconds": seconds_of(lambda: index.add(codes))}
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
    facts = {"seconds": seconds_of(lambda: index.add(ids, codes, threads=threads))}
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
    parser.add_argument("--bits", type=positive, default=256, metavar="N")
    add_arguments(parser, n_queries=1000)
    arguments = parser.parse_args()
    n_codes = arguments.codes
    drawn = draw_codes(arguments.embeddings, n_codes + arguments.queries, arguments.bits)
    results = contests(arguments, drawn[:n_codes], drawn[n_codes:], K, searchers)
    given = {name: str(value) for name, value in vars(arguments).items()}
    peers = [name for name, module in (("faiss-cpu", faiss), ("usearch", usearch)) if module]
    settings = {"k": K, "m": M, "ef_construction": EF_CONSTRUCTION}
    path = write_results("search_hnsw", given | settings, results, **versions(*peers))
    print(f"written: {path}")


if __name__ == "__main__":
    main()
