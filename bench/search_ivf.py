"""IVFIndex against faiss IndexBinaryIVF: queries a second at equal recall, and the time to build.

Both have the same number of lists and the same rows: embeddings of a file as bits, each many times
with some bits flipped, or random codes in their place.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import peer, versions, write_results
from curves import Codes, Searcher, add_arguments, contests, seconds_of

import bitindex as bi

faiss: Any = peer("faiss", "faiss-cpu")

N_BITS = 256
K = 10
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


def searchers(codes: Codes, queries: Codes, threads: int) -> dict[str, Searcher]:
    """Build both indexes with as many threads as will search."""
    bi.set_num_threads(threads)
    index = bi.IVFIndex(N_BITS)
    built = seconds_of(lambda: index.add(codes))
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
        trained = seconds_of(lambda: other.train(sample))
        added = seconds_of(lambda: other.add(codes))
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
    add_arguments(parser, n_queries=10_000)
    arguments = parser.parse_args()
    base = centers(arguments.embeddings, arguments.codes)
    codes = perturbed(np.random.default_rng(1), base, arguments.codes)
    queries = perturbed(np.random.default_rng(2), base, arguments.queries)
    results = contests(arguments, codes, queries, K, searchers)
    given = {name: str(value) for name, value in vars(arguments).items()}
    path = write_results(
        "search_ivf", given | {"k": K}, results, **versions(*(["faiss-cpu"] if faiss else []))
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
