"""What do many results, filters and a radius cost, beside the ten nearest of all codes?"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
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

N_BITS = 256
K = 10
MANY = 1000
WITHIN = 100  # results within the radius, of the first query
BATCH = 128
N_SINGLE = 8
SHARES = (0.01, 0.5)
PLAIN = f"k = {K}"

faiss = peer("faiss", "faiss-cpu")

Search = Callable[[Any], Any]  # of queries


class Shapes:
    """One index and the ways to search it; faiss beside it where it can filter."""

    def __init__(self, n_codes: int) -> None:
        rng = np.random.default_rng(0)
        (codes,) = random_codes(rng, n_codes, N_BITS, chunk=n_codes)
        (self.queries,) = random_codes(rng, BATCH, N_BITS)
        self.index = bi.FlatIndex(N_BITS)
        self.index.add(codes)
        self.radius = int(self.index.search(self.queries[:1], WITHIN)[0][0, -1])
        self.filters: dict[str, Any] = {}
        self.selectors: dict[str, Any] = {}
        for share in SHARES:
            n_allowed = max(K, int(share * n_codes))
            ids = rng.permutation(n_codes)[:n_allowed]
            mask = np.zeros(n_codes, bool)
            mask[ids] = True
            first = (n_codes - n_allowed) // 2
            self.filters[f"ids, {share:.0%}"] = ids
            self.filters[f"mask, {share:.0%}"] = mask
            self.filters[f"range, {share:.0%}"] = range(first, first + n_allowed)
            if faiss is not None:
                bits = np.packbits(mask, bitorder="little")
                self.selectors[f"mask, {share:.0%}"] = faiss.IDSelectorBitmap(bits)
        if faiss is not None:
            self.flat = faiss.IndexBinaryFlat(N_BITS)
            self.flat.add(codes)

    def ours(self, threads: int) -> dict[str, Search]:
        index = self.index
        searches: dict[str, Search] = {
            PLAIN: partial(index.search, k=K, threads=threads),
            f"k = {MANY:,}": partial(index.search, k=MANY, threads=threads),
            "radius": partial(index.range_search, radius=self.radius, threads=threads),
        }
        for name, allowed in self.filters.items():
            searches[name] = partial(index.search, k=K, filter=allowed, threads=threads)
        return searches

    def theirs(self) -> dict[str, Search]:
        """Return what faiss can do; its selectors are made beforehand, ours with every search."""
        if faiss is None:
            return {}
        searches: dict[str, Search] = {
            PLAIN: partial(self.flat.search, k=K),
            f"k = {MANY:,}": partial(self.flat.search, k=MANY),
        }
        for name, selector in self.selectors.items():
            parameters = faiss.SearchParameters(sel=selector)
            searches[name] = partial(self.flat.search, k=K, params=parameters)
        return searches

    def check(self) -> None:
        """Compare with faiss, and what faiss cannot do with a search that has been compared."""
        ours, queries = self.ours(threads=1), self.queries[:N_SINGLE]

        def check(name: str, expected: Any) -> None:
            check_equal("search_shapes", name, expected, ours[name](queries)[0])

        for name, search in self.theirs().items():
            check(name, search(queries)[0])
        for share in SHARES:
            check(f"ids, {share:.0%}", ours[f"mask, {share:.0%}"](queries)[0])
            ids = np.array(self.filters[f"range, {share:.0%}"])
            check(f"range, {share:.0%}", self.index.search(queries, K, filter=ids)[0])
        nearest = self.index.search(queries, MANY)[0]
        lims, distances, _ = ours["radius"](queries)
        for near, within in zip(nearest, np.split(distances, lims[1:-1]), strict=True):
            check_equal("search_shapes", "radius", near[near <= self.radius], within[:MANY])


def measure(shapes: Shapes, mode: str, threads: int, n_turns: int) -> list[dict[str, Any]]:
    """Time everything in the same turns; costs are times over that of the ten nearest of all."""
    single = list(shapes.queries[:N_SINGLE, np.newaxis])
    groups = [shapes.queries] if mode == "batch" else single

    def all_groups(search: Search) -> Contestant:
        return (lambda: [search(queries) for queries in groups]), sum(map(len, groups))

    if faiss is not None:
        faiss.omp_set_num_threads(threads if mode == "batch" else 1)
    ours = shapes.ours(threads)
    contestants = {name: all_groups(search) for name, search in ours.items()}
    for name, search in shapes.theirs().items():
        contestants[f"faiss {name}"] = all_groups(search)
    rates = rates_in_turns(contestants, n_turns)
    rows = []
    for name in ours:
        row = {
            "search": name,
            "mode": mode,
            "threads": threads,
            "rate": spread(rates[name]),
            "cost": quotient(rates, PLAIN, name),
        }
        if f"faiss {name}" in rates:
            row["ratio"] = quotient(rates, name, f"faiss {name}")
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=positive, default=1_000_000, metavar="N")
    add_turns(parser)
    arguments = parser.parse_args()
    if arguments.codes < MANY:
        parser.error(f"--codes must be at least {MANY}")
    shapes = Shapes(arguments.codes)
    shapes.check()

    print(f"{arguments.codes:,} codes of {N_BITS} bits: time over that of {PLAIN}, and times faiss")
    columns = Columns(
        *("search    ", "queries", "threads", "queries/s"),
        *(f"{header:>20}" for header in ("cost", "times faiss")),
    )
    results = []
    for mode in ("batch", "single"):
        for threads in thread_counts():
            for row in measure(shapes, mode, threads, arguments.turns):
                columns.row(
                    *(row["search"], BATCH if mode == "batch" else 1, threads),
                    f"{row['rate']['median']:,.0f}",
                    ratio_text(row["cost"], 2),
                    ratio_text(row["ratio"], 1) if "ratio" in row else "",
                )
                results.append(row)
    path = write_results(
        "search_shapes",
        vars(arguments) | {"n_bits": N_BITS, "k": K, "radius": shapes.radius, "batch": BATCH},
        results,
        **(versions("faiss-cpu") if faiss else {}),
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
